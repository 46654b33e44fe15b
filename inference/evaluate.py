"""`eval`: a trained model and any reel -> scores, boxes, events, pictures and a movie, as one stream over the frames.

Results of a reel lie in `<run>/eval/<reel>/`:

    scores.csv  boxes.csv  events.csv  events.json  summary.json  timeline.png  anomaly.mp4  report.html
    scores.f16  the score maps, which --movie_only draws again without the model

and <run>/eval/events_joint.csv and joint/event_<n>.png of several wavelengths of the Sun together.

They are made in a hidden folder beside, which takes the place of the former ones when all is there: a kill, an error or
a full disk leaves the former ones. Files that eval did not make stay.
"""

import shutil
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from config import Config, EvalConfig, load
from config.of_inputs import kinds_of, of_no_use
from config.paths import not_there
from data.disk.lock import owned
from data.frames.sharing.shard import SHARDS, Shard
from data.messages import amount, logger
from data.reel.reel import Reel, reel_paths
from inference.evaluate_reel import do_job
from inference.events.sky import Sky
from inference.fit import complete
from inference.job import Job, are_there, find_run, make_job
from inference.scorers.load import load_scorer
from inference.scorers.reels import checked_reels
from inference.shards.apart import do_jobs_apart
from inference.shards.pieces import joined, score_piece
from inference.shards.plan import of_shard, pieces_of
from inference.solar.joint import channels_beside, write_joint
from training.run import owned_run, read_metrics, read_run

log = logger(__name__)

DoJobs = Callable[
    [Iterable[Job], Sequence[int], Config, Path], list[Path]
]  # jobs, frames of each, config, run -> folders
CALIBRATION_S = 6 * 3600.0  # that a shard waits at most for another one which calibrates


def evaluate(config: Config, do: DoJobs | None = None) -> list[Path]:
    """Evaluate every reel in `config.data_clips` with a run's best model; returns the folders of results.

    do: how its jobs are done, for callers who know better than the config.
    The model's own settings come from the run, never from `config`. Raises FileNotFoundError without run or reel,
    ValueError when the reel does not fit the model, FolderInUse while another process works with the run.
    """
    run = find_run(config)
    check_facts(run)
    if do is None:
        look_before(config.eval, config.data_clips)
    if config.shard:
        return evaluate_shard(config, run)
    with owned_run(run, "eval"):
        return _evaluate(config, run, do or ways_of(config), complete(run, config.device))


def look_before(settings: EvalConfig, clips: str) -> None:
    """Raise ValueError for a setting that names what is not there; tell of those that none of the reels has a use for.

    Before any work, and once for all reels.
    """
    if missing := not_there("eval", settings):
        raise ValueError(missing[0])
    if told := of_no_use_to(settings, clips):
        log.warning(told)


def of_no_use_to(settings: EvalConfig, clips: str) -> str:
    """A line on settings of eval that none of the reels in a folder has a use for; "" without any."""
    return of_no_use("eval", settings, (kinds_of(Reel(path).is_series) for path in reel_paths(clips)))


def ways_of(config: Config) -> DoJobs:
    """How the jobs of a config are done."""
    return there_already if config.join else do_jobs_apart if config.cluster else do_jobs


def _evaluate(config: Config, run: Path, do: DoJobs, checkpoint: dict[str, Any]) -> list[Path]:
    scorer, _ = load_scorer(run, config.device, config.eval, checkpoint)
    if (written := scorer.judge_windows(config, run, checkpoint["data"])) is not None:
        return written
    beside = channels_beside(config.eval.joint)
    reels = checked_reels(config.data_clips, scorer, checkpoint["data"], config.eval)
    tell_unplaced((reel.closed() for reel in reels), config.eval)
    told = set[str]()
    jobs = (make_job(reel.closed(), run, scorer, checkpoint["sha256"], config.eval, told) for reel in reels)
    results = do(jobs, list(map(len, reels)), config, run)
    if joined_up := write_joint(run / "eval", (reel.closed() for reel in reels), results, beside):
        from inference.results.side_by_side import draw_side_by_side  # late: only several wavelengths need it

        draw_side_by_side(run / "eval", *joined_up)
    return results


