"""The frames before the present one, as they would look now: what the present one is compared with.

They are turned with the Sun, and moved with the camera where its pointing jumped, whether headers tell that or not.
What a coded movie repeats is of the time when it was coded, and what its key frame codes anew is of all the time since.
"""

from collections import deque
from collections.abc import Callable

import cv2
import numpy as np

from inference.events.instrument import JUMP_PX, is_explained, jump_of
from inference.methods.flux.carried import Moment, pointing_px
from inference.methods.flux.turning import Turning

MEDIAN_OF, LATEST = 5, 3  # frames of a background, spread evenly over its reach; latest ones that are taken together
LEAST_KNOWN = 3  # of the frames of a background
REPEATED, STILL_REPEATED = 0.1, 0.5  # share of places that a coded movie repeats, and of these that a key frame does
Shift = tuple[float, float]  # px along x and y
Root = Callable[[np.ndarray], np.ndarray]


def _of_light(flux: np.ndarray) -> np.ndarray:
    return np.sqrt(np.maximum(flux, 0).sum(axis=0))


def _of_signed(flux: np.ndarray) -> np.ndarray:
    return (np.sign(flux) * np.sqrt(np.abs(flux))).sum(axis=0)


ROOTS: tuple[Root, Root] = _of_light, _of_signed  # of light there is none below zero but noise


def frames_back(near: int, far: int) -> list[int]:
    """How far back the frames of a background lie, nearest first."""
    return np.linspace(near, far, MEDIAN_OF).round().astype(int).tolist()


