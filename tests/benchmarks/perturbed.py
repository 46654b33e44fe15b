"""What a worse camera does to events: a street that shakes, sways, flickers, or is filmed in rain, noise or with cuts.

    python tests/benchmarks/perturbed.py [--methods NAME ...] [--seed N] [--quick] [--json FILE]

A method is trained, through the program and with the recipe's defaults, on six clips of a made street (12 s each,
10 frames a second) as a good camera sees it. Then two further clips of the street, one with nothing unusual and one in
which something runs past in the second half, are watched as they are and with each perturbation:

    jitter_0.5 ... jitter_4   every frame is shifted by up to so many px on either axis
    sway                      to and fro by 3 px in 4 s
    noise                     8 grey levels more
    exposure                  the gain rises by 40 % within a second
    flicker                   8 % every other frame
    rain                      sixty streaks a frame, each elsewhere
    cut                       the clip leaps 3 s ahead in its middle
    third                     a third of the frame rate, which the user lets pass (eval.any_cadence)

Printed: events of the scene that nothing explains, and whether the runner is found; events of the camera count as none.

--json keys: <method>_<perturbation>_false, <method>_<perturbation>_found, <method>_false, <method>_found (sums over
all perturbations).
"""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from parts.clips import FRAMES_PER_SECOND, prepare, results_of, run_method
from parts.common import parsed, parser, write
from parts.default_detection import Clip, detection

from tests.support.street import Street, standing

CLIPS, FRAMES, SCALE = 6, 120, 2
QUICK_CLIPS, QUICK_FRAMES = 3, 60
RUNNER_PX, RUNNER_SIDE = 2.4, 10  # px a frame, walkers go 0.4 to 0.8; px
THIRD, SLOWER = "third", 3
Change = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def shifted(frames: np.ndarray, by: np.ndarray) -> np.ndarray:
    """Frames (T, H, W) moved by (T, 2) px, x and y."""
    moves = [np.array([[1, 0, x], [0, 1, y]], float) for x, y in by]
    size = frames.shape[:0:-1]
    return np.stack(
        [cv2.warpAffine(f, m, size, borderMode=cv2.BORDER_REFLECT) for f, m in zip(frames, moves, strict=True)]
    )


def jitter(px: float) -> Change:
    return lambda frames, random: shifted(frames, random.uniform(-px, px, (len(frames), 2)))


def sway(frames: np.ndarray, random: np.random.Generator) -> np.ndarray:
    phase = 2 * np.pi * np.arange(len(frames)) / (4 * FRAMES_PER_SECOND)
    return shifted(frames, 3 * np.stack([np.sin(phase), 0.5 * np.cos(phase)], axis=1))


def noise(frames: np.ndarray, random: np.random.Generator) -> np.ndarray:
    return levels(frames + random.normal(0, 8, frames.shape))


def exposure(frames: np.ndarray, random: np.random.Generator) -> np.ndarray:
    gain = np.interp(np.arange(len(frames)), np.array([0.25, 0.25 + FRAMES_PER_SECOND / len(frames)]) * len(frames),
                     [1, 1.4])  # fmt: skip
    return levels(frames * gain[:, None, None])


def flicker(frames: np.ndarray, random: np.random.Generator) -> np.ndarray:
    return levels(frames * (1 + 0.08 * (np.arange(len(frames)) % 2))[:, None, None])


def rain(frames: np.ndarray, random: np.random.Generator) -> np.ndarray:
    found = frames.copy()
    for frame in found:
        for x, y in random.integers(0, frames.shape[:0:-1], (60, 2)).tolist():
            cv2.line(frame, (x, y), (x + 1, y + 6), 220)
    return found


def cut(frames: np.ndarray, random: np.random.Generator) -> np.ndarray:
    middle, leap = len(frames) // 2, round(3 * FRAMES_PER_SECOND)
    return np.concatenate([frames[:middle], frames[min(middle + leap, len(frames) - 5) :]])


def levels(frames: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(frames), 0, 255).astype(np.uint8)


CHANGES: dict[str, Change] = {
    "none": lambda frames, random: frames,
    **{f"jitter_{px:g}": jitter(px) for px in (0.5, 1.0, 2.0, 4.0)},
    "sway": sway, "noise": noise, "exposure": exposure, "flicker": flicker, "rain": rain, "cut": cut,
}  # fmt: skip
QUICK = ("none", "cut")


