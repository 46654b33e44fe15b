"""Numbers with unlike units in one column, as programs for people write them: 900 MiB and 1.1 GiB, 950 and 1.2k."""

import re
from itertools import product

import numpy as np
import pandas as pd

MOST_FLAGS = 8
PERCENT, COUNT = "%", "a number"
_SI = {"n": 1e-9, "u": 1e-6, "µ": 1e-6, "μ": 1e-6, "m": 1e-3, "": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
_LARGE = {"": 1.0, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15}
_BINARY = {f"{letter}i": 1024.0 ** (n + 1) for n, letter in enumerate("KMGTP")}
_MEASURED = ("s", "Hz", "W", "Wh", "VA", "V", "A", "J", "Pa", "g", "m", "l", "L", "N")  # with SI's prefixes
_COUNTED = ("B", "B/s", "b/s", "bps", "bit/s", "bit")  # with those for many
# By unit: what it measures, and how much of it one is.
_UNITS = {prefix + unit: (unit, factor) for (prefix, factor), unit in product(_SI.items(), _MEASURED)}
_UNITS |= {p + unit: (unit, factor) for (p, factor), unit in product((_LARGE | _BINARY).items(), _COUNTED)}
_UNITS |= {"sec": ("s", 1.0), "min": ("s", 60.0), "h": ("s", 3600.0), "hr": ("s", 3600.0), "d": ("s", 86400.0)}
_UNITS |= {"bytes": ("B", 1.0), "byte": ("B", 1.0), PERCENT: (PERCENT, 1.0)}
_UNITS |= {prefix: (COUNT, factor) for prefix, factor in (_LARGE | _BINARY).items() if prefix}
_FLAG = re.compile(r"[A-Za-z]{1,2}(?::[A-Za-z]{1,2})?")
_DEGREES = {"C", "F", "K", "R"}  # which mean another number each
_PLAIN_IS_ONE = ("B", COUNT, PERCENT)  # a number without a unit beside some with one is so many of these


def in_first_unit(numbers: pd.Series, units: pd.Series, is_apart: pd.Series) -> tuple[np.ndarray, str] | None:
    """Factors (N,) that bring numbers to the unit of the first one, and what to say of it; None where units don't fit.

    units: of each number, "" without. is_apart: whether a blank stands before the unit, so that K is no thousand.
    Numbers without a unit get NaN, unless they are 0, or plain numbers among those like 1.2k, 5 % and 3 KiB. The first
    one decides, as tables that grow begin with the same rows.
    """
    is_known = numbers != ""
    met = [unit for unit in units[is_known].unique() if unit]
    kinds = {_UNITS[unit][0] if unit in _UNITS else None for unit in met}
    if len(kinds) != 1 or None in kinds:
        return None
    kind = kinds.pop()
    if kind == COUNT and is_apart[is_known & (units != "")].any():
        return None
    plain_is_one = kind in _PLAIN_IS_ONE
    first = next(unit for unit in units[is_known] if unit or plain_is_one)
    one = _UNITS[first][1] if first else 1.0
    factors = units.map({unit: _UNITS[unit][1] / one for unit in met} | {"": 1.0 / one if plain_is_one else np.nan})
    zeros = (units == "") & (pd.to_numeric(numbers, errors="coerce") == 0)
    factors[zeros] = 1.0
    others = ", ".join(sorted({*met} - {first}))
    told = f"in {first or ('ones' if kind == COUNT else kind)}"
    return factors.to_numpy(np.float64), f"{told}, also those in {others}" if others and kind != PERCENT else told


def are_flags(units: set[str]) -> bool:
    """Whether what stands behind numbers are letters of quality, as A (approved), P (provisional), e (estimated)."""
    known = {unit for unit in units if unit}
    kinds = {_UNITS[unit][0] if unit in _UNITS else None for unit in known}
    is_mixed = None in kinds or (COUNT in kinds and len(kinds) > 1)
    return is_mixed and len(known) <= MOST_FLAGS and not known <= _DEGREES and all(map(_FLAG.fullmatch, known))
