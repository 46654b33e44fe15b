"""Which behaviour of objects is seen, kind by kind, beside `flow`, and how many frames a second one core takes.

    python tests/benchmarks/behaviour.py [--seeds N ...] [--quick] [--json FILE]

On a synthetic plaza (tests/support/plaza.py) at 10 frames a second: fitted on quiet clips with 2, 4 and 6 walkers, then
clips with one anomaly each, of which every kind is planted once a seed. A margin is the highest score from the onset on
in units of the highest of unseen quiet clips: above 1 it is seen by a threshold that those never cross. `crowd` is the
same of unseen quiet clips with more walkers than were learnt from. The speed is of scoring alone, at 240x360 px, in
time of this process, which other work on the machine does not lengthen much.

--json keys: <method>_<kind>, <method>_crowd (means over seeds), <method>_frames_per_s, objects_share_of_flow_speed.
"""

import tempfile
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from parts.common import parsed, parser, write

from config import EvalConfig
from inference.calibration.quiet.ranges import QuietRange
from inference.methods import METHODS
from inference.methods.base import Method
from tests.support.plaza import CADENCE_S, KINDS, ONSET, plaza
from tests.support.reels import make_reel
from tests.support.trainings import small_config

RAW = replace(EvalConfig(), score="residual", common_mode=False, smooth_px=0.0)
COMPARED = ("objects", "flow")
LEARNT, CROWD = (2, 4, 6), 9  # walkers
WATCHED, QUICK_WATCHED = 120, 5  # frames with an anomaly
QUICK_FRAMES = 12  # of a clip, which has few before an anomaly too
SIZE, QUICK_SIZE = (240, 360), (72, 108)


class Bench:
    """Reels in a folder of their own, and methods that are fitted on the quiet ones."""

    def __init__(self, folder: Path, is_quick: bool):
        self.folder, self.made = folder, 0
        self.frames = frames = QUICK_FRAMES if is_quick else 200
        self.skipped = ONSET - QUICK_FRAMES if is_quick else 0  # before an anomaly
        self.kinds, self.watched = (KINDS[:1], QUICK_WATCHED) if is_quick else (KINDS, WATCHED)
        quiet = [QuietRange(self.reel(plaza(frames, w, w)), 0, frames, "train") for w in LEARNT]
        self.methods = {name: fitted(name, quiet) for name in COMPARED}

    def reel(self, frames: np.ndarray):
        self.made += 1
        return make_reel(self.folder / str(self.made), frames, CADENCE_S)

    def levels(self, method: Method, frames: np.ndarray) -> np.ndarray:
        """The highest score (T,) of each frame."""
        return np.array([f.residual.max() for f in method.frames(self.reel(frames), 0, len(frames), RAW)])


def fitted(name: str, quiet: list[QuietRange]) -> Method:
    settings = small_config(quiet[0].reel.path, None, model__name=name).model
    method = METHODS[name](settings, {}, {}, 8)
    method.fit(quiet, seed=0)
    return method


def margins(bench: Bench, name: str, seed: int) -> dict[str, float]:
    """Of each kind, and of a crowd."""
    method, first = bench.methods[name], 1000 * (seed + 1)
    quiet = max(bench.levels(method, plaza(bench.frames, first + w, w)).max() for w in LEARNT)
    found = {"crowd": bench.levels(method, plaza(bench.frames, first, CROWD)).max() / quiet}
    for kind in bench.kinds:
        levels = bench.levels(method, plaza(ONSET + bench.watched, first + 50, 4, kind)[bench.skipped :])
        found[kind] = levels[ONSET - bench.skipped :].max() / quiet
    return found


def frames_per_s(bench: Bench, name: str, count: int, size: tuple[int, int]) -> float:
    """Of scoring, one core, frames of this size."""
    small = plaza(count, 7, 4)
    reel = bench.reel(np.stack([[cv2.resize(f[0], size[::-1], interpolation=cv2.INTER_CUBIC)] for f in small]))
    method = fitted(name, [QuietRange(reel, 0, count, "train")])
    cv2.setNumThreads(1)
    begun = time.process_time()
    for _ in method.frames(reel, 0, count, RAW):
        pass
    return count / (time.process_time() - begun)


def main() -> None:
    asked = parser(__doc__, "one seed, one kind, short and small clips")
    asked.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    options = parsed(asked)
    figures = {}
    with tempfile.TemporaryDirectory() as folder:
        bench, seeds = Bench(Path(folder), options.quick), options.seeds[:1] if options.quick else options.seeds
        count, size = (12, QUICK_SIZE) if options.quick else (120, SIZE)
        for name in COMPARED:
            rows = pd.DataFrame([margins(bench, name, s) for s in seeds])
            print(
                name, rows.describe().loc[["mean", "min", "max"]].to_string(float_format="%.2f"), sep="\n", flush=True
            )
            figures |= {f"{name}_{kind}": float(mean) for kind, mean in rows.mean().items()}
            figures[f"{name}_frames_per_s"] = frames_per_s(bench, name, count, size)
    share = figures["objects_frames_per_s"] / figures["flow_frames_per_s"]
    print({name: round(figures[f"{name}_frames_per_s"]) for name in COMPARED}, f"frames/s; {share:.2f} of flow's speed")
    write(figures | {"objects_share_of_flow_speed": share}, options.json)


if __name__ == "__main__":
    main()