class Earlier:
    """The latest frames of flux of one stretch, (C, H, W) float32 each, NaN unknown, in time order.

    is_signed: the flux is a field or a velocity, of which what is below zero is as strong as what is above.
    """

    def __init__(self, reach: int, cadence_s: float, turning: Turning | None, is_signed: bool = False):
        self.reach, self.frames, self._root = reach, deque[np.ndarray](maxlen=reach + 1), ROOTS[is_signed]
        self.cadence_s, self.turning = cadence_s, turning
        self._moment: Moment | None = None  # of the latest frame
        self._repeated = deque[np.ndarray](maxlen=reach + 1)  # of each frame: for how many it was so, 255 at most
        self._is_anew = deque[bool](maxlen=reach + 1)  # of each frame, whether it is a coded movie's key frame

    def push(self, flux: np.ndarray, moment: Moment | None = None) -> None:
        told, self._moment = self._told(moment, flux.shape[1:]), moment
        if self.frames and (jump := _jump(self.frames[-1], flux, told, self._root)):
            self.frames = deque((_moved(frame, *jump) for frame in self.frames), self.reach + 1)
            self._repeated = deque((np.zeros_like(each) for each in self._repeated), self.reach + 1)
        repeated = self._repeats(flux)
        before, now = (np.count_nonzero(each) for each in (self._repeated[-1] if self.frames else 0, repeated))
        self._is_anew.append(bool(before > REPEATED * flux.size and now < STILL_REPEATED * before))
        self._repeated.append(repeated)
        self.frames.append(flux)

    def _repeats(self, flux: np.ndarray) -> np.ndarray:
        """For how many frames each place (C, H, W) uint8 has been what it is, to the last bit."""
        if not self.frames:
            return np.zeros(flux.shape, np.uint8)
        return np.where(flux == self.frames[-1], np.minimum(self._repeated[-1], 254) + np.uint8(1), np.uint8(0))

    def _told(self, moment: Moment | None, shape: tuple[int, ...]) -> Shift | None:
        """By how many px along x and y headers tell that the pointing jumped since the latest frame, beyond its drift;
        None if they don't."""
        if not (moment and self._moment):
            return None
        drift = self.turning.drift if self.turning else (0.0, 0.0)
        seconds = moment.at_s - self._moment.at_s
        steps = pointing_px(moment, self._moment, shape)
        dx, dy = (step - seconds * speed for step, speed in zip(steps, drift, strict=True))
        return (dx, dy) if np.hypot(dx, dy) > JUMP_PX else None

    def background(self, near: int, far: int) -> np.ndarray:
        """The median (C, H, W) over frames `near` to `far` before the latest; NaN where fewer than three are known."""
        known = [b for b in frames_back(near, far) if b < len(self.frames)]
        if len(known) < LEAST_KNOWN:
            return np.full_like(self.frames[-1], np.nan)
        unknown = [np.full_like(self.frames[-1], np.nan)] * (MEDIAN_OF - len(known))
        return median_of_five(np.stack([self._back(b) for b in known] + unknown))

    def apart(self, near: int, far: int) -> np.ndarray | None:
        """How many frames lie between what is compared with that background, at every place (C, H, W), where a key
        frame has come meanwhile: more than told where it was repeated before. None where none has.

        Else a coded movie codes anew what has changed, and what it held back before was less than that.
        """
        known = [b for b in frames_back(near, far) if b < len(self.frames)]
        if len(known) < LEAST_KNOWN:
            return None
        middle = known[len(known) // 2]
        then, now = (self._repeated[-1 - back].astype(int) for back in (middle, 0))
        return middle + then - now if any(list(self._is_anew)[-middle:]) else None

    def latest(self, near: int) -> np.ndarray:
        """What is compared with a background that begins `near` frames back, (C, H, W).

        Where the latest frames are none of the background's, their median: noise is less, and a spike of one frame is
        none of a slow rise.
        """
        now = self.frames[-1]
        if near < LATEST or len(self.frames) < LATEST:
            return now
        a, b = (np.where(np.isnan(before), now, before) for before in (self._back(1), self._back(2)))
        return np.maximum(np.minimum(a, b), np.minimum(np.maximum(a, b), now))

    def _back(self, frames: int) -> np.ndarray:
        flux = self.frames[-1 - frames]
        return self.turning.back(flux, frames * self.cadence_s) if self.turning else flux


def _jump(before: np.ndarray, after: np.ndarray, told: Shift | None = None, root: Root = _of_light) -> Shift | None:
    """By how many px along x and y the camera's pointing jumped between frames (C, H, W); None if it did not.

    As headers tell, where that is to be seen; else as it is seen. By the roots of all channels, lest a flare be most of
    what is seen.
    """
    valid = np.asarray(np.isfinite(before + after).all(axis=0))
    if not valid.any():
        return None
    old, new = (root(np.where(valid, flux, 0)) for flux in (before, after))
    found = told if told and is_explained(new, old, valid, *told) else jump_of(new, old, valid)
    return found and _refined(old, new, valid, *found)


def _refined(old: np.ndarray, new: np.ndarray, valid: np.ndarray, dx: float, dy: float) -> Shift:
    """A shift that is known to some tenths of a pixel, better: by the enhanced correlation coefficient (Evangelidis and
    Psarakis 2008, IEEE TPAMI 30, 1858)."""
    move = np.array([[1, 0, -dx], [0, 1, -dy]], np.float32)  # from places of the new picture to those of the old
    mask = valid.astype(np.uint8)
    until = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 50, 1e-5)
    try:
        _, move = cv2.findTransformECC(new, old, move, cv2.MOTION_TRANSLATION, until, mask, 5)
    except cv2.error:  # it does not converge
        return dx, dy
    x, y = (-move[:, 2]).tolist()
    return (x, y) if np.hypot(x - dx, y - dy) < 1 else (dx, dy)


def _moved(flux: np.ndarray, dx: float, dy: float) -> np.ndarray:
    """Flux (C, H, W) shifted by px along x and y; NaN where that was out of view, or is not known."""
    move, size = np.array([[1, 0, dx], [0, 1, dy]], np.float32), flux.shape[:0:-1]
    edge = cv2.BORDER_CONSTANT
    moved = [cv2.warpAffine(c, move, size, flags=cv2.INTER_CUBIC, borderMode=edge, borderValue=np.nan) for c in flux]
    return np.stack(moved)


def median_of_five(values: np.ndarray) -> np.ndarray:
    """The median (...) of values (5, ...), NaN unknown: of three or four where others are unknown, NaN of fewer.

    Five are compared in pairs, all places at once, which takes a tenth of the time of sorting.
    """
    a, b, c, d, e = values
    a, b, d, e = np.minimum(a, b), np.maximum(a, b), np.minimum(d, e), np.maximum(d, e)
    d, b = np.maximum(a, d), np.minimum(b, e)  # the smallest and the largest of these four are out
    median = np.maximum(np.minimum(b, c), np.minimum(np.maximum(b, c), d))
    partly = np.isnan(median)
    if partly.any():
        partly[partly] = np.isnan(values[:, partly]).sum(axis=0) <= 2
        median[partly] = np.nanmedian(values[:, partly], axis=0)
    return median
