"""Folders whose pictures are about those of others: masks, labels and truth of data sets, and small copies."""

import re
from collections.abc import Iterator, Sequence
from pathlib import PurePath

_ABOUT = re.compile(
    r"(?:.*[\W_])?(?:thumb(?:nail)?s?|previews?|lowres|masks?|labels?|gts?|gt(?:fine|coarse)|ground[\W_]?truths?"
    r"|annotations?|seg|segmentation(?:s|class|object)?)",
    re.IGNORECASE,
)


def about_others(paths: Sequence[PurePath], frames: Sequence[PurePath]) -> set[PurePath]:
    """Which files, by paths below the input, are about frames that lie elsewhere; frames: those that hold some.

    A folder has to be called so (`Test001_gt`, `masks`), and most of its files as frames that lie in none of the kind
    are, or the folders of these: by their whole name, all its digits or its last number.
    """
    called = [path for path in paths if folder_about(path)]
    if not called:
        return set()
    others = [path for path in frames if not folder_about(path)]
    known = {key for path in others for key in _keys(path.stem)} | {path.parent.name.lower() for path in others}
    by_folder: dict[PurePath, list[PurePath]] = {}
    for path in called:
        by_folder.setdefault(path.parent, []).append(path)
    return {
        path
        for group in by_folder.values()
        if 2 * sum(not known.isdisjoint(_keys(path.stem)) for path in group) > len(group)
        for path in group
    }


def folder_about(path: PurePath) -> str:
    """The name of the nearest of a file's folders that is called as one that is about others; "" where none is."""
    return next((part for part in reversed(path.parent.parts) if _ABOUT.fullmatch(part)), "")


def _keys(stem: str) -> Iterator[str]:
    numbers = re.findall(r"\d+", stem)
    yield stem.lower()
    if numbers:
        yield f"{int(numbers[-1])}"
        yield f"{int(''.join(numbers))}"
