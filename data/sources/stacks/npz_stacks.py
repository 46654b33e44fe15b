"""Frames in `.npz` files: arrays (T, H, W) of gray or (T, H, W, 3) of colours, or an array (H, W) for each frame.

A file is taken so where everything else in it may be about such an array, as in HDF5. Times are those of an array
beside it that is as long and called so, or holds dates; else single numbers as fps or dt tell how far apart they are.
"""

import math
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd

from config import PrepConfig
from data.messages import logger
from data.sources.archive_file.unpacked import too_large
from data.sources.base import Candidate, FrameError, Frames, FrameSource, RawFrame, TableError
from data.sources.picture_folder.picture_times import StackTimes
from data.sources.stacks.numpy_stacks import (
    NUMBERS,
    candidates_of,
    facts_of,
    header_of,
    is_called_time,
    is_large,
    is_stack,
    one_for_each,
    pixels_of,
    refusal,
    sides_of,
)
from data.sources.stacks.told.exposures import is_exposure, tell_exposures
from data.sources.stacks.told.labels import told_labels
from data.sources.stacks.told.others import own_frames
from data.sources.stacks.told.rate import at_rate
from data.sources.tables.sidecar import find_times_csv
from data.sources.times.cells import times_of
from data.sources.times.found import Times

log = logger(__name__)

READ_BYTES = 2**22  # at once, where nothing but the checksum is wanted
_DAMAGED = (OSError, ValueError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)


@dataclass(frozen=True)
class _Array:
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    is_fortran: bool


@dataclass(frozen=True)
class _Stack:
    """Frames of a file: one array, or an array for each."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    arrays: tuple[str, ...]
    is_fortran: bool = False  # of one array: its frames lie through each other


class NpzStackSource(FrameSource):
    """A `.npz` file with frames; any other is one of series."""

    name = "npz_stack"
    suffixes = (".npz",)
    in_one_pass = True

    def takes(self, path: Path) -> bool:
        return super().takes(path) and bool(_stacks(path))

    def sidecars(self, path: Path) -> list[Path]:
        return [csv] if (csv := find_times_csv(path, None)) else []

    def scan(self, path: Path, root: Path, prep: PrepConfig) -> list[Candidate]:
        """The candidates of a file; no pixels are read."""
        stacks, found = _stacks(path), []
        frames = own_frames(stacks)
        if left_out := [stack.name for stack in stacks if stack not in frames]:
            log.info(f"{path.name}: left out, as by its name about other frames: {', '.join(left_out)}")
        for number, stack in enumerate(frames):
            reel = path.relative_to(root).with_suffix("").as_posix() + (
                f"_{stack.name.replace('/', '_')}" if len(frames) > 1 else ""
            )
            base = self.whereabouts(path, root, home=path, reel=reel)
            base |= {"size": path.stat().st_size, "member": stack.name, "group": number}
            found += _candidates(base, stack, path, prep, stack.name if len(frames) > 1 else "")
        return found

    def read(self, candidates: Sequence[Candidate]) -> Frames:
        path = Path(candidates[0].path)
        stack = next(stack for stack in _stacks(path) if stack.name == candidates[0].member)
        turn = sorted(range(len(candidates)), key=lambda number: candidates[number].position)
        wanted = [candidates[number].position for number in turn]
        with zipfile.ZipFile(path) as file:
            pages = _pages(file, stack, wanted) if len(stack.arrays) == 1 else _each(file, stack, wanted)
            for number, page in zip(turn, pages, strict=True):
                is_frame = not isinstance(page, FrameError)
                in_colour = candidates[number].channel == "rgb"
                yield number, RawFrame(pixels_of(page, in_colour), None, "") if is_frame else page


def _candidates(base: dict[str, Any], stack: _Stack, path: Path, prep: PrepConfig, name: str) -> list[Candidate]:
    """Those of one stack; one with its reason where it is not read."""
    n_bytes = math.prod(stack.shape) * stack.dtype.itemsize
    reason = refusal(stack.shape, stack.dtype, n_bytes)
    if stack.is_fortran and (large := too_large(n_bytes, prep.max_input_mb)):
        reason = reason or f"in Fortran's order it is held whole, and {large}; np.ascontiguousarray(array) turns it"
    try:
        facts, labels = _facts(path, stack.shape[0], prep), _labels(path, stack, prep)
    except (TableError, FrameError) as error:
        reason = reason or str(error)
    if reason:
        return [Candidate(**base | {"shape": stack.shape[1:3], "reason": f"{stack.name}: {reason}"})]
    _tell_exposures(path, stack, base["source"])
    if len(stack.arrays) > 1:
        log.info(f"{base['source']}: its {len(stack.arrays)} arrays {stack.arrays[0]} ... are taken for a frame each")
    return candidates_of(base, stack.shape, facts, prep, name, labels)


def _tell_exposures(path: Path, stack: _Stack, where: str) -> None:
    with zipfile.ZipFile(path) as file:
        beside = [array.name for array in _arrays(file) if array.shape == stack.shape[:1] and is_exposure(array.name)]
        tell_exposures(f"{where}, {stack.name}", [(name, _read(file, name)) for name in beside])


def _facts(path: Path, count: int, prep: PrepConfig) -> Callable[[int], dict]:
    """When each frame was taken, by its number. Raises TableError where times can't be read in one way."""
    if prep.frames_per_second or find_times_csv(path, prep.times_csv):
        return StackTimes(path, prep, [0.0] * count).facts
    with zipfile.ZipFile(path) as file:
        if times := _times(file, count, prep):
            return partial(facts_of, times)
        prep = at_rate(_single(file), path.name, prep)
    return StackTimes(path, prep, [0.0] * count).facts


