"""Scores and plain evidence in one unit: rare is rare, more is never less, and a few odd samples decide nothing."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter

from data.series.wandering import LEVELS
from inference.calibration.surprises import MANY, PARTS, fit_surprises, parts_of
from inference.calibration.thresholds import COMBINE

N, C, E = 4000, 2, 3


def quiet(seed=0, channels=C):
    random = np.random.default_rng(seed)
    return random.exponential(size=(N, channels)), random.standard_normal((N, C, E)) * np.array([1.0, 30.0, 0.01])


def fitted(scores, evidence):  # in two stretches
    halves = np.array_split(evidence.astype(np.float32), 2)
    return fit_surprises(scores, halves, 60.0, 16).for_new


@cache
def fitted_once():
    return fitted(*quiet())


def test_each_part_is_as_rare_as_it_says():
    made, (scores, evidence) = fitted(*quiet()), quiet(1)
    alone = made(scores, evidence, 0.0, COMBINE["rms"])
    for surprise in (0.5, 1, 2):
        assert (alone > surprise).mean() == pytest.approx(10.0**-surprise, rel=0.25)
    beside = made(np.zeros((N, C)), evidence, 1.0, COMBINE["rms"])
    assert (beside > 2).mean() == pytest.approx(E * 0.01, rel=0.3)  # the most surprising one of them


@given(st.integers(0, C - 1), st.integers(0, E - 1), st.floats(3.0, 1e6), st.floats(1.1, 100))
@settings(max_examples=25)
def test_more_is_never_less_surprising(c, e, size, factor):
    made = fitted_once()
    evidence = np.zeros((2, C, E))
    evidence[:, c, e] = np.array([size, factor * size]) * [1.0, 30.0, 0.01][e]
    found = made(np.zeros((2, C)), evidence, 1.0, COMBINE["rms"])
    assert np.isfinite(found).all()
    assert found[1, c] >= found[0, c] > 1
    scores = np.zeros((2, C))
    scores[:, c] = size, factor * size
    assert np.diff(made(scores, np.zeros((2, C, E)), 1.0, COMBINE["rms"])[:, c]) >= 0


def test_the_value_of_what_wanders_says_nothing_and_all_else_does():
    scores, evidence = quiet()
    evidence[:, 0, 0] += np.linspace(0, 30, N)
    made = fitted(scores, evidence)
    assert np.isnan(made.centre).tolist() == [[True, False, False], [False, False, False]]
    new = np.zeros((3, C, E))
    new[0, 0, 0], new[1, 1, 0], new[2, 0, 1] = 1e3, 1e3, 1e5
    beside = made.beside(new)
    assert beside[0, 0] < 1 < beside[1, 1]
    assert beside[2, 0] > 3


@pytest.mark.parametrize("size", [30.0, 1e5])
def test_five_percent_of_others_move_no_curve(size):
    scores, evidence = quiet()
    sound = fitted(scores, evidence)
    scores, evidence = scores.copy(), evidence.copy()
    scores[1000:1180] += size  # in two episodes
    evidence[2500:2680] *= size
    spoilt = fitted(scores, evidence)
    probe = 6 * np.ones((1, C)), np.full((1, C, E), 4) * np.array([1.0, 30.0, 0.01])
    expected, found = (made(*probe, 1.0, COMBINE["rms"]) for made in (sound, spoilt))
    np.testing.assert_allclose(found, expected, rtol=0.1)


@given(st.integers(0, 60), st.integers(1, 3), st.sampled_from([0.0, 1e-9]), st.floats(1e-2, 1e9), st.integers(0, 99))
@settings(max_examples=12)
def test_rare_commands_of_another_variable_hide_no_fault(count, length, jitter, size, seed):
    """Their scatter is none: in units of it, they towered over all faults, which then were in the curves."""
    random = np.random.default_rng(seed)
    evidence = np.stack([random.standard_normal(N), jitter * random.standard_normal(N)], axis=1)[:, :, None]
    for begin in random.integers(0, N, count):
        evidence[begin : begin + length, 1] += size
    nothing, probe = np.zeros((N, 1)), np.array([[[4.0], [0.0]]])
    sound = fitted(nothing, evidence).beside(probe)[0, 0]
    evidence[1000:1060, 0] += 30.0
    evidence[2500:2560, 0] += 30.0
    assert fitted(nothing, evidence).beside(probe)[0, 0] == pytest.approx(sound, rel=0.15)


def test_one_score_for_all_variables_gets_what_all_of_them_say():
    scores, evidence = quiet(channels=1)
    made = fitted(scores, evidence)
    each = fitted(np.zeros((N, C)), evidence)(np.zeros((N, C)), evidence, 1.0, COMBINE["rms"])
    alone = made(scores, evidence, 0.0, COMBINE["rms"])
    found = made(scores, evidence, 2.0, COMBINE["max"])
    np.testing.assert_allclose(found[:, 0], alone[:, 0] + 2 * each.max(axis=1), rtol=1e-5)


def test_what_is_unknown_surprises_nobody_and_what_has_no_score_gets_none():
    made = fitted(*quiet())
    scores, evidence = np.ones((3, C)), np.full((3, C, E), np.nan)
    scores[1] = np.nan
    found = made(scores, evidence, 1.0, COMBINE["rms"])
    assert np.isnan(found[1]).all()
    np.testing.assert_array_equal(found[0], made(scores, evidence, 0.0, COMBINE["rms"])[0])


def test_variables_without_evidence_are_fitted_all_the_same():
    scores, evidence = quiet()
    evidence[:, 0] = np.nan
    found = fitted(scores, evidence)(scores, evidence, 1.0, COMBINE["rms"])
    assert np.isfinite(found).all()


def fleet(seed):
    """Evidence (N, 12, 1) of sensors that follow three causes, and the one that leaves the others within its range."""
    random = np.random.default_rng(seed)
    causes = lfilter([0.2], [1, -0.98], random.standard_normal((N, 3)), axis=0)  # of spread 1
    values = causes @ np.random.default_rng(9).normal(size=(3, MANY + 2))  # the same plant, whatever the draw
    return (values + 0.3 * random.standard_normal(values.shape))[:, :, None]


@pytest.mark.parametrize("variable", [0, 7])
def test_one_of_many_that_leaves_the_others_is_rare_and_named(variable):
    """Lost before: of a drift within its range nothing was seen, and what one says was a mean over all."""
    made, watched = fitted(np.zeros((N, 1)), fleet(0)), fleet(1)
    watched[2000:3000, variable] += np.linspace(0, 1.5, 1000)[:, None]
    found = made(np.zeros((N, 1)), watched, 1.0, COMBINE["rms"])[:, 0]
    assert np.median(found[2700:2980]) > np.quantile(np.delete(found, slice(1900, 3100)), 0.999)
    assert np.median(made.beside(watched)[2700:2980], axis=0).argmax() == variable


def test_relations_judge_new_data_of_many_as_they_did_quiet_ones():
    """Of several draws: slow causes are but a few looks in each. Ends too, where a mean has fewer samples."""
    made = fitted(np.zeros((N, 1)), fleet(0))
    found = np.stack([made(np.zeros((N, 1)), fleet(seed), 1.0, COMBINE["rms"])[:, 0] for seed in range(1, 5)])
    assert (found > 2).mean() < 0.05
    assert found[:, [0, -1]].max() < 4


def test_few_variables_are_as_before_and_what_is_unknown_says_nothing():
    few = fitted(np.zeros((N, 1)), fleet(0)[:, : MANY - 1])
    assert few.relations is few.beyond is few.highest is None
    evidence = fleet(0)
    evidence[:, 3] = np.nan
    found = fitted(np.zeros((N, 1)), evidence)(np.zeros((N, 1)), evidence, 1.0, COMBINE["rms"])
    assert np.isfinite(found).all()


@given(st.lists(st.integers(0, 60), min_size=1, max_size=6).filter(sum))
@settings(max_examples=30)
def test_parts_cover_all_stretches_once_in_the_order_of_time(lengths):
    rows, parts = [], []
    for number, begin, end, part in parts_of(lengths):
        assert 0 <= begin < end <= lengths[number]
        rows += [(number, i) for i in range(begin, end)]
        parts += [part] * (end - begin)
    assert rows == [(number, i) for number, length in enumerate(lengths) for i in range(length)]
    assert parts == sorted(parts)
    sizes = np.bincount(parts, minlength=PARTS)
    assert sizes.max() - sizes.min() <= 1


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("of", [quiet(1)[1], fleet(0)], ids=["few", "many"])
def test_a_part_is_judged_by_nothing_that_it_holds(of, part):
    """The same samples in another order, so that what is usual stays so, and what wanders does: that is told of all."""
    scores, other = np.zeros((N, 1)), of.copy()
    here = slice(N * part // PARTS, N * (part + 1) // PARTS)
    pieces = other[here].reshape(LEVELS, -1, *other.shape[1:])
    other[here] = np.random.default_rng(0).permutation(pieces, axis=1).reshape(other[here].shape)
    first, second = (fit_surprises(scores, [e.astype(np.float32)], 60.0, 16).for_parts[part] for e in (of, other))
    for name in ("centre", "evidence", "relations"):
        np.testing.assert_array_equal(vars(first)[name], vars(second)[name])


def test_new_samples_of_many_variables_pass_no_level_more_often_than_quiet_ones():
    """By curves that had seen them, a level of one quiet sample in a hundred was passed by one new one in twenty."""
    count, nothing, shares = 1000, np.zeros((1000, 1)), []
    for seed in range(4):
        known, new = np.random.default_rng(seed).standard_normal((2, count, 16, 3)).astype(np.float32)
        made = fit_surprises(nothing, [known], 60.0, 16)
        cut = [(made.for_parts[k], slice(begin, end)) for _, begin, end, k in parts_of([count])]
        judged = [of(nothing[rows], known[rows], 1.0, COMBINE["rms"]) for of, rows in cut]
        level = np.quantile(np.concatenate(judged), 0.99)
        shares.append((made.for_new(nothing, new, 1.0, COMBINE["rms"]) > level).mean())
    assert 0.002 < np.mean(shares) < 0.015
