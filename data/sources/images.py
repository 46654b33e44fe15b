"""Folders of pictures, gray or RGB: one reel a folder, times from the file names or from a CSV; a stack has its own.

Those of Helioviewer hold the header of the FITS file that they were made of, and go by it as that would.
"""

import io
import math
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import IO

import numpy as np

from config import PrepConfig
from data.messages import logger
from data.sources.base import Candidate, FrameError, Frames, FrameSource, RawFrame, sha256
from data.sources.picture_file.jp2_header import facts_of_levels
from data.sources.picture_file.pictures import SUFFIXES, Page, is_picture, nodata_of, pages_of, pixels_of_page
from data.sources.picture_file.stack_axes import steps_s
from data.sources.picture_folder.cameras import cameras_in
from data.sources.picture_folder.copies import copies_of, versions_of
from data.sources.picture_folder.dated import Called, called_by_folders, of_several_folders
from data.sources.picture_folder.order import in_order
from data.sources.picture_folder.picture_times import NamedTimes, StackTimes
from data.sources.picture_folder.stills import is_still
from data.sources.picture_folder.taken import times_taken
from data.sources.tables.sidecar import find_times_csv

log = logger(__name__)


class ImageSource(FrameSource):
    """One folder of pictures, one reel; but one of several pages is a stack of frames, a reel by itself."""

    name = "image"
    suffixes = SUFFIXES
    is_folder = True

    def recognises(self, path: Path) -> bool:
        return is_picture(path)

    def is_smaller_copy(self, path: Path) -> bool:
        """Cameras and recorders write a picture of each video beside it: GOPR0001.THM, 12-30-00.jpg."""
        return is_still(path)

    def sidecars(self, path: Path) -> list[Path]:
        return [csv] if (csv := find_times_csv(path, None)) else []

    def homes(self, paths: Sequence[Path], root: Path) -> dict[Path, Path]:
        return {path: one.home for path, one in of_several_folders(called_by_folders(paths, root)).items()}

    def scan(self, path: Path, root: Path, prep: PrepConfig) -> list[Candidate]:
        return self.scan_all([path], root, prep)

    def scan_all(
        self, files: Sequence[Path], root: Path, prep: PrepConfig, among: Sequence[Path] = ()
    ) -> list[Candidate]:
        """The candidates of pictures of one folder, or of the folders that a camera's dates or numbers name; how their
        names tell times is told by those of all of them."""
        of_all = {*among, *files}
        called = {} if prep.times_csv else called_by_folders([*of_all], root)
        if len({path.parent for path in of_all}) == 1:
            called = {path: Called(path.parent, one.name) for path, one in called.items()}
        if not among and len(called) == len(of_all) and len({one.home for one in called.values()}) == 1:
            self._tell(called, root)
            return self._scan_one(list(files), root, prep, among, called)
        found = []
        for folder, group in groupby(files, key=lambda path: path.parent):
            own = [path for path in of_all if path.parent == folder]
            told = {path: Called(folder, called[path].name) for path in own if path in called}
            told = told if len(told) == len(own) else {}
            found += self._scan_one([*group], root, prep, own if among else (), told)
        return found

    def _scan_one(
        self, files: list[Path], root: Path, prep: PrepConfig, among: Sequence[Path], called: dict[Path, Called]
    ) -> list[Candidate]:
        """The candidates of one reel's pictures, or one of each of its cameras; called: what they count as."""
        of_all = [*among, *files]
        called = called or {path: Called(path.parent, path.name) for path in of_all}
        copies = {path: f"another version of {name}, by its name" for path, name in versions_of(of_all).items()}
        copies |= {path: f"a copy of {name}, byte by byte" for path, name in copies_of(of_all).items()}
        found = [self._copy(path, root, copies[path], called[path].home) for path in files if path in copies]
        files = [path for path in files if path not in copies]
        names = in_order(dict.fromkeys(called[path].name for path in of_all if path not in copies))
        turn = {name: number for number, name in enumerate(names)}
        files = sorted(files, key=lambda path: turn[called[path].name])
        beside = called[of_all[0]].home
        camera_of = dict.fromkeys(names, "") if among else cameras_in(beside, names, prep)
        for camera in dict.fromkeys(camera_of[called[path].name] for path in files):
            own = {path: called[path] for path in files if camera_of[called[path].name] == camera}
            named = [name for name in names if camera_of[name] == camera]
            taken = partial(_taken, {} if among else own, prep)
            times = NamedTimes(named, beside, prep, taken, are_all=not among)
            for number, path in enumerate(own):
                found += self._candidates(path, number, root, times, prep, camera, own[path])
        return found

    def _tell(self, called: dict[Path, Called], root: Path) -> None:
        folders = {path.parent for path in called}
        if len(folders) > 1:
            reel = _reel_of(next(iter(called.values())).home, root)
            log.info(
                f"{reel}: the pictures of {len(folders)} folders, called by dates, clocks or numbers alone as "
                f"{min(folders).relative_to(root).as_posix()}, are one reel"
            )

    def _copy(self, path: Path, root: Path, reason: str, home: Path) -> Candidate:
        facts = self.whereabouts(path, root, home, _reel_of(home, root))
        return Candidate(**facts, size=path.stat().st_size, reason=reason)

    def _candidates(
        self,
        path: Path,
        number: int,
        root: Path,
        times: NamedTimes,
        prep: PrepConfig,
        camera: str,
        called: Called,
    ) -> Iterator[Candidate]:
        reel = _reel_of(called.home, root) + (f"_{camera}" if camera else "")
        facts = self.whereabouts(path, root, called.home, reel)
        facts["home"] += "" if called.home == path.parent else "/."  # unlike that of pictures that lie there themselves
        try:
            facts["size"] = path.stat().st_size
            with path.open("rb") as stream:
                pages, others = self.pages(stream)
        except FrameError as error:
            yield Candidate(**facts, reason=str(error))
        except Exception as error:  # Pillow raises many kinds on damaged files
            yield Candidate(**facts, reason=f"not readable as image: {error}")
        else:
            if len(pages) == 1:
                own = page_facts(pages[0], others, prep)
                yield Candidate(**facts | (own if own.get("is_counts") else own | times.facts(called.name, number)))
                return
            lasting_s = [page.shown_s for page in pages]
            if not any(lasting_s) and prep.sample_interval_sec is None:
                lasting_s = steps_s([page.dated_s for page in pages]) or lasting_s
            stack = StackTimes(path, prep, lasting_s)
            facts |= {"home": str(path), "reel": path.relative_to(root).with_suffix("").as_posix()}
            for place, page in enumerate(pages):
                own = {"source": f"{facts['source']}#{page.number}", "position": page.number}
                yield Candidate(**facts | own | page_facts(page, 0, prep) | stack.facts(place))

    def read(self, candidates: Sequence[Candidate]) -> Frames:
        for number, candidate in enumerate(candidates):
            try:
                yield number, self.frame(candidate)
            except Exception as error:  # Pillow raises many kinds on damaged files
                yield number, FrameError(f"not readable as image: {error}")

    def pages(self, stream: IO[bytes]) -> tuple[list[Page], int]:
        """The pictures of a file, and how many more it holds. Raises any exception where it can't be read."""
        return pages_of(stream)

    def frame(self, candidate: Candidate) -> RawFrame:
        """The pixels of one. Raises any exception where they can't be read."""
        return _read(candidate)