def tell_unplaced(reels: Iterable[Reel], settings: EvalConfig) -> None:
    """Warn of pictures that tell no place on the Sun, where events are joined by arcsec there."""
    if not settings.group_distance_arcsec:
        return
    unplaced = [reel.name for reel in reels if not reel.is_series and Sky.of(reel) is None]
    if unplaced:
        log.warning(
            f"{amount(len(unplaced), 'reel')} ({unplaced[0]}{', ...' * (len(unplaced) > 1)}) without place on the Sun: "
            "nothing is joined within eval.group_distance_arcsec, so remote parts of a flare are events of their own, "
            "nothing turns with the Sun, and no event has a kind. Where they show its disc, set prep.sky "
            "(pixel_arcsec, disc_centre_px) and prepare again; eval.group_distance_arcsec=0 of a map of longitudes, a "
            "field of many degrees, and where no Sun is shown"
        )


def evaluate_shard(config: Config, run: Path) -> list[Path]:
    """Evaluate every n-th of the reels, the longest first, but those whose results by these settings are there; of a
    reel that is more than a shard's share, score a part of its timeline (`inference.shards.plan`).

    Other shards work with the run at the same time: it is owned for as long as a calibration takes.
    Raises ValueError where a cluster is asked for too, or the model judges windows.
    """
    if config.cluster:
        raise ValueError("eval takes --shard or --cluster, not both")
    shard, wait = Shard.told(config.shard or ""), partial(owned, run, "calibration", "wait", wait_s=CALIBRATION_S)
    with owned(shard.folder(run / "eval"), f"eval --shard {shard}", "choose another shard"):
        with wait():
            complete(run, config.device)
        scorer, checkpoint = load_scorer(run, config.device, config.eval)
        if scorer.judges_reels_together:
            raise ValueError("this model judges the windows of all reels together: run eval without --shard")
        reels = checked_reels(config.data_clips, scorer, checkpoint["data"], config.eval)
        whole, cut = of_shard(shard, reels, scorer, config.eval)
        results = []
        for reel in whole + cut:
            with wait():
                job = make_job(reel.closed(), run, scorer, checkpoint["sha256"], config.eval)
            if reel not in cut:
                results += do_missing([job], [len(reel)], config, run)
            elif not are_there(job, config):
                for piece in pieces_of(reel, scorer, shard.of, job.settings)[shard.number - 1]:
                    score_piece(job, piece, shard)
                results.append(shard.folder(run / "eval") / reel.name)
    return results


def do_missing(jobs: Iterable[Job], lengths: Sequence[int], config: Config, run: Path) -> list[Path]:
    """As `do_jobs`, without those whose results are there."""
    results = []
    for job in jobs:
        if are_there(job, config):
            log.info(f"{job.reel.name}: its results are there")
        else:
            do_job(job, config)
        results.append(job.out)
    return results


def there_already(jobs: Iterable[Job], lengths: Sequence[int], config: Config, run: Path) -> list[Path]:
    """The folders of results that shards have made, in whole or in parts that are joined now.

    Raises ValueError that names the reels which have none, or not all parts.
    """
    results, lacking, in_parts = [], [], []
    for job in jobs:
        results.append(job.out)
        if are_there(job, config):
            continue
        if found := joined(job):
            in_parts.append(found)
        else:
            lacking.append(job.reel.name)
    if lacking:
        more = f" and {len(lacking) - 5} more" if len(lacking) > 5 else ""
        raise ValueError(
            f"{len(lacking)} of {len(lengths)} reels have no results by this model with these settings: "
            f"{', '.join(lacking[:5])}{more}; run -m eval --shard I/N for every I, which makes what is missing"
        )
    for job in in_parts:
        do_job(job, config)
    shutil.rmtree(run / "eval" / SHARDS, ignore_errors=True)
    return results


def do_jobs(jobs: Iterable[Job], lengths: Sequence[int], config: Config, run: Path) -> list[Path]:
    """What was asked for, one reel after the other; returns the folders of results."""
    return [do_job(job, config) for job in jobs]


def check_facts(run: Path) -> None:
    """Raise, before hours of work, where what the report tells of a run can't be read."""
    read_run(run)
    read_metrics(run)
    load(run / "config.yaml")
