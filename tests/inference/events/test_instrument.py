"""What the camera does alone raises no event of the scene: faults planted in noisy copies of sunpy's real AIA frame."""

import cv2
import numpy as np
import pytest
import torch
from sunpy.data.test import get_test_filepath
from sunpy.map import Map

import models
from config import EvalConfig
from data.reel.mask_bits import INVALID
from data.reel.stretch import fit_asinh
from inference.calibration.calibrate import measure
from inference.calibration.quiet import QuietRange
from inference.camera.bounds import ALL_PASS
from inference.evaluate import detections
from inference.events.boxes import Box
from inference.events.events import UNEXPLAINED, EventLinker
from inference.events.instrument import (
    BLOCK,
    CAMERA_Z,
    EXPOSURE,
    POINTING,
    SPIKE,
    camera_frames,
    event_reason,
    has_jumped,
    is_resolved,
    judged,
)
from inference.job import Job
from inference.results.results import Results
from inference.scorers.net import Detector
from tests.support.reels import make_reel
from tests.support.trainings import model_config

T, QUIET, AT = 80, 56, 68  # frames, of which the first are quiet, and when the fault happens
EXPTIME_S, SIDE = 2.0, 112
SETTINGS = EvalConfig(stride=4, min_area=4)


@pytest.fixture(scope="module")
def sun():
    """sunpy's AIA 171 frame in DN/s (SIDE, SIDE) float32."""
    return cv2.resize(Map(get_test_filepath("aia_171_level1.fits")).data.astype(np.float32), (SIDE, SIDE)).clip(0) / 2


@pytest.fixture(scope="module")
def detect(sun, tmp_path_factory):
    """From a function that spoils frame AT and later ones to the events; the net is untrained: background alone."""
    rates = np.repeat(sun[None], T, axis=0)
    stretch = fit_asinh(observed(rates)[0])
    torch.manual_seed(0)
    model = models.build(model_config(), 1).eval()
    detector = Detector(model, {"171": stretch}, 8, torch.device("cpu"))
    quiet = reel_of(tmp_path_factory.mktemp("quiet") / "r", observed(rates), stretch)
    ranges = [QuietRange(quiet, 0, 28, "train"), QuietRange(quiet, 28, QUIET, "val")]
    calibration, _ = measure(detector, ranges, SETTINGS, quiet.path, ALL_PASS)

    def run(spoil, masks=None):
        reel = reel_of(tmp_path_factory.mktemp("spoilt") / "r", spoil(rates.copy()), stretch, masks)
        low, high = calibration.thresholds(SETTINGS)
        job = Job(reel, detector, calibration, low, high, SETTINGS, {}, reel.path)
        results = Results(reel, SETTINGS)
        for found in detections(job):
            results.add(found.scored.index, found.score, found.boxes, found.scored.common)
        camera = camera_frames(results.common)
        return [(e, event_reason(e, camera)) for e in results.events + results.linker.finish()]

    return run


def reel_of(path, rates, stretch, masks=None):
    frames = stretch.forward(rates)[:, None].astype(np.float32)
    return make_reel(path, frames, 12.0, channels=["171"], stretch=[stretch], masks=masks)


def observed(rates, exptime_s=EXPTIME_S, seed=0):
    """Frames in DN/s with the photon noise of an exposure; exptime_s: a number or (T,)."""
    exptime_s = np.broadcast_to(exptime_s, len(rates))[:, None, None]
    return (np.random.default_rng(seed).poisson(rates * exptime_s) / exptime_s).astype(np.float32)


def short_exposure(rates):
    exptime_s = np.full(T, EXPTIME_S)
    exptime_s[AT] /= 10
    return observed(rates, exptime_s)


def exposure_step(rates):
    exptime_s = np.full(T, EXPTIME_S)
    exptime_s[AT:] /= 4
    return observed(rates, exptime_s)


def gain_step(rates):
    rates[AT:] *= 1.1  # EXPTIME in the header is wrong by as much
    return observed(rates)


def noise_floor(rates):
    rates[AT] += 4 * np.exp(-rates[AT] / 20)  # a pedestal that shows where the Sun is dark
    return observed(rates)


def cosmic_ray(rates):
    frames = observed(rates)
    frames[AT, 60, 40] += 3000
    return frames


def missing_block(rates):
    frames = observed(rates)
    frames[AT, 40:56, 48:64] = 0
    return frames


def pointing_glitch(rates):
    rates[AT] = np.roll(rates[AT], 1, axis=1)
    return observed(rates)


def pointing_jump(rates):
    rates[AT:] = np.roll(rates[AT:], 1, axis=0)
    return observed(rates)


FAULTS = [short_exposure, exposure_step, gain_step, noise_floor]
FAULTS += [cosmic_ray, missing_block, pointing_glitch, pointing_jump]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f.__name__)
def test_a_fault_alone_is_no_event_of_the_sun(detect, fault):
    events = detect(fault)
    assert [(e.frame_start, e.frame_end, e.peak_score) for e, reason in events if not reason] == []


