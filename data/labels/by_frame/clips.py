"""Which reel a file of labels means by what it calls a clip, and which of its frames by their numbers."""

import re
from collections.abc import Iterable
from pathlib import Path, PureWindowsPath

import numpy as np
import pandas as pd

from data.sources.picture_folder.order import in_order

_ROW, _NUMBER = re.compile(r"row (\d+)$"), re.compile(r"#(\d+)$")


def clip_of(clips: Iterable[str], name: str, source: str = "") -> str | None:
    """The clip that the reel of a name is: by that, or by the name of its file, or else, whatever the case and the
    zeros before a number alone, by the end of the path that one of its frames is from; None where it is none of them.
    A table's may have its folder before it (test_P-1). A clip without a name is every reel.
    """
    clips = list(clips)
    every = "" if "" in clips else None
    exact = next((clip for clip in clips if is_named(clip, name)), every)
    if exact is not None or not source:
        return exact
    if _ROW.search(source):
        return max((clip for clip in clips if name.endswith(f"_{clip}")), key=len, default=None)
    place = _place(source)
    fitting = [(len(own), clip) for clip in clips for own in _written(clip) if _are_one_end(own, place)]
    return max(fitting)[1] if fitting else None


def is_named(clip: str, name: str) -> bool:
    """Whether what a table calls a clip is the reel of this name: by that, or by the name of its file."""
    return name in (clip, Path(clip).stem, PureWindowsPath(clip).stem)


def source_in(table: pd.DataFrame) -> str:
    """Where one of a reel's frames is from, as frames.csv tells; "" where it does not."""
    return str(table["source"].iloc[0]) if "source" in table and len(table) else ""


def frame_numbers(table: pd.DataFrame) -> np.ndarray:
    """The number of each row's frame in its video or stack, counted from 0; of pictures the place of their names in
    order; of samples of a table that of their row. NaN of rows that are no frame.
    """
    sources = table["source"].astype(str)
    for form, first in ((_NUMBER, 0), (_ROW, 1)):
        found = sources.str.extract(form, expand=False)
        if found.notna().any():
            return found.astype(float).to_numpy() - first
    if sources.str.rsplit("/", n=1).str[-1].duplicated().any():
        return np.arange(len(table), dtype=float)  # of folders of a recorder: in the order of their times
    turn = {path: number for number, path in enumerate(in_order(sources))}
    return sources.map(turn).to_numpy(float)


def _place(source: str) -> list[str]:
    """The video that a frame is from, or the folder of a picture, as parts of a path without suffix."""
    path = source.replace("::", "/")
    path = _NUMBER.sub("", path) if _NUMBER.search(path) else path.rpartition("/")[0]
    return _written(path)[-1]


def _written(clip: str) -> list[list[str]]:
    """The parts of a path, with and without the suffix of the last."""
    parts = [part for part in re.split(r"[\\/]+", clip.lower()) if part not in ("", ".", "..")]
    ends = (parts[-1], Path(parts[-1]).stem) if parts else ()
    return [[*parts[:-1], end.lstrip("0") if end.isdecimal() else end] for end in ends] or [[]]


def _are_one_end(one: list[str], other: list[str]) -> bool:
    """Whether the shorter of two paths is the end of the longer one."""
    shorter, longer = sorted((one, other), key=len)
    return bool(shorter) and longer[len(longer) - len(shorter) :] == shorter
