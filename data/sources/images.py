"""Folders of jpg, png or tif frames, gray or RGB: one reel a folder, times from the file names or from a CSV."""

import io
import re
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from config import PrepConfig
from data.messages import logger
from data.sources.base import MAX_PIXELS, Candidate, FrameError, Frames, FrameSource, RawFrame, TableError, sha256
from data.sources.name_times import times_in_names, untold
from data.sources.sidecar import FrameTimes, find_times_csv
from data.sources.times import shift_utc

log = logger(__name__)

GRAY_MODES = ("1", "L", "LA", "La", "I", "F")  # of Pillow, and those of 16 bits


class ImageSource(FrameSource):
    """One folder of images, one reel."""

    name = "image"
    suffixes = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp")
    is_folder = True

    def sidecars(self, path: Path) -> list[Path]:
        return [csv] if (csv := find_times_csv(path, None)) else []

    def scan(self, path: Path, root: Path, prep: PrepConfig) -> list[Candidate]:
        return self.scan_all([path], root, prep)

    def scan_all(self, files: Sequence[Path], root: Path, prep: PrepConfig) -> list[Candidate]:
        """The candidates of the images of one folder."""
        files = sorted(files, key=lambda path: natural_key(path.name))
        step_s = 1 / prep.frames_per_second if prep.frames_per_second else prep.sample_interval_sec or 1.0
        times = _Times(files[0].parent, files, step_s, prep)
        return [self._candidate(path, number, root, times, prep) for number, path in enumerate(files)]

    def _candidate(self, path: Path, number: int, root: Path, times: "_Times", prep: PrepConfig) -> Candidate:
        folder = path.parent.relative_to(root)
        reel = folder.as_posix() if folder.parts else root.resolve().name
        facts = self.whereabouts(path, root, path.parent, reel)
        facts["time_s"] = number * times.step_s
        try:
            facts["size"] = path.stat().st_size
            facts |= times.facts(path, number)
            facts["shape"], in_colour = _form(path)
            facts["channel"] = "rgb" if prep.colour == "rgb" and in_colour else "gray"
        except FrameError as error:
            return Candidate(**facts, reason=str(error))
        except Exception as error:  # Pillow raises many kinds on damaged files
            return Candidate(**facts, reason=f"not readable as image: {error}")
        return Candidate(**facts)

    def read(self, candidates: Sequence[Candidate]) -> Frames:
        """Pixels as gray, where 16-bit and float images keep their depth, or in their colours."""
        for number, candidate in enumerate(candidates):
            try:
                payload = Path(candidate.path).read_bytes()
                yield number, RawFrame(_pixels(payload, candidate.channel == "rgb"), None, sha256(payload))
            except Exception as error:  # Pillow raises many kinds on damaged files
                yield number, FrameError(f"not readable as image: {error}")


def natural_key(name: str) -> list[tuple[int, int | str]]:
    """Sort key that puts frame2 before frame10."""
    return [(0, int(part)) if part.isdecimal() else (1, part.lower()) for part in re.split(r"(\d+)", name)]


class _Times:
    """Times of the images of one folder: from a CSV, else from their names where most have one, else by counting."""

    def __init__(self, folder: Path, files: list[Path], step_s: float, prep: PrepConfig):
        self.step_s, self.start_utc, self.problem, self.table = step_s, prep.start_utc, "", None
        try:
            csv = find_times_csv(folder, prep.times_csv)
            self.table = FrameTimes(csv, prep) if csv else None
            names = [path.name for path in files]
            self.in_names = {} if csv else dict(zip(names, times_in_names(names, prep), strict=True))
        except (FrameError, TableError) as error:
            self.problem = str(error)
        if not (self.table or self.start_utc or self.problem or any(self.in_names.values()) or prep.frames_per_second):
            log.info(untold(folder.name, names, step_s))

    def facts(self, path: Path, number: int) -> dict:
        """Candidate fields. Raises FrameError for a frame without a time where the others have one."""
        if self.problem:
            raise FrameError(self.problem)
        if self.table:
            return self.table.facts(number, path)
        if any(self.in_names.values()):
            if not self.in_names[path.name]:
                raise FrameError("no time in the file name, unlike in most of its folder")
            return {"time_utc": self.in_names[path.name]}
        return {"time_utc": shift_utc(self.start_utc, number * self.step_s)} if self.start_utc else {}


def _form(path: Path) -> tuple[tuple[int, int], bool]:
    """Shape of an image and whether it has colours, from its header."""
    with _quiet(), Image.open(path) as image:
        if image.height * image.width > MAX_PIXELS:
            raise FrameError(f"image of {image.height}x{image.width} pixels; up to {MAX_PIXELS} pixels are read")
        return (image.height, image.width), not _is_gray(image)


def _is_gray(image: Image.Image) -> bool:
    return image.mode in GRAY_MODES or image.mode.startswith("I;16")


def _quiet() -> warnings.catch_warnings:
    # Remarks on odd tags, and on large images, which have a limit of their own here.
    return warnings.catch_warnings(action="ignore")


def _pixels(payload: bytes, in_colour: bool) -> np.ndarray:
    """An image as (H, W), or (H, W, 3) in colour."""
    with _quiet(), Image.open(io.BytesIO(payload)) as image:
        if in_colour:
            return np.asarray(image.convert("RGB"))
        deep = image.mode in ("I", "F") or image.mode.startswith("I;16")
        return np.asarray(image if deep else image.convert("L"))
