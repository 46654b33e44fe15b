"""Numbers with unlike units in one column, as programs for people write them: 900 MiB and 1.1 GiB, 950 and 1.2k."""

import re
from typing import NamedTuple

import numpy as np
import pandas as pd

from data.units import COUNT, PERCENT, UNITS, is_unit

MOST_FLAGS = 8
_FLAG = re.compile(r"[A-Za-z]{1,2}(?::[A-Za-z]{1,2})?")
_THOUSANDS = {name for name, (kind, _) in UNITS.items() if kind == COUNT} - {"K"}  # K alone may be kelvin
_DEGREES = {"C", "F", "K", "R"}  # which mean another number each
_PLAIN_IS_ONE = ("B", COUNT, PERCENT)  # a number without a unit beside some with one is so many of these


class InUnit(NamedTuple):
    """factors: (N,) that bring numbers to one unit. unit: "" of plain numbers. told: what to say of it."""

    factors: np.ndarray
    unit: str
    told: str


def in_first_unit(numbers: pd.Series, units: pd.Series, is_apart: pd.Series) -> InUnit | None:
    """How numbers are brought to the unit of the first one, thousands and millions to ones; None where units don't fit.

    units: of each number, "" without. is_apart: whether a blank stands before the unit, so that K is no thousand.
    Numbers without a unit get NaN, unless they are 0, or plain numbers among those like 1.2k, 5 % and 3 KiB. The first
    one decides, as tables that grow begin with the same rows.
    """
    is_known = numbers != ""
    met = [str(unit) for unit in units[is_known].unique() if unit]
    if set(units[is_known]) == {*met} and len(met) == 1 and not (met[0] in _THOUSANDS and not is_apart.any()):
        return InUnit(np.ones(len(units)), met[0], f"in {met[0]}")
    if "B" in met and {*met} & (counted := _THOUSANDS | {"K"}) and {*met} <= counted | {"B"}:
        way: dict[str, str] = {"B": "G"} if _are_billions(numbers, units) else {unit: f"{unit}B" for unit in counted}
        units, met = units.replace(way), [way.get(unit, unit) for unit in met]
    kinds = {UNITS[unit][0] if unit in UNITS else None for unit in met}
    if not kinds & {*_PLAIN_IS_ONE} and (alone := _of_a_few(numbers, units, is_known, met)):
        return alone
    if len(kinds) != 1 or None in kinds:
        return None
    kind = kinds.pop()
    if kind == COUNT and is_apart[is_known & (units != "")].any():
        return None
    plain_is_one = kind in _PLAIN_IS_ONE
    first = next(unit for unit in units[is_known] if unit or plain_is_one) if kind != COUNT else ""
    one = UNITS[first][1] if first else 1.0
    factors = units.map({unit: UNITS[unit][1] / one for unit in met} | {"": 1.0 / one if plain_is_one else np.nan})
    zeros = (units == "") & (pd.to_numeric(numbers, errors="coerce") == 0)
    factors[zeros] = 1.0
    others = ", ".join(sorted({*met} - {first}))
    told = f"in {first or ('ones' if kind == COUNT else kind)}"
    told += f", also those in {others}" if others and kind != PERCENT else ""
    return InUnit(factors.to_numpy(np.float64), first or ("" if kind == COUNT else str(kind)), told)


def _of_a_few(numbers: pd.Series, units: pd.Series, is_known: pd.Series, met: list[str]) -> InUnit | None:
    """Numbers as they are where most have no unit and few have one: it is that of all, or a letter that flags some, as
    the s (suspect) of NOAA's 66s; of several units those with one are unknown. None where most have one, or are 0, or
    other words stand there.
    """
    plain = is_known & (units == "") & (pd.to_numeric(numbers, errors="coerce") != 0)
    others = is_known & (units != "")
    if not met or plain.sum() <= others.sum() or not all(is_unit(unit) or _FLAG.fullmatch(unit) for unit in met):
        return None
    what = f"{others.sum()} cells with {', '.join(met)} behind the number"
    if len(met) == 1 or not any(map(is_unit, met)):
        return InUnit(np.ones(len(units)), "", f"{what}, that is taken as the others are")
    return InUnit(np.where(others, np.nan, 1.0), "", f"{what}, unlike the others, taken as missing")


def _are_billions(numbers: pd.Series, units: pd.Series) -> bool:
    """Whether numbers with B, beside some with K and M, are billions, as 1.02B is: bytes are whole ones."""
    return bool(numbers[units == "B"].str.contains(r"[.,]", regex=True).any())


def are_flags(units: set[str]) -> bool:
    """Whether what stands behind numbers are letters of quality, as A (approved), P (provisional), e (estimated)."""
    known = {unit for unit in units if unit}
    kinds = {UNITS[unit][0] if unit in UNITS else None for unit in known}
    is_mixed = None in kinds or (COUNT in kinds and len(kinds) > 1)
    return is_mixed and len(known) <= MOST_FLAGS and not known <= _DEGREES and all(map(_FLAG.fullmatch, known))
