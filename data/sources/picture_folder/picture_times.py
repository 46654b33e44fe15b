"""Times of pictures by their names, and of the pages of a stack."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from config import PrepConfig
from data.messages import logger
from data.sources.base import FrameError, TableError
from data.sources.picture_folder.day_folders import YearLast
from data.sources.picture_folder.taken import places_of
from data.sources.tables.sidecar import FrameTimes, find_times_csv, times_beside
from data.sources.times.in_names.elapsed_names import seconds_in_names
from data.sources.times.in_names.names import times_in_names, times_with_folder, untold
from data.sources.times.utc import shift_utc

log = logger(__name__)

BURST = 3  # pictures whose names all hold one time, which is that of the first: 20240305_095950_001
WAYS = "see prep.times_csv, prep.sample_interval_sec, prep.frames_per_second"


def step_of(prep: PrepConfig) -> float:
    """Seconds between pictures that have no times."""
    return 1 / prep.frames_per_second if prep.frames_per_second else prep.sample_interval_sec or 1.0


class NamedTimes:
    """Times of pictures by their names: from a CSV, else from the names where most have one, else by counting.

    names: of all pictures, in order. beside: the folder, or archive, that a CSV belongs to. taken: gives the times in
    their EXIF data by name, {} where there are none. are_all: whether what their count leaves out is not there. table:
    gives the times of a CSV where that lies elsewhere than beside them, and may raise FrameError.
    """

    def __init__(
        self,
        names: Sequence[str],
        beside: Path,
        prep: PrepConfig,
        taken: Callable[[], dict[str, str]] = dict,
        are_all: bool = True,
        table: Callable[[], FrameTimes | None] | None = None,
    ):
        self.where, self.places = "file name", dict(zip(names, places_of(names), strict=True)) if are_all else {}
        self.step_s, self.start_utc, self.problem, self.table = step_of(prep), prep.start_utc, "", None
        self.beside, self.in_names = beside, {}
        self.zone = f" that {prep.time_zone} has once (an hour comes twice, another never)" if prep.time_zone else ""
        try:
            self.table = table() if table else times_beside(beside, prep, len(names))
            told = [""] * len(names) if self.table else times_in_names(names, prep)
            told = told if self.table or any(told) else times_with_folder(_day_of(beside), names, prep)
            if len(names) >= BURST and len(set(told)) == 1 and any(told):
                self.start_utc, told = self.start_utc or told[0], [""] * len(names)
            self.in_names = dict(zip(names, told, strict=True))
        except (FrameError, TableError) as error:
            self.problem = str(error)
        has_times = self.table or self.problem or self.start_utc or any(self.in_names.values())
        self.seconds = {} if has_times else self._elapsed(names, prep)
        is_told = self.table or prep.start_utc or self.problem or any(self.in_names.values()) or prep.frames_per_second
        is_told = is_told or self.seconds
        if not is_told and prep.sample_interval_sec is None and (found := taken()):
            self.in_names, self.where, is_told = found, "EXIF data", True
            log.info(
                f"{beside.name}: the times of its pictures are those of their EXIF data, of TIFF's, PNG's or "
                "Micro-Manager's own"
            )
        self.untold = "" if is_told else self._untold(names)  # said once a picture goes by it

    def _elapsed(self, names: Sequence[str], prep: PrepConfig) -> dict[str, float]:
        """Seconds since a start by name, where all names tell them and the settings say nothing else."""
        seconds = [] if prep.frames_per_second or prep.sample_interval_sec else seconds_in_names(names)
        if seconds:
            log.info(
                f"{self.beside.name}: the names of its {len(names)} files, as {names[-1]}, are taken to tell seconds "
                f"since a start, {seconds[-1]:g} there; prep.sample_interval_sec goes before that"
            )
        return dict(zip(names, seconds, strict=True)) if seconds else {}

    def _untold(self, names: Sequence[str]) -> str:
        left_out = max(self.places.values(), default=-1) + 1 - len(self.places)
        gaps = f"; {left_out} that their count leaves out are missing" if left_out > 0 else ""
        if self.start_utc:
            return (
                f"{self.beside.name}: the names of its {len(names)} files, as {names[0]}, all hold one time, taken for "
                f"that of the first, and the others {self.step_s:g} s apart; see prep.frames_per_second{gaps}"
            )
        return untold(self.beside.name, names, self.step_s) + gaps

    def facts(self, name: str, number: int) -> dict:
        """Candidate fields; a reason for a frame without a time where the others have one."""
        facts = {"time_s": self.seconds.get(name, self.places.get(name, number) * self.step_s)}
        try:
            return facts | self._time(name, number, facts["time_s"])
        except FrameError as error:
            return facts | {"reason": str(error)}

    def _time(self, name: str, number: int, time_s: float) -> dict:
        if self.problem:
            raise FrameError(self.problem)
        if self.table:
            return self.table.facts(number, self.beside / name)
        if any(self.in_names.values()):
            if not self.in_names.get(name):
                raise FrameError(f"no time in the {self.where}{self.zone}, unlike in most of its folder")
            return {"time_utc": self.in_names[name]}
        if self.untold:
            log.info(self.untold)
            self.untold = ""
        return {"time_utc": shift_utc(self.start_utc, time_s)} if self.start_utc else {}


def _day_of(folder: Path) -> str:
    """The name of a folder, with the year first where those beside it tell that it is a day with the year last."""
    beside = [path.name for path in folder.parent.iterdir()] if folder.is_dir() else []
    return YearLast([folder.name, *beside]).turned(folder.name)


class StackTimes:
    """Times of the pages of a stack: from a CSV beside it, else counted from the time in its name or the settings."""

    def __init__(self, path: Path, prep: PrepConfig, shown_s: Sequence[float] = ()):
        """shown_s: how long an animation shows each page."""
        self.path, self.problem, self.table, self.start_utc = path, "", None, None
        is_told = all(shown_s) and not prep.frames_per_second
        steps_s = shown_s if is_told else [step_of(prep)] * len(shown_s)
        self.times_s = np.cumsum([0.0, *steps_s[:-1]]).round(6).tolist()
        if not (is_told or prep.frames_per_second or prep.sample_interval_sec or find_times_csv(path, prep.times_csv)):
            log.info(
                f"{path.name}: no times of its {len(shown_s)} pages are known: they are taken as 1 s apart; {WAYS}"
            )
        try:
            self.table = times_beside(path, prep, len(shown_s))
            self.start_utc = times_in_names([path.name], prep)[0] or prep.start_utc
        except (FrameError, TableError) as error:
            self.problem = str(error)

    def facts(self, number: int) -> dict:
        """Candidate fields of a page by its place among them."""
        facts: dict = {"time_s": self.times_s[number], "reason": self.problem}
        if self.table:
            try:
                return facts | self.table.facts(number, self.path)
            except FrameError as error:
                return facts | {"reason": str(error)}
        return facts | ({"time_utc": shift_utc(self.start_utc, facts["time_s"])} if self.start_utc else {})
