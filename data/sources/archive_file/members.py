"""What all archives have in common: their FITS files and pictures are read without unpacking anything to disk."""

import re
from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path, PurePosixPath
from typing import IO, Any

from config import PrepConfig
from data.messages import logger
from data.sources.archive_file.times_inside import TablesInside
from data.sources.archive_file.unpacked import too_large
from data.sources.base import Candidate, FrameError, Frames, FrameSource, RawFrame
from data.sources.fits import SUFFIXES as FITS_SUFFIXES
from data.sources.fits import attempt, candidates_of, decode_bytes
from data.sources.images import page_facts, picture_frame
from data.sources.picture_file.pictures import SUFFIXES as PICTURE_SUFFIXES
from data.sources.picture_file.pictures import pages_of
from data.sources.picture_folder.cameras import cameras_in
from data.sources.picture_folder.dated import Called, called_by_folders, of_several_folders
from data.sources.picture_folder.folders import about_others, folder_about
from data.sources.picture_folder.order import in_order, natural_key
from data.sources.picture_folder.picture_times import NamedTimes
from data.sources.stacks.opened.like_hdf5 import OF_ZARR
from data.sources.table import TableSource
from data.sources.tables.sidecar import find_times_csv
from data.sources.video import SUFFIXES as VIDEO_SUFFIXES

log = logger(__name__)

_ARCHIVE = re.compile(r"\.(tar(\.\w{1,4})?|t[gbx]z2?|tzst|zip)$", re.IGNORECASE)
_STRANGE = re.compile(r"\.(7z|rar)$", re.IGNORECASE)
REPLACED = "a later member of the archive has its name"
STRANGE = "an archive of a kind that is not read; unpack it into a folder"
# What is read once it is unpacked, see inner.py.
INNER = AN_ARCHIVE, A_VIDEO, A_TABLE, ARRAYS, A_STACK, OF_A_ZARR = (
    "an archive in an archive, which prep unpacks three deep",
    "a video in an archive, which prep unpacks",
    "a table in an archive, which prep unpacks",
    "arrays in an archive, which prep unpacks",
    "a picture of several pages in an archive, which prep unpacks",
    "a part of zarr in an archive, which prep unpacks",
)
TABLE_SUFFIXES, MOVING_SUFFIXES = TableSource.suffixes, (*VIDEO_SUFFIXES, ".gif", ".ser")
ARRAY_SUFFIXES = (".npy", ".npz", ".mat", ".h5", ".hdf5", ".nc", ".nc4")
KINDS_TOLD = 6  # of members that are not read, the most frequent ones


@dataclass(frozen=True)
class Member:
    """One file in an archive."""

    name: str
    position: int  # of its entry, by which it is found again: members may share a name
    size: int  # unpacked, bytes
    problem: str  # why it can't be opened
    open: Callable[[], IO[bytes]]  # its bytes, until the next member is asked for


