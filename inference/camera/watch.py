"""Frames as they come, held against what the camera does on quiet days: which are broken, and how.

A frame that is broken says nothing about the scene. The kinds are the reasons of the camera's events:

missing data   little is valid, much is filled with one value at a stroke, or nothing but noise is left
frozen         the picture repeats itself, more often than quiet data do; less noise from the first frame on is none
scene cut      another picture altogether: neither the frame before nor the last sound one looks like it
clouds         much of the solar disc has lost light at once; more than quiet days take from it
camera moved   all of the picture moves, further than on quiet days; its data are sound
"""

import numpy as np

from inference.camera.bounds import Bounds
from inference.camera.light import Transmission
from inference.camera.looks import Alone, Look, alone, pair, same_share

MISSING, FROZEN, CUT, MOVED, CLOUDS = "missing data", "frozen", "scene cut", "camera moved", "clouds"
BROKEN = (MISSING, FROZEN, CUT, CLOUDS)
NO_LIGHT = np.zeros(0)
STILL = 0.25  # of what the stretch itself changes by otherwise: a picture that stands still changes by less
SAME = 0.5  # or so many of its pixels are the very same
MOSTLY = 0.75  # of what is not flat on quiet days: so much must be bright, or be filled from the first frame on


class Watch:
    """A stretch of frames in time order; memory of two small pictures."""

    def __init__(self, bounds: Bounds):
        self.bounds = bounds
        self.last: Look | None = None
        self.sound: Look | None = None  # the last frame that was not broken
        self.flat = 1.0  # of that
        self.transmission = Transmission()
        self.repeated = [0 for _ in bounds.repeats]  # frames in a row
        self.changed, self.pairs = 0.0, 0  # the sum of the changes of frames that were not frozen, and their number

    def see(self, look: Look, light: np.ndarray = NO_LIGHT) -> str:
        """What is wrong with the next frame, '' if nothing is. light: of the parts of a solar disc, see `light_of`."""
        facts = alone(look)
        lost = self.transmission.lost(light)
        kind = self._kind(look, facts)
        if kind in ("", CUT, MOVED) and lost > self.bounds.lost_light:
            kind = CLOUDS
        self.last = look
        if kind not in BROKEN:
            self.sound, self.flat = look, facts.flat
        return kind

    def _kind(self, look: Look, facts: Alone) -> str:
        if self._is_missing(facts):
            return MISSING
        if self.last is None:
            return ""
        last = pair(look, self.last)
        if self._is_frozen(last.change, look, self.last):
            return FROZEN
        if self.sound is None:
            return ""
        since = last if self.sound is self.last else pair(look, self.sound)
        if since.moved_px > self.bounds.moved_px:
            return MOVED
        return CUT if max(last.kept, since.kept) < self.bounds.kept else ""

    def _is_missing(self, facts: Alone) -> bool:
        if facts.valid < self.bounds.valid or facts.smooth < self.bounds.smooth:
            return True
        # Dusk comes slowly and a flare saturates a part; a fill is there at once.
        at_once = 1.0 if self.sound is None else facts.flat - self.flat
        is_doubtful = self.sound is None or facts.level > self.bounds.brightest
        quiet = self.bounds.quiet_flat
        needed = max(self.bounds.flat, quiet + MOSTLY * (1 - quiet)) if is_doubtful else self.bounds.flat
        return facts.flat > needed and at_once > (self.bounds.flat - quiet) / 2

    def _is_frozen(self, change: float, look: Look, before: Look) -> bool:
        """Whether a frame repeats the one before, as more of them than in quiet data did. A stretch that has always
        changed by so little has less noise, as of a brighter scene or a longer exposure, unless pixels are the same."""
        repeats = self.bounds.repeats
        self.repeated = [n + 1 if change <= r.change else 0 for n, r in zip(self.repeated, repeats, strict=True)]
        if any(n > r.most for n, r in zip(self.repeated, repeats, strict=True)):
            usual = self.changed / max(self.pairs, 1)
            if change <= STILL * usual or same_share(look, before) >= SAME:
                return True
        if np.isfinite(change):
            self.changed, self.pairs = self.changed + change, self.pairs + 1
        return False
