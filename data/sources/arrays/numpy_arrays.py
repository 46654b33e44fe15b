"""Time series in NumPy files: `.npy` with one array, `.npz` with arrays by name, which are read as a table's columns.

Names of arrays may have folders (`test/pump_3/x`): those of one folder are a series of their own, with a reel of its
own.
"""

import math
import re
import zipfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from config import PrepConfig
from data.messages import logger
from data.sources.archive_file.unpacked import too_large
from data.sources.base import Series, SeriesSource, TableError, file_sha256
from data.sources.table import LABEL_COLUMNS, refuse_short, series_of
from data.sources.tables.sidecar import table_stem
from data.sources.tables.values.quality import masked
from data.sources.times.column import time_column

log = logger(__name__)

MANY_TIMES = 10  # as many variables as samples, from which they may be the other way round
VALUE = "value"  # what an array without a name is called
PERHAPS_LABELS = re.compile(r"y|(.*_)?labels?", re.IGNORECASE)  # labels only where nothing but 0 and 1 is in them
# Single numbers beside arrays: samples a second, or seconds from one to the next.
RATES = re.compile(r"fs|sr|s_?rate|sfreq|f_?sample|samp(?:le|ling)?_?(?:rate|freq(?:uency)?)(?:_?hz)?", re.IGNORECASE)
INTERVALS = re.compile(
    r"dt|delta_?t|x_?spacing|wf_increment|samp(?:le|ling)?_?(?:interval|period)(?:_?s(?:ec)?)?", re.IGNORECASE
)
NAMES_OF_COLUMNS = re.compile(
    r"(?:columns?|col|channels?|ch|variables?|vars?|features?|sensors?|signals?|labels?)(?:_?names?|_?labels?)?|names|header",
    re.IGNORECASE,
)
_EVENT_NAMES = {name: key for key in "xy" for name in (key, f"{key}s")}
_EVENT_NAMES |= dict.fromkeys(("t", "ts", "time", "times", "timestamp", "timestamps"), "t")
_EVENT_NAMES |= dict.fromkeys(("p", "ps", "pol", "polarity", "polarities"), "p")
_KINDS = "biufmMU"  # of numbers, times and texts
BULK = 0.9  # of the numbers of a file that are in pictures or volumes, and no series
Groups = dict[str, dict[str, np.ndarray]]  # arrays by name, by the folder in their names


class ArraySource(SeriesSource):
    """Arrays of one folder in their names, one series."""

    name = "array"
    suffixes = (".npz", ".npy")
    may_belong_to_frames = True

    def read_series(self, path: Path, prep: PrepConfig, smallest: int = 0) -> list[Series]:
        """The series of a file, one for each folder in the names of its arrays; those that are none are printed.

        Raises TableError with the first reason when none is, or the file can't be read.
        """
        digest, found, reasons = file_sha256(path), [], []
        groups = self.groups(path, prep)
        for group, arrays in groups.items():
            try:
                refuse_events(arrays)
                found.append(_series(group, arrays, path, prep, digest, smallest))
            except TableError as error:
                reasons.append(str(error))
                log.warning(f"{path.name}: {group or 'what is in no folder'} is no series: {error}")
        if not found:
            raise TableError(reasons[0] if reasons else "it holds no array")
        _tell_bulk(path.name, groups)
        return found

    def groups(self, path: Path, prep: PrepConfig) -> Groups:
        """The arrays of a file. Raises TableError when it can't be read, or takes more than prep.max_input_mb."""
        refuse_large(path, prep)
        return _groups(path)


def refuse_events(arrays: Mapping[str, np.ndarray]) -> None:
    """Raises TableError for what event cameras give: place, time and polarity of each pixel that changed."""
    named = {_EVENT_NAMES.get(name.lower(), ""): array for name, array in arrays.items()}
    if not {"x", "y", "t", "p"} <= named.keys() or len({named[name].shape for name in "xytp"}) > 1:
        return
    if all(named[name].dtype.kind in "bui" for name in "xyp") and len(np.unique(named["p"])) <= 2:
        raise TableError(
            f"{named['x'].size} events of an event camera (x, y, t, p) are neither frames nor a series: count them in "
            "frames (T, H, W), and save these as .npy"
        )


