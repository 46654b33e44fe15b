"""Whether the files that a reel was made of are still what they were.

Sizes and headers are in the reel's identity. Whether a file was written since is told by its time of change, and then
its frames are read once more and compared with the digests in frames.csv, as all are with prep.verify.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from data.disk.damage import Damaged, read_json
from data.disk.files import write_json
from data.frames.assemble import RECORD
from data.frames.grid.to_grid import one_channel
from data.frames.plan import ReelPlan
from data.frames.workers.decode import Task, by_place, content_sha256
from data.reel.reel import Reel
from data.sources import all_kinds as sources
from data.sources.base import RawFrame

Record = dict[str, list[int]]  # {file of the input, by its path there: [time of change in ns, bytes]}


def record_of(plan: ReelPlan, root: Path) -> Record:
    """What a reel is to remember of the files of its plan."""
    found = {}
    for path in _paths(plan, root):
        about = Path(path).stat()
        found[_key(path, root)] = [about.st_mtime_ns, about.st_size]
    return dict(sorted(found.items()))


def _paths(plan: ReelPlan, root: Path) -> set[str]:
    """The files in the input folder; what was unpacked from archives is new every time, and told by --verify alone."""
    paths = {frame.candidate.path for row in plan.rows for frame in row}
    return {path for path in paths if Path(path).is_relative_to(root)}


def _key(path: str, root: Path) -> str:
    return Path(path).relative_to(root).as_posix() if Path(path) != root else root.name


def write_record(folder: Path, record: Record) -> None:
    """Keep the record in a reel's folder."""
    write_json(folder / RECORD, record)


def read_record(folder: Path) -> dict[str, Any] | None:
    """The record of a reel; None of one from before there were any, or where it can't be read: then all is in doubt."""
    try:
        return read_json(folder / RECORD, "")
    except FileNotFoundError:
        return None
    except Damaged:
        return {}


def doubtful(plan: ReelPlan, final: Path, root: Path) -> set[str]:
    """The paths of files that were changed since a reel was made of them; none where it does not remember."""
    before = read_record(final)
    if before is None:
        return set()
    now = record_of(plan, root)
    return {path for path in _paths(plan, root) if before.get(_key(path, root)) != now[_key(path, root)]}


def digests(task: Task) -> list[tuple[int, int, str | None]]:
    """(row, channel, SHA-256 of its content, None where it can't be read) of the frames of a task."""
    found: list[tuple[int, int, str | None]] = []
    groups = by_place(task)
    for number, raw in sources.read(task.source, [items[0][2].candidate for items in groups]):
        for row, channel, frame in groups[number]:
            digest = content_sha256(one_channel(raw, frame.channel)) if isinstance(raw, RawFrame) else None
            found.append((row, channel, digest))
    return found


def changed(plan: ReelPlan, reel: Reel, found: Iterable[tuple[int, int, str | None]]) -> Iterator[str]:
    """The sources of frames whose content is not what frames.csv says."""
    known = [_known(reel.candidates, "" if c == 0 else f"_{name}") for c, name in enumerate(plan.channels)]
    for row, channel, digest in found:
        source = plan.rows[row][channel].candidate.source
        if known[channel].get(source, digest) != digest:
            yield source


def _known(table: pd.DataFrame, suffix: str) -> dict[str, str]:
    """Digests by source, of the frames that have one."""
    told = table[[f"source{suffix}", f"sha256{suffix}"]].dropna()
    as_written = dict(told.itertuples(index=False, name=None))
    return {source.removeprefix("'"): digest for source, digest in as_written.items()} | as_written
