"""What calibration of `flow` costs with motion that is measured once, beside copies that measure it each.

    python tests/benchmarks/known_motion.py [--data DIR] [--quick] [--json FILE]

Quiet frames are those of the clips in --data (videos or folders of pictures, shrunk to 180 rows), or of a street that
is made here. Copies are fitted on parts of them, and each scores the part that it was not fitted on, as the
calibration of a run does: once with motion known (inference/methods/motion/known_motion.py), once with room for none.
Times are those of this process, which other work on the machine does not lengthen much. Every residual has to be the
same number; the benchmark ends with an error where one is not.

--json keys: known_s, anew_s, anew_over_known, frames.
"""

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from parts.common import parsed, parser, write
from parts.scenes import Scene, read_scene, street

from config import EvalConfig
from inference.calibration.quiet.ranges import QuietRange
from inference.methods import METHODS, base
from inference.methods.motion.known_motion import MOST_BYTES, KnownMotion
from tests.support.reels import make_reel
from tests.support.trainings import small_config

RAW = replace(EvalConfig(), score="residual", common_mode=False, smooth_px=0.0)
CLIP_LENGTH = 8
QUICK_CLIPS, QUICK_FRAMES = 2, 16


def quiet_ranges(scene: Scene, folder: Path, most_frames: int | None) -> list[QuietRange]:
    """The clips of a scene as reels, grey, each a quiet range of the training side."""
    made = []
    for name, frames in scene.clips.items():
        grey = frames[:most_frames].mean(axis=-1, dtype=np.float32)[:, None] / 255
        made.append(QuietRange(make_reel(folder / name, grey, 1 / scene.fps), 0, len(grey), "train", name))
    return made


def judged(quiet: list[QuietRange], most_bytes: int) -> tuple[float, np.ndarray]:
    """Processor seconds of the copies that judge quiet frames, with so much room for motion, and what they say (n,)."""
    keeping = base.KnownMotion
    base.KnownMotion = lambda: KnownMotion(most_bytes)
    try:
        settings = small_config(quiet[0].reel.path, None, model__name="flow").model
        method, begun = METHODS["flow"](settings, {}, {}, CLIP_LENGTH), time.process_time()
        maps = [
            frame.residual.sum(axis=-1)
            for fold in method.folds(quiet)
            for r in fold.ranges
            for frame in fold.scorer.frames(r.reel, r.begin, r.end, RAW)
        ]
        return time.process_time() - begun, np.stack(maps)
    finally:
        base.KnownMotion = keeping


def measure(options: argparse.Namespace, folder: Path) -> dict[str, float]:
    """The figures, printed. Raises SystemExit where scores differ."""
    few = (QUICK_CLIPS, QUICK_FRAMES) if options.quick else ()
    scene = read_scene(options.data) if options.data else street(0, *few)
    quiet = quiet_ranges(scene, folder, QUICK_FRAMES if options.quick else None)
    cv2.setNumThreads(1)
    known_s, found = judged(quiet, MOST_BYTES)
    anew_s, anew = judged(quiet, 0)
    if not np.array_equal(found, anew):
        raise SystemExit("scores differ with what is known of motion")
    frames = sum(map(len, quiet))
    print(f"{frames} frames: {known_s:.1f} s with motion known, {anew_s:.1f} s measured anew, {anew_s / known_s:.2f}")
    return {"known_s": known_s, "anew_s": anew_s, "anew_over_known": anew_s / known_s, "frames": frames}


def main() -> None:
    asked = parser(__doc__, "16 frames of two clips", data="quiet clips of one scene")
    options = parsed(asked, instead=lambda given: True)
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(options, Path(folder))
    write(figures, options.json)


if __name__ == "__main__":
    main()
