"""Every kind of input: which of them takes a file, and what is read by it."""

import errno
import math
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NoReturn, cast

from config import PrepConfig
from data.failures import is_of_the_machine
from data.sources.archive_file.members import ArchiveSource
from data.sources.archive_file.unpacked import too_large
from data.sources.arrays.hdf5_arrays import Hdf5Source
from data.sources.arrays.matlab_arrays import MatlabSource
from data.sources.arrays.netcdf_arrays import NetcdfSource
from data.sources.arrays.numpy_arrays import ArraySource
from data.sources.base import Candidate, Found, FrameError, FrameSource, Input, RawFrame, Source, Unread, printable
from data.sources.cases import CaseSource
from data.sources.fits import FitsSource
from data.sources.fits_table import FitsTableSource
from data.sources.images import ImageSource
from data.sources.other_kinds import PACKED, way_out
from data.sources.picture_folder.folders import about_others, folder_about
from data.sources.stacks.alike_pictures import AlikePictureSource
from data.sources.stacks.array_pictures import ArrayPictureSource
from data.sources.stacks.hdf5_stacks import Hdf5StackSource, ZarrStackSource
from data.sources.stacks.mrc_stacks import MrcSource
from data.sources.stacks.netcdf_pictures import NetcdfPictureSource
from data.sources.stacks.npz_stacks import NpzStackSource
from data.sources.stacks.numpy_stacks import StackSource
from data.sources.stacks.opened.like_hdf5 import OF_ZARR
from data.sources.stacks.radar_pictures import RadarSource
from data.sources.stacks.text_pictures import TextPictureSource
from data.sources.table import TableSource
from data.sources.tables.sidecar import NAMED, table_stem
from data.sources.tar import CompressedTarSource, TarSource
from data.sources.video import VideoSource
from data.sources.walk import (
    CLOSED,
    COPY,
    FINISHED,
    HALF,
    HIDDEN,
    MET_BEFORE,
    NO_FILE,
    each_once,
    files_below,
    without_copies,
)
from data.sources.xrs import XrsSource
from data.sources.zip import ZipSource

# By name. Of several that take a file, the last one gets it: those that look into files come behind.
SOURCES: dict[str, Source] = {
    source.name: source
    for source in (
        FitsSource(),
        TarSource(),
        CompressedTarSource(),
        ZipSource(),
        VideoSource(),
        ImageSource(),
        TableSource(),
        ArraySource(),
        StackSource(),
        ArrayPictureSource(),
        TextPictureSource(),
        Hdf5Source(),
        NetcdfSource(),
        MatlabSource(),
        FitsTableSource(),
        XrsSource(),
        AlikePictureSource(),
        NpzStackSource(),
        Hdf5StackSource(),
        NetcdfPictureSource(),
        RadarSource(),
        ZarrStackSource(),
        MrcSource(),
        CaseSource(),
    )
}
UNKNOWN_KIND, BESIDE_FRAMES, TIMES = "of unknown kind", "beside frames and so no series", "times of frames"
ABOUT = "about frames that lie elsewhere, by the names of their folders; prepare one of these alone to have it"
ZARR = (
    "of zarr, where arrays (T, H, W), and OME-Zarr of one channel and depth, are read once zarr is installed (pip "
    "install -r data/disk/requirements-zarr.txt): save others as .npy (T, H, W) or TIFF with a page a frame"
)
# Of what is not read; times were.
TOLD = (UNKNOWN_KIND, COPY, HALF, ABOUT, BESIDE_FRAMES, FINISHED, ZARR, HIDDEN, MET_BEFORE, NO_FILE, CLOSED)
A_DRAWING = "a picture beside a table whose name follows no other: taken for a drawing of it; if not, prepare it alone"
VALUE_BYTES = 4  # of a pixel while it is calculated with
SUFFIXES_TOLD = 5  # of the files of one reason, the most frequent ones


def register(source: Source) -> None:
    """Let a kind of input take part, before all others that take the same files."""
    SOURCES[source.name] = source


def archives() -> dict[str, ArchiveSource]:
    """The sources of archives, by name."""
    return {source.name: source for source in (TarSource(), CompressedTarSource(), ZipSource())}


def frame_source(name: str) -> FrameSource:
    """The source of candidates of this kind."""
    return cast(FrameSource, SOURCES[name])


