"""What a stream's events are told to: the lines of events.jsonl, and whoever `eval.follow_alarms` names."""

import base64
import hashlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from data.disk.files import unlike
from data.disk.parts import tidy
from data.messages import amount, logger
from inference.alarms.album import Album, NoAlbum
from inference.alarms.destinations import Alarm, Destination
from inference.alarms.outbox import Outbox
from inference.detection import Detection
from inference.follow.records import JsonLines, now_utc

log = logger(__name__)

ALARMS = ("open", "closed", "new_level")
MOST_MEDIA_BYTES = 3 * 2**20  # of a picture or a clip; brokers and web servers refuse larger messages


class AlarmLog:
    """As JsonLines; each event that opens or closes, and each new level of a series, goes into the outboxes first.

    serial: what numbers of events are counted in, which tells them from those of another time.
    """

    def __init__(self, records: JsonLines, outboxes: Sequence[Outbox], album: Album | NoAlbum, serial: str):
        self.records, self.outboxes, self.album, self.serial = records, outboxes, album, serial
        self.folder = records.folder

    def see(self, found: Detection, caption: str) -> None:
        """A frame that was judged, before its events are told."""
        if self.outboxes:
            self.album.add(found, caption)

    def write(self, kind: str, facts: dict[str, Any], keep: bool = True) -> None:
        if self.outboxes and kind in ALARMS:
            alarm = self._alarm(kind, facts)
            for outbox in self.outboxes:
                outbox.put(alarm)
            facts = {"alarm": alarm["id"]} | facts
        self.records.write(kind, facts, keep)

    def health(self) -> dict[str, Any]:
        """For a status: what waits, was delivered and was lost, and what hinders."""
        if not self.outboxes:
            return {}
        counts = {f"alarms_{name}": sum(getattr(box, name) for box in self.outboxes) for name in COUNTED}
        return counts | {"alarm_problem": next((box.problem for box in self.outboxes if box.problem), None)}

    def _alarm(self, kind: str, facts: dict[str, Any]) -> Alarm:
        is_event = "event" in facts
        number = facts["event" if is_event else "frame"]
        named = {"id": f"{self.serial}-{number}-{kind}", "type": kind, "stream": self.folder.name, "at": now_utc()}
        media = self._media(kind, number, facts.get("joined", ())) if is_event else {}
        return named | facts | media

    def _media(self, kind: str, number: int, joined: Sequence[int]) -> dict[str, str]:
        """Picture of an event that opens, clip of one that closes; none where a full disk has no room to make it.

        joined: events that are parts of it, whose own clips nobody will ask for.
        """
        try:
            if kind == "open":
                self.album.begin(number)
            made = {"picture": self.album.picture()} if kind == "open" else {"clip": self.album.clip(number)}
            for part in joined:
                self.album.forget(part)
        except OSError as error:
            log.warning(f"an alarm goes out without its picture: {error}")
            return {}
        few = {name: data for name, data in made.items() if data and len(data) <= MOST_MEDIA_BYTES}
        return {name: base64.b64encode(data).decode() for name, data in few.items()}


COUNTED = ("waiting", "delivered", "lost")


@contextmanager
def outboxes_of(
    destinations: Sequence[Destination], folder: Path, most_bytes: int, records: JsonLines
) -> Iterator[list[Outbox]]:
    """An Outbox for every destination, below `folder`; what waited there when it ended the last time goes out first."""
    tidy(folder)
    names: list[str] = []
    for each in destinations:  # a new password changes no place, and two that look alike have one each
        names.append(unlike(hashlib.sha256(each.told.encode()).hexdigest()[:12], names))
    places = [folder / "alarms" / name for name in names]
    boxes = [Outbox(place, each, most_bytes, records.write) for each, place in zip(destinations, places, strict=True)]
    if waited := sum(box.waiting for box in boxes):
        log.info(f"{amount(waited, 'alarm')} of before not delivered yet: to go out first")
    with ExitStack() as at_end:
        at_end.callback(_tell_left, boxes, folder.name)
        for box in boxes:
            at_end.callback(box.close)
        yield boxes


def _tell_left(boxes: Sequence[Outbox], name: str) -> None:
    if left := sum(box.waiting for box in boxes):
        log.warning(f"{amount(left, 'alarm')} not delivered: to go out when {name} is followed again")
