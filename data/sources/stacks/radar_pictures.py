"""Pictures of weather radars in ODIM's HDF5: a folder of files of one time each, as composites or scans.

Source: Michelson et al., "EUMETNET OPERA weather radar information model for implementation with the HDF5 file format".
What is below what a radar sees (`undetect`) has the value that its number stands for; what it did not look at is
missing.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any

import numpy as np

from data.sources.arrays.hdf5_arrays import is_hdf5, text_of
from data.sources.stacks.opened.like_hdf5 import opened
from data.sources.stacks.timed_pictures import UNREADABLE, TimedPicture, TimedPictureSource

_DATASET, _DATA = re.compile(r"dataset\d+"), re.compile(r"data\d+")


@dataclass(frozen=True)
class _Picture(TimedPicture):
    """With what makes its numbers those meant."""

    gain: float
    offset: float
    nodata: float

    def unpacked(self, stored: np.ndarray) -> np.ndarray:
        values = (self.offset + self.gain * stored.astype(np.float64)).astype(np.float32)
        return np.where(stored == self.nodata, np.float32("nan"), values)


class RadarSource(TimedPictureSource):
    """A folder of ODIM's files with a picture or more each, a reel for each quantity and elevation."""

    name = "radar"
    suffixes = (".h5", ".hdf", ".hdf5")

    def takes(self, path: Path) -> bool:
        return path.name.lower().endswith(self.suffixes) and is_hdf5(path) and bool(self.pictures_in(path))

    def pictures_in(self, file: Path | IO[bytes]) -> tuple[TimedPicture, ...]:
        try:
            with opened(file) as content:
                if not text_of(content.attrs.get("Conventions", "")).startswith("ODIM_H5"):
                    return ()
                return tuple(_found_in(content))
        except UNREADABLE:
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