def _taken(own: dict[Path, Called], prep: PrepConfig) -> dict[str, str]:
    """The times in EXIF data by what pictures are called."""
    taken = times_taken([*own], prep)
    return {own[path].name: time_utc for path, time_utc in taken.items()}


def is_timed(folder: Path, prep: PrepConfig) -> bool:
    """Whether a times CSV or the settings tell the times of a folder's files, and so go before what these hold."""
    told = find_times_csv(folder, prep.times_csv) or prep.frames_per_second or prep.sample_interval_sec
    return bool(told)


def _reel_of(home: Path, root: Path) -> str:
    folder = home.relative_to(root)
    return folder.as_posix() if folder.parts else root.resolve().name


def _read(candidate: Candidate) -> RawFrame:
    in_colour, is_stack = candidate.channel == "rgb", candidate.home == candidate.path
    with open(candidate.path, "rb") as stream:
        if is_stack:  # whose bytes hold many frames, and maybe gigabytes
            return _raw(pixels_of_page(stream, candidate.position, in_colour), nodata_of(stream), "")
        return picture_frame(stream.read(), candidate)


def _raw(pixels: np.ndarray, nodata: float, digest: str) -> RawFrame:
    """The frame of a picture without the pixels (H, W) that hold `nodata`."""
    if pixels.dtype.kind == "f" and not math.isnan(nodata):
        return RawFrame(np.where(pixels == pixels.dtype.type(nodata), np.float32("nan"), pixels), None, digest)
    return RawFrame(pixels, int(nodata) if nodata.is_integer() else None, digest)


def picture_frame(payload: bytes, candidate: Candidate) -> RawFrame:
    """The first picture of a file in memory; with row 0 at the bottom where it has the header of a FITS file.

    Raises whatever Pillow raises on a damaged one.
    """
    pixels = pixels_of_page(io.BytesIO(payload), 0, candidate.channel == "rgb")
    pixels = np.ascontiguousarray(pixels[::-1]) if candidate.is_counts else pixels
    return _raw(pixels, nodata_of(io.BytesIO(payload)), sha256(payload))


def page_facts(page: Page, others: int, prep: PrepConfig) -> dict:
    """Candidate fields of a picture; `others` are further ones in its file, which are not read."""
    if page.header:
        return facts_of_levels(page.header, page.shape, prep)
    left_out = f"{others} more pictures in its file left out" if others else ""
    return {
        "shape": page.shape,
        "channel": "rgb" if prep.colour == "rgb" and page.in_colour else "gray",
        "flags": "; ".join(filter(None, (page.flags, left_out))),
    }
