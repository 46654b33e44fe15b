"""Which pictures of a folder follow each other: two cameras, or frames and their masks, may lie in one folder."""

import re
import unicodedata
from collections.abc import Sequence
from pathlib import PurePath

_TIME = re.compile(
    r"(?:19|20)\d\d[-_.]?[01]\d[-_.]?[0-3]\d(?:(?:[T_ .@-]{0,3}|[_ ]at[_ ])[0-2]\d[-_:.h]?[0-5]\d(?:[-_:.m]?[0-6]\d"
    r"(?:[._,-]?\d{3,9})?)?)?"
)
_LAST_NUMBER = re.compile(r"\d+(?=\D*$)")
MOST_CAMERAS, FEWEST = 16, 3  # in a folder; pictures of each


def cameras_of(names: Sequence[str]) -> dict[str, str]:
    """The camera of each picture by name: "" of all, unless names differ before or behind what numbers or dates them,
    and go on side by side: cam1_0001 and cam2_0001, 17.jpg and 17_mask.png. Parts that follow each other are one.
    """
    one = dict.fromkeys(names, "")
    groups: dict[str, dict[str, int]] = {}
    for name in names:
        form, number = _form_of(unicodedata.normalize("NFC", PurePath(name).stem))
        groups.setdefault(form, {})[name] = number
    cameras = {form: group for form, group in groups.items() if len(group) >= FEWEST and "#" in form}
    labels = {form: re.sub(r"[\W_%]+", "_", form.replace("#", "_")).strip("_") for form in cameras}
    if not 1 < len(cameras) <= MOST_CAMERAS or len(set(labels.values())) < len(labels):
        return one
    ranges = [(min(group.values()), max(group.values())) for group in cameras.values()]
    if max(first for first, _ in ranges) > min(last for _, last in ranges):
        return one
    return one | {name: labels[form] for form, group in cameras.items() for name in group}


def _form_of(stem: str) -> tuple[str, int]:
    """A name with # for its date and clock, else for its last number, and that number; other numbers behind it as %."""
    found = _TIME.search(stem) or _LAST_NUMBER.search(stem)
    if found is None:
        return stem, 0
    behind = re.sub(r"\d+", "%", stem[found.end() :])
    return f"{stem[: found.start()]}#{behind}", int(re.sub(r"\D", "", found[0]))
