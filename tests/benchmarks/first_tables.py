"""What someone with a first table gets, in three ways: series of twelve kinds, three faults each, recipes as they are.

    python tests/benchmarks/first_tables.py [--tuned] [--ways one] [--only KIND] [--seeds 0,1] [--quick] [--json FILE]

The second half of each series has the faults. `two` trains on the first half and evaluates the second, by
demo/series.yaml; `one` does both on the second half, as who knows nothing of it does; `zero` evaluates it by
demo/zero_shot.yaml. A fault is found where an event lies in it or 32 samples beside it; all other events are false, one
a day is promised. The kinds were written for this, and no constant of the program was chosen on them; --tuned takes ten
others, on which constants are chosen.

--json keys: <way>_found (share of the faults), <way>_false_per_promised.
"""

import tempfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from parts.common import parsed, parser, write
from parts.series_kinds import KINDS, Kind, spoilt
from parts.series_kinds_tuned import TUNED_KINDS
from parts.through import promised, through, touching

NEAR, QUICK_SAMPLES, QUICK_KINDS = 32, 1000, ("latency", "plant")
ALL_KINDS = KINDS | TUNED_KINDS
WAYS = ("two", "one", "zero")


def tried(way: str, kind: Kind, folder: Path, random: np.random.Generator, is_quick: bool) -> tuple[int, int, float]:
    """Faults found, false events, and those promised."""
    values = kind.make(random, 2 * QUICK_SAMPLES if is_quick else kind.samples)
    half = len(values) // 2
    watched, faults = spoilt(kind, values[half:], random)
    write_table(folder / "watch" / "it.csv", watched, kind.step_s)
    if way != "zero":
        write_table(folder / "train" / "it.csv", values[:half] if way == "two" else watched, kind.step_s)
    quicker: dict[str, Any] = {"model.name": "window_pca"} if is_quick and way != "zero" else {}
    result = through("zero_shot.yaml" if way == "zero" else "series.yaml", folder, not quicker, **quicker)["it"]
    events = result["scene"]
    hits = [touching(events, first, last, NEAR) for first, last in faults]
    false = np.count_nonzero(~np.logical_or.reduce(hits))
    return sum(hit.any() for hit in hits), false, promised(result, kind.step_s)


def write_table(path: Path, values: np.ndarray, step_s: float) -> None:
    path.parent.mkdir(parents=True)
    table = pd.DataFrame(values, columns=[f"v{c}" for c in range(values.shape[1])])
    start = pd.Timestamp("2025-03-03")
    table.insert(0, "time", start + pd.to_timedelta(np.arange(len(values)) * step_s, unit="s"))
    table.to_csv(path, index=False, date_format="%Y-%m-%dT%H:%M:%S.%f")


def main() -> None:
    options_of = parser(__doc__, f"short series of {' and '.join(QUICK_KINDS)}, another model")
    options_of.add_argument("--tuned", action="store_true", help="the kinds on which constants are chosen")
    options_of.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS, help="these ways")
    options_of.add_argument("--only", nargs="+", choices=ALL_KINDS, help="these kinds")
    options_of.add_argument("--seeds", default="0", help="comma-separated")
    options = parsed(options_of)
    names = options.only or (QUICK_KINDS if options.quick else tuple(TUNED_KINDS if options.tuned else KINDS))
    seeds = [int(seed) for seed in options.seeds.split(",")]
    figures: dict[str, float] = {}
    for way in options.ways:
        rows = []
        for name in names:
            for seed in seeds:
                random = np.random.default_rng([seed, zlib.crc32(name.encode())])
                with tempfile.TemporaryDirectory() as folder:
                    rows.append(tried(way, ALL_KINDS[name], Path(folder), random, options.quick))
                found, false, expected = rows[-1]
                print(f"{way:5} {name:8} seed {seed}: {found} of 3, {false} false, {expected:.2g} promised", flush=True)
        found, false, expected = np.sum(rows, axis=0)
        figures[f"{way}_found"] = found / (3 * len(rows))
        figures[f"{way}_false_per_promised"] = false / expected
    write(figures, options.json)


if __name__ == "__main__":
    main()