def _times(file: zipfile.ZipFile, count: int, prep: PrepConfig) -> Times | None:
    """Those of the first array that is as long as there are frames and called so, or holds dates; None without one."""
    beside = [array for array in _arrays(file) if array.shape == (count,) and array.dtype.kind in "iufMU"]
    dates = [array for array in beside if array.dtype.kind == "M"]
    for array in [array for array in beside if is_called_time(array.name)] or dates:
        return times_of(pd.Series(_read(file, array.name), name=array.name), prep)
    return None


def _labels(path: Path, stack: _Stack, prep: PrepConfig) -> np.ndarray | None:
    """Those of the frames that an array beside them, or at the top of their file, holds."""
    folders = (stack.arrays[0].rpartition("/")[0], "")
    with zipfile.ZipFile(path) as file:
        as_long = [a for a in _arrays(file) if a.shape == stack.shape[:1] and a.dtype.kind in "biufU"]
        names = [a.name for folder in folders for a in as_long if a.name.rpartition("/")[0] == folder]
        return told_labels({name: partial(_read, file, name) for name in names}, path.name, prep)


def _single(file: zipfile.ZipFile) -> dict[str, np.ndarray]:
    """The numbers of a file that stand alone, by name."""
    found = {}
    for array in _arrays(file):
        if math.prod(array.shape) == 1 and array.dtype.kind in "iuf":
            found[array.name] = _read(file, array.name)
    return found


def _pages(file: zipfile.ZipFile, stack: _Stack, wanted: Sequence[int]) -> Iterator[np.ndarray]:
    """Some frames of one array, by rising numbers. Raises BadZipFile where its checksum is wrong."""
    member = f"{stack.arrays[0]}.npy"
    with file.open(member) as stream:
        while stream.read(READ_BYTES):
            pass
    with file.open(member) as stream:
        shape, is_fortran, dtype = header_of(stream)
        if is_fortran:
            with file.open(member) as from_begin:
                whole = _loaded(from_begin)
            yield from (np.array(whole[number]) for number in wanted)
            return
        n_bytes, at = math.prod(shape[1:]) * dtype.itemsize, 0
        for number in wanted:
            while at < number:
                stream.read(n_bytes)
                at += 1
            yield np.frombuffer(stream.read(n_bytes), dtype).reshape(shape[1:]).copy()
            at += 1


def _each(file: zipfile.ZipFile, stack: _Stack, wanted: Sequence[int]) -> Iterator[np.ndarray | FrameError]:
    """Some frames of a file with an array for each; a damaged one costs itself alone."""
    for number in wanted:
        try:
            yield _read(file, stack.arrays[number])
        except _DAMAGED as error:
            yield FrameError(f"not readable: {error}")


def _read(file: zipfile.ZipFile, name: str) -> np.ndarray:
    with file.open(f"{name}.npy") as stream:
        return _loaded(stream)


def _loaded(stream: IO[bytes]) -> np.ndarray:
    return np.lib.format.read_array(stream, allow_pickle=False)


def _stacks(path: Path) -> list[_Stack]:
    """The frames of a file; [] where it has none, can't be read, or holds what is no frame nor about any."""
    try:
        with zipfile.ZipFile(path) as file:
            arrays = list(_arrays(file))
    except _DAMAGED:  # whoever reads it as a series has it
        return []
    stacks = [
        _Stack(a.name, a.shape, a.dtype, (a.name,), a.is_fortran) for a in arrays if _is_stack(a)
    ] or _one_of_many(arrays)
    known = {name for stack in stacks for name in stack.arrays}
    is_all = all(_may_be_about(array, stacks) for array in arrays if array.name not in known)
    return stacks if is_all else []


def _one_of_many(arrays: Sequence[_Array]) -> list[_Stack]:
    """The stack of arrays that are a frame each, [] where they are none."""
    names = one_for_each((a.name, a.shape, a.dtype) for a in arrays)
    first = next((a for a in arrays if a.name in names[:1]), None)
    name = NUMBERS.split(names[0])[0].strip("_-./ ") or "frames" if names else ""
    return [_Stack(name, (len(names), *first.shape), first.dtype, names)] if first else []


def _arrays(file: zipfile.ZipFile) -> Iterator[_Array]:
    """The arrays of a file by their headers."""
    for info in file.infolist():
        if info.filename.endswith(".npy"):
            with file.open(info) as stream:
                shape, is_fortran, dtype = header_of(stream)
            yield _Array(info.filename.removesuffix(".npy"), shape, dtype, is_fortran)


def _is_stack(array: _Array) -> bool:
    is_one = array.dtype.kind in "buif" and is_stack(array.shape)
    return is_one and is_large(sides_of(array.shape))


def _may_be_about(array: _Array, stacks: Sequence[_Stack]) -> bool:
    """Whether an array may be times, coordinates, masks or settings of frames."""
    about = len(array.shape) < 2 or math.prod(array.shape) <= 1
    return about or any(array.shape == sides_of(stack.shape) for stack in stacks)
