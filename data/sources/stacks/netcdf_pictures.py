"""Pictures in netCDF 4 files: a folder of files with one array (H, W) or (1, H, W) and one time each, as of GOES' ABI.

A file is taken so where it tells one time, no array in it counts more, and all other arrays of its size are about the
one, as data quality. What has the cards of a FITS header (GOES' SUVI) is read from FITS.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd

from config import PrepConfig
from data.messages import logger
from data.sources.arrays.hdf5_arrays import Packing, by_attributes, is_hdf5, plain, text_of
from data.sources.base import Candidate, FrameError, RawFrame, TableError, sha256
from data.sources.fits_file.layout import is_name_of_others
from data.sources.images import ImageSource
from data.sources.picture_file.pictures import Page
from data.sources.stacks.numpy_stacks import is_called_time, is_large
from data.sources.tables.sidecar import find_times_csv
from data.sources.times.cells import times_of
from data.sources.times.utc import iso_ms

log = logger(__name__)

COVERED_FROM = "time_coverage_start"  # of the Attribute Convention for Data Discovery
OF_FITS = ("CRPIX1", "CDELT1", "NAXIS1")
_ABOUT = re.compile(r"dqf|qualit|flag|mask|lat|lon|angle|zenith|count|error|uncert", re.IGNORECASE)
_KIND = re.compile(r"^(.*?)[-_.]?[a-zA-Z]?\d{7,}")  # of a name, before the first date in it


@dataclass(frozen=True)
class _Picture:
    """The array of a file, its shape (H, W), what makes its numbers those that are meant, and the file's time."""

    name: str
    shape: tuple[int, int]
    packing: Packing
    time_utc: str


class NetcdfPictureSource(ImageSource):
    """A folder of netCDF files with a picture each, a reel for each kind of them by name."""

    name = "netcdf_picture"
    suffixes = (".nc", ".nc4")

    def takes(self, path: Path) -> bool:
        return path.name.lower().endswith(self.suffixes) and is_hdf5(path) and _picture(path) is not None

    def recognises(self, path: Path) -> bool:
        return False

    def scan_all(
        self, files: Sequence[Path], root: Path, prep: PrepConfig, among: Sequence[Path] = ()
    ) -> list[Candidate]:
        """As of other pictures, but for their times: those of the files, unless a times CSV or the settings tell."""
        found: list[Candidate] = []
        for kind, own in _by_kind(files).items():
            beside = _by_kind(among).get(kind, ())
            found += [replace(c, reel=f"{c.reel}{kind}") for c in super().scan_all(own, root, prep, beside)]
        is_told = find_times_csv(files[0].parent, prep.times_csv) or prep.frames_per_second or prep.sample_interval_sec
        return found if is_told else [_timed(candidate) for candidate in found]

    def pages(self, stream: IO[bytes]) -> tuple[list[Page], int]:
        picture = _picture(stream)
        if picture is None:
            raise FrameError("it holds no picture any more; did it change?")
        return [Page(0, picture.shape, False)], 0

    def frame(self, candidate: Candidate) -> RawFrame:
        with open(candidate.path, "rb") as stream:
            digest = sha256(stream.read())
            picture = _picture(stream)
            if picture is None:
                raise FrameError("it holds no picture any more; did it change?")
            with _opened(stream) as file:
                pixels = picture.packing.unpacked(plain(file[picture.name][...]).reshape(picture.shape))
        return RawFrame(pixels.astype(np.float32), None, digest)


def _by_kind(files: Sequence[Path]) -> dict[str, list[Path]]:
    """Files of one product each, by what their names begin with; behind it are dates."""
    kinds: dict[str, list[Path]] = {}
    for path in files:
        found = _KIND.match(path.stem)
        kinds.setdefault(f"_{found[1]}" if found and found[1] else "", []).append(path)
    return kinds


def _timed(candidate: Candidate) -> Candidate:
    """The same with the time of its file, which counts more than what its name may say."""
    picture = _picture(Path(candidate.path)) if any(candidate.shape) else None
    return replace(candidate, time_utc=picture.time_utc, reason="") if picture else candidate


def _picture(file: Path | IO[bytes]) -> _Picture | None:
    """The picture of a file; None where it holds none, or more than that."""
    import h5py

    try:
        with _opened(file) as opened:
            arrays = {name: item for name, item in opened.items() if isinstance(item, h5py.Dataset)}
            if any(name in arrays or name in opened.attrs for name in OF_FITS):
                return None
            frames = {name: item for name, item in arrays.items() if _is_frame(item)}
            own = [name for name in frames if not (_ABOUT.search(name) or is_name_of_others(name))]
            time_utc = _time(opened.attrs, arrays)
            if len(own) != 1 or not time_utc or any(_is_more(item) for item in arrays.values()):
                return None
            item = frames[own[0]]
            height, width = item.shape[-2:]
            return _Picture(own[0], (height, width), Packing.told_by(item.attrs, item.dtype), time_utc)
    except (OSError, RuntimeError, KeyError, TypeError, ValueError, TableError):  # whoever reads it else has the reason
        return None


def _is_frame(item: Any) -> bool:
    is_one = item.ndim == 2 or (item.ndim == 3 and item.shape[0] == 1)
    return item.dtype.kind in "iuf" and is_one and is_large(item.shape[-2:])


def _is_more(item: Any) -> bool:
    """Whether an array counts several times, or holds more than pictures and what lies along their sides."""
    return (item.size > 1 and item.ndim == 1 and is_called_time(item.name)) or (
        item.ndim > 2 and not _is_frame(item) and item.size > 1
    )


def _time(attributes: Any, arrays: dict[str, Any]) -> str:
    """UTC of a file: by an array of one number that is called so, else by when it begins to cover; "" where none is."""
    for name, item in arrays.items():
        if item.size == 1 and is_called_time(name) and "since" in text_of(item.attrs.get("units", "")):
            cells = by_attributes(name, plain(item[...]).reshape(1), item.attrs)
            if cells.dtype.kind == "M":
                return iso_ms(cells[0].astype("datetime64[ms]"))
    told = text_of(attributes.get(COVERED_FROM, ""))
    utc = times_of(pd.Series([told], name=COVERED_FROM), PrepConfig()).utc if told else None
    return "" if utc is None or np.isnat(utc[0]) else iso_ms(utc[0])


@contextmanager
def _opened(file: Path | IO[bytes]) -> Iterator[Any]:
    import h5py  # late: it takes a tenth of a second, and few have such files

    with h5py.File(file, "r") as opened:
        yield opened
