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
from inference.calibration.quiet.ranges import QuietRange
from inference.camera.bounds import ALL_PASS
from inference.detection import detections
from inference.events.boxes import Box
from inference.events.events import CAMERA, UNEXPLAINED, EventLinker
from inference.events.instrument import (
    BLOCK,
    CAMERA_Z,
    EXPOSURE,
    POINTING,
    SPIKE,
    camera_frames,
    event_reason,
    explained,
    has_jumped,
    is_block,
    is_resolved,
    is_spike,
    judged,
    whole_frame,
)
from inference.job import Job
from inference.results.results import Results
from inference.scorers.nets.net import Detector
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


@pytest.mark.parametrize("seed", range(40))
def test_noise_that_a_shift_between_pixels_would_smooth_is_no_shift(seed):
    random = np.random.default_rng(seed)
    picture = np.sqrt(np.geomspace(10, 1000, 40)) * np.ones((40, 1))
    noisy = picture + 3 * random.standard_normal(picture.shape)
    clean = picture + 0.3 * random.standard_normal(picture.shape)
    assert not has_jumped(clean, noisy, np.ones(picture.shape, bool))


def test_looking_for_a_shift_changes_no_picture():
    """OpenCV windows its input in place where it needs no padding; the reasons of boxes would be told from that."""
    pictures = np.random.default_rng(0).random((2, 24, 24)).astype(np.float32)
    before = pictures.copy()
    has_jumped(pictures[0], pictures[1], np.ones((24, 24), bool))
    np.testing.assert_array_equal(pictures, before)


def test_frames_without_boxes_cost_nothing():
    assert judged([], None, None, None, True) == []


def test_without_a_reconstruction_nothing_is_told():
    assert judged([box()], np.zeros((1, 16, 16)), None, np.ones((16, 16), bool), True) == [box()]


@pytest.mark.parametrize(("sizes", "expected"), [((32, 16), True), ((33, 16), False), ((16, 33), False)])
def test_a_reel_is_resolved_down_to_half_of_the_cameras_pixels(tmp_path, sizes, expected):
    reel = make_reel(tmp_path / "r", np.zeros((2, 1, 16, 16), np.float32), meta={"source_shape": list(sizes)})
    assert is_resolved(reel) == expected


def test_boxes_keep_the_reason_that_they_have():
    assert [b.instrument for b in explained([box(), box(SPIKE)], EXPOSURE)] == [EXPOSURE, SPIKE]


def test_the_box_of_a_whole_frame_is_of_its_valid_pixels():
    score, valid = np.arange(12.0).reshape(3, 4), np.ones((3, 4), bool)
    valid[2] = False
    assert whole_frame(score, valid, "frozen") == Box(0, 0, 4, 3, 1.5, 1.0, 7.0, 3.5, 8, CAMERA, "frozen")
    assert whole_frame(score, ~(score >= 0), "frozen") == Box(0, 0, 4, 3, 1.5, 1.0, 0.0, 0.0, 1, CAMERA, "frozen")


class TestSpike:
    @pytest.mark.parametrize(("inside", "expected"), [(0.74, False), (0.76, True)])
    def test_it_has_three_quarters_of_the_change_in_two_by_two_pixels(self, inside, expected):
        change = np.zeros((9, 9))
        change[3:5, 5:7] = inside / 4
        change[7:9, 0:2] = (1 - inside) / 4
        change[0] = -0.1  # what darkens takes nothing off
        assert is_spike(change) == expected
        assert is_spike(change + 5) == expected  # whatever the level

    @pytest.mark.parametrize("row", [0, 4, 8])
    def test_one_pixel_is_one_also_at_the_edge(self, row):
        change = np.zeros((9, 9))
        change[row, row] = 1
        assert is_spike(change)
        assert not is_spike(-change)  # what has darkened
        change[4, 2] = -2
        assert not is_spike(change)

    @pytest.mark.parametrize("place", [(slice(3, 6), 4), (4, slice(3, 6))])
    def test_no_change_or_a_wide_one_is_none(self, place):
        assert not is_spike(np.zeros((9, 9)))
        row = np.zeros((9, 9))
        row[place] = 1
        assert not is_spike(row)
        y, x = np.mgrid[:9, :9]
        assert not is_spike(np.exp(-((y - 4) ** 2 + (x - 4) ** 2) / 2))


