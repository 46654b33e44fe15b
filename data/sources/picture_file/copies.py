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


def copies_of(paths: Sequence[Path]) -> dict[str, str]:
    """The names of files that are copies of another one, by name and byte by byte, and the other's name."""
    there = {path.name: path for path in paths}
    found = {}
    for name, path in there.items():
        original = there.get(_unmarked(name))
        if original is not None and original != path and _are_same(path, original):
            found[name] = original.name
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
