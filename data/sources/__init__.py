"""Sources turn bytes into frames. A new kind of input is one module here and one line in READERS."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from config import PrepConfig
from data.sources import fits, images, tar, video
from data.sources.base import Candidate, FrameError, RawFrame
from data.sources.sidecar import ARRAY_SUFFIXES, TABLE_SUFFIXES, XRS_SUFFIXES, is_case_file, standalone_tables

READERS = {
    "fits": fits.read,
    "tar": tar.read,
    "tar.gz": tar.read_compressed,
    "video": video.read,
    "image": images.read,
}
# Kinds read in one pass over their file, or over one group of its frames: a compressed tar can't be entered in the
# middle, a video can at its key frames.
SEQUENTIAL = ("tar.gz", "video")


@dataclass(frozen=True)
class Input:
    """One thing to scan: a file, or a folder of images; a "table" holds a series and no frames."""

    scanner: str
    path: Path
    files: tuple[Path, ...] = ()


def discover(root: Path) -> list[Input]:
    """Everything in `root` (a file or a folder, searched recursively) that a source can read, in a fixed order.

    Hidden names and the folders of finished reels are left out. Raises FileNotFoundError when there is nothing.
    """
    if not root.exists():
        raise FileNotFoundError(f"--data-raw {root} does not exist")
    paths = [root] if root.is_file() else sorted(_files(root))
    found = [Input(scanner, p) for p in paths for scanner in [_scanner(p)] if scanner]
    folders: dict[Path, list[Path]] = {}
    for path in paths:
        if path.suffix.lower() in images.SUFFIXES:
            folders.setdefault(path.parent, []).append(path)
    found += [Input("images", folder, tuple(files)) for folder, files in folders.items()]
    found += [Input("table", path) for path in standalone_tables(paths, [item.path for item in found])]
    if not found:
        frames = (fits.SUFFIXES, tar.SUFFIXES, video.SUFFIXES, images.SUFFIXES)
        suffixes = (*frames, TABLE_SUFFIXES, ARRAY_SUFFIXES, XRS_SUFFIXES)
        known = ", ".join(suffix for group in suffixes for suffix in group)
        raise FileNotFoundError(f"{root} holds no file that can be read; known are {known}")
    return found


def _files(root: Path) -> Iterator[Path]:
    """Files below `root`, linked folders too; a folder that is met again on another way is left out."""
    seen = set()
    for folder, folders, names in os.walk(root, followlinks=True):
        place = os.path.realpath(folder)
        if place in seen or "reel.json" in names:  # a reel's own movie is no input
            folders.clear()
            continue
        seen.add(place)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(folder, name) for name in names if not name.startswith(".") and Path(folder, name).is_file())


def _scanner(path: Path) -> str:
    name = path.name.lower()
    if is_case_file(path):
        return ""
    suffixes = {"tar": tar.SUFFIXES, "fits": fits.SUFFIXES, "video": video.SUFFIXES}
    return next((scanner for scanner, ends in suffixes.items() if name.endswith(ends)), "")


def scan(item: Input, root: Path, prep: PrepConfig) -> list[Candidate]:
    """All candidate frames of one input, from headers only."""
    root = root if root.is_dir() else root.parent
    if item.scanner == "images":
        found = images.scan_folder(item.path, list(item.files), root, prep)
    else:
        scanner = {"fits": fits.scan, "tar": tar.scan, "video": video.scan}[item.scanner]
        found = scanner(item.path, root, prep)
    return [replace(c, source=_printable(c.source), reason=_printable(c.reason)) for c in found]


def _printable(text: str) -> str:
    """Text without the stand-ins for bytes of file names that are no Unicode, which no table could hold."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def read(candidates: list[Candidate]) -> Iterator[tuple[Candidate, RawFrame | FrameError]]:
    """Pixels of candidates of one kind, each given exactly once: as FrameError where it can't be read.

    Those of a sequential kind must be of one file and group.
    """
    missing = {id(candidate): candidate for candidate in candidates}
    reason = "not found when the file was read again; did it change?"
    try:
        for candidate, raw in READERS[candidates[0].kind](candidates):
            del missing[id(candidate)]
            yield candidate, raw
    except Exception as error:  # decoders raise many kinds on damaged files; each frame behind gets it as its reason
        reason = f"not readable: {type(error).__name__}: {error}"
    for candidate in missing.values():
        yield candidate, FrameError(reason)