def discover(root: Path) -> Found:
    """Everything in `root` (a file or a folder, searched recursively): what sources read, and what is not read and why.

    Hidden names and the folders of finished reels are left out. Raises FileNotFoundError, or PermissionError, when
    nothing can be read.
    """
    if not root.exists():
        where = "" if root.is_absolute() else f" (paths are from {Path.cwd()}, the folder you work in)"
        raise FileNotFoundError(f"{root} does not exist; name a file or folder to prepare with --data-raw{where}")
    found = Found()
    paths = [root] if root.is_file() else each_once(sorted(files_below(root, found.unread)), found.unread)
    taken = [(path, source) for path in paths for source in [source_of(path, found.unread)] if source]
    taken = without_copies(taken, found.unread)
    with_frames = {place for path, source in taken if source.keeps_tables(path) for place in source.places(path)}
    about = _about_others(taken, root)
    found.unread.extend(Unread(path, ABOUT) for path in sorted(about))
    taken = [pair for pair in taken if pair[0] not in about]
    taken.sort(key=lambda pair: _turn(*pair))
    for path, source in taken:
        if source.keeps_tables(path):
            source.add_to(found, path)
    times = {path for item in found.frames for path in item.source.sidecars(item.path)}
    found.unread[:] = [replace(item, reason=TIMES) if item.path in times else item for item in found.unread]
    for path, source in taken:
        beside = source.may_belong_to_frames and path.parent in with_frames
        is_times = path in times or (source.may_belong_to_frames and table_stem(path).lower().endswith("_frame_times"))
        is_times |= beside and path.name.lower() in NAMED
        if is_times or (beside and not source.may_be_beside_frames(path)):
            found.unread.append(Unread(path, TIMES if path in times else BESIDE_FRAMES))
        elif not source.keeps_tables(path):
            source.add_to(found, path)
    found.series[:] = [replace(item, beside_frames=item.path.parent in with_frames) for item in found.series]
    with_series = {item.path.parent for item in found.series}
    for key, item in found.inputs.items():
        found.inputs[key] = replace(item, beside_series=item.path in with_series)
    if root.is_dir():
        _join(found, root)
    if not found.frames and not found.series:
        _refuse(root, paths, found.unread)
    return found


def _refuse(root: Path, paths: Sequence[Path], unread: Sequence[Unread]) -> NoReturn:
    """Say why nothing in `root`, which has these files, can be read."""
    for item in (item for item in unread if item.reason == CLOSED):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(item.path))
    told = left_out(unread)
    if not paths and not told:
        raise FileNotFoundError(f"{root} is empty, as are its folders; name what holds the input with --data-raw")
    known = dict.fromkeys(s for source in SOURCES.values() for s in source.suffixes if s.rfind(".") == 0)
    raise FileNotFoundError(
        f"{root} holds no file that can be read{f' ({told})' if told else ''}; known are {', '.join(known)}, many of "
        "them packed too, and what Pillow or FFmpeg opens"
    )


def _join(found: Found, root: Path) -> None:
    """Make folders of one reel one input."""
    for source in {item.source.name: item.source for item in found.frames if item.source.is_folder}.values():
        apart = {key: i for key, i in found.inputs.items() if i.source is source and not i.beside_series}
        homes = source.homes([path for item in apart.values() for path in item.files], root)
        groups: dict[Path, list[Path]] = {}
        for key, item in apart.items():
            if own := {homes[path] for path in item.files if path in homes}:
                groups.setdefault(own.pop(), []).extend(item.files)
                del found.inputs[key]
        for files in groups.values():
            place = Path(os.path.commonpath([path.parent for path in files]))
            found.inputs[source.name, files[0]] = Input(source, place, files)


def _about_others(taken: Sequence[tuple[Path, Source]], root: Path) -> set[Path]:
    """The files that are masks, labels or small copies of frames elsewhere."""
    if not root.is_dir():
        return set()
    paths = [path.relative_to(root) for path, _ in taken]
    frames = [path.relative_to(root) for path, source in taken if source.keeps_tables(path)]
    return {root / path for path in about_others(paths, frames)}


def source_of(path: Path, unread: list[Unread]) -> Source | None:
    """The source that takes a file; None, and a row of `unread`, where none does."""
    latest_first = [s for s in reversed(SOURCES.values()) if path.name not in OF_ZARR or isinstance(s, ZarrStackSource)]
    try:
        source = next((source for source in latest_first if _says(source.takes, path)), None)
        source = source or next((source for source in latest_first if _says(source.recognises, path)), None)
    except PermissionError:
        unread.append(Unread(path, CLOSED))
        return None
    if source is None:
        is_zarr = path.name in OF_ZARR
        unread.append(Unread(path.parent, ZARR) if is_zarr else Unread(path, UNKNOWN_KIND))
    return source


