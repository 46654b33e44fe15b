"""False alarms of `excess` on a Sun that turns: promised from seven hours, seen in the day after and on another day.

    python tests/benchmarks/sun_turning.py [--seeds N] [--first-seed N] [--only DAY] [--still] [--flat] [--quick]
        [--json FILE]

Made-up Suns (parts/turning_sun.py), one frame in 15 minutes: the first 29 train, the next 96 are watched by the
settings of demo/sun.yaml at that cadence (an event of one frame counts). Every event is a false alarm: what flickers in
the day flickers in the same way in the hours before, and is carried by 13 degrees meanwhile. `another`: the 96 frames
are of another Sun, with other places of the same kinds, 60 days later. The ratios are of all seeds together: seen over
promised. Flares that fade within an hour are planted into the same 96 frames, alike in both, 36 on the disc and 36 at
its edge, half of them in the east: the share of them with an event at the rate of 1 a day. --still: Suns that do not
turn, which show what the turning takes. --flat: light on the surface, as of the chromosphere, in place of a corona's
above it.

--json keys: [per_day_1_ratio], [per_day_10_ratio], [flares_seen], [edge_flares_seen], [another_per_day_1_ratio],
[another_per_day_10_ratio], [another_flares_seen], [another_edge_flares_seen].
"""

import tempfile
from pathlib import Path

import pandas as pd
from parts.common import ROOT, parsed, parser, quiet, told, write
from parts.promises.sets import QuietSet
from parts.promises.watched import DAY_S, watch
from parts.recipes import recipe_for, run_mode
from parts.turning_sun import Flare, Sun, where, written

from tests.support.no_pictures import without_pictures

TRAIN = 29
SETTINGS = {"prep.clip_length": 4, "prep.stride": 1, "eval.min_frames": 1, "eval.link_gap_frames": 2}
SETTINGS |= {"eval.group_distance_arcsec": 0.0}  # flares are planted near each other
DAYS = {"same": "", "another": "another_"}  # and what the names of its figures begin with
NEAR_PX = 3
COLUMNS = ["data", "day", "promised", "used_per_day", "threshold", "events", "expected", "flares", "seen", "edge_seen"]
KEYS = {"1/day": "per_day_1_ratio", "10/day": "per_day_10_ratio"}


def rows_of(seed: int, sun: Sun, work: Path, other: bool) -> list[dict]:
    """One row a rate: what was promised and seen, and of the lowest rate how many flares were found."""
    some = written(work / "reels", seed, TRAIN, sun, other)
    data = QuietSet(f"sun {seed}", "solar", "config.yaml", "", lambda _data, _folder: None, SETTINGS)
    (work / "run").mkdir()
    with quiet(), without_pictures():
        rows = watch(data, "excess", work / "reels", work / "run")
        own = {
            "model_path": str(work / "run" / "run"),
            "eval.false_alarms_per_day": 1.0,
            "eval.false_alarms_per_hour": None,
        }
        sections = recipe_for(
            ROOT / "demo/sun.yaml", data.settings | own | {"device": "cpu", "workers": 0}, is_net=False
        )
        run_mode("eval", sections, work, "--data-clips", work / "reels" / "flares")
    events = pd.read_csv(work / "run" / "run" / "eval" / "flares" / "events.csv")
    seen, edge_seen = (sum(is_seen(one, sun, events) for one in those) for those in some)
    of_flares = {"flares": len(some.on_disc), "seen": seen, "edge_seen": edge_seen}
    for row in rows:
        row |= of_flares if row["promised"] == "1/day" else {}
    return rows


def is_seen(one: Flare, sun: Sun, events: pd.DataFrame) -> bool:
    """Whether an event lies at its place in its first frames; those of events count from where watching begins."""
    (x, y, _), onset = where(one, one.onset, sun), one.onset - TRAIN
    near = (events["x0"] < x + NEAR_PX) & (events["x1"] > x - NEAR_PX)
    near &= (events["y0"] < y + NEAR_PX) & (events["y1"] > y - NEAR_PX)
    return bool((near & (events["frame_start"] <= onset + 2) & (events["frame_end"] >= onset)).any())


def main() -> None:
    made = parser(__doc__ or "", "half another day of one small Sun")
    made.add_argument("--seeds", type=int, default=10)
    made.add_argument("--first-seed", type=int, default=0)
    made.add_argument("--still", action="store_true", help="Suns that do not turn")
    made.add_argument("--flat", action="store_true", help="Suns whose light lies on the surface")
    made.add_argument("--only", choices=DAYS, help="one of both alone")
    options = parsed(made)
    sun = Sun(61, 80, 30.8) if options.quick else Sun()
    sun = sun._replace(turns=not options.still, is_flat=options.flat)
    figures: dict[str, float] = {}
    only = options.only or ("another" if options.quick else None)
    for day in [only] if only else DAYS:
        rows = []
        for seed in range(options.first_seed, options.first_seed + (1 if options.quick else options.seeds)):
            with tempfile.TemporaryDirectory() as folder:
                rows += rows_of(seed, sun, Path(folder), day == "another")
        table = pd.DataFrame(rows).assign(day=day, expected=lambda t: t["used_per_day"] * t["watched_s"] / DAY_S)
        print(table[COLUMNS].to_string(float_format="%.3g"), flush=True)
        sums = table.groupby("promised")[["events", "expected"]].sum()
        named = {KEYS[name]: float(events / expected) for name, events, expected in sums.itertuples()}
        for name, key in (("seen", "flares_seen"), ("edge_seen", "edge_flares_seen")):
            named[key] = float(table[name].sum() / table["flares"].sum())
        print(sums.to_string(), told(named), flush=True)
        figures |= {DAYS[day] + name: value for name, value in named.items()}
    write(figures, options.json)


if __name__ == "__main__":
    main()
