"""Evaluation by the workers of a cluster, a reel each. One that was lost is gone on with by the next one of the same
reels, model and settings: results that are there stay, as they do with shards.

Reels stay whole: joining what pieces of one have scored took longer than workers gained (docs/results/scale.md).
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

import torch

from config import Config
from data.disk.lock import FolderInUse, Owner, last_owner
from data.disk.parts import tidy
from data.frames.workers.pool import bounded, make_executor
from data.messages import logger, progress
from data.reel.reel import Reel
from inference.camera.bounds import kept_bounds
from inference.evaluate_reel import do_job
from inference.job import Job, are_there, job_within
from inference.scorers.base import Scorer
from inference.scorers.load import load_scorer

log = logger(__name__)


def do_jobs_apart(jobs: Iterable[Job], lengths: Sequence[int], config: Config, run: Path) -> list[Path]:
    """What was asked for of the reels that have no results by these settings yet; returns the folders of all results.

    What the jobs need of the run is there when they have been made, so that workers only read it.
    """
    results: list[Path] = []
    there: list[Path] = []
    owner = last_owner(run)
    with (
        make_executor(config.workers, config.cluster, str(run), config.data_clips) as workers,
        progress(total=len(lengths), desc="evaluating", unit="reel") as bar,
    ):
        tasks = (
            (config, job.run, Path(job.reel.path), job.identity["weights_sha256"], owner)
            for job in lacking(jobs, config, results, there)
        )
        for _ in bounded(workers, do_job_apart, tasks):
            bar.update()
        bar.update(len(there))
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


def do_job_apart(config: Config, run: Path, path: Path, weights: str, owner: Owner | None) -> None:
    """One reel in a worker.

    owner: of the run as it was handed out. Where the command has ended in the middle of it, a worker goes on, and its
    results must not come in the place of those of the next command, which may have other settings.
    Raises FolderInUse then.
    """
    do_job(_job_in_worker(config, run, path, weights), config, partial(must_still_own, run, owner))


def must_still_own(run: Path, owner: Owner | None) -> None:
    """Raise FolderInUse where the owner of a run has ended or another has come."""
    if (now := last_owner(run)) != owner:
        raise FolderInUse(f"{run} is no longer that of {owner}, but of {now or 'nobody'}; the results are thrown away")


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
