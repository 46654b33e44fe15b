"""How the camera moved from one frame to the next: a turn, a zoom and a shift that most of the picture shares.

Corners (Shi and Tomasi 1994) are tracked by the method of Lucas and Kanade 1981 in pyramids; the motion is fitted to
half of them or more by least median of squares, and then to all that follow it, all by OpenCV. Who moves in the scene
moves alone, so the motion is taken for the camera's only where it explains what is seen nearly everywhere: a crowd that
walks one way leaves ground between and around itself that stands still.
"""

from functools import lru_cache

import cv2
import numpy as np

from inference.camera.parts import kept_edges

LEAST_PX = 0.06  # rms over the picture, of the frames that it is measured on: below, tracking is no better
CORNERS, LEAST_CORNERS = 400, 12
CORNER_QUALITY, CORNER_SHARE = 0.005, 0.03  # of the best one's; distance between them, of the longer side
WINDOW_SHARE, LEAST_WINDOW_PX = 0.055, 7  # of the longer side, and in px: the square that a corner is tracked by
LANES, LANES_FROM_PX = 8, 64  # px that OpenCV sums at once (a window of 7 takes twice as long as one of 8); longer side
LEAST_OF_GROUND_PX = 0.25  # instead: light that saturates leads corners astray by as much, in what is alike but for it
RETURNED_PX = 0.5  # tracked there and back, a corner that is in both pictures comes home
STAYED = 0.75  # edges kept in place; a picture that moved by FAR_SHARE of its longer side keeps next to none
FAR_SHARE = 1 / 6
TILES, CELLS = 3, 24  # the picture in TILES x TILES parts, and in CELLS x CELLS cells
CLEARLY = 1.2  # a cell is better or worse by more than this factor: noise hardly ever is
BETTER, BETTER_ALL = 2.0, 4.0  # better cells for each that is worse, in a part and in all
TILE_CELLS, LEAST_TILES, AGREEING_SHARE = 6, 4, 0.66  # a part counts from so many cells on; so many agree, and of all


def camera_motion(
    before: np.ndarray, after: np.ndarray, of_ground: bool = False, may_smooth: bool = True, known_px: float = 0.0
) -> np.ndarray | None:
    """Where the places of `after` were in `before`, as (2, 3) float64: x' = M (x, y, 1). None if the camera is still.

    Frames: grey (h, w) uint8. of_ground: whether one of them shows the ground alone, or another time: then nobody goes
    from one to the other, so no crowd can be taken for the camera, and most of the picture has to follow, not all.
    may_smooth: whether a motion counts that is none but for what it smooths, see `is_smoothing`. known_px: None for a
    motion of no more than that (rms) too: whether the picture follows it is not looked at.
    """
    if known_px == np.inf:
        return None
    side = max(after.shape)
    corners = cv2.goodFeaturesToTrack(after, CORNERS, CORNER_QUALITY, max(3.0, CORNER_SHARE * side))
    if corners is None:
        return None
    size = max(LEAST_WINDOW_PX, round(WINDOW_SHARE * side))
    window = LANES * round(size / LANES) if side >= LANES_FROM_PX else size, size
    found, known = _tracked(after, before, corners, window)
    if of_ground:
        back, known_back = _tracked(before, after, found, window)
        known &= known_back & (np.abs(back - corners).max(axis=(1, 2)) < RETURNED_PX)
    corners, found = corners[known, 0], found[known, 0]
    if len(corners) < LEAST_CORNERS:
        return None
    motion, _ = cv2.estimateAffinePartial2D(corners, found, method=cv2.LMEDS)
    moved_px = rms_px(motion, after.shape)
    least_px = LEAST_OF_GROUND_PX if of_ground else LEAST_PX
    if motion is None or moved_px < least_px or moved_px <= known_px:
        return None
    if moved_px > FAR_SHARE * side and kept_edges(after, before) > STAYED:  # to few corners: fish that swarm
        return None
    moved = warped(before, motion)
    is_seen = (is_most if of_ground else is_everywhere)(*agreement(moved, before, after))
    return motion if is_seen and (may_smooth or not is_smoothing(motion, moved, before, after)) else None


