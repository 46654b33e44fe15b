"""Folders of jpg, png or tif frames: one reel a folder, times from the file names or from a CSV."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from config import PrepConfig
from data.sources.base import MAX_PIXELS, Candidate, FrameError, RawFrame, sha256, time_from_name
from data.sources.times import FrameTimes, find_times_csv, shift_utc

SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp")


def scan_folder(folder: Path, files: list[Path], root: Path, prep: PrepConfig) -> list[Candidate]:
    """The candidates of one folder of images."""
    files = sorted(files, key=lambda path: natural_key(path.name))
    step_s = 1 / prep.frames_per_second if prep.frames_per_second else prep.sample_interval_sec or 1.0
    try:
        times = find_times_csv(folder, prep.times_csv)
        table = FrameTimes(times) if times else None
    except FrameError as error:
        return [Candidate(p.name, str(p), "image", folder_name(folder, root), reason=str(error)) for p in files]
    named = table is None and all(time_from_name(path.name) for path in files)
    return [_candidate(path, i, root, step_s, table, named, prep) for i, path in enumerate(files)]


def folder_name(folder: Path, root: Path) -> str:
    """A reel name for an image folder: its path below the input folder."""
    return folder.name if folder == root else folder.relative_to(root).as_posix()


def natural_key(name: str) -> list:
    """Sort key that puts frame2 before frame10."""
    return [int(part) if part.isdigit() else part.lower() for part in re.split(r"(\d+)", name)]


def _candidate(path, number, root, step_s, table, named, prep) -> Candidate:
    facts = {"path": str(path), "kind": "image", "reel": folder_name(path.parent, root), "time_s": number * step_s}
    facts["source"] = path.relative_to(root).as_posix()
    try:
        with Image.open(path) as image:
            facts["shape"] = (image.height, image.width)
        if image.height * image.width > MAX_PIXELS:
            raise FrameError(f"image of {image.height}x{image.width} pixels is larger than {MAX_PIXELS} pixels")
        if table:
            key = path.name if table.keyed_by_file() else number
            facts["time_utc"], facts["label"] = table.get(key)
        elif named:
            facts["time_utc"] = time_from_name(path.name)
        elif prep.start_utc:
            facts["time_utc"] = shift_utc(prep.start_utc, number * step_s)
    except (FrameError, OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        return Candidate(**facts, reason=f"not readable as image: {error}")
    return Candidate(**facts)


def read(candidates: list[Candidate]) -> Iterator[tuple[Candidate, RawFrame | FrameError]]:
    """Pixels of image files as gray; 16-bit and float images keep their depth."""
    for candidate in candidates:
        try:
            payload = Path(candidate.path).read_bytes()
            yield candidate, RawFrame(_gray(Path(candidate.path)), None, sha256(payload))
        except (OSError, UnidentifiedImageError, SyntaxError, ValueError) as error:
            yield candidate, FrameError(f"not readable: {error}")


def _gray(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        deep = image.mode in ("I", "F") or image.mode.startswith("I;16")
        return np.asarray(image if deep else image.convert("L"))
