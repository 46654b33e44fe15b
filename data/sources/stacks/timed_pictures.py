"""Files with a picture or more each that tell their one time themselves: a folder is a reel for each of them."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import numpy as np

from config import PrepConfig
from data.sources.base import Candidate, FrameError, RawFrame, sha256
from data.sources.images import ImageSource, is_timed
from data.sources.picture_file.pictures import Page
from data.sources.stacks.opened.like_hdf5 import opened

UNREADABLE = (OSError, RuntimeError, KeyError, TypeError, ValueError)  # of h5py, on damaged files and those of others


@dataclass(frozen=True)
class TimedPicture(ABC):
    """An array of a file by its path there, what it is of, its shape (H, W) and the file's time, "" where its name has
    to tell that."""

    path: str
    kind: str
    shape: tuple[int, int]
    time_utc: str

    def facts(self, prep: PrepConfig, is_told: bool) -> dict[str, Any]:
        """Candidate fields; is_told: whether its time is told otherwise, and more reliably."""
        return {} if is_told or not self.time_utc else {"time_utc": self.time_utc, "reason": ""}

    @abstractmethod
    def unpacked(self, stored: np.ndarray) -> np.ndarray:
        """The numbers (H, W) that are meant, in float; NaN where nothing was measured."""


class TimedPictureSource(ImageSource):
    """A folder of such files."""

    @abstractmethod
    def pictures_in(self, file: Path | IO[bytes]) -> tuple[TimedPicture, ...]:
        """The pictures of a file; none where it is not of this kind, or can't be read."""

    def product(self, path: Path) -> str:
        """What the names of a file's reels go on with behind that of its folder."""
        return ""

    def recognises(self, path: Path) -> bool:
        return False

    def scan_all(
        self, files: Sequence[Path], root: Path, prep: PrepConfig, among: Sequence[Path] = ()
    ) -> list[Candidate]:
        """As of other pictures, but for their times: those of the files, unless a times CSV or the settings tell."""
        is_told = is_timed(files[0].parent, prep)
        found = super().scan_all(files, root, prep, among)
        return [one for candidate in found for one in self._each(candidate, prep, is_told)]

    def pages(self, stream: IO[bytes]) -> tuple[list[Page], int]:
        return [Page(0, self._picture(stream, "").shape, False)], 0

    def frame(self, candidate: Candidate) -> RawFrame:
        with open(candidate.path, "rb") as stream:
            digest = sha256(stream.read())
            picture = self._picture(stream, candidate.member)
            with opened(stream) as file:
                pixels = picture.unpacked(file[picture.path][...])
        return RawFrame(pixels.astype(np.float32), None, digest)

    def _each(self, candidate: Candidate, prep: PrepConfig, is_told: bool) -> Iterator[Candidate]:
        """A candidate for each picture of a file."""
        candidate = replace(candidate, reel=f"{candidate.reel}{self.product(Path(candidate.path))}")
        pictures = self.pictures_in(Path(candidate.path)) if any(candidate.shape) else ()
        for picture in pictures:
            facts: dict[str, Any] = {"member": picture.path, "shape": picture.shape}
            if len(pictures) > 1:
                facts |= {"source": f"{candidate.source}[{picture.path}]", "reel": f"{candidate.reel}_{picture.kind}"}
            yield replace(candidate, **facts | picture.facts(prep, is_told))
        if not pictures:
            yield candidate

    def _picture(self, stream: IO[bytes], path: str) -> TimedPicture:
        """The picture of a file at a path, or its first. Raises FrameError where it is not there."""
        found = next((picture for picture in self.pictures_in(stream) if path in ("", picture.path)), None)
        if found is None:
            raise FrameError("it holds no picture any more; did it change?")
        return found
