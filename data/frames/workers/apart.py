"""Decoding by workers that share no memory with us: each writes files of its own, which are joined here.

A row of a reel need not begin where a page does. Two machines that both map one file on a network file system write
whole pages, and so undo each other's rows at their borders. Here a worker makes a new file for every attempt at a
task, closes it and only then tells its name; only this process writes into the reel in the making.
"""

import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from config import PrepConfig
from data.cluster.worker import must_see
from data.disk.parts import remove_folder
from data.disk.reserve import reserved_array
from data.frames.journal import PIXELS
from data.frames.workers.decode import Task, decode_into, scan_chunk
from data.sources.base import Candidate, Input

BLOCKS = "blocks"  # in the folder of a reel in the making


@dataclass(frozen=True)
class Block:
    """Decoded frames in a file of their own, NAME.npy: `decoded` and `bits` (N, H, W), and the facts of each (N,)."""

    name: str
    facts: list[dict[str, Any]]


def scan_apart(items: list[Input], root: Path, prep: PrepConfig) -> list[Candidate]:
    """Pass 1 for a few inputs. Raises FileNotFoundError for one that is not seen here."""
    must_see([item.path for item in items])
    return scan_chunk(items, root, prep)


def run_apart(task: Task, prep: PrepConfig, grid: tuple[int, int]) -> Block:
    """Decode the frames of a task into a new block of frames of grid (H, W).

    Raises FileNotFoundError for a file that is not seen here, OSError where the block has no room.
    """
    must_see(sorted({frame.candidate.path for _, _, frame in task.items}))
    name, dtype = secrets.token_hex(8), [("decoded", np.float32, grid), ("bits", np.uint8, grid)]
    block = reserved_array(_place(Path(task.folder), name), dtype, (len(task.items),))
    number = {(row, channel): i for i, (row, channel, _) in enumerate(task.items)}
    facts = decode_into(task, prep, lambda *key: (block["decoded"][number[key]], block["bits"][number[key]]))
    block.flush()  # other machines read it
    return Block(name, sorted(facts, key=lambda f: number[f["row"], f["channel"]]))


def joiner(part: Path) -> Callable[[Block], list[dict[str, Any]]]:
    """What moves a block of the reel in the making `part` into it and returns its facts, for the journal."""
    remove_folder(part / BLOCKS)  # of a run that was killed, whose last tasks workers may still be at
    (part / BLOCKS).mkdir()
    copy = copier(part)

    def join(block: Block) -> list[dict[str, Any]]:
        facts = copy(part, block)
        os.unlink(_place(part, block.name))
        return facts

    return join


def copier(part: Path) -> Callable[[Path, Block], list[dict[str, Any]]]:
    """What copies a block of a folder into the reel in the making `part`; returns its facts, for the journal."""
    decoded, bits = (np.load(part / name, mmap_mode="r+", allow_pickle=False) for name in PIXELS)

    def copy(folder: Path, block: Block) -> list[dict[str, Any]]:
        own = np.load(_place(folder, block.name), mmap_mode="r", allow_pickle=False)
        for i, fact in enumerate(block.facts):
            place = fact["row"], fact["channel"]
            decoded[place], bits[place] = own["decoded"][i], own["bits"][i]
        return block.facts

    return copy


def _place(folder: Path, name: str) -> Path:
    return folder / BLOCKS / f"{name}.npy"
