"""Folders named by a date or a clock, as recorders write them, and by DCF's numbers, as cameras do: their pictures are
those of one camera, and are called here as if they lay in one folder.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby, pairwise
from pathlib import Path, PurePath

from data.sources.picture_folder.day_folders import YearLast
from data.sources.picture_folder.moments import by_moments
from data.sources.tables.sidecar import find_times_csv

# Year, month, day, hour, minute, second: the words that may stand before a number of each, and the number.
_FIELDS = (
    ("y(?:ear)?", r"(?:19|20)\d\d"),
    ("mo(?:nth)?", r"0[1-9]|1[0-2]"),
    ("d(?:ay)?", r"0[1-9]|[12]\d|3[01]"),
    ("h(?:ou)?r?", r"[01]\d|2[0-3]"),
    ("m(?:in(?:ute)?)?", r"[0-5]\d"),
    ("s(?:ec(?:ond)?)?", r"[0-5]\d"),
)
_ENDS = (9999, 12, 28, 23, 59, 59)  # that a number of each reaches where it is no count of files
_DATE, _CLOCK = 3, 6  # fields of a date, and of one with its clock
_DAY_OF_YEAR = re.compile(r"((?:19|20)\d\d)[-_.]?([0-3]\d\d)")
_DCF = re.compile(r"[1-9]\d\d([A-Za-z0-9_]{5})")


def _chain(first: int) -> str:
    """The pattern of a field and those that may follow it."""
    word, number = _FIELDS[first]
    following = rf"(?:[-_.: T]?{_chain(first + 1)})?" if first + 1 < len(_FIELDS) else ""
    return rf"(?:{word}[-_ ]?)?({number})(?:(?<=\d)(?:[hms](?![a-z])|{word[0]}(?=\d|$)))?{following}"  # 2021Y07M05D14H


_PARTS = tuple(re.compile(_chain(first), re.IGNORECASE) for first in range(len(_FIELDS)))
_ENDED = tuple(re.compile(_chain(first) + r"(?!\d)", re.IGNORECASE) for first in range(len(_FIELDS)))
_SIGNED = re.compile(r"(.*?(?<!\d))([01]\d|2[0-3])([-_:.h])([0-5]\d)[-_:.m]([0-5]\d)s?(?!\d)")
_OF_AN_HOUR = re.compile(r"(\D+)([0-5]\d)[-_:.m]([0-5]\d)s?(?![._,-]?\d)")  # img_57_05, in a folder of an hour
_GOES_ON = re.compile(r"[._,-]?\d")
_FULL = re.compile(r"(?<!\d)(?:19|20)\d\d[-_.]?[01]\d[-_.]?[0-3]\d(?:[T_ .@-]{0,3})[0-2]\d[-_.h:]?[0-5]\d")


@dataclass(frozen=True)
class _Read:
    """A path as its date and clock tell: what its folders say of it, what else they are called, and its name."""

    camera: tuple[str, ...]  # folders that are no part of the time
    told: tuple[str, ...]  # fields by the folders
    own: tuple[str, ...]  # fields that the name adds
    before: str  # the name around them
    behind: str
    is_signed: bool


@dataclass(frozen=True)
class Called:
    """The folder whose reel a picture is of, and its name there."""

    home: Path
    name: str


def called_by_folders(
    paths: Sequence[Path], root: Path, beside: str = "", has_times: Callable[[Path], bool] | None = None
) -> dict[Path, Called]:
    """What pictures count as by the dates, clocks or numbers that their folders are called by, without those of
    folders that say enough by themselves, or have a CSV of times.

    beside: what the root is called, where that is not its own name. has_times: tells whether a folder has such a CSV,
    where it does not lie on the disk.
    """
    has_times = has_times or (lambda place: find_times_csv(place, None) is not None)
    below = {path: path.relative_to(root) for path in paths}
    found = joined([*dict.fromkeys(below.values())], beside or root.resolve().name)
    called = {path: Called(root / found[own][0], found[own][1]) for path, own in below.items() if own in found}
    places = {place for path, one in called.items() for place in (path.parent, one.home)}
    with_times = set(filter(has_times, places))
    lost = {one.home for path, one in called.items() if not with_times.isdisjoint((path.parent, one.home))}
    folders = {path.parent for path, one in called.items() if one.home in lost}
    folders |= {path.parent for path in paths if path not in called}  # of which some do not
    return {path: one for path, one in called.items() if path.parent not in folders}


def of_several_folders(called: dict[Path, Called]) -> dict[Path, Called]:
    """The same without pictures whose folder is the only one of their camera: it keeps its own name."""
    folders = Counter((one.home, folder) for folder, one in {path.parent: one for path, one in called.items()}.items())
    several = Counter(home for home, _ in folders)
    return {path: one for path, one in called.items() if several[one.home] > 1}


def joined(paths: Sequence[PurePath], beside: str = "") -> dict[PurePath, tuple[PurePath, str]]:
    """The folder that each picture belongs to and what it is called there, by paths below the input; those that their
    own folder says enough of are left out.

    beside: the name of the input's folder, which may be a date.
    """
    days = YearLast(part for path in paths for part in path.parent.parts)
    turned = {PurePath(*map(days.turned, path.parent.parts), path.name): path for path in paths}
    found = {turned[path]: (path, *called) for path, called in _joined([*turned], beside).items()}
    return {own: (own.parent if home == path.parent else home, name) for own, (path, home, name) in found.items()}


def _joined(paths: Sequence[PurePath], beside: str) -> dict[PurePath, tuple[PurePath, str]]:
    """The same for paths whose days have the year first."""
    sites: dict[tuple, list[PurePath]] = defaultdict(list)
    first = _if_date(beside)
    for path in paths:
        parts = (*first, *in_months(path.parent.parts))
        start = next((i for i, part in enumerate(parts) if _PARTS[0].fullmatch(part)), None)
        if start is not None and re.search(r"\d", path.stem):
            sites[parts[:start], len(parts)].append(path)
    found: dict[PurePath, tuple[PurePath, str]] = {}
    for group in sites.values():
        found |= _dated(group, first)
    found |= _by_dcf([path for path in paths if path not in found])
    return found | by_moments([path for path in paths if path not in found])


def clock_of_path(path: PurePath, beside: str = "", others: Iterable[str] = ()) -> str:
    """The date and clock that the folders and the name of one file tell together, as a name that holds both; "" where
    they tell no hour. path: below the input, whose folder is called `beside`. others: folders beside those of the path,
    which may tell whether the day or the month comes first.
    """
    days = YearLast((*path.parent.parts, *others))
    folders = (*_if_date(beside), *in_months(map(days.turned, path.parent.parts)))
    read = next(filter(None, (_read(folders, path.stem, last, True) for last in (_CLOCK, _DATE))), None)
    return _called(read, path.suffix) if read and read.own and len(read.told) + len(read.own) > _DATE else ""


def in_months(parts: Iterable[str]) -> tuple[str, ...]:
    """Folders with days of a year as months and days: 2024/123 as 2024/05/02, 2024-123 and 2024123 as 2024-05-02."""
    found: list[str] = []
    for part in parts:
        below = f"{found[-1]}{part}" if found and len(found[-1]) == len("2024") else ""
        if day := _day_of_year(below):
            found += [f"{day:%m}", f"{day:%d}"]
        else:
            day = _day_of_year(part)
            found.append(f"{day:%Y-%m-%d}" if day else part)
    return tuple(found)


def _day_of_year(text: str) -> datetime | None:
    try:
        return datetime.strptime("".join(at.groups()), "%Y%j") if (at := _DAY_OF_YEAR.fullmatch(text)) else None
    except ValueError:  # 000, or more days than there are
        return None


def _if_date(folder: str) -> tuple[str, ...]:
    """A folder, if it is called by a date, as its months have it."""
    (name,) = in_months((folder,))
    return (name,) if _is_date(name) else ()


def _dated(paths: Sequence[PurePath], first: tuple[str, ...]) -> dict[PurePath, tuple[PurePath, str]]:
    """The same for paths of one depth below folders that are no dates."""
    for last in (_CLOCK, _DATE):  # of folders with a number behind a date, which may be a channel
        read = {path: _read((*first, *in_months(path.parent.parts)), path.stem, last) for path in paths}
        if None not in read.values():
            break
    known: dict[PurePath, _Read] = {path: one for path, one in read.items() if one}
    if len(known) < len(paths):
        return {}
    found: dict[PurePath, tuple[PurePath, str]] = {}
    cameras: dict[tuple[str, ...], list[PurePath]] = defaultdict(list)
    for path, one in known.items():
        cameras[one.camera].append(path)
    for camera, own in cameras.items():
        names = [_called(known[path], path.suffix) for path in own]
        if all(names) and len(set(names)) == len(own) and not _said_enough(own, known) and not _counted(own, known):
            is_day = all(_is_date(path.parent.name) for path in own)
            found |= {
                path: (path.parent if is_day else PurePath(*camera), name)
                for path, name in zip(own, names, strict=True)
            }
    return found


def _read(folders: Iterable[str], stem: str, last: int, is_alone: bool = False) -> _Read | None:
    """What a path tells of its time; None where its name adds nothing, or does not agree with its folders. is_alone:
    whether no others tell a minute from a camera in it."""
    told: list[str] = []
    camera = []
    for part in folders:
        again = _PARTS[0].fullmatch(part)
        fields = [field for field in again.groups() if field] if again else []
        at = _PARTS[len(told)].fullmatch(part) if 0 < len(told) < last else None
        if fields and fields[: len(told)] == told[: len(fields)] and len(fields) >= min(len(told), _DATE):
            told = max(fields, told, key=len)
        elif at:
            told += [field for field in at.groups() if field]
        else:
            camera.append(part)
    if not told:
        return None
    if _FULL.search(stem):
        return _Read(tuple(camera), tuple(told), (), stem, "", True)
    if len(told) >= _DATE and (clock := _SIGNED.match(stem)):
        whole = [*told[:_DATE], clock[2], clock[4], clock[5]]
        if whole[: len(told)] == told:
            own = tuple(whole[_DATE:])
            return _Read(tuple(camera), tuple(told), own, clock[1], stem[clock.end() :], True)
        if len(told) > _DATE + 1 or last == _CLOCK:
            return None
    if not is_alone and len(told) == _DATE + 1 and (clock := _OF_AN_HOUR.match(stem)):
        return _Read(tuple(camera), tuple(told), (clock[2], clock[3]), clock[1], stem[clock.end() :], False)
    at = _ENDED[len(told)].match(stem) if len(told) < _CLOCK else None
    own = tuple(field for field in at.groups() if field) if at else ()
    if at is None or (len(told) + len(own) < _CLOCK and _GOES_ON.match(stem, at.end())):
        return None
    return _Read(tuple(camera), tuple(told), own, "", stem[at.end() :], False)


def _called(one: _Read, suffix: str) -> str:
    """The name of a picture with its whole date and clock; "" where these are none."""
    if not one.own:
        return one.before + suffix
    fields = [*one.told[: _DATE if one.is_signed else None], *one.own]
    if len(fields) < _DATE:
        return ""
    try:
        moment = datetime.strptime(" ".join([*fields, *("00",) * 3][:_CLOCK]), "%Y %m %d %H %M %S")
    except ValueError:
        return ""
    return f"{one.before}{moment:%Y-%m-%d %H-%M-%S}{one.behind}{suffix}"


def _said_enough(paths: Sequence[PurePath], read: dict[PurePath, _Read]) -> bool:
    """Whether names with their folder tell the times, and no folder is of less than a day: each day is a reel then."""
    return all(len(read[path].told) <= _DATE for path in paths) and all(
        read[path].is_signed and (not read[path].own or _is_date(path.parent.name)) for path in paths
    )


def _is_date(folder: str) -> bool:
    return bool(at := _PARTS[0].fullmatch(folder)) and len([*filter(None, at.groups())]) == _DATE


def _counted(paths: Sequence[PurePath], read: dict[PurePath, _Read]) -> bool:
    """Whether digits in names may as well count the files of each folder: by 1 from 0 or 1, and not to the end of a
    minute, an hour or a day; below a day by 1 from anywhere, which no clock keeps past a minute; or all begin with 0.
    """
    if any(read[path].is_signed for path in paths):
        return False
    is_even, fullest, is_small = True, 0, all(len(read[path].own) > 1 and int(read[path].own[0]) == 0 for path in paths)
    for _, group in groupby(sorted(paths), key=lambda path: path.parent):
        own = [read[path] for path in group]
        counts = sorted(int("".join(one.own)) for one in own)
        steps, fullest = {later - one for one, later in pairwise(counts)}, max(fullest, len(counts))
        end = _ENDS[len(own[0].told) + len(own[0].own) - 1]
        by_one = counts[0] in (0, 1) and steps <= {1} and counts[-1] < end
        on_by_one = len(own[0].told) == _DATE and len(own[0].own) > 1 and steps == {1}
        is_even = is_even and (by_one or on_by_one or _count_each(own))
    return (is_even or is_small) and fullest > 1


def _count_each(read: Sequence[_Read]) -> bool:
    """Whether names with two numbers behind a word are files of a camera that the first one tells, counted from 0 or 1
    by the second: img_01_00, img_01_01, img_02_00."""
    if not all(one.before for one in read):
        return False
    counts: dict[str, list[int]] = defaultdict(list)
    for one in read:
        counts[one.own[0]].append(int(one.own[1]))
    return all(
        sorted(own)[0] < 2 and {later - one for one, later in pairwise(sorted(own))} <= {1} for own in counts.values()
    )


def _by_dcf(paths: Sequence[PurePath]) -> dict[PurePath, tuple[PurePath, str]]:
    """The pictures of a camera that went on in a further folder: 100CANON, 101CANON."""
    sites: dict[tuple[PurePath, str], list[PurePath]] = defaultdict(list)
    for path in paths:
        if at := _DCF.fullmatch(path.parent.name):
            sites[path.parent.parent, at[1]].append(path)
    found: dict[PurePath, tuple[PurePath, str]] = {}
    for (place, _), group in sites.items():
        numbers = sorted({int(path.parent.name[:3]) for path in group})
        forms = {re.sub(r"\d{4}$", "", path.stem) for path in group}
        follows = len(numbers) > 1 and numbers[-1] - numbers[0] == len(numbers) - 1
        if follows and len(forms) == 1 and all(re.search(r"\d{4}$", path.stem) for path in group):
            found |= {path: (place, f"{path.parent.name}_{path.name}") for path in group}
    return found
