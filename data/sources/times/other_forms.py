"""Times as other languages and programs write them, in a form that the readers of texts know.

Names of months, 2012年7月19日, weeks, quarters and months of a year, JavaScript's, Go's and Oracle's clocks, intervals.
"""

import re
from datetime import date

import numpy as np
import pandas as pd

_MONTHS = {
    "jan": "januar janvier janv enero ene gennaio gen janeiro januari jänner jän",
    "feb": "februar février févr fevrier fevr febrero febbraio fevereiro fev februari feber",
    "mar": "märz maerz mär mrz mars marzo março marco maart mrt",
    "apr": "april avril avr abril abr aprile",
    "may": "mai mayo maggio mag maio mei",
    "jun": "juni juin junio giugno giu junho",
    "jul": "juli juillet juil julio luglio lug julho",
    "aug": "august août aout agosto ago augustus",
    "sep": "september sept septembre septiembre setiembre settembre setembro set",
    "oct": "oktober okt octobre octubre ottobre ott outubro out",
    "nov": "november novembre noviembre novembro",
    "dec": "dezember dez décembre decembre déc diciembre dic dicembre dezembro december",
}
IN_ENGLISH = {word: month for month, words in _MONTHS.items() for word in words.split()}
_WORD = re.compile(r"[^\W\d_]{3,10}\.?")
_CHINESE_DATE = re.compile(r"(\d{4})\s*[年년]\s*(\d{1,2})\s*[月월]\s*(\d{1,2})\s*[日号일]?")
_ERA = re.compile(r"(令和|平成|昭和|民[國国])\s*(\d{1,3}|元)\s*年")
_BEFORE_ERA = {"令和": 2018, "平成": 1988, "昭和": 1925, "民國": 1911, "民国": 1911}
# R6.03.05 of Japan; versions as R1.2.3 are none.
_SHORT_ERA = re.compile(r"^([RHSrhs])(\d{1,2})(?=[/-]|\.\d\d\.\d\d)([./-])(0?[1-9]|1[0-2])\3(\d{1,2})(?!\d)")
_BEFORE_SHORT = {"r": 2018, "h": 1988, "s": 1925}
_REPUBLIC = re.compile(r"^(1[0-4]\d)([/-])(\d{1,2})\2(\d{1,2})(?!\d)")  # 113/03/05, of Taiwan
_CHINESE_CLOCK = re.compile(r"(\d{1,2})\s*[时時点시]\s*(\d{1,2})\s*[分분](?:\s*(\d{1,2})\s*[秒초])?")
_HALF_BEFORE = re.compile(r"(上午|下午|오전|오후|午前|午後)\s*(\d{1,2}:\d\d(?::\d\d(?:\.\d+)?)?)")
_WEEK = re.compile(r"(\d{4})-?W(\d\d)(?:-?([1-7]))?")
_WEEK_AND_CLOCK = re.compile(r"(\d{4}-?W\d\d-?[1-7])[T ](\d.*)")
_WEEK_FIRST = re.compile(
    r"(?:W|Week |KW ?)(\d{1,2})[-\s/,]+(\d{4})|(\d{4})[-\s/,]+(?:W|Week |KW ?)(\d{1,2})", re.IGNORECASE
)
_QUARTER = re.compile(r"(?:(?P<a>\d{4})[-\s]?Q(?P<b>[1-4])|Q(?P<c>[1-4])[-\s/](?P<d>\d{4}))")
_MONTH_OF_YEAR = re.compile(r"(?:(?P<a>\d{4})M(?P<b>0[1-9]|1[0-2])|(?P<c>0[1-9]|1[0-2])/(?P<d>\d{4}))")
_NAMED_MONTH = re.compile(r"(?P<a>[A-Za-z]{3})[a-z]*[-\s,]+(?P<b>\d{4})|(?P<d>\d{4})[-\s,/]+(?P<c>[A-Za-z]{3})[a-z]*")
_COMPACT = re.compile(r"(\d{8})[_-](\d{6})(\.\d+)?")
# As names of files have it, and tables of DB2: 2024-03-05-10-00-00, 2024-03-05-10.00.00.123456.
_OF_NAMES = re.compile(
    r"^((?:19|20)\d\d)([-_./])([01]\d)\2([0-3]\d)[T _.-]+([0-2]\d)([-_.])([0-5]\d)\6([0-6]\d)(?:[._](\d{1,9}))?"
    r"(?=Z?$|[+-]\d\d:?\d\d$)"
)
_SINCE_1970 = re.compile(r"/Date\((-?\d{9,14})(?:[+-]\d{4})?\)/")
_TO = re.compile(r"(?<=\d)\s+(?:-|–|—|to|bis)\s+(?=\d{1,4}[-./:]\d)|(?<=[\dZ])/(?=\d{4}-\d\d-\d\dT)")
_CLOCK_FIRST = r"\d{1,2}:\d\d(?::\d\d(?:[.,]\d+)?)?(?:\s?[AaPp]\.?[Mm]\.?)?"
_DAY_BY_NAME = r"[A-Za-z]{3,9}\.? \d{1,2},? \d{4}|\d{1,2}[- ][A-Za-z]{3,9}[- ]\d{4}"
_HALF = r"\s?[AaPp]\.?[Mm]\.?"
# What is cut off or put otherwise, wherever it stands.
_REWRITTEN = (
    (re.compile(r"^\[(.*\d.*)\]$"), r"\1"),  # as servers log
    (re.compile(rf"(?<=\d)({_HALF})?\s+(?:-|–|—|to)\s+\d{{1,2}}:\d\d(?::\d\d)?(?:{_HALF})?$"), r"\1"),  # to a clock
    (re.compile(rf"^({_CLOCK_FIRST}),?\s+(\d{{1,4}}[-/.]\d{{1,2}}[-/.]\d{{1,4}}|{_DAY_BY_NAME})$"), r"\2 \1"),
    # Days of the week in any language, before a date: mié, 06 mar 2024; Mi. 06.03.2024.
    (re.compile(r"^[^\W\d_]{2,10}[.,]*\s+(?=\d{1,4}[-/.]\d{1,2}[-/.]\d|\d{1,2}\.?\s+[^\W\d_]{3,}\.?,?\s+\d{4})"), ""),
    (re.compile(r"(?<=:\d\d)\s*(?:Uhr|uur|[Hh]rs?|h)\.?$"), ""),
    (re.compile(r"^(\d{8}):(\d{4})$"), r"\1T\2"),  # PVGIS
    (re.compile(r"(?<=\d)\s+@\s+(?=\d)"), " "),  # Kibana
    (re.compile(r"^(\d{4})\.(\d{3})[.T](\d\d)[.:](\d\d)[.:](\d\d)(?=\D|$)"), r"\1-\2T\3:\4:\5"),  # day of year
    (re.compile(r"\s+m=[+-][\d.]+$"), ""),  # Go's monotonic clock
    (re.compile(r"([+-]\d{4})\s+(?:[A-Z]{3,5}|\1)$"), r"\1"),
    # Java's, where its zone has no name.
    (
        re.compile(r"^[A-Z][a-z]{2} ([A-Za-z]{3}) (\d\d?) (\d\d:\d\d:\d\d) (?:GMT|UTC)([+-]\d\d):?(\d\d) (\d{4})$"),
        r"\2 \1 \6 \3 \4\5",
    ),
    (re.compile(r"^(\d{1,4}[-/.]\d{1,2}[-/.]\d{2,4}) ([01]?\d|2[0-3])$"), r"\1 \2:00"),  # an hour alone
    (re.compile(r"\s+(?:GMT|UTC)([+-]\d{4})(?:\s*\([^)]*\))?$"), r"\1"),  # JavaScript's
    (re.compile(r"(?<=\d)\s+(\d{1,2})\.(\d\d)\.(\d\d)(?=[.\s]|$)"), r" \1:\2:\3"),  # Oracle's clocks
)
# What all of these have and plain dates have not.
_MAY_BE_OTHER = re.compile(
    r"[^\x00-\x7f]|[A-Za-z]{3}|^[A-Za-z]{2}[.,]*\s\d|\sto\s|\d-?[QWM]\d|Q\d|_|\[|\(|\s[-–—]\s|\.\d\d\.\d\d|^\d\d/\d{4}$|-\d{6}"
    r"|\d[T ._-]\d\d[-.]\d\d[-.]\d\d|^[RHSrhs]\d|^1[0-4]\d[/-]\d|\bK?W ?\d"
    r"|\d:\d\d(?:[.,]\d+)?(?:\s?[AaPp]\.?[Mm]\.?)?,?\s+\d{1,4}[-/.]\d|:\d\d\s*h$|\s@\s|[\dZ]/\d{4}-|^\d{8}:\d{4}$"
    r"|[-/.]\d+ \d\d?$|[+-]\d{4} [+-]"
)


