"""Calibration on quiet pictures: their residual maps wait on the disk until the noise is known, then become events."""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import groupby, pairwise
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import pandas as pd

from config import EvalConfig
from data.messages import progress
from inference.calibration import places
from inference.calibration.noise import NoiseModel, detection_level, fit_noise, noise_step
from inference.calibration.promise import extension_level
from inference.calibration.quiet.events import NO_EVENTS, count_events
from inference.calibration.quiet.not_quiet import by_score, episodes
from inference.calibration.quiet.ranges import QuietRange, mean_cadence_s
from inference.calibration.thresholds import Calibration, counted
from inference.camera.bounds import Bounds
from inference.camera.watch import is_cause
from inference.camera.watched import WatchedStretch, reach_of
from inference.events.boxes import extending_boxes, find_boxes
from inference.events.events import EventLinker, gap_frames
from inference.events.joining.grouping import as_one
from inference.events.joining.together import Together, group_distance_px
from inference.events.sky import Sky, shifts
from inference.scorers.base import Scorer
from inference.scorers.nets.residual import ScoredFrame
from inference.zones import own_places, watched_places

# Parts of the quiet frames, each of which is judged by the noise of the others, and from how many frames on: of fewer,
# four fifths tell spreads worse than all, and would raise thresholds by that alone.
PARTS, LEAST_APART = 5, 128


class Place(NamedTuple):
    """Where a quiet frame is from; frames of one stretch may be linked. copy: which one of the scorer has judged it."""

    stretch: int
    range: QuietRange
    index: int
    copy: int = 0


