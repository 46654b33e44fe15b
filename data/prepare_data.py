"""`prep`: sources -> reels, in two passes, resumable after a kill at any moment.

Pass 1 reads headers, accepts or rejects every frame with a reason, and so knows T. Pass 2 decodes in parallel; every
worker writes its own rows of a memory map, and a line in journal.jsonl marks a finished row. At the end the intensity
scaling is fitted once, the good rows become the reel, and the folder takes its name. While in the making a reel lives
in `.<name>.part`; the same input and settings give a byte-identical reel, killed or not.
"""

import json
import multiprocessing
import shutil
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from tqdm import tqdm

from config import Config, PrepConfig
from data import sources
from data.assemble import assemble, finish, read_journal
from data.decode import Task, run_task, scan_chunk, start_worker
from data.files import write_text
from data.plan import ReelPlan, plan_reels
from data.reel import Reel

FRAMES_PER_TASK = 4


def prep(config: Config) -> list[Path]:
    """Prepare every reel found in `config.data_raw` into `config.data_clips`; returns the reel folders.

    Raises FileNotFoundError when there is no input, ValueError when no frame can be used.
    """
    root, out = Path(config.data_raw), Path(config.data_clips)
    inputs = sources.discover(root)
    with make_executor(config.workers) as executor:
        candidates = _scan(executor, inputs, root, config.prep, config.workers)
        plans = plan_reels(candidates, config.prep)
        made = [path for plan in plans for path in [_make_reel(executor, plan, out, config)] if path]
    if not made:
        reasons = sorted({c.reason for c in candidates if c.reason})[:5]
        raise ValueError(f"none of the {len(candidates)} frames in {root} can be used; reasons: {'; '.join(reasons)}")
    return made


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
        context.set_forkserver_preload(["data.decode"])
    with ProcessPoolExecutor(workers, mp_context=context, initializer=start_worker) as executor:
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


def _scan(executor: Executor, inputs: list[sources.Input], root: Path, prep: PrepConfig, workers: int) -> list:
    chunks = [inputs[i : i + 16] for i in range(0, len(inputs), 16)]
    candidates = []
    with tqdm(total=len(inputs), desc="reading headers", unit="input") as bar:
        for found in _bounded(executor, scan_chunk, ((chunk, root, prep) for chunk in chunks), limit=4 * max(workers, 1)):
            candidates += found
            bar.update(min(16, bar.total - bar.n))
    return candidates


def _make_reel(executor: Executor, plan: ReelPlan, out: Path, config: Config) -> Path | None:
    """One reel, or None when no frame of the plan is usable. A finished reel of the same identity is kept."""
    final, part = out / plan.name, out / f".{plan.name}.part"
    identity = plan.identity(config.prep)
    if not plan.rows:
        print(f"{plan.name}: no usable frame; {len(plan.rejected)} rejected, e.g. {plan.rejected[0].reason}")
        return None
    if (final / "reel.json").is_file():
        _same_or_refuse(final, identity)
        finish(final, config)
        return final
    _decode_rows(executor, plan, part, identity, config)
    return assemble(plan, part, final, identity, config)


def _same_or_refuse(final: Path, identity: str) -> None:
    if Reel(final).meta["identity"] != identity:
        raise FileExistsError(
            f"{final} was prepared from other frames or settings; move it away, remove it, or choose another --data-clips"
        )
    print(f"{final.name}: already prepared, frames kept")


def _decode_rows(executor: Executor, plan: ReelPlan, part: Path, identity: str, config: Config) -> None:
    done = _open_part(plan, part, identity, config.prep)
    tasks = list(_tasks(plan, part, done))
    total = len(plan.rows) * len(plan.channels)
    calls = ((task, config.prep) for task in tasks)
    with (part / "journal.jsonl").open("a", encoding="utf-8", newline="\n") as journal:
        with tqdm(total=total, initial=len(done), desc=f"decoding {plan.name}", unit="frame") as bar:
            for facts in _bounded(executor, run_task, calls, limit=2 * max(config.workers, 1)):
                journal.write("".join(json.dumps(fact) + "\n" for fact in facts))
                journal.flush()
                bar.update(len(facts))


def _open_part(plan: ReelPlan, part: Path, identity: str, prep: PrepConfig) -> set[tuple[int, int]]:
    """Create or reopen the folder in the making; returns the (row, channel) pairs already decoded."""
    started = part / "identity"
    if not (started.is_file() and started.read_text(encoding="utf-8") == identity):
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        shape = (len(plan.rows), len(plan.channels), *(prep.resize or plan.source_shape))
        for name, dtype in (("decoded.npy", np.float32), ("bits.npy", np.uint8)):
            np.lib.format.open_memmap(part / name, mode="w+", dtype=dtype, shape=shape).flush()
        write_text(started, identity)
    return set(read_journal(part))


def _tasks(plan: ReelPlan, part: Path, done: set[tuple[int, int]]) -> Iterator[Task]:
    """Tasks for what is not done yet; a task holds frames of one kind, of one file where that is read in one pass."""
    items = [
        (row, channel, candidate)
        for row, candidates in enumerate(plan.rows)
        for channel, candidate in enumerate(candidates)
        if (row, channel) not in done
    ]
    groups: dict[tuple[str, str], list] = {}
    for item in items:
        candidate = item[2]
        own_file = candidate.path if candidate.kind in sources.SEQUENTIAL else ""
        groups.setdefault((candidate.kind, own_file), []).append(item)
    for (kind, _), group in groups.items():
        size = sources.SEQUENTIAL.get(kind, FRAMES_PER_TASK)
        for i in range(0, len(group), size):
            yield Task(str(part), plan.source_shape, tuple(group[i : i + size]))
