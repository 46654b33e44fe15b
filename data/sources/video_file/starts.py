"""When a video began, as it says itself: by its own data, by its name, by the subtitles of a drone beside it.

None is used unasked: cameras write local times as UTC, and some the time when they ended.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from config import PrepConfig
from data.messages import logger
from data.sources.base import TableError
from data.sources.picture_folder.dated import clock_of_path
from data.sources.times.cells import times_of
from data.sources.times.in_names.names import time_in_name
from data.sources.times.utc import iso_ms

log = logger(__name__)

FIRST_CLOCKS = "1990"  # before it lie the zeros of clocks: 1904 of MP4, 1970 of others
WHO = {
    "made": "its own data it was made at",
    "name": "its name or folders it is of",
    "subtitles": "its subtitles it began at",
}
OF_APPLE = "com.apple.quicktime.creationdate"
SUBTITLES, HEAD_BYTES = (".srt", ".SRT"), 4096
_MADE = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{1,6})?")
_CLOCK = re.compile(r"(\d{4})[-.:](\d\d)[-.:](\d\d) (\d\d:\d\d:\d\d)(?:[.,](\d{3}))?")  # in DJI's, local


def made_at(metadata: Mapping[str, str]) -> str:
    """When a video was made, by what its container tells: `creation_time`, which is to be UTC, or where Apple's phones
    wrote one the date with its offset, as UTC; "" where it tells none."""
    try:
        moment = datetime.fromisoformat(metadata.get(OF_APPLE, ""))
    except ValueError:
        return metadata.get("creation_time", "")
    if moment.tzinfo is None:
        return metadata.get("creation_time", "")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")


def starts_of(path: Path, made_at: str, prep: PrepConfig, root: Path | None = None) -> dict[str, str]:
    """UTC when a video began, by each of WHO that tells one. Local times are of prep.time_zone.

    made_at: as the function so called tells it. root: the input, below which folders may be called by dates and clocks.
    """
    made = _MADE.match(made_at)
    found = {"made": made[0].replace(" ", "T") if made and made[0] > FIRST_CLOCKS else ""}
    found |= {"name": time_in_name(path.name, prep), "subtitles": _in_subtitles(path, prep)}
    if root and not found["name"]:
        found["name"] = _time_of_path(path, root, prep)
    return {
        who: start_utc.removesuffix(".000000").removesuffix(".000") for who, start_utc in found.items() if start_utc
    }


def _time_of_path(path: Path, root: Path, prep: PrepConfig) -> str:
    """UTC by the folders and the name of a video below the input; "" where they tell none."""
    below = path.relative_to(root)
    places = [folder.parent for folder in path.parents[: len(below.parts) - 1]]
    others = [beside.name for place in places if place.is_dir() for beside in place.iterdir()]
    name = clock_of_path(below, root.resolve().name, others)
    return time_in_name(name, prep) if name else ""


def subtitles_of(path: Path) -> list[Path]:
    """The subtitles that lie beside a video."""
    return [beside for beside in map(path.with_suffix, SUBTITLES) if beside.is_file()]


def _in_subtitles(path: Path, prep: PrepConfig) -> str:
    """The first clock in the subtitles beside a video, which DJI's cameras write for every frame; "" without any."""
    beside = subtitles_of(path)
    if not beside:
        return ""
    with beside[0].open(encoding="utf-8", errors="replace") as stream:
        clock = _CLOCK.search(stream.read(HEAD_BYTES))
    if not clock:
        return ""
    year, month, day, time, ms = clock.groups()
    try:
        utc = times_of(pd.Series([f"{year}-{month}-{day} {time}.{ms or '000'}"], dtype=object), prep).utc
    except TableError:
        return ""
    return "" if utc is None or pd.isna(utc[0]) else iso_ms(utc[0])


def chosen_start(name: str, starts: dict[str, str], prep: PrepConfig) -> str | None:
    """UTC of the first frame by the settings, None where they ask for none; what a video tells unasked is offered."""
    if prep.start_utc:
        return prep.start_utc
    if prep.start_from:
        if prep.start_from not in starts:
            log.warning(f"{name}: no start by prep.start_from {prep.start_from}: its times are relative")
        return starts.get(prep.start_from)
    for who, start_utc in [*starts.items()][:1]:
        log.info(
            f"{name}: times are relative; by {WHO[who]} {start_utc}; if so: prep.start_utc={start_utc}, or for each "
            f"video its own: prep.start_from={who}"
        )
    return None
