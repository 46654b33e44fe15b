"""What the camera does and the Sun does not: boxes and events that are an instrument's, with the reason.

Nothing is dropped: an event that is taken for the camera's stays in the tables with its reason.
"""

from dataclasses import replace

import cv2
import numpy as np

from data.reel.reel import Reel
from inference.events.boxes import Box
from inference.events.events import CAMERA, UNEXPLAINED, Event
from inference.events.source_place import source_px_per_px

MISSING_BLOCK = "missing data"  # as of a frame that is lost as a whole
SPIKE, BLOCK, POINTING, EXPOSURE = "cosmic ray", "missing block", "pointing jump", "exposure or noise floor"

SPIKE_SHARE = 0.75  # of the change in 2 x 2 pixels; a point source at an imager's resolution puts half of it there
BLOCK_SHARE = 0.9  # of the changed pixels that have one and the same value
SPIKE_SHRINK = 2  # camera pixels in a reel's; further shrunk, a small flare fills one pixel too
JUMP_PX, JUMP_LEFT = 0.4, 0.7  # smallest jump, and how much of the difference it may leave unexplained
CAMERA_Z = 25.0  # robust z of a frame's common mode within the reel
CAMERA_LEVEL = 0.5 / 256  # half a gray level: less shows in no picture


def judged(
    boxes: list[Box], frame: np.ndarray, reconstruction: np.ndarray | None, valid: np.ndarray, resolved: bool
) -> list[Box]:
    """The boxes of one frame (C, H, W), told whether brighter or darker, and the reason of an instrument's traces.

    Without a reconstruction there is nothing to tell by.
    resolved: `is_resolved`, the frame is not shrunk so far that a small source in the scene may lie in one pixel.
    """
    if not boxes or reconstruction is None:
        return boxes
    picture, expected = (np.where(valid, image.mean(axis=0), np.float32(0)) for image in (frame, reconstruction))
    boxes = [replace(box, change=_change(picture, expected, box)) for box in boxes]
    if has_jumped(picture, expected, valid):
        return [replace(box, instrument=POINTING) for box in boxes]
    return [replace(box, instrument=_reason(picture, expected, box, resolved)) for box in boxes]


def explained(boxes: list[Box], reason: str) -> list[Box]:
    """Boxes with a reason for those that have none."""
    return [box if box.instrument else replace(box, instrument=reason) for box in boxes]


def whole_frame(score: np.ndarray, valid: np.ndarray, kind: str) -> Box:
    """The box of a frame that is the camera's as a whole, from its score map (H, W); kind: see camera/watch.py."""
    height, width = score.shape
    seen = score[valid] if valid.any() else np.zeros(1, np.float32)
    place = (0, 0, width, height, (width - 1) / 2, (height - 1) / 2)
    return Box(*place, float(seen.max()), float(seen.mean()), max(int(valid.sum()), 1), CAMERA, kind)


def lost_blocks(lost: np.ndarray, level: float) -> Box:
    """The box of the pixels (H, W) of a frame that were lost in transmission, whatever is seen in the others."""
    rows, columns = np.nonzero(lost)
    bounds = int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1
    place = float(columns.mean()), float(rows.mean())
    return Box(*bounds, *place, level, level, rows.size, CAMERA, MISSING_BLOCK)


def is_resolved(reel: Reel) -> bool:
    """Whether a pixel of the reel holds at most SPIKE_SHRINK pixels of the camera, on either axis."""
    return max(source_px_per_px(reel)) <= 1.01 * SPIKE_SHRINK  # registration may change the scale a little


def _change(picture: np.ndarray, expected: np.ndarray, box: Box) -> str:
    place = slice(box.y0, box.y1), slice(box.x0, box.x1)
    return "brighter" if picture[place].sum() >= expected[place].sum() else "darker"


def _reason(picture: np.ndarray, expected: np.ndarray, box: Box, resolved: bool) -> str:
    around = slice(max(box.y0 - 1, 0), box.y1 + 1), slice(max(box.x0 - 1, 0), box.x1 + 1)
    change = picture[around] - expected[around]
    if resolved and is_spike(change):
        return SPIKE
    return BLOCK if is_block(picture[around], change) else ""


