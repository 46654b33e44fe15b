"""When pictures were taken, by EXIF data or what TIFF and PNG tell, and where a camera's count leaves some out."""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from config import PrepConfig
from data.messages import logger
from data.sources.base import TableError
from data.sources.picture_folder.micro_manager import told_beside
from data.sources.picture_folder.order import without_filling
from data.sources.times.cells import times_of
from data.sources.times.utc import iso_ms

log = logger(__name__)

EXIF_IFD, TAKEN, FRACTION, OFFSET = 0x8769, 0x9003, 0x9291, 0x9011  # DateTimeOriginal and what belongs to it
GPS_IFD, GPS_DATE, GPS_CLOCK = 0x8825, 29, 7
QUARTER_S = 900.0  # by which zones differ from UTC
FEWEST_UNLIKE = 0.9  # of the times: coarser ones tell less than the count
MADE = 306  # DateTime of TIFF: when a file was made, or last changed where it is of another format
CREATED = "Creation Time"  # of PNG, as e-mails, ISO 8601 or EXIF write it
MOST_SET, FAR = 0.2, 3  # of the steps, that go back where a clock was set; usual steps of a count that is another one
FEWEST_SECONDS = 3  # that several pictures each tell a rate
_WHOLE = r"\d{4}:\d\d:\d\d \d\d:\d\d:\d\d"
EVEN = 0.8  # of the steps of a count that leaves some out


def times_taken(paths: Sequence[Path], prep: PrepConfig) -> dict[Path, str]:
    """UTC (ISO 8601 with milliseconds) of pictures, "" of those without; {} where they do not tell them apart.

    Without an offset the times are local in prep.time_zone, or as far from UTC as the GPS times beside them tell, else
    UTC, as those in names are. What Micro-Manager tells beside pictures goes before what is in them.
    """
    if len(paths) < 2:
        return {}
    beside = told_beside(paths)
    if not beside and not _taken(paths[0]).date:
        return {}
    taken = [_as_taken(beside[path]) if beside else _taken(path) for path in paths]
    by_gps = [] if prep.time_zone else _offsets_by_gps(taken)
    texts = [one.date + (one.offset or offset) for one, offset in zip(taken, by_gps or [""] * len(taken), strict=True)]
    cells = pd.Series([text or None for text in texts], dtype=object, name="of the EXIF data")
    try:
        utc = times_of(cells, prep).utc
    except TableError:
        return {}
    if utc is None:
        return {}
    utc = _going_on(paths, utc)
    if (n_unlike := len(np.unique(utc[~np.isnat(utc)]))) < FEWEST_UNLIKE * len(paths):
        in_seconds = all(re.fullmatch(_WHOLE, one.date) and not one.is_made for one in taken)
        if not in_seconds or (apart := _within_seconds(utc)) is None:
            log.info(
                f"{paths[0].parent.name}: {n_unlike} unlike EXIF times of {len(paths)} pictures, that do not tell them "
                "apart, are passed over"
            )
            return {}
        log.info(f"{paths[0].parent.name}: pictures of one second, by their EXIF times, are even parts of it apart")
        utc = apart
    return {path: "" if np.isnat(time) else iso_ms(time) for path, time in zip(paths, utc, strict=True)}


