"""Frames in HDF5, netCDF, zarr and files of MATLAB: arrays (T, H, W) of gray or (T, H, W, 3) of colours, each a reel
by itself; or an array (H, W) for each frame.

A file is taken so where everything else in it may be about such an array: times, coordinates, masks. Times are those of
the scale that netCDF attaches to the first axis, or of an array beside it that is as long and called so; of an array
for each frame those that it, or the group it lies in, has as an attribute or beside it.
"""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from config import PrepConfig
from data.messages import logger
from data.sources.archive_file.unpacked import too_large
from data.sources.arrays.hdf5_arrays import BY_PANDAS, Packing, is_hdf5, text_of
from data.sources.base import Candidate, FrameError, Frames, FrameSource, RawFrame, TableError
from data.sources.picture_folder.picture_times import StackTimes
from data.sources.stacks.numpy_stacks import (
    NUMBERS,
    candidates_of,
    facts_of,
    is_called_time,
    is_large,
    is_stack,
    one_for_each,
    pixels_of,
    refusal,
    sides_of,
)
from data.sources.stacks.opened.groups import is_array
from data.sources.stacks.opened.like_hdf5 import OF_ZARR, is_classic, is_held_whole, opened, place_of
from data.sources.stacks.told.axis_names import axes_of, no_frames
from data.sources.stacks.told.beside import (
    as_long,
    attribute_as_long,
    cells_of,
    counts_time,
    has_values,
    single_numbers,
    times_of_each,
)
from data.sources.stacks.told.exposures import is_exposure, tell_exposures
from data.sources.stacks.told.labels import told_labels
from data.sources.stacks.told.others import own_frames
from data.sources.stacks.told.rate import at_rate
from data.sources.tables.sidecar import find_times_csv
from data.sources.times.cells import times_of
from data.sources.times.found import Times

log = logger(__name__)

SIGNALS = 0.1  # of the numbers of frames that what was recorded beside them has, at most
_OF_PLACES = re.compile(r"degrees?_?(?:north|east|n|e)", re.IGNORECASE)  # the unit of places on Earth
_OF_FRAMES = re.compile(r"[_-]?(?:ts|t|times?|timestamps?)", re.IGNORECASE)  # behind the name of an array of frames
_OF_EPISODES = re.compile(r"(?:.*/)?episode_ends?", re.IGNORECASE)
EDGES = 2  # begin and end of each step, in the last axis of an array of them


@dataclass(frozen=True)
class _Stack:
    """An array of frames in a file, and what makes its numbers those that are meant."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    packing: Packing
    axes: tuple[str, ...]
    arrays: tuple[str, ...] = ()  # one for each frame; empty: the one called so holds all


class Hdf5StackSource(FrameSource):
    """HDF5, netCDF and MATLAB's files with frames along an axis of an array."""

    name = "hdf5_stack"
    suffixes = (".h5", ".hdf5", ".hdf", ".he5", ".nc", ".nc4", ".nc3", ".nxs", ".mat", ".slp")

    def takes(self, path: Path) -> bool:
        return super().takes(path) and bool(_stacks(path))

    def recognises(self, path: Path) -> bool:
        return (is_hdf5(path) or is_classic(path)) and bool(_stacks(path))

    def sidecars(self, path: Path) -> list[Path]:
        return [csv] if (csv := find_times_csv(place_of(path), None)) else []

    def scan(self, path: Path, root: Path, prep: PrepConfig) -> list[Candidate]:
        """The candidates of a file; no pixels are read."""
        stacks, found = _stacks(path), []
        frames = own_frames(stacks)
        if left_out := [stack.name for stack in stacks if stack not in frames]:
            log.info(f"{place_of(path).name}: left out, as by its name about other frames: {', '.join(left_out)}")
        for stack in frames:
            part = stack.name.replace("/", "_") if len(frames) > 1 else ""
            found += _candidates(self.whereabouts, stack, part, path, root, prep)
        return found

    def read(self, candidates: Sequence[Candidate]) -> Frames:
        stacks = {path: {s.name: s for s in _stacks(Path(path))} for path in dict.fromkeys(c.path for c in candidates)}
        for path, own in stacks.items():
            with opened(Path(path)) as file:
                for number, candidate in enumerate(candidates):
                    if candidate.path == path:
                        yield number, _frame(file, own[candidate.member], candidate)


