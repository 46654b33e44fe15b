"""`eval`: a trained model and any reel -> scores, boxes, events, pictures and a movie, as one stream over the frames.

Results of a reel lie in `<run>/eval/<reel>/`:

    scores.csv  boxes.csv  events.csv  events.json  summary.json  timeline.png  anomaly.mp4  report.html
    scores.f16  the score maps, which --movie_only draws again without the model

and <run>/eval/events_joint.csv of several wavelengths of the Sun together.

They are made in a hidden folder beside, which takes the place of the former ones when all is there: a kill, an error or
a full disk leaves the former ones. Files that eval did not make stay.
"""

import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from config import Config, dump, load
from data.disk.files import copy_of, replacing_folder, write_text
from data.disk.lock import owned
from data.disk.parts import tidy
from data.frames.pool import bounded, make_executor
from data.frames.shards import SHARDS, Shard
from data.messages import logger, progress
from data.reel.reel import Reel, find_reels
from inference.calibration.doubt import looked_at
from inference.calibration.noise import detection_level
from inference.detection import Detection, detections, judge_series
from inference.fit import complete
from inference.job import CATALOGUE, Job, config_of_results, find_run, known_for, make_job, regions_for
from inference.movie.movie import movie_of
from inference.report_page.page import write_report
from inference.results.results import MADE, Results
from inference.results.score_maps import ScoreMaps, read_boxes, saved_frame
from inference.scorers.base import Scorer, check_reel
from inference.scorers.load import load_scorer
from inference.scorers.residual import settings_for
from inference.scorers.windows import scored_stretches
from inference.solar.joint import channels_beside, write_joint
from training.run import owned_run, read_metrics, read_run

log = logger(__name__)

CALIBRATION_S = 6 * 3600.0  # that a shard waits at most for another one which calibrates
DRAWN = ("mode", "diagnostic", "fps", "heat_weight", "scale_factor")  # settings that decide the movie alone


def evaluate(config: Config) -> list[Path]:
    """Evaluate every reel in `config.data_clips` with a run's best model; returns the folders of results.

    The model's own settings come from the run, never from `config`. Raises FileNotFoundError without run or reel,
    ValueError when the reel does not fit the model, FolderInUse while another process works with the run.
    """
    run = find_run(config)
    check_facts(run)
    if config.shard:
        return evaluate_shard(config, run)
    with owned_run(run, "eval"):
        complete(run, config.device)
        return _evaluate(config, run)


def _evaluate(config: Config, run: Path) -> list[Path]:
    scorer, checkpoint = load_scorer(run, config.device, config.eval)
    if (written := scorer.judge_windows(config, run, checkpoint["data"])) is not None:
        return written
    beside, reels = channels_beside(config.eval.joint), checked_reels(config, scorer, checkpoint["data"])
    jobs = (make_job(reel, run, scorer, checkpoint["sha256"], config.eval) for reel in reels)
    do = there_already if config.join else do_jobs_apart if config.cluster else do_jobs
    results = do(jobs, len(reels), config, run)
    write_joint(run / "eval", reels, results, beside)
    return results


def checked_reels(config: Config, scorer: Scorer, facts: dict[str, Any]) -> list[Reel]:
    """The reels to be evaluated; all of them are looked at before hours of work on the first. facts: of what the model
    was trained on. Raises ValueError where one does not fit the model, or none is long enough.
    """
    reels, length = find_reels(config.data_clips), scorer.clip_length
    check_names(reels)
    for reel in reels:
        check_reel(reel, facts, scorer, config.eval)
    long_enough = []
    for reel in reels:
        if scored_stretches(reel, length):
            long_enough.append(reel)
        else:
            log.warning(f"{reel.name}: no stretch without a gap holds the {length} frames of a window; left out")
    if not long_enough:
        raise ValueError(f"no reel in {config.data_clips} is long enough for windows of {length} frames")
    return long_enough


