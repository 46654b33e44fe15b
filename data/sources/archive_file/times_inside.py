"""Times of pictures in an archive, from a CSV that lies in it beside them, or beside their folder."""

import tempfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import IO

from config import PrepConfig
from data.sources.base import LOOKED_AT_BYTES
from data.sources.tables.sidecar import NAMED, OF_ONE, OF_TIMES, FrameTimes, times_beside

LARGEST, MOST = 2**24, 64  # bytes of a table, and tables, that are looked at
SUFFIXES = (".csv", ".txt")


class TablesInside:
    """The small tables of an archive by name, and which of them turned out to hold times."""

    def __init__(self, archive: Path):
        self.archive = archive
        self.used: set[str] = set()
        self._payloads: dict[str, bytes] = {}

    def note(self, name: str, size: int, opened: Callable[[], IO[bytes]]) -> None:
        """Keep a table that may hold times: an archive may go forwards only."""
        if name.lower().endswith(SUFFIXES) and size <= LARGEST and len(self._payloads) < MOST:
            self._payloads[str(PurePosixPath(name))] = opened().read()

    def name_of(self, folder: str, prep: PrepConfig, is_only: bool) -> str:
        """The table with the times of the pictures in a folder ("." for none), "" where the archive holds none.

        is_only: whether all pictures of the archive lie there, so that a table beside their folder can be of no other.
        """
        here = PurePosixPath(folder)
        own = here if here.name else PurePosixPath(self.archive.name.partition(".")[0])
        places = [own.with_name(f"{own.name}{end}") for end in ("_frame_times.csv", ".csv", *OF_ONE)]
        places += [place / name for place in (here, *(here.parents if is_only else ())) for name in NAMED]
        known = [str(place) for place in places if str(place) in self._payloads]
        as_list = str(own.with_name(f"{own.name}.txt"))  # where a comment in it says so
        known += [as_list] if OF_TIMES.match(self._payloads.get(as_list, b"")[:LOOKED_AT_BYTES]) else []
        return "" if prep.times_csv or not known else known[0]

    def times(self, name: str, prep: PrepConfig) -> FrameTimes | None:
        """The times in a table, or in the one beside the archive where `name` is "". Raises FrameError."""
        if not name:
            return times_beside(self.archive, prep)
        self.used.add(name)
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder, PurePosixPath(name).name)
            place.write_bytes(self._payloads[name])
            return FrameTimes(place, prep)
