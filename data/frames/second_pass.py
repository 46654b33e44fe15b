"""Pass 2 of prep: the rows of a reel, decoded by workers into a folder in the making, or once more to be compared."""

import math
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from config import Config, PrepConfig
from data.disk.files import write_text
from data.disk.parts import remove_folder
from data.disk.reserve import reserved_array
from data.frames.grid.placement import Placed
from data.frames.journal import PIXELS, Journal, read_journal
from data.frames.plan import ReelPlan
from data.frames.stale import Record, changed, digests, doubtful, read_record, record_of, write_record
from data.frames.workers.apart import joiner, run_apart
from data.frames.workers.decode import Task, run_task
from data.frames.workers.pool import Workers, bounded
from data.messages import logger, progress
from data.reel.reel import Reel
from data.sources import all_kinds as sources

log = logger(__name__)

FRAMES_PER_TASK = 4, 64  # at least and at most
PIXELS_PER_TASK = 2**26  # four frames of 4096x4096: work for a tenth of a second, beside which handing out is little
TASKS = 32  # of one kind at least, where there are frames enough: workers end together, however many they are


def verify(workers: Workers, plan: ReelPlan, final: Path, config: Config) -> None:
    """Compare a finished reel with the files it was made of: those changed since, with prep.verify all, and its own.

    Raises FileExistsError where a frame is another one now, Damaged where the reel is not what prep wrote.
    """
    reel, root = Reel(final), Path(config.data_raw)
    if config.prep.verify:
        reel.check_all()
    record, paths = record_of(plan, root), doubtful(plan, final, root)
    items = [(row, c, frame) for row, frames in enumerate(plan.rows) for c, frame in enumerate(frames)]
    beyond = set() if config.prep.verify else {(r, c) for r, c, f in items if f.candidate.path not in paths}
    calls = ((task,) for task in tasks_of(plan, final, beyond))
    other: list[str] = []
    with progress(total=len(items) - len(beyond), desc=f"verifying {plan.name}", unit="frame") as bar:
        for found in bounded(workers, digests, calls):
            other += changed(plan, reel, found)
            bar.update(len(found))
    if other:
        raise FileExistsError(
            f"{final} was prepared from other content: {len(other)} of its frames have changed since, the first is "
            f"{min(other)}; move it away, remove it, or choose another --data-clips"
        )
    write_record(final, record)
    log.info(f"{plan.name}: {len(items) - len(beyond)} frames were read again and are the same")


def decode_rows(workers: Workers, plan: ReelPlan, part: Path, identity: str, config: Config) -> None:
    """Decode what the journal of the folder in the making lacks of a plan's frames."""
    done = open_part(plan, part, identity, config.prep, record_of(plan, Path(config.data_raw)))
    tasks = list(tasks_of(plan, part, done))
    total = len(plan.rows) * len(plan.channels)
    with (
        Journal(part) as journal,
        progress(total=total, initial=len(done), desc=f"decoding {plan.name}", unit="frame", leave=total > 1) as bar,
    ):
        for facts in _decoded(workers, tasks, plan, part, config):
            journal.add(facts)
            bar.update(len(facts))


def _decoded(workers: Workers, tasks: list[Task], plan: ReelPlan, part: Path, config: Config) -> Iterator[list[dict]]:
    """The facts of decoded frames, whose pixels are in the memory maps of `part`."""
    if not config.cluster:
        yield from bounded(workers, run_task, ((task, config.prep) for task in tasks))
        return
    grid, join = plan.stored_shape(config.prep)[2:], joiner(part)
    yield from map(join, bounded(workers, run_apart, ((task, config.prep, grid) for task in tasks)))


def open_part(plan: ReelPlan, part: Path, identity: str, prep: PrepConfig, record: Record) -> set[tuple[int, int]]:
    """Create or reopen the folder in the making; returns the (row, channel) pairs already decoded."""
    started = part / "identity"
    is_same = started.is_file() and started.read_text(encoding="utf-8") == identity
    if not is_same or read_record(part) != record:
        remove_folder(part)
        part.mkdir(parents=True)
        shape = plan.stored_shape(prep)
        _check_space(part, math.prod(shape), prep)
        for name, dtype in zip(PIXELS, (np.float32, np.uint8), strict=True):
            reserved_array(part / name, dtype, shape).flush()
        write_record(part, record)
        write_text(started, identity, durable=True)
    return set(read_journal(part))


def bytes_needed(values: int, prep: PrepConfig) -> int:
    """Room on the disk that so many values of frames take while they are prepared."""
    return values * (np.dtype(np.float32).itemsize + 2 + np.dtype(prep.float_type).itemsize)


def _check_space(part: Path, values: int, prep: PrepConfig) -> None:
    """Raises OSError when the disk can't hold the reel: writing to a memory map on a full disk kills the process."""
    needed = bytes_needed(values, prep)
    free = shutil.disk_usage(part).free
    if needed > free:
        raise OSError(
            f"{part.parent} has {free / 1e9:.3g} GB free, and prep needs {needed / 1e9:.3g} GB there; "
            "choose a smaller prep.resize or another --data-clips"
        )


def tasks_of(plan: ReelPlan, part: Path, done: set[tuple[int, int]]) -> Iterator[Task]:
    """Tasks for what is not done yet: some frames of one kind, or all of one file or group that is read in one pass."""
    items = [
        (row, channel, frame)
        for row, frames in enumerate(plan.rows)
        for channel, frame in enumerate(frames)
        if (row, channel) not in done
    ]
    groups: dict[tuple, list] = {}
    for item in items:
        candidate = item[2].candidate
        in_one_pass = sources.frame_source(candidate.kind).in_one_pass
        one_pass = (candidate.path, candidate.group) if in_one_pass else ()
        groups.setdefault((candidate.kind, *one_pass), []).append(item)
    for (kind, *one_pass), group in groups.items():
        size = len(group) if one_pass else _frames_per_task(group)
        for i in range(0, len(group), size):
            yield Task(str(part), plan.source_shape, sources.frame_source(kind), tuple(group[i : i + size]))


def _frames_per_task(group: list[tuple[int, int, Placed]]) -> int:
    """How many frames of one kind a worker is given at once: the same wherever it is asked, so that shards agree."""
    least, most = FRAMES_PER_TASK
    pixels = max(math.prod(frame.candidate.shape) for _, _, frame in group)
    return max(least, min(most, PIXELS_PER_TASK // max(1, pixels), len(group) // TASKS))
