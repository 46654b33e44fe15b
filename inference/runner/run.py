"""From frames to events with a bundle: of a reel as eval finds them, of a video or any frames as `eval --follow`."""

import json
import math
import threading
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from config import EvalConfig, PrepConfig
from data.live.live_reel import Form, LiveReel
from data.live.live_source import LiveSource, Picture, name_of
from data.messages import amount, logger
from data.reel.reel import Reel, reel_paths
from data.sources.video import VideoSource
from inference.detection import detections, judge_series
from inference.events.tables import events_json
from inference.follow.events import LiveEvents
from inference.follow.judging import Pictures, feeding, judge, live_frames
from inference.job import Job, job_within
from inference.results.results import Results
from inference.runner.bundle import Bundle
from inference.runner.rows import records_of_rows
from inference.runner.scorers import scorer_in
from inference.runner.told import Told
from inference.scorers.base import other_cadence
from inference.scorers.reels import checked_reel, checked_reels, too_short

log = logger(__name__)

A_REEL = "make a reel with python main.py -m prep --data-raw INPUT --data-clips REELS, and give it REELS"


class Frames:
    """Frames (H, W) uint8, or (H, W, 3) where the bundle is of colour, as a stream at a constant rate."""

    reason = ""  # why there are no more

    def __init__(self, frames: Iterable[np.ndarray], frames_per_second: float, in_colour: bool):
        if not 0 < frames_per_second < math.inf:
            raise ValueError(f"frames_per_second {frames_per_second:g} is no rate; give a positive number")
        self.frames, self.rate, self.in_colour = frames, frames_per_second, in_colour
        self.stop = threading.Event()

    def pictures(self) -> Iterator[Picture]:
        for number, pixels in enumerate(self.frames):
            if self.stop.is_set():
                return
            self.check(number, pixels)
            yield Picture(pixels, round(number / self.rate, 6), 1 / self.rate, is_gap=False, can_wait=True)

    def check(self, number: int, pixels: Any) -> None:
        """Raise ValueError for what is no frame of 8 bits, gray or in colour as the bundle's."""
        shape = getattr(pixels, "shape", ())
        fits = len(shape) == 3 and shape[2] == 3 if self.in_colour else len(shape) == 2
        if fits and pixels.dtype == np.uint8:
            return
        found = f"an array {shape} of {pixels.dtype}" if isinstance(pixels, np.ndarray) else type(pixels).__name__
        form, way = ("(H, W, 3), red first,", "") if self.in_colour else ("(H, W)", ", of colours made gray")
        raise ValueError(f"frame {number} is {found}; this bundle takes arrays {form} of uint8, from 0 to 255{way}")


