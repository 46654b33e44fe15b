"""A small flare that was forgotten in quiet pictures is hidden at its place, and raises no threshold."""

from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.review_processed_data import NOT_QUIET
from inference.calibration.calibrate import read_calibration
from inference.calibration.places import Place, around, beside, standing_out
from inference.calibration.quiet import frames as kept
from inference.calibration.quiet.events import NO_EVENTS, QuietEvents
from inference.calibration.quiet.frames import KeptMaps, _together
from inference.calibration.quiet.ranges import QuietRange
from inference.calibration.tail import TailPrior
from inference.fit import fit
from tests.support.sun_events import quiet_sun, solar_reel
from tests.support.trainings import small_config

SIDE, FRAMES, TOGETHER = 48, 30, np.repeat([1, 2, 3], 10)


def quiet(seed: int, frames: int = FRAMES) -> np.ndarray:
    """Scores (T, H, W) of places that have nothing to do with each other: a few events of one pixel a frame."""
    return np.random.default_rng(seed).exponential(size=(frames, SIDE, SIDE)).astype(np.float32)


def found_in(scores: np.ndarray, known: QuietEvents = NO_EVENTS, gap: int = 2) -> list[Place]:
    def level_of(number: int, some: Sequence[Place]) -> float:
        return float(beside(some, number, scores[number]).max())

    def events_of(left: np.ndarray, some: Sequence[Place]) -> np.ndarray:
        rest = np.stack([beside(some, n, score) for n, score in enumerate(scores)])
        return np.sort(rest.ravel())[::-1][:100]

    levels = scores.max(axis=(1, 2))
    return standing_out(levels, scores.__getitem__, level_of, events_of, TOGETHER, gap, known.beyond)


def flared(scores: np.ndarray, size: float, y: int = 10, x: int = 14, frames: slice = slice(12, 15)) -> np.ndarray:
    spoilt = scores.copy()
    spoilt[frames, y - 1 : y + 2, x - 1 : x + 2] = size
    return spoilt


@given(st.integers(0, 2**32 - 1), st.integers(2, SIDE - 3), st.integers(2, SIDE - 3))
@settings(max_examples=20)
def test_a_flare_in_one_place_is_hidden_and_its_frames_are_not(seed, y, x):
    scores = flared(quiet(seed), 60.0, y, x)
    (place,) = found_in(scores)
    assert 10 <= place.first <= 12  # a usual top of a frame may lie beside it
    assert 15 <= place.stop <= 17
    hidden = np.zeros((SIDE, SIDE), bool)
    hidden[place.y0 : place.y1, place.x0 : place.x1] = True
    assert hidden[y - 1 : y + 2, x - 1 : x + 2].all()
    assert place.volume < 0.05 * scores.size
    left = beside([place], 13, scores[13])
    assert left.max() < 60
    np.testing.assert_array_equal(beside([place], 9, scores[9]), scores[9])


def test_quiet_pictures_have_hardly_any_place_that_stands_out():
    """One in fifty is what the rule allows, and the exponential tail is a little wider than that of few values."""
    assert np.mean([len(found_in(quiet(seed))) > 0 for seed in range(200)]) < 0.06


def test_what_flares_up_here_and_there_is_usual():
    scores = quiet(0)
    random = np.random.default_rng(0)
    for frame in range(0, FRAMES, 2):
        for y, x in random.integers(2, SIDE - 2, (8, 2)):
            scores[frame, y, x] = 40 + 5 * random.random()
    assert found_in(scores) == []


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=10)
def test_what_such_scenes_are_known_to_reach_is_not_hidden(seed):
    """Quiet hours by chance have low levels, and their highest stands out from them; a flare does from both."""
    known = replace(NO_EVENTS, span_s=FRAMES * 900.0, prior=TailPrior(23.0, 0.35, FRAMES * 900.0))
    low = 0.3 * quiet(seed)
    for size, alone, beside_known in ((9.0, 1, 0), (30.0, 1, 1)):
        assert len(found_in(flared(low, size))) == alone
        assert len(found_in(flared(low, size), known)) == beside_known


def test_two_flares_are_what_happens_there_now_and_then():
    assert found_in(flared(flared(quiet(2), 60.0), 58.0, 30, 30, slice(22, 25))) == []


