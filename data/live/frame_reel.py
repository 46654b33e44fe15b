"""A reel of files that still arrive, behind the interface that scorers read reels by: whoever reads waits for them.

A frame goes on as soon as the one before it is there. Where one seems to be missing it is waited for; what comes after
a later one has gone on is a row with its reason, as is a second frame of one time.
"""

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from typing import Any, Protocol, cast

import numpy as np

from config import EvalConfig
from data.live.frame_files import Met
from data.live.kept_reel import KeptFrames, KeptReel
from data.live.open_end import OpenEnd, StretchEnded
from data.messages import logger
from data.reel.gaps import longest_step_s
from data.reel.reel import Reel
from data.sources.base import FrameError

log = logger(__name__)

MISSING_STEPS = 1.5  # of the cadence: a longer step is waited in
# A frame so much later than the one before waits for another one of about its time, or a clock that went wrong once
# would make all that come after it late.
LEAP_S, LEAP_STEPS = 86400.0, 20
STOPPED, LATE = "stopped", "late"
MANY_LATE = 10  # in a row, which is said
REMEMBERED = 1000  # times of frames that a second one is told by


class Files(Protocol):
    """Where files come from."""

    problem: str
    seen: dict  # files that are not whole yet

    def poll(self) -> list[Met]: ...

    def done(self, met: Met) -> None: ...

    def is_as_met(self, met: Met) -> bool: ...


