"""Copies of pictures in their own folder, as file managers, browsers and programs that keep folders alike name them."""

import re
from collections.abc import Sequence
from filecmp import cmp
from os.path import splitext
from pathlib import Path

_MARKS = re.compile(
    r"^(?:copy of|kopie von|copie de|copia de) +"
    r"|[ _-]+(?:copy|kopie|copie|copia)(?: ?\(?\d+\)?)?$| ?\(\d+\)$"
    r"| ?\([^()]*conflicted copy[^()]*\)$|\.sync-conflict-[\w-]+$",
    re.IGNORECASE,
)


def copies_of(paths: Sequence[Path]) -> dict[Path, str]:
    """Files that are copies of another one of their folder, by name and byte by byte, and the other's name."""
    there = set(paths)
    found = {}
    for path in paths:
        original = path.with_name(_unmarked(path.name))
        if original in there and original != path and _are_same(path, original):
            found[path] = original.name
    return found


def _unmarked(name: str) -> str:
    stem, suffix = splitext(name)
    while (shorter := _MARKS.sub("", stem)) != stem:
        stem = shorter
    return stem + suffix


def _are_same(one: Path, other: Path) -> bool:
    try:
        return cmp(one, other, shallow=False)
    except OSError:
        return False
