"""Units as people write them behind numbers, and what one is in another: MiB in GiB, °F in °C."""

import re
from itertools import product

PERCENT, COUNT = "%", "a number"
_SI = {"n": 1e-9, "u": 1e-6, "µ": 1e-6, "μ": 1e-6, "m": 1e-3, "": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
_LARGE = {"": 1.0, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15}
_BINARY = {f"{letter}i": 1024.0 ** (n + 1) for n, letter in enumerate("KMGTP")}
_MEASURED = ("s", "Hz", "W", "Wh", "VA", "V", "A", "J", "Pa", "g", "m", "l", "L", "N")  # with SI's prefixes
_COUNTED = ("B", "B/s", "b/s", "bps", "bit/s", "bit")  # with those for many
# By unit: what it measures, and how much of it one is.
UNITS = {prefix + unit: (unit, factor) for (prefix, factor), unit in product(_SI.items(), _MEASURED)}
UNITS |= {p + unit: (unit, factor) for (p, factor), unit in product((_LARGE | _BINARY).items(), _COUNTED)}
UNITS |= {"sec": ("s", 1.0), "min": ("s", 60.0), "h": ("s", 3600.0), "hr": ("s", 3600.0), "d": ("s", 86400.0)}
UNITS |= {"bytes": ("B", 1.0), "byte": ("B", 1.0), PERCENT: (PERCENT, 1.0)}
UNITS |= {prefix: (COUNT, factor) for prefix, factor in (_LARGE | _BINARY).items() if prefix}
_WORDS = {"second": "s", "millisecond": "ms", "microsecond": "us", "nanosecond": "ns", "minute": "min", "hour": "h"}
_WORDS |= {"volt": "V", "millivolt": "mV", "ampere": "A", "amp": "A", "milliamp": "mA", "watt": "W", "kilowatt": "kW"}
_WORDS |= {"hertz": "Hz", "pascal": "Pa", "newton": "N", "joule": "J", "gram": "g", "meter": "m", "metre": "m"}
for _word, _unit in _WORDS.items():
    UNITS |= dict.fromkeys((_word, f"{_word}s", _word.capitalize(), f"{_word.capitalize()}s"), UNITS[_unit])
# Of temperatures: kelvin are so many times the number more than so many.
_DEGREES = {"C": (1.0, 273.15), "F": (5 / 9, 459.67 * 5 / 9), "K": (1.0, 0.0), "R": (5 / 9, 0.0)}
_SPELLED = {"celsius": "C", "fahrenheit": "F", "kelvin": "K", "rankine": "R"}
_OF_TIME = {1e-9: "ns", 1e-6: "us", 1e-3: "ms", 1.0: "s", 60.0: "min", 3600.0: "h", 86400.0: "d"}
# Those that no table is converted between.
_OTHERS = re.compile(r"(?:[^\W\d]|[%°µ]){1,4}/(?:[^\W\d]|[%°]){1,4}[23²³]?|m?bar|rpm|pp[mb]|dB|psi|%RH", re.IGNORECASE)
# temp [degC], mem (MiB), temp, °C and T / K; rx B/s has none.
_IN_NAME = re.compile(r"(.*?[^\s,/])\s*(?:\[([^\[\]]+)\]|\(([^()]+)\)|,\s*([^,]+)|\s/\s*([^,/]+))")
_SIGNS = ("degrees", "degree", "deg", "°", "º", "˚", "_", " ")


def in_unit(old: str, new: str) -> tuple[float, float] | None:
    """(a, b) by which a number in the unit `old` is a * number + b in the unit `new`; None where they measure other
    things, or one is not known. A letter alone is that of a temperature only where both are.
    """
    if old == new:
        return 1.0, 0.0
    temperatures = _degrees_of(old), _degrees_of(new)
    if all(temperatures):
        (a, b), (c, d) = (_DEGREES[letter] for letter in temperatures)
        return a / c, (b - d) / c
    (kind, factor), (other, one) = UNITS.get(old, ("", 1.0)), UNITS.get(new, ("", 1.0))
    return (factor / one, 0.0) if kind and kind == other else None


def time_unit(text: str) -> str:
    """The sign of a unit of time (ns, us, ms, s, min, h, d), however it is written; "" of others."""
    kind, factor = UNITS.get(text, ("", 1.0))
    return _OF_TIME.get(factor, "") if kind == "s" else ""


def is_unit(text: str) -> bool:
    """Whether a text is a unit that is known here; letters for thousands and millions alone are none."""
    return (text in UNITS and UNITS[text][0] != COUNT) or bool(_degrees_of(text))


def may_be_unit(text: str) -> bool:
    """Whether a text is a unit, or looks like one that nothing here is converted from, as `l/min`; n/a is none."""
    return is_unit(text) or (text.lower() != "n/a" and bool(_OTHERS.fullmatch(text)))


def name_and_unit(name: str) -> tuple[str, str]:
    """The name of a variable without the unit that stands behind it, and that unit, "" without one that is known."""
    found = _IN_NAME.fullmatch(name.strip())
    unit = next(filter(None, found.groups()[1:]), "").strip() if found else ""
    return (found[1], unit) if found and is_unit(unit) else (name.strip(), "")


def _degrees_of(unit: str) -> str:
    """The letter of a unit of temperature, as °C, degC and Celsius have it; "" of others."""
    plain = unit.lower()
    for sign in _SIGNS:
        plain = plain.replace(sign, "")
    letter = _SPELLED.get(plain, plain.upper())
    return letter if letter in _DEGREES and (len(unit) > 1 or unit == letter) else ""
