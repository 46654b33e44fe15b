"""The reel: a time-ordered stack of frames `(T, C, H, W)` on disk, with one row of facts per frame.

frames.npy   (T, C, H, W) float16 or float32, stretched values, or uint8, their levels; invalid pixels 0, memory-mapped
frames.csv   one row a candidate frame; `index` is its row in frames.npy, empty when it was rejected
masks.npy    (T, H, W) uint8 bits, see mask_bits.py; (1, H, W) where they are the same in all frames
missing.npy  (T, C) bool, of a series: values that were not measured; only where there are any
reel.json    shape, cadence, channels, stretch, calibration steps, identity, versions
windows.csv  the window index with its verdicts (`data/reel/windows.py`)

With prep.store zarr frames.zarr and masks.zarr are in place of frames.npy and masks.npy (`data/disk/stores.py`). They
may lie elsewhere: then address.txt has the address of the folder that they are in.
"""

import errno
import os
import re
from contextlib import suppress
from copy import copy
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from data.disk.damage import read_array, told
from data.disk.digests import check_file
from data.disk.files import folder_name
from data.disk.stores import STORES, Chunked, Store
from data.messages import logger
from data.reel.facts import ANEW, read_facts, read_frames
from data.reel.gaps import crossed, gaps_after
from data.reel.mask_bits import INVALID
from data.reel.source_pixels import maps_of
from data.reel.stretch import Levels, Stretch, as_values, values_of

log = logger(__name__)

AT_ONCE_BYTES = 2**26  # larger files are checked against their digest by `prep --verify` alone: 1 s for about 1 GB
ADDRESS = "address.txt"
FRAME_TYPES, MASK_TYPES = (np.float16, np.float32, np.uint8), (np.uint8,)