class ZarrStackSource(Hdf5StackSource):
    """The same in folders of zarr, each known by the file in it that describes it."""

    name = "zarr_stack"
    suffixes = ()

    def takes(self, path: Path) -> bool:
        return path.name in OF_ZARR and bool(_stacks(path))

    def recognises(self, path: Path) -> bool:
        return False


def _candidates(whereabouts, stack: _Stack, part: str, path: Path, root: Path, prep: PrepConfig) -> list[Candidate]:
    place = place_of(path)
    below = place.relative_to(root) if place != root else Path(root.resolve().name)
    reel = below.with_suffix("").as_posix() + (f"_{part}" if part else "")
    base = whereabouts(path, root, home=path, reel=reel) | {"source": below.as_posix()}
    base |= {"size": path.stat().st_size, "member": stack.name}
    is_given = prep.frames_per_second or find_times_csv(place, prep.times_csv)
    n_bytes = math.prod(stack.shape) * stack.dtype.itemsize
    reason = refusal(stack.shape, stack.dtype, n_bytes) or too_large(n_bytes * is_held_whole(path), prep.max_input_mb)
    if reason := reason or no_frames(stack.shape, stack.axes, bool(is_given)):
        return [Candidate(**base | {"shape": stack.shape[1:3], "reason": f"{stack.name}: {reason}"})]
    try:
        times = None if is_given else _times(path, stack, prep)
        labels = _labels(path, stack, base["source"], prep)
        prep = prep if is_given or times else at_rate(_single(path, stack), base["source"], prep)
    except (TableError, FrameError) as error:
        return [Candidate(**base, reason=f"{stack.name}: {error}")]
    _tell_episodes(path, stack, base["source"])
    _tell_exposures(path, stack, base["source"])
    facts = partial(facts_of, times) if times else StackTimes(place, prep, [0.0] * stack.shape[0]).facts
    return candidates_of(base, stack.shape, facts, prep, stack.name if part else "", labels)


def _times(path: Path, stack: _Stack, prep: PrepConfig) -> Times | None:
    """The times of a stack's frames in its file, None where it holds none that are called so.

    Raises TableError where they can't be read in one way, FrameError where their unit is not understood.
    """
    import h5py

    with opened(path) as file:
        if stack.arrays:
            return times_of_each(file, stack.arrays, prep)
        array = file[stack.name]
        attached = [scale for scale in array.dims[0].values() if scale.shape == array.shape[:1] and has_values(scale)]
        beside = as_long(file, array)
        own = [item for item in beside if _OF_FRAMES.fullmatch(item.name.removeprefix(array.name))]
        named = [item for item in beside if is_called_time(item.name)]
        for item in (*attached, *own, *named):
            if (item.dtype.kind in "iuf" or h5py.check_string_dtype(item.dtype)) and (item in own or counts_time(item)):
                return times_of(pd.Series(cells_of(item), name=item.name.rpartition("/")[2]), prep)
        return attribute_as_long(array, prep)


def _labels(path: Path, stack: _Stack, where: str, prep: PrepConfig) -> np.ndarray | None:
    """The labels of a stack's frames that an array beside it holds, None without one."""
    if stack.arrays:
        return None
    with opened(path) as file:
        beside = {item.name.lstrip("/"): partial(cells_of, item) for item in as_long(file, file[stack.name])}
        return told_labels(beside, where, prep)


def _single(path: Path, stack: _Stack) -> dict[str, Any]:
    with opened(path) as file:
        return single_numbers(file, file[(stack.arrays or (stack.name,))[0]])


def _tell_episodes(path: Path, stack: _Stack, where: str) -> None:
    """Say where an array tells at which frame each of several recordings ends that were joined, as those of robots."""
    with opened(path) as file:
        ends = {name: item for name, item in _arrays(file) if _OF_EPISODES.fullmatch(name) and item.ndim == 1}
        counts = [item.size for item in ends.values() if item.size > 1 and item[...][-1] == stack.shape[0]]
    if counts:
        log.warning(
            f"{where}: by {next(iter(ends))} its frames are {counts[0]} episodes joined end to end, which are one reel "
            "here: windows go over their ends; save each by itself"
        )


def _tell_exposures(path: Path, stack: _Stack, where: str) -> None:
    if stack.arrays:
        return
    with opened(path) as file:
        beside = [(item.name.rpartition("/")[2], item) for item in as_long(file, file[stack.name])]
        tell_exposures(f"{where}, {stack.name}", [(name, item[...]) for name, item in beside if is_exposure(name)])