@pytest.mark.parametrize(
    ("fault", "expected"), [(cosmic_ray, SPIKE), (missing_block, BLOCK), (pointing_glitch, POINTING)]
)
def test_faults_that_show_are_reported_with_their_reason(detect, fault, expected):
    events = detect(fault)
    assert {reason for _, reason in events} == {expected}
    assert all(e.frame_start == e.frame_end == AT for e, _ in events)


def test_masked_telemetry_raises_nothing_at_all(detect):
    masks = np.zeros((T, SIDE, SIDE), np.uint8)
    masks[AT, 40:56, 48:64] = INVALID
    assert detect(lambda rates: observed(rates), masks) == []


@pytest.mark.parametrize("gain", [2, -0.6], ids=["flare", "dimming"])
@pytest.mark.parametrize(("frames", "camera"), [(1, observed), (3, observed), (3, short_exposure), (3, noise_floor)])
def test_a_flare_or_a_dimming_is_the_suns_also_beside_a_fault(detect, frames, camera, gain):
    y, x = np.mgrid[:SIDE, :SIDE]
    blob = np.exp(-((y - 50) ** 2 + (x - 60) ** 2) / (2 * 2.5**2))

    def flare(rates):
        rates[AT : AT + frames] *= 1 + gain * blob
        return camera(rates)

    scene = [e for e, reason in detect(flare) if not reason]
    assert any(e.frame_start <= AT + 1 and np.hypot(e.x - 60, e.y - 50) < 3 for e in scene)


def test_one_pixel_of_a_shrunken_frame_may_be_a_flare(tmp_path):
    reel = make_reel(tmp_path / "r", np.zeros((2, 1, 16, 16), np.float32), meta={"source_shape": [64, 64]})
    assert not is_resolved(reel)
    frame = np.zeros((1, 16, 16), np.float32)
    spoilt, valid = frame.copy(), np.ones((16, 16), bool)
    spoilt[0, 4, 4] = 1
    assert [b.instrument for b in judged([box()], spoilt, frame, valid, False)] == [""]
    assert [b.instrument for b in judged([box()], spoilt, frame, valid, True)] == [SPIKE]


def event_of(boxes_by_frame):
    linker = EventLinker()
    for frame, boxes in boxes_by_frame.items():
        linker.push(frame, boxes)
    (event,) = linker.finish()
    return event


def box(reason=""):
    return Box(2, 2, 6, 6, 4.0, 4.0, 9.0, 5.0, 16, "high", reason)


def test_an_event_is_the_cameras_only_when_all_of_it_is():
    camera = np.zeros(100, bool)
    camera[[3, 4]] = True
    assert event_reason(event_of({3: [box()], 4: [box()]}), camera) == EXPOSURE
    assert event_reason(event_of({3: [box()], 5: [box()]}), camera) == ""
    assert event_reason(event_of({2: [box(BLOCK)], 3: [box()]}), camera) == f"{BLOCK}; {EXPOSURE}"
    assert event_reason(event_of({2: [box(SPIKE)]}), camera) == SPIKE
    assert event_reason(event_of({2: [box(SPIKE)], 3: [box(SPIKE)]}), camera) == ""
    assert event_reason(event_of({f: [box()] for f in range(UNEXPLAINED)}), np.ones(100, bool)) == ""


def test_camera_frames_stand_out_of_the_reel_by_far():
    common = np.random.default_rng(0).normal(0.001, 0.0001, 200)
    common[[50, 120]] = 0.02, 0.0018
    common[10] = np.nan
    assert np.flatnonzero(camera_frames(common)).tolist() == [50]
    assert not camera_frames(np.full(5, np.nan)).any()


def test_a_frame_stands_out_from_camera_z_spreads_on():
    quiet = np.random.default_rng(0).normal(0.01, 0.001, 4001)
    median = np.median(quiet)
    spread = 1.4826 * np.median(np.abs(quiet - median))
    common = np.append(quiet, median + np.array([0.9, 1.1]) * CAMERA_Z * spread)  # two of 4003 hardly move the median
    assert np.flatnonzero(camera_frames(common)).tolist() == [4002]
    assert CAMERA_Z == 25.0  # docs/events.md says so


def test_a_shift_is_told_from_a_change(sun):
    picture = np.log1p(sun)
    valid = np.ones(sun.shape, bool)
    assert has_jumped(np.roll(picture, 1, 0), picture, valid)
    assert not has_jumped(picture, picture, valid)
    brighter = picture.copy()
    brighter[20:40, 20:40] += 3
    assert not has_jumped(brighter, picture, valid)


def test_looking_for_a_shift_changes_no_picture():
    """OpenCV windows its input in place where it needs no padding; the reasons of boxes would be told from that."""
    pictures = np.random.default_rng(0).random((2, 24, 24)).astype(np.float32)
    before = pictures.copy()
    has_jumped(pictures[0], pictures[1], np.ones((24, 24), bool))
    np.testing.assert_array_equal(pictures, before)


def test_frames_without_boxes_cost_nothing():
    assert judged([], None, None, None, True) == []