def evaluate_shard(config: Config, run: Path) -> list[Path]:
    """Evaluate every n-th of the reels, the longest first, but those whose results by these settings are there.

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
        if scorer.of_windows:
            raise ValueError("this model judges the windows of all reels together: run eval without --shard")
        reels = sorted(checked_reels(config, scorer, checkpoint["data"]), key=lambda reel: (-len(reel), reel.name))
        results = []
        for reel in reels[shard.number - 1 :: shard.of]:
            with wait():
                job = make_job(reel, run, scorer, checkpoint["sha256"], config.eval)
            if are_there(job, config):
                log.info(f"{reel.name}: its results are there")
            else:
                do_job(job, config)
            results.append(job.out)
    return results


def there_already(jobs: Iterable[Job], count: int, config: Config, run: Path) -> list[Path]:
    """The folders of results that shards have made. Raises ValueError that names the reels which have none."""
    results, lacking = [], []
    for job in jobs:
        results.append(job.out)
        if not are_there(job, config):
            lacking.append(job.reel.name)
    if lacking:
        more = f" and {len(lacking) - 5} more" if len(lacking) > 5 else ""
        raise ValueError(
            f"{len(lacking)} of {count} reels have no results by this model with these settings: "
            f"{', '.join(lacking[:5])}{more}; run -m eval --shard I/N for every I, which makes what is missing"
        )
    shutil.rmtree(run / "eval" / SHARDS, ignore_errors=True)
    return results


def are_there(job: Job, config: Config) -> bool:
    """Whether complete results of a job are there, and drawn as the config says."""
    found = config_of_results(job)
    return found is not None and replace(found.eval, movie_only=False) == replace(config.eval, movie_only=False)


def as_kept(config: Config) -> Config:
    """The config as it is kept beside results: where they were made decides none of them."""
    return replace(config, cluster=None, shard=None, join=False)


def do_jobs(jobs: Iterable[Job], count: int, config: Config, run: Path) -> list[Path]:
    """What was asked for, one reel after the other; returns the folders of results."""
    return [do_job(job, config) for job in jobs]


def do_job(job: Job, config: Config) -> Path:
    """What was asked for of one reel; returns its folder of results."""
    if config.eval.movie_only and job.reel.is_series:
        log.warning(f"{job.reel.name}: a series has no movie")
    elif config.eval.movie_only and (made_with := config_of_results(job)):
        redraw(job, made_with)
    else:
        if config.eval.movie_only:
            log.info(f"{job.reel.name}: no results by this model with these settings are there, so all are made")
        make_results(job, config)
    return job.out


def do_jobs_apart(jobs: Iterable[Job], count: int, config: Config, run: Path) -> list[Path]:
    """The same by the workers of a cluster, a reel at a time each. What the jobs need of the run is there when they
    have been made, so that workers only read it.
    """
    results: list[Path] = []
    with (
        make_executor(config.workers, config.cluster, str(run), config.data_clips) as workers,
        progress(total=count, desc="evaluating", unit="reel") as bar,
    ):
        calls = ((config, run, Path(job.reel.path), job.identity["weights_sha256"]) for job in noted(jobs, results))
        for _ in bounded(workers, do_job_apart, calls):
            bar.update()
    tidy(run / "eval")  # what workers that died have left
    return results


def noted(jobs: Iterable[Job], results: list[Path]) -> Iterator[Job]:
    """The jobs, while their folders of results are added to a list."""
    for job in jobs:
        results.append(job.out)
        yield job


def do_job_apart(config: Config, run: Path, path: Path, weights: str) -> None:
    """One job in a worker, on one thread: sums over several depend on how many there are."""
    torch.set_num_threads(1)
    key = run, weights, config.device, repr(config.eval)
    if key not in _OPENED:
        _OPENED.clear()
        _OPENED[key] = load_scorer(run, config.device, config.eval)[0]
    do_job(make_job(Reel(path), run, _OPENED[key], weights, config.eval), config)


_OPENED: dict[tuple, Scorer] = {}  # of a worker: the scorer of its last task, which most often is that of the next


def check_names(reels: list[Reel]) -> None:
    """Raise ValueError where two reels have one name, and so one folder of results."""
    places: dict[str, Reel] = {}
    for reel in reels:
        if (other := places.setdefault(reel.name.casefold(), reel)) is not reel:
            raise ValueError(f"{other.path} and {reel.path} are both called {reel.name}; move one of them away")


def check_facts(run: Path) -> None:
    """Raise, before hours of work, where what the report tells of a run can't be read."""
    read_run(run)
    read_metrics(run)
    load(run / "config.yaml")


