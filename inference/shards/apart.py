"""Evaluation by the workers of a cluster: a reel each, and pieces of one that is more than a worker's share.

Pieces are those of shards, as many as there were workers when the evaluation began. They are joined by one worker once
all of them are scored. An evaluation that was lost is gone on with by the next one of the same reels, model and
settings: results and pieces that are there stay, as they do with shards.
"""

import operator
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import torch

from config import Config
from data.disk.parts import tidy
from data.frames.pool import bounded, make_executor
from data.frames.shards import Shard
from data.messages import logger, progress
from data.reel.reel import Reel
from inference.camera.bounds import kept_bounds
from inference.evaluate_reel import do_job
from inference.job import Job, are_there, job_within
from inference.scorers.base import Scorer
from inference.scorers.load import load_scorer
from inference.shards.pieces import joined, score_piece
from inference.shards.plan import Piece, is_cut, pieces_of

log = logger(__name__)

Call = tuple[Config, Path, Path, str]  # config, run, reel, digest of the weights


def do_jobs_apart(jobs: Iterable[Job], lengths: Sequence[int], config: Config, run: Path) -> list[Path]:
    """What was asked for of the reels that have no results by these settings yet; returns the folders of all results.

    What the jobs need of the run is there when they have been made, so that workers only read it.
    """
    results: list[Path] = []
    there: list[Path] = []
    with (
        make_executor(config.workers, config.cluster, str(run), config.data_clips) as workers,
        progress(total=len(lengths), desc="evaluating", unit="reel") as bar,
    ):
        parts, to_join = workers.count(), []
        tasks = tasks_of(lacking(jobs, config, results, there), sum(lengths), parts, config, to_join)
        for reels in bounded(workers, operator.call, tasks):
            bar.update(reels)
        bar.update(len(there))
        for reels in bounded(workers, do_job_apart, to_join):
            bar.update(reels)
    remove_pieces(run, parts, [Reel(path).name for _, _, path, _ in to_join] + [path.name for path in there])
    tidy(run / "eval")  # what workers that died have left
    return results


def lacking(jobs: Iterable[Job], config: Config, results: list[Path], there: list[Path]) -> Iterator[Job]:
    """The jobs that are to be done, all of them where movies are drawn again; all folders of results are added to one
    list, those that are left as they are to another.
    """
    for job in jobs:
        results.append(job.out)
        if not config.eval.movie_only and are_there(job, config):
            there.append(job.out)
            log.info(f"{job.reel.name}: its results are there")
        else:
            yield job


def tasks_of(jobs: Iterable[Job], frames: int, parts: int, config: Config, to_join: list[Call]) -> Iterator[tuple]:
    """(function, arguments ...) of every reel or piece; calls for reels that are to be joined are added to a list.

    frames: of all reels together.
    """
    for job in jobs:
        call = config, job.run, Path(job.reel.path), job.identity["weights_sha256"]
        if config.eval.movie_only or not is_cut(job.reel, frames, job.scorer, parts, job.settings):
            yield do_job_apart, *call
            continue
        to_join.append(call)
        shares = enumerate(pieces_of(job.reel, job.scorer, parts, job.settings), 1)
        yield from ((score_apart, *call, piece, Shard(i, parts)) for i, share in shares for piece in share)


def score_apart(config: Config, run: Path, path: Path, weights: str, piece: Piece, shard: Shard) -> int:
    """One piece in a worker; returns how many reels are done by that, none."""
    score_piece(_job_in_worker(config, run, path, weights), piece, shard)
    return 0


def do_job_apart(config: Config, run: Path, path: Path, weights: str) -> int:
    """One reel in a worker, of its pieces where all are there; returns how many reels are done by that, one."""
    job = _job_in_worker(config, run, path, weights)
    do_job(job if config.eval.movie_only else joined(job) or job, config)
    return 1


def _job_in_worker(config: Config, run: Path, path: Path, weights: str) -> Job:
    """On one thread: sums over several depend on how many there are. Who hands out has told what is to be told."""
    torch.set_num_threads(1)
    key = run, weights, config.device, repr(config.eval)
    if key not in _OPENED:
        _OPENED.clear()
        _OPENED[key] = load_scorer(run, config.device, config.eval)[0]
    reel, scorer = Reel(path), _OPENED[key]
    bounds = kept_bounds(run, reel.channels, scorer.scaling)
    return job_within(bounds, reel, run, scorer, weights, config.eval)


_OPENED: dict[tuple, Scorer] = {}  # of a worker: the scorer of its last task, which most often is that of the next


def remove_pieces(run: Path, parts: int, names: Sequence[str]) -> None:
    """Pieces of reels, named, whose results are there; those of shards that run meanwhile stay."""
    for shard in (Shard(i, parts) for i in range(1, parts + 1)):
        folder = shard.folder(run / "eval")
        for name in names if folder.is_dir() else ():
            shutil.rmtree(folder / name, ignore_errors=True)
        for place in (folder, folder.parent):
            with suppress(OSError):  # there is none, or others use it
                place.rmdir()