@pytest.mark.parametrize(("apart", "gap", "hidden"), [(2, 2, 1), (3, 2, 0), (3, 20, 1)])
def test_what_comes_once_more_within_the_gap_of_an_event_is_of_the_same(apart, gap, hidden):
    """A flare that has faded leaves darkness against frames of before; later, it would be another one."""
    scores = flared(flared(quiet(4), 60.0, frames=slice(11, 13)), 50.0, frames=slice(13 + apart, 19))
    found = found_in(scores, gap=gap)
    assert len(found) == hidden
    assert all(place.first <= 11 and place.stop >= 19 for place in found)


def test_a_place_grows_by_no_other_one_within_the_gap():
    assert found_in(flared(flared(quiet(5), 60.0), 50.0, 30, 30, slice(17, 19)), gap=20) == []


def test_parts_that_judge_each_other_end_no_stretch(tmp_path):
    reel = solar_reel(tmp_path / "sun", quiet_sun(24, 16), 24.0, 1.2)
    some = [QuietRange(reel, 0, 12, "train"), QuietRange(reel, 12, 24, "train")]
    frames = [(some[0], 3), (some[0], 4), (some[0], 7), (some[1], 12), (some[1], 13), (some[0], 5), (some[1], 12)]
    maps = KeptMaps(BytesIO(), (16, 16))
    maps.places = [kept.Place(n // 4, *frame) for n, frame in enumerate(frames)]
    assert _together(maps, 4).tolist() == [0, 0, 0, 0, 0, 1, 2]


def test_what_is_everywhere_at_once_has_no_place():
    scores = quiet(1)
    scores[12:18] += 60
    assert found_in(scores) == []


def test_a_place_ends_with_its_stretch_and_where_it_is_usual():
    scores = flared(np.zeros((FRAMES, SIDE, SIDE), np.float32), 9.0, frames=slice(15, 25))
    place = around(18, 3.0, scores.__getitem__, TOGETHER)
    assert (place.first, place.stop) == (15, 20)
    assert (place.y0, place.y1, place.x0, place.x1) == (5, 16, 9, 20)


@pytest.mark.parametrize("size", [0.0, 1.0])
def test_frames_without_any_level_have_no_place(size):
    assert found_in(np.full((FRAMES, SIDE, SIDE), size, np.float32)) == []


def trained(folder, flux: np.ndarray) -> tuple[float, pd.DataFrame]:
    """The highest quiet level that decides thresholds of a run of `excess` on few frames, and what is told."""
    solar_reel(folder / "reels" / "sun", flux, 24.0, 1.2)
    model = {"name": "excess", "backgrounds": [[1, 4]]}
    evaluation = {"score": "residual", "common_mode": False, "smooth_px": 0.0}
    run = fit(small_config(folder / "reels", folder / "run", model=model, eval=evaluation))
    (path,) = (p for p in (run / "calibration").glob("*.npz") if not p.name.startswith("camera"))
    tables = [pd.read_csv(p) for p in (run / "calibration").glob(f"*{NOT_QUIET}")]
    return float(read_calibration(path).events.levels[0]), pd.concat([pd.DataFrame({"x": [], "y": []}), *tables])


def test_a_flare_forgotten_in_few_quiet_frames_is_told_and_raises_no_threshold(tmp_path):
    side = 96
    flux = quiet_sun(40, side)
    highest, told = trained(tmp_path / "quiet", flux)
    assert told.empty
    onset, (y, x) = 12, (20, 30)
    spot = np.exp(-(np.hypot(*(np.indices((side, side)) - np.array([[[y]], [[x]]]))) ** 2) / 18)
    flared_flux = flux.copy()
    flared_flux[onset : onset + 4] += np.median(flux) * np.array([0.5, 1, 0.6, 0.3])[:, None, None] * spot
    with_flare, told = trained(tmp_path / "flared", flared_flux)
    assert with_flare < 1.25 * highest
    assert len(told) == 1
    assert np.hypot(told["x"][0] - x, told["y"][0] - y) < 4
    assert onset <= told["frame_peak"][0] < onset + 4
