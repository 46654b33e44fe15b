"""Places in pixels of the source frames: what eval tells beside those of the reel, where that knows."""

import numpy as np
import pandas as pd

from data.reel.contract import Watched

SOURCE_COLUMNS = ("source_x", "source_y", "source_x0", "source_y0", "source_x1", "source_y1")
EDGE = 1e-6  # what rounding may add to the edge of a pixel


def source_columns(table: pd.DataFrame, frame: np.ndarray, reel: Watched) -> pd.DataFrame | None:
    """SOURCE_COLUMNS of a table with x, y, x0, y0, x1, y1 in reel pixels, by frame (N,); None where that is unknown.

    Bounds are half-open and whole: those of all source pixels that the box touches.
    """
    maps = reel.to_source
    if maps is None:
        return None
    maps = maps[frame if len(maps) > 1 else np.zeros(len(frame), int)]
    x, y = _moved(maps, table["x"], table["y"])
    x0, y0, x1, y1 = (table[name].to_numpy(float) - 0.5 for name in ("x0", "y0", "x1", "y1"))
    corners = np.stack([_moved(maps, x, y) for x in (x0, x1) for y in (y0, y1)]) + 0.5  # (4, 2, N)
    height, width = reel.meta["source_shape"]
    most = np.array([[width], [height]])
    low = np.clip(np.floor(corners.min(0) + EDGE), 0, most).astype(int)
    high = np.clip(np.ceil(corners.max(0) - EDGE), 0, most).astype(int)
    values = (x.round(2), y.round(2), *low, *high)
    return pd.DataFrame(dict(zip(SOURCE_COLUMNS, values, strict=True)), index=table.index)


def _moved(maps: np.ndarray, x, y) -> np.ndarray:
    """Pixels (2, N) of the source, of those of the reel; maps: (N, 2, 3)."""
    x, y = np.asarray(x, float), np.asarray(y, float)
    return maps[:, :, 0].T * x + maps[:, :, 1].T * y + maps[:, :, 2].T


def source_px_per_px(reel: Watched) -> tuple[float, float]:
    """How many source pixels (high, wide) a pixel of the reel holds."""
    if reel.to_source is None:  # of a reel from before it was kept
        height, width = (n / m for n, m in zip(reel.meta["source_shape"], reel.shape[2:], strict=True))
        return height, width
    across, down = np.hypot(*reel.to_source[0, :, :2])
    return float(down), float(across)


def file_clock(seconds: float) -> str:
    """Seconds as a player shows them: 02:05.340, 1:02:05.340."""
    minutes, ms = divmod(round(seconds * 1000), 60_000)
    hours, minutes = divmod(minutes, 60)
    return (f"{hours}:" if hours else "") + f"{minutes:02d}:{ms // 1000:02d}.{ms % 1000:03d}"