class ArchiveSource(FrameSource):
    """Members that are FITS files or pictures; the pictures of one of its folders are a reel. Others are named."""

    @abstractmethod
    def members(self, path: Path, wanted: Sequence[int] = ()) -> Iterator[Member]:
        """The files of an archive in order, or those whose positions are wanted.

        Raises any exception where the archive is damaged.
        """

    def scan(self, path: Path, root: Path, prep: PrepConfig) -> list[Candidate]:
        """The candidates of an archive; a damaged rest is one rejected row."""
        base = self.whereabouts(path, root, home=path)
        found, pictures, tables, others, damage, inside = [], [], [], Counter(), "", TablesInside(path)
        unlike: list[Candidate] = []  # of no kind by their names
        try:
            for member in self.members(path):
                facts: dict[str, Any] = base | {"source": f"{base['source']}::{member.name}", "member": member.name}
                facts |= {"position": member.position, "size": member.size}
                if PurePosixPath(member.name).name in OF_ZARR or is_hidden(member.name):
                    unlike.append(Candidate(**facts))
                elif member.name.lower().endswith(FITS_SUFFIXES):
                    found += _fits(member, facts, prep)
                elif why := _refused_kind(member.name):
                    found.append(Candidate(**facts, is_counts=True, reason=why))
                elif member.name.lower().endswith(PICTURE_SUFFIXES):
                    picture = _picture(member, facts, prep)
                    (found if picture.is_counts else pictures).append(picture)
                elif member.name.lower().endswith(TABLE_SUFFIXES):
                    tables.append(Candidate(**facts, is_counts=True, reason=A_TABLE))
                    if not member.problem:
                        inside.note(member.name, member.size, member.open)
                elif member.name.lower().endswith(ARRAY_SUFFIXES):
                    tables.append(Candidate(**facts, is_counts=True, reason=ARRAYS))
                else:
                    unlike.append(Candidate(**facts))
        except Exception as error:  # tarfile and zipfile raise many kinds on damaged archives
            damage = f"damaged archive after {len(found) + len(pictures)} frames: {error}"
        parts_of_zarr, n_zarr = _of_zarr(unlike, others)
        found, pictures, tables = _without_those_about_others(found, pictures, tables, others)
        found, pictures = _latest(found), _timed(_latest(pictures), inside, self._reel(path, root), prep)
        tables = [c for c in tables if str(PurePosixPath(c.member)) not in inside.used]
        if pictures or any(c.reason not in INNER for c in found):  # which the tables are about
            others.update(PurePosixPath(c.member).suffix.lower() for c in tables)
            others.update({"of zarr: unpack it into a folder": n_zarr} if n_zarr else {})
        else:
            found += tables + parts_of_zarr
        found += pictures
        told = ", ".join(f"{count} {kind}" for kind, count in others.most_common(KINDS_TOLD))
        if told and found:
            log.warning(f"{base['source']}: members left out: {told}")
        if damage or not found:
            reason = damage or f"it holds no FITS and no pictures{told and f', but {told}'}"
            found.append(Candidate(**base, is_counts=True, reason=reason))
        return found

    def sidecars(self, path: Path) -> list[Path]:
        return [csv] if (csv := find_times_csv(path, None)) else []

    def _reel(self, path: Path, root: Path) -> str:
        """The name of the reel of pictures that lie in no folder of an archive."""
        name = path.relative_to(root).as_posix()
        suffix = max((s for s in self.suffixes if name.lower().endswith(s)), key=len, default=path.suffix)
        return name[: len(name) - len(suffix)]

    def read(self, candidates: Sequence[Candidate]) -> Frames:
        wanted: dict[str, dict[int, list[int]]] = {}
        for number, candidate in enumerate(candidates):
            wanted.setdefault(candidate.path, {}).setdefault(candidate.position, []).append(number)
        for path, numbers in wanted.items():
            for member in self.members(Path(path), [*numbers]):
                load = cache(partial(_payload, member))  # once, whatever the number of its frames
                for number in numbers[member.position]:
                    yield number, attempt(_decoded, (load, candidates[number]))


def is_hidden(name: str) -> bool:
    """Whether a file or one of its folders has a hidden name, as the copies of attributes that macOS packs."""
    return any((part.startswith(".") and part not in (".", "..")) or part == "__MACOSX" for part in name.split("/"))


def _of_zarr(members: list[Candidate], others: Counter) -> tuple[list[Candidate], int]:
    """The members that lie in folders of zarr, and how many of these there are; all others are counted."""
    paths = {id(member): PurePosixPath(member.member) for member in members}
    marked = {path.parent for path in paths.values() if path.name in OF_ZARR}
    roots = {folder for folder in marked if marked.isdisjoint(folder.parents)}
    found = []
    for member in members:
        path = paths[id(member)]
        if not roots.isdisjoint(path.parents):
            found.append(replace(member, is_counts=True, reason=OF_A_ZARR))
        else:
            others["hidden" if is_hidden(member.member) else path.suffix.lower() or "no suffix"] += 1
    return found, len(roots)


def _without_those_about_others(
    found: list[Candidate], pictures: list[Candidate], tables: list[Candidate], others: Counter
) -> Iterator[list[Candidate]]:
    """The same without masks, labels and small copies of frames elsewhere in an archive, which are counted."""
    frames = [PurePosixPath(candidate.member) for candidate in (*found, *pictures)]
    about = about_others([*frames, *(PurePosixPath(c.member) for c in tables)], frames)
    others.update(f"in {folder_about(path)}/, about frames elsewhere" for path in about)
    for group in (found, pictures, tables):
        yield [candidate for candidate in group if PurePosixPath(candidate.member) not in about]


def _refused_kind(name: str) -> str:
    """Why a member that may well hold frames is not read as it lies there; "" of all others."""
    if _ARCHIVE.search(name):
        return AN_ARCHIVE
    if _STRANGE.search(name):
        return STRANGE
    return A_VIDEO if name.lower().endswith(MOVING_SUFFIXES) else ""


def _refusal(member: Member, prep: PrepConfig) -> str:
    return member.problem or too_large(member.size, prep.max_input_mb)


def _fits(member: Member, facts: dict[str, Any], prep: PrepConfig) -> list[Candidate]:
    if reason := _refusal(member, prep):
        return [Candidate(**facts, is_counts=True, reason=reason)]
    return candidates_of(member.open(), facts, prep)


