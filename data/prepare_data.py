"""`prep`: sources -> reels, in two passes, resumable after a kill at any moment.

Pass 1 reads headers, accepts or rejects every frame with a reason, and so knows T. Pass 2 decodes in parallel; every
worker writes its own rows of a memory map, and a line in journal.jsonl marks a finished row. At the end the intensity
scaling is fitted once, the good rows become the reel, and the folder takes its name. While in the making a reel lives
in `.<name>.part`; the same input and settings give a byte-identical reel, killed or not.
"""

import math
import multiprocessing
import shutil
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from config import Config, PrepConfig
from data import sources
from data.disk.files import write_meta, write_text
from data.disk.lock import owned
from data.failures import worker_died
from data.frames.assemble import Given, assemble, finish, fit_rows, making_folder, read_given, take_names
from data.frames.decode import Task, run_task, scan_chunk, start_worker
from data.frames.frame_table import rejected_path, why_nothing_is_made, write_rejected
from data.frames.journal import PIXELS, Journal, read_journal
from data.frames.plan import ReelPlan, plan_reels
from data.frames.stale import Record, changed, digests, doubtful, read_record, record_of, write_record
from data.messages import logger, progress, shown
from data.reel.reel import Reel
from data.series.light_curves import light_curves, video_reels
from data.series.prepare_series import assemble_series, complete, identity_of, names_for, read_all
from data.sources.archive_file.inner import is_inner, unpack
from data.sources.base import LEVEL, Candidate, Found, Input, Series

log = logger(__name__)

UNPACKED = ".unpacked"  # in config.data_clips: what was in archives, while it is read
DEEPEST = 3  # archives in archives
FRAMES_PER_TASK, INPUTS_PER_TASK = 4, 16
Failures = list[tuple[str, Exception]]  # the name of a reel that could not be made, and what stood against it
NAMED_TOGETHER = 64  # series whose files are brought to the disk together: one by one takes longer than making them
MOST_PAGES = 32  # series of one run whose summary.png are drawn: a page takes longer than the rest of a short series


def prep(config: Config) -> list[Path]:
    """Prepare every reel found in `config.data_raw` into `config.data_clips`; returns the reel folders.

    With `prep.source: vso` the frames are downloaded there first; with `prep.light_curves` the input is prepared reels.
    Raises FileNotFoundError when there is no input, ValueError when no frame can be used, or, once all the others are
    made, when a reel could not be, and OSError when wanted frames could not be had or another process writes there.
    """
    with owned(config.data_clips, "prep", "choose another --data-clips"):
        return _prep(config)


def _prep(config: Config) -> list[Path]:
    if config.prep.light_curves:
        return _light_curve_reels(config)
    unpacked = Path(config.data_clips, UNPACKED)
    shutil.rmtree(unpacked, ignore_errors=True)  # of a run that was killed
    try:
        return _prep_files(config, unpacked)
    finally:
        shutil.rmtree(unpacked, ignore_errors=True)


def _prep_files(config: Config, unpacked: Path) -> list[Path]:
    not_had = ""
    if config.prep.source == "vso":
        from data.download.vso import fetch  # local prep does not wait for network libraries

        with owned(config.data_raw, "prep that downloads", "choose another --data-raw"):
            not_had = fetch(config)
    root, out, given = Path(config.data_raw), Path(config.data_clips), read_given(config.prep)
    try:
        with make_executor(config.workers) as executor:
            headers = first_pass(executor, config, unpacked)
            made, failed = _make_reels(executor, headers.plans, given, out, config)
    except BrokenExecutor as error:
        raise OSError(worker_died(error)) from error
    found, no_series = read_all(headers.inputs.series, root, config.prep)
    series = _make_series(found, {plan.name for plan in headers.plans}, given, out, config)
    made, failed = made + series[0], failed + series[1]
    _refuse(failed, len(headers.plans) + len(found))
    if not made:
        if no_series and not headers.candidates:
            raise ValueError("; ".join(no_series[:5]))
        names = [plan.name for plan in headers.plans]
        tables = [rejected_path(out / name) for name in [*names, *names_for(found, set(names))]]
        raise ValueError(why_nothing_is_made(root, tables))
    if not_had:
        raise OSError(f"{len(made)} reels are made without them (to be moved away before others can be), but {not_had}")
    return made