class Reel:
    """Read access to a reel folder. Arrays are memory maps, opened lazily and anew in every worker process."""

    def __init__(self, path: str | Path):
        self.path = Path(path)
        if not (self.path / "reel.json").is_file():
            raise FileNotFoundError(f"{self.path} holds no reel.json, so it is no reel; make one with: main.py -m prep")
        self.meta = read_facts(self.path)

    def __getstate__(self) -> dict:
        return {"path": self.path, "meta": self.meta}

    def closed(self) -> "Reel":
        """The same with nothing of it read: who holds thousands hands these out, so that what is read of one goes."""
        return copy(self)

    def __len__(self) -> int:
        return self.meta["shape"][0]

    @property
    def name(self) -> str:
        return folder_name(self.meta["name"])  # results lie under it, so it is not taken as it is from a file

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(T, C, H, W)"""
        return tuple(self.meta["shape"])

    @property
    def is_series(self) -> bool:
        """A time series: every frame is one pixel, the channels are the variables."""
        return self.shape[2:] == (1, 1)

    @property
    def category(self) -> str | None:
        """The class that the reel as a whole belongs to, None unknown."""
        return self.meta.get("class")

    @property
    def first(self) -> int:
        """The number of its first frame; another than 0 is of what is kept of a live one (`so_far`)."""
        return 0

    @property
    def channels(self) -> list[str]:
        return self.meta["channels"]

    @property
    def cadence_s(self) -> float:
        return self.meta["cadence_s"]

    @cached_property
    def gaps(self) -> np.ndarray:
        """The frames (N,) that a gap follows."""
        return gaps_after(self.times_s, self.cadence_s, self.meta["gap_threshold"])

    def begin_of(self, frame: int) -> int:
        """The first frame of the stretch that a frame lies in, without a gap but for those that windows cross."""
        before = self._ends[self._ends < frame]
        return int(before[-1]) + 1 if len(before) else 0

    @cached_property
    def _ends(self) -> np.ndarray:
        return gaps_after(self.times_s, self.cadence_s, crossed(self.meta))

    def so_far(self) -> "Reel":
        return self

    @property
    def stretches(self) -> list[Stretch]:
        return self._stretches

    @cached_property
    def _stretches(self) -> list[Stretch]:
        return [Stretch(**s) for s in self.meta["stretch"]]

    @cached_property
    def frames(self) -> np.ndarray | Levels:
        """Stretched frames (T, C, H, W), read-only memory map."""
        return as_values(self.stored)

    @cached_property
    def stored(self) -> np.memmap | Chunked:
        """Frames (T, C, H, W) as they are kept, which may be as levels (`data/reel/stretch.py`); as `frames`."""
        return self._opened("frames", self.shape, FRAME_TYPES)

    @cached_property
    def masks(self) -> np.ndarray | Chunked:
        """Mask bits (T, H, W) uint8, read-only memory map."""
        if len(self.stored_masks) == len(self):
            return self.stored_masks
        return np.broadcast_to(self.stored_masks, (len(self), *self.shape[2:]))

    @cached_property
    def stored_masks(self) -> np.memmap | Chunked:
        """The same as they are kept: (1, H, W) where all frames have the same."""
        return self._opened("masks", (len(self), *self.shape[2:]), MASK_TYPES, or_one=True)

    @property
    def store(self) -> Store:
        """Where its arrays lie."""
        return STORES[self.meta.get("store", "npy")]

    @property
    def _way_out(self) -> str:
        """Where its arrays can't be read."""
        parts = f"see that {self.address} holds the reel whole, and that its server sends parts of files (ranges)"
        return parts if self.address else ANEW

    @cached_property
    def address(self) -> str:
        """Where its arrays lie, '' of a reel that has them here. Raises Damaged."""
        path = self.path / ADDRESS
        if not path.is_file():
            return ""
        with told(path, f"write the address of the reel's folder into it, or put the arrays here and remove {ADDRESS}"):
            address = path.read_text(encoding="utf-8").strip().rstrip("/")
            if not re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]+://\S+", address):
                raise ValueError(f"{address[:100]!r} is no address")
            return address

    def _opened(self, name: str, shape: tuple[int, ...], types: tuple, or_one: bool = False) -> Any:
        """One of the reel's arrays, read-only, of all frames or of one for all. Raises Damaged; ValueError without
        what its store needs.
        """
        self.store.check()
        path, address = self.path / f"{name}{self.store.suffix}", self.address
        array = self.store.open_at(f"{address}/{path.name}") if address else None
        with told(path, self._way_out):
            if array is None:
                self._check_array(path.name)
                array = self.store.open(path)
            _check_form(array, (1, *shape[1:]) if or_one and len(array) == 1 else shape, types)
            return array

    def _check_array(self, name: str) -> None:
        """`check` of one of its arrays, which may be a folder of files."""
        files = {known: about for known, about in self.meta.get("files", {}).items() if known.split("/")[0] == name}
        is_small = sum(about["bytes"] for about in files.values()) <= AT_ONCE_BYTES
        for known in files:
            self.check(known, AT_ONCE_BYTES if is_small else 0)

    def check(self, name: str, most_bytes: float = float("inf")) -> None:
        """Raise Damaged where a file of the reel is not what prep wrote, in size or, up to `most_bytes`, in content."""
        with told(self.path / name, ANEW):
            check_file(self.path / name, self.meta.get("files", {}).get(name), most_bytes)

    def check_all(self) -> None:
        """Raise Damaged where any file of the reel whose digest is known is not what prep wrote; reads all of them."""
        for name in self.meta.get("files", {}):
            if not (self.address and name.split("/")[0].endswith(self.store.suffix)):  # chunks have their own checksums
                self.check(name)

    def read(self, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        """Frames (n, C, H, W) and mask bits (n, H, W) of [start, stop), read rather than mapped.

        A pass over a long reel through the memory map would count every page it touched as this process's memory.
        """
        return values_of(self.read_stored(start, stop)), self.read_masks(start, stop)

    def read_stored(self, start: int, stop: int) -> np.ndarray:
        """Frames (n, C, H, W) of [start, stop) as they are kept, read rather than mapped."""
        with told(self.path, self._way_out):  # a chunk has a checksum of its own
            return self.store.rows(self.stored, start, stop)

    def read_masks(self, start: int, stop: int) -> np.ndarray:
        """Mask bits (n, H, W) of [start, stop), read rather than mapped."""
        with told(self.path, self._way_out):
            if len(self.stored_masks) < len(self):
                return np.repeat(self.store.rows(self.stored_masks, 0, 1), stop - start, axis=0)
            return self.store.rows(self.stored_masks, start, stop)

    @cached_property
    def candidates(self) -> pd.DataFrame:
        """Every frame that was met, accepted or not, with the reason."""
        with told(path := self.path / "frames.csv", ANEW):
            self.check(path.name)
            return read_frames(path, len(self))

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row a stored frame, aligned with `frames`."""
        met = self.candidates
        if met["accepted"].all() and (np.diff(met["index"]) == 1).all():
            return met.copy(deep=False)  # of a long series a second one takes as much as the rest of the reel
        return met[met["accepted"]].sort_values("index").reset_index(drop=True)

    @property
    def times_s(self) -> np.ndarray:
        """Seconds since the first frame (T,) float64."""
        return self._times_s

    @cached_property
    def _times_s(self) -> np.ndarray:
        return self.table["time_s"].to_numpy(np.float64)

    @property
    def times_utc(self) -> np.ndarray | None:
        """UTC times (T,) datetime64[ms], or None where only relative times are known."""
        return self._times_utc

    @cached_property
    def _times_utc(self) -> np.ndarray | None:
        if self.table["time_utc"].isna().any():
            return None
        return self.table["time_utc"].to_numpy(dtype="datetime64[ms]")

    @property
    def clock_s(self) -> np.ndarray | None:
        """Seconds on the own clock of a video (T,); None of what is none, or was prepared before they were kept."""
        return self.table["clock_s"].to_numpy(np.float64) if "clock_s" in self.table else None

    @property
    def to_source(self) -> np.ndarray | None:
        """Maps (T, 2, 3), or (1, 2, 3) of all, to pixels of the source frames; None where they were not kept."""
        return self._to_source

    @cached_property
    def _to_source(self) -> np.ndarray | None:
        return maps_of(self.table, self.meta)

    @cached_property
    def labels(self) -> np.ndarray | None:
        """Frame labels (T,) float: 1 anomalous, 0 normal, NaN unknown; None when nothing is labelled."""
        labels = self.table["label"].to_numpy(np.float64)
        return None if np.isnan(labels).all() else labels

    @cached_property
    def missing(self) -> np.ndarray:
        """Which values of a series were not measured, and are stored interpolated or as invalid: (T, C) bool."""
        path = self.path / "missing.npy"
        if not path.is_file() and path.name not in self.meta.get("files", {}):
            return np.zeros(self.shape[:2], bool)
        with told(path, ANEW):
            self.check(path.name)
            missing = read_array(path, ANEW)
            _check_form(missing, self.shape[:2], (bool,))
            return missing

    def physical(self, start: int, stop: int) -> np.ndarray:
        """Frames [start, stop) in physical units (DN/s, W/m^2, ...): (n, C, H, W) float64; invalid pixels are NaN."""
        stored, bits = self.read(start, stop)
        frames = np.stack([s.inverse(stored[:, c]) for c, s in enumerate(self.stretches)], axis=1).astype(np.float64)
        frames[np.broadcast_to(((bits & INVALID) > 0)[:, None], frames.shape)] = np.nan
        return frames

    def signals(self, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Samples [start, stop) of a series in physical units: (n, C) float64; invalid ones are NaN."""
        return self.physical(start, len(self) if stop is None else stop)[:, :, 0, 0]

    def inside(self, intervals: tuple[tuple[str, str], ...]) -> np.ndarray:
        """Which frames lie in any of the closed UTC intervals: (T,) bool.

        Raises ValueError for a reel without UTC times.
        """
        if not intervals:
            return np.zeros(len(self), bool)
        if self.times_utc is None:
            raise ValueError(f"reel {self.name} has no UTC times to exclude intervals by; set prep.start_utc")
        return inside(self.times_utc, intervals)


def _check_form(array: np.ndarray | Chunked, shape: tuple[int, ...], types: tuple) -> None:
    """Raise ValueError for an array that is not of the form that reel.json tells."""
    if array.shape != shape or array.dtype not in types:
        raise ValueError(f"it holds {array.dtype} of shape {array.shape}, and reel.json tells of {shape}")


def inside(times_utc: np.ndarray, intervals: tuple[tuple[str, str], ...]) -> np.ndarray:
    """Which times (datetime64) lie in any of the closed UTC intervals: bool of the same shape."""
    chosen = np.zeros(times_utc.shape, bool)
    for start, end in intervals:
        first, last = (np.datetime64(text.replace(" ", "T")) for text in (start, end))
        chosen |= (times_utc >= first) & (times_utc <= last)
    return chosen


def find_reels(path: str | Path) -> list[Reel]:
    """The reel at `path`, or the reels in the folder `path`, by name. Raises as `reel_paths` does, and Damaged."""
    return [Reel(p) for p in reel_paths(path)]


def reel_paths(path: str | Path) -> list[Path]:
    """Where they lie, none of them opened.

    Raises FileNotFoundError when there is none, PermissionError when none may be read.
    """
    path = Path(path)
    if (path / "reel.json").is_file():
        return [path]
    found, closed = _looked_into(path)
    for folder in closed:
        if not found:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))
        log.warning(f"{folder} may not be read and is left out")
    if not found:
        raise FileNotFoundError(
            f"no reel in {path}; name a folder of reels, or one reel, with --data-clips, or make some with: "
            "python main.py -m prep --data-raw INPUT --data-clips REELS"
        )
    return found


def _looked_into(path: Path) -> tuple[list[Path], list[Path]]:
    """The folders in a folder that hold a reel, and those that may not be looked into; by name, without hidden ones.

    One call of the system for each, and a Path only for those: folders of 100,000 reels are listed in a second so.
    """
    found, closed = [], []
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(path) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            try:
                os.stat(f"{entry.path}{os.sep}reel.json")
                found.append(entry.path)
            except PermissionError:
                closed += [entry.path] if entry.is_dir() else []
            except OSError:  # a file, a link to nothing, a folder without one
                continue
    return [Path(place) for place in sorted(found)], [Path(place) for place in sorted(closed)]
