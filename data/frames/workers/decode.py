"""Pass 2 of prep, the part that runs in worker processes: decode, calibrate, write rows of the memory map.

Kept apart from `prepare_data.py` so that a worker starts without loading matplotlib or torch.
"""

import multiprocessing
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from config import PrepConfig
from data.frames.grid.letterbox import calibrate_into
from data.frames.grid.placement import Placed
from data.frames.grid.to_grid import one_channel
from data.memory import keep_memory
from data.messages import show
from data.sources import all_kinds as sources
from data.sources.base import Candidate, FrameError, FrameSource, Input, RawFrame, sha256

Pixels = tuple[np.ndarray, np.ndarray]  # values and bits (H, W) of a frame, to be written into
DEPTHS = (8, 10, 12, 14, 16)  # bits in use of pictures whose pixels have 16


@dataclass(frozen=True)
class Task:
    """Frames of one container to decode into rows of one reel in the making."""

    folder: str  # holds decoded.npy (T, C, H, W) float32 and bits.npy (T, C, H, W) uint8
    source_shape: tuple[int, int]
    source: FrameSource  # itself, not its name: one that was registered in the main process is not known here
    items: tuple[tuple[int, int, Placed], ...]  # (row, channel, frame)


def start_worker(log_level: str) -> None:
    """One thread a worker: the pool is the parallelism. A worker ends with its parent, however that ended."""
    show(log_level)
    cv2.setNumThreads(1)
    keep_memory()
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    # A worker whose parent was killed would wait for its next task for ever.
    parent = multiprocessing.parent_process()
    assert parent is not None  # only the main process has none
    parent.join()
    os._exit(1)


def scan_chunk(items: list[Input], root: Path, prep: PrepConfig) -> list[Candidate]:
    """Pass 1 for a few inputs."""
    return [candidate for item in items for candidate in sources.scan(item, root, prep)]


def run_task(task: Task, prep: PrepConfig) -> list[dict[str, Any]]:
    """Decode the frames of a task into the memory maps and return the facts of each; a bad frame has a reason."""
    decoded = np.load(Path(task.folder) / "decoded.npy", mmap_mode="r+", allow_pickle=False)
    bits = np.load(Path(task.folder) / "bits.npy", mmap_mode="r+", allow_pickle=False)
    return decode_into(task, prep, lambda row, channel: (decoded[row, channel], bits[row, channel]))


def decode_into(task: Task, prep: PrepConfig, place_of: Callable[[int, int], Pixels]) -> list[dict[str, Any]]:
    """Decode the frames of a task, each into the place (values, bits) of its row and channel; returns their facts."""
    groups, facts = by_place(task), []
    for number, raw in sources.read(task.source, [items[0][2].candidate for items in groups]):
        for row, channel, frame in groups[number]:
            try:
                found = _write(raw, frame, task.source_shape, *place_of(row, channel), prep)
            except FrameError as error:
                found = {"reason": str(error)}
            facts.append({"row": row, "channel": channel} | found)
    return facts


def by_place(task: Task) -> list[list[tuple[int, int, Placed]]]:
    """The items of a task by what they are read from: the channels of a picture in colour are decoded at once."""
    found: dict[tuple, list[tuple[int, int, Placed]]] = {}
    for item in task.items:
        found.setdefault(item[2].candidate.place, []).append(item)
    return list(found.values())


def content_sha256(raw: RawFrame) -> str:
    """The digest of a frame of one channel: of the bytes it came from, or where these hold many, of its pixels."""
    return raw.sha256 or sha256(np.ascontiguousarray(raw.pixels).data)


def _write(
    raw: RawFrame | FrameError,
    frame: Placed,
    shape: tuple[int, int],
    values: np.ndarray,
    bits: np.ndarray,
    prep: PrepConfig,
) -> dict[str, Any]:
    """Calibrate one frame into `values` and `bits` (H, W) of its row; returns its facts. Raises FrameError."""
    if isinstance(raw, FrameError):
        raise raw
    raw = one_channel(raw, frame.channel)
    made = calibrate_into(raw, frame, shape, values.shape, prep)
    values[:], bits[:] = made.values, made.bits
    return {
        "reason": "",
        "coverage": round(made.coverage, 6),
        "saturated": round(made.saturated_fraction, 9),
        "sha256": content_sha256(raw),
        "flags": made.flags,
        "full_scale": _full_scale(raw.pixels),
        "depth": 8 * raw.pixels.dtype.itemsize,
    }


def _full_scale(pixels: np.ndarray) -> float | None:
    """The largest value that pictures are scaled by; None where data rarely fill their type.

    Cameras of 10 to 14 bits store theirs in 16: there it is that of the fewest bits which hold the values in use.
    """
    dtype = pixels.dtype
    if dtype.kind != "u" or dtype.itemsize > 2:
        return None
    if dtype.itemsize == 1:
        return 255.0
    return next(float(2**bits - 1) for bits in DEPTHS if pixels.max() < 2**bits)
