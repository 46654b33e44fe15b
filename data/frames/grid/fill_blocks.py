"""What stands in a picture for pixels that are not there: blocks or rows of one value, and numbers as -9999."""

import numpy as np

from data.fills import FILLS, is_usual
from data.sky.wcs import FrameWcs

USUAL_PX = 32  # of the compression blocks of EIT, LASCO and others
FILLED = "blocks of fill masked"  # among the flags of a frame that had some
ROWS_FILLED = "rows of fill masked"  # the same of rows
MOST = 0.5  # of the blocks looked at: a frame that is constant as a whole is the camera's, and stays

NO_ROWS = np.empty(0, int)
FEWEST_ROWS, FEWEST_COLUMNS = 2, 16  # of one value, and long enough that no detector reads them so
FEWEST = 3  # pixels of one number that stands for missing ones
LEAST, BEYOND_MEASURE = 999, 1e19  # such numbers are this small below 0, or this large
_HUGE = {float(np.float32(value)) for value in FILLS if abs(value) > BEYOND_MEASURE}  # as float32 holds them


def stand_in(
    pixels: np.ndarray, valid: np.ndarray | None, extremes: tuple[int, int] | None = None
) -> tuple[float, int] | None:
    """The number that stands for missing pixels in a frame (H, W), as -9999, -32768 or 1e20, and in how many.

    It lies far off all others, half of their range, or below 0 where none else does. Large numbers that a detector may
    saturate at (32767, 65535) are none. None where there is no such number. extremes: of all pixels, where
    they are known.
    """
    if pixels.dtype.kind not in "if":
        return None
    known = pixels if valid is None else pixels[valid]
    ends = (known.min(initial=0), known.max(initial=0)) if valid is not None or extremes is None else extremes
    value = next((end for end in ends if _stands_for_none(float(end))), None)
    if value is None:
        return None
    others = known[known != value]
    count = known.size - others.size
    if count < FEWEST or not others.size:
        return None
    low, high = float(others.min()), float(others.max())
    is_far = max(low - float(value), float(value) - high) > 0.5 * (high - low) or value < 0 <= low
    return (float(value), count) if is_far else None


def _stands_for_none(value: float) -> bool:
    return value in _HUGE or ((value <= -LEAST or value > BEYOND_MEASURE) and is_usual(value))


def fill_blocks(pixels: np.ndarray, wcs: FrameWcs | None, missing: int, side_px: int = 0) -> np.ndarray:
    """Corners (N, 2), row and column, of blocks that hold nothing but one value, the lowest of any block's middle.

    missing: how many the header tells of; where it tells of none, only blocks that lie wholly on the solar disc are
    looked at, for there no instrument sees one and the same value. side_px: of a block; 0: the usual one.
    """
    side = side_px or USUAL_PX
    rows, columns = (n // side for n in pixels.shape)
    if not (rows and columns) or (not missing and wcs is None):
        return np.empty((0, 2), int)
    middles = pixels[side // 2 :: side, side // 2 :: side][:rows, :columns]  # few: no frame is gone through for this
    finite = middles[np.isfinite(middles)]
    if not len(finite):
        return np.empty((0, 2), int)
    wanted = np.ones(middles.shape, bool) if missing or wcs is None else _on_disc(wcs, middles.shape, side)
    corners = np.argwhere((middles == finite.min()) & wanted) * side
    found = [(y, x) for y, x in corners if np.ptp(pixels[y : y + side, x : x + side]) == 0]
    return np.array(found if len(found) <= MOST * wanted.sum() else [], int).reshape(-1, 2)


def fill_rows(pixels: np.ndarray) -> np.ndarray:
    """Which rows of a frame (H, W) of a detector hold one value from end to end: a readout that was not sent whole.

    They end sharply: half of the row beside them has other values, as it has not where a dark sky is cut off at 0. What
    the first and the last row both have is the frame's own margin. Fewer than two such rows, or nothing else, are none.
    """
    height, width = pixels.shape
    flat = np.arange(height)
    for step in (max(1, width // 2), max(1, width // FEWEST_COLUMNS), 1):  # few rows are gone through to their end
        seen = pixels[flat, ::step]
        flat = flat[(seen == seen[:, :1]).all(axis=1)]
    if width < FEWEST_COLUMNS or not FEWEST_ROWS <= len(flat) < height:
        return NO_ROWS
    values = pixels[flat, 0]
    runs = np.split(flat, np.flatnonzero((np.diff(flat) > 1) | (values[1:] != values[:-1])) + 1)
    if {0, height - 1} <= {*flat.tolist()} and pixels[0, 0] == pixels[-1, 0]:
        runs = [run for run in runs if run[0] != 0 and run[-1] != height - 1]
    lost = np.concatenate([NO_ROWS, *[run for run in runs if _ends_sharply(pixels, run)]])
    return lost if len(lost) >= FEWEST_ROWS else NO_ROWS


def _ends_sharply(pixels: np.ndarray, run: np.ndarray) -> bool:
    beside = [row for row in (run[0] - 1, run[-1] + 1) if 0 <= row < len(pixels)]
    return all((pixels[row] == pixels[run[0], 0]).mean() < 0.5 for row in beside)


def _on_disc(wcs: FrameWcs, shape: tuple[int, ...], side: int) -> np.ndarray:
    """Which blocks (rows, columns) lie on the solar disc with all of their corners; limb.py says how exact that is."""
    x0, y0 = wcs.sun_centre_px
    y, x = np.arange(shape[0] + 1) * side - 0.5 - y0, np.arange(shape[1] + 1) * side - 0.5 - x0
    offsets = np.stack(np.broadcast_arrays(x[None], y[:, None]), axis=-1) @ wcs.matrix.T
    inside = np.hypot(*np.moveaxis(offsets, -1, 0)) < wcs.rsun_arcsec
    return inside[:-1, :-1] & inside[1:, :-1] & inside[:-1, 1:] & inside[1:, 1:]


def without(valid: np.ndarray | None, shape: tuple[int, int], corners: np.ndarray, side_px: int) -> np.ndarray | None:
    """The valid pixels (H, W) but for those of the blocks; None where all are valid."""
    if not len(corners):
        return valid
    side = side_px or USUAL_PX
    left = np.ones(shape, bool) if valid is None else valid.copy()
    for y, x in corners:
        left[y : y + side, x : x + side] = False
    return left


def without_rows(valid: np.ndarray | None, shape: tuple[int, int], rows: np.ndarray) -> np.ndarray | None:
    """The same but for those of some rows."""
    if not len(rows):
        return valid
    left = np.ones(shape, bool) if valid is None else valid.copy()
    left[rows[rows < shape[0]]] = False
    return left