def _within_seconds(utc: np.ndarray) -> np.ndarray | None:
    """Times (N,) of whole seconds, those of one apart by even parts of it, as cameras take several a second; None where
    one is not known, they go back, or are too few to tell a rate.
    """
    if np.isnat(utc).any() or (np.diff(utc) < np.timedelta64(0, "ms")).any():
        return None
    _, first, counts = np.unique(utc, return_index=True, return_counts=True)
    if len(counts) < FEWEST_SECONDS:
        return None
    most = counts.max()
    later = np.arange(len(utc)) - np.repeat(first, counts)
    later[: counts[0]] += most - counts[0]  # its first ones were before the first picture
    return utc + (1000 * later // most).astype("timedelta64[ms]")


@dataclass(frozen=True)
class _Taken:
    """The text of a picture's own time and of its offset, "" where it has none that can be read, and the UTC of GPS;
    is_made: whether the time is that of the file, which may have been made long after the picture."""

    date: str = ""
    offset: str = ""
    gps_utc: datetime | None = None
    is_made: bool = False


def _offsets_by_gps(taken: Sequence[_Taken]) -> list[str]:
    """How far the clock of each picture without an offset is from UTC, as +02:00: that by which GPS differs in most, or
    in many and in it (where summer time ends); [] where GPS tells nothing. The time of GPS may be an old one.
    """
    offsets_min: list[int | None] = [_offset_min(one) for one in taken]
    counts = Counter(offset for offset in offsets_min if offset is not None)
    if not counts:
        return []
    usual, often = counts.most_common(1)[0]
    if 2 * often < counts.total():
        return []
    log.info(f"their clock is {_told(usual)} of UTC by their GPS times; prep.time_zone goes before that")
    many = {offset for offset, count in counts.items() if 4 * count >= counts.total()}
    own = [offset if offset in many else usual for offset in offsets_min]
    return [_told(offset) if one.date and offset is not None else "" for one, offset in zip(taken, own, strict=True)]


def _offset_min(taken: _Taken) -> int | None:
    """Minutes from the UTC of GPS to a picture's own time, where these are whole quarters of an hour to a minute."""
    if not taken.date or taken.offset or taken.gps_utc is None:
        return None
    try:
        ahead_s = (datetime.strptime(taken.date[:19], "%Y:%m:%d %H:%M:%S") - taken.gps_utc).total_seconds()
    except ValueError:
        return None
    quarters = round(ahead_s / QUARTER_S)
    return 15 * quarters if abs(ahead_s - QUARTER_S * quarters) <= 60 and abs(quarters) <= 56 else None


def _told(offset_min: int) -> str:
    return f"{'-' if offset_min < 0 else '+'}{abs(offset_min) // 60:02d}:{abs(offset_min) % 60:02d}"


def _going_on(paths: Sequence[Path], utc: np.ndarray) -> np.ndarray:
    """Times (N,) of pictures in the order of their names; where they go back while the count in the names goes on, the
    clock was set, and what follows is moved behind what was before by the usual step."""
    steps = np.diff(utc)
    back = np.flatnonzero(steps < np.timedelta64(0, "ms"))
    counts = [re.findall(r"\d+", path.stem)[-1:] for path in paths]
    if not len(back) or len({re.sub(r"\d+", "", path.name) for path in paths}) > 1 or not all(counts):
        return utc
    first = int(back[0])
    before, behind = (f"{paths[i].name} of {iso_ms(utc[i])}" for i in (first, first + 1))
    told = f"{paths[0].parent.name}: their EXIF times go back {len(back)} times, first from {before} to {behind}"
    jumps = np.diff([int(count[0]) for count in counts])
    if len(back) > MOST_SET * len(steps) or (jumps[back] > FAR * np.median(jumps)).any() or np.isnat(utc).any():
        log.warning(f"{told}: pictures are in the order of these times; prep.sample_interval_sec takes their count")
        return utc
    usual = np.median(steps[steps > np.timedelta64(0, "ms")].astype(np.int64)).astype("timedelta64[ms]")
    moved = np.where(steps < np.timedelta64(0, "ms"), usual, steps)
    log.warning(
        f"{told}, while the count in their names goes on: a clock was set, and what follows is taken to go on by the "
        "first clock; prep.start_utc and sample_interval_sec go before that"
    )
    return utc[0] + np.r_[np.timedelta64(0, "ms"), np.cumsum(moved)]


def _utc_of_gps(tags: Any) -> datetime | None:
    """The UTC that GPS gave a picture, to the second; None where it gave none."""
    try:
        year, month, day = (int(part) for part in re.split(r"[:\-]", str(tags[GPS_DATE]).strip("\0 ")))
        hour, minute, second = (int(float(part)) for part in tags[GPS_CLOCK])
        return datetime(year, month, day, hour, minute, second)
    except (KeyError, ValueError, TypeError, ZeroDivisionError):
        return None


def _taken(path: Path) -> _Taken:
    try:
        with Image.open(path) as image:
            made = _made(image)
            if made.date and image.format == "PNG" and "exif" not in image.info:
                return made  # Pillow decodes all of it to look for EXIF data behind its pixels
            exif = image.getexif()
            tags, gps = exif.get_ifd(EXIF_IFD), exif.get_ifd(GPS_IFD)
        date = str(tags.get(TAKEN, "")).strip("\0 ")
        fraction, offset = (str(tags.get(tag, "")).strip("\0 ") for tag in (FRACTION, OFFSET))
    except Exception:  # Pillow raises many kinds on damaged files and EXIF data
        return _Taken()
    if not re.fullmatch(_WHOLE, date):
        return made
    date += f".{fraction}" if fraction.isdecimal() and int(fraction) else ""
    return _Taken(date, offset if re.fullmatch(r"[+-]\d\d:\d\d", offset) else "", _utc_of_gps(gps))


def _made(image: Image.Image) -> _Taken:
    """When a TIFF or PNG was made, by itself. tIME of PNG is that of its last change, as by a conversion."""
    if image.format == "TIFF":
        return replace(_of_text(str(getattr(image, "tag_v2", {}).get(MADE, ""))), is_made=True)
    if image.format == "PNG":
        return replace(_of_text(str(image.info.get(CREATED, ""))), is_made=True)
    return _Taken()


def _of_text(text: str) -> _Taken:
    """A time as EXIF, ISO 8601 and e-mails write it; an offset of the last two where they have one."""
    text = re.sub(r"^(\d{4})[:/](\d\d)[:/](\d\d)", r"\1-\2-\3", text.strip("\0 "))
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        try:
            moment = parsedate_to_datetime(text)
        except (ValueError, TypeError, IndexError):
            return _Taken()
    return _as_taken(moment)


def _as_taken(moment: datetime) -> _Taken:
    offset = moment.strftime("%z")
    fraction = f".{moment.microsecond:06d}" if moment.microsecond else ""
    return _Taken(f"{moment:%Y:%m:%d %H:%M:%S}{fraction}", f"{offset[:3]}:{offset[3:5]}" if offset else "")


def places_of(names: Sequence[str]) -> list[int]:
    """The place of each picture, counted from 0, where names in order end in a count that goes on evenly but for those
    it leaves out: 0 1 2 5 of f1 f2 f3 f6. Else just their order.
    """
    stems = [without_filling(unicodedata.normalize("NFC", Path(name).stem)) for name in names]
    found = [re.search(r"\d+(?=\D*$)", stem) for stem in stems]
    others = {(m.string[: m.start()], m.string[m.end() :]) for m in found if m}
    counts = [int(m[0][-15:]) for m in found if m]
    steps = np.diff(counts)
    if (steps < 0).any():  # as order.py puts those of a counter that began anew
        steps = np.where(steps < 0, steps + max(counts) + (min(counts) == 0), steps)
    usual = int(np.median(steps)) if len(steps) else 0
    if None in found or len(others) != 1 or usual < 1 or (steps % usual).any() or (steps == usual).mean() < EVEN:
        return list(range(len(names)))
    return [0, *(np.cumsum(steps) // usual).tolist()]
