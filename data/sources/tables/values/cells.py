"""Cells of tables as people write them -> numbers and labels: decimal commas, thousands, percent, units, words."""

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from data.sources.base import TableError
from data.sources.tables.values.units import are_flags, in_first_unit
from data.sources.times.counts.elapsed import lasted_s, stopped_s
from data.sources.times.texts import ascii_digits

HUGE = float(np.finfo(np.float32).max)  # no variable reaches it, and what does could be neither scaled nor stored
NORMAL = frozenset(
    [
        "normal",
        "nominal",
        "benign",
        "healthy",
        "good",
        "ok",
        "okay",
        "no",
        "false",
        "none",
        "quiet",
        "regular",
        "0",
        "0.0",
        "-",
    ]
)
ANOMALOUS = frozenset(
    [
        "anomaly",
        "anomalous",
        "abnormal",
        "attack",
        "fault",
        "faulty",
        "failure",
        "bad",
        "yes",
        "true",
        "outlier",
        "alarm",
        "x",
        "1",
        "1.0",
    ]
)

STATES = (("on", "off"), ("true", "false"), ("yes", "no"), ("open", "closed"), ("running", "stopped"), ("y", "n"))
STATES += (("t", "f"), ("high", "low"), ("active", "inactive"), ("enabled", "disabled"), ("up", "down"))
STATES += (("wahr", "falsch"), ("ein", "aus"), ("ja", "nein"), ("vrai", "faux"), ("oui", "non"), ("home", "not_home"))
NOT_KNOWN = ("unavailable", "unknown", "none", "null", "n/a", "undefined", "-", "?", "")  # of states
OTHER_WAYS = (  # signs that a cell must hold, its form, and the plain one
    ({"("}, r"^\(([^()]*\d[^()]*)\)$", r"-\1"),  # negative, as accountants write it
    (set("$€£¥₹₽₩₺"), r"^([-+]?)[$€£¥₹₽₩₺]\s?([-+]?)(?=[\d.,])", r"\1\2"),
    (set("EUGCJIR"), r"^(?:EUR|USD|GBP|CHF|JPY|CNY|INR|Rs\.?)\s?(?=[-+\d.,])", ""),
    ({"="}, r'^="?([^"]*)"?$', r"\1"),  # as Excel is told to keep digits
    ({"'"}, r"^'(?=[-+\d.,])", ""),  # a text, in spreadsheets
    ({"-"}, r"^(\d[\d.,]*)-$", r"-\1"),  # negative, as SAP writes it
    ({"+", "-"}, r"^([-+])\s+(?=[\d.])", r"\1"),  # as recorders print into a width
    (set("dD"), r"(?<=[\d.])[dD](?=[-+]?\d+$)", "e"),  # Fortran's
)
_SIGN, _POWER = r"[-+−]?", r"(?:[eEdD][-+]?\d+)?"  # D is Fortran's
_PLAIN = re.compile(rf"{_SIGN}(?:\d+[.,]?\d*|\.\d+){_POWER}")
# What shows which sign is the decimal one: too many or too few digits for a group of thousands, or both signs.
_COMMA = re.compile(
    rf"{_SIGN}(?:\d+,(?:\d{{1,2}}|\d{{4,}})|0,\d+|\d{{4,}},\d+|\d{{1,3}}(?:\.\d{{3}})+,\d+){_POWER}"
    rf"|{_SIGN}\d+,\d+[eE][-+]?\d+"
)
_POINT = re.compile(rf"{_SIGN}(?:\d*\.(?:\d{{1,2}}|\d{{4,}})|0\.\d+|\d{{4,}}\.\d+|\d{{1,3}}(?:,\d{{3}})+\.\d+){_POWER}")
_MANY_GROUPS = {
    ".": re.compile(rf"{_SIGN}(?:\d{{1,3}}(?:,\d{{3}}){{2,}}|\d{{1,2}}(?:,\d{{2}})+,\d{{3}}(?:\.\d+)?)"),  # lakhs too
    ",": re.compile(rf"{_SIGN}\d{{1,3}}(?:\.\d{{3}}){{2,}}"),
}
_EITHER = re.compile(rf"{_SIGN}[1-9]\d{{0,2}},\d{{3}}")
# What is taken off a number, and said: limits of what can be measured, and marks of a footnote.
TAKEN_OFF = (
    (set("<>≤≥"), r"^[<>≤≥]=?\s*(?=[-+\d.,])", "at a limit of what is measured, as {}, and taken as that"),
    (set("*#!†‡"), r"(?<=[\d.])(?<!/0)\s*[*#!†‡]+$", "with a mark, as {}"),
    ({"±"}, r"(?<=[\d.])\s*±.*$", "with an uncertainty, as {}, that is left out"),
)
_HEXADECIMAL = re.compile(r"0[xX][0-9A-Fa-f]{1,13}")
_WITH_UNIT = rf"^({_SIGN}[\d.,]+{_POWER})\s*([^\d\s.,+\-−][^\d]*)?$"


