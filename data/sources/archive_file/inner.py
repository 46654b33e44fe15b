"""What an archive holds whose readers need files: videos, archives, pictures of several pages, tables, arrays and zarr
where no frames are beside these.

They are unpacked into a folder of prep's own, under names made anew: nothing in an archive decides where that is.
"""

import re
import shutil
from collections.abc import Iterable
from dataclasses import replace
from itertools import accumulate, chain, count
from pathlib import Path, PurePosixPath

from config import PrepConfig
from data.disk.files import folder_name
from data.failures import is_of_the_machine
from data.sources.archive_file.members import INNER, OF_A_ZARR, ArchiveSource, Member
from data.sources.archive_file.unpacked import too_large
from data.sources.base import Candidate, FrameError
from data.sources.stacks.opened.like_hdf5 import OF_ZARR

PLAIN = re.compile(r"(?!\.+$)[A-Za-z0-9._-]{1,200}")


def is_inner(candidate: Candidate) -> bool:
    """Whether it stands for a member that could be read if it were a file."""
    return candidate.reason in INNER


def is_whole(candidate: Candidate) -> bool:
    """Whether a member is no mere part of a folder of zarr, one row of which is enough."""
    return candidate.reason != OF_A_ZARR or PurePosixPath(candidate.member).name in OF_ZARR


def unpack(
    candidates: Iterable[Candidate], kinds: dict[str, ArchiveSource], folder: Path, prep: PrepConfig
) -> list[Candidate]:
    """Write members of archives into a folder, as `<archive>/<member>`; those that can't be, with their reasons."""
    archives: dict[tuple[str, str], dict[int, Candidate]] = {}
    for candidate in candidates:
        archives.setdefault((candidate.kind, candidate.path), {})[candidate.position] = candidate
    refused: list[Candidate] = []
    taken: dict[str, bool] = {}  # files, and whether a path is one; folders are none
    for (kind, path), wanted in archives.items():
        left = dict(wanted)
        try:
            for member in kinds[kind].members(Path(path), [*wanted]):
                candidate = left.pop(member.position)
                try:
                    _write(member, folder / _free(_parts(candidate), taken), prep)
                except (FrameError, OSError) as error:
                    if is_of_the_machine(error):
                        raise
                    refused.append(replace(candidate, reason=str(error)))
        except Exception as error:  # tarfile and zipfile raise many kinds on damaged archives
            if is_of_the_machine(error):
                raise
            refused += [replace(c, reason=f"damaged archive: {error}") for c in left.values()]
    return refused


def _parts(candidate: Candidate) -> list[str]:
    """Where a member is unpacked to, below the folder: without a step up, hidden parts, or names too long."""
    archive = candidate.source.removesuffix(f"::{candidate.member}")
    parts = [part for part in PurePosixPath(f"{archive}/{candidate.member}").parts if part.strip("./")]
    own = _part_of_zarr if candidate.reason == OF_A_ZARR else _part
    return [own(part) for part in parts]


def _free(parts: list[str], taken: dict[str, bool]) -> str:
    """The path of parts, or one below a number where it or a part of it is something else's; noted as taken."""
    ways = chain([parts], ([parts[0], str(number), *parts[1:]] for number in count(2)))
    levels = (list(accumulate(way, "{}/{}".format)) for way in ways)
    *folders, path = next(way for way in levels if way[-1] not in taken and not any(map(taken.get, way[:-1])))
    taken |= dict.fromkeys(folders, False) | {path: True}
    return path


def _part_of_zarr(text: str) -> str:
    """The same of names that have to stay, as .zarray and 0.0.0, where they are plain ones."""
    return text if PLAIN.fullmatch(text) else _part(text)


def _part(text: str) -> str:
    name, suffix = folder_name(text, "file"), folder_name(PurePosixPath(text).suffix[:12], "")
    return name if not suffix or name.endswith(suffix) else f"{name}.{suffix}"


def _write(member: Member, path: Path, prep: PrepConfig) -> None:
    """Raises FrameError for one that is larger than allowed, than the disk has room, or than the archive goes on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if reason := member.problem or too_large(member.size, prep.max_input_mb):
        raise FrameError(reason)
    if 2 * member.size > shutil.disk_usage(path.parent).free:
        raise FrameError(f"no room to unpack its {member.size / 1e6:.0f} MB below --data-clips")
    with member.open() as stream, path.open("wb") as file:
        shutil.copyfileobj(stream, file)
    if path.stat().st_size < member.size:
        path.unlink()
        raise FrameError("archive is truncated inside this member")
