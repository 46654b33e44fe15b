"""Motion and objects together: what `flow` or `objects` finds unusual, whichever stands out more.

Speed is one more kind of evidence, and each kind is in units of its own highest in quiet data: so one threshold holds
for all, and none of them makes it higher for the others. Who runs or rides is seen as `flow` sees him, who stands,
leaves a bag or goes the wrong way as `objects` does.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from data.reel.reel import Reel
from inference.calibration.quiet import QuietRange
from inference.calibration.tail import TailPrior
from inference.events.boxes import Box
from inference.methods.base import Method, all_but
from inference.methods.flow import OpticalFlow
from inference.methods.objects.method import Objects
from inference.methods.usual_pace import unit_of

FLOW, OBJECTS = "flow.", "objects."  # before the names of their arrays


class Said(NamedTuple):
    """What a frame's boxes are told by: the scores (H, W) of speed, in a unit, and of objects, and their words."""

    speed: np.ndarray
    unit: float
    objects: np.ndarray
    words: Callable[[Box], str]

    def __call__(self, box: Box) -> str:
        part = (
            slice(int(box.y0), max(int(box.y1), int(box.y0) + 1)),
            slice(int(box.x0), max(int(box.x1), int(box.x0) + 1)),
        )
        speed = float(self.speed[part].max())
        if speed < self.objects[part].max():
            return self.words(box)
        return f"faster than usual here: {speed * self.unit:.1f} times"


class FlowAndObjects(Method):
    """The higher of the scores of `flow`, in units of its own highest in quiet data, and of `objects`."""

    pictures_only = True
    is_steady = True
    by_speed = True
    _parts: tuple[OpticalFlow, Objects] | None = None
    _said: list[Said]

    @property
    def parts(self) -> tuple[OpticalFlow, Objects]:
        """Both, with what they learnt."""
        if self._parts is None:
            flow, objects = (
                {name.removeprefix(of): array for name, array in self.arrays.items() if name.startswith(of)}
                for of in (FLOW, OBJECTS)
            )
            given = self.scaling, self.clip_length
            self._parts = OpticalFlow(self.settings, flow, *given), Objects(self.settings, objects, *given)
        return self._parts

    @property
    def tail_prior(self) -> TailPrior | None:
        return self.parts[0].tail_prior

    @property
    def before(self) -> int:
        return self.parts[0].before

    @property
    def after(self) -> int:
        return self.parts[0].after

    @property
    def guard(self) -> int:
        return self.parts[0].guard

    def beside(self, k: int, parts: list[list[QuietRange]]) -> list[QuietRange]:
        return all_but(k, parts)

    def fit(self, quiet: Sequence[QuietRange], seed: int) -> None:
        """Both; raises ValueError as they do."""
        parts = self.parts
        for part in parts:
            part.fit(quiet, seed)
        reached = np.maximum(parts[0].arrays["quiet_parts"], 1)  # hardly any, in scenes in which nothing moves
        self._set_parts(*parts, np.array([unit_of(reached)], np.float32))

    def fitted_on(self, quiet: list[QuietRange]) -> "FlowAndObjects":
        copy = FlowAndObjects(self.settings, {}, self.scaling, self.clip_length)
        flow, objects = self.parts
        copy._set_parts(flow.fitted_on(quiet), objects.fitted_on(quiet), self.arrays["unit"])
        return copy

    def _set_parts(self, flow: Method, objects: Method, unit: np.ndarray) -> None:
        self.arrays = {"unit": unit} | {FLOW + name: array for name, array in flow.arrays.items()}
        self.arrays |= {OBJECTS + name: array for name, array in objects.arrays.items()}
        self._parts = None

    def open(self, reel: Reel, begin: int, end: int) -> None:
        for part in self.parts:
            part.open(reel, begin, end)

    def goes_on_at(self, begin: int) -> int:
        return self.parts[1].goes_on_at(begin)

    def compare(self, frames: np.ndarray, valid: np.ndarray) -> tuple[None, np.ndarray]:
        flow, objects = self.parts
        now = slice(self.before, len(frames) - self.after)
        unit = float(self.arrays["unit"][0])
        speed, found = flow.compare(frames, valid)[1] / unit, objects.compare(frames[now], valid[now])[1]
        self._said = [Said(s, unit, o, objects.words(i)) for i, (s, o) in enumerate(zip(speed, found, strict=True))]
        return None, np.maximum(speed, found)

    def words(self, i: int) -> Said:
        return self._said[i]
