"""Synthetic series: the same ones again, labels that tell the truth, and nothing labelled that can't be seen."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import config
from config import ConfigError, SyntheticConfig, load
from data.synthetic.anomalies import ANOMALIES, Place
from data.synthetic.channels import _counts
from data.synthetic.series import MIN_SNR, make_series, roughness, spread, surroundings, visible
from data.synthetic.shapes import REGULAR, SHAPES, USUAL
from tests.support.series_oracles import segments

DEFAULT = SyntheticConfig()
STAYING = {"level_change", "phase_jump", "trend"}


def one(kind: str, **changes) -> SyntheticConfig:
    """Settings of series with at most one anomaly, of this kind."""
    return replace(DEFAULT, anomalies={kind: 1.0}, clean_fraction=0.0, max_anomalies=1, **changes)


def assert_same(a, b):
    assert a.kinds == b.kinds
    for left, right in zip(a[:3], b[:3], strict=True):
        np.testing.assert_array_equal(left, right)


def test_series_depend_on_seed_and_index_alone():
    ahead = [make_series(7, i, 256, DEFAULT) for i in range(40)]
    back = [make_series(7, i, 256, DEFAULT) for i in reversed(range(40))][::-1]
    for a, b in zip(ahead, back, strict=True):
        assert_same(a, b)
    assert len({s.clean.tobytes() for s in ahead}) == 40
    assert not np.array_equal(ahead[0].clean, make_series(8, 0, 256, DEFAULT).clean)


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**32), index=st.integers(0, 2**41), length=st.integers(32, 2048),
    channels=st.tuples(st.integers(1, 4), st.integers(0, 4)), missing=st.sampled_from([0.0, 1.0]),
)  # fmt: skip
def test_every_series_keeps_what_it_promises(seed, index, length, channels, missing):
    low, more = channels
    chosen = replace(DEFAULT, channels=(low, low + more), univariate_fraction=0.2, missing_fraction=missing)
    series = make_series(seed, index, length, chosen)
    count = series.values.shape[1]
    assert count == 1 or low <= count <= low + more
    assert series.values.shape == series.clean.shape == (length, count)
    assert series.values.dtype == series.clean.dtype == np.float32
    assert np.isfinite(series.clean).all()
    known = np.isfinite(series.values)
    assert np.isnan(series.values[~known]).all()
    assert missing or known.all()
    outside = known & ~series.labels[:, None]
    np.testing.assert_array_equal(series.values[outside], series.clean[outside])
    runs = [run for run in segments(series.labels) if series.labels[run[0]]]
    assert len(runs) == len(series.kinds) <= chosen.max_anomalies
    for run in runs:
        differs = (known[run] & (series.values[run] != series.clean[run])).any(axis=1)
        assert differs[0]


@pytest.mark.parametrize("kind", ANOMALIES)
def test_every_anomaly_occurs_and_can_be_seen(kind):
    chosen = one(kind, channels=(2, 3), univariate_fraction=0.5, missing_fraction=0.3)
    found = [s for i in range(150) if (s := make_series(3, i, 512, chosen)).kinds]
    assert len(found) >= 20
    for series in found:
        assert series.kinds == (kind,)
        run = np.flatnonzero(series.labels)
        assert any(stands_out(series, c, run[0], run[-1] + 1, kind) for c in range(series.values.shape[1]))


def stands_out(series, c, start, stop, kind) -> bool:
    """`visible`, from what a user sees: the labelled part of the stretch, and a twin that has taken over what stays."""
    clean = series.clean[:, c].astype(float)
    change = series.values[start:stop, c] - clean[start:stop]
    change = change[np.isfinite(change)]
    if not change.any():
        return False
    size = min(spread(clean), spread(clean[:stop])) if kind in STAYING else spread(clean)
    around = surroundings(start, stop)
    local = roughness(clean[around.start : stop] if kind in STAYING else clean[around])
    rms, norm = np.sqrt(np.mean(change**2)), np.linalg.norm(change)
    return rms >= 0.97 * DEFAULT.min_visible * size and norm >= 0.5 * MIN_SNR * local


def test_a_change_below_either_measure_is_not_visible():
    point, long = np.array([5.1]), np.full(400, 0.3)
    assert visible(point, 1.0, 1.0, 0.1)
    assert not visible(point - 0.2, 1.0, 1.0, 0.1)
    assert visible(long, 1.0, 1.0, 0.1)
    assert not visible(long, 4.0, 1.0, 0.1)
    assert not visible(np.full(9, np.nan), 1.0, 1.0, 0.1)
    assert not visible(np.zeros(9), 0.0, 0.0, 0.1)


def test_roughness_is_the_sigma_of_white_noise_on_any_smooth_course():
    t, rng = np.arange(20_000), np.random.default_rng(0)
    course = 50 * np.sin(t / 200) + t / 100
    assert roughness(course + 0.3 * rng.standard_normal(t.size)) == pytest.approx(0.3, rel=0.03)
    assert spread(t / 100 + 0.3 * rng.standard_normal(t.size)) == pytest.approx(0.3, rel=0.03)
    assert spread(np.ones(50)) == roughness(np.ones(50)) == 0


def test_a_weaker_least_change_lets_more_be_labelled():
    counts = [
        sum(bool(make_series(0, i, 256, one("level_shift", min_visible=least)).kinds) for i in range(100))
        for least in (0.1, 1.0, 5.0)
    ]
    assert counts[0] > counts[1] > counts[2]


def test_the_asked_share_of_series_is_clean():
    # Besides those drawn clean there are the few in which no anomaly could be seen.
    clean = np.mean([not make_series(5, i, 256, DEFAULT).kinds for i in range(800)])
    assert DEFAULT.clean_fraction - 0.04 < clean < DEFAULT.clean_fraction + 0.08
    assert not any(make_series(5, i, 256, replace(DEFAULT, clean_fraction=1.0)).kinds for i in range(50))
    assert not any(make_series(5, i, 256, replace(DEFAULT, max_anomalies=0)).kinds for i in range(50))


def test_huge_anomalies_are_huge_and_without_them_series_are_as_they_were():
    def largest(settings: SyntheticConfig) -> np.ndarray:
        made = [make_series(5, i, 512, settings) for i in range(40)]
        changed = [s for s in made if s.labels.any()]
        assert len(changed) > 20
        return np.array([np.nanmax(np.abs(s.values - s.clean)) / spread(s.clean[:, 0]) for s in changed])

    plain = one("spike", channels=(1, 1), noiseless_fraction=0.0, sensors={"exact": 1.0})
    assert np.median(largest(replace(plain, huge_fraction=1.0))) > 20 * np.median(largest(plain))
    for i in range(10):
        assert_same(make_series(5, i, 512, plain), make_series(5, i, 512, replace(plain, huge_strength=(1e5, 1e6))))


def test_channels_go_together_unless_they_are_independent():
    def correlation(independent):
        chosen = replace(
            DEFAULT, channels=(2, 2), univariate_fraction=0.0, independent_fraction=independent, noise=(0.01, 0.02),
            clean_fraction=1.0, missing_fraction=0.0, trend_fraction=0.0, shapes={"noise_ar": 1.0},
        )  # fmt: skip
        pairs = [make_series(2, i, 1024, chosen).clean.astype(float).T for i in range(60)]
        return np.median([greatest_correlation(*pair, most=64) for pair in pairs])

    assert correlation(0.0) > 0.8
    assert correlation(1.0) < 0.5


def greatest_correlation(a, b, most):
    inner = a[most:-most]
    return max(abs(np.corrcoef(inner, b[most + lag :][: len(inner)])[0, 1]) for lag in range(-most, most))


def test_broken_correlation_needs_channels_that_go_together():
    alone = one("broken_correlation", channels=(1, 1))
    strangers = one("broken_correlation", channels=(2, 2), univariate_fraction=0.0, independent_fraction=1.0)
    assert not any(make_series(0, i, 256, chosen).kinds for chosen in (alone, strangers) for i in range(30))
    together = one("broken_correlation", channels=(3, 3), univariate_fraction=0.0, independent_fraction=0.0)
    for i in range(30):
        series = make_series(0, i, 256, together)
        if series.kinds:
            touched = (series.values != series.clean) & np.isfinite(series.values)
            assert 1 <= touched.any(axis=0).sum() <= 2


def test_a_new_level_becomes_normal_after_its_label():
    chosen = one("level_change", shapes={"silence": 1.0}, noiseless_fraction=1.0, sensors={"exact": 1.0},
                 univariate_fraction=1.0, missing_fraction=0.0, trend_fraction=0.0)  # fmt: skip
    series = make_series(0, 0, 1024, chosen)
    run = np.flatnonzero(series.labels)
    assert 0 < len(run) <= 32
    values, clean = series.values[:, 0], series.clean[:, 0]
    assert len(set(values[run[0] :])) == 1
    assert len(set(clean[: run[-1] + 1])) == 1
    assert values[-1] == clean[-1] != clean[0]


@pytest.mark.parametrize("kind", ANOMALIES)
def test_an_anomaly_leaves_what_comes_before_it(kind):
    rng, t = np.random.default_rng(1), np.arange(400)
    noise = 0.1 * rng.standard_normal(t.size)
    place = Place(np.sin(2 * np.pi * t / 40) + noise, noise, 333, 373, 40, 5.0, 0.2)
    before = place.signal.copy()
    changed = ANOMALIES[kind].act(rng, place)
    np.testing.assert_array_equal(place.signal, before)
    np.testing.assert_array_equal(changed[:333], before[:333])
    assert np.isfinite(changed).all()
    if kind not in STAYING:
        np.testing.assert_array_equal(changed[373:], before[373:])


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize(("length", "period"), [(32, 6), (64, 21), (1024, 6), (1024, 341), (3000, 50)])
def test_shapes_are_finite_for_every_length(name, length, period):
    signal = SHAPES[name](np.random.default_rng(0), length, period)
    assert signal.shape == (length,)
    assert np.isfinite(signal).all()


@pytest.mark.parametrize("name", sorted(REGULAR - {"respiration", "sines"}))
def test_regular_shapes_repeat_with_their_period(name):
    best = [repetition(SHAPES[name](np.random.default_rng(seed), 1000, 50), 50) for seed in range(20)]
    assert np.median(best) > 0.75


def repetition(signal, period):
    return max(np.corrcoef(signal[:-lag], signal[lag:])[0, 1] for lag in range(period - 3, period + 4))


@pytest.mark.parametrize("rate", [1.0, 3.0, 40.0])
def test_counts_are_distributed_as_poisson(rate):
    counts = _counts(np.full(200_000, rate), np.random.default_rng(0).standard_normal(200_000))
    assert (counts == np.round(counts)).all()
    assert counts.min() >= 0
    assert counts.mean() == pytest.approx(rate, rel=0.05)
    assert counts.var() == pytest.approx(rate, rel=0.1)


def test_config_and_code_name_the_same_things():
    assert set(DEFAULT.shapes) == set(SHAPES) >= REGULAR | set(USUAL)
    assert set(DEFAULT.anomalies) == set(ANOMALIES) >= set().union(*USUAL.values())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("anomalies.hiccup=1", "hiccup.*there are spike, dip"),
        ("shapes.triangle=1", "triangle.*there are sines, wave"),
        ("sensors.film=1", "film.*there are exact, quantised"),
        ("anomalies={spike: 0}", "above 0"),
        ("anomalies.spike=-1", "train.synthetic.anomalies.spike"),
        ("channels=[4, 1]", "must not exceed"),
        ("strength=[0, 3]", "train.synthetic.strength"),
        ("clean_fraction=1.5", "train.synthetic.clean_fraction"),
    ],
)
def test_impossible_settings_are_refused(text, message):
    with pytest.raises(ConfigError, match=message):
        load(None, set_=[f"train.synthetic.{text}"])


def test_a_series_shorter_than_any_pattern_is_refused():
    with pytest.raises(ValueError, match="31 samples is too short; the shortest has 32"):
        make_series(0, 0, 31, DEFAULT)


def test_weights_in_the_config_file_are_the_drawn_ones():
    assert load(None, {"model.name": "vetime"}, ["train.synthetic.anomalies={spike: 2}"]).train.synthetic.anomalies == {
        "spike": 2.0
    }
    assert config.Config().train.synthetic == DEFAULT
