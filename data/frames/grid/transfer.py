"""From the levels of a picture back to light: prep.colormap undoes a colour table, prep.transfer the scaling behind it.

Movies of the Sun show the logarithm or the root of what was measured, often in false colours. What a flare adds to a
bright loop can only be compared with what it adds to a dark one once that is undone.
"""

from functools import lru_cache

import numpy as np

from config import PrepConfig
from data.sources.base import LEVEL, Candidate, FrameError

FULL = 255.0
LUMA = np.array([0.299, 0.587, 0.114])  # of a gray level from its colours, ITU-R BT.601, as decoders make it


def is_undone(prep: PrepConfig) -> bool:
    """Whether the settings ask for it."""
    return prep.transfer != "linear" or prep.colormap is not None


def shows_levels(candidate: Candidate) -> bool:
    """Whether its pixels are levels of a picture, and were not measured."""
    return not candidate.is_counts or candidate.unit == LEVEL


def step_of(prep: PrepConfig) -> str:
    """What is done, for reel.json."""
    table = f"colour table {prep.colormap} undone" if prep.colormap else ""
    scale = "" if prep.transfer == "linear" else f"levels taken for the {prep.transfer} of light"
    over = f" over a range of {prep.transfer_range:g}" if prep.transfer == "log" else ""
    return ", ".join(part for part in (table, scale + over) if part)


def to_light(pixels: np.ndarray, prep: PrepConfig) -> np.ndarray:
    """Levels (H, W) uint8 as light, float32 from 0 to 255. Raises FrameError for other levels."""
    if pixels.dtype != np.uint8:
        raise FrameError(f"prep.transfer and prep.colormap are for levels of 8 bits, these pixels are {pixels.dtype}")
    return light_of_levels(prep.transfer, prep.transfer_range, prep.colormap)[pixels]


@lru_cache(maxsize=4)
def light_of_levels(transfer: str, light_range: float, colormap: str | None) -> np.ndarray:
    """The light of each of the 256 levels, float32, 0 to 255 and never falling."""
    shown = np.arange(FULL + 1) / FULL if colormap is None else positions_in(colormap)
    light = {
        "linear": shown,
        "sqrt": np.square(shown),
        "log": (np.power(light_range, shown) - 1) / (light_range - 1),
    }[transfer]
    return (FULL * light).astype(np.float32)


def positions_in(colormap: str) -> np.ndarray:
    """Where in a colour table, 0 to 1, each of the 256 gray levels lies. Raises ValueError for no such table, or one in
    which a level lies at several places."""
    import matplotlib
    import sunpy.visualization.colormaps  # noqa: F401  registers the tables of the instruments

    if colormap not in matplotlib.colormaps:
        raise ValueError(f"prep.colormap {colormap} is no colour table of matplotlib or sunpy; for AIA: sdoaia171 ...")
    colours = matplotlib.colormaps[colormap](np.arange(FULL + 1).astype(int), bytes=True)[:, :3]
    gray = colours @ LUMA
    if (np.diff(gray) < 0).any():
        raise ValueError(
            f"prep.colormap {colormap} is not always brighter for more light, so gray levels can't undo it"
        )
    return np.interp(np.arange(FULL + 1), gray, np.arange(FULL + 1) / FULL)
