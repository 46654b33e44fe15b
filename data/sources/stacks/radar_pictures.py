"""Pictures of weather radars in ODIM's HDF5: a folder of files of one time each, as composites or scans.

Source: Michelson et al., "EUMETNET OPERA weather radar information model for implementation with the HDF5 file format".
What is below what a radar sees (`undetect`) has the value that its number stands for; what it did not look at is
missing.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import IO, Any

import numpy as np

from config import PrepConfig
from data.sources.arrays.hdf5_arrays import is_hdf5, text_of
from data.sources.base import Candidate, FrameError, RawFrame, sha256
from data.sources.images import ImageSource, is_timed
from data.sources.picture_file.pictures import Page
from data.sources.stacks.like_hdf5 import opened

_DATASET, _DATA = re.compile(r"dataset\d+"), re.compile(r"data\d+")


@dataclass(frozen=True)
class _Picture:
    """An array of a file by its path, what it is of, its shape (H, W), and what makes its numbers those meant."""

    path: str
    kind: str
    shape: tuple[int, int]
    time_utc: str
    gain: float
    offset: float
    nodata: float


class RadarSource(ImageSource):
    """A folder of ODIM's files with a picture or more each, a reel for each quantity and elevation."""

    name = "radar"
    suffixes = (".h5", ".hdf", ".hdf5")

    def takes(self, path: Path) -> bool:
        return path.name.lower().endswith(self.suffixes) and is_hdf5(path) and bool(_pictures(path))

    def recognises(self, path: Path) -> bool:
        return False

    def scan_all(
        self, files: Sequence[Path], root: Path, prep: PrepConfig, among: Sequence[Path] = ()
    ) -> list[Candidate]:
        """As of other pictures, but for their times: those of the files, unless a times CSV or the settings tell."""
        is_told = is_timed(files[0].parent, prep)
        return [one for found in super().scan_all(files, root, prep, among) for one in _each(found, is_told)]

    def pages(self, stream: IO[bytes]) -> tuple[list[Page], int]:
        return [Page(0, _picture(stream, "").shape, False)], 0

    def frame(self, candidate: Candidate) -> RawFrame:
        with open(candidate.path, "rb") as stream:
            digest = sha256(stream.read())
            picture = _picture(stream, candidate.member)
            with opened(stream) as file:
                stored = file[picture.path][...]
        values = (picture.offset + picture.gain * stored.astype(np.float64)).astype(np.float32)
        return RawFrame(np.where(stored == picture.nodata, np.float32("nan"), values), None, digest)


def _each(candidate: Candidate, is_told: bool) -> Iterator[Candidate]:
    """A candidate for each picture of a file, with the file's time; is_told: whether that is told otherwise."""
    pictures = _pictures(Path(candidate.path)) if any(candidate.shape) else ()
    for picture in pictures:
        facts: dict[str, Any] = {"member": picture.path, "shape": picture.shape}
        if len(pictures) > 1:
            facts |= {"source": f"{candidate.source}[{picture.path}]", "reel": f"{candidate.reel}_{picture.kind}"}
        if not is_told:
            facts |= {"time_utc": picture.time_utc, "reason": ""}
        yield replace(candidate, **facts)
    if not pictures:
        yield candidate


def _picture(stream: IO[bytes], path: str) -> _Picture:
    """The picture of a file at a path, or its first. Raises FrameError where it is not there."""
    found = next((picture for picture in _pictures(stream) if path in ("", picture.path)), None)
    if found is None:
        raise FrameError("it holds no picture any more; did it change?")
    return found


def _pictures(file: Path | IO[bytes]) -> tuple[_Picture, ...]:
    """The pictures of a file; none where it is not of this kind, or can't be read."""
    try:
        with opened(file) as content:
            if not text_of(content.attrs.get("Conventions", "")).startswith("ODIM_H5"):
                return ()
            return tuple(_found_in(content))
    except (OSError, RuntimeError, KeyError, TypeError, ValueError):  # whoever reads it else has the reason
        return ()


def _found_in(content: Any) -> Iterator[_Picture]:
    datasets = [content[name] for name in content if _DATASET.fullmatch(name)]
    for dataset in datasets:
        for name in (name for name in dataset if _DATA.fullmatch(name)):
            array = dataset[name]["data"]
            about = _about(content, "what") | _about(dataset, "what") | _about(dataset[name], "what")
            where = _about(content, "where") | _about(dataset, "where")
            if array.ndim != 2 or array.dtype.kind not in "iuf":
                continue
            date, clock = (text_of(content["what"].attrs[key]).strip("\0 ") for key in ("date", "time"))
            time_utc = datetime.strptime(date + clock, "%Y%m%d%H%M%S").isoformat(timespec="milliseconds")
            elevation = f"_{float(where['elangle']):g}" if "elangle" in where else ""
            kind = f"{text_of(about.get('quantity', name)).strip(chr(0))}{elevation}"
            numbers = (float(about.get(key, usual)) for key, usual in (("gain", 1), ("offset", 0), ("nodata", np.nan)))
            yield _Picture(array.name, kind, (array.shape[0], array.shape[1]), time_utc, *numbers)


def _about(group: Any, name: str) -> dict[str, Any]:
    return dict(group[name].attrs) if name in group else {}
