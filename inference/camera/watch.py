"""Frames as they come, held against what the camera does on quiet days: which are broken, and how.

A frame that is broken says nothing about the scene. The kinds are the reasons of the camera's events:

missing data   little is valid, much is filled with one value at a stroke, or nothing but noise is left
covered        within seconds a picture without detail, in which nothing is where it was: a hand, paint, a leaf
frozen         the picture repeats itself, more often than quiet data do; less noise from the first frame on is none
scene cut      another picture altogether: neither the frame before nor the last sound one looks like it
clouds         much of the solar disc has lost light at once; more than quiet days take from it
camera moved   all of the picture moves, further than on quiet days; its data are sound
out of focus   the scene is still there, but its details are not, more than they lose contrast; its data are sound
light jumped   all of the picture is brighter or darker at a stroke: a flash, an exposure; its data are sound
lit unevenly   the same, but some places by more than others: a lamp of the scene, the sun; its data are sound
"""

import numpy as np

from inference.camera.bounds import Bounds
from inference.camera.light import Transmission
from inference.camera.looks import Alone, Look, alone, pair, same_share
from inference.camera.parts import edges_kept, same_scene, uneven_light

MISSING, FROZEN, CUT, MOVED, CLOUDS = "missing data", "frozen", "scene cut", "camera moved", "clouds"
COVERED, BLURRED, LIT, LAMP = "covered", "out of focus", "light jumped", "lit unevenly"
BROKEN = (MISSING, COVERED, FROZEN, CUT, CLOUDS)
NO_LIGHT = np.zeros(0)
STILL = 0.25  # of what the stretch itself changes by otherwise: a picture that stands still changes by less
SAME = 0.5  # or so many of its pixels are the very same
SCENE = 0.5  # correlation with a sharp picture of the scene: less is none of it
APART_FRAMES = 32  # between the frames that are kept as sharp: a hand on its way to the lens is in neither
COVERING_FRAMES = 50  # in which a lens is covered at most; dusk takes longer
UNEVEN = 0.15  # of the change of light: an exposure's parts differ by 0.1 at most where somebody passes
MOSTLY = 0.75  # of what is not flat on quiet days: so much must be bright, or be filled from the first frame on


def is_cause(kind: str, is_steady: bool) -> bool:
    """Whether the camera is why something stands out in a frame of a kind; '' is none. is_steady: see `Scorer`: what it
    takes off is the camera's motion, and it never saw the scene out of focus or in a flash."""
    return kind not in ("", MOVED) or (kind == MOVED and not is_steady)


class Watch:
    """A stretch of frames in time order; memory of four small pictures."""

    def __init__(self, bounds: Bounds):
        self.bounds = bounds
        self.last: Look | None = None
        self.sound: Look | None = None  # the last frame that was not broken
        self.flat = 1.0  # of that
        self.sharp: list[Look] = []  # one with the details of quiet frames, some 32 to 64 frames ago, and one since
        self.age, self.dull = 0, 0  # frames since that one, and since any such
        self.transmission = Transmission()
        self.repeated = [0 for _ in bounds.repeats]  # frames in a row
        self.changed, self.pairs = 0.0, 0  # the sum of the changes of frames that were not frozen, and their number

    def see(self, look: Look, light: np.ndarray = NO_LIGHT) -> str:
        """What is wrong with the next frame, '' if nothing is. light: of the parts of a solar disc, see `light_of`."""
        facts = alone(look)
        lost = self.transmission.lost(light)
        kind = self._kind(look, facts)
        if kind in ("", CUT, MOVED, BLURRED, LIT, LAMP) and lost > self.bounds.lost_light:
            kind = CLOUDS
        self.last = look
        if kind not in BROKEN:
            self.sound, self.flat = look, facts.flat
        self._remember(look, facts, kind)
        return kind

    def _remember(self, look: Look, facts: Alone, kind: str) -> None:
        self.age, self.dull = self.age + 1, self.dull + (kind != COVERED)
        if (kind in BROKEN and kind != CUT) or facts.detail < self.bounds.detail:
            return
        self.dull = 0
        if kind == CUT:
            self.sharp.clear()
        if not self.sharp or self.age >= APART_FRAMES:
            self.sharp, self.age = [*self.sharp[-1:], look], 0

    def _kind(self, look: Look, facts: Alone) -> str:
        if self._is_missing(facts):
            return MISSING
        if self.last is None:
            return ""
        last = pair(look, self.last, self.bounds.moved_px)
        is_frozen = self._is_frozen(last.change, look, self.last)
        if blind := self._blind(look, facts):
            return blind
        if is_frozen:
            return FROZEN
        if self.sound is None:
            return ""
        since = last if self.sound is self.last else pair(look, self.sound, self.bounds.moved_px)
        if since.moved_px > self.bounds.moved_px:
            return MOVED
        if max(last.kept, since.kept) < self.bounds.kept and not self._is_back(look):
            return CUT
        if since is not last or since.lit <= self.bounds.lit:
            return ""
        return LAMP if uneven_light(look.small, self.last.small) > UNEVEN else LIT

    def _blind(self, look: Look, facts: Alone) -> str:
        """What the lens does to a frame without the details that quiet ones have; '' where it may be the light."""
        if facts.detail >= self.bounds.blurred or not self.sharp:
            return ""
        if same_scene(look.small, self.sharp[0].small) >= SCENE:
            return BLURRED if facts.sharp < self.bounds.sharp else ""
        return COVERED if facts.detail < self.bounds.detail and self.dull < COVERING_FRAMES else ""

    def _is_back(self, look: Look) -> bool:
        """Whether a frame shows again what was there before the lens was covered, or lost its focus."""
        return bool(self.sharp) and edges_kept(look.shown, self.sharp[0].shown) >= self.bounds.kept

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
