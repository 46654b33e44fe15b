"""Times in the names of files: found there as text, and read as the cells of a table are.

The names of a folder are looked at together: what they have in common tells a fraction of a second from a counter, and
a zone from a number.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pandas as pd

from config import PrepConfig
from data.messages import logger
from data.sources.base import TableError
from data.sources.times.cells import times_of
from data.sources.times.in_names.bursts import spread
from data.sources.times.in_names.epoch_names import EPOCH, are_clocks, with_fractions
from data.sources.times.other_forms import IN_ENGLISH
from data.sources.times.texts import MONTH_NAMES, month_of
from data.sources.times.utc import iso_ms
from data.sources.times.zones.zone_names import known_names

log = logger(__name__)

_BETWEEN = r"(?:[T_ .@,-]{0,3}|\+(?=\d\d[-_:.;h]?\d\d[-_:.;m]?\d\d)|[_ ](?:at|um|om|kl\.?|klo|à|às|a las|alle|o|в)[_ ])"
_NO_SIZE = r"(?!(?:256|512|1024|2048|4096)_(?:0\d{3}|1[67]00|4500|HMI))"  # of SDO's pictures: 20240510_1024_0171
_CLOCK = (
    _NO_SIZE
    + r"(?P<hour>\d\d|\d(?=[-_:.;h]))(?P<colon>[-_:.;]?|h)(?P<minute>\d\d)(?:(?:(?P=colon)|m)(?P<second>\d\d)s?)?"
    rf"(?:(?P<point>[._,-]?){_NO_SIZE}(?P<fraction>\d{{3}}|\d{{6}}|\d{{9}}|\d\d(?=\.[A-Za-z]\w{{1,4}}$))(?!\d))?"
    r"(?:[ _]{0,2}(?P<half>(?i:[ap](?:\. ?)?m))(?![A-Za-z]))?"
    r"(?P<zone>Z|[_ ]?\(?(?:UTC|GMT)(?:[+-]\d{1,2}(?::?(?:00|15|30|45))?)?\)?|[+-]\d\d[:.]?(?:00|15|30|45)"
    r"|[ _-]?\(?[A-Z]{3,4}\)?(?![A-Za-z]))?(?![\d])"
)
_YEAR_FIRST = (
    r"(?<!\d)(?P<year>(?:19|20)\d\d)(?P<dash>[-_.]?)(?P<month>0[1-9]|1[0-2])(?P=dash)(?P<day>0[1-9]|[12]\d|3[01])"
)
_YEAR_LAST = r"(?<!\d)(?P<a>\d\d|\d(?=[-_.]))(?P<dash>[-_.]?)(?P<b>\d\d|\d(?=[-_.]))(?P=dash)(?P<year>(?:19|20)\d\d)"
_DAY_FIRST = r"(?<!\d)(?P<a>\d\d?)(?P<dash>[-_.])(?P<b>\d\d?)(?P=dash)(?P<year>(?:19|20)\d\d)"  # or the month
# A clock that a folder named by its date may hold; digits without signs between them may as well be a count.
_CLOCK_ALONE = re.compile(r"[^\d]*(?:[01]\d|2[0-3])([-_:.h])[0-5]\d[-_:.m][0-5]\d")
_MONTH_WITH_DAY = (  # dashcams': 2024_0305_095950
    r"(?<!\d)(?P<year>(?:19|20)\d\d)[-_.](?P<month>0[1-9]|1[0-2])(?P<day>0[1-9]|[12]\d|3[01])[-_. T]"
    r"(?P<hour>[01]\d|2[0-3])(?P<colon>[-_:.]?)(?P<minute>[0-5]\d)(?P=colon)(?P<second>[0-5]\d)(?!\d)"
)
_DAY_OF_YEAR = (  # GOES' with tenths of a second: s20211861430203
    r"(?<!\d)(?P<year>(?:19|20)\d\d)(?P<nth>\d{3})_?(?P<hour>\d\d)(?P<minute>\d\d)"
    r"(?:(?P<second>\d\d)(?P<fraction>\d)?|\d)?(?!\d)"
)
_WITH_LETTERS = (  # IncuCyte's
    r"(?<!\d)(?P<year>(?:19|20)\d\d)y(?P<month>0[1-9]|1[0-2])m(?P<day>0[1-9]|[12]\d|3[01])d"
    r"_(?P<hour>\d\d)h(?P<minute>\d\d)m(?:(?P<second>\d\d)s)?"
)
_OTHER_MONTHS = sorted((word for word in IN_ENGLISH if not word.isascii() or len(word) > 3), key=len, reverse=True)
_MONTH = rf"(?P<name>(?i:{'|'.join(map(re.escape, _OTHER_MONTHS))}|(?:{'|'.join(MONTH_NAMES)})[a-z]*))"
_YEAR = r"(?P<year>(?:19|20)\d\d)"
_DAY_OF_MONTH = r"(?P<day>0?[1-9]|[12]\d|3[01])"
_DAY_NAMED = rf"(?<!\d){_DAY_OF_MONTH}[-_. ]?{_MONTH}\.?[-_. ]?{_YEAR}"
_MONTH_FIRST = rf"(?<![A-Za-z]){_MONTH}[-_. ]?{_DAY_OF_MONTH}(?:,? |[-_.]){_YEAR}"
_YEAR_BEHIND = (  # as C writes times: Tue Mar 5 09:59:50 CET 2024
    rf"(?<![A-Za-z]){_MONTH}[-_. ]{{1,2}}{_DAY_OF_MONTH}[-_. ](?P<hour>[01]\d|2[0-3])(?P<colon>[-_:. ])"
    r"(?P<minute>[0-5]\d)(?P=colon)(?P<second>[0-5]\d)(?P<zone>[_ ](?:[A-Z]{3,4}|[+-]\d{4}))?"
    rf"[-_. ]{_YEAR}(?!\d)"
)
_IN_CHINESE = (  # and Japanese: 2024年1月1日12時00分05秒
    rf"{_YEAR}年 ?(?P<month>0?[1-9]|1[0-2])月 ?{_DAY_OF_MONTH}日[ _]?"
    r"(?P<hour>[01]?\d|2[0-3])[時时点](?P<minute>[0-5]?\d)分(?:(?P<second>[0-5]?\d)秒)?"
)
_UNPADDED = (  # as programs write numbers: 2024-1-1_9-5-0, or 2024 01 01 09 05 00
    r"(?<!\d)(?P<year>(?:19|20)\d\d)(?P<dash>[-_. ])(?P<month>0?[1-9]|1[0-2])(?P=dash)"
    rf"{_DAY_OF_MONTH}[T_ .@-]{{1,3}}(?P<hour>[01]?\d|2[0-3])(?P<colon>[-_:.h ])(?P<minute>[0-5]?\d)"
    r"(?:(?P=colon)|m)(?P<second>[0-5]?\d)(?!\d)"
)
_NTH_DAY = (  # 2024_001_12_05_00, 2024-001T12-05-00
    r"(?<!\d)(?P<year>(?:19|20)\d\d)[-_.](?P<nth>(?!000)[0-2]\d\d|3[0-5]\d|36[0-6])"
    r"[-_.T](?P<hour>[01]\d|2[0-3])(?P<colon>[-_:.])(?P<minute>[0-5]\d)(?P=colon)(?P<second>[0-5]\d)(?!\d)"
)
# Amateurs' of planets: 2024-03-05-0959_50, and WinJUPOS' 2024-03-05-0959_8 with tenths of a minute.
_PARTED = r"[-_ T]{1,2}(?P<hour>[01]\d|2[0-3])(?P<minute>[0-5]\d)_(?:(?P<second>[0-5]\d)|(?P<tenth>\d))(?!\d)"
# MODIS and VIIRS have the day of the pictures before the time when they were processed: .A2024065.h18v04.061.2024073...
_OF_SWATH = (
    r"(?<=\.)A(?P<year>(?:19|20)\d\d)(?P<nth>(?!000)[0-3]\d\d)"
    r"(?:\.(?P<hour>[01]\d|2[0-3])(?P<minute>[0-5]\d))?(?=\.)"
)
# In angstrom, of three digits: AIA's, EIT's, EUVI's, SUVI's, SWAP's.
SOLAR_LINES = ("094", "131", "171", "174", "193", "195", "211", "284", "304", "335")
SHORT_YEARS = range(15, 36)  # that two digits are taken for; where the day may as well be one of them, nothing is read
_SHORT_YEAR = rf"(?<!\d)(?P<short>{'|'.join(map(str, SHORT_YEARS))})"
_MONTH_AND_DAY = r"(?P<month>0[1-9]|1[0-2])(?P={0})(?P<day>0[1-9]|[12]\d|3[01])"
_SHORT = (
    _SHORT_YEAR + r"(?P<colon>)" + _MONTH_AND_DAY.format("colon") + r"[-_ T.]?"
    r"(?P<hour>\d\d)(?P<minute>\d\d)(?P<second>\d\d)?(?!\d)",
    _SHORT_YEAR + r"(?P<dash>[-_.])" + _MONTH_AND_DAY.format("dash") + _BETWEEN + _CLOCK,
)
_FORMS = tuple(
    re.compile(form)
    for form in (
        _YEAR_FIRST + _PARTED,
        _YEAR_FIRST + _BETWEEN + _CLOCK,
        _DAY_NAMED + _BETWEEN + _CLOCK,
        _MONTH_FIRST + _BETWEEN + _CLOCK,
        _MONTH_WITH_DAY,
        _YEAR_BEHIND,
        _IN_CHINESE,
        _UNPADDED,
        _NTH_DAY,
        _YEAR_LAST + _BETWEEN + _CLOCK,
        EPOCH,
        _OF_SWATH,
        _DAY_OF_YEAR,
        _WITH_LETTERS,
        _YEAR_FIRST + r"(?!\d)",
        _DAY_NAMED + r"(?!\d)",
        _MONTH_FIRST + r"(?!\d)",
        _DAY_FIRST + r"(?!\d)",
        *_SHORT,
    )
)
FEWEST_ALIKE = 3  # names with one time in all of them, to be counted
_COLONS = dict.fromkeys(map(ord, "\ua789\u2236\u02d0"), ":")  # that stand for one where names may have none
_DAY = re.compile(_YEAR_FIRST + r"(?!\d)")
_DIRECTIVES = {"Y": r"\d{4}", "y": r"\d\d", "j": r"\d{3}", "f": r"\d{1,6}", "b": "[A-Za-z]{3}", "B": "[A-Za-z]+"}
_DIRECTIVES |= {"p": "[AaPp][Mm]", "z": r"[+-]\d\d:?\d\d|Z", "%": "%"}


def times_in_names(names: Sequence[str], prep: PrepConfig) -> list[str]:
    """UTC times (ISO 8601 with milliseconds) in the names of the files of a folder, '' for those without.

    All are '' where fewer than half of the names hold a time. Raises TableError when what they hold can be read in
    several ways and tells them apart; the message names the way out.
    """
    stems = [plain(Path(name).name) for name in names]
    given = prep.time_format or ""
    texts = _as_formatted(stems, given) if "%" in given else _most_common_form(stems)
    known = [bool(text) for text in texts]
    if 2 * sum(known) <= len(names):
        return [""] * len(names)
    column = pd.Series([text or None for text in texts], dtype=object, name="of the file names")
    try:
        times = times_of(column, prep)
    except TableError:
        if len(names) < FEWEST_ALIKE or len(set(texts)) > 1:
            raise
        return [""] * len(names)  # one begin in all of them, behind which frames are counted
    if times.utc is None:
        return [""] * len(names)
    return ["" if np.isnat(utc) else iso_ms(utc) for utc in spread(stems, times.utc)]


def plain(name: str) -> str:
    """A name with plain digits, blanks and colons: macOS writes a narrow blank before PM, others digits of full width,
    colons as %3A or as a letter that looks so.
    """
    return unicodedata.normalize("NFKC", unquote(name, errors="surrogateescape")).translate(_COLONS)


def times_with_folder(folder: str, names: Sequence[str], prep: PrepConfig) -> list[str]:
    """The same for names that hold a clock alone, in a folder whose name is a date: 2012-07-19/07-30-01.png."""
    dated = re.search(_YEAR_FIRST + r"(?!\d)", folder)
    names = [plain(name) for name in names]
    if not dated or not all(map(_CLOCK_ALONE.match, names)):
        return [""] * len(names)
    return times_in_names([f"{dated[0]} {re.sub(r'^[^0-9]*', '', name)}" for name in names], prep)


def time_in_name(path: str, prep: PrepConfig) -> str:
    """UTC of the date and clock in the name of one file, "" where there are none that can be read in one way."""
    try:
        return times_in_names([path], prep)[0]
    except TableError:
        return ""


def day_in_name(path: str) -> str:
    """The one date, year first, in the name of a file, as 2024-03-05; "" where there is none, or are several."""
    found = {f"{m['year']}-{m['month']}-{m['day']}" for m in _DAY.finditer(path)}
    return found.pop() if len(found) == 1 else ""


def _as_formatted(names: list[str], form: str) -> list[str]:
    """The part of each name that is of a format of strptime."""
    pattern = re.sub(r"%(.)|(.)", lambda m: _DIRECTIVES.get(m[1], r"\d{1,2}") if m[1] else re.escape(m[2]), form)
    found = (re.search(pattern, name) for name in names)
    return [match[0] if match else "" for match in found]


def _most_common_form(names: list[str]) -> list[str]:
    """The times of names as texts that a table could hold, in the form that most of them have: most unlike ones, as
    the begin of a recording stands in all names beside the time of each.
    """
    best: list[str] = []
    of_best = ""
    for form in _FORMS:
        found = [next(form.finditer(name), None) for name in names]
        texts = _texts([match.groupdict() if match else {} for match in found])
        if _weight(texts) > _weight(best):
            best, of_best = texts, form.pattern
    if of_best in _SHORT and len(names) > 1:
        first = next(number for number, text in enumerate(best) if text)
        log.info(
            f"{names[first]}: its year of two digits is taken for that of {best[first]}, as of {len(names)} names; "
            "prep.time_format goes before that"
        )
    return best


def _weight(texts: list[str]) -> tuple[bool, int, int]:
    """How well texts tell names apart: whether most have one, how many unlike ones there are, how many."""
    known = [text for text in texts if text]
    return 2 * len(known) > len(texts), len(set(known)), len(known)


def _texts(found: list[dict[str, str | None]]) -> list[str]:
    found = with_fractions(found)
    met = [fields for fields in found if fields]
    has_zone = bool(met) and all(_is_zone(fields.get("zone")) for fields in met)
    is_other = _is_counter(met) or all(map(_is_second_clock, met)) or all(map(_is_line, met))
    has_fraction = not is_other and _may_be_fractions(met)
    texts = [_text(fields, has_zone, has_fraction) if fields else "" for fields in found]
    is_date_alone = bool(met) and not any(fields.get("hour") or "epoch" in fields for fields in met)
    repeats = is_date_alone and (len(met) < 2 or len(set(filter(None, texts))) < len(met))  # a day of many frames
    is_none = (
        repeats or _are_numbers(met) or are_clocks(met) or _counts_in_minutes(met) or any(map(_may_be_year_last, met))
    )
    return [""] * len(texts) if is_none else texts


def _are_numbers(found: list[dict]) -> bool:
    """Whether digits behind a date count the frames: some are no clock, or they go on by 1 from 0 or 1."""
    clocks = [(f["hour"], f["minute"], f.get("second")) for f in found if f.get("colon") == ""]
    if not clocks or len({len(clock[0]) + bool(clock[2]) for clock in clocks}) > 1:
        return False
    if any(int(hour) > 23 or int(minute) > 59 or int(second or 0) > 60 for hour, minute, second in clocks):
        return True
    counts = [int("".join(filter(None, clock))) for clock in clocks]
    return len(counts) > 2 and counts[0] in (0, 1) and bool(np.all(np.diff(counts) == 1))


def _is_counter(found: list[dict]) -> bool:
    """Whether what could be milliseconds counts the frames: by 1 from each to the next, or from 0 or 1 each second."""
    counts = [int(fields["fraction"]) for fields in found if fields.get("fraction") and fields.get("point")]
    steps = np.diff(counts)
    return len(counts) > 1 and bool(np.all((steps == 1) | (np.isin(counts[1:], (0, 1)) & (steps < 1))))


def _may_be_fractions(found: list[dict]) -> bool:
    """Whether what could be hundredths of a second, as Axis writes them, parts those that hold several pictures."""
    if not any(len(fields.get("fraction") or "") == 2 for fields in found):
        return True
    seconds: dict[tuple, list[int]] = defaultdict(list)
    for fields in found:
        clock = tuple(fields.get(key) for key in ("year", "short", "month", "day", "hour", "minute", "second"))
        seconds[clock].append(int(fields.get("fraction") or 0))
    most = max(map(len, seconds.values()))
    fullest = [parts for parts in seconds.values() if len(parts) == most]
    are_all = all(len(fields.get("fraction") or "") == 2 and fields["point"] for fields in found)
    return are_all and most > 1 and all(max(parts) - min(parts) >= 90 - 100 / most for parts in fullest)


def _is_second_clock(fields: dict) -> bool:
    """Whether what could be microseconds is the clock of an end, as Reolink's 20240305_095950_095954."""
    if not fields.get("point") or not re.fullmatch(r"(?:[01]\d|2[0-3])[0-5]\d[0-5]\d", fields["fraction"]):
        return False
    return fields["fraction"] >= fields["hour"] + fields["minute"] + (fields.get("second") or "00")