class FrameReel:
    """`kept`, which grows by the files that come. resume: the first frame that was not judged yet; reach: how many
    before it a scorer looks at. told: called for every file that is not used, with its reason."""

    is_series = False

    def __init__(
        self, kept: KeptReel, files: Files, settings: EvalConfig, told: Callable[[str, str], None], resume: int
    ):
        self.kept, self.files, self.settings, self.told, self.resume = kept, files, settings, told, resume
        self.reach = 0
        self.counts: Counter[str] = Counter()
        self.failure: Exception | None = None
        self.drops: deque = deque()
        self.last_problem, self.reason, self.reconnects = "", "", 0
        self.halt, self._lock = threading.Event(), threading.RLock()
        self._waiting: list[Met] = []
        self._begin, self._over = 0, False
        self._stretch_end: int | None = None  # of the one that is read, once it is known
        self._late = 0  # files in a row
        self._times = {row["time_utc"]: row["source"] for row in kept.rows[-REMEMBERED:]}
        self._arrived: dict[int, float] = {}
        self._alive, self._looked = time.monotonic(), -1e9

    def __getattr__(self, name: str) -> Any:
        return getattr(self.kept, name)

    def as_reel(self) -> Reel:
        """This reel, for what reads it by those members of a Reel that it has too."""
        return cast(Reel, self)

    def stop(self) -> None:
        self.halt.set()

    # Files

    def look(self) -> None:
        """Take note of what has come."""
        self._looked = time.monotonic()
        for met in self.files.poll():
            self._alive = time.monotonic()
            if met.reason:
                self._refuse(met, met.reason)
            else:
                self._waiting.append(met)
        if self.files.seen:  # which are still written
            self._alive = time.monotonic()
        self._waiting.sort(key=lambda met: (met.time_utc, met.source))

    def wait_for_first(self) -> bool:
        """Wait for a frame, if none is kept; False where none comes."""
        self.look()
        while not (self._waiting or self.kept.rows):
            if self._is_over():
                return False
            self.look()
        if not self.kept.rows:
            self.kept.set_cadence(cadence_of(self._waiting, self.kept.cadence_s))
            self._pull()  # which tells the time that all others are counted from, and whether there is a sky
        return bool(self.kept.rows)

    def _is_over(self) -> bool:
        """Wait until the next look is due; whether nothing is to be waited for any more."""
        idle_s = self.settings.follow_idle_s
        pause_s = max(0.0, self._looked + self.settings.follow_poll_s - time.monotonic())
        if self.halt.wait(pause_s):
            self.reason = STOPPED
            return True
        if idle_s is not None and self._looked - self._alive > idle_s and all(map(self._is_leap, self._waiting)):
            self.reason = f"no new frame for {idle_s:g} s (eval.follow_idle_s)"
            return True
        return False

    def _refuse(self, met: Met, reason: str) -> None:
        self.counts["left out"] += 1
        self.kept.refuse(met, reason)
        self.files.done(met)
        self.told(met.source, reason)

    def _next(self) -> Met | None:
        """The next frame in time, once it is there; None when no more will be waited for."""
        while not self.halt.is_set():
            while self._waiting and (reason := self._too_late(self._waiting[0])):
                self._refuse(self._waiting.pop(0), reason)
                if reason.startswith(LATE):
                    self._tell_late()
            if self._waiting and self._is_due(self._waiting[0]):
                self._late = 0
                return self._waiting.pop(0)
            if self._is_over():
                leaps, self._waiting = self._waiting, []
                for met in leaps if self.reason != STOPPED else []:
                    self._refuse(met, f"its time is far beyond {self.kept.last_utc}, and no other frame confirms it")
                return None
            self.look()
        self.reason = STOPPED
        return None

    def _too_late(self, met: Met) -> str:
        if met.time_utc in self._times:
            other = self._times[met.time_utc]
            return "changed after it was read" if other == met.source else f"same time as {other}"
        if self.kept.last_utc and met.time_utc <= self.kept.last_utc:
            return f"{LATE}: frames up to {self.kept.last_utc} had gone on before it came"
        return ""

    def _tell_late(self) -> None:
        """Say it where nothing but what is late comes any more: nobody looks at it."""
        self._late += 1
        if self._late == MANY_LATE:
            self.last_problem = f"{MANY_LATE} files in a row are of before {self.kept.last_utc}, and left out"
            log.warning(
                f"{self.kept.name}: {self.last_problem}: was a clock wrong, or put back? Nothing is judged until later "
                f"ones come; to begin anew, stop and move {self.kept.folder.parent} away"
            )

    def _is_leap(self, met: Met) -> bool:
        """Whether a frame is so late that another one has to confirm it, and none does."""
        longest_s = max(LEAP_S, LEAP_STEPS * self.kept.cadence_s)
        if not self.kept.last_utc or self._step_s(met) <= longest_s:
            return False
        near = [abs(self._step_s(met) - self._step_s(other)) <= longest_s for other in self._waiting]
        return sum(near) < 2  # itself, and another one

    def _is_due(self, met: Met) -> bool:
        if self._is_leap(met):
            return False
        if not self.kept.last_utc or time.monotonic() - met.at >= self.settings.follow_late_s:
            return True
        return self._step_s(met) <= MISSING_STEPS * self.kept.cadence_s

    def _step_s(self, met: Met) -> float:
        last, now = (np.datetime64(t, "ms") for t in (self.kept.last_utc, met.time_utc))
        return float((now - last) / np.timedelta64(1, "s"))

    def _pull(self) -> bool:
        """Take in one more frame, or end the stretch, or all; whether the stretch goes on."""
        while (met := self._next()) is not None:
            assert met.candidate is not None  # others were refused when they were met
            try:
                made = self.kept.form.made(met.candidate)
                if not self.files.is_as_met(met):
                    raise FrameError("changed while it was read")  # which is met again
            except (FrameError, OSError) as error:
                self.last_problem = str(error)
                self._refuse(met, str(error))
                continue
            longest_s = longest_step_s(self.kept.cadence_s, self.kept.meta["gap_threshold"])
            is_gap = bool(self.kept.last_utc) and self._step_s(met) > longest_s
            self._stretch_end = self.kept.end if is_gap and self.kept.end > self._begin else self._stretch_end
            self._arrived[self.kept.end] = met.at
            self.kept.append(met, made)
            self.files.done(met)
            self._times[met.time_utc] = met.source
            if len(self._times) > REMEMBERED:
                self._times.pop(next(iter(self._times)))
            self.counts["read"] += 1
            return self._stretch_end is None
        self._over, self._stretch_end = True, self.kept.end
        return False

    # As a reel

    def each_stretch(self) -> Iterator[tuple[int, OpenEnd]]:
        """Begin and open end of every stretch from where was stopped on, as they come."""
        view = self.kept.view()
        at = min(self.resume, self.kept.end - 1) - view.first
        begin = max(view.begin_of(at) + view.first, self.resume - self.reach, view.first) if at >= 0 else view.first
        self.resume = max(self.resume, view.first)
        while not self._over:
            ends = view.gaps[view.gaps + view.first >= begin] + view.first + 1
            self._begin, self._stretch_end = begin, int(ends[0]) if len(ends) else None
            if self.kept.end <= begin and not self._pull() and self.kept.end <= begin:
                return
            yield begin, OpenEnd(self)
            begin = self.reached(2**40)  # of a stretch that is too short to be scored, too
            view = self.kept.view()

    def reached(self, frame: int) -> int:
        with self._lock:
            while self._stretch_end is None and self.kept.end < frame and self._pull():
                pass
            end = self.kept.end if self._stretch_end is None else self._stretch_end
            return min(frame, end)

    def block_end(self, first: int, most: int, after: int) -> int:
        """Whatever is there: frames are worth to be looked at one by one."""
        known = self.reached(first + 1 + after)
        if known < first + 1 + after:
            raise StretchEnded(known)
        end = self.kept.end if self._stretch_end is None else self._stretch_end
        return min(first + most, end - after)

    def read(self, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        found = self.reached(stop)
        if found < stop:
            raise StretchEnded(found)
        return self.kept.read(start, stop)

    def begin_of(self, frame: int) -> int:
        view = self.kept.view()
        return view.begin_of(frame - view.first) + view.first

    def so_far(self) -> KeptFrames:
        return self.kept.view()

    def moment(self, frame: int) -> tuple[float, float]:
        """Time of a frame, s, and for how long its file has been here, s."""
        now = time.monotonic()
        return self.kept.time_s(frame), now - self._arrived.pop(frame, now)

    def release(self, frame: int) -> None:
        """Nothing: the ring forgets by itself."""


def cadence_of(waiting: list[Met], otherwise_s: float) -> float:
    """The median step between frames that wait, s, where these are enough to tell it."""
    times = np.unique(np.array([met.time_utc for met in waiting], "datetime64[ms]"))
    if len(times) < 4:
        return otherwise_s
    return round(float(np.median(np.diff(times) / np.timedelta64(1, "s"))), 6)
