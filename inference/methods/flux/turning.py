"""How the Sun turns under a fixed grid of pixels: an hour carries the middle of the disc by ten arcsec."""

from typing import NamedTuple

import cv2
import numpy as np

from data.reel.reel import Reel
from inference.camera.light import sky_of
from inference.events.instrument import JUMP_PX
from inference.events.sky import Sky, rotated

GRID_PX = 8  # places are this far apart, about; between them the turning is interpolated
LEAST_PX = 0.05  # what moves by less stays: to interpolate would only smooth it


class Places(NamedTuple):
    """Where the pixels of a frame were, (H, W) each, and whether that was in view."""

    x: np.ndarray
    y: np.ndarray
    in_view: np.ndarray


class Turning:
    """Speed (2, h, w) in px a second along x and y, on a grid of places over the whole frame.

    drift: what of it the camera's pointing does in the middle, px a second along x and y.
    """

    def __init__(self, speed: np.ndarray, drift: tuple[float, float] = (0.0, 0.0)):
        self.speed, self.drift = speed.astype(np.float32), drift
        self._maps: dict[float, Places | None] = {}

    @staticmethod
    def of(reel: Reel, begin: int, end: int) -> "Turning | None":
        """Of frames [begin, end) of a reel that tells where they lie on the Sun, a steady drift of the camera included.

        None of another, and of a single frame.
        """
        sky = sky_of(reel)
        return None if sky is None or end - begin < 2 else Turning(*_speed(sky, begin, end - 1, reel.shape[2:]))

    def back(self, flux: np.ndarray, seconds: float) -> np.ndarray:
        """Flux (C, H, W) of so many seconds ago as it would look now; NaN where it was out of view, or unknown."""
        places = self._places(seconds, flux.shape[1:])
        if places is None:
            return flux
        turned = [cv2.remap(c, places.x, places.y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE) for c in flux]
        return np.where(places.in_view, np.stack(turned), np.float32(np.nan))

    def _places(self, seconds: float, shape: tuple[int, ...]) -> "Places | None":
        if seconds not in self._maps:
            self._maps[seconds] = self._made(seconds, shape)
        return self._maps[seconds]

    def _made(self, seconds: float, shape: tuple[int, ...]) -> "Places | None":
        moved = self.speed * np.float32(seconds)
        if np.abs(moved).max() < LEAST_PX:
            return None
        rows, columns = np.indices(shape, np.float32)
        on_grid = [
            places * np.float32((grid - 1) / max(size - 1, 1))
            for places, grid, size in zip((rows, columns), moved.shape[1:], shape, strict=True)
        ]
        x, y = (cv2.remap(m, on_grid[1], on_grid[0], cv2.INTER_LINEAR) for m in moved)
        x, y = columns - x, rows - y
        in_view = (x >= 0) & (y >= 0) & (x <= shape[1] - 1) & (y <= shape[0] - 1)
        return Places(x, y, in_view)


def _speed(sky: Sky, first: int, last: int, shape: tuple[int, int]) -> tuple[np.ndarray, tuple[float, float]]:
    """How fast places move in frames `first` to `last`, (2, h, w), 0 where it is not known; and the middle's drift."""
    axes = [np.linspace(0, size - 1, max(2, size // GRID_PX)) for size in shape]
    y, x = (a.ravel() for a in np.meshgrid(*axes, indexing="ij"))
    frame, later = np.full(x.size, first), np.full(x.size, last)
    seconds = sky.times_s[last] - sky.times_s[first]
    turned = rotated(*sky.pixel_to_hpc(frame, x, y), sky.observer(frame), sky.observer(later), np.full(x.size, seconds))
    new_x, new_y = sky.hpc_to_pixel(frame, *turned)
    drift = _drift(sky, first, last, x, y)
    speed = np.stack([new_x - x, new_y - y]) / seconds + drift
    dx, dy = drift.mean(axis=1).tolist()
    return np.nan_to_num(speed).reshape(2, *map(len, axes)), (dx, dy)


def _drift(sky: Sky, first: int, last: int, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """How fast the camera's pointing carries places (N,) over the grid, (2, N), where it goes steadily.

    Not where it jumps: that is over in a frame, and is seen in the picture; spread over all, it would move all.
    """
    middle = np.array([x.mean()]), np.array([y.mean()])
    pairs = [(k, k + 1) for k in range(first, last)]
    steps = np.array([repointed(sky, *pair, *middle)[:, 0] for pair in pairs])
    is_steady = np.hypot(*(steps - np.median(steps, axis=0)).T) <= JUMP_PX
    steady = [pair for pair, is_one in zip(pairs, is_steady, strict=True) if is_one]
    seconds = sum(sky.times_s[b] - sky.times_s[a] for a, b in steady)
    if not steps[is_steady].any():
        return np.zeros((2, x.size))
    return np.sum([repointed(sky, *pair, x, y) for pair in steady], axis=0) / seconds


def repointed(sky: Sky, frame: int, later: int, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """By how much places (N,) are elsewhere in a later frame, (2, N), for nothing but where the camera points."""
    before, after = np.full(x.size, frame), np.full(x.size, later)
    new_x, new_y = sky.hpc_to_pixel(after, *sky.pixel_to_hpc(before, x, y))
    return np.stack([new_x - x, new_y - y])