def is_number(cell: str) -> bool:
    """Whether a cell is a number by itself, or a word for a missing one."""
    return bool(_PLAIN.fullmatch(cell.strip())) or cell.strip().lower() in ("nan", "na", "null", "inf", "-inf", "?")


def decimal_of(cells: Sequence[str]) -> str:
    """The decimal sign that cells show, "" where none does, or both do."""
    comma = sum(bool(_COMMA.fullmatch(cell.strip()) or _MANY_GROUPS[","].fullmatch(cell.strip())) for cell in cells)
    point = sum(bool(_POINT.fullmatch(cell.strip()) or _MANY_GROUPS["."].fullmatch(cell.strip())) for cell in cells)
    return "," if comma and not point else "." if point and not comma else ""


class Numbers(NamedTuple):
    """values: float64 (N,), NaN where a cell holds no finite number, or none below HUGE. told: what was taken off
    cells. unit: that they are in, "" where none stands in them.
    """

    values: np.ndarray
    told: str = ""
    unit: str = ""


def numbers_of(column: pd.Series, decimal: str = "") -> Numbers:
    """The cells of a column as numbers.

    decimal: the table's sign, "" unknown. Raises TableError when a group of digits may be thousands or decimals.
    """
    if column.dtype.kind == "M":  # times are no values, though pandas would count their ticks
        return Numbers(np.full(len(column), np.nan))
    if column.dtype.kind == "m":
        return Numbers(column.dt.total_seconds().to_numpy(np.float64), "durations in s", "s")
    if column.dtype.kind not in "biufc" and (states := _states(column)) is not None:
        return Numbers(*states)
    if column.dtype.kind not in "biufc" and (lasted := lasted_s(column)) is not None:
        return Numbers(lasted, "durations in s", "s")
    if column.dtype.kind not in "biufc" and (first := _with_quality(column)) is not None:
        return Numbers(first, "numbers with their quality behind them, as +0201,1: without it, and as they are written")
    values, remark, unit = pd.to_numeric(column, errors="coerce"), "", ""
    if decimal == "," and column.dtype.kind not in "biufc" and _points_group(column):
        column = column.astype("string").str.replace(".", "", regex=False)
        values = pd.to_numeric(column, errors="coerce")
        remark = "its points group thousands, as the table has decimal commas"
    is_left = column.dtype.kind not in "biufc" and values.notna().sum() < column.notna().sum()
    if is_left and (stopped := stopped_s(column)) is not None:
        return Numbers(stopped, "seconds, and minutes with them from 60 on", "s")
    if is_left:
        values, remark, unit = _written(column, decimal)
    numbers = values.to_numpy(np.float64, na_value=np.nan).copy()
    numbers[~(np.abs(numbers) < HUGE)] = np.nan
    return Numbers(numbers, remark, unit)


def _with_quality(column: pd.Series) -> np.ndarray | None:
    """The numbers of cells as NOAA's hourly data (ISD) have them, `+0201,1`: behind it is their quality; else None."""
    cells = column.dropna().astype("string").str.strip()
    if not len(cells) or not cells.str.fullmatch(r"[+-]\d{4,5},[0-9A-Z]").all():
        return None
    return pd.to_numeric(column.astype("string").str.partition(",")[0]).to_numpy(np.float64, na_value=np.nan)


def _points_group(column: pd.Series) -> bool:
    """Whether the points of a column, beside others with decimal commas, may all stand between groups of thousands."""
    cells = column.dropna().astype("string").str.strip()
    pointed = cells[cells.str.contains(".", regex=False)]
    return bool(len(pointed) and pointed.str.fullmatch(rf"{_SIGN}[1-9]\d{{0,2}}(?:\.\d{{3}})+").all())


def _states(column: pd.Series) -> tuple[np.ndarray, str] | None:
    """Cells that are two words for being in a state or not as 1 and 0; None of all others."""
    text = column.astype("string").str.strip().str.lower()
    text = text.mask(text.isin(NOT_KNOWN))
    first = next(iter(text.dropna()), "")
    for yes, no in STATES:
        if first in (yes, no) and text.dropna().isin([yes, no]).all():
            return text.map({yes: 1.0, no: 0.0}).to_numpy(np.float64, na_value=np.nan), f"{yes} as 1, {no} as 0"
    return None


