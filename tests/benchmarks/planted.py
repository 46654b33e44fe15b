"""Which method to choose, without a test label: anomalies planted into held-out training clips of UCSD Ped2.

    python tests/benchmarks/planted.py --data PED2 [--methods NAME ...] [--seed N] [--json FILE]

Trained on training clips 01-12. Clips 13-16 are evaluated as they are, and once more for every kind of anomaly:

    fast   a walker of another clip, played and moved 1.8-3 times as fast      glide  the same without its steps
    big    a still walker, 1.5-2.2 times as large, a little faster             cart   a textured patch that moves past
    cross  a walker who goes up or down where all go left and right            still  a walker who stands

A walker is cut out where it differs from its clip's median. Printed: raw frame AUC of each kind's frames that show it
against all clean frames, and the mean over the four kinds that move unusually fast or large.

--json keys: <method>_<kind>, <method>_primary (the mean).
"""

import argparse
import shutil
import tempfile
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pandas as pd
from parts.clips import METHODS, RECOMMENDED, check_methods, prepare, run_method
from parts.common import parsed, parser, write
from parts.tiny_video import write_ped2

from inference.metrics.frame import frame_auc

HELD = 0.25  # of the training clips, the last ones: 13-16 of Ped2's
KINDS = ("fast", "glide", "big", "cart", "cross", "still")
PRIMARY = KINDS[:4]


class Cut(NamedTuple):
    """A walker in one frame: grey levels, where it is, and its centre in the frame (x, y)."""

    image: np.ndarray
    mask: np.ndarray
    centre: np.ndarray


def read_clip(folder: Path) -> np.ndarray:
    """Frames (T, H, W) uint8 of a folder of images."""
    return np.stack([cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in sorted(folder.glob("*.jpg"))])


def walkers(frames: np.ndarray) -> list[list[Cut]]:
    """Tracks of at least 40 frames of lone walkers who get along."""
    ground = np.median(frames[::3], axis=0).astype(np.float32)
    finished: list[list[Cut]] = []
    open_tracks: list[list[Cut]] = []
    for frame in frames:
        seen, going_on = cuts(frame, ground), []
        for track in open_tracks:
            near = [c for c in seen if np.hypot(*(c.centre - track[-1].centre)) < 4]
            if near:
                track.append(near[0])
                seen = [c for c in seen if c is not near[0]]
                going_on.append(track)
            else:
                finished.append(track)
        open_tracks = going_on + [[c] for c in seen]
    return [t for t in finished + open_tracks if len(t) >= 40 and abs(speed_of(t)) > 0.35]


def cuts(frame: np.ndarray, ground: np.ndarray) -> list[Cut]:
    """What in a frame has the size and form of one walker, away from the edges."""
    differs = (cv2.GaussianBlur(np.abs(frame - ground), (0, 0), 1) > 9).astype(np.uint8)
    closed = cv2.morphologyEx(differs, cv2.MORPH_CLOSE, np.ones((5, 3), np.uint8))
    _, labels, boxes, centres = cv2.connectedComponentsWithStats(closed)
    found = []
    for i, (x, y, w, h, area) in enumerate(boxes):
        whole = x > 2 and y > 2 and x + w < frame.shape[1] - 2 and y + h < frame.shape[0] - 2
        if i and whole and 80 <= area <= 500 and 7 <= w <= 22 and 17 <= h <= 42:
            part = slice(y - 2, y + h + 2), slice(x - 2, x + w + 2)
            found.append(Cut(frame[part].copy(), labels[part] == i, centres[i]))
    return found


def speed_of(track: list[Cut]) -> float:
    """Mean horizontal speed, px a frame."""
    return float((track[-1].centre - track[0].centre)[0] / len(track))