class KeptMaps:
    """Residual maps (H, W) and valid pixels of quiet frames in a file, read by their number.

    noises: of each of as many parts of the frames, in their order, what it is judged by; none: a calibration's own.
    """

    def __init__(self, stream: BinaryIO, shape: tuple[int, int]):
        self.stream, self.shape = stream, shape
        self.places: list[Place] = []
        self.hidden: Sequence[places.Place] = ()
        self.noises: Sequence[NoiseModel] = ()

    def add(self, place: Place, scored: ScoredFrame) -> None:
        self.stream.write(scored.residual.astype(np.float32).tobytes() + scored.valid.tobytes())
        self.places.append(place)

    @property
    def copies(self) -> np.ndarray:
        """Numbers (N,) of the copies of the scorer that have judged the frames."""
        return np.array([place.copy for place in self.places], int)

    def __len__(self) -> int:
        return len(self.places)

    def score(self, number: int, made: Calibration, settings: EvalConfig) -> tuple[np.ndarray, np.ndarray]:
        """The score map (H, W) of a frame, 0 where it is not valid, and where it is."""
        residual, valid = self[number]
        if self.noises:
            made = replace(made, noise=self.noises[part_of(number, len(self))])
        return np.where(valid, made.score(residual, settings), np.float32(0)), valid

    def __getitem__(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        pixels = self.shape[0] * self.shape[1]
        self.stream.seek(5 * pixels * number)
        payload = self.stream.read(5 * pixels)
        residual = np.frombuffer(payload, np.float32, pixels).reshape(self.shape)
        residual = places.beside(self.hidden, number, residual)
        return residual, np.frombuffer(payload, bool, pixels, offset=4 * pixels).reshape(self.shape)


def part_of(number: int, total: int) -> int:
    """Which of PARTS equal parts of `total` frames, in their order, frame `number` is in."""
    return number * PARTS // total


def noises_apart(sample: np.ndarray, numbers: np.ndarray, total: int, least: float) -> list[NoiseModel]:
    """The noise that each part of `total` quiet frames is judged by: that of all others, as new frames will be.

    Where most of a picture stands still, what is drawn there once has a wide spread by itself, and would surprise
    nobody. sample: residual maps (N, H, W). numbers: (N,) of the frames that they are of, -1 of those that count in no
    threshold. Fewer than LEAST_APART are not cut. least: see `fit_noise`.
    """
    if np.count_nonzero(numbers >= 0) < LEAST_APART:
        return []
    own = np.array([part_of(n, total) if n >= 0 else -1 for n in numbers.tolist()])
    return [fit_noise(sample[own != part], least) for part in range(PARTS)]


def measure_frames(
    scorer: Scorer, ranges: list[QuietRange], settings: EvalConfig, folder: Path, bounds: Bounds
) -> tuple[Calibration, pd.DataFrame]:
    """Noise of every pixel, levels and events of quiet pictures; see `calibrate.measure`.

    The camera is watched as in eval, and what it did says nothing of the scene: such frames are left out.
    """
    shape, sample, numbers = ranges[0].reel.shape[2:], list[np.ndarray](), list[int]()
    step = noise_step(sum(map(len, ranges)), shape)
    with tempfile.TemporaryFile(dir=folder) as stream:
        maps = KeptMaps(stream, shape)
        for number, (place, is_new, scored) in enumerate(_quiet_frames(scorer, ranges, settings, bounds)):
            if number % step == 0:
                sample.append(scored.residual)
                numbers.append(len(maps) if is_new else -1)
            if is_new:
                maps.add(place, scored)
        sampled = np.stack(sample) if sample else np.zeros((0, *shape))
        sample.clear()
        least = scorer.least_noise(settings)
        made = Calibration(fit_noise(sampled, least), watched=watched_places(settings.zones, ranges[0].reel))
        if settings.score not in ("residual", "mix"):  # which don't ask for the noise
            maps.noises = noises_apart(sampled, np.array(numbers), len(maps), least)
        del sampled
        if settings.score == "residual":  # what is known beforehand is about the scorer's own unit
            span_s = len(maps) * mean_cadence_s(ranges)
            made = replace(made, events=replace(NO_EVENTS, span_s=span_s, prior=scorer.tail_prior))
        levels = np.array([_level(made, maps, n, settings) for n in range(len(maps))], np.float32)
        where_of, cadence_s = partial(_where_of, made, maps, settings), mean_cadence_s(ranges)
        hidden = hide_places(made, maps, settings, levels, cadence_s) if scorer.by_place else []
        in_places = sorted({n for p in hidden for n in range(p.first, p.stop)})
        told, maps.hidden, left = episodes(np.array(in_places, int), levels, where_of), hidden, levels.copy()
        left[in_places] = [_level(made, maps, n, settings) for n in in_places]
        own = own_places(settings.zones, ranges[0].reel)
        if own:
            made = _beside(made, own)
            left = np.array([_level(made, maps, n, settings) for n in range(len(maps))], np.float32)
        starts_at = partial(_starts, made, maps, settings)
        found = counted(made, left, starts_at, cadence_s, scorer.clip_length, maps.copies)
        zones = tuple(_in_place(made, place, maps, settings, scorer.clip_length, cadence_s) for place in own)
        return replace(found, zones=zones), by_score(told, episodes(found.left_out, left, where_of))


def _beside(made: Calibration, own: Sequence[np.ndarray]) -> Calibration:
    """What looks for events beside zones (H, W) that have rates of their own; everywhere where nothing is beside them.

    Then it says what the whole scene does, and nothing is judged by it but how strong an event of a zone is.
    """
    inside = np.logical_or.reduce(own)
    beside = ~inside if made.watched is None else made.watched & ~inside
    return replace(made, watched=beside) if beside.any() else made


def _in_place(
    made: Calibration, place: np.ndarray, maps: KeptMaps, settings: EvalConfig, reach: int, cadence_s: float
) -> Calibration:
    """Levels and events of the quiet frames in a place (H, W) alone."""
    inside = replace(made, watched=place)
    levels = np.array([_level(inside, maps, n, settings) for n in range(len(maps))], np.float32)
    return counted(inside, levels, partial(_starts, inside, maps, settings), cadence_s, reach, maps.copies)


def hide_places(
    made: Calibration, maps: KeptMaps, settings: EvalConfig, levels: np.ndarray, cadence_s: float
) -> list[places.Place]:
    """The place of quiet frames that stands out, see `places.standing_out`."""

    def score_of(number: int) -> np.ndarray:
        return maps.score(number, made, settings)[0]

    def level_of(number: int, some: Sequence[places.Place]) -> float:
        maps.hidden = some
        level = _level(made, maps, number, settings)
        maps.hidden = ()
        return level

    def events_of(left: np.ndarray, some: Sequence[places.Place]) -> np.ndarray:
        maps.hidden = some
        found = count_events(left, partial(_starts, made, maps, settings), cadence_s).levels
        maps.hidden = ()
        return found

    reach = gap_frames(settings, cadence_s)
    return places.standing_out(levels, score_of, level_of, events_of, _together(maps, reach), reach, made.events.beyond)


def _together(maps: KeptMaps, gap_frames: int) -> np.ndarray:
    """Numbers (N,) of the stretches that frames are of, whichever copy of the scorer has judged them."""
    begins = [
        a.range.reel.path != b.range.reel.path
        or a.range.reel.begin_of(a.index) != b.range.reel.begin_of(b.index)
        or not 0 < b.index - a.index <= gap_frames + 1
        for a, b in pairwise(maps.places)
    ]
    return np.cumsum([0, *begins])


def _where_of(
    made: Calibration, maps: KeptMaps, settings: EvalConfig, number: int
) -> tuple[QuietRange, int, float, float]:
    score, _ = maps.score(number, made, settings)
    y, x = np.unravel_index(int(score.argmax()), score.shape)
    return maps.places[number].range, maps.places[number].index, float(x), float(y)


def _quiet_frames(
    scorer: Scorer, ranges: list[QuietRange], settings: EvalConfig, bounds: Bounds
) -> Iterator[tuple[Place, bool, ScoredFrame]]:
    """Every quiet frame of the scene that is judged, and whether the scorer that did it was fitted on others only."""
    stretch, folds = 0, scorer.folds(ranges)  # fitted before the bar begins, or its first frame takes minutes
    with progress(total=sum(map(len, ranges)), desc="calibrating on quiet frames", unit="frame") as bar:
        for copy, fold in enumerate(folds):
            for r in fold.ranges:
                stretch, sees = stretch + 1, r.seen_from(scorer.blind_frames)
                watched = WatchedStretch(r.reel, r.begin, bounds, fold.scorer.scaling)
                frames = fold.scorer.frames(watched.as_reel(), r.begin, r.end, settings)
                for scored in watched.told(frames, reach_of(fold.scorer, settings)):
                    bar.update()
                    is_broken = is_cause(scored.camera, scorer.is_steady)
                    if scored.index >= sees and not is_broken:
                        yield Place(stretch, r, scored.index, copy), fold.is_new, scored


def _level(made: Calibration, maps: KeptMaps, number: int, settings: EvalConfig) -> float:
    score, valid = maps.score(number, made, settings)
    return detection_level(score, settings.min_area, settings.iou_thresh, ~valid)


def _starts(
    made: Calibration, maps: KeptMaps, settings: EvalConfig, threshold: float, levels: np.ndarray
) -> np.ndarray:
    """The first frames of the events above a threshold, linked as eval does; levels (N,) say which frames have any."""
    starts: list[int] = []
    lower = extension_level(threshold, levels, settings.extend_share, made.events)
    above = np.flatnonzero(levels > lower).tolist()
    for _, group in groupby(above, key=lambda n: maps.places[n].stretch):
        numbers = {maps.places[n].index: n for n in group}
        reel = maps.places[next(iter(numbers.values()))].range.reel
        sky = Sky.of(reel)
        linker = EventLinker.of(reel, settings, partial(shifts, sky) if sky else None)
        together, found = Together(group_distance_px(reel, settings), linker, reel.times_s.item), []
        for index, n in numbers.items():
            score, valid = maps.score(n, made, settings)
            form = settings.min_area, settings.iou_thresh, ~valid
            boxes = find_boxes(score, threshold, threshold, *form)
            if lower < threshold:
                boxes += extending_boxes(boxes, score, lower, *form)
            found += together.push(linker.push(index, boxes, float(reel.times_s[index])))
        found += together.finish(linker.finish())
        starts += [numbers[as_one(family).frame_start] for family in found]
    return np.array(starts, int)