class TestBlock:
    @pytest.mark.parametrize(("equal", "expected"), [(17, False), (18, True), (20, True)])
    def test_nine_tenths_of_what_darkened_have_one_value(self, equal, expected):
        picture, before = np.full((8, 8), 5.0), np.full((8, 8), 5.0)
        picture.flat[:20] = [*[0.5] * equal, *(0.6 + 0.01 * np.arange(20 - equal))]
        assert is_block(picture, picture - before) == expected

    @pytest.mark.parametrize(("size", "expected"), [(3, False), (4, True)])
    def test_a_block_has_four_pixels(self, size, expected):
        picture = np.ones((8, 8))
        picture.flat[:size] = 0
        assert is_block(picture, picture - 1) == expected

    def test_what_brightened_is_none_and_a_small_change_beside_it_does_not_count(self):
        assert not is_block(np.ones((8, 8)), np.ones((8, 8)))
        assert not is_block(np.ones((8, 8)), np.zeros((8, 8)))
        change = np.zeros((8, 8))
        change.flat[:22] = [*[-1.0] * 18, *[-0.6] * 4]  # more than half as dark: they do
        assert not is_block(np.where(change == -1, 0.0, np.arange(64).reshape(8, 8)), change)
        change = -0.4 * np.random.default_rng(0).random((8, 8))
        change[:2] = -1
        assert is_block(np.where(change == -1, 0.0, np.arange(64).reshape(8, 8)), change)


@pytest.mark.parametrize(("shift", "expected"), [(0.3, False), (0.6, True), (6.5, True), (9.0, False)])
@pytest.mark.parametrize("direction", [(1, 0), (0, 1), (-0.6, 0.8)])
def test_a_jump_is_of_half_a_pixel_up_to_an_eighth_of_the_picture(shift, direction, expected):
    """9 px of 64 are a turn to another scene."""
    picture = cv2.GaussianBlur(np.random.default_rng(0).random((64, 96)).astype(np.float32), (0, 0), 2.5)
    move = np.array([[1, 0, shift * direction[0]], [0, 1, shift * direction[1]]], np.float32)
    moved = cv2.warpAffine(picture, move, (96, 64), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    valid = np.ones(picture.shape, bool)
    assert has_jumped(moved, picture, valid) == expected
    assert has_jumped(moved[:15], picture[:15], valid[:15]) is False  # too small to tell
    # Nor is it one where as much has changed besides.
    other = cv2.GaussianBlur(np.random.default_rng(1).random((64, 96)).astype(np.float32), (0, 0), 2.5)
    assert not has_jumped(moved + 2 * (other - 0.5), picture, valid)


@pytest.mark.parametrize(("level", "found"), [(0.9 * 0.5 / 256, []), (1.1 * 0.5 / 256, [3])])
def test_a_change_that_shows_in_no_picture_is_not_the_cameras(level, found):
    """Less than half a gray level, though a reel that never changes has no spread."""
    common = np.zeros(50)
    common[3] = level
    assert np.flatnonzero(camera_frames(common)).tolist() == found


def test_a_fifth_of_the_frames_hide_none_of_each_other_and_rounding_is_no_change():
    common = np.full(200, 0.01) + 1e-4 * np.random.default_rng(0).standard_normal(200)
    common[::5] = 0.02
    assert np.flatnonzero(camera_frames(common)).tolist() == list(range(0, 200, 5))
    same = np.full(200, 0.01)
    same[3] += 1e-9
    assert not camera_frames(same).any()


EXPECTED = np.add.outer(np.arange(20.0), np.arange(20.0))
INNER, OUTER = [(4, 6), (9, 6), (6, 4), (6, 9)], [(3, 7), (10, 7), (7, 3), (7, 10)]  # one and two pixels off the box


def reason_of(change: np.ndarray, place: tuple[int, int, int, int]) -> str:
    looked_at = Box(*place, 0.0, 0.0, 9.0, 5.0, 16, "high", "")
    (found,) = judged([looked_at], (EXPECTED + change)[None], EXPECTED[None], np.ones((20, 20), bool), True)
    return found.instrument


@pytest.mark.parametrize("at", INNER)
def test_a_box_is_judged_by_its_place_and_one_pixel_around(at):
    change = np.zeros((20, 20))
    change[at] = 1
    for outer in OUTER:
        change[outer] = 3
    assert reason_of(change, (5, 5, 9, 9)) == SPIKE
    change[6:9, 6:9] = 1
    assert reason_of(change, (5, 5, 9, 9)) == ""


def test_a_box_at_the_edge_of_the_frame_is_judged_too():
    for at, place in (((0, 0), (0, 0, 4, 4)), ((19, 19), (16, 16, 20, 20))):
        change = np.zeros((20, 20))
        change[at] = 1
        assert reason_of(change, place) == SPIKE


def test_a_block_is_told_of_the_box_that_holds_it():
    change = np.zeros((20, 20))
    change[5:9, 5:9] = -EXPECTED[5:9, 5:9]
    assert reason_of(change, (5, 5, 9, 9)) == BLOCK
    assert reason_of(change, (12, 12, 16, 16)) == ""