def plant(kind: str, frames: np.ndarray, tracks: list[list[Cut]], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Frames with one anomaly of a kind, and which of them show it (T,) bool."""
    random = np.random.default_rng(seed)
    track = tracks[random.integers(len(tracks))]
    walk, side = max(abs(speed_of(track)), 0.5), int(random.choice([-1, 1]))
    gain = {"fast": (1.8, 3.0), "glide": (1.6, 2.8), "big": (1.1, 1.9), "cart": (1.2, 2.0)}.get(kind, (1.0, 1.0))
    step = walk * random.uniform(*gain)
    velocity = {"cross": (0.0, side * step), "still": (0.0, 0.0)}.get(kind, (side * step, 0.0))
    width = frames.shape[2]
    y = track[len(track) // 2].centre[1] + random.uniform(-6, 6)
    x = random.uniform(40, width - 40) if kind in ("cross", "still") else (-10.0 if side > 0 else width + 10.0)
    looks = poses(kind, track, random, mirrored=side * speed_of(track) < 0 and kind not in ("cross", "still"))
    planted, shown = frames.astype(np.float32), np.zeros(len(frames), bool)
    for i, t in enumerate(range(int(random.integers(15, len(frames) - 70)), len(frames))):
        image, mask = looks[i % len(looks)]
        place = x + i * velocity[0] - image.shape[1] / 2, y + i * velocity[1] - image.shape[0] / 2
        planted[t], share = pasted(planted[t], image, mask, place)
        shown[t] = share > 0.3
        if i > 20 and not share:
            break
    noise = random.normal(0, 0.5, frames.shape)
    return np.clip(planted + noise, 0, 255).astype(np.uint8), shown


def poses(kind: str, track: list[Cut], random, mirrored: bool) -> list[tuple[np.ndarray, np.ndarray]]:
    """What is pasted, frame after frame: image float32 and mask bool."""
    if kind == "cart":
        w, h = int(random.integers(32, 50)), int(random.integers(22, 32))
        texture = cv2.GaussianBlur(random.normal(0, 60, (h, w)).astype(np.float32), (0, 0), 1.5)
        return [(np.clip(texture + random.choice([50.0, 190.0]), 0, 255), np.ones((h, w), bool))]
    if kind in ("glide", "big", "still"):
        track = [track[int(random.integers(len(track)))]]
    elif kind == "fast":
        track = track[::2]
    to_and_fro = track + track[-2:0:-1]
    scale = random.uniform(1.5, 2.2) if kind == "big" else 1.0
    found = []
    for cut in to_and_fro:
        image, mask = (a[:, ::-1] if mirrored else a for a in (cut.image, cut.mask))
        image = cv2.resize(np.ascontiguousarray(image, np.float32), None, fx=scale, fy=scale)
        mask = cv2.resize(np.ascontiguousarray(mask, np.uint8), image.shape[::-1]) > 0
        found.append((image, mask))
    return found


def pasted(frame: np.ndarray, image: np.ndarray, mask: np.ndarray, place: tuple[float, float]) -> tuple:
    """The frame with an image at a real-valued place (x, y), and which share of it is visible."""
    move, size = np.float32([[1, 0, place[0]], [0, 1, place[1]]]), frame.shape[::-1]
    moved = cv2.warpAffine(image, move, size, borderMode=cv2.BORDER_REPLICATE)
    soft = cv2.GaussianBlur(np.pad(mask.astype(np.float32), 2), (0, 0), 0.7)
    move[:, 2] -= 2
    alpha = cv2.warpAffine(soft, move, size)
    return frame * (1 - alpha) + moved * alpha, float(alpha.sum() / max(mask.sum(), 1))


def make_clips(data: Path, work: Path, seed: int) -> dict[str, np.ndarray]:
    """Clips to train on, held-out and planted clips as images; returns which frames show an anomaly, by clip."""
    clips = {folder.name: read_clip(folder) for folder in sorted((data / "train").iterdir())}
    tracks = {name: walkers(frames) for name, frames in clips.items()}
    held = list(clips)[round(len(clips) * (1 - HELD)) :]
    for name in set(clips) - set(held):
        shutil.copytree(data / "train" / name, work / "raw_train" / name)
    shown = {}
    for name in held:
        write_clip(work / "raw_test" / name, clips[name])
        shown[name] = np.zeros(len(clips[name]), bool)
        others = [t for other, found in tracks.items() if other != name for t in found]
        for k, kind in enumerate(KINDS):
            frames, shown[f"{name}_{kind}"] = plant(kind, clips[name], others, 1000 * seed + 10 * int(name) + k)
            write_clip(work / "raw_test" / f"{name}_{kind}", frames)
    return shown


def write_clip(folder: Path, frames: np.ndarray) -> None:
    folder.mkdir(parents=True)
    for i, frame in enumerate(frames):
        cv2.imwrite(str(folder / f"{i:03d}.png"), frame)


def auc_by_kind(results: Path, shown: dict[str, np.ndarray]) -> dict[str, float]:
    """Raw frame AUC of the frames that show each kind against all frames of clean clips."""
    scores = {name: pd.read_csv(results / name / "scores.csv")["max"].to_numpy() for name in shown}
    held = [name for name in shown if "_" not in name]
    clean = np.concatenate([scores[name] for name in held])
    found = {}
    for kind in KINDS:
        odd = np.concatenate([scores[f"{n}_{kind}"][shown[f"{n}_{kind}"]] for n in held])
        found[kind] = frame_auc(np.concatenate([clean, odd]), np.repeat([0.0, 1.0], [len(clean), len(odd)]))
    return {"primary": float(np.mean([found[kind] for kind in PRIMARY])), **found}


def measure(options: argparse.Namespace, work: Path) -> dict[str, float]:
    """The figures of all methods asked for, printed as they come."""
    check_methods()
    shown = make_clips(options.data or write_ped2(work / "ped2"), work, options.seed)
    prepare(work / "raw_train", work, "train", options.quick)
    prepare(work / "raw_test", work, "test", options.quick)
    figures = {}
    for name in options.methods or (["flow"] if options.quick else [RECOMMENDED, "flow"]):
        run_method(name, options.seed, work, options.quick)
        found = auc_by_kind(work / f"eval_{name}_{options.seed}", shown)
        print(pd.DataFrame({name: found}).T.to_string(float_format="%.4f"), flush=True)
        figures |= {f"{name}_{kind}": auc for kind, auc in found.items()}
    return figures


def main() -> None:
    asked = parser(__doc__, "one method, small pictures", data="folder of Ped2, see ped2.py")
    asked.add_argument("--methods", nargs="+", choices=METHODS, help=f"default: {RECOMMENDED} flow")
    asked.add_argument("--seed", type=int, default=0, help="of the anomalies and of the training")
    options = parsed(asked)
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(options, Path(folder))
    write(figures, options.json)


if __name__ == "__main__":
    main()
