"""One reel through a job: its results made, or drawn again, in a folder that takes the place of the former ones."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np

from config import Config, dump
from data.disk.files import copy_of, replacing_folder, write_text
from data.messages import logger, progress
from inference.calibration.doubt import looked_at
from inference.calibration.noise import detection_level
from inference.detection import Detection, detections, judge_series
from inference.job import CATALOGUE, Job, are_of_another, config_of_results, known_for, regions_for
from inference.movie.movie import NoMovie, movie_of
from inference.report_page.page import write_report
from inference.results.results import MADE, Results
from inference.results.score_maps import ScoreMaps, read_boxes, saved_frame

log = logger(__name__)

DRAWN = ("mode", "diagnostic", "fps", "heat_weight", "scale_factor", "movie")  # settings that decide the movie alone


def do_job(job: Job, config: Config, check: Callable[[], object] = lambda: None) -> Path:
    """What was asked for of one reel; returns its folder of results.

    check: called before what was made takes the place of former results, and raises where it must not.
    """
    if config.eval.movie_only and job.reel.is_series:
        log.warning(f"{job.reel.name}: a series has no movie")
    elif config.eval.movie_only and (made_with := config_of_results(job)) and are_maps_there(job):
        redraw(job, made_with, check)
    else:
        if config.eval.movie_only:
            lacks = "results by this model with these settings, with score maps (eval.score_maps_mb),"
            log.info(f"{job.reel.name}: no {lacks} are there, so all are made")
        make_results(job, config, check)
    return job.out


def as_kept(config: Config) -> Config:
    """The config as it is kept beside results: where they were made decides none of them."""
    return replace(config, cluster=None, shard=None, join=False)


def make_results(job: Job, config: Config, check: Callable[[], object]) -> None:
    """Evaluate one reel; the results take the place of the former ones when they are complete."""
    if are_of_another(job):
        log.warning(
            f"{job.reel.name}: the results in {job.out} are of another reel of this name, or one prepared otherwise; "
            "new ones take their place when they are complete (a copy of the run keeps both)"
        )
    with replacing_folder(job.out, MADE) as making:
        if (kept := job.out / CATALOGUE).is_file():
            copy_of(kept, making / CATALOGUE)  # which was downloaded
        write_text(making / "config.yaml", dump(as_kept(config)))
        run_job(replace(job, making=making), config.seed)
        check()


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
    if not ScoreMaps.are_kept(job.reel, job.settings):  # all that needs them has been made
        (job.out / ScoreMaps.NAME).unlink()
        why = f"they take {ScoreMaps.size_of(job.reel) / 1e6:.3g} MB, eval.score_maps_mb {job.settings.score_maps_mb:g}"
        log.info(f"{job.reel.name}: score maps are not kept ({why})")


def are_maps_there(job: Job) -> bool:
    """Whether the results have score maps to draw from."""
    return (job.out / ScoreMaps.NAME).is_file()


def levels_in(job: Job, results: Results) -> np.ndarray:
    """The levels of all samples of a series, or of some frames of the scene, evenly over time, from the saved maps."""
    if job.reel.is_series:
        return results.statistics[np.isfinite(results.statistics[:, 1]), 1]
    scene = [i for i in np.flatnonzero(np.isfinite(results.statistics[:, 1])).tolist() if i not in results.camera]
    frames = (saved_frame(job.out, job.reel, i) for i in looked_at(np.array(scene, int)).tolist())
    area, iou = job.settings.min_area, job.settings.iou_thresh
    return np.array([detection_level(f.residual, area, iou, ~f.valid) for f in frames])


def judge_frames(job: Job, results: Results, maps: ScoreMaps) -> None:
    """Score frame by frame, and draw the movie if one is wanted."""
    with movie_for(job) as movie:
        for found in progress(detections(job), total=len(job.reel), desc=f"evaluating {job.reel.name}", unit="frame"):
            results.add(found.scored.index, found.score, found.boxes, found.scored.common, found.scored.camera)
            maps.add(found.scored.index, found.score)
            movie.add(found.scored, found.score, results.shown)


def movie_for(job: Job) -> AbstractContextManager:
    """The result movie, or what takes its frames where none is wanted."""
    if not job.settings.movie:
        return nullcontext(NoMovie())
    return movie_of(job.reel, job.calibration.noise, job.low, job.high, job.settings, job.out, regions_for(job))


def redraw(job: Job, made_with: Config, check: Callable[[], object]) -> None:
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
        job = replace(job, settings=job.scorer.settings_on(job.reel, config.eval), making=making)
        if job.settings.diagnostic:
            stream = detections(job)
        else:
            log.info(f"{job.reel.name}: drawing from the saved scores")
            stream = saved_detections(job)
        with movie_for(job) as movie:
            for found in progress(stream, total=len(job.reel), desc=f"drawing {job.reel.name}", unit="frame"):
                movie.add(found.scored, found.score, found.boxes)
        write_report(job)
        check()


def saved_detections(job: Job) -> Iterator[Detection]:
    """The stream again from scores.f16 and boxes.csv; reconstructions are not kept, so they are empty."""
    boxes = read_boxes(job.out / "boxes.csv")
    for index in range(len(job.reel)):
        scored = saved_frame(job.out, job.reel, index)
        if not np.isnan(scored.residual).all():
            yield Detection(scored, scored.residual, boxes.get(index, []))
