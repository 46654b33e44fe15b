"""Alarms that wait for one destination: on the disk until they are delivered, in order, at least once.

An alarm is on the disk before the event is told anywhere else, and goes from there when its destination has taken it. A
kill between both delivers it twice, with the same `id`. While the disk has no room for one it waits in memory, which a
kill at that time loses.
"""

import json
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from data.disk.damage import Damaged, read_json
from data.disk.files import write_text
from data.disk.parts import tidy
from data.messages import amount
from inference.alarms.destinations import Alarm, Destination, Refused, without_media

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 60.0  # before it is tried again
CLOSING_S = 10.0  # for what still waits at the end
MOST_IN_MEMORY = 200  # while the disk is full, without pictures
DIGITS = 12

Tell = Callable[[str, dict[str, Any]], None]


class Outbox:
    """Alarms for one destination, kept in `folder`; a thread delivers them.

    most_bytes: on the disk; where more would wait the oldest are given up. tell: called with a kind and facts for all
    that is given up. `problem`: why it could not deliver, "" when it could.
    """

    def __init__(self, folder: Path, destination: Destination, most_bytes: int, tell: Tell):
        self.folder, self.destination, self.most_bytes, self.tell = folder, destination, most_bytes, tell
        self.problem, self.delivered, self.lost = "", 0, 0
        tidy(folder)
        self._kept = {number_of(path): path.stat().st_size for path in folder.glob(f"{'[0-9]' * DIGITS}.json")}
        self._unsaved: deque[tuple[int, Alarm]] = deque()
        self._next = max(self._kept, default=0) + 1
        self._lock, self._woken = threading.Lock(), threading.Event()
        self._closing, self._over = False, threading.Event()
        self._thread = threading.Thread(target=self._deliver, name=f"alarms to {destination.told}", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Alarms that are not delivered yet."""
        with self._lock:
            return len(self._kept) + len(self._unsaved)

    def put(self, alarm: Alarm) -> None:
        """Take in an alarm: it is on the disk when this returns, or in memory while that is full."""
        with self._lock:
            number, self._next = self._next, self._next + 1
            self._unsaved.append((number, alarm))
            self._save_all()
            lost = self._give_up()
        self._woken.set()
        for each in lost:
            self._tell_lost(each, "too many alarms wait (eval.follow_alarms_mb)")

    def close(self, patience_s: float | None = None) -> None:
        """Deliver what waits for as long as it may take; the rest stays on the disk for the next time."""
        self._closing = True
        self._woken.set()
        self._thread.join(CLOSING_S if patience_s is None else patience_s)
        self._over.set()
        self._woken.set()
        with self._lock:
            reason = self._save_all()
            if self._unsaved:
                raise OSError(f"{amount(len(self._unsaved), 'alarm')} to {self.destination.told} lost: {reason}")

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:0{DIGITS}d}.json"

    def _save_all(self) -> str:
        """Put on the disk what is only in memory; without its picture where there is too little room for that.

        Returns why some still is in memory alone; "" when all is on the disk.
        """
        try:
            while self._unsaved:
                number, alarm = self._unsaved[0]
                try:
                    self._save(number, alarm)
                except OSError:
                    self._unsaved[0] = number, without_media(alarm)
                    self._save(number, without_media(alarm))
                self._unsaved.popleft()
        except OSError as error:
            self.problem = reason = str(error)  # the thread that delivers may tell another one of its own
            return reason
        return ""

    def _save(self, number: int, alarm: Alarm) -> None:
        text = json.dumps(alarm, allow_nan=False)
        write_text(self._path(number), text, durable=True)
        self._kept[number] = len(text)

    def _give_up(self) -> list[Alarm]:
        """Take away the oldest ones beyond the limits."""
        lost: list[Alarm] = []
        while sum(self._kept.values()) > self.most_bytes and len(self._kept) > 1:
            number = min(self._kept)
            with suppress(OSError, Damaged):
                lost.append(read_json(self._path(number), ""))
            self._forget(number)
        while len(self._unsaved) > MOST_IN_MEMORY:
            lost.append(self._unsaved.popleft()[1])
        return lost

    def _forget(self, number: int) -> None:
        self._kept.pop(number, None)
        self._unsaved = deque(entry for entry in self._unsaved if entry[0] != number)
        self._path(number).unlink(missing_ok=True)

    def _deliver(self) -> None:
        pause_s = FIRST_PAUSE_S
        while not self._over.is_set():
            number = self._oldest()
            if number is None:
                if self._closing:
                    return
                self._woken.wait()
                self._woken.clear()
            elif self._is_done_with(number):
                pause_s = FIRST_PAUSE_S
                with self._lock:
                    self._forget(number)
            else:
                self._over.wait(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
            with self._lock:
                self._save_all()

    def _oldest(self) -> int | None:
        with self._lock:
            return min([*self._kept, *(number for number, _ in self._unsaved)], default=None)

    def _is_done_with(self, number: int) -> bool:
        """Whether an alarm need not be kept: it is delivered, or told as damaged or refused for good."""
        try:
            alarm = self._read(number)
        except (OSError, Damaged) as error:
            with self._lock:
                is_given_up = number not in self._kept  # meanwhile, and that was told
            return is_given_up or self._tell_lost({}, str(error))
        try:
            self.destination.send(alarm)
        except Refused as error:
            self.problem = ""
            return self._tell_lost(alarm, str(error))
        except Exception as error:  # OSError, and whatever a library may raise: the next alarm must not be lost by it
            self.problem = str(error) or type(error).__name__
            return False
        self.problem = ""
        self.delivered += 1
        return True

    def _read(self, number: int) -> Alarm:
        with self._lock:
            unsaved = next((alarm for other, alarm in self._unsaved if other == number), None)
        return unsaved if unsaved is not None else read_json(self._path(number), "it was not delivered")

    def _tell_lost(self, alarm: Alarm, reason: str) -> bool:
        """Tell of an alarm that is given up, unless who is told has gone: the next one to open the folder tells it."""
        if self._over.is_set():
            return False
        self.lost += 1
        named = {name: alarm[name] for name in ("id", "event") if name in alarm}
        self.tell("alarm_lost", {"to": self.destination.told, "reason": reason, **named})
        return True


def number_of(path: Path) -> int:
    """The number of an alarm that waits: its file's name."""
    return int(path.stem)
