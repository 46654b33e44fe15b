"""Pass 2 of prep, the part that runs in worker processes: decode, calibrate, write rows of the memory map.

Kept apart from `prepare_data.py` so that a worker starts without loading pandas, matplotlib or torch.
"""

import multiprocessing
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from config import PrepConfig
from data import sources
from data.frames.to_grid import calibrate
from data.messages import show
from data.sources.base import Candidate, FrameError


@dataclass(frozen=True)
class Task:
    """Frames of one container to decode into rows of one reel in the making."""

    folder: str  # holds decoded.npy (T, C, H, W) float32 and bits.npy (T, C, H, W) uint8
    source_shape: tuple[int, int]
    items: tuple[tuple[int, int, Candidate], ...]  # (row, channel, candidate)


def start_worker(log_level: str) -> None:
    """One thread a worker: the pool is the parallelism. A worker ends with its parent, however that ended."""
    show(log_level)
    cv2.setNumThreads(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    # A worker whose parent was killed would wait for its next task for ever.
    multiprocessing.parent_process().join()
    os._exit(1)


def scan_chunk(items: list[sources.Input], root: Path, prep: PrepConfig) -> list[Candidate]:
    """Pass 1 for a few inputs."""
    return [candidate for item in items for candidate in sources.scan(item, root, prep)]


def run_task(task: Task, prep: PrepConfig) -> list[dict[str, Any]]:
    """Decode the frames of a task into the memory maps and return the facts of each; a bad frame has a reason."""
    decoded = np.load(Path(task.folder) / "decoded.npy", mmap_mode="r+", allow_pickle=False)
    bits = np.load(Path(task.folder) / "bits.npy", mmap_mode="r+", allow_pickle=False)
    place = {id(candidate): (row, channel) for row, channel, candidate in task.items}
    facts = []
    for candidate, raw in sources.read([candidate for _, _, candidate in task.items]):
        row, channel = place[id(candidate)]
        try:
            if isinstance(raw, FrameError):
                raise raw
            frame = calibrate(raw, candidate, task.source_shape, decoded.shape[2:], prep)
        except FrameError as error:
            facts.append({"row": row, "channel": channel, "reason": str(error)})
            continue
        decoded[row, channel], bits[row, channel] = frame.values, frame.bits
        facts.append(
            {
                "row": row,
                "channel": channel,
                "reason": "",
                "coverage": round(frame.coverage, 6),
                "saturated": round(frame.saturated_fraction, 9),
                "sha256": raw.sha256,
                "flags": frame.flags,
                "full_scale": _full_scale(raw.pixels.dtype),
            }
        )
    # On disk before the journal says so, also when the machine and not only the process goes down.
    decoded.flush()
    bits.flush()
    return facts


def _full_scale(dtype: np.dtype) -> float | None:
    """The largest value of an 8- or 16-bit type, which pictures are scaled by; None where data rarely fill the type."""
    return float(np.iinfo(dtype).max) if dtype.kind == "u" and dtype.itemsize <= 2 else None
