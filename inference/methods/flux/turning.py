"""How the Sun turns under a fixed grid of pixels: an hour carries the middle of the disc by ten arcsec."""

from typing import NamedTuple

import cv2
import numpy as np

from data.reel.reel import Reel
from inference.camera.light import sky_of
from inference.events.sky import Sky

GRID_PX = 8  # places are this far apart, about; between them the turning is interpolated
LEAST_PX = 0.05  # what moves by less stays: to interpolate would only smooth it


class Places(NamedTuple):
    """Where the pixels of a frame were, (H, W) each, and whether that was in view."""

    x: np.ndarray
    y: np.ndarray
    in_view: np.ndarray


class Turning:
    """Speed (2, h, w) in px a second along x and y, on a grid of places over the whole frame."""

    def __init__(self, speed: np.ndarray):
        self.speed = speed.astype(np.float32)
        self._maps: dict[float, Places | None] = {}

    @staticmethod
    def of(reel: Reel, begin: int, end: int) -> "Turning | None":
        """Of frames [begin, end) of a reel that tells where they lie on the Sun, the camera's pointing included.

        None of another, and of a single frame.
        """
        sky = sky_of(reel)
        return None if sky is None or end - begin < 2 else Turning(_speed(sky, begin, end - 1, reel.shape[2:]))

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


def _speed(sky: Sky, first: int, last: int, shape: tuple[int, int]) -> np.ndarray:
    """How fast places move from frame `first` to `last`, (2, h, w); 0 where it is not known."""
    axes = [np.linspace(0, size - 1, max(2, size // GRID_PX)) for size in shape]
    y, x = (a.ravel() for a in np.meshgrid(*axes, indexing="ij"))
    new_x, new_y = sky.carried(np.full(x.size, first), np.full(x.size, last), x, y)
    seconds = sky.times_s[last] - sky.times_s[first]
    return np.nan_to_num(np.stack([new_x - x, new_y - y])).reshape(2, *map(len, axes)) / seconds