def filmed(seed: int, number: int, frames: int, with_runner: bool = False) -> np.ndarray:
    """A clip (T, H, W) uint8 of the street of a seed: the same ground and looks, walkers elsewhere in each."""
    made = Street(seed, walkers=9)
    random = np.random.default_rng(1000 * seed + number)
    made.walkers = [(row, random.uniform(0, 132), speed, look) for row, _, speed, look in made.walkers]
    made.walkers = made.walkers[: 3 + 3 * (number % 3)]
    planted = (RUNNER_PX, RUNNER_SIDE, frames // 2) if with_runner else None
    size = [SCALE * n for n in (made.frames(standing(1)).shape[:1:-1])]
    seen = made.frames(standing(frames), planted)[:, 0]
    return levels(255 * np.stack([cv2.resize(f, size, interpolation=cv2.INTER_CUBIC) for f in seen]))


def write_clip(folder: Path, frames: np.ndarray) -> None:
    folder.mkdir(parents=True)
    for i, frame in enumerate(frames):
        cv2.imwrite(str(folder / f"{i:04d}.png"), frame, [cv2.IMWRITE_PNG_COMPRESSION, 1])


def make_clips(work: Path, seed: int, is_quick: bool) -> dict[str, dict[str, np.ndarray]]:
    """Clips in work/raw_train, work/raw_test and, at a third of the rate, work/raw_third; by perturbation the clips'
    names and which frames (T,) show it."""
    clips, frames = (QUICK_CLIPS, QUICK_FRAMES) if is_quick else (CLIPS, FRAMES)
    for number in range(clips):
        write_clip(work / "raw_train" / f"{number}", filmed(seed, number, frames))
    tested: dict[str, dict[str, np.ndarray]] = {}
    for name in QUICK if is_quick else CHANGES:
        for number, with_runner in enumerate((False, True)):
            clip = CHANGES[name](filmed(seed, CLIPS + 1 + number, frames, with_runner), np.random.default_rng(seed))
            write_clip(work / "raw_test" / f"{name}_{number}", clip)
            shown = with_runner & (np.arange(len(clip)) >= min(frames, len(clip)) // 2)
            tested.setdefault(name, {})[f"{name}_{number}"] = shown
    for number, with_runner in enumerate((False, True)):
        clip = filmed(seed, CLIPS + 1 + number, frames, with_runner)
        write_clip(work / f"raw_{THIRD}" / f"{THIRD}_{number}", clip[::SLOWER])
        shown = with_runner & (np.arange(len(clip)) >= frames // 2)
        tested.setdefault(THIRD, {})[f"{THIRD}_{number}"] = shown[::SLOWER]
    return tested


def measure(options: argparse.Namespace, work: Path) -> dict[str, float]:
    tested = make_clips(work, options.seed, options.quick)
    for part in ("train", "test"):
        prepare(work / f"raw_{part}", work, part, options.quick)
    prepare(work / f"raw_{THIRD}", work, THIRD, options.quick, FRAMES_PER_SECOND / SLOWER)
    figures: dict[str, float] = {}
    for method in options.methods:
        run_method(method, options.seed, work, options.quick)
        run_method(method, options.seed, work, options.quick, THIRD, any_cadence=True)
        rows = {}
        for name, clips in tested.items():
            part, cadence_s = (THIRD, 0.1 * SLOWER) if name == THIRD else ("test", 0.1)
            results = results_of(method, options.seed, work, part)
            told = [Clip(results / clip, shown.astype(int).tolist(), cadence_s) for clip, shown in clips.items()]
            found = detection(told)
            rows[name] = {"false": found["false_events"], "found": found["found"]}
        table = pd.DataFrame(rows).T
        print(method, table.to_string(float_format="%.0f"), sep="\n", flush=True)
        figures |= {f"{method}_{name}_{key}": float(v) for name, row in rows.items() for key, v in row.items()}
        figures |= {f"{method}_{key}": float(table[key].sum()) for key in ("false", "found")}
    return figures


def main() -> None:
    asked = parser(__doc__, "two perturbations, small pictures")
    asked.add_argument("--methods", nargs="+", default=["flow"], metavar="NAME", help="as in ped2.py; default: flow")
    asked.add_argument("--seed", type=int, default=0)
    options = parsed(asked)
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(options, Path(folder))
    write(figures, options.json)


if __name__ == "__main__":
    main()
