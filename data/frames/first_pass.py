"""Pass 1 of prep: the headers of everything there is, in archives too, and what each reel of frames will hold."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from config import Config, PrepConfig
from data.frames.plan import ReelPlan, plan_reels
from data.frames.sharing.headers import SharedHeaders
from data.frames.workers.apart import scan_apart
from data.frames.workers.decode import scan_chunk
from data.frames.workers.pool import Workers, bounded
from data.messages import logger, progress
from data.sources import all_kinds as sources
from data.sources.archive_file.inner import is_inner, is_whole, unpack
from data.sources.base import Candidate, Found, Input
from data.sources.fits_file.untimed import with_times

log = logger(__name__)

DEEPEST = 3  # archives in archives
INPUTS_PER_TASK = 16


@dataclass(frozen=True)
class FirstPass:
    """What the headers tell: the files, every frame that was met in them, and what each reel of frames will hold."""

    inputs: Found
    candidates: list[Candidate]
    plans: list[ReelPlan]


def first_pass(workers: Workers, config: Config, unpacked: Path, shared: SharedHeaders | None = None) -> FirstPass:
    """Read the headers of everything in `config.data_raw`. Raises FileNotFoundError when there is no input.

    unpacked: an empty folder, or none yet, for what lies in archives and is read from files. shared: headers that
    others have read, and are to have.
    """
    root = Path(config.data_raw)
    inputs = sources.discover(root)
    if told := sources.left_out(inputs.unread):
        log.warning(told)
    candidates = _scan(workers, inputs.frames, root, config, shared)
    for depth in range(DEEPEST):
        packed = [candidate for candidate in candidates if is_inner(candidate)]
        if packed:
            candidates = [candidate for candidate in candidates if not is_inner(candidate)]
            candidates += _inner(workers, packed, Path(unpacked, str(depth)), inputs, config)
    candidates = with_times(candidates, config.prep)
    return FirstPass(inputs, candidates, plan_reels(candidates, config.prep))


def _inner(workers: Workers, packed: list[Candidate], folder: Path, inputs: Found, config: Config) -> list[Candidate]:
    """The candidates of members of archives, once unpacked; their series are put among the `inputs`."""
    folder.mkdir(parents=True)
    refused = unpack(packed, sources.archives(), folder, config.prep)
    try:
        found = sources.discover(folder)
    except FileNotFoundError:
        known = {candidate.place for candidate in refused}
        reason = "unpacked, and of no kind that is read"
        return refused + [replace(c, reason=reason) for c in packed if c.place not in known and is_whole(c)]
    if told := sources.left_out(found.unread):
        log.warning(f"in archives, {told}")
    inputs.series.extend(found.series)
    return refused + _scan(workers, found.frames, folder, config)


def _scan(
    workers: Workers, inputs: list[Input], root: Path, config: Config, shared: SharedHeaders | None = None
) -> list[Candidate]:
    """The candidates of inputs, in the order of these."""
    chunks = [inputs[i : i + INPUTS_PER_TASK] for i in range(0, len(inputs), INPUTS_PER_TASK)]
    found: dict[int, list[Candidate]] = {}

    def unread() -> Iterator[tuple[int, list[Input]]]:
        """Looked at when a worker is free, so that what others read meanwhile is not read again."""
        for i in shared.in_turn(len(chunks)) if shared else range(len(chunks)):
            known = shared.read(chunks[i], root, config.prep) if shared else None
            if known is None:
                yield i, chunks[i]
            else:
                found[i] = known
                bar.update(len(chunks[i]))

    scan = scan_apart if config.cluster else scan_chunk
    with progress(total=len(inputs), desc="reading headers", unit="input") as bar:
        for i, candidates in bounded(workers, partial(_numbered, scan, root, config.prep), unread(), each=4):
            found[i] = candidates
            bar.update(len(chunks[i]))
            if shared:
                shared.keep(chunks[i], root, config.prep, candidates)
    return [candidate for i in range(len(chunks)) for candidate in found[i]]


def _numbered(scan: Callable, root: Path, prep: PrepConfig, number: int, items: list[Input]):
    """What a scan finds, with the number of its inputs: tasks come back in any order."""
    return number, scan(items, root, prep)
