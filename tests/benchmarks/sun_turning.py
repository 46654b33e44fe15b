"""False alarms of `excess` on a Sun that turns: promised from seven hours, seen in the day after.

    python tests/benchmarks/sun_turning.py [--seeds N] [--still] [--quick] [--json FILE]

Made-up Suns (parts/turning_sun.py), one frame in 15 minutes: the first 29 train, the next 96 are watched by the
settings of demo/sun.yaml at that cadence (an event of one frame counts). Every event is a false alarm: what flickers in
the day flickers in the same way in the hours before, and is carried by 13 degrees meanwhile. The ratios are of all
seeds together: seen over promised. --still: Suns that do not turn, which show what the turning takes.

--json keys: per_day_1_ratio, per_day_10_ratio.
"""

import tempfile
from pathlib import Path

import pandas as pd
from parts.common import parsed, parser, quiet, told, write
from parts.promises.sets import QuietSet
from parts.promises.watched import DAY_S, watch
from parts.turning_sun import Sun, written

TRAIN = 29
SETTINGS = {"prep.clip_length": 4, "prep.stride": 1, "eval.min_frames": 1, "eval.link_gap_frames": 2}
KEYS = {"1/day": "per_day_1_ratio", "10/day": "per_day_10_ratio"}


def rows_of(seed: int, sun: Sun, work: Path) -> list[dict]:
    """One row a rate: what was promised and seen."""
    written(work / "reels", seed, TRAIN, sun)
    data = QuietSet(f"sun {seed}", "solar", "config.yaml", "", lambda _data, _folder: None, SETTINGS)
    (work / "run").mkdir()
    with quiet():
        return watch(data, "excess", work / "reels", work / "run")


def main() -> None:
    made = parser(__doc__ or "", "one small Sun, half a day")
    made.add_argument("--seeds", type=int, default=10)
    made.add_argument("--still", action="store_true", help="Suns that do not turn")
    options = parsed(made)
    sun = Sun(77, 96, 25.6) if options.quick else Sun()
    rows = []
    for seed in range(1 if options.quick else options.seeds):
        with tempfile.TemporaryDirectory() as folder:
            rows += rows_of(seed, sun._replace(turns=not options.still), Path(folder))
    table = pd.DataFrame(rows).assign(expected=lambda t: t["used_per_day"] * t["watched_s"] / DAY_S)
    print(table[["data", "promised", "used_per_day", "threshold", "events", "expected"]].to_string(float_format="%.3g"))
    sums = table.groupby("promised")[["events", "expected"]].sum()
    figures = {KEYS[name]: float(events / expected) for name, events, expected in sums.itertuples()}
    print(told(figures))
    write(figures, options.json)


if __name__ == "__main__":
    main()
