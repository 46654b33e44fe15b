"""A room filmed by a camera that hangs on a wall, at 10 frames a second: empty, but for visitors who come one by one.

The camera sets its own exposure, trembles by a fraction of a pixel, and has bars above and below its picture. A visitor
throws a shadow, stands before a table, and leaves what lies on it a little elsewhere.
"""

from typing import NamedTuple

import cv2
import numpy as np

from tests.support.street import paste, texture

SHAPE, BAR_PX, FLOOR = (60, 90), 5, 36  # rows, columns; the row where the floor begins
SIDE = 22, 9  # height and width of a visitor, px
TABLE = slice(28, 31), slice(36, 52)
TREMBLE_PX, NOISE = 0.25, 0.004


class Visit(NamedTuple):
    """Frames [first, last] in which a visitor is in the picture, and px that what lies on the table has then moved."""

    first: int
    last: int
    moves_px: int = 0


def visits(count: int, empty: int = 30, staying: int = 30) -> list[Visit]:
    """So many visitors, with so many empty frames before each and after the last."""
    length = 2 * WALK + staying
    return [Visit(first := empty + n * (empty + length), first + length - 1, n % 3) for n in range(count)]


WALK = 16  # frames from the picture's edge to the table


def room(frames: int, seed: int, visitors: list[Visit] | None = None) -> np.ndarray:
    """Frames (T, 1, H, W) float32 about 0..1; as many as asked for."""
    scenery, random = np.random.default_rng(5), np.random.default_rng(seed)
    ground = empty_room(scenery)
    looks = [0.12 + 0.5 * (n % 3) / 2 + 0.15 * texture(random, *SIDE, 1.2) for n in range(len(visitors or []))]
    gain, lies_px, found = 1.0, 0, []
    for t in range(frames):
        scene = ground.copy()
        scene[27:29, 42 + lies_px : 46 + lies_px] = 0.62  # a sheet of paper
        covered = 0.0
        for visit, look in zip(visitors or [], looks, strict=True):
            if visit.first <= t <= visit.last:
                x = place_of(visit, t)
                shade(scene, x)
                paste(scene, look, FLOOR - 8, x)
                covered = SIDE[0] * SIDE[1] / np.prod(SHAPE)
            lies_px = visit.moves_px if t == (visit.first + visit.last) // 2 else lies_px
        gain += 0.3 * (1 + 1.5 * covered - gain)  # a dark visitor makes the picture brighter, in a few frames
        found.append(filmed(scene, gain, random))
    return np.array(found, np.float32)[:, None]


def place_of(visit: Visit, t: int) -> float:
    """The left column of a visitor, who comes from the right, stands there, sways, and goes to where he came from."""
    far = min(t - visit.first, visit.last - t, WALK)
    return SHAPE[1] - 2 - (SHAPE[1] - 48) * far / WALK + 0.4 * np.sin(t)


def empty_room(random: np.random.Generator) -> np.ndarray:
    """A bright wall, a dark window in it, a floor of planks, and a table."""
    ground = np.full(SHAPE, 0.82) + 0.03 * texture(random, *SHAPE, 3.0)
    ground[FLOOR:] = 0.42 + 0.2 * texture(random, SHAPE[0] - FLOOR, SHAPE[1], 0.8)
    ground[FLOOR - 1] = 0.15
    ground[8:26, :14] = 0.1 + 0.02 * texture(random, 18, 14, 1.0)
    ground[TABLE], ground[31:46, 43:45] = 0.93, 0.5
    return ground


def shade(scene: np.ndarray, x: float) -> None:
    """A shadow on the floor, beside who stands at column x."""
    rows, columns = slice(FLOOR + 8, FLOOR + 15), slice(max(int(x) - 10, 0), max(int(x) + 2, 0))
    scene[rows, columns] *= 0.7


def filmed(scene: np.ndarray, gain: float, random: np.random.Generator) -> np.ndarray:
    """A scene (H, W) as the camera shows it."""
    by = np.eye(2, 3)
    by[:, 2] = random.uniform(-TREMBLE_PX, TREMBLE_PX, 2)
    seen = cv2.warpAffine(scene, by, SHAPE[::-1], flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    seen = np.clip(gain * seen + NOISE * random.standard_normal(SHAPE), 0, 1)
    seen[:BAR_PX], seen[-BAR_PX:] = 0, 0
    return seen
