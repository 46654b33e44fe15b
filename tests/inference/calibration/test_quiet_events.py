"""Events of quiet data: counted as eval links them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import uniform_filter1d

from inference.calibration.promise import NOTHING_SEEN, promised
from inference.calibration.quiet.events import (
    BLOCKS,
    beside_each_other,
    count_events,
    faulty,
    monotone,
    not_so_quiet,
    places,
    run_starts,
)
from inference.calibration.tail import level_for
from inference.events.boxes import pixel_boxes
from inference.events.events import EventLinker
from tests.support.quiet import of_series, promised_at

SCORES = st.lists(st.sampled_from([0.0, 1.0, 2.0, 3.0, 5.0]), min_size=1, max_size=60)


def linked(scores: np.ndarray, threshold: float, max_gap: int, min_samples: int) -> list[int]:
    """The oracle: first samples of the events that an EventLinker makes of a series' boxes."""
    linker, events = EventLinker(max_gap, 0.0, min_samples), []
    for i, score in enumerate(scores):
        events += linker.push(i, pixel_boxes(np.array([[score]]), threshold, threshold))
    return sorted(event.frame_start for event in events + linker.finish())


@given(SCORES, st.sampled_from([0.5, 1.0, 2.5, 4.0, 9.0]), st.integers(0, 4), st.integers(1, 3))
def test_runs_are_the_events_of_the_linker(scores, threshold, max_gap, min_samples):
    scores = np.array(scores)
    found = run_starts(scores, threshold, max_gap, min_samples)
    assert found.tolist() == linked(scores, threshold, max_gap, min_samples)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 300), st.integers(0, 5))
def test_levels_are_the_thresholds_below_which_there_are_so_many_events(seed, n, max_gap):
    scores = np.random.default_rng(seed).gamma(1.0, 1.0, n).astype(np.float32)
    made = of_series(scores, max_gap)
    events = made.events
    scores[made.left_out] = 0
    assert (np.diff(events.thresholds) < 0).all()
    assert (np.diff(events.totals) >= 0).all()
    assert (np.diff(events.levels) <= 0).all()
    assert events.counts.shape == (len(events.thresholds), BLOCKS)
    assert events.thresholds[0] == scores.max()
    below = [float(np.nextafter(np.float32(t), np.float32(0))) for t in events.thresholds]
    counted = [len(linked(scores, threshold, max_gap, 1)) for threshold in below]
    assert events.counts.sum(axis=1).tolist() == counted
    assert events.totals[-1] == max(counted)
    for j, level in enumerate(events.levels, 1):
        assert events.at_least(level) < j <= events.at_least(level * (1 - 1e-6))


def test_the_pieces_of_one_long_event_are_one_and_events_that_merge_stay_as_many():
    assert monotone(np.array([1, 7, 8, 3, 1, 2, 5, 9, 4, 1])).tolist() == [1, 1, 1, 1, 1, 2, 5, 9, 9, 9]


def test_sixty_exceedances_in_twelve_clusters_are_twelve_events():
    scores = np.random.default_rng(0).uniform(0, 1, 2400)
    scores[np.arange(12)[:, None] * 200 + np.arange(5)] += 10
    assert of_series(scores).events.at_least(9.0) == 12


@given(st.integers(0, 500))
def test_places_grow_and_end_with_the_last(count):
    found = places(count)
    assert found == sorted(set(found))
    assert set(found[:4]) == set(range(min(count, 4)))
    assert not count or found[-1] == count - 1


def test_the_highest_events_are_resolved_below_a_long_one():
    """Two hundred frames of one event lie between two thresholds; the next ones are told apart all the same."""
    scores = np.random.default_rng(0).gumbel(5, 1, 4000)
    alone = of_series(np.delete(scores, np.arange(1000, 1200))).events
    scores[1000:1200] += 60
    found = of_series(scores)
    assert len(found.left_out)
    np.testing.assert_allclose(found.events.levels[:10], alone.levels[:10], rtol=1e-6)


