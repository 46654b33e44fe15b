"""What the names of frames are made of: words, and numbers in columns. Knows nothing of times or cameras."""

import re
from collections.abc import Sequence

import numpy as np

MOST_NAMES = 3  # in a line
_NUMBER = re.compile(r"\d+")


def forms(names: Sequence[str]) -> np.ndarray:
    """The words of each name without its numbers (N,)."""
    return np.array([_NUMBER.sub("#", name) for name in names])


def columns(names: Sequence[str]) -> list[list[str]]:
    """The numbers of names of one form, as written, a column each: those that are not the same in all."""
    rows = [_NUMBER.findall(name) for name in names]
    if len({len(row) for row in rows}) != 1:
        return []
    return [[*column] for column in zip(*rows, strict=True) if len(set(column)) > 1]


def some_of(names: Sequence[str]) -> str:
    """The first of names, for a line."""
    return ", ".join(names[:MOST_NAMES]) + (" ..." if len(names) > MOST_NAMES else "")
