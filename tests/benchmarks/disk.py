"""What a video takes on the disk once it is prepared and evaluated, in bytes for each of the source's.

    python tests/benchmarks/disk.py [--data DIR] [--methods NAME ...] [--native] [--quick] [--json FILE]

Each video of --data, or a made street of a minute, is prepared twice in the same run, by the recipe of demo/video.yaml:
with prep.precision float32, as all were before, and with auto. `reel` is the folder of the reel, with its tables and
pictures; `float32_each` is what it took before one mask stood for all frames that have the same. Then a method (`flow`
by default) is fitted on either and evaluates it, with score maps and without (eval.score_maps_mb 0): `same_scores` is 1
where every score of the two runs is the same number.

--json keys: source_mb, reel_over_source_auto, reel_over_source_float32, reel_over_source_float32_each,
float32_each_over_auto, results_over_source, results_over_source_no_maps, same_scores_<method>.
"""

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from parts.clips import settings_of
from parts.common import parsed, parser, write
from parts.films import film
from parts.recipes import nested, run_mode

from data.reel.reel import Reel, find_reels
from tests.support.no_pictures import without_pictures

PRECISIONS = ("float32", "auto")
SIZE, QUICK_SIZE = (240, 360), (48, 72)  # rows, columns
SECONDS, QUICK_S = 60, 6


def bytes_in(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def masks_of_each(reel: Reel) -> int:
    """What masks of all frames would take beyond the one that is kept."""
    return (len(reel) - len(reel.stored_masks)) * reel.shape[2] * reel.shape[3]


def results_of(method: str, reels: Path, work: Path, is_quick: bool) -> tuple[float, float, dict[str, np.ndarray]]:
    """Bytes of a run's results with score maps and without, and the scores of each clip."""
    sections = nested({"data_clips": str(reels), "workers": 0}, settings_of(method, is_quick))
    model = ("--model-path", work / f"{method}-{reels.name}")
    taken = []
    with without_pictures():
        run_mode("train", sections, work, *model)
        for more in ((), ("--set", "eval.score_maps_mb=0")):
            run_mode("eval", sections, work, *model, *more)
            taken.append(bytes_in(model[1] / "eval"))
    clips = sorted((model[1] / "eval").glob("*/scores.csv"))
    return *taken, {path.parent.name: pd.read_csv(path)["max"].to_numpy() for path in clips}


def main() -> None:
    made = parser(__doc__ or "", "6 s of a small street", "one video or several of one scene")
    made.add_argument("--methods", nargs="+", default=["flow"], metavar="NAME", help="(default: flow)")
    made.add_argument("--native", action="store_true", help="at the size of the source, not of the recipe")
    options = parsed(made, instead=lambda o: not o.data)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        raw = options.data or work / "raw"
        if not options.data:
            seconds, size = (QUICK_S, QUICK_SIZE) if options.quick else (SECONDS, SIZE)
            film(raw / "street.mp4", 0, seconds, size)
        source = bytes_in(raw)
        sizes, figures = {}, {"source_mb": source / 1e6}
        for precision in PRECISIONS:
            about = {"prep.precision": precision, "workers": 0} | ({"prep.resize": None} if options.native else {})
            sections = nested(about, settings_of("flow", options.quick))
            run_mode("prep", sections, work, "--data-raw", raw, "--data-clips", work / precision)
            sizes[precision] = sum(bytes_in(r.path) for r in find_reels(work / precision))
        sizes["float32_each"] = sizes["float32"] + sum(map(masks_of_each, find_reels(work / "float32")))
        figures |= {f"reel_over_source_{name}": size / source for name, size in sizes.items()}
        figures["float32_each_over_auto"] = sizes["float32_each"] / sizes["auto"]
        for method in options.methods:
            runs = {p: results_of(method, work / p, work, options.quick) for p in PRECISIONS}
            whole, without, scores = runs["auto"]
            figures |= {"results_over_source": whole / source, "results_over_source_no_maps": without / source}
            alike = (np.array_equal(s, runs["float32"][2][clip], equal_nan=True) for clip, s in scores.items())
            figures[f"same_scores_{method}"] = float(all(alike))
    for name, figure in figures.items():
        print(f"{name:34} {figure:.4g}")
    write(figures, options.json)


if __name__ == "__main__":
    main()