def _tell_bulk(where: str, groups: Groups) -> None:
    """Warn where most of a file is no series: its frames may be told otherwise than by what is read."""
    arrays = {f"{group}/{name}".strip("/"): array for group, own in groups.items() for name, array in own.items()}
    bulk = {name: array.shape for name, array in arrays.items() if array.ndim > 2}
    if sum(map(math.prod, bulk.values())) > BULK * sum(array.size for array in arrays.values()):
        log.warning(
            f"{where}: most of it is left out, and the rest read as a series: {bulk}; frames are (T, H, W), "
            "(T, H, W, 3) or (T, 3, H, W), with nothing in the file that is not about them"
        )


def refuse_large(path: Path, prep: PrepConfig) -> None:
    """Raises TableError when the arrays would take more than prep.max_input_mb, however well they are packed."""
    n_bytes = path.stat().st_size
    if zipfile.is_zipfile(path):
        try:
            with zipfile.ZipFile(path) as archive:  # members give no more bytes than they announce
                n_bytes = sum(info.file_size for info in archive.infolist())
        except zipfile.BadZipFile:  # which is told when it is read
            return
    if reason := too_large(n_bytes, prep.max_input_mb):
        raise TableError(reason)


def _groups(path: Path) -> Groups:
    """Arrays by name, by the folder before the name; those that hold Python objects are never loaded."""
    groups: Groups = {}
    try:
        with path.open("rb") as stream:
            loaded = np.load(stream, allow_pickle=False)
            if isinstance(loaded, np.ndarray):
                return {"": _columns(VALUE, _native(loaded))}
            for key in loaded.files:
                group, _, name = key.rpartition("/")
                groups.setdefault(group, {}).update(_columns(name, _loaded(loaded, key)))
    except Exception as error:  # NumPy and zipfile raise many kinds on damaged files
        raise TableError(f"not readable as arrays: {error}") from None
    return groups


def _columns(name: str, array: np.ndarray) -> dict[str, np.ndarray]:
    """An array by its name; of one of records, its columns by theirs."""
    return {column: _native(array[column]) for column in array.dtype.names or ()} or {name: array}


def _loaded(file: np.lib.npyio.NpzFile, key: str) -> np.ndarray:
    """An array of the file; one of objects becomes one without an axis."""
    try:
        return _native(np.asarray(file[key]))
    except ValueError as error:
        if "allow_pickle" not in str(error):
            raise
        return np.array("Python objects")


def _native(array: np.ndarray) -> np.ndarray:
    """The same numbers in this machine's byte order, as pandas needs them."""
    if array.dtype.names:
        return array
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _series(group: str, arrays: dict, path: Path, prep: PrepConfig, digest: str, smallest: int) -> Series:
    table, names, notes = _table(arrays, prep)
    refuse_short(len(table), smallest)
    # The settings may name an array of several variables as a whole.
    given = tuple(column for name in prep.value_columns for column in names.get(name, [name]))
    columns = map(str, table.columns)
    perhaps = [column for column in columns if PERHAPS_LABELS.fullmatch(column) and table[column].isin([0, 1]).all()]
    known = (*LABEL_COLUMNS, *(column.lower() for column in perhaps))
    name = f"{table_stem(path)}_{group}" if group else table_stem(path)
    settings, told = _at_rate(replace(prep, value_columns=given), table, arrays, notes)
    table, quality = masked(table, settings)
    facts = {"notes": notes, "label_columns": known, "told": (*told, *quality)}
    return series_of(table, path, settings, name, digest, part=group, **facts)


def _at_rate(
    prep: PrepConfig, table: pd.DataFrame, arrays: dict[str, np.ndarray], notes: dict[str, str]
) -> tuple[PrepConfig, tuple[str, ...]]:
    """The settings with the interval that a single number beside the arrays tells, as fs or dt, where they have no
    times; and what to say of it.
    """
    if prep.sample_interval_sec or prep.time_column or time_column(table, prep)[0] is not None:
        return prep, ()
    for names, power in ((RATES, -1), (INTERVALS, 1)):
        for name, array in arrays.items():
            if array.size == 1 and array.dtype.kind in "iuf" and names.fullmatch(name):
                number = float(array.reshape(-1)[0])
                if np.isfinite(number) and number > 0:
                    notes[name] = "the sampling rate" if power < 0 else "the sampling interval"
                    return replace(prep, sample_interval_sec=number**power), (f"{name} {number:g}: {notes[name]}",)
    return prep, ()


