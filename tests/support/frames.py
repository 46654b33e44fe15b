"""Frames of input folders as prep meets and reads them, in one process."""

from collections.abc import Sequence
from pathlib import Path

from config import PrepConfig
from data import sources
from data.sources.base import Candidate, FrameError, RawFrame


def scan(root: Path, prep: PrepConfig) -> list[Candidate]:
    """All candidate frames of an input folder."""
    return [candidate for item in sources.discover(root).frames for candidate in sources.scan(item, root, prep)]


def read(candidates: Sequence[Candidate]) -> list[tuple[Candidate, RawFrame | FrameError]]:
    """Pixels of candidates of one kind, in the order in which they were read."""
    found = sources.read(sources.frame_source(candidates[0].kind), candidates)
    return [(candidates[number], raw) for number, raw in found]