@dataclass(frozen=True)
class FirstPass:
    """What the headers tell: the files, every frame that was met in them, and what each reel of frames will hold."""

    inputs: Found
    candidates: list[Candidate]
    plans: list[ReelPlan]


def first_pass(executor: Executor, config: Config, unpacked: Path) -> FirstPass:
    """Read the headers of everything in `config.data_raw`. Raises FileNotFoundError when there is no input.

    unpacked: an empty folder, or none yet, for what lies in archives and is read from files.
    """
    root = Path(config.data_raw)
    inputs = sources.discover(root)
    if told := sources.left_out(inputs.unread):
        log.warning(told)
    candidates = _scan(executor, inputs.frames, root, config)
    for depth in range(DEEPEST):
        packed = [candidate for candidate in candidates if is_inner(candidate)]
        if packed:
            candidates = [candidate for candidate in candidates if not is_inner(candidate)]
            candidates += _inner(executor, packed, Path(unpacked, str(depth)), inputs, config)
    return FirstPass(inputs, candidates, plan_reels(candidates, config.prep))


def _inner(executor: Executor, packed: list[Candidate], folder: Path, inputs: Found, config: Config) -> list[Candidate]:
    """The candidates of members of archives, once unpacked; their series are put among the `inputs`."""
    folder.mkdir(parents=True)
    refused = unpack(packed, sources.archives(), folder, config.prep)
    try:
        found = sources.discover(folder)
    except FileNotFoundError:
        known = {candidate.place for candidate in refused}
        reason = "unpacked, and of no kind that is read"
        return refused + [replace(c, reason=reason) for c in packed if c.place not in known]
    if told := sources.left_out(found.unread):
        log.warning(f"in archives, {told}")
    inputs.series.extend(found.series)
    return refused + _scan(executor, found.frames, folder, config)


def _refuse(failed: Failures, total: int) -> None:
    if not failed:
        return
    error = failed[0][1]
    if len(failed) == 1 and isinstance(error, OSError):  # of a disk or a name, which says what to do by its kind
        raise error
    listing = "\n".join(f"{name}: {error}" for name, error in failed)
    raise ValueError(f"{len(failed)} of {total} reels could not be made, the others were:\n{listing}")


@contextmanager
def make_executor(workers: int) -> Iterator[Executor]:
    """The pool behind one seam: anything with `concurrent.futures.Executor`'s interface can take its place."""
    if workers <= 1:
        with _Inline() as executor:
            yield executor
        return
    methods = multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
    if "forkserver" in methods:
        context.set_forkserver_preload(["data.frames.decode"])
    with ProcessPoolExecutor(workers, mp_context=context, initializer=start_worker, initargs=(shown(),)) as executor:
        yield executor


class _Inline(Executor):
    """Runs each task at once in this process: one worker needs no second one."""

    def submit(self, fn, /, *args, **kwargs) -> Future:
        future: Future = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


def _bounded(executor: Executor, fn, argument_lists: Iterable[tuple], limit: int) -> Iterator:
    """Results as they come, with at most `limit` tasks under way, so that memory does not grow with their number."""
    pending: set[Future] = set()
    for arguments in argument_lists:
        pending.add(executor.submit(fn, *arguments))
        if len(pending) >= limit:
            done, pending = wait(pending, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in done)
    while pending:
        done, pending = wait(pending, return_when=FIRST_COMPLETED)
        yield from (future.result() for future in done)


def _scan(executor: Executor, inputs: list[Input], root: Path, config: Config) -> list[Candidate]:
    chunks = [inputs[i : i + INPUTS_PER_TASK] for i in range(0, len(inputs), INPUTS_PER_TASK)]
    calls = ((chunk, root, config.prep) for chunk in chunks)
    candidates = []
    with progress(total=len(inputs), desc="reading headers", unit="input") as bar:
        for found in _bounded(executor, scan_chunk, calls, limit=4 * max(config.workers, 1)):
            candidates += found
            bar.update(min(INPUTS_PER_TASK, bar.total - bar.n))
    return candidates


