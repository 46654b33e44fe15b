"""Tables of labels by frame: intervals of frame numbers, a label for each frame of a clip, or one for each picture."""

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from data.labels.by_frame.benchmark_lists import spans_of
from data.labels.by_frame.frame_labels import FrameLabels, PictureLabels
from data.labels.intervals import LABELS, anomalous
from data.labels.point_labels import PointLabels
from data.sources.picture_file.pictures import SUFFIXES

_FIRST = re.compile(r"(?:start|first|begin|from|onset)_?(?:ing_)?frame\w*|frames?_(?:start|first|begin|from|onset)")
_LAST = re.compile(r"(?:end|last|stop|to|offset)_?(?:ing_)?frame\w*|frames?_(?:end|last|stop|to|offset)")
_NUMBER = re.compile(r"unnamed_0|index|frames?(?:_?(?:no|nr|num|number|id|idx|index))?|frame_?n")
PICTURES = ("picture", "image", "image_name", "img", "file", "filename", "file_name", "frame", "path", "image_path")
PICTURES += ("frame_name", "image_file", "name")
TIMES = {"time", "timestamp", "time_utc"}


def of_frames(
    table: pd.DataFrame, clip: str | None, path: str, normal: Sequence[object] = ()
) -> FrameLabels | PictureLabels | PointLabels | None:
    """The labels of a table that counts frames or names pictures; None of one of times. clip: its column of clips.
    normal: what labels call so, as the settings tell.

    Raises ValueError that names the file, and what is wrong.
    """
    columns, unusual = [str(name) for name in table.columns], anomalous(table, normal)
    first, last = (next(filter(form.fullmatch, columns), None) for form in (_FIRST, _LAST))
    if first and last:
        return FrameLabels(_intervals(table, unusual, clip, first, last, path))
    label = next((name for name in LABELS if name in columns), None)
    if label is None or {first, last} != {None}:
        return None
    if pictures := next((name for name in PICTURES if name in columns and _are_pictures(table[name])), None):
        return PictureLabels(dict(zip(table[pictures], unusual.astype(int).tolist(), strict=True)))
    if columns == [label]:
        return PointLabels(path, tuple(unusual.astype(int).tolist()))
    number = next(filter(_NUMBER.fullmatch, columns), None)
    return _of_each(table, unusual.to_numpy(bool), clip, number, path) if number and not TIMES & {*columns} else None


def _are_pictures(cells: pd.Series) -> bool:
    return len(cells) > 0 and bool(cells.astype(str).str.lower().str.endswith(SUFFIXES).all())


def _intervals(
    table: pd.DataFrame, unusual: pd.Series, clip: str | None, first: str, last: str, path: str
) -> dict[str, tuple[tuple[int, int], ...]]:
    if clip is None:
        raise ValueError(f"prep.labels_csv {path} needs a column clip beside {first} and {last}")
    spans: dict[str, list[tuple[int, int]]] = {str(name): [] for name in table[clip].dropna()}
    for name, begin, end in table[unusual][[clip, first, last]].itertuples(index=False, name=None):
        if pd.isna(begin) and pd.isna(end):
            continue
        numbers = [_number(cell, path) for cell in (begin, end)]
        if numbers[0] > numbers[1] or pd.isna(name):
            raise ValueError(
                f"prep.labels_csv {path}: frames {begin} to {end} of clip {name}; allowed are first to last"
            )
        if numbers[0] >= 0:  # -1, -1: none
            spans[str(name)].append((numbers[0], numbers[1]))
    return {name: tuple(own) for name, own in spans.items()}


def _of_each(
    table: pd.DataFrame, labels: np.ndarray, clip: str | None, number: str, path: str
) -> FrameLabels | PointLabels:
    """Of a row a frame, counted from 0, or from 1 where all rows do and none is left out."""
    numbers = np.array([_number(cell, path) for cell in table[number]], int)
    clips = None if clip is None else table[clip].astype(str).to_numpy()
    own = {"": np.arange(len(table))} if clips is None else {name: np.flatnonzero(clips == name) for name in {*clips}}
    from_one = all(sorted(numbers[rows]) == list(range(1, len(rows) + 1)) for rows in own.values())
    numbers = numbers - from_one
    if clips is None:
        if sorted(numbers) != list(range(len(numbers))):
            raise ValueError(f"prep.labels_csv {path} names no clip, and its column {number} does not count all frames")
        return PointLabels(path, tuple(labels[np.argsort(numbers)].astype(int).tolist()))
    found = {}
    for name in dict.fromkeys(clips):
        is_set = np.zeros(numbers[own[name]].max() + 1, bool)
        is_set[numbers[own[name]]] = labels[own[name]]
        found[str(name)] = spans_of(is_set)
    return FrameLabels(found)


def _number(cell: object, path: str) -> int:
    try:
        number = float(str(cell))
        if number.is_integer() and abs(number) < 1e9:
            return int(number)
    except ValueError:
        pass
    raise ValueError(f"prep.labels_csv {path}: {cell!r} is no number of a frame")