class Runner:
    """A bundle that is ready to score. threads: of the net, 0 for as many as there are cores."""

    def __init__(self, path: str | Path, threads: int = 0):
        self.bundle = Bundle.open(path)
        self.scorer: Any = scorer_in(self.bundle.path, self.bundle.about, threads)
        self.scorer.calibrated = self.bundle.calibration

    def of_reels(self, clips: str) -> Iterator[dict[str, Any]]:
        """Records "event" of all reels in a folder. Raises ValueError, before the first, where one does not fit the
        net, or none is long enough, FileNotFoundError where there is none.
        """
        if not has_reels(clips):
            raise FileNotFoundError(f"{clips} holds no reel; {A_REEL}")
        for reel in checked_reels(clips, self.scorer, self.bundle.about, self.bundle.settings):
            yield from ({"type": "event", "stream": reel.name, **event} for event in self.events_of(reel.closed()))

    def of_reel(self, reel: Reel) -> list[dict[str, Any]]:
        """The events of a reel, as in events.json. Raises ValueError for one that does not fit the net."""
        return self.events_of(checked_reel(reel, self.scorer, self.bundle.about, self.bundle.settings))

    def events_of(self, reel: Reel) -> list[dict[str, Any]]:
        """The events of a reel that fits."""
        job = self.job(reel, self.bundle.settings)
        job.tell_shortfall()
        return records(found_in(job))

    def of_video(self, address: str, timeout_s: float) -> Iterator[dict[str, Any]]:
        """The records of a file or stream, as they come, see `of_pictures`.

        timeout_s: a file that does not grow, or a stream that stays broken, for so long has ended. Raises ValueError as
        `form` does, and for a file of a kind that reels are made of first.
        """
        in_colour = self.form.in_colour
        check_video(address)
        settings = replace(self.bundle.settings, follow=(address,), follow_timeout_s=timeout_s)
        source = LiveSource(settings, PrepConfig(), in_colour)
        yield from self.of_pictures(source, name_of(address))
        if not source.is_file or "ended" not in source.reason:
            yield {"type": "ended", "stream": name_of(address), "reason": source.reason}

    def of_frames(self, frames: Iterable[np.ndarray], frames_per_second: float) -> Iterator[dict[str, Any]]:
        """The records of frames, (H, W) uint8 or (H, W, 3) in colour, at a constant rate, as they come.

        Raises ValueError for frames of another form than those of the training, as they come.
        """
        return self.of_pictures(Frames(frames, frames_per_second, self.form.in_colour), "frames")

    def of_rows(self, address: str, timeout_s: float) -> Iterator[dict[str, Any]]:
        """The records of rows of a series as they come, as in events.jsonl of `eval --follow`.

        Of a table or JSON lines that grow, of standard input (`-`), or of a page of metrics. timeout_s: a file that
        does not grow for so long has ended. Raises ValueError for a bundle that can't follow a series, OSError where
        not one row came.
        """
        form = self.bundle.rows
        if form is None:
            raise ValueError(f"{self.bundle.path} can follow no series: {self.bundle.about['no_rows']}; {A_REEL}")
        return records_of_rows(address, form, lambda reel: self.job(reel, self.bundle.settings), self.scorer, timeout_s)

    @property
    def is_of_series(self) -> bool:
        """Whether the frames of the training were samples of a series."""
        return self.bundle.about["frame_shape"][1:] == [1, 1]

    @property
    def form(self) -> Form:
        """How pictures become frames. Raises ValueError for a bundle of a run that was trained on something else."""
        if self.bundle.form is None:
            raise ValueError(f"{self.bundle.path} can score no video: {self.bundle.about['no_video']}; {A_REEL}")
        return self.bundle.form

    def of_pictures(self, source: Pictures, name: str) -> Iterator[dict[str, Any]]:
        """Records "open" and "closed" of pictures, as in events.jsonl of `eval --follow`. Raises as `form` does."""
        settings = replace(self.bundle.settings, batch_size=1)
        room = self.scorer.at_once(settings), self.scorer.looks_back
        gap = self.bundle.about["gap_threshold"]
        reel = LiveReel(name, self.form, gap, settings.follow_delay_s, *room)
        told, scored_frames = Told(name), 0
        with feeding(reel, source):
            if not reel.wait_for_first():
                why = f": {problem}" if (problem := reel.last_problem or source.reason) else ""
                raise reel.failure or OSError(f"no frame of {name} could be read{why}")
            job = self.job(reel.as_reel(), settings)
            job.tell_shortfall()
            if unlike := other_cadence(reel.as_reel(), self.bundle.about, self.scorer):
                log.warning(unlike)
            events = LiveEvents(job, told, None)
            for scored in live_frames(self.scorer, reel, job.settings, job.bounds):
                judge(events, scored, reel.moment(scored.index)[0])
                reel.release(scored.index + 1)
                scored_frames += 1
                yield from told.taken()
            events.finish()
        yield from told.taken()
        if damaged := reel.counts["damaged"]:
            log.warning(f"{name}: {amount(damaged, 'frame')} could not be used; of the last one: {reel.last_problem}")
        if reel.failure:
            raise reel.failure
        if not scored_frames:
            log.warning(too_short(reel.as_reel(), self.scorer))

    def job(self, reel: Reel, settings: EvalConfig) -> Job:
        """The bundle's thresholds and settings for a reel."""
        weights, bounds = self.bundle.about["weights_sha256"], self.bundle.bounds(reel.channels)
        return job_within(bounds, reel, self.bundle.path, self.scorer, weights, settings)


def has_reels(folder: str) -> bool:
    """Whether there are reels in a folder, some that may not be read among them."""
    try:
        return bool(reel_paths(folder))
    except FileNotFoundError:
        return False


def check_video(address: str) -> None:
    """Raise ValueError for a file that prep knows as something else than a video."""
    from data.sources.all_kinds import source_of  # late: it loads every kind of input, and reels need none

    source = source_of(Path(address), []) if Path(address).is_file() else None
    if source and source.name != VideoSource.name:
        raise ValueError(f"{address} is no video, and is not scored as it is; {A_REEL}")


def found_in(job: Job) -> pd.DataFrame:
    """The events of a job's reel, as eval's table of them."""
    results = Results(job.reel, job.settings)
    if job.reel.is_series:
        judge_series(job, results, lambda first, maps: None)
    else:
        for found in detections(job):
            results.add(found.scored.index, found.score, found.boxes, found.scored.common, found.scored.camera)
    return results.event_table(job.high, job.identity)


def records(events: pd.DataFrame) -> list[dict[str, Any]]:
    """The events of a table as plain data, as they are in events.json."""
    return json.loads(events_json(events, {}))["events"]
