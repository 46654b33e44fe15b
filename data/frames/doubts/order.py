"""Whether the pictures of a reel would follow each other far better in another order that their names tell."""

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any

import numpy as np

from data.frames.doubts.names import columns
from data.frames.doubts.small import NOISE, apart

FEWEST_FRAMES = 6
NEARER = 0.6  # the other order's steps, by those of the order as it is, where the two differ
SURE = 0.75  # of these places that are farther than the other order's usual step
OUTLYING = 2.0  # times as far as frames usually are: a place where a single seam is told by
_DECIMAL = re.compile(r"\d+\.?\d*(?:[eE][-+]?\d+)?")


def told_order(pictures: np.ndarray, names: Sequence[str]) -> str:
    """A line where another order makes the pictures (N, P) go on smoothly; "" where none does."""
    if len(names) < FEWEST_FRAMES:
        return ""
    orders = ((called, np.array(sorted(range(len(names)), key=key))) for called, key in _orders(names))
    for called, order in orders:
        if _is_better(pictures, order):
            first = ", ".join(names[int(i)] for i in order[:3])
            return (
                f"its pictures follow each other far better {called} ({first} ...): if that is their order, tell it "
                "with prep.times_csv (a column `file` and a time for each)"
            )
    return ""


def _orders(names: Sequence[str]) -> Iterator[tuple[str, Callable[[int], Any]]]:
    """Every order that names may tell: what it is called, and the key of each frame by its number."""
    yield "in the order of names as text", lambda i: names[i]
    yield "in the order of the numbers in their names", lambda i: _parts(names[i])
    found = columns(names)
    for column in found:
        widest, called = max(map(len, column)), f"in the order of the number that is {column[0]} in the first name"
        yield called, lambda i, column=column: int(column[i])
        yield called, lambda i, column=column, widest=widest: column[i].ljust(widest, "0")
    for turned in ((2, 1, 0), (2, 0, 1)) if len(found) > 2 else ():
        own = [found[place] for place in turned] + found[3:]
        yield "with the year last in their names", lambda i, own=own: [int(column[i]) for column in own]
    if len({len(_DECIMAL.findall(name)) for name in names}) == 1:
        yield "in the order of decimals in their names", lambda i: [float(t) for t in _DECIMAL.findall(names[i])]


def _parts(name: str) -> list[tuple[int, int | str]]:
    pieces = ("".join(own) for _, own in groupby(name, str.isdecimal))
    return [(0, int(piece)) if piece.isdecimal() else (1, piece) for piece in pieces]


def _is_better(pictures: np.ndarray, order: np.ndarray) -> bool:
    """Whether pictures are nearer to each other in that order, where it differs from the one as it is."""
    place = np.empty(len(order), int)
    place[order] = np.arange(len(order))
    left = np.flatnonzero(np.abs(np.diff(place)) != 1)  # neighbours now, and not then
    won = np.flatnonzero(np.abs(np.diff(order)) != 1)
    if not len(left) or not len(won):
        return False
    now, then = apart(pictures, left, left + 1), apart(pictures, order[won], order[won + 1])
    usual = max(NOISE, float(np.median(apart(pictures, order[:-1], order[1:]))))
    is_nearer = then.mean() < NEARER * now.mean() and now.mean() > OUTLYING * usual
    return bool(is_nearer and (now > np.median(then)).mean() >= SURE)