class TestNotSoQuiet:
    def test_a_forgotten_flare_or_two_are_left_out_and_the_threshold_stays(self):
        scores = np.random.default_rng(0).gumbel(5, 1, 4000)
        clean, flared = of_series(scores), scores.copy()
        flared[1000:1100] += 60
        flared[3000:3080] += 25
        found = of_series(flared)
        assert set(range(1000, 1100)) | set(range(3000, 3080)) <= set(found.left_out.tolist())
        for events in (0.3, 1, 5, 30):
            days = clean.events.span_s / 86_400
            low, high = (promised_at(made, events / days) for made in (clean, found))
            assert high == pytest.approx(low, rel=0.1)

    def test_what_happens_every_hour_is_usual_however_high(self):
        scores = np.random.default_rng(0).gumbel(5, 1, 4000)
        scores[::160] += 60
        made = of_series(scores)
        assert not len(made.left_out)
        assert promised_at(made, 1.0) > 60

    def test_plain_noise_hardly_ever_loses_an_event(self):
        rng = np.random.default_rng(0)
        draws = {"gumbel": lambda: rng.gumbel(5, 1, 2000), "heavy": lambda: np.abs(rng.standard_t(4, 2000))}
        for name, draw in draws.items():
            lost = sum(bool(len(of_series(draw()).left_out)) for _ in range(60))
            assert lost <= 12, name  # of 60: one chance in RARE_SPANS, and heavy tails are not known to be

    def test_an_episode_goes_with_all_that_it_does(self):
        """A fault of which every tenth sample stands out, the later ones less: one episode, nothing of it is left."""
        scores = np.random.default_rng(0).gumbel(5, 1, 4000)
        clean = of_series(scores)
        scores[1000:1100:10] += np.geomspace(100, 8, 10)
        found = of_series(scores)
        assert set(range(1000, 1091, 10)) <= set(found.left_out.tolist())
        assert promised_at(found, 1.0) == pytest.approx(promised_at(clean, 1.0), rel=0.1)

    def test_too_few_events_say_nothing_of_one(self):
        scores = np.zeros(100, np.float32)
        scores[[10, 40, 70]] = 1.0, 1.1, 50.0
        assert not not_so_quiet(scores, 60.0, 16).any()


class TestFaulty:
    @settings(max_examples=25, deadline=None)
    @given(st.integers(0, 10**6), st.lists(st.tuples(st.integers(20, 400), st.floats(30, 1e4)), min_size=1, max_size=3))
    def test_up_to_three_faults_of_any_length_and_height_are_found_whole(self, seed, faults):
        """However much higher one is than another, and together up to a fifth of the samples."""
        levels = np.random.default_rng(seed).gumbel(5, 1, 6000).astype(np.float32)
        is_fault = np.zeros(len(levels), bool)
        for k, (length, height) in enumerate(faults):
            is_fault[1000 + 2000 * k :][:length] = True
            levels[1000 + 2000 * k :][:length] += height
        assert faulty(levels, 60.0, 32)[is_fault].all()

    def test_those_that_one_hides_are_found_with_it(self):
        levels = np.random.default_rng(0).gumbel(5, 1, 4000).astype(np.float32)
        levels[1000:1100] += 1000
        levels[3000:3080] += 30
        found = faulty(levels, 60.0, 16)
        assert found[1000:1100].all()
        assert found[3000:3080].all()

    @settings(max_examples=25, deadline=None)
    @given(
        st.integers(0, 10**6), st.lists(st.tuples(st.integers(100, 300), st.floats(30, 1e4)), min_size=1, max_size=3)
    )
    def test_faults_are_told_where_smooth_scores_have_hardly_an_episode_besides(self, seed, faults):
        """Scores of whole windows, each the mean of many samples, rise and fall slowly: few rise by themselves."""
        values, heights = np.random.default_rng(seed).normal(0, 1, 6000) ** 2, np.zeros(6000)
        for k, (length, height) in enumerate(faults):
            heights[1000 + 2000 * k :][:length] = height
        levels = uniform_filter1d(values + heights, 96).astype(np.float32)
        found = faulty(levels, 60.0, 96)
        assert found[levels > 10].all()
        assert found.mean() < 0.35

    def test_waves_that_run_into_each_other_are_usual_beside_a_fault(self):
        """Waves nearer to each other than what is one episode: few episodes, and yet they come all the time."""
        t = np.arange(600)
        levels = np.abs(np.sin(t / 7) * (1 + 0.7 * np.sin(t / 90)))
        levels[300:303] += 10
        found = faulty(levels.astype(np.float32), 60.0, 8)
        assert found[300:303].all()
        assert found.mean() < 0.05

    def test_smooth_scores_without_a_fault_seldom_lose_an_event(self):
        rng = np.random.default_rng(0)
        draws = [uniform_filter1d(rng.normal(0, 1, n) ** 2, 96).astype(np.float32) for n in (1500, 3000, 6000) * 20]
        assert sum(faulty(levels, 60.0, 96).any() for levels in draws) <= 3

    def test_what_lasts_for_most_of_the_time_is_usual(self):
        levels = np.random.default_rng(0).gumbel(5, 1, 4000).astype(np.float32)
        levels[1000:2500] += 60
        assert not faulty(levels, 60.0, 16)[1000:2500].all()

    @pytest.mark.parametrize(
        ("draw", "most"),
        [
            (lambda rng: rng.gumbel(5, 1, 2000), 6),
            (lambda rng: rng.exponential(1, 400), 6),
            (lambda rng: np.abs(rng.standard_t(4, 2000)), 15),  # heavy tails are not known to be
        ],
    )
    def test_plain_noise_seldom_loses_an_event(self, draw, most):
        rng = np.random.default_rng(0)
        assert sum(faulty(draw(rng).astype(np.float32), 60.0, 16).any() for _ in range(60)) <= most

    def test_what_happens_every_hour_is_usual_however_high(self):
        levels = np.random.default_rng(0).gumbel(5, 1, 4000).astype(np.float32)
        levels[::160] += 60
        assert not faulty(levels, 60.0, 16).any()