def _picture(member: Member, facts: dict[str, Any], prep: PrepConfig) -> Candidate:
    try:
        if reason := _refusal(member, prep):
            raise FrameError(reason)
        pages, others = pages_of(member.open())
        if len(pages) > 1:
            return Candidate(**facts, is_counts=True, reason=A_STACK)
        return Candidate(**facts | page_facts(pages[0], others, prep))
    except FrameError as error:
        return Candidate(**facts, reason=str(error))
    except Exception as error:  # Pillow raises many kinds on damaged files
        return Candidate(**facts, reason=f"not readable as image: {error}")


def _latest(found: list[Candidate]) -> list[Candidate]:
    """The same; of members of one name and time all but the last have a reason, as unpacking overwrites them."""
    last = {(c.member, c.time_utc): c.position for c in found if not c.reason}
    is_old = [not c.reason and c.position != last[c.member, c.time_utc] for c in found]
    return [replace(c, reason=REPLACED) if old else c for c, old in zip(found, is_old, strict=True)]


def _timed(pictures: list[Candidate], inside: TablesInside, reel: str, prep: PrepConfig) -> list[Candidate]:
    """The pictures of each folder, or of the folders that dates, clocks or numbers name, in natural order, with the
    reel of their folder and their times."""
    called = _called(pictures, inside, prep)
    folders: dict[tuple[str, bool], list[Candidate]] = {}
    for picture in sorted(pictures, key=lambda c: natural_key(called[c.member].name)):
        one = called[picture.member]
        is_joined = one.home != Path(picture.member).parent
        folders.setdefault((one.home.as_posix(), is_joined), []).append(picture)
    found, path = [], inside.archive
    for (folder, is_joined), group in folders.items():
        name = reel if folder == "." else f"{reel}/{folder}"
        table = inside.name_of(folder, prep, is_only=len(folders) == 1)
        named = {picture.member: called[picture.member].name for picture in group}
        camera_of = cameras_in(path, [*named.values()], prep, has_times=bool(table))
        times = partial(inside.times, table, prep)
        for camera in dict.fromkeys(camera_of.values()):
            own = [c for c in group if camera_of[named[c.member]] == camera]
            home = f"{path}::{folder}{'/.' if is_joined else ''}"
            facts = {"home": home, "reel": f"{name}_{camera}" if camera else name}
            found += _of_camera(own, facts, named, partial(NamedTimes, beside=path / folder, prep=prep, table=times))
    return found


def _called(pictures: list[Candidate], inside: TablesInside, prep: PrepConfig) -> dict[str, Called]:
    """The folder in the archive that each member counts to, and what it is called there."""
    paths = {picture.member: Path(picture.member) for picture in pictures}
    own = {member: Called(path.parent, path.name) for member, path in paths.items()}
    if prep.times_csv or any(path.is_absolute() for path in paths.values()):
        return own
    stem = inside.archive.name.partition(".")[0]
    dated = called_by_folders(
        [*paths.values()], Path(), stem, lambda place: bool(inside.name_of(place.as_posix(), prep, is_only=False))
    )
    several = of_several_folders(dated)
    for home in {one.home for one in several.values()}:
        told = "are called by dates, clocks or numbers of a camera alone: their pictures are one reel"
        log.info(f"{inside.archive.name}: folders below {home.as_posix()} {told}")
    alone = {path: Called(path.parent, one.name) for path, one in dated.items()}
    return own | {member: (several.get(path) or alone[path]) for member, path in paths.items() if path in dated}


def _of_camera(
    pictures: list[Candidate],
    facts: dict[str, str],
    named: dict[str, str],
    times_of: Callable[[list[str]], NamedTimes],
) -> list[Candidate]:
    replaced = [replace(picture, **facts) for picture in pictures if picture.reason == REPLACED]
    pictures = [picture for picture in pictures if picture.reason != REPLACED]
    turn = {name: number for number, name in enumerate(in_order([named[p.member] for p in pictures]))}
    pictures.sort(key=lambda picture: turn[named[picture.member]])
    names = [named[picture.member] for picture in pictures]
    times = times_of(names)
    found = []
    for number, picture in enumerate(pictures):
        own = facts | times.facts(names[number], number)
        own["reason"] = picture.reason or own.get("reason", "")
        found.append(replace(picture, **own))
    return found + replaced


def _payload(member: Member) -> bytes:
    payload = member.open().read()
    if len(payload) < member.size:
        raise FrameError("archive is truncated inside this member")
    return payload


def _decoded(what: tuple[Callable[[], bytes], Candidate]) -> RawFrame:
    load, candidate = what
    is_fits = candidate.member.lower().endswith(FITS_SUFFIXES)
    return decode_bytes(load(), candidate) if is_fits else picture_frame(load(), candidate)
