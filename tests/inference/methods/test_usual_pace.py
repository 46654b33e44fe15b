"""How high motion gets at a place: the scene's own level where little was seen, the place's where it was seen often."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.methods.motion.timing import VISITS
from inference.methods.motion.usual_pace import (
    PRIOR_CHUNKS,
    highest_of,
    highest_of_parts,
    place_factor,
    usual_level,
    usual_levels,
)

H, W, LEAST = 20, 40, 0.1


def visits(random: np.random.Generator, chunks: int, often: float, road: float = 1.0) -> list[np.ndarray]:
    """Chunks of peaks (VISITS, H, W): each place is visited with a probability, at a speed of about 1, or on the right
    half of about `road`."""
    found = []
    for _ in range(chunks):
        peaks = random.lognormal(0, 0.2, (VISITS, H, W)) * np.where(np.arange(W) < W // 2, 1, road)
        found.append(np.where(random.random((VISITS, H, W)) < often, peaks, 0).astype(np.float32))
    return found


@given(st.integers(0, 99), st.floats(0.02, 0.5))
@settings(deadline=None, max_examples=30)
def test_places_that_differ_by_chance_alone_have_one_level(seed, often):
    factor = place_factor(visits(np.random.default_rng(seed), 4, often), np.full((H, W), LEAST))
    assert np.abs(factor).max() < 0.12  # of visits that scatter by 0.2


@given(st.integers(0, 99))
@settings(deadline=None, max_examples=20)
def test_hours_make_it_local_and_seconds_leave_it_global(seed):
    random, least = np.random.default_rng(seed), np.full((H, W), LEAST)

    def ratio(chunks: int, often: float) -> float:
        factor = np.exp(place_factor(visits(random, chunks, often, road=5.0), least))
        return float(np.median(factor[:, -W // 4 :]) / np.median(factor[:, : W // 4]))

    seconds, minutes, hours = ratio(1, 0.01), ratio(4, 0.1), ratio(60, 0.5)
    assert 0.8 < seconds <= 5.5
    assert hours == pytest.approx(5, rel=0.1)
    assert seconds < hours * 1.1
    assert minutes > 2


def test_a_place_without_visits_has_the_scene_s_level():
    chunks = visits(np.random.default_rng(0), 4, 0.4)
    for chunk in chunks:
        chunk[:, :, W // 2 :] = 0
    level = usual_level(chunks, np.ones(H), LEAST)
    assert level[:, -3:] == pytest.approx(np.full((H, 3), np.median(level[:, :10])), rel=0.15)


@given(st.floats(0.1, 10), st.integers(0, 20))
@settings(deadline=None, max_examples=20)
def test_perspective_is_learnt_and_units_do_not_matter(factor, seed):
    """What is twice as large and goes twice as many px is as usual."""
    size = np.linspace(4, 12, H)
    chunks = visits(np.random.default_rng(seed), 4, 0.3)
    near = [chunk * size[:, None] for chunk in chunks]
    level = usual_level(near, size, LEAST * size.mean())
    by_row = np.median(level, axis=1) / size
    assert by_row == pytest.approx(np.full(H, np.median(by_row)), rel=0.15)
    again = usual_level([factor * chunk for chunk in near], factor * size, factor * LEAST * size.mean())
    np.testing.assert_allclose(again, factor * level, rtol=1e-4)


def test_a_scene_without_any_motion_has_a_level():
    level = usual_level([np.zeros((VISITS, H, W), np.float32)], np.ones(H), LEAST)
    assert np.all(np.isfinite(level))
    assert np.all(level > 0)


@given(st.integers(1, 30), st.integers(1, 12))
def test_the_highest_of_all_parts_is_the_highest(frames, part):
    maps = np.random.default_rng(frames).random((frames, 6, 9)).astype(np.float32)
    found = highest_of_parts(maps, part, 3)
    assert found.shape[1:] == (2, 3)
    assert part / 2 <= frames / len(found) < 2 * part or frames < part  # of about equal lengths, however long a clip is
    assert found.max() == pytest.approx(maps.max(), rel=2**-10)  # float16


@given(st.lists(st.floats(0, 100, width=32), min_size=VISITS, max_size=9))
def test_the_highest_of_so_many_parts_is_the_mean_over_all_choices_of_them(parts):
    expected = np.mean([max(chosen) for chosen in combinations(parts, VISITS)])
    assert highest_of(np.array(parts), VISITS) == pytest.approx(expected, rel=1e-12)


@given(st.lists(st.floats(0.125, 100, width=32), min_size=1, max_size=VISITS - 1))
def test_fewer_parts_have_not_shown_the_highest(parts):
    assert max(parts) < highest_of(np.array(parts), VISITS) < 1.3 * max(parts)


def one_way(random: np.random.Generator, chunks: int, others: float) -> list[np.ndarray]:
    """Peaks (2, VISITS, H, W) of speed, and of a way that a share of the visits go; the others show a tenth of it."""
    found = []
    for peaks in visits(random, chunks, 0.3):
        goes = random.random(peaks.shape) < others
        found.append(np.stack([peaks, np.where(goes, peaks, 0.1 * peaks)]).astype(np.float32))
    return found


@given(st.integers(0, 99), st.integers(1, 6))
@settings(deadline=None, max_examples=15)
def test_a_way_that_nobody_goes_counts_the_more_the_longer_it_is_known(seed, chunks):
    """From the share that is asked for on, in hours; in seconds it counts as any other. A minute is half of each."""
    found = one_way(np.random.default_rng(seed), chunks, others=0)
    speed, way = usual_levels(found, np.ones(H), LEAST, 0.4)
    np.testing.assert_allclose(way, 0.4 ** (chunks / (chunks + PRIOR_CHUNKS)) * speed, rtol=1e-5)
    highest = np.concatenate([(chunk[0] / speed).max(axis=(1, 2)) for chunk in found])
    assert highest_of(highest, VISITS) == pytest.approx(1, rel=0.05)
    assert np.all(
        usual_levels(one_way(np.random.default_rng(seed), chunks, 1), np.ones(H), LEAST, 0.4)[1] > 0.8 * speed
    )


@given(st.integers(0, 99))
@settings(deadline=None, max_examples=15)
def test_a_way_that_one_part_alone_shows_is_no_evidence(seed):
    """What came once comes again: a way is told of by no more than speed is, in the parts that the others judge."""
    found = one_way(np.random.default_rng(seed), 4, others=0)
    found[2][1, 3] = found[2][0, 3]
    speed, way = usual_levels(found, np.ones(H), LEAST, 0.4)
    highest = [np.concatenate([(c[k] / level).max(axis=(1, 2)) for c in found]) for k, level in enumerate((speed, way))]
    assert highest[1].max() < 1.15 * highest[0].max()


def test_levels_of_no_chunk_are_refused():
    with pytest.raises(ValueError, match="no quiet frames to learn from"):
        usual_levels([], np.ones(H), LEAST, 0.4)