def _tracked(
    one: np.ndarray, other: np.ndarray, corners: np.ndarray, window: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Where corners (N, 1, 2) of a picture (h, w) are in another one, (N, 1, 2), and whether that is known, (N,)."""
    found, known, _ = cv2.calcOpticalFlowPyrLK(one, other, corners, np.empty_like(corners), winSize=window)
    return found, known[:, 0] > 0


def agreement(one: np.ndarray, other: np.ndarray, after: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """In how many cells of each part (TILES, TILES) one picture (h, w) is more like `after` than another, and less."""
    near, far = (_cells(cv2.absdiff(picture, after)) for picture in (one, other))
    return _tiles(far > CLEARLY * near), _tiles(near > CLEARLY * far)


def is_smoothing(motion: np.ndarray, moved: np.ndarray, before: np.ndarray, after: np.ndarray) -> bool:
    """Whether the opposite motion brings frames (h, w) about as near to each other as this one, of which `moved` is
    `before` with it.

    Between pixels a picture is smoothed, so that a frame of much noise (a short exposure) is more like the next one
    wherever it is moved to by a part of a pixel.
    """
    opposite = warped(before, cv2.invertAffineTransform(motion))
    return not is_everywhere(*agreement(moved, opposite, after))


def is_everywhere(better: np.ndarray, worse: np.ndarray) -> bool:
    """Whether frames agree better with a motion than without, nearly wherever that differs; see `agreement`."""
    counted = better + worse >= TILE_CELLS
    agreeing = counted & (better > BETTER * worse)
    is_nearly_all = agreeing.sum() >= max(LEAST_TILES, AGREEING_SHARE * counted.sum())
    return bool(is_nearly_all and better.sum() >= BETTER_ALL * worse.sum())


def is_most(better: np.ndarray, worse: np.ndarray) -> bool:
    """Whether they do in most of the picture."""
    agreeing = (better + worse >= TILE_CELLS) & (better > worse)
    return bool(agreeing.sum() >= LEAST_TILES and better.sum() >= BETTER * worse.sum())


def _cells(difference: np.ndarray) -> np.ndarray:
    """Means (k, l) of cells of a picture (h, w), CELLS of them on either side."""
    return cv2.resize(difference.astype(np.float32), (CELLS, CELLS), interpolation=cv2.INTER_AREA)


def _tiles(which: np.ndarray) -> np.ndarray:
    """How many cells (CELLS, CELLS) are True in each of TILES x TILES parts."""
    side = CELLS // TILES
    return which.reshape(TILES, side, TILES, side).sum(axis=(1, 3))


def rms_px(motion: np.ndarray | None, shape: tuple[int, ...]) -> float:
    """How far the places of a picture (h, w) are moved, root mean square; 0 where the camera is still."""
    if motion is None:
        return 0.0
    places = _places(shape)
    return float(np.sqrt(np.mean(np.sum((places @ motion[:, :2].T + motion[:, 2] - places) ** 2, axis=1))))


@lru_cache(maxsize=16)
def _places(shape: tuple[int, ...]) -> np.ndarray:
    """Places x, y (81, 2) all over a picture (h, w)."""
    y, x = np.mgrid[0 : shape[0] - 1 : 9j, 0 : shape[1] - 1 : 9j]
    return np.stack([x.ravel(), y.ravel()], axis=1)


def steadied(before: np.ndarray, after: np.ndarray, of_ground: bool = False) -> np.ndarray:
    """The frame `before` as the camera would have seen it from where it was for `after`; itself if it stood still.

    What it could not have seen is as in `after`. Frames: grey (h, w) uint8. of_ground: see `camera_motion`.
    """
    motion = camera_motion(before, after, of_ground)
    if motion is None:
        return before
    size, flags = after.shape[::-1], cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
    seen = cv2.warpAffine(np.ones_like(before), motion, size, flags=flags)
    return np.where(seen > 0, warped(before, motion), after)


def warped(frame: np.ndarray, motion: np.ndarray) -> np.ndarray:
    """A frame (h, w) with each place taken from where the motion says."""
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(frame, motion, frame.shape[::-1], flags=flags, borderMode=cv2.BORDER_REPLICATE)
