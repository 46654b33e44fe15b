"""A fleet is a folder of runs, one a reel, which is its member.

config.yaml              the settings that all members are trained with
members/<reel>/          the run of a reel, as any other; with done.json once it is trained and calibrated
trained.csv              one row a reel that was to be trained on
results.csv index.html   one row a reel that was evaluated last; results and report lie in members/<reel>/eval/<reel>/

A member is known by the name of its reel's folder. What ends one member ends no other: its row says why.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import BrokenExecutor
from contextlib import AbstractContextManager, contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

import torch

from config import Config
from data.disk.lock import owned
from data.failures import told_failure, worker_died
from data.frames.workers.pool import make_executor, settled
from data.messages import amount, gathered, logger, progress
from training.run import RUNS

log = logger(__name__)

MEMBERS, DONE, TRAINED, RESULTS = "members", "done.json", "trained.csv", "results.csv"
FAILED = "failed"
DIED = "ended the process that worked on it"
MOST_DEATHS = 16  # without a single task that ended: then it is not the reels
PRELOAD = "inference.fleet.evaluate"  # which takes seconds
IN_USE = "give another --model-path: a copy of a fleet is a fleet"

WAIT_S = 6 * 3600.0  # at most, for a worker that is still at a member for a command that was killed

Row = dict[str, Any]
Task = Callable[[Config, Path, Path], Row]  # config, fleet, reel


def is_fleet(folder: Path) -> bool:
    """Whether a folder holds a fleet, whole or begun."""
    return (folder / MEMBERS).is_dir()


def find_fleet(config: Config) -> Path | None:
    """The fleet that a config names, or the newest in runs/ where it asks for one without a name; None of none."""
    if config.model_path:
        return Path(config.model_path) if is_fleet(Path(config.model_path)) else None
    found = [path.parent for path in RUNS.glob(f"*/{MEMBERS}")] if config.train.each_reel else []
    return max(found, key=lambda path: path.stat().st_mtime_ns, default=None)


def member_of(fleet: Path, reel: Path) -> Path:
    """The run folder of a reel."""
    return fleet / MEMBERS / reel.name


def owned_member(fleet: Path, reel: Path, mode: str) -> AbstractContextManager[None]:
    """Own the run of a reel: a worker may still be at it for a command that was killed, and is waited for."""
    return owned(member_of(fleet, reel), mode, IN_USE, WAIT_S)


def rows_of(task: Task, config: Config, fleet: Path, reels: Sequence[Path], doing: str) -> list[Row]:
    """What a task tells of every reel, by name; the reels are spread over the workers of the config.

    A reel that ends the process it is worked on in is a row that failed; those that were under way beside it are done
    again. Raises OSError where no process lives long enough to end a first task.
    """
    rows: dict[Path, Row] = {}
    with progress(total=len(reels), desc=doing, unit="reel") as bar:
        while left := [reel for reel in reels if reel not in rows]:
            for reel, row in chain(_together(task, config, fleet, left), _alone(task, config, fleet, left, rows)):
                rows[reel] = row
                bar.update()
    return sorted(rows.values(), key=lambda row: row["reel"])


def _workers(config: Config, fleet: Path, count: int):
    return make_executor(count, config.cluster, str(fleet), config.data_clips, preload=PRELOAD)


def _together(task: Task, config: Config, fleet: Path, reels: Sequence[Path]) -> Iterator[tuple[Path, Row]]:
    """Rows as they come, until a process of this machine dies."""
    try:
        with _workers(config, fleet, config.workers) as workers:
            for (_, _, reel), future in settled(workers, task, ((config, fleet, reel) for reel in reels)):
                error = future.exception()
                if error is not None and workers.died_of(error):
                    yield reel, _lost(reel, error)
                else:
                    yield reel, future.result()
    except BrokenExecutor:
        return


def _alone(
    task: Task, config: Config, fleet: Path, reels: Sequence[Path], rows: Mapping[Path, Row]
) -> Iterator[tuple[Path, Row]]:
    """Where processes died: of the next reels as many as were under way, each in a process of its own."""
    for reel in [reel for reel in reels if reel not in rows][: 2 * config.workers]:
        try:
            with _workers(config, fleet, 2) as workers:  # with one it would be this process
                yield reel, workers.submit(task, config, fleet, reel).result()
        except BrokenExecutor as error:
            if len(rows) >= MOST_DEATHS and all(row.get("reason", "").startswith(DIED) for row in rows.values()):
                raise OSError(worker_died(error)) from error
            yield reel, _lost(reel, error)


def _lost(reel: Path, error: BaseException) -> Row:
    why = worker_died(error).partition("; run the same command")[0]
    return {"reel": reel.name, "status": FAILED, "reason": f"{DIED}: {why}", "warnings": ""}


def attempted(reel: Path, status: str, do: Callable[[], Row]) -> Row:
    """The row of a reel: what `do` tells of it and its warnings, or why it failed."""
    with one_thread(), gathered() as warnings:
        try:
            row = {"status": status} | do()
        except Exception as error:  # whatever it is, the others go on
            row = {"status": FAILED, "reason": " ".join(told_failure(error)[0].removeprefix("error: ").split())}
    return {"reel": reel.name, "reason": "", **row, "warnings": "; ".join(dict.fromkeys(warnings))}


@contextmanager
def one_thread() -> Iterator[None]:
    """As small models are fastest, and have the same bits wherever they are trained: sums over several threads depend
    on how many there are.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def tell(rows: list[Row], what: str, table: Path) -> None:
    """Say how many were done and how many failed. Raises ValueError where all did."""
    failed = [row for row in rows if row["status"] == FAILED]
    first = f"{failed[0]['reel']}: {failed[0]['reason']}" if failed else ""
    if len(failed) == len(rows):
        raise ValueError(f"none of {len(rows)} reels could be {what} ({table} says why of each); {first}")
    log.info(f"{len(rows) - len(failed)} of {amount(len(rows), 'reel')} {what}")
    if failed:
        log.warning(f"{len(failed)} failed, {table} says why of each; {first}")
