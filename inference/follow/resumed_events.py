"""Events that whoever starts again goes on with: the same ones are open, with the same numbers."""

from dataclasses import asdict
from typing import Any

import numpy as np

from inference.events.boxes import Box
from inference.follow.events import LiveEvents
from inference.follow.records import Records
from inference.job import Job

MOST_REPLAYED = 5000  # frames with boxes, of events that are still open


class Muted:
    """A log that writes nothing, while what was told before is gone through again."""

    def write(self, kind: str, facts: dict[str, Any], keep: bool = True) -> None:
        """Nothing."""


class ResumedEvents(LiveEvents):
    """As `LiveEvents`, with a state that can be kept. A kill may repeat a line, with the number it had."""

    def __init__(self, job: Job, log: Records, start_utc: np.datetime64 | None):
        super().__init__(job, log, start_utc)
        self.replayed: list[list] = []  # frames with boxes since no event was open
        self.first_track = 0  # the number of the last track before these

    def add(self, frame: int, boxes: list[Box], common: float, time_s: float) -> None:
        if boxes:
            self.replayed.append([frame, time_s, common, self.drift.low, self.drift.high, [asdict(b) for b in boxes]])
        super().add(frame, boxes, common, time_s)

    def is_idle(self) -> bool:
        """Whether nothing that has come so far will be told of."""
        return not self.linker._open and not self.waiting

    def state(self) -> dict[str, Any]:
        """What is to be kept, as JSON."""
        if self.is_idle():
            self.replayed.clear()
        facts = {
            "counts": {name: getattr(self, name) for name in ("opened", "joined", "high", "cameras")},
            "drift": self.drift.state(),
            "numbers": [[t, n] for t, n in self.numbers.items()],
            "tracks": self.linker._started,
            "frames": self.replayed[-MOST_REPLAYED:],
        }
        if self.replayed:
            facts["first_track"] = self.first_track
        else:
            self.first_track = self.linker._started
        return facts

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from such a state."""
        log, self.log = self.log, Muted()
        self.linker._started = self.first_track = state.get("first_track", state["tracks"])
        numbers = dict(map(tuple, state["numbers"]))
        for frame, time_s, common, low, high, boxes in state["frames"]:
            self.drift.low, self.drift.high = low, high
            self.add(frame, [Box(**box) for box in boxes], common, time_s)
        self.log = log
        self.drift.restore(state["drift"])
        self.numbers = numbers
        for name, count in state["counts"].items():
            setattr(self, name, count)