def make_results(job: Job, config: Config) -> None:
    """Evaluate one reel; the results take the place of the former ones when they are complete."""
    with replacing_folder(job.out, MADE) as making:
        if (kept := job.out / CATALOGUE).is_file():
            copy_of(kept, making / CATALOGUE)  # which was downloaded
        write_text(making / "config.yaml", dump(as_kept(config)))
        run_job(replace(job, making=making), config.seed)


def run_job(job: Job, seed: int) -> None:
    """Evaluate one reel and write everything to the job's folder."""
    begun = time.perf_counter()
    results = Results(job.reel, job.settings, known_for(job), regions_for(job))
    with ScoreMaps(job.out, job.reel) as maps:
        if job.reel.is_series:
            judge_series(job, results, maps.add_frames)
        else:
            judge_frames(job, results, maps)
    seconds = time.perf_counter() - begun
    beyond = job.scorer.extras(job.out, job.run, job.reel, job.settings, seed)
    if doubt := job.doubt(levels_in(job, results)):
        log.warning(f"{job.reel.name}: {doubt}")
        beyond = beyond | {"doubt": doubt}
    results.write(job.out, job.low, job.high, job.identity, seconds, job.calibration.facts(job.settings) | beyond)
    write_report(job)


def levels_in(job: Job, results: Results) -> np.ndarray:
    """The levels of all samples of a series, or of some frames of the scene, evenly over time, from the saved maps."""
    if job.reel.is_series:
        return results.statistics[np.isfinite(results.statistics[:, 1]), 1]
    scene = [i for i in np.flatnonzero(np.isfinite(results.statistics[:, 1])).tolist() if i not in results.camera]
    frames = (saved_frame(job.out, job.reel, i) for i in looked_at(np.array(scene, int)).tolist())
    area, iou = job.settings.min_area, job.settings.iou_thresh
    return np.array([detection_level(f.residual, area, iou, ~f.valid) for f in frames])


def judge_frames(job: Job, results: Results, maps: ScoreMaps) -> None:
    """Score frame by frame, and draw the movie."""
    with movie_for(job) as movie:
        for found in progress(detections(job), total=len(job.reel), desc=f"evaluating {job.reel.name}", unit="frame"):
            results.add(found.scored.index, found.score, found.boxes, found.scored.common, found.scored.camera)
            maps.add(found.scored.index, found.score)
            movie.add(found.scored, found.score, results.shown)


def movie_for(job: Job) -> AbstractContextManager:
    """The result movie."""
    return movie_of(job.reel, job.calibration.noise, job.low, job.high, job.settings, job.out, regions_for(job))


def redraw(job: Job, made_with: Config) -> None:
    """The movie and the report of complete results anew, as the job wants them drawn; all else stays as it is.

    From the saved score maps; what the model expected is not kept, so panels of it are computed again.
    made_with: the config of the results.
    """
    drawn = {name: getattr(job.settings, name) for name in DRAWN}
    config = replace(made_with, eval=replace(made_with.eval, **drawn))
    with replacing_folder(job.out, MADE) as making:
        for path in job.out.iterdir():
            copy_of(path, making / path.name)
        write_text(making / "config.yaml", dump(config))
        job = replace(job, settings=settings_for(config.eval, job.reel), making=making)
        if job.settings.diagnostic:
            stream = detections(job)
        else:
            log.info(f"{job.reel.name}: drawing from the saved scores")
            stream = saved_detections(job)
        with movie_for(job) as movie:
            for found in progress(stream, total=len(job.reel), desc=f"drawing {job.reel.name}", unit="frame"):
                movie.add(found.scored, found.score, found.boxes)
        write_report(job)


def saved_detections(job: Job) -> Iterator[Detection]:
    """The stream again from scores.f16 and boxes.csv; reconstructions are not kept, so they are empty."""
    boxes = read_boxes(job.out / "boxes.csv")
    for index in range(len(job.reel)):
        scored = saved_frame(job.out, job.reel, index)
        if not np.isnan(scored.residual).all():
            yield Detection(scored, scored.residual, boxes.get(index, []))