def _frame(file: Any, stack: _Stack, candidate: Candidate) -> RawFrame | FrameError:
    try:
        raw = file[stack.arrays[candidate.position]][...] if stack.arrays else file[stack.name][candidate.position]
        pixels = pixels_of(_unpacked(raw, stack.packing), candidate.channel == "rgb")
    except (OSError, RuntimeError, KeyError) as error:  # of h5py, on damaged files and filters that are not here
        return FrameError(f"not readable: {error}")
    return RawFrame(pixels, None, "")


def _unpacked(pixels: np.ndarray, packing: Packing) -> np.ndarray:
    """Pixels as CF's attributes mean them; NaN where nothing was measured, in gray alone."""
    if pixels.ndim > 2:
        packing = replace(packing, fills=(), valid=(-np.inf, np.inf))
    numbers = packing.unpacked(pixels)
    may_change = packing != Packing(packing.dtype)  # all frames of a stack are of one type
    return numbers.astype(np.float32) if may_change else numbers


def _stacks(path: Path) -> list[_Stack]:
    """The arrays of frames in a file; [] where it has none, can't be read, or holds what is no frame nor about any."""
    try:
        with opened(path) as file:
            arrays = dict(_arrays(file))
            found = [_stack(name, item) for name, item in arrays.items() if _is_stack(item)] or _one_of_many(arrays)
            known = {name for stack in found for name in stack.arrays or (stack.name,)}
            others = {name: item for name, item in arrays.items() if name not in known}
            strange = {name: item for name, item in others.items() if not _may_be_about(item, found)}
            return found if _are_beside(strange, found) else []
    except (OSError, RuntimeError, KeyError, TypeError, ValueError):  # of h5py; whoever reads it as a series has it
        return []


def _one_of_many(arrays: dict[str, Any]) -> list[_Stack]:
    """The stack of arrays that are a frame each, [] where they are none."""
    names = one_for_each((name, item.shape, item.dtype) for name, item in arrays.items())
    first = [_stack(NUMBERS.split(name)[0].strip("_-./ ") or "frames", arrays[name]) for name in names[:1]]
    return [replace(stack, shape=(len(names), *stack.shape), axes=(), arrays=names) for stack in first]


def _are_beside(arrays: dict[str, Any], stacks: Sequence[_Stack]) -> bool:
    """Whether arrays (T, N) were recorded beside frames, as what a robot did: few numbers for each of them."""
    lengths, n_frames = {stack.shape[0] for stack in stacks}, sum(math.prod(stack.shape) for stack in stacks)
    fit = all(item.ndim == 2 and item.shape[0] in lengths and item.dtype.kind in "buif" for item in arrays.values())
    return not arrays or (fit and sum(item.size for item in arrays.values()) <= SIGNALS * n_frames)


def _stack(name: str, item: Any) -> _Stack:
    return _Stack(name, item.shape, item.dtype, Packing.told_by(item.attrs, item.dtype), axes_of(item))


def _arrays(file: Any) -> Iterator[tuple[str, Any]]:
    """The arrays that lie in a file itself, by name; none of one that pandas wrote."""
    found: list[tuple[str, Any]] = []

    def visit(name: str, item: Any) -> bool | None:
        if BY_PANDAS in item.attrs:
            found.clear()
            return True
        if is_array(item) and item.shape is not None and not (item.external or item.is_virtual):
            found.append((name, item))
        return None

    file.visititems(visit)
    return iter(found)


def _is_stack(item: Any) -> bool:
    """Whether an array is one of frames; with time along its last axis, for which it is refused, where that is told."""
    if item.dtype.kind not in "buif" or not is_stack(item.shape):
        return False
    if _OF_PLACES.fullmatch(text_of(item.attrs.get("units", ""))):  # where each pixel lies, at each time
        return False
    is_turned = item.ndim == 3 and any(map(counts_time, item.dims[2].values()))
    sides = item.shape[:2] if is_turned else sides_of(item.shape)
    return is_large(sides)


def _may_be_about(item: Any, stacks: Any) -> bool:
    """Whether an array may be times, coordinates or settings of frames: along one of their axes, or of a picture."""
    if item.ndim < 2 or item.size <= 1 or item.dtype.kind not in "buif":
        return item.dtype.names is None
    shapes = [stack.shape for stack in stacks]
    if item.shape in shapes and _OF_PLACES.fullmatch(text_of(item.attrs.get("units", ""))):
        return True
    return any(item.shape == sides_of(s) or (item.shape[0] == s[0] and item.shape[1:] == (EDGES,)) for s in shapes)
