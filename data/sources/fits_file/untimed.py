"""Times of FITS whose headers tell none: by a table beside them, or in the order of their names, as pictures have."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from config import PrepConfig
from data.sources.base import Candidate
from data.sources.fits_file.times.cards import NO_TIME
from data.sources.picture_folder.order import in_order
from data.sources.picture_folder.picture_times import NamedTimes
from data.sources.tables.sidecar import find_times_csv

BY_ORDER = "no time in the header: by the order of the names"
BY_TABLE = "no time in the header: that of the table beside it"


def with_times(candidates: list[Candidate], prep: PrepConfig) -> list[Candidate]:
    """The same in their order, those without a time with that of a table, or one step of the settings apart.

    One step only where no frame of the reel and folder tells its time. What is left has its reason still.
    """
    groups: dict[tuple[str, str], list[Candidate]] = {}
    for candidate in candidates:
        if candidate.reason.startswith(NO_TIME):
            groups.setdefault((candidate.home, candidate.reel), []).append(candidate)
    timed = {(c.home, c.reel) for c in candidates if c.time_utc} if groups else set()
    found: dict[tuple, Candidate] = {}
    for (home, reel), own in groups.items():
        has_table = find_times_csv(Path(home), None) is not None or prep.times_csv
        has_step = (prep.sample_interval_sec or prep.frames_per_second) and (home, reel) not in timed
        if has_table or has_step:
            found |= _told(own, Path(home), prep, BY_TABLE if has_table else BY_ORDER)
    return [found.get(candidate.place, candidate) for candidate in candidates] if found else candidates


def _told(own: Sequence[Candidate], home: Path, prep: PrepConfig, flag: str) -> dict[tuple, Candidate]:
    """Frames of one reel and folder, by their places, with their times."""
    by_name = {PurePosixPath(candidate.source).name: candidate for candidate in own}
    names = in_order(by_name)
    times, made = NamedTimes(names, home, prep), {}
    for number, name in enumerate(names):
        facts = {"reason": ""} | times.facts(name, number)
        flags = "; ".join(filter(None, (by_name[name].flags, flag)))
        made[by_name[name].place] = replace(by_name[name], **facts, flags=flags)
    return made