def test_no_score_at_all_is_an_error():
    with pytest.raises(ValueError, match="not one quiet"):
        count_events(np.zeros(0, np.float32), lambda threshold, levels: np.zeros(0, int), 1.0)


def test_data_whose_frames_make_no_event_have_their_highest_level_for_a_threshold():
    """A few frames, none of which stays above a level for as long as an event lasts: 0 would be no threshold at all."""
    levels = np.array([5.0, 2.0, 7.0, 3.0], np.float32)
    made = count_events(levels, lambda threshold, levels: np.zeros(0, int), 3600.0)
    assert not len(made.levels)
    assert made.threshold_for(1.0) == made.threshold_for(100.0) == 7


def test_data_without_any_residual_have_no_events():
    made = of_series(np.zeros(50))
    assert not len(made.events.levels)
    promise = promised(made.events, 1.0)
    assert promise.used == promise.supported > 0
    assert promise.threshold == NOTHING_SEEN


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([60, 700, 3000]), st.sampled_from([1.0, 60.0, 600.0]))
def test_thresholds_fall_until_there_are_enough_events_and_none_is_far_from_the_next(seed, n, cadence_s):
    levels = np.random.default_rng(seed).gumbel(5, 1, n).astype(np.float32)
    found = count_events(levels, lambda threshold, shown: run_starts(shown, threshold, 3, 1), cadence_s)
    assert found.span_s == n * cadence_s
    upper = np.unique(np.sort(levels)[n // 2 :])[::-1]  # every other frame is above the lowest of them
    place = np.searchsorted(-upper, -found.thresholds)
    assert upper[place].tolist() == found.thresholds.tolist()
    totals, enough = found.counts.sum(axis=1), max(100, 100 * n * cadence_s / 3600)
    assert totals.max() >= enough or place[-1] == len(upper) - 1
    jumps = np.diff(found.totals) > np.maximum(1, 0.15 * found.totals[:-1])
    assert not (jumps & (np.diff(place) > 1)).any() or len(place) == 150
    assert len(place) <= 150
    coarse = places(len(upper))
    needed = [found.at_least(upper[p]) for p in coarse if p <= place[-1]]
    assert all(total < enough for total in needed[:-1])  # of the places that double and more, the first that has enough


def spikes(heights: list[float], apart: int = 100) -> np.ndarray:
    """Levels of quiet frames that are 0 but for single frames, so far apart."""
    levels = np.zeros(apart * (len(heights) + 1), np.float32)
    levels[apart * np.arange(1, len(heights) + 1)] = heights
    return levels


OTHERS = 5 - np.log((np.random.default_rng(3).permutation(60) + 0.5) / 60)  # exponential, none of them far out


@pytest.mark.parametrize("count", [1, 9, 10, 11])
def test_at_most_ten_episodes_are_left_out(count):
    levels = spikes([*OTHERS, *(1000.0 + np.arange(count))])
    assert (not_so_quiet(levels, 60.0, 2) & (levels > 900)).sum() == (count if count <= 10 else 0)


@pytest.mark.parametrize(("others", "is_told"), [(3, False), (4, True)])
def test_four_others_tell_what_is_usual(others, is_told):
    assert not_so_quiet(spikes([*OTHERS[:others], 1000.0]), 60.0, 2).any() == is_told


@pytest.mark.parametrize(("factor", "is_told"), [(0.999, False), (1.001, True)])
def test_an_episode_stands_out_from_what_is_expected_once_in_fifty_spans(factor, is_told):
    levels = spikes([*OTHERS, 1000.0])
    found = count_events(levels, lambda threshold, shown: run_starts(shown, threshold, 2, 1), 60.0)
    expected = level_for(found.levels[1:], 1 / 50)
    assert not_so_quiet(spikes([*OTHERS, factor * expected]), 60.0, 2).any() == is_told


@pytest.mark.parametrize(
    ("reach", "lasting", "left_out"), [(1, 49, 51), (1, 51, 0), (35, 20, 90), (45, 20, 100), (5, 49, 59), (60, 50, 100)]
)
def test_what_lasts_for_a_twentieth_of_the_frames_is_usual_and_with_it_goes_at_most_a_tenth(reach, lasting, left_out):
    levels = np.zeros(1000, np.float32)
    levels[np.arange(10) * 65] = OTHERS[:10]  # farther apart than the reach
    levels[700 : 700 + lasting] = 1000.0
    assert not_so_quiet(levels, 60.0, reach).sum() == left_out


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(80, 400), st.integers(1, 40), st.floats(3, 1e6))
def test_one_flare_in_minutes_of_quiet_data_is_not_their_threshold(seed, n, reach, times):
    """Whatever lies near it: two frames of a span in which few episodes are farther apart than the reach."""
    rng = np.random.default_rng(seed)
    levels = rng.uniform(4, 6, n).astype(np.float32)
    at = int(rng.integers(0, n - 1))
    levels[at : at + 2] = 6 * times
    found = not_so_quiet(levels, 24.0, reach)
    assert found[at : at + 2].all()
    assert found.sum() <= max(2, 0.1 * n)


def of_copies(seed: int, high: float, event: slice, height: float) -> tuple[np.ndarray, np.ndarray]:
    """Levels (900,) of five copies of 180 frames each, the fourth of which is `high` times the others, and an event."""
    copies = np.arange(900) // 180
    levels = 0.7 + 0.05 * np.abs(np.random.default_rng(seed).standard_normal(900)).clip(0, 2)
    levels[copies == 3] *= high
    levels[event] = height
    return levels.astype(np.float32), copies


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.floats(1, 1.4), st.integers(540, 685), st.integers(1, 35), st.floats(1.3, 3))
def test_an_episode_stands_out_however_high_all_frames_are_that_its_copy_judges(seed, high, first, lasting, times):
    """As of one who ran through the clips once: the other copies know of it, so all else is low in their units."""
    event = slice(first, first + lasting)
    levels, copies = of_copies(seed, high, event, 0.8 * high * times)
    found = not_so_quiet(beside_each_other(levels, copies), 0.1, 16)
    assert found[event].all()
    assert found.mean() <= 0.1


def test_without_the_copies_it_would_not_and_a_copy_whose_frames_are_high_does_not_by_itself():
    levels, copies = of_copies(0, 1.25, slice(600, 635), 1.6)
    assert not not_so_quiet(levels, 0.1, 16).any()
    levels, copies = of_copies(0, 1.7, slice(0), 0)
    assert not not_so_quiet(beside_each_other(levels, copies), 0.1, 16).any()


@given(st.lists(st.tuples(st.floats(0, 1e6, width=32), st.integers(0, 4)), min_size=1, max_size=60))
def test_no_copy_is_brought_up_nor_told_from_one_in_the_middle(drawn):
    levels = np.array([level for level, _ in drawn], np.float32)
    copies = np.array([copy for _, copy in drawn])
    found = beside_each_other(levels, copies)
    assert (found <= levels).all()
    assert (found >= 0).all()
    middle = np.median([np.median(levels[copies == copy]) for copy in set(copies.tolist())])
    for copy in set(copies.tolist()):
        own = levels[copies == copy]
        assert np.median(found[copies == copy]) <= middle * (1 + 1e-5)
        if np.median(own) <= middle:
            assert (found[copies == copy] == own).all()
    assert (beside_each_other(levels, np.zeros(len(levels), int)) == levels).all()
