"""Usual clips of one camera: read from folders of pictures or videos, or made.

No entry point.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from parts.clips import FRAMES_PER_SECOND

from tests.support.street import Street, standing

ROWS = 180  # at most
STREET_CLIPS, STREET_FRAMES, STREET_SCALE = 6, 120, 2


class Scene(NamedTuple):
    """Clips (T, H, W, C) uint8 by name, all of one size, and frames a second."""

    name: str
    clips: dict[str, np.ndarray]
    fps: float


def read_scene(folder: Path, most: int | None = None) -> Scene:
    """The clips of a folder, folders of pictures or videos, shrunk to ROWS; of more than `most` some, evenly."""
    paths = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    if most and most < len(paths):
        paths = [paths[int((i + 0.5) * len(paths) / most)] for i in range(most)]
    rates = {path: _rate(path) for path in paths}
    clips = {path.stem: np.stack(list(_frames(path))) for path in paths}
    return Scene(folder.resolve().parent.name, clips, rates[paths[0]])


def _rate(path: Path) -> float:
    return FRAMES_PER_SECOND if path.is_dir() else float(cv2.VideoCapture(str(path)).get(cv2.CAP_PROP_FPS))


def _frames(path: Path) -> Iterator[np.ndarray]:
    """Shrunk frames (H, W, C) uint8; gray ones have one channel."""
    for frame in _pictures(path) if path.is_dir() else _video(path):
        factor = min(1.0, ROWS / len(frame))
        small = cv2.resize(frame, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        yield small.reshape(*small.shape[:2], -1)


def _pictures(folder: Path) -> Iterator[np.ndarray]:
    for path in sorted(folder.iterdir()):
        if (picture := cv2.imread(str(path), cv2.IMREAD_UNCHANGED)) is not None:
            yield picture


def _video(path: Path) -> Iterator[np.ndarray]:
    opened = cv2.VideoCapture(str(path))
    while (read := opened.read())[0]:
        yield read[1]


def street(seed: int, count: int = STREET_CLIPS, length: int = STREET_FRAMES) -> Scene:
    """A street on which all walk to the right, few or many of them in each of `count` clips of so many frames."""
    made, clips = Street(seed, walkers=9), {}
    everybody = [(row, x, abs(speed), look) for row, x, speed, look in made.walkers]
    for number in range(count):
        made.walkers = [(row, made.random.uniform(0, 132), speed, look) for row, _, speed, look in everybody]
        made.walkers = made.walkers[: 3 + 3 * (number % 3)]
        frames = made.frames(standing(length))[:, 0]
        size = [STREET_SCALE * n for n in frames.shape[:0:-1]]
        large = [cv2.resize(frame, size, interpolation=cv2.INTER_CUBIC) for frame in frames]
        clips[f"{number:03d}"] = np.clip(np.rint(255 * np.array(large)), 0, 255).astype(np.uint8)[..., None]
    return Scene("street", clips, FRAMES_PER_SECOND)
