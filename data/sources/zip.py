"""Zip archives: their FITS files and pictures, by the archive's own list of members."""

import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from config import PrepConfig
from data.sources.archive_file.members import ArchiveSource, Member
from data.sources.base import Candidate

MEMBERS_PER_GROUP = 64  # read in one pass: opening an archive reads the list of all its members
ENCRYPTED = 1  # bit of a member's flags


class ZipSource(ArchiveSource):
    """A zip archive; members with a password are rejected rows."""

    name = "zip"
    suffixes = (".zip", ".cbz")  # and not by content: documents and arrays are zip archives too
    in_one_pass = True

    def scan(self, path: Path, root: Path, prep: PrepConfig) -> list[Candidate]:
        found = super().scan(path, root, prep)
        return [replace(candidate, group=i // MEMBERS_PER_GROUP) for i, candidate in enumerate(found)]

    def members(self, path: Path, wanted: Sequence[int] = ()) -> Iterator[Member]:
        chosen = set(wanted)
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                if not info.is_dir() and (not wanted or info.header_offset in chosen):
                    yield _member(archive, info)


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Member:
    problem = "archive member has a password" if info.flag_bits & ENCRYPTED else ""
    return Member(info.filename, info.header_offset, info.file_size, problem, lambda: archive.open(info))