def is_spike(change: np.ndarray) -> bool:
    """Whether a brightening (H, W) lies in 2 x 2 pixels, narrower than any optics would make it."""
    excess = np.maximum(change - np.median(change), 0).astype(np.float32)
    brightest = cv2.boxFilter(excess, -1, (2, 2), normalize=False, borderType=cv2.BORDER_CONSTANT).max()
    return bool(brightest > SPIKE_SHARE * excess.sum() > 0 and change.max() > -change.min())


def is_block(picture: np.ndarray, change: np.ndarray) -> bool:
    """Whether what has darkened has one and the same value everywhere, as telemetry that was filled in has."""
    dark = -change
    changed = picture[dark > 0.5 * dark.max()]
    if changed.size < 4:  # or none: nothing is darker than half of a brightening
        return False
    return bool(np.unique(changed, return_counts=True)[1].max() >= BLOCK_SHARE * changed.size)


def has_jumped(picture: np.ndarray, expected: np.ndarray, valid: np.ndarray) -> bool:
    """Whether the picture (H, W) is the expected one shifted as a whole."""
    return jump_of(picture, expected, valid) is not None


def jump_of(picture: np.ndarray, expected: np.ndarray, valid: np.ndarray) -> tuple[float, float] | None:
    """By how many px along x and y the picture (H, W) is the expected one shifted as a whole; None if it is not.

    Phase correlation, then the shift must explain what differs (`is_explained`).
    """
    if min(picture.shape) < 16:
        return None
    window = cv2.createHanningWindow(picture.shape[::-1], cv2.CV_32F)
    (dx, dy), _ = cv2.phaseCorrelate(expected.astype(np.float32), picture.astype(np.float32), window)
    if not JUMP_PX < np.hypot(dx, dy) < min(picture.shape) / 8:
        return None
    return (dx, dy) if is_explained(picture, expected, valid, dx, dy) else None


def is_explained(picture: np.ndarray, expected: np.ndarray, valid: np.ndarray, dx: float, dy: float) -> bool:
    """Whether a shift by px along x and y explains what differs from the expected picture (H, W), and the opposite one
    does not: between pixels a picture is smoothed, and less noise is no shift."""
    inner = cv2.erode(valid.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    if not inner.any():
        return False
    shifted, opposite = (moved_by(expected.astype(np.float32), sign * dx, sign * dy) for sign in (1, -1))
    after, *others = (float(np.abs(picture - other)[inner].mean()) for other in (shifted, expected, opposite))
    return after < JUMP_LEFT * min(others)


def moved_by(picture: np.ndarray, dx: float, dy: float) -> np.ndarray:
    """A picture (H, W) shifted by px along x and y; what comes in at its edges is like these."""
    move = np.array([[1, 0, dx], [0, 1, dy]], np.float32)
    return cv2.warpAffine(picture, move, picture.shape[::-1], borderMode=cv2.BORDER_REPLICATE)


def camera_frames(common: np.ndarray) -> np.ndarray:
    """Frames in which the camera changed everything at once, from every frame's common mode (T,), NaN unknown: bool.

    A short exposure lifts the noise floor, and such frames stand out of the reel by far.
    """
    known = common[np.isfinite(common)]
    if not len(known):
        return np.zeros(len(common), bool)
    median = np.median(known)
    spread = max(1.4826 * np.median(np.abs(known - median)), 1e-9)
    return (common > median + CAMERA_Z * spread) & (common > CAMERA_LEVEL)


def event_reason(event: Event, camera: np.ndarray) -> str:
    """Why an event is the instrument's, or '' for one of the scene.

    camera: `camera_frames` of the reel. Every one of the event's boxes must have a reason; a spike in one place in
    several frames is no cosmic ray.
    """
    own = list(event.unexplained)
    if len(own) == UNEXPLAINED or not camera[own].all() or (SPIKE in event.reasons and event.n_frames > 1):
        return ""
    return "; ".join([*event.reasons, *([EXPOSURE] if own else [])])
