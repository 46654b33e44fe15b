"""Pictures in netCDF files: a folder of files with arrays (H, W) or (1, H, W) and one time each, as GOES' ABI and SUVI.

A file is taken so where it tells one time, no array in it counts more, and all arrays of its size are such pictures or
about them, as data quality. Of several pictures each is a frame of its own reel. What has the cards of a FITS header
(SUVI) goes by it as a FITS file would.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd

from config import PrepConfig
from data.sources.arrays.hdf5_arrays import Packing, by_attributes, is_hdf5, plain, text_of
from data.sources.base import Candidate, TableError
from data.sources.fits_file.facts import facts_of
from data.sources.fits_file.layout import is_name_of_others
from data.sources.stacks.numpy_stacks import is_called_time, is_large
from data.sources.stacks.opened.groups import is_array
from data.sources.stacks.opened.like_hdf5 import is_classic, opened
from data.sources.stacks.timed_pictures import UNREADABLE, TimedPicture, TimedPictureSource
from data.sources.times.cells import times_of
from data.sources.times.utc import iso_ms

COVERED_FROM = "time_coverage_start"  # of the Attribute Convention for Data Discovery
OF_FITS = ("CRPIX1", "CDELT1")
# Attributes of SUVI's files that stand for cards of FITS, and what its times count from, without leap seconds.
CARDS = {"TELESCOP": "platform_ID", "INSTRUME": "instrument_type", "FILENAME": "dataset_name"}
J2000 = np.datetime64("2000-01-01T12:00:00", "ms")
LONGEST_CARD, LOOKED_AT = 8, 100  # letters of a card's name and of its text
_ABOUT = re.compile(r"dqf|qualit|flag|mask|lat|lon|angle|zenith|count|error|uncert", re.IGNORECASE)
_KIND = re.compile(r"^(.*?)[-_.]?[a-zA-Z]?\d{7,}")  # of a name, before the first date in it


@dataclass(frozen=True)
class _Picture(TimedPicture):
    """With what makes its numbers those that are meant, and the cards of a FITS header beside it, {} mostly."""

    packing: Packing
    header: dict[str, Any]

    def facts(self, prep: PrepConfig, is_told: bool) -> dict[str, Any]:
        if self.header:
            return facts_of(self.header, self.shape, prep) | {"is_counts": True}
        return super().facts(prep, is_told)

    def unpacked(self, stored: np.ndarray) -> np.ndarray:
        return self.packing.unpacked(plain(stored).reshape(self.shape))


class NetcdfPictureSource(TimedPictureSource):
    """A folder of netCDF files with a picture or more each, a reel for each kind of them by name."""

    name = "netcdf_picture"
    suffixes = (".nc", ".nc4", ".nc3")

    def takes(self, path: Path) -> bool:
        is_netcdf = path.name.lower().endswith(self.suffixes) and (is_hdf5(path) or is_classic(path))
        return is_netcdf and bool(self.pictures_in(path))

    def scan_all(
        self, files: Sequence[Path], root: Path, prep: PrepConfig, among: Sequence[Path] = ()
    ) -> list[Candidate]:
        found, of_all = [], _by_kind(among)
        for kind, own in _by_kind(files).items():
            found += super().scan_all(own, root, prep, of_all.get(kind, ()))
        return found

    def product(self, path: Path) -> str:
        return _kind(path)

    def pictures_in(self, file: Path | IO[bytes]) -> tuple[TimedPicture, ...]:
        try:
            with opened(file) as content:
                return pictures_of(content)
        except (*UNREADABLE, TableError):
            return ()


def _by_kind(files: Sequence[Path]) -> dict[str, list[Path]]:
    """Files of one product each."""
    kinds: dict[str, list[Path]] = {}
    for path in files:
        kinds.setdefault(_kind(path), []).append(path)
    return kinds


def _kind(path: Path) -> str:
    """The product of a file, by what its name begins with; behind it are dates."""
    found = _KIND.match(path.stem)
    return f"_{found[1]}" if found and found[1] else ""


def pictures_of(content: Any, is_time_in_name: bool = False) -> tuple[TimedPicture, ...]:
    """The pictures of an open file; none where it holds more than pictures of one time, or does not tell that time,
    unless its name does."""
    arrays = {name: item for name, item in content.items() if is_array(item)}
    frames = {name: item for name, item in arrays.items() if _is_frame(item)}
    own = [name for name in frames if not (_ABOUT.search(name) or is_name_of_others(name))]
    header = _header(content.attrs, arrays, own)
    time_utc = "" if header else _time(content.attrs, arrays)
    if not (header or time_utc or is_time_in_name) or any(_is_more(item) for item in arrays.values()):
        return ()
    return tuple(_made(name, frames[name], time_utc, header) for name in own)


def _made(name: str, item: Any, time_utc: str, header: dict[str, Any]) -> _Picture:
    packing = Packing.told_by(item.attrs, item.dtype)
    return _Picture(name, name, (item.shape[-2], item.shape[-1]), time_utc, packing, header)


def _header(attributes: Any, arrays: dict[str, Any], own: Sequence[str]) -> dict[str, Any]:
    """The cards of a FITS header that stand as arrays of one number or text in a file of one picture, else none."""
    if len(own) != 1 or not all(name in arrays for name in OF_FITS):
        return {}
    cards = {name: _card(item) for name, item in arrays.items() if len(name) <= LONGEST_CARD and name not in own}
    cards = {name: value for name, value in cards.items() if value is not None}
    for name, value in cards.items():
        if name.startswith("DATE") and isinstance(value, float):
            cards[name] = iso_ms(J2000 + np.timedelta64(round(1000 * value), "ms"))
    told = {card: text_of(attributes[name]).strip("\0 ") for card, name in CARDS.items() if name in attributes}
    if "TELESCOP" in told:
        told["TELESCOP"] = re.sub(r"^G(\d\d)$", r"GOES-\1", told["TELESCOP"])  # as their FITS files have it
    unit = text_of(arrays[own[0]].attrs.get("units", "")).strip("\0 ")
    return told | cards | ({"BUNIT": unit} if unit else {})


def _card(item: Any) -> float | str | None:
    """The value of an array of one number, or of the letters of a text; None of others."""
    value = np.asarray(item[...]) if item.size <= LOOKED_AT else np.empty(0)
    if value.dtype.kind in "SO" and value.size:
        return "".join(text_of(text) for text in value.ravel()).strip("\0 ")
    return float(value.reshape(-1)[0]) if value.size == 1 and value.dtype.kind in "iuf" else None


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
