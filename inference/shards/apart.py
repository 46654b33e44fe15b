"""Evaluation by the workers of a cluster: a reel each, and pieces of one that is more than a worker's share.

Pieces are those of shards, as many as there were workers when the evaluation began. They are joined by one worker once
all of them are scored; those of an evaluation that was lost are taken by the next one.
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
from data.messages import progress
from data.reel.reel import Reel
from inference.camera.bounds import kept_bounds
from inference.evaluate_reel import do_job
from inference.job import Job, job_within
from inference.scorers.base import Scorer
from inference.scorers.load import load_scorer
from inference.shards.pieces import joined, score_piece
from inference.shards.plan import Piece, is_cut, pieces_of

Call = tuple[Config, Path, Path, str]  # config, run, reel, digest of the weights


def do_jobs_apart(jobs: Iterable[Job], lengths: Sequence[int], config: Config, run: Path) -> list[Path]:
    """What was asked for; returns the folders of results.

    What the jobs need of the run is there when they have been made, so that workers only read it.
    """
    results: list[Path] = []
    with (
        make_executor(config.workers, config.cluster, str(run), config.data_clips) as workers,
        progress(total=len(lengths), desc="evaluating", unit="reel") as bar,
    ):
        parts, to_join = workers.count(), []
        tasks = tasks_of(noted(jobs, results), sum(lengths), parts, config, to_join)
        for reels in bounded(workers, operator.call, tasks):
            bar.update(reels)
        for reels in bounded(workers, do_job_apart, to_join):
            bar.update(reels)
    remove_pieces(run, parts, to_join)
    tidy(run / "eval")  # what workers that died have left
    return results


def noted(jobs: Iterable[Job], results: list[Path]) -> Iterator[Job]:
    """The jobs, while their folders of results are added to a list."""
    for job in jobs:
        results.append(job.out)
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


def remove_pieces(run: Path, parts: int, calls: Iterable[Call]) -> None:
    """Pieces of reels whose results are there; those of shards that run meanwhile stay."""
    for shard in (Shard(i, parts) for i in range(1, parts + 1)):
        folder = shard.folder(run / "eval")
        for _, _, path, _ in calls:
            shutil.rmtree(folder / Reel(path).name, ignore_errors=True)
        for place in (folder, folder.parent):
            with suppress(OSError):  # there is none, or others use it
                place.rmdir()
