"""Blocks of a picture that never reached the ground, and that the archive filled with one value."""

import numpy as np

from data.sky.wcs import FrameWcs

USUAL_PX = 32  # of the compression blocks of EIT, LASCO and others
FILLED = "blocks of fill masked"  # among the flags of a frame that had some
MOST = 0.5  # of the blocks looked at: a frame that is constant as a whole is the camera's, and stays


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
