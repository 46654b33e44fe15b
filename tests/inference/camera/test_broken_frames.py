"""Broken frames are the camera's, whatever the model: an event of their kind, no low score, nothing else changes."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

import models
from config import EvalConfig
from inference.calibration.calibrate import measure
from inference.calibration.quiet.ranges import QuietRange
from inference.camera.bounds import learn
from inference.camera.watch import BROKEN
from inference.detection import detections
from inference.events.events import CAMERA
from inference.events.facts import describe
from inference.events.instrument import camera_frames
from inference.job import Job
from inference.methods import METHODS
from inference.results.results import Results, scene_events
from inference.scorers.nets.net import Detector
from tests.support.broken import BREAKS, broken
from tests.support.reels import make_reel
from tests.support.street import Street, standing
from tests.support.trainings import small_config

QUIET, NEW = 90, 50
AT = dict(zip(BREAKS, range(8, NEW, 6), strict=False))
IDENTITY = {"model": "", "reel": "", "config": ""}
SEEN = Street(21, walkers=4, beat_px=8).frames(standing(QUIET + NEW))
SETTINGS = replace(EvalConfig(), stride=4, false_alarms_per_day=24.0, min_frames=2)


def method_on(name, ranges):
    method = METHODS[name](small_config(ranges[0].reel.path, None, model__name=name).model, {}, {}, 8)
    method.fit(ranges, seed=0)
    return method


def net_on(name, ranges):
    torch.manual_seed(0)
    model = models.build(small_config(ranges[0].reel.path, None, model__name=name).model, 1).eval()
    return Detector(model, {}, 8, torch.device("cpu"))


MAKERS = dict.fromkeys(("difference", "robust_z", "patch_pca", "flow"), method_on)
MAKERS |= {"autoencoder": net_on}


@pytest.fixture(scope="module", params=list(MAKERS))
def judge(request, tmp_path_factory):
    """From frames to (scorer, highest scores (T,), events), by one model."""
    folder, name = tmp_path_factory.mktemp(request.param), request.param
    reel = make_reel(folder / "quiet", SEEN[:QUIET])
    ranges = [QuietRange(reel, 0, 60, "train"), QuietRange(reel, 60, QUIET, "val")]
    scorer = MAKERS[name](name, ranges)
    own = {"score": "residual", "common_mode": False, "smooth_px": 0.0} if name == "flow" else {}
    settings = replace(SETTINGS, **own)
    bounds = learn(ranges, {})
    calibration, _ = measure(scorer, ranges, settings, folder, bounds)

    def run(frames):
        new = make_reel(folder / f"new{np.random.default_rng().integers(2**32)}", frames)
        low, high = calibration.thresholds(settings)
        results = Results(new, settings)
        for found in detections(Job(new, scorer, calibration, low, high, settings, {}, new.path, bounds)):
            results.add(found.scored.index, found.score, found.boxes, found.scored.common, found.scored.camera)
        events = results.events + results.linker.finish()
        table = describe(events, new, None, camera_frames(results.common), high, IDENTITY)
        return scorer, results, table

    return run


def test_every_kind_is_an_event_of_the_camera_and_its_score_is_not_low(judge):
    frames = SEEN[QUIET:]
    for seed, (how, at) in enumerate(AT.items()):
        frames = broken(frames, how, at, 1, seed)
    _, results, events = judge(frames)
    peaks, camera = results.statistics[:, 1], events[events["level"] == CAMERA]
    for how, at in AT.items():
        own = camera[camera["frame_start"] == at]
        assert own["instrument"].tolist() == [BREAKS[how][1]], how
        assert (peaks < peaks[at]).mean() >= 0.1, how
    assert len(camera) == len(AT)
    table = results.score_table()
    assert (table["camera"] != "").sum() == len(AT) + 1  # the camera that moved moves back
    assert results.counts(events)["events_instrument"] == len(events) - len(scene_events(events))


def test_frames_around_a_broken_one_score_as_if_it_were_sound(judge):
    _, sound, before = judge(SEEN[QUIET:])
    kinds = [how for how in BREAKS if BREAKS[how][1] in BROKEN]
    frames = SEEN[QUIET:]
    for how in kinds:
        frames = broken(frames, how, AT[how], 1, seed=3)
    _, spoilt, after = judge(frames)
    others = np.setdiff1d(np.arange(NEW), [AT[how] for how in kinds])
    expected, found = sound.statistics[others, 1], spoilt.statistics[others, 1]
    # What is held for a frame changes at once by what it would have in two.
    assert np.abs(found - expected).max() < 0.75 * expected.max()
    assert np.median(np.abs(found - expected)) < 0.1 * np.median(expected)
    assert len(scene_events(after)) <= len(scene_events(before)) + len(kinds)


def test_a_true_event_goes_on_behind_broken_frames(judge):
    frames = SEEN[QUIET:].copy()
    for t in range(20, 44):  # a bright thing of 14 px that runs
        x = 3 * (t - 20) + 4
        stripes = 0.95 - 0.3 * (np.indices((14, 14)).sum(axis=0) % 4 > 1)
        frames[t, 0, 30:44, x : x + 14] = stripes[:, : SEEN.shape[3] - x]
    whole = span(judge(frames)[2])
    for how in ("mostly black", "repeated"):
        found = span(judge(broken(frames, how, 30, 1, seed=1))[2])
        assert np.abs(np.subtract(found, whole)).max() <= 2, how


def test_more_of_an_anomaly_never_scores_less(judge):
    peaks = []
    for sigmas in (10, 100, 1e6):
        frames = SEEN[QUIET:].copy()
        frames[30:33, :, 40:50, 60:70] += sigmas * 0.004
        scorer, results, events = judge(frames)
        peaks.append(results.statistics[30:33, 1].max())
        assert (events["level"] != CAMERA).all()
    if not scorer.is_steady:  # what looks for motion sees a light only when it comes and goes
        assert all(after >= 0.99 * before for before, after in pairwise(peaks))


@pytest.mark.parametrize("name", ["difference", "robust_z"])
def test_broken_frames_in_quiet_data_move_no_threshold(name, tmp_path):
    frames = Street(21, walkers=4, beat_px=8).frames(standing(160))
    spoilt = frames
    for how, at in zip(BREAKS, (20, 60, 80, 90, 100, 120, 140), strict=True):
        if BREAKS[how][1] in BROKEN:
            spoilt = broken(spoilt, how, at, 1, seed=1)
    found = []
    for folder, quiet in (("sound", frames), ("spoilt", spoilt)):
        reel = make_reel(tmp_path / folder, quiet)
        ranges = [QuietRange(reel, 0, 100, "train"), QuietRange(reel, 100, 160, "val")]
        calibration, episodes = measure(method_on(name, ranges), ranges, SETTINGS, tmp_path, learn(ranges, {}))
        # The watch takes the first frame of a stretch as it is: a break there stands out, and is left out.
        first = range(100, 103) if folder == "spoilt" else ()
        assert [peak for peak in episodes["frame_peak"] if peak not in first] == []
        found.append(calibration.thresholds(SETTINGS))
    np.testing.assert_allclose(found[1], found[0], rtol=0.15)


def span(events) -> tuple[int, int]:
    """The first and the last frame of the scene's events while the thing runs."""
    scene = scene_events(events)
    scene = scene[(scene["frame_end"] >= 20) & (scene["frame_start"] < 44)]
    return int(scene["frame_start"].min()), int(scene["frame_end"].max())
