"""Pictures in files of arrays that tell no time: a folder of files with the same arrays (H, W) each, dated by their
names, as those that machines learn from (SDOML's `.npz`, SuryaBench's netCDF). An array is a frame of its own reel.
"""

import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import IO

import numpy as np

from config import PrepConfig
from data.messages import logger
from data.sources.base import Candidate, FrameError, TableError
from data.sources.stacks.netcdf_pictures import pictures_of
from data.sources.stacks.numpy_stacks import WIDEST, goes_on_alike
from data.sources.stacks.opened.like_hdf5 import opened
from data.sources.stacks.timed_pictures import UNREADABLE, TimedPicture, TimedPictureSource
from data.sources.times.in_names.names import times_in_names

log = logger(__name__)

FEWEST = 3  # files of the same arrays; one by itself may be a series


class AlikePictureSource(TimedPictureSource):
    """A folder of `.npz`, netCDF or HDF5 with the same pictures each, a reel for each of these."""

    name = "alike_picture"
    suffixes = (".npz", ".nc", ".nc4", ".nc3", ".h5", ".hdf5")

    def takes(self, path: Path) -> bool:
        if not path.name.lower().endswith(self.suffixes):
            return False
        own = _form(self.pictures_in(path))
        return bool(own) and own == self._form_in(path.parent, path.suffix)

    def scan_all(
        self, files: Sequence[Path], root: Path, prep: PrepConfig, among: Sequence[Path] = ()
    ) -> list[Candidate]:
        """As of other pictures. It is said what the files are taken for."""
        found = super().scan_all(files, root, prep, among)
        kinds = ", ".join(picture.kind for picture in self.pictures_in(files[0]))
        log.info(
            f"{files[0].parent.name}: its {len(files)} files {files[0].suffix} are taken for pictures by their arrays "
            f"({kinds}) and names, a frame each; one of them is a series where it lies alone in a folder"
        )
        return found

    def pictures_in(self, file: Path | IO[bytes]) -> tuple[TimedPicture, ...]:
        try:
            with opened(file) as content:
                found = pictures_of(content, is_time_in_name=True)
                is_all = len(found) == sum(getattr(item, "ndim", 2) > 1 for item in content.values())
        except (*UNREADABLE, TableError):
            return ()
        return found if is_all and all(max(p.shape) <= WIDEST * min(p.shape) for p in found) else ()

    def go_on_alike(self, path: Path) -> bool:
        """Whether the values of all its pictures do; a day's samples of some sensors have the shape of one, too."""
        with opened(path) as content:
            values = [p.unpacked(content[p.path][...]).astype(np.float64) for p in pictures_of(content, True)]
        return all(map(goes_on_alike, values))

    def _form_in(self, folder: Path, suffix: str) -> tuple:
        """What a folder's first files of a kind hold, where that is the same in all and their names tell times."""
        try:
            return _form_of_first(self, folder, suffix, folder.stat().st_mtime_ns)
        except OSError:
            return ()


def _form(pictures: Sequence[TimedPicture]) -> tuple:
    return tuple((picture.path, picture.shape) for picture in pictures)


@lru_cache(maxsize=64)
def _form_of_first(source: AlikePictureSource, folder: Path, suffix: str, _changed: int) -> tuple:
    names = sorted(entry.name for entry in os.scandir(folder) if entry.name.endswith(suffix))
    names = [name for name in names if not name.startswith(".")]
    first = [folder / name for name in names[:FEWEST]]
    forms = {_form(source.pictures_in(path)) for path in first}
    if len(names) < FEWEST or len(forms) > 1:
        return ()
    try:
        told = times_in_names(names, PrepConfig())
        if not any(map(source.go_on_alike, first)):  # one of them may be dark
            return ()
    except (FrameError, TableError, *UNREADABLE):
        return ()
    return forms.pop() if len({*told} - {""}) >= FEWEST else ()