def _make_reels(
    executor: Executor, plans: list[ReelPlan], given: Given, out: Path, config: Config
) -> tuple[list[Path], Failures]:
    """The reels that could be made, and for each other one what stood against it."""
    made, failed = [], []
    for plan in plans:
        try:
            path = _make_reel(executor, plan, given, out, config)
        except (ValueError, OSError) as error:  # of a full disk or a name too: the others may still be made
            failed.append((plan.name, error))
            continue
        if path:
            made.append(path)
    return made, failed


def _class_of(plan: ReelPlan) -> dict[str, str]:
    """For reel.json: the class of a reel, the folder that all its files lie in, or the folder of their folder of
    images.
    """
    frames = [frame.candidate for row in plan.rows for frame in row]
    places = {Path(c.path if c.is_counts else c.home).resolve().parent.name for c in frames}
    if len(places) > 1:
        log.warning(f"{plan.name}: its files lie in {len(places)} folders, so it has no class")
        return {}
    return {"class": places.pop()}


def _note(folder: Path, facts: dict[str, str]) -> None:
    """Have facts in the reel.json of a finished reel."""
    meta = Reel(folder).meta
    if meta | facts != meta:
        write_meta(folder, meta | facts)


def _make_series(found: list[Series], taken: set[str], given: Given, out: Path, config: Config):
    """The reels of series that could be made, and for each other one what stood against it."""
    made, failed, unnamed = [], [], []
    with_pages = len(found) <= MOST_PAGES
    if not with_pages:
        log.info(f"{len(found)} series are more than {MOST_PAGES}: their reels get no summary.png")
    pairs = zip(found, names_for(found, taken), strict=True)
    try:
        for series, name in progress(pairs, total=len(found), desc="making series", disable=with_pages):
            final = out / name
            try:
                if final.exists():
                    same_or_refuse(final, identity_of(series, given, config.prep))
                    if config.prep.verify:
                        Reel(final).check_all()
                    complete(final, config, with_pages)
                elif making := assemble_series(series, given, final, config, with_pages):
                    unnamed.append((making, final))
                else:
                    continue
                made.append(final)
            except (ValueError, OSError) as error:
                failed.append((name, error))
            if len(unnamed) == NAMED_TOGETHER:
                take_names(unnamed)
                unnamed.clear()
    finally:  # interrupted too: what is finished is kept
        take_names(unnamed)
    return made, failed


def _light_curve_reels(config: Config) -> list[Path]:
    """The series of the prepared reels in `config.data_raw`; their times and gaps stay as they are there."""
    settings = config.prep.light_curves
    assert settings is not None  # this is asked for by them
    given, out = read_given(config.prep), Path(config.data_clips)
    made: list[Path] = []
    failed, reels = [], video_reels(config.data_raw)
    for reel in reels:
        try:
            series = light_curves(reel, settings)
        except ValueError as error:
            failed.append((reel.name, error))
            continue
        steps = {"sample_interval_sec": reel.cadence_s, "gap_threshold": reel.meta["gap_threshold"]}
        as_there = replace(config, prep=replace(config.prep, **steps))
        new, not_made = _make_series([series], {path.name for path in made}, given, out, as_there)
        made, failed = made + new, failed + not_made
    _refuse(failed, len(reels))
    return made


def _make_reel(executor: Executor, plan: ReelPlan, given: Given, out: Path, config: Config) -> Path | None:
    """One reel, or None when no frame of the plan is usable. A finished reel of the same identity is kept."""
    final, part, root = out / plan.name, out / f".{plan.name}.part", Path(config.data_raw)
    if not plan.rows:
        write_rejected(plan, final)
        return None
    identity = plan.identity(config.prep, asdict(given))
    more = _class_of(plan) if config.prep.classes else {}
    if final.exists():
        same_or_refuse(final, identity)
        if config.prep.verify or doubtful(plan, final, root):
            _verify(executor, plan, final, config)
        _note(final, more)
        for leftover in (part, making_folder(final)):  # of a run that was killed at its very end
            shutil.rmtree(leftover, ignore_errors=True)
        finish(final, config)
        return final
    if plan.unit(config.prep) != LEVEL and not set(plan.channels) <= set(given.stretches):
        fit_rows(plan, list(range(len(plan.rows))), config.prep)  # fails now rather than after the decoding
    _decode_rows(executor, plan, part, identity, config)
    return assemble(plan, given, part, final, identity, config, more)