def other_form(cell: str) -> str:
    """A cell in the form that the readers of texts know; the cell itself where it is of none of these forms."""
    if not _MAY_BE_OTHER.search(cell):
        return cell
    if found := _of_a_year(cell):
        return found
    begin = _TO.split(cell, maxsplit=1)[0]
    text = _ERA.sub(lambda m: f"{_BEFORE_ERA[m[1]] + int(m[2].replace('元', '1'))}年", begin)
    text = _SHORT_ERA.sub(lambda m: f"{_BEFORE_SHORT[m[1].lower()] + int(m[2])}-{m[4]}-{m[5]}", text)
    text = _REPUBLIC.sub(lambda m: f"{1911 + int(m[1])}-{m[3]}-{m[4]}", text)
    text = _CHINESE_CLOCK.sub(lambda m: f"{m[1]}:{m[2].zfill(2)}:{(m[3] or '0').zfill(2)}", text)
    text = _CHINESE_DATE.sub(r"\1-\2-\3 ", text)
    text = _HALF_BEFORE.sub(lambda m: f"{m[2]} {'PM' if m[1] in '下午 오후 午後' else 'AM'}", text)
    text = _WORD.sub(_in_english, re.sub(r"\bde\b", " ", text))
    for form, plain in _REWRITTEN:
        text = form.sub(plain, text)
    text = _OF_NAMES.sub(_with_signs, text)
    text = _COMPACT.sub(r"\1T\2\3", text)
    return " ".join(text.split())