def _written(column: pd.Series, decimal: str) -> tuple[pd.Series, str, str]:
    """Numbers of cells that are not all plain, with groups of thousands, another decimal sign, percent or a unit; what
    was taken off them, and the unit.
    """
    text = ascii_digits(column).fillna("").astype(object).str.strip().str.replace("−", "-")
    signs = set("".join(text))  # few columns need what follows
    for needed, form, plain in OTHER_WAYS:
        if signs & needed:
            text = text.str.replace(form, plain, regex=True)
    text = text.str.replace(r"(?<=\d)[ \u00a0\u202f'’](?=\d{3}(?:\D|$))", "", regex=True)
    if signs & set("xX") and text[text != ""].str.fullmatch(_HEXADECIMAL).all():
        return text.where(text != "").map(lambda cell: float(int(cell, 16)), na_action="ignore"), "hexadecimal", ""
    if signs & set("ABCDFabcdf") and _are_digits_of_16(text[text != ""]):
        told = "hexadecimal, as letters among their digits tell"
        return text.where(text != "").map(lambda cell: float(int(cell, 16)), na_action="ignore"), told, ""
    text, taken_off = _without_marks(text, signs)
    parts = text.str.extract(_WITH_UNIT).fillna("")
    units = parts[1].str.strip()
    is_apart = text.str.contains(r"\d\s+\S+$", regex=True)
    met = set(units[parts[0] != ""])
    factors, unit, remark = (met and in_first_unit(parts[0], units, is_apart)) or (None, "", "")
    if factors is None and len(met) > 1 and are_flags(met):
        flagged = units[(parts[0] != "") & (units != "")]
        remark = (
            f"{len(flagged)} cells with a letter, as {text[flagged.index[0]]!r}, that is taken for a flag and left out"
        )
    digits = parts[0] if remark else text
    unlike = digits[digits.str.contains(",", regex=False)].unique().tolist()
    sign = decimal_of(unlike) or decimal
    if not sign and any(map(_EITHER.fullmatch, unlike)):
        what = f"{column.name!r} holds cells as {unlike[0]!r}, where the comma may group thousands or begin decimals"
        raise TableError(f"{what}; prep.decimal says which: '.' or ','")
    if sign == ",":
        grouped = digits.str.fullmatch(rf"{_SIGN}\d{{1,3}}(?:\.\d{{3}})+(?:,\d+)?")
        digits = digits.where(~grouped, digits.str.replace(".", "", regex=False)).str.replace(",", ".", regex=False)
    else:
        grouped = digits.str.fullmatch(rf"{_SIGN}(?:\d{{1,3}}(?:,\d{{3}})+|\d{{1,2}}(?:,\d{{2}})+,\d{{3}})(?:\.\d+)?")
        digits = digits.where(~grouped, digits.str.replace(",", "", regex=False))
    values = pd.to_numeric(digits, errors="coerce")
    told = "; ".join(filter(None, (remark, *taken_off)))
    return values if factors is None else values * factors, told, unit


def _are_digits_of_16(text: pd.Series) -> bool:
    """Whether cells of one width are all hexadecimal, some of digits alone, and some nothing else: A3, 0A, not 12A."""
    if text.str.len().nunique() != 1 or not text.str.fullmatch(r"[0-9A-Fa-f]{2,12}").all():
        return False
    is_told = text.str.fullmatch(r"[A-Fa-f]+\d.*|0+[A-Fa-f].*|\d+[A-DFa-df]+\d.*").any()
    return bool(is_told and text.str.fullmatch(r"\d+").any() and text.str.contains(r"\d").mean() > 0.5)


def _without_marks(text: pd.Series, signs: set[str]) -> tuple[pd.Series, list[str]]:
    """Cells without what stands beside their numbers and changes none, and what to say of it."""
    told = []
    for needed, form, remark in TAKEN_OFF:
        if signs & needed and (marked := text.str.contains(form, regex=True)).any():
            told.append(f"{marked.sum()} cells {remark.format(repr(text[marked].iloc[0]))}")
            text = text.str.replace(form, "", regex=True)
    return text, told


def labels_of(column: pd.Series, normal: Sequence[object] = ()) -> tuple[np.ndarray | None, str]:
    """Labels (N,), 1 anomalous, 0 normal, NaN unknown, and what was made of them; None where the cells do not say.

    Of words, those that mean normal are 0 and all others 1. normal: words or numbers that the settings call normal.
    """
    if not normal and column.dtype.kind in "biuf":
        return _labels_of_numbers(numbers_of(column)[0])
    text = column.astype("string").str.strip().str.lower().fillna("").to_numpy(object)
    words = {word for word in text if word}
    usual = {str(word).strip().lower() for word in normal} or words & NORMAL
    blank = np.nan
    if not usual and words and words <= ANOMALOUS:
        blank = 0.0  # only what is anomalous is marked
    elif not usual:
        return None, ""
    labels = np.where(text == "", blank, np.where(np.isin(text, list(usual)), 0.0, 1.0))
    others = sorted(words - usual)
    return labels.astype(np.float64), f"1: {', '.join(others[:3])}" + (" ..." if len(others) > 3 else "")


def _labels_of_numbers(labels: np.ndarray) -> tuple[np.ndarray | None, str]:
    """Classes of faults are all anomalous; parts of a whole are no label, and of -1 and 1 either may be normal."""
    known = labels[np.isfinite(labels)]
    if set(known) <= {0.0, 1.0}:
        return labels, ""
    if set(known) == {-1.0, 1.0} or (known % 1).any():
        return None, ""
    return np.where(np.isfinite(labels), (labels != 0).astype(float), np.nan), "1: all but 0"
