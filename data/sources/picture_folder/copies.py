"""Copies of pictures in their own folder, as file managers, browsers and programs that keep folders alike name them."""

import re
import unicodedata
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

# Of what a program or a person made of a picture that is there too: it is no further moment.
_VERSION = re.compile(
    r"[ _-]+(?:edited|bearbeitet|modifi\u00e9|editado|bewerkt)(?:[ _-]?\(?\d+\)?)?$"
    r"| ?\([^()]*conflicted copy[^()]*\)$|\.sync-conflict-[\w-]+$",
    re.IGNORECASE,
)
_OF_PHONES = re.compile(r"^(IMG_)E(?=\d{4}$)")  # IMG_E0003 is IMG_0003 as it was edited


def versions_of(paths: Sequence[Path]) -> dict[Path, str]:
    """Files that are by name another version of one of their folder, and the other's name: pictures that were edited,
    and those that two machines changed."""
    originals = {(path.parent, path.stem): path.name for path in reversed(paths)}
    found = {}
    for path in paths:
        plain = _OF_PHONES.sub(r"\1", _VERSION.sub("", unicodedata.normalize("NFC", path.stem)))
        if plain != path.stem and (path.parent, plain) in originals:
            found[path] = originals[path.parent, plain]
    return found


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