def rewritten(column: pd.Series) -> pd.Series:
    """Texts, each as `other_form` has it."""
    return column.map(lambda cell: other_form(cell.strip()), na_action="ignore").astype("string")


def _with_signs(found: re.Match) -> str:
    year, _, month, day, hour, _, minute, second, fraction = found.groups()
    return f"{year}-{month}-{day} {hour}:{minute}:{second}" + (f".{fraction}" if fraction else "")


def _in_english(found: re.Match) -> str:
    return IN_ENGLISH.get(found[0].rstrip(".").lower()) or found[0]


def _of_a_year(cell: str) -> str:
    """The first day of a week, quarter or month of a year, or a day of a week (with a clock too); "" of others."""
    if found := _WEEK_AND_CLOCK.fullmatch(cell):
        day = _of_a_year(found[1])
        return day and f"{day}T{found[2]}"
    if found := _WEEK.fullmatch(cell):
        return _day_of_week(int(found[1]), int(found[2]), int(found[3] or 1))
    if found := _WEEK_FIRST.fullmatch(cell):
        return _day_of_week(int(found[2] or found[3]), int(found[1] or found[4]), 1)
    if found := _QUARTER.fullmatch(cell):
        return f"{found['a'] or found['d']}-{3 * int(found['b'] or found['c']) - 2:02d}-01"
    if found := _MONTH_OF_YEAR.fullmatch(cell):
        return f"{found['a'] or found['d']}-{found['b'] or found['c']}-01"
    if found := _SINCE_1970.fullmatch(cell):
        return f"{np.datetime64(int(found[1]), 'ms')}Z"
    named = _NAMED_MONTH.fullmatch(_WORD.sub(_in_english, cell))
    month = (named["a"] or named["c"]).lower() if named else ""
    if named and month in _MONTHS:
        return f"{named['b'] or named['d']}-{[*_MONTHS].index(month) + 1:02d}-01"
    return ""


def _day_of_week(year: int, week: int, day: int) -> str:
    """A day of a week of ISO 8601; "" where the year has no such week."""
    try:
        return date.fromisocalendar(year, week, day).isoformat()
    except ValueError:
        return ""
