"""Following a table beside prep and eval of it: rows a second, memory, and the work for a row that comes alone.

    python tests/benchmarks/follow_series.py [--quick] [--rows N] [--json FILE]

Waves with noise, 5 variables, a sample a second; `sub_pca` with windows of 32 samples is trained on 5,000 of them. A
table of N more (default 100,000) is there from the start, and is followed to its end; prep and eval take the same one.
Times are of the whole program with its start, the best of three; memory is the peak of its main process. Following a
tenth of the table tells whether memory grows. Then rows are appended one by one to a table that is followed in this
process: how long from a row to the score that it completes. Machines differ: ratios count. With --quick all is done
once, in one process, and its memory means nothing.

--json keys: rows, follow_s, eval_s, follow_over_eval_speed (above 1: following is faster), follow_rows_per_s,
follow_mib, eval_mib, follow_over_eval_memory, follow_memory_growth (of ten times the rows), looks_ahead_samples,
row_median_ms, row_worst_ms, events_differ (events of one that the other has not).
"""

import json
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from parts.common import best_s, parsed, parser, program, quiet, write

QUIET_ROWS, ROWS, QUICK_ROWS, ALONE, QUICK_ALONE = 5_000, 100_000, 2_000, 300, 20
CADENCE_S, PLANTED = 1, 1_000  # a sample of one variable in so many is another


def table(n: int, first: int, planted: bool) -> pd.DataFrame:
    """Samples [first, first + n)."""
    random, i = np.random.default_rng(first), first + np.arange(n)
    values = {f"v{c}": np.sin(i / (5 + 3 * c)) + random.normal(0, 0.05, n) for c in range(5)}
    if planted:
        values["v2"] = values["v2"] + 3.0 * (i % PLANTED == PLANTED // 2)
    return pd.DataFrame({"time": (np.datetime64("2026-01-01", "s") + CADENCE_S * i).astype(str)} | values)


def write_settings(folder: Path) -> Path:
    plain = {
        "data_clips": str(folder / "reels"),
        "model_path": str(folder / "run"),
        "workers": 0,
        "device": "cpu",
        "prep": {"clip_length": 32, "stride": 4},
        "model": {"name": "sub_pca"},
        "eval": {"false_alarms_per_day": 20.0, "follow_memory_s": 0, "follow_idle_s": 0.01, "follow_poll_s": 0.01},
    }
    path = folder / "c.yaml"
    path.write_text(json.dumps(plain), encoding="utf-8")
    return path


def closed(folder: Path) -> set[str]:
    """Peaks of the events that were followed."""
    (log,) = folder.glob("run/follow/watched_*/events.jsonl")
    lines = (json.loads(line) for line in log.read_text(encoding="utf-8").splitlines())
    return {line["t_peak"] for line in lines if line["type"] == "closed"}


def measure(folder: Path, rows: int, is_quick: bool) -> dict[str, float]:
    own, repeat = not is_quick, 1 if is_quick else 3
    chosen, base = write_settings(folder), ["-c", folder / "c.yaml"]
    table(QUIET_ROWS, 0, planted=False).to_csv(folder / "quiet.csv", index=False)
    for name, n in (("watched", rows), ("tenth", rows // 10)):
        table(n, QUIET_ROWS, planted=True).to_csv(folder / f"{name}.csv", index=False)
    program("-m", "prep", *base, "--data-raw", folder / "quiet.csv", own_process=own)
    program("-m", "train", *base, own_process=own)
    (quiet_reel,) = (folder / "reels").glob("*/reel.json")
    offline = ["--data-clips", folder / "offline"]
    scaled = ["--set", f"prep.stretch_from={quiet_reel.parent}", "--data-raw", folder / "watched.csv"]

    def by_eval() -> float:
        program("-m", "prep", *base, *offline, *scaled, own_process=own)
        return program("-m", "eval", *base, *offline, own_process=own)[1]

    def by_follow(name: str = "watched") -> float:
        for state in folder.glob("run/follow/*/*"):
            state.unlink(missing_ok=True)
        return program("-m", "eval", *base, "--follow", folder / f"{name}.csv", own_process=own)[1]

    eval_s, eval_mib = best_s(by_eval, repeat)
    tenth_mib = by_follow("tenth")
    follow_s, follow_mib = best_s(by_follow, repeat)
    (made,) = (folder / "run" / "eval").iterdir()
    events = {event["t_peak"] for event in json.loads((made / "events.json").read_text(encoding="utf-8"))["events"]}
    (summary,) = (folder / "run").glob("follow/watched_*/summary.json")
    figures = {"rows": rows, "follow_s": follow_s, "eval_s": eval_s, "follow_over_eval_speed": eval_s / follow_s}
    figures |= {"follow_rows_per_s": json.loads(summary.read_text(encoding="utf-8"))["samples_per_s"]}
    figures |= {"follow_mib": follow_mib, "eval_mib": eval_mib, "follow_over_eval_memory": follow_mib / eval_mib}
    figures |= {"follow_memory_growth": follow_mib / tenth_mib, "events_differ": len(events ^ closed(folder))}
    return figures | one_by_one(folder, chosen, QUICK_ALONE if is_quick else ALONE)


def one_by_one(folder: Path, settings: Path, count: int) -> dict[str, float]:
    """Rows that come alone: from each to the score that it completes."""
    import config
    from tests.support.live_series import live_parts

    path = folder / "grows.csv"
    lines = table(count + 200, QUIET_ROWS, planted=True).to_csv(index=False).splitlines(keepends=True)
    path.write_text("".join(lines[:201]), encoding="utf-8")
    with quiet():
        rows, scores = live_parts(config.load(settings), path)
    took = []
    for line in lines[200:]:
        begun = time.perf_counter()
        if (part := rows.source.poll()) is not None:
            rows.take(part)
        found = list(scores.new(time.monotonic()))
        took.append((time.perf_counter() - begun, sum(len(one.scores) for one in found)))
        with path.open("a", encoding="utf-8") as stream:
            stream.write(line)
    rows.source.close()
    alone = np.array([s for s, scored in took[1:] if scored == 1])
    ahead = {"looks_ahead_samples": scores.looks_ahead}
    return ahead | {"row_median_ms": 1000 * float(np.median(alone)), "row_worst_ms": 1000 * float(alone.max())}


def main() -> None:
    made = parser(__doc__, f"{QUICK_ROWS} rows, once, in one process")
    made.add_argument("--rows", type=int, default=ROWS, help="rows of the table that is followed")
    options = parsed(made)
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder), QUICK_ROWS if options.quick else options.rows, options.quick)
    print(
        f"{figures['rows']} rows: followed in {figures['follow_s']:.1f} s, prep and eval {figures['eval_s']:.1f} s "
        f"({figures['follow_over_eval_speed']:.2f} times as fast), {figures['follow_mib']:.0f} MiB beside "
        f"{figures['eval_mib']:.0f} ({figures['follow_over_eval_memory']:.2f}); ten times the rows take "
        f"{figures['follow_memory_growth']:.2f} times the memory"
    )
    print(f"a row alone: {figures['row_median_ms']:.1f} ms, at worst {figures['row_worst_ms']:.1f} ms")
    write(figures, options.json)


if __name__ == "__main__":
    main()
