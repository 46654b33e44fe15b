"""The files below a folder, each once, without those that nobody means: hidden, half-written, copies of others."""

import os
import re
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from data.disk.lock import LOCK_FILES
from data.sources.base import Source, Unread
from data.sources.stacks.opened.like_hdf5 import OF_ZARR

HIDDEN, MET_BEFORE, NO_FILE, CLOSED = "hidden", "met on another way", "links to nothing or no files", "you may not read"
FINISHED, COPY = "finished reels", "stills or smaller copies of videos beside them, or films of the pictures there"
HALF = "unfinished or kept from before, by their names, beside others"
# Folders that storage and systems keep for themselves: small copies, what was deleted.
OF_SYSTEMS = ("@eaDir", "#recycle", "@Recycle", "#snapshot", "$RECYCLE.BIN", "System Volume Information", "__MACOSX")
_HALF = re.compile(r".+(?:~|\.(?:tmp|temp|part|partial|filepart|crdownload|bak|old|orig))", re.IGNORECASE)


def files_below(root: Path, unread: list[Unread]) -> Iterator[Path]:
    """Files below `root`, linked folders too; a folder that is met again on another way is left out."""

    def closed(error: OSError) -> None:
        unread.append(Unread(Path(error.filename), CLOSED))

    seen = set()
    for folder, folders, names in os.walk(root, onerror=closed, followlinks=True):
        place = os.path.realpath(folder)
        if place in seen or "reel.json" in names:  # a reel's own movie is no input
            unread.append(Unread(Path(folder), MET_BEFORE if place in seen else FINISHED))
            folders.clear()
            continue
        seen.add(place)
        if marks := [name for name in OF_ZARR if name in names]:
            folders.clear()
            yield Path(folder, marks[0])
            continue
        hidden = (name for name in (*folders, *names) if _is_hidden(name) and name not in LOCK_FILES)
        unread += [Unread(Path(folder, name), HIDDEN) for name in hidden]
        folders[:] = sorted(name for name in folders if not _is_hidden(name))
        for path in (Path(folder, name) for name in names if not _is_hidden(name)):
            if reason := _no_file(path):
                unread.append(Unread(path, reason))
            else:
                yield path


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name in OF_SYSTEMS


def each_once(paths: Sequence[Path], unread: list[Unread]) -> list[Path]:
    """Files without the links to others of them, as a camera's latest.jpg."""
    links = {path for path in paths if path.is_symlink()}
    if not links:
        return list(paths)
    real = {folder: os.path.realpath(folder) for folder in {path.parent for path in paths}}
    there = {os.path.join(real[path.parent], path.name) for path in paths if path not in links}
    twice = {path for path in links if os.path.realpath(path) in there}
    unread.extend(Unread(path, MET_BEFORE) for path in sorted(twice))
    return [path for path in paths if path not in twice]


def without_copies(taken: list[tuple[Path, Source]], unread: list[Unread]) -> list[tuple[Path, Source]]:
    """The same without files that stand for others beside them, with a row of `unread` for each."""
    copies = {path for path, source in taken if len(taken) > 1 and source.is_smaller_copy(path)}
    half = _unfinished([path for path, source in taken if source.keeps_tables(path)])
    for paths, reason in ((copies, COPY), (half, HALF)):
        unread.extend(Unread(path, reason) for path in sorted(paths))
    return [pair for pair in taken if pair[0] not in copies | half]


def _unfinished(paths: Sequence[Path]) -> set[Path]:
    """Files that programs are writing or have kept from before, beside those that they are finished with."""
    half = {path for path in paths if _HALF.fullmatch(path.name)}
    whole = {path.parent for path in paths if path not in half} if half else set()
    return {path for path in half if path.parent in whole}


def _no_file(path: Path) -> str:
    """Why a name is not that of a file that might be read: a broken link, a socket, in a folder without access."""
    try:
        return "" if stat.S_ISREG(path.stat().st_mode) else NO_FILE
    except PermissionError:
        return CLOSED
    except OSError:
        return NO_FILE
