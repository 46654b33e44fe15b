"""Speed pooled along the way that things go: over the size of an object and a second of its own path.

At a place that stands, who crosses within two frames of nine would be diluted by the other seven: the faster, the less
it counts. So what a square holds is followed, frame by frame, to where its own motion says that it came from and goes
to (semi-Lagrangian, as in numerical weather models), and a runner's frames add up at the runner. A single wrong vector
leads to a place that stands still, and counts for little.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from inference.methods.motion.timing import Timing

POOL_SHARE = 0.05  # of the longer side: pooled square
MOVES_PX = 1.0  # from a frame to its pair: what counts half as moving
STILL_SHARE = 0.5  # of a square, that stands still whatever moves in it
WAYS = ((1, 0), (-1, 0), (0, 1), (0, -1))  # x, y: a speed's parts that are looked at beside the whole of it
NOTHING = 1e-6  # of a square that moves


def pooled_by_way(velocity: np.ndarray, timing: Timing, cell: int) -> np.ndarray:
    """Velocities (n + pool - 1, h, w, 2) px -> (1 + ways, n, h / cell, w / cell) float32: speed, and its parts in WAYS.

    A mean over a square, followed for the frames of a pool, in which places weigh by how surely they move, and
    STILL_SHARE of the square that stands: so who walks alone is nearly as fast as who walks among others, and little
    that moves is slow. What goes another way is none of a part, so that who comes from the other side takes nothing off
    it. Beyond the picture there is nothing. h and w are multiples of cell.
    """
    return _followed_for(timing, velocity, np.hypot(velocity[..., 0], velocity[..., 1]), cell)


def pooled_along(maps: np.ndarray, velocity: np.ndarray, timing: Timing) -> np.ndarray:
    """What cells hold, maps (n + pool - 1, h / cell, w / cell), in place of how fast they are: (n, h / cell, w / cell)
    float32. It weighs by how surely its cell moves, too."""
    cell = velocity.shape[1] // maps.shape[1]
    return _followed_for(timing, velocity, maps.repeat(cell, axis=1).repeat(cell, axis=2), cell)[0]


def _followed_for(timing: Timing, velocity: np.ndarray, values: np.ndarray, cell: int) -> np.ndarray:
    """Values (n + pool - 1, h, w) and the speed's parts in WAYS as `pooled_by_way` tells."""
    pair, reach = timing.pair, timing.pool // 2
    squares = _in_turns(np.stack([_square(v, own, cell) for v, own in zip(velocity, values, strict=True)]), pair)
    steps = (reach - pair // 2) // pair
    to_sides = [squares[..., 2] - squares[..., 3], squares[..., 4] - squares[..., 5]]
    drift = np.stack(to_sides, axis=3) / np.maximum(squares[..., :1], NOTHING)
    sums = sum(_followed(squares, way * drift / cell, way * pair, steps) for way in (-1, 1)) - squares
    kept = sums[reach : len(velocity) - reach]
    return np.moveaxis(kept[..., 1:] / (kept[..., :1] + STILL_SHARE * (2 * steps + 1)), 3, 0).astype(np.float32)


def _square(velocity: np.ndarray, values: np.ndarray, cell: int) -> np.ndarray:
    """Of the square around each cell, from velocities (h, w, 2): the share that moves, and with that as weight values
    (h, w) and the speed's parts in WAYS, (h / cell, w / cell, 6) float32."""
    x, y = velocity[..., 0], velocity[..., 1]
    speed = np.hypot(x, y)
    moving = speed / (speed + MOVES_PX)
    side = 2 * int(POOL_SHARE * max(speed.shape) / 2) + 1
    grid = [n // cell for n in speed.shape[::-1]]
    parts = [moving, moving * values, *(moving * np.maximum(i * x + j * y, 0) for i, j in WAYS)]
    blurred = (cv2.blur(part, (side, side), borderType=cv2.BORDER_REFLECT) for part in parts)
    return np.stack([cv2.resize(part, grid, interpolation=cv2.INTER_AREA) for part in blurred], axis=2)


def _in_turns(maps: np.ndarray, count: int) -> np.ndarray:
    """The mean of each of maps (n, ...) and its neighbours, `count` in all: between steps none is left out."""
    neighbours = [np.clip(np.arange(len(maps)) + i - count // 2, 0, len(maps) - 1) for i in range(count)]
    return sum((maps[at] for at in neighbours[1:]), maps[neighbours[0]]) / np.float32(count)


def _followed(maps: np.ndarray, drift: np.ndarray, stride: int, steps: int) -> np.ndarray:
    """Sums of maps (n, h, w, c), and of where they are so many strides later, one after another; drift: by one stride,
    (n, h, w, 2) cells."""
    rows, columns = np.indices(maps.shape[1:3], np.float32)
    at = [(columns + each[..., 0], rows + each[..., 1]) for each in drift]
    found = maps
    for _ in range(steps):
        found = maps + _moved(found, at, stride)
    return found


def _moved(maps: np.ndarray, at: Sequence[tuple[np.ndarray, np.ndarray]], stride: int) -> np.ndarray:
    """Maps (n, h, w, 6), of each the one a stride later, where it is at (x, y); without one, nothing."""
    moved = np.zeros_like(maps)
    for i in range(max(0, -stride), min(len(maps), len(maps) - stride)):
        for part in (slice(0, 3), slice(3, 6)):  # OpenCV takes at most four channels
            source = np.ascontiguousarray(maps[i + stride, ..., part])
            moved[i, ..., part] = cv2.remap(source, *at[i], cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return moved
