"""Files of frames that arrive in a folder: each is met once it is whole, in whatever order they come."""

import os
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from data.live.frame_form import FrameForm
from data.sources import all_kinds as sources
from data.sources.base import Candidate, FrameSource, Input

TAKEN = ("fits", "image")  # sources whose files are frames; an archive or a movie is no frame that arrives
PARTIAL = (
    ".part",
    ".partial",
    ".filepart",
    ".crdownload",
    ".download",
    ".tmp",
    "~",
)  # still written
MOST_NAMES = 500  # of a folder, by which the form of the times in its names is told
Stamp = tuple[int, int]  # bytes of a file, and when it was changed, ns


@dataclass(frozen=True)
class Met:
    """A frame that was met in a file, by its header; `reason` says why it is none of the reel's."""

    file: str  # its path in the folder
    source: str  # the same, with its number where a file holds several
    stamp: Stamp
    candidate: Candidate | None
    reason: str
    at: float  # time.monotonic

    @property
    def time_utc(self) -> str:
        return self.candidate.time_utc if self.candidate else ""


class FolderFiles:
    """The files of a folder and those below it; what is hidden, still written by its name, or not of the
    pattern is not looked at.

    A file is whole when it has not changed since the last look, or for as long as the looks lie apart. One that changes
    later is met again. known: stamps of the files that were met before, by their path in the folder.
    """

    def __init__(self, folder: Path, pattern: str, form: FrameForm, poll_s: float, known: dict[str, Stamp]):
        self.folder, self.pattern, self.form, self.poll_s, self.known = folder, pattern, form, poll_s, known
        self.seen: dict[str, Stamp] = {}  # at the last look, of files that are not known yet
        self.problem = ""

    def poll(self) -> list[Met]:
        """What is new and whole."""
        present = dict(self._present())
        self.known = {name: stamp for name, stamp in self.known.items() if name in present}
        new = {name: stamp for name, stamp in present.items() if self.known.get(name) != stamp}
        old = time.time_ns() - round(1e9 * self.poll_s)
        whole = {name: stamp for name, stamp in new.items() if self.seen.get(name) == stamp or stamp[1] <= old}
        self.seen = {name: stamp for name, stamp in new.items() if name not in whole}
        self.known |= whole
        return [met for group in self._groups(whole) for met in self._scanned(group, whole, present)]

    def done(self, met: Met) -> None:
        """A file was read, or will not be; it is somebody else's, and stays."""

    def is_as_met(self, met: Met) -> bool:
        """Whether a file that was just read is still the one that was met: another one may have its name by now."""
        try:
            return _stamp(self.folder / met.file) in (met.stamp, None)
        except OSError:  # gone since
            return True

    def _present(self) -> Iterator[tuple[str, Stamp]]:
        for folder, folders, names in os.walk(self.folder):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in names:
                if name.startswith(".") or name.endswith(PARTIAL) or not fnmatch(name, self.pattern):
                    continue
                try:
                    stamp = _stamp(Path(folder, name))
                except OSError:  # gone, or renamed, since
                    continue
                if stamp:
                    yield Path(folder, name).relative_to(self.folder).as_posix(), stamp

    def _groups(self, whole: dict[str, Stamp]) -> list[tuple[Path, FrameSource | None, list[str]]]:
        """Files of one folder and one source."""
        found: dict[tuple[Path, str], tuple[Path, FrameSource | None, list[str]]] = {}
        for name in sorted(whole):
            path = self.folder / name
            source = sources.source_of(path, [])
            kind = source.name if source else ""
            frames = source if isinstance(source, FrameSource) and kind in TAKEN else None
            found.setdefault((path.parent, kind), (path.parent, frames, []))[2].append(name)
        return list(found.values())

    def _scanned(self, group, whole: dict[str, Stamp], present: dict[str, Stamp]) -> Iterator[Met]:
        folder, source, names = group
        now = time.monotonic()
        if source is None:
            yield from (Met(name, name, whole[name], None, "no FITS file and no picture", now) for name in names)
            return
        suffix = Path(names[0]).suffix
        like = sorted(name for name in present if name.endswith(suffix))
        beside = [name for name in like if (self.folder / name).parent == folder]
        depth = names[0].count("/")  # files of other days tell clocks from counts where a day has just begun
        others = [name for name in like if name.count("/") == depth][-MOST_NAMES:]
        among = tuple(self.folder / name for name in dict.fromkeys([*beside[-MOST_NAMES:], *others]))
        item = Input(source, folder, [self.folder / name for name in names], among=among)
        for candidate in sources.scan(item, self.folder, self.form.prep):
            file = Path(candidate.path).relative_to(self.folder).as_posix()
            yield Met(file, candidate.source, whole[file], candidate, self.form.why_not(candidate), now)


def _stamp(path: Path) -> Stamp | None:
    """What tells a file from a later one of its name; None of what is no file, as a pipe, which would be waited for.

    Raises OSError where there is nothing.
    """
    about = path.stat()
    return (about.st_size, about.st_mtime_ns) if stat.S_ISREG(about.st_mode) else None
