"""Folders of one moment each, as microscopes and stations write them: TimePoint_1, TimePoint_2; t0001/img.png."""

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import PurePath

FEWEST, MOST_PARTS = 3, 16  # folders; pictures of a moment: channels, places
_NUMBER = re.compile(r"\d+")
_WELL = re.compile(r"(?:.*[\W_])?[A-P](?:0?[1-9]|1\d|2[0-4])(?:[-_]\d{1,2})?")  # of a plate, and the place in it


def by_moments(paths: Sequence[PurePath]) -> dict[PurePath, tuple[PurePath, str]]:
    """The folder and the name that pictures of several folders get together; {} where each may be a recording.

    The folders lie beside each other and differ in one number alone beside a word, and each holds one picture, or as
    many as the others of as many kinds: their names differ in words, and would count where they follow each other.
    """
    folders: dict[PurePath, list[PurePath]] = defaultdict(list)
    for path in paths:
        folders[path.parent].append(path)
    beside: dict[tuple[PurePath, str], list[PurePath]] = defaultdict(list)
    for folder in folders:
        beside[folder.parent, _NUMBER.sub("#", folder.name)].append(folder)
    found: dict[PurePath, tuple[PurePath, str]] = {}
    for (place, form), group in beside.items():
        if (
            any(map(str.isalpha, form))
            and len(group) >= FEWEST
            and _one_differs(group)
            and _are_moments([folders[folder] for folder in group])
        ):
            found |= {path: (place, f"{path.parent.name}_{path.name}") for folder in group for path in folders[folder]}
    return found


def _one_differs(folders: Sequence[PurePath]) -> bool:
    """Whether one number, and no other, differs between the names of folders of one form."""
    rows = [_NUMBER.findall(folder.name) for folder in folders]
    return sum(len(set(column)) > 1 for column in zip(*rows, strict=True)) == 1


def _are_moments(groups: Sequence[Sequence[PurePath]]) -> bool:
    """Whether each of several folders holds one picture, or the same few kinds."""
    if all(len(group) == 1 for group in groups):
        return True
    if all(_WELL.fullmatch(path.stem) for group in groups for path in group):
        wells = [sorted(path.name for path in group) for group in groups]
        return len({path.stem[0] for path in groups[0]}) > 1 and all(own == wells[0] for own in wells)
    kinds = [sorted(_NUMBER.sub("#", path.name) for path in group) for group in groups]
    return len(kinds[0]) <= MOST_PARTS and len(set(kinds[0])) == len(kinds[0]) and all(own == kinds[0] for own in kinds)