def _says(question: Callable[[Path], bool], path: Path) -> bool:
    """The answer of a source about a file; no where it can't look into it. Raises PermissionError."""
    try:
        return question(path)
    except PermissionError:
        raise
    except Exception:  # readers raise many kinds on damaged files; whoever takes it by its name has the reason
        return False


def _turn(path: Path, source: Source) -> tuple[bool, bool]:
    """Where series of one name are numbered: tables first, and files that keep tables beside them last."""
    return not source.may_belong_to_frames, source.keeps_tables(path)


def left_out(unread: Sequence[Unread]) -> str:
    """What is not read in one line, counted by reason and suffix; "" where that is nothing."""
    told = []
    for reason in TOLD:
        name_of, items = folder_about if reason == ABOUT else _suffix, [i.path for i in unread if i.reason == reason]
        if suffixes := Counter(map(name_of, items)):
            first = {name_of(path): path for path in reversed(items)}
            most = suffixes.most_common(SUFFIXES_TOLD)
            kinds = ", ".join(f"{suffix} {n}{way_out(suffix, first[suffix])}" for suffix, n in most)
            more = ", ..." if len(suffixes) > SUFFIXES_TOLD else ""
            told.append(f"{suffixes.total()} {reason} ({kinds}{more})")
    return f"files left out: {'; '.join(told)}" if told else ""


def _suffix(path: Path) -> str:
    """The suffix of a file, with the one before where it is packed: .nii.gz."""
    own = path.suffix.lower()
    before = Path(path.stem).suffix.lower() if own in PACKED else ""
    return (before if re.fullmatch(r"\.[a-z]\w{0,5}", before) else "") + own or "no suffix"


def scan(item: Input, root: Path, prep: PrepConfig) -> list[Candidate]:
    """All candidate frames of one input, from headers only."""
    root = root if root.is_dir() else root.parent
    try:
        found = item.source.scan_all(item.files, root, prep, item.among)
    except Exception as error:  # readers raise many kinds on damaged files: one of a folder stops no other
        if is_of_the_machine(error):
            raise
        found = [candidate for path in item.files for candidate in _scanned(item, path, root, prep)]
    if item.beside_series and item.source.is_folder and not _follow_each_other(item.files):
        found = [c if c.is_counts else replace(c, reason=c.reason or A_DRAWING) for c in found]
    return [replace(c, source=printable(c.source), reason=printable(c.reason or _too_large(c, prep))) for c in found]


def _scanned(item: Input, path: Path, root: Path, prep: PrepConfig) -> list[Candidate]:
    """The candidates of one file among those of an input, or one with the reason why it can't be read."""
    try:
        return item.source.scan_all([path], root, prep, item.among or item.files)
    except Exception as error:
        if is_of_the_machine(error):
            raise
        reason = f"not readable: {type(error).__name__}: {error}"
        return [Candidate(**item.source.whereabouts(path, root, home=path), reason=reason)]


def _too_large(candidate: Candidate, prep: PrepConfig) -> str:
    """Why a frame is not decoded: it would not fit. A file of kilobytes may announce any size."""
    values = math.prod(candidate.shape) * (3 if candidate.channel == "rgb" else 1)
    return too_large(VALUE_BYTES * values, prep.max_input_mb)


def _follow_each_other(files: Sequence[Path]) -> bool:
    """Whether any two names differ in their numbers alone, as those of frames do."""
    forms = Counter(re.sub(r"\d+", "0", path.name) for path in files)
    return forms.most_common(1)[0][1] > 1


def read(source: FrameSource, candidates: Sequence[Candidate]) -> Iterator[tuple[int, RawFrame | FrameError]]:
    """Pixels of candidates of one source by their number, each given exactly once: a FrameError where they can't be.

    Those of a source that reads in one pass must be of one file and group.
    """
    missing = dict.fromkeys(range(len(candidates)))
    reason = "not found when the file was read again; did it change?"
    try:
        for number, raw in source.read(candidates):
            del missing[number]
            yield number, raw
    except Exception as error:  # decoders raise many kinds on damaged files; each frame behind gets it as its reason
        if is_of_the_machine(error):
            raise
        reason = f"not readable: {type(error).__name__}: {error}"
    for number in missing:
        yield number, FrameError(reason)
