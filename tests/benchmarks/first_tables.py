"""What someone with a first table gets, in three ways: series of twelve kinds, three faults each, recipes as they are.

    python tests/benchmarks/first_tables.py [--tuned | --fresh | --fast | --bursty | --sites] [--ways one] [--only KIND]
        [--seeds 0,1] [--no-review] [--quick]

The second half of each series has the faults. `two` reviews the first half, trains on it and evaluates the second, by
demo/series.yaml (--no-review: trains on all that prep wrote); `one` does both on the second half, as who knows nothing
of it does; `zero` evaluates it by demo/zero_shot.yaml. A fault is found where an event lies in it or 32 samples beside
it; all other events are false, one a day is promised. The kinds were written for this, and no constant of the program
was chosen on them; --tuned takes ten others, on which constants are chosen; --fresh takes twelve that were written
afterwards; --fast six of seconds, at 0.1 to 10 ms; --bursty six that come in bursts, --sites six of machines and places
with several sensors, on both of which none is chosen. Of the six of either form on which some are, name them: --only
traffic requests errors waits rings backups, --only hydro elevator glasshouse turbine heart junction.

--json keys: <way>_found (share of the faults), <way>_false_per_promised, <way>_start_off (samples by which the first
event of a fault begins early or late, the median of those found).
"""

import tempfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from parts.common import parsed, parser, write
from parts.series_kinds import KINDS, Kind, spoilt
from parts.series_kinds_bursty import BURSTY_KINDS, BURSTY_TUNED_KINDS
from parts.series_kinds_fast import FAST_KINDS
from parts.series_kinds_fresh import FRESH_KINDS
from parts.series_kinds_sites import SITES_KINDS, SITES_TUNED_KINDS
from parts.series_kinds_tuned import TUNED_KINDS
from parts.through import promised, through, touching

NEAR, QUICK_SAMPLES, QUICK_KINDS = 32, 1000, ("latency", "plant")
START = pd.Timestamp("2025-03-03")
OTHERS = {"tuned": TUNED_KINDS, "fresh": FRESH_KINDS, "fast": FAST_KINDS, "bursty": BURSTY_KINDS, "sites": SITES_KINDS}
BESIDE = BURSTY_TUNED_KINDS | SITES_TUNED_KINDS  # of kinds on which something is chosen
ALL_KINDS = KINDS | TUNED_KINDS | FRESH_KINDS | FAST_KINDS | BURSTY_KINDS | SITES_KINDS | BESIDE
WAYS = ("two", "one", "zero")


def tried(
    way: str, kind: Kind, folder: Path, random: np.random.Generator, is_quick: bool, is_reviewed: bool = True
) -> tuple[list[int], int, float]:
    """Of each fault found, by how many samples its first event begins off; false events, and those promised."""
    values = kind.make(random, 2 * QUICK_SAMPLES if is_quick else kind.samples)
    half = len(values) // 2
    watched, faults = spoilt(kind, values[half:], random)
    write_table(folder / "watch" / "it.csv", watched, kind, random)
    if way != "zero":
        write_table(folder / "train" / "it.csv", values[:half] if way == "two" else watched, kind, random)
    quicker: dict[str, Any] = {"model.name": "window_pca"} if is_quick and way != "zero" else {}
    recipe = "zero_shot.yaml" if way == "zero" else "series.yaml"
    result = through(recipe, folder, not quicker, is_reviewed, **quicker)["it"]
    events = in_rows(result["scene"], kind)
    hits = [touching(events, first, last, NEAR) for first, last in faults]
    false = int(np.count_nonzero(~np.logical_or.reduce(hits)))
    starts = [(hit, first) for hit, (first, _) in zip(hits, faults, strict=True) if hit.any()]
    off = [abs(int(events["frame_start"][hit].min()) - first) for hit, first in starts]
    return off, false, promised(result, kind.step_s)


def write_table(path: Path, values: np.ndarray, kind: Kind, random: np.random.Generator) -> None:
    path.parent.mkdir(parents=True)
    table = pd.DataFrame(values, columns=[f"v{c}" for c in range(values.shape[1])])
    steps = np.arange(len(values)) + (random.uniform(-kind.jitter, kind.jitter, len(values)) if kind.jitter else 0)
    table.insert(0, "time", START + pd.to_timedelta(steps * kind.step_s, unit="s"))
    table.to_csv(path, index=False, date_format="%Y-%m-%dT%H:%M:%S.%f")


def in_rows(events: pd.DataFrame, kind: Kind) -> pd.DataFrame:
    """Events with the rows of the table as their frames: a reel lacks rows without any value.

    Steps below a millisecond are kept as seconds from the first row, without a date.
    """
    if (events["t_start"] == "").any():
        begun, ended = events["time_start_s"], events["time_end_s"]
    else:
        begun, ended = ((pd.to_datetime(events[name]) - START).dt.total_seconds() for name in ("t_start", "t_end"))
    rows = {"frame_start": begun, "frame_end": ended}
    return events.assign(**{name: (s / kind.step_s).round().astype(int) for name, s in rows.items()})


def main() -> None:
    options_of = parser(__doc__, f"short series of {' and '.join(QUICK_KINDS)}, another model")
    of_kinds = options_of.add_mutually_exclusive_group()
    of_kinds.add_argument("--tuned", action="store_true", help="the kinds on which constants are chosen")
    of_kinds.add_argument("--fresh", action="store_true", help="kinds that were written after these")
    of_kinds.add_argument("--fast", action="store_true", help="seconds of fast series")
    of_kinds.add_argument("--bursty", action="store_true", help="kinds that come in bursts")
    of_kinds.add_argument("--sites", action="store_true", help="machines and places with several sensors")
    options_of.add_argument("--no-review", action="store_true", help="train on all that prep wrote")
    options_of.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS, help="these ways")
    options_of.add_argument("--only", nargs="+", choices=ALL_KINDS, help="these kinds")
    options_of.add_argument("--seeds", default="0", help="comma-separated")
    options = parsed(options_of)
    kinds = next((of_them for name, of_them in OTHERS.items() if getattr(options, name)), KINDS)
    names = options.only or (QUICK_KINDS if options.quick else tuple(kinds))
    seeds = [int(seed) for seed in options.seeds.split(",")]
    figures: dict[str, float] = {}
    for way in options.ways:
        rows = []
        for name in names:
            for seed in seeds:
                random = np.random.default_rng([seed, zlib.crc32(name.encode())])
                with tempfile.TemporaryDirectory() as folder:
                    rows.append(tried(way, ALL_KINDS[name], Path(folder), random, options.quick, not options.no_review))
                off, false, expected = rows[-1]
                told = f"{len(off)} of 3, begun {off} samples off, {false} false, {expected:.2g} promised"
                print(f"{way:5} {name:8} seed {seed}: {told}", flush=True)
        off = [samples for found, _, _ in rows for samples in found]
        figures[f"{way}_found"] = len(off) / (3 * len(rows))
        figures[f"{way}_false_per_promised"] = sum(false for _, false, _ in rows) / sum(most for _, _, most in rows)
        figures[f"{way}_start_off"] = float(np.median(off)) if off else np.nan
    write(figures, options.json)


if __name__ == "__main__":
    main()