def _table(arrays: dict[str, np.ndarray], prep: PrepConfig) -> tuple[pd.DataFrame, dict[str, list[str]], dict]:
    """Arrays (T,) and (T, C) of one length as columns, the columns of each array, and notes on what is none.

    Raises TableError when an array that the settings name does not fit.
    """
    arrays, turned = _upright(arrays)
    count = _length(arrays, prep.value_columns)
    chosen = {*prep.value_columns, prep.time_column, prep.label_column}
    columns: dict[str, np.ndarray] = {}
    names, notes = {}, {}
    for name, array in arrays.items():
        if array.ndim not in (1, 2) or len(array) != count or array.dtype.kind not in _KINDS:
            notes[name] = f"left out: {array.dtype} {array.shape}"
            if array.ndim > 2 and len(array) == count and array.dtype.kind in "iuf":
                log.warning(f"{name} {array.shape} is left out: a series has one place; cut it out of the others")
            if name in chosen:
                raise TableError(f"{name} is {array.dtype} {array.shape}, no numbers (T,) or (T, C) with T = {count}")
            continue
        if name in turned:
            notes[name] = turned[name]
        names[name] = [name] if array.ndim == 1 else _names_beside(arrays, array.shape[1]) or []
        names[name] = names[name] or [f"{name}_{i}" for i in range(array.shape[1])]
        columns |= dict(zip(names[name], array.reshape(count, -1).T, strict=True))
    return pd.DataFrame(columns, index=range(count)), names, notes


def _names_beside(arrays: dict[str, np.ndarray], width: int) -> list[str]:
    """The names of the columns of the only array of several, where a list of as many unlike words is called so; []."""
    wide = [array for array in arrays.values() if array.ndim == 2 and array.dtype.kind in _KINDS]
    lists = [array.reshape(-1) for name, array in arrays.items() if NAMES_OF_COLUMNS.fullmatch(name)]
    fits = [[str(word).strip() for word in words] for words in lists if words.dtype.kind == "U" and words.size == width]
    return fits[0] if len(fits) == len(wide) == 1 and len({*fits[0]} - {"", *arrays}) == width else []


def _upright(arrays: dict[str, np.ndarray]) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Arrays with their samples along the first axis, and what to say of those that were turned.

    One row of numbers, beside other arrays as long, is one variable. Where one-dimensional arrays have the length of
    the second axis of a two-dimensional one, and not of its first, its samples lie there, as MATLAB writes into HDF5.
    """
    arrays = {name: array.reshape(-1) if _is_of_one_place(array) else array for name, array in arrays.items()}
    axes = Counter(n for array in arrays.values() for n in set(array.shape))
    plain = {name: array[0] if _is_row(array) and axes[array.size] > 1 else array for name, array in arrays.items()}
    lengths = {len(array) for array in plain.values() if array.ndim == 1 and array.dtype.kind in _KINDS}
    turned = {}
    for name, array in plain.items():
        if array.ndim == 2 and array.shape[1] in lengths and array.shape[0] not in lengths:
            plain[name] = array.T
            turned[name] = f"its {len(array)} rows are variables, by the length of the other arrays"
    return plain, turned


def _is_of_one_place(array: np.ndarray) -> bool:
    """Whether an array of several axes has one longer than 1, as a variable of a grid cut out at one point."""
    return array.ndim > 2 and array.size == max(array.shape) > 1


def _is_row(array: np.ndarray) -> bool:
    return array.ndim == 2 and len(array) == 1 and array.size > 1


def _length(arrays: dict[str, np.ndarray], value_columns: Sequence[str]) -> int:
    """How many samples there are: that of the arrays the settings name, else what most have, the longest on a tie."""
    named = [name for name in arrays if any(re.fullmatch(rf"{re.escape(name)}(_\d+)?", v) for v in value_columns)]
    lengths = [len(arrays[name]) for name in named or arrays if arrays[name].ndim in (1, 2)]
    lengths = [n for n in lengths if n > 1] or lengths  # single numbers tell of the others
    if not any(lengths):
        shapes = {name: array.shape for name, array in list(arrays.items())[:10]}
        frames = (
            "; frames are (T, H, W), (T, H, W, 3) or (T, 3, H, W)"
            if any(len(shape) > 2 for shape in shapes.values())
            else ""
        )
        raise TableError(f"none of its arrays {shapes} has the shape (T,) or (T, C){frames}")
    count = max(lengths, key=lambda n: (lengths.count(n), n))
    widths = [array.shape[1] for array in arrays.values() if array.ndim == 2 and len(array) == count]
    if widths and max(widths) > MANY_TIMES * count:
        log.warning(
            f"{count} samples of {max(widths)} variables: the first axis counts samples; turn it if the second one does"
        )
    return count
