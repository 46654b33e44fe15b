"""The order of pictures by their names: numbers as numbers, whatever way they are written in."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise
from os.path import splitext

import numpy as np

_SIGNED = (  # a hyphen may as well part a number from a word: all names have a sign, or something else parts them
    re.compile(r"(.*?)([-+])(\d+)(\D*)"),
    re.compile(r"((?:.*?[^0-9A-Za-z])??)([-+]?)(\d+)(\D*)"),
)
_POWER = re.compile(r"(.*?)(?<![\d.])([-+]?\d(?:\.\d+)?[eE][-+]?\d{1,3})(\D*)")
_DECIMAL = re.compile(r"(.*?)(\d+)\.(\d+)(\D*)")
_CLOCK = re.compile(r"(\D*)([01]\d|2[0-3])([-_:.]?)([0-5]\d)\3([0-5]\d)(\D*)")
DAY_S, HOUR_S, SIMILAR, FEWEST_OF_A_NIGHT = 86_400, 3600, 3, 4
_FILLED = re.compile(r"([ _])\1+")  # as %5d writes frame____1
_HEX = re.compile(r"[0-9a-f]+")


def in_order(names: Iterable[str]) -> list[str]:
    """Names of pictures of one folder in the order that they follow each other in."""
    names = sorted(names, key=natural_key)
    stems = [splitext(unicodedata.normalize("NFC", name))[0] for name in names]
    keys = _by_powers(stems) or _by_sign(stems) or _by_decimals(stems) or _in_hex(stems)
    return [name for _, name in sorted(zip(keys, names, strict=True))] if keys else in_turn(over_midnight(names))


def _by_sign(stems: Sequence[str]) -> list[float]:
    """Numbers of names that count from below 0, as t_-003 ... t_+002, by name; [] of others."""
    for form in _SIGNED:
        found = [form.fullmatch(stem) for stem in stems]
        around, are_below = {(m[1], m[4]) for m in found if m}, {m[2] == "-" for m in found if m}
        if None not in found and len(around) == 1 and len(are_below) == 2:
            return [float(m[2] + m[3]) for m in found if m]
    return []


def _by_powers(stems: Sequence[str]) -> list[float]:
    """Numbers of names with powers of ten, as u_9.00e-03 and u_1.00e-02 of simulations, by name; [] of others."""
    found = [_POWER.fullmatch(stem) for stem in stems]
    around = {(m[1], m[3]) for m in found if m}
    return [float(m[2]) for m in found if m] if None not in found and len(around) == 1 else []


def _by_decimals(stems: Sequence[str]) -> list[float]:
    """Numbers of names as t0.5, t0.75, t1.0, by name; [] of others, as of chapters, where 1.10 follows 1.9."""
    found = [_DECIMAL.fullmatch(stem) for stem in stems]
    forms = {(m[1], m[4]) for m in found if m}
    if None in found or len(forms) != 1 or len({len(m[3]) for m in found if m}) < 2:
        return []
    behind: dict[str, list[int]] = defaultdict(list)
    for m in (m for m in found if m):
        behind[m[2]].append(int(m[3]))
    if all(later - one == 1 for counts in behind.values() for one, later in pairwise(sorted(counts))):
        return []
    return [float(f"{m[2]}.{m[3]}") for m in found if m]


def _in_hex(stems: Sequence[str]) -> list[int]:
    """Hexadecimal numbers of names, 0a between 09 and 10, by name; [] of others."""
    lower = [stem.lower() for stem in stems]
    differing = [place for place, letters in enumerate(zip(*lower, strict=False)) if len(set(letters)) > 1]
    parts = [stem[differing[0] : differing[-1] + 1] for stem in lower] if differing else []
    are_mixed = any(part[:1].isdigit() for part in parts) and any(re.search("[a-f]", part) for part in parts)
    if len({len(stem) for stem in lower}) != 1 or not are_mixed or not all(map(_HEX.fullmatch, parts)):
        return []
    return [int(part, 16) for part in parts]


def natural_key(name: str) -> tuple[list[tuple[int, int | str]], ...]:
    """Sort key that puts frame2 before frame10, and frame2 before frame2(1), whatever suffix is behind them."""
    stem, suffix = splitext(unicodedata.normalize("NFC", name))  # é may be one letter, or two
    return _numbered(stem), _numbered(suffix)


def _numbered(text: str) -> list[tuple[int, int | str]]:
    parts = re.split(r"(\d+)", without_filling(text))
    return [(0, int(part)) if part.isdecimal() else (1, part.lower()) for part in parts]


def without_filling(name: str) -> str:
    """A name without the blanks that bring its number to a width."""
    return _FILLED.sub(r"\1", name)


def over_midnight(names: Sequence[str]) -> list[str]:
    """Names in order, those of clocks without a date as one night saw them: 235950, 235959, 000008.

    It is told by a step over midnight that is like the others, and an hour or more without any elsewhere.
    """
    found = [_CLOCK.fullmatch(splitext(name)[0]) for name in names]
    if len(names) < FEWEST_OF_A_NIGHT or None in found or len({(m[1], m[3], m[6]) for m in found if m}) > 1:
        return list(names)
    seconds = np.array([3600 * int(m[2]) + 60 * int(m[4]) + int(m[5]) for m in found if m])
    steps = np.diff(seconds)
    usual, begin = float(np.median(steps)), int(np.argmax(steps)) + 1
    goes_on = seconds[0] + DAY_S - seconds[-1] <= SIMILAR * usual
    is_night = goes_on and steps.max() >= max(HOUR_S, 10 * usual)
    return [*names[begin:], *names[:begin]] if is_night else list(names)


def in_turn(names: Sequence[str]) -> list[str]:
    """Names in order, those of a camera's counter that began anew as it counted: DSC9998, DSC9999, DSC0001.

    It is told by its highest and its lowest number being there and less than half of those between.
    """
    found = [re.fullmatch(r"(.*?)(\d{3,6})(\D*)", unicodedata.normalize("NFC", name)) for name in names]
    forms = {(m[1], len(m[2]), m[3]) for m in found if m}
    if None in found or len(forms) != 1:
        return list(names)
    counts, highest = [int(m[2]) for m in found if m], 10 ** next(iter(forms))[1] - 1
    if len(counts) < 2 or counts[-1] != highest or counts[0] > 1 or counts != sorted(counts):
        return list(names)
    steps = np.diff(counts)
    begin = int(np.argmax(steps)) + 1
    return [*names[begin:], *names[:begin]] if steps.max() > highest // 2 else list(names)