def same_or_refuse(final: Path, identity: str) -> None:
    """Say that a finished reel of the same identity is kept. Raises FileExistsError for anything else in its place."""
    if not (final / "reel.json").is_file():
        raise FileExistsError(f"{final} is in the way and no reel; move it away, or choose another --data-clips")
    if Reel(final).meta["identity"] != identity:
        raise FileExistsError(
            f"{final} was prepared from other frames or settings; "
            "move it away, remove it, or choose another --data-clips"
        )
    log.info(f"{final.name}: already prepared, frames kept")


def _verify(executor: Executor, plan: ReelPlan, final: Path, config: Config) -> None:
    """Compare a finished reel with the files it was made of: those changed since, with prep.verify all, and its own.

    Raises FileExistsError where a frame is another one now, Damaged where the reel is not what prep wrote.
    """
    reel, root = Reel(final), Path(config.data_raw)
    if config.prep.verify:
        reel.check_all()
    record, paths = record_of(plan, root), doubtful(plan, final, root)
    items = [(row, c, frame) for row, frames in enumerate(plan.rows) for c, frame in enumerate(frames)]
    beyond = set() if config.prep.verify else {(r, c) for r, c, f in items if f.candidate.path not in paths}
    calls = ((task,) for task in _tasks(plan, final, beyond))
    other: list[str] = []
    with progress(total=len(items) - len(beyond), desc=f"verifying {plan.name}", unit="frame") as bar:
        for found in _bounded(executor, digests, calls, limit=2 * max(config.workers, 1)):
            other += changed(plan, reel, found)
            bar.update(len(found))
    if other:
        raise FileExistsError(
            f"{final} was prepared from other content: {len(other)} of its frames have changed since, the first is "
            f"{min(other)}; move it away, remove it, or choose another --data-clips"
        )
    write_record(final, record)
    log.info(f"{plan.name}: {len(items) - len(beyond)} frames were read again and are the same")


def _decode_rows(executor: Executor, plan: ReelPlan, part: Path, identity: str, config: Config) -> None:
    done = _open_part(plan, part, identity, config.prep, record_of(plan, Path(config.data_raw)))
    tasks = list(_tasks(plan, part, done))
    total = len(plan.rows) * len(plan.channels)
    calls = ((task, config.prep) for task in tasks)
    with (
        Journal(part) as journal,
        progress(total=total, initial=len(done), desc=f"decoding {plan.name}", unit="frame") as bar,
    ):
        for facts in _bounded(executor, run_task, calls, limit=2 * max(config.workers, 1)):
            journal.add(facts)
            bar.update(len(facts))


def _open_part(plan: ReelPlan, part: Path, identity: str, prep: PrepConfig, record: Record) -> set[tuple[int, int]]:
    """Create or reopen the folder in the making; returns the (row, channel) pairs already decoded."""
    started = part / "identity"
    is_same = started.is_file() and started.read_text(encoding="utf-8") == identity
    if not is_same or read_record(part) != record:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        shape = plan.stored_shape(prep)
        _check_space(part, math.prod(shape), prep)
        for name, dtype in zip(PIXELS, (np.float32, np.uint8), strict=True):
            np.lib.format.open_memmap(part / name, mode="w+", dtype=dtype, shape=shape).flush()
        write_record(part, record)
        write_text(started, identity, durable=True)
    return set(read_journal(part))


def bytes_needed(values: int, prep: PrepConfig) -> int:
    """Room on the disk that so many values of frames take while they are prepared."""
    return values * (np.dtype(np.float32).itemsize + 2 + np.dtype(prep.precision).itemsize)


def _check_space(part: Path, values: int, prep: PrepConfig) -> None:
    """Raises OSError when the disk can't hold the reel: writing to a memory map on a full disk kills the process."""
    needed = bytes_needed(values, prep)
    free = shutil.disk_usage(part).free
    if needed > free:
        raise OSError(
            f"{part.parent} has {free / 1e9:.3g} GB free, and prep needs {needed / 1e9:.3g} GB there; "
            "choose a smaller prep.resize or another --data-clips"
        )


def _tasks(plan: ReelPlan, part: Path, done: set[tuple[int, int]]) -> Iterator[Task]:
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
        size = len(group) if one_pass else FRAMES_PER_TASK
        for i in range(0, len(group), size):
            yield Task(str(part), plan.source_shape, sources.frame_source(kind), tuple(group[i : i + size]))
