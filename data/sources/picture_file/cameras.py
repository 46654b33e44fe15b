"""Which pictures of a folder follow each other: two cameras, or frames and their masks, may lie in one folder."""

import re
import unicodedata
from collections.abc import Sequence
from pathlib import PurePath

_TIME = re.compile(
    r"(?:19|20)\d\d[-_.]?[01]\d[-_.]?[0-3]\d(?:(?:[T_ .@-]{0,3}|[_ ]at[_ ])[0-2]\d[-_:.h]?[0-5]\d(?:[-_:.m]?[0-6]\d"
    r"(?:[._,-]?\d{3,9})?)?)?"
    r"|(?<![\d.])1\d{9}(?:\d{3}|\d{6}|\d{9})?(?:\.\d{2,9}|_(?:\d{3}|\d{6}|\d{9}))?(?!\d)"  # seconds since 1970
)
_LAST_NUMBER = re.compile(r"\d+(?=\D*$)")
MOST_CAMERAS, FEWEST = 16, 3  # in a folder; pictures of each


def cameras_of(names: Sequence[str]) -> dict[str, str]:
    """The camera of each picture by name: "" of all, unless names differ before or behind what numbers or dates them,
    and go on side by side: cam1_0001 and cam2_0001, 17.jpg and 17_mask.png. Parts that follow each other are one.
    """
    one = dict.fromkeys(names, "")
    if by_suffix := _by_suffix(names):
        return by_suffix
    groups = _grouped(names, with_numbers=True)
    if not _are_of_one_time(groups):
        groups = _grouped(names, with_numbers=False)
    cameras = {form: group for form, group in groups.items() if len(group) >= FEWEST and "#" in form}
    labels = {form: re.sub(r"[\W_%]+", "_", form.replace("#", "_")).strip("_") for form in cameras}
    if not 1 < len(cameras) <= MOST_CAMERAS or len(set(labels.values())) < len(labels):
        return one
    ranges = [(min(group.values()), max(group.values())) for group in cameras.values()]
    if max(first for first, _ in ranges) > min(last for _, last in ranges):
        return one
    return one | {name: labels[form] for form, group in cameras.items() for name in group}


def _by_suffix(names: Sequence[str]) -> dict[str, str]:
    """The suffix of each picture where the same ones are there in two forms, as a camera's TIFF and JPEG; {} of others.

    Most of those in the form that is rarer have to be there in the other one too.
    """
    stems: dict[str, set[str]] = {}
    for name in names:
        path = PurePath(name)
        stems.setdefault(path.suffix.lower().lstrip("."), set()).add(path.stem)
    forms = {suffix: own for suffix, own in stems.items() if len(own) >= FEWEST}
    if len(forms) < 2 or 2 * len(set.intersection(*forms.values())) <= min(map(len, forms.values())):
        return {}
    suffixes = {name: PurePath(name).suffix.lower().lstrip(".") for name in names}
    return {name: suffix if suffix in forms else "" for name, suffix in suffixes.items()}


def _grouped(names: Sequence[str], with_numbers: bool) -> dict[str, dict[str, int]]:
    """Names, and what dates or numbers them, by what they have besides."""
    groups: dict[str, dict[str, int]] = {}
    for name in names:
        form, number = _form_of(unicodedata.normalize("NFC", PurePath(name).stem), with_numbers)
        groups.setdefault(form, {})[name] = number
    return groups


def _are_of_one_time(groups: dict[str, dict[str, int]]) -> bool:
    """Whether numbers behind times tell pictures of one time apart, as 0171 and 0304 do SDO's; those from 0 or 1 on
    count pictures of one second.
    """
    moments = [number for group in groups.values() for number in group.values()]
    if min(map(len, groups.values()), default=0) < FEWEST or len(set(moments)) == len(moments):
        return False
    behind = [[int(number) for number in re.findall(r"\d+", form.partition("#")[2])] for form in groups]
    if len({len(numbers) for numbers in behind}) > 1:
        return True
    columns = [sorted(set(column)) for column in zip(*behind, strict=True)]
    return not any(
        len(column) > 1 and column == [*range(column[0], column[0] + len(column))] and column[0] < 2
        for column in columns
    )


def _form_of(stem: str, with_numbers: bool) -> tuple[str, int]:
    """A name with # for its date and clock, else for its last number, and that number; other numbers behind it as %,
    or as they are."""
    found = _TIME.search(stem) or _LAST_NUMBER.search(stem)
    if found is None:
        return stem, 0
    behind = stem[found.end() :] if with_numbers else re.sub(r"\d+", "%", stem[found.end() :])
    return f"{stem[: found.start()]}#{behind}", int(re.sub(r"\D", "", found[0]))