def _is_line(fields: dict) -> bool:
    """Whether what could be milliseconds is a line that the Sun is watched in: aia_20240510_063000_171."""
    return fields.get("point") in ("_", "-") and fields.get("fraction") in SOLAR_LINES


def _counts_in_minutes(found: list[dict]) -> bool:
    """Whether what could be seconds or tenths behind a minute counts from 0 or 1 anew."""
    numbers = [int(fields["second"] or fields["tenth"]) for fields in found if "tenth" in fields]
    if len(numbers) < 2:
        return False
    ends = {59 if found[0]["second"] else 9}
    by_one = all(later == one + 1 or (later in (0, 1) and one not in ends) for one, later in pairwise(numbers))
    return numbers[0] in (0, 1) and by_one


def _may_be_year_last(fields: dict) -> bool:
    """Whether a date of two digits each, as 24-03-25, may end in its year."""
    return bool("short" in fields and fields.get("dash") and int(fields["day"]) in SHORT_YEARS)


def _is_zone(text: str | None) -> bool:
    """Whether what stands behind a time is a zone: any three letters may."""
    letters = (text or "").strip("_ -()")
    return bool(text) and (letters[:3] in ("UTC", "GMT", "Z") or not letters.isalpha() or letters in known_names())


def _text(fields: dict, has_zone: bool, has_fraction: bool) -> str:
    if "epoch" in fields:
        return f"{fields['epoch']}.{fields['tail']}" if fields["tail"] else fields["epoch"]
    if "nth" in fields:
        day = np.datetime64(fields["year"], "D") + np.timedelta64(int(fields["nth"]) - 1, "D")
    elif "a" in fields:
        day = "{a}{mark}{b}{mark}{year}".format(**fields, mark="." if fields["dash"] == "." else "/")
    else:
        month = fields.get("month") or f"{month_of(fields['name']):.0f}"
        day = f"{fields.get('year') or '20' + fields['short']}-{month.zfill(2)}-{fields['day'].zfill(2)}"
    if not fields.get("hour"):
        return str(day)
    second = fields.get("second") or f"{6 * int(fields.get('tenth') or 0)}"
    clock = ":".join(part.zfill(2) for part in (fields["hour"], fields["minute"], second))
    clock += f".{fields['fraction']}" if fields.get("fraction") and fields.get("second") and has_fraction else ""
    has_half = fields.get("half") and 1 <= int(fields["hour"]) <= 12
    clock += f" {fields['half'][0].upper()}M" if has_half else ""
    return f"{day} {clock}{_zone(fields['zone']) if has_zone else ''}"


def _zone(text: str) -> str:
    """Z, +02:00, or (UTC+2) as the offset that it tells."""
    text = text.strip("_ ()").replace(".", ":")
    if (letters := text.strip("-")) in known_names():
        return f" {letters}"
    offset = re.fullmatch(r"(?:UTC|GMT)([+-])(\d{1,2}?):?(\d\d)?", text)
    if offset:
        return f"{offset[1]}{offset[2].zfill(2)}:{offset[3] or '00'}"
    return text.replace("GMT", "UTC")


def untold(folder: str, names: Sequence[str], step_s: float) -> str:
    """What to say of a folder whose frames are counted, because their names hold no times."""
    return (
        f"{folder}: the names of its {len(names)} files, as {names[0]}, hold no times that are understood: they are "
        f"taken as {step_s:g} s apart; see prep.time_format, prep.times_csv, prep.start_utc, prep.frames_per_second"
    )
