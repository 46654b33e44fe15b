"""Scaling, period and folding: exact inverses, a slow oracle of the period, and what must not change either."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import square

from data.series import periods, robust
from data.series.folding import fold, strip_of, unfold
from data.series.periods import autocorrelation, detrended, moving_average, periods_of
from data.series.robust import rescaled, robust_scale
from tests.support.rounding import rounding

L = 512


@pytest.fixture
def random():
    return np.random.default_rng(0)


def usual(name: str, random: np.random.Generator) -> np.ndarray:
    """A row (1024,) in which nothing happens."""
    t = np.arange(1024)
    return {
        "noise": random.normal(size=1024),
        "wave": np.sin(t / 9) + random.normal(0, 0.1, 1024),
        "walk": 0.05 * random.normal(size=1024).cumsum() + random.normal(0, 0.3, 1024),
        "counts": random.poisson(0.2, 1024).astype(float),
        "duty": (t % 50 < 15) + random.normal(0, 1e-3, 1024),
    }[name]


def found(rows: np.ndarray, context: int | None = None) -> list[int]:
    """Periods of rows (n, L), NaN where unknown, on the way that the model takes."""
    rows = np.atleast_2d(rows).astype(np.float32)
    known = np.isfinite(rows)
    center, spread = robust_scale(rows, context)
    return periods_of(rescaled(np.where(known, rows, center), center, spread), known, context).tolist()


def period_by_hand(row: np.ndarray, known: np.ndarray) -> int:
    """`periods_of` of one row of float64, lag by lag."""
    T, t, reach = len(row), np.linspace(-1, 1, len(row)), periods.OFF_REACH
    far = np.abs(row) > periods.OFF_LEVEL
    known = known & ~np.array([far[max(0, i - reach) : i + reach + 1].mean() > 0.5 for i in range(T)])
    known &= np.abs(row) < periods.UNUSUAL
    row = np.where(known, row, 0).clip(-robust.LINEAR_TO, robust.LINEAR_TO)
    row = row - np.polyval(np.polyfit(t[known], row[known], periods.TREND_DEGREE), t)
    acf, pairs = np.zeros(T), np.zeros(T)
    for lag in range(2 * (T // 3) + 4):
        both = known[: T - lag] & known[lag:]
        a, b = row[: T - lag][both], row[lag:][both]
        pairs[lag] = both.sum()
        acf[lag] = (a * b).sum() / max(np.sqrt((a**2).sum() * (b**2).sum()), 1e-30)
    peaks = {}
    for lag in range(periods.SHORTEST_PERIOD, T // 3 + 1):
        least = max(periods.LEAST_ACF, periods.NOISE_SIGMAS / np.sqrt(max(pairs[lag], 1)))
        is_peak = acf[lag] >= acf[lag - 1] and acf[lag] > acf[lag + 1]
        rises = acf[lag] - acf[: lag + 1].min() >= periods.LEAST_RISE
        if is_peak and rises and acf[lag] >= least and acf[2 * lag - 2 : 2 * lag + 3].max() >= acf[lag] / 2:
            peaks[lag] = acf[lag]
    if not peaks:
        return 0
    first = min(lag for lag in peaks if peaks[lag] >= periods.NEARLY_BEST * max(peaks.values()))
    return max((lag for lag in peaks if 0.8 * first <= lag <= 1.25 * first), key=peaks.get)


class TestFold:
    @given(st.integers(1, 200), st.integers(1, 250), st.integers(1, 3))
    def test_unfolding_is_the_inverse(self, length, period, channels):
        strip = np.arange(channels * length).reshape(channels, length) + 1
        image = fold(strip, period)
        assert image.shape == (channels, -(-length // period), period)
        np.testing.assert_array_equal(unfold(image, length), strip)
        assert image.sum() == strip.sum()  # the rest is zeros

    def test_rows_are_cycles_and_columns_phase(self):
        assert fold(np.arange(1, 8), 3).tolist() == [[1, 2, 3], [4, 5, 6], [7, 0, 0]]

    @given(st.integers(1, 60), st.integers(0, 70))
    def test_moving_average_is_the_mean_of_what_is_there(self, length, reach):
        rows = np.random.default_rng(length).normal(size=(2, length))
        smooth = moving_average(rows, np.array([reach, 0]))
        expected = [rows[0, max(0, t - reach) : t + reach + 1].mean() for t in range(length)]
        np.testing.assert_allclose(smooth[0], expected, atol=1e-12)
        np.testing.assert_allclose(smooth[1], rows[1], atol=1e-12)

    def test_a_strip_is_signal_trend_residual_and_mask(self):
        random = np.random.default_rng(0)
        signal, known = random.normal(size=(2, 90)).astype(np.float32), random.random((2, 90)) > 0.2
        strip = strip_of(signal, known, np.array([10, 0]))
        assert strip.shape == (2, 4, 90)
        # Of sums of 90 samples of up to 3, rounded once; two of them differ.
        within = {"rtol": 0, "atol": rounding(2, 30)}
        np.testing.assert_allclose(strip[:, 1] + strip[:, 2], signal, **within)
        np.testing.assert_allclose(strip[0, 1, 40], signal[0, 35:46].mean(), **within)  # ten samples made odd
        np.testing.assert_allclose(strip[1, 1, 40], signal[1, 28:53].mean(), **within)
        np.testing.assert_array_equal(strip[:, 3] > 0, known)


class TestPeriod:
    @given(st.integers(0, 10_000), st.integers(30, 200), st.booleans(), st.sampled_from([0, 2, 6]))
    def test_like_the_oracle(self, seed, length, gaps, step):
        random = np.random.default_rng(seed)
        row = np.sin(2 * np.pi * np.arange(length) / random.uniform(4, length / 3)) + random.normal(0, 0.5, length)
        row[: length // 3] += step
        known = random.random(length) > 0.15 * gaps
        row = row.astype(np.float32)
        assert periods_of(row[None], known[None]).item() == period_by_hand(row.astype(np.float64), known)

    @pytest.mark.parametrize("period", [7, 16, 45, 120, 169])
    @pytest.mark.parametrize("shape", [np.sin, square, lambda angle: np.exp(-20 * (1 - np.cos(angle)))])
    def test_is_found_with_noise_trend_gaps_and_a_spike(self, period, shape, random):
        wave = shape(2 * np.pi * np.arange(L) / period + 1)
        noisy = wave + random.normal(0, 0.1, L)
        trend = noisy + np.linspace(0, 8, L)
        gaps, spike = noisy.copy(), noisy.copy()
        gaps[200:260] = np.nan
        gaps[random.random(L) < 0.1] = np.nan
        spike[300:302] = 1e5
        for name, row in (("noisy", noisy), ("trend", trend), ("gaps", gaps), ("spike", spike)):
            assert abs(found(row)[0] - period) <= max(1, 0.05 * period), name

    @pytest.mark.parametrize("height", [300.0, -1e4])
    @pytest.mark.parametrize("changed", [slice(120, 240), slice(150, None), slice(300, None), slice(100, 110)])
    def test_another_level_does_not_hide_it(self, changed, height, random):
        rows = np.sin(2 * np.pi * np.arange(L) / np.array([[7], [30], [60]])) + random.normal(0, 0.1, (3, L))
        rows[:, changed] += height
        np.testing.assert_allclose(found(rows), [7, 30, 60], rtol=0.05)

    def test_the_period_is_not_one_of_its_multiples(self, random):
        wave = np.sin(2 * np.pi * np.arange(L) / 20)
        assert found(wave + random.normal(0, 0.2, (20, L))) == [20] * 20

    def test_a_week_of_days_is_a_week(self, random):
        day, week = np.arange(L) % 12, np.arange(L) // 12 % 7
        row = np.sin(2 * np.pi * day / 12) * (week < 5) + random.normal(0, 0.05, L)
        assert found(row) == [84]

    def test_noise_and_walks_have_none(self, random):
        noise = random.normal(size=(200, L))
        assert np.count_nonzero(found(noise)) == 0
        share = np.count_nonzero(found(noise.cumsum(1))) / 200
        print(f"random walks taken for periodic: {share:.1%}")
        assert share < 0.15

    @pytest.mark.parametrize("row", [np.full(L, 3.0), np.full(L, np.nan), np.linspace(0, 1, L), np.arange(L) == 40])
    def test_what_does_not_vary_has_none(self, row):
        assert found(row.astype(float)) == [0]

    @pytest.mark.parametrize("length", [0, 1, 3, 11, 12])
    def test_short_rows(self, length):
        rows = np.random.default_rng(0).normal(size=(2, length)).astype(np.float32)
        assert periods_of(rows, np.isfinite(rows)).tolist() == [0, 0]

    def test_autocorrelation_lies_within_one(self, random):
        rows, known = random.normal(size=(4, L)).astype(np.float32), random.random((4, L)) > 0.3
        acf, pairs = autocorrelation(detrended(rows, known), known)
        # Rounded once, from double precision: its transform is wrong by eps log2(2 L) of the whole energy, and no lag
        # is kept that has less than 1e-4 of it, which leaves 2e-11.
        assert np.abs(acf).max() <= 1 + rounding(1)
        np.testing.assert_allclose(acf[:, 0], 1, rtol=0, atol=rounding(1))
        np.testing.assert_array_equal(pairs[:, 0], known.sum(1))

    def test_a_cubic_is_taken_away(self):
        t = np.linspace(-1, 1, 100, dtype=np.float32)[None]
        rest = detrended(2 - t + 3 * t**2 - t**3, (t < 0.2) | (t > 0.5))
        assert np.abs(rest).max() < 1e-2


class TestScale:
    def scaled(self, row: np.ndarray, context: int | None = None) -> np.ndarray:
        rows = np.asarray(row, np.float32)[None]
        return rescaled(rows, *robust_scale(rows, context))[0]

    def test_of_normal_noise_in_any_unit(self, random):
        noise = random.normal(size=4096)
        for factor, offset in ((1, 0), (1e-9, 0), (1e6, -3e6)):
            scaled = self.scaled(factor * noise + offset)
            assert scaled.std() == pytest.approx(1, abs=0.08)
            assert np.median(scaled) == pytest.approx(0, abs=1e-3)

    def test_a_huge_spike_stays_finite_and_leaves_the_rest_alone(self, random):
        noise = random.normal(size=L)
        spiked = noise.copy()
        spiked[100] = 1e6
        scaled, usual = self.scaled(spiked), self.scaled(noise)
        assert scaled[100] == robust.LARGEST
        others = np.arange(L) != 100
        np.testing.assert_allclose(scaled[others], usual[others], atol=0.05, rtol=0.05)

    @pytest.mark.parametrize("name", ["counts", "duty", "clipped"])
    def test_where_the_mad_is_little_nothing_blows_up(self, name, random):
        rows = {
            "counts": random.poisson(0.2, L),
            "duty": (np.arange(L) % 50 < 5) + random.normal(0, 1e-3, L),
            "clipped": random.normal(size=L).clip(0.5),
        }
        assert 1 < np.abs(self.scaled(rows[name])).max() < 12

    def test_a_constant_is_zeros_and_so_is_what_rounding_makes_of_it(self):
        for value in (0.0, 5.0, -3e8):
            assert not self.scaled(np.full(L, value)).any()
        assert np.abs(self.scaled(np.nextafter(np.float32(300), np.resize(np.float32([0, 400]), L)))).max() < 1

    def test_a_rare_spike_on_a_constant_is_seen(self):
        row = np.zeros(L)
        row[40] = 1e-3
        assert self.scaled(row)[40] > 10

    @given(st.integers(8, 64), st.integers(0, 100))
    def test_the_future_of_a_context_changes_nothing(self, context, seed):
        random = np.random.default_rng(seed)
        row = np.sin(np.arange(96)) + random.normal(0, 0.1, 96)
        changed = row.copy()
        changed[context:] = random.normal(0, 1e3, 96 - context)
        changed[-1] = np.nan
        for a, b in zip(*(robust_scale(v[None], context) for v in (row, changed)), strict=True):
            np.testing.assert_array_equal(a, b)
        assert found(row, context) == found(changed, context)

    @given(
        name=st.sampled_from(["noise", "wave", "walk", "counts", "duty"]),
        kind=st.sampled_from(["block", "step", "codes"]),
        height=st.floats(0, 30),
        sign=st.sampled_from([-1, 1]),
        begin=st.floats(0, 0.7),
        share=st.floats(0.001, 0.25),
        seed=st.integers(0, 100),
    )
    def test_what_does_not_come_back_hardly_changes_it(self, name, kind, height, sign, begin, share, seed):
        row = usual(name, np.random.default_rng(seed))
        first, size = int(begin * len(row)), int(share * len(row))
        changed = {"block": slice(first, first + size), "step": slice(first, None),
                   "codes": np.random.default_rng(seed + 1).choice(len(row), 20, replace=False)}[kind]  # fmt: skip
        spoilt = row.copy()
        # Beyond, single precision would lose what most of the row is.
        spoilt[changed] += sign * 10 ** (min(height, 4) if kind == "step" else height)
        (center, spread), (spoilt_center, spoilt_spread) = (
            (part.item() for part in robust_scale(v[None])) for v in (row, spoilt)
        )
        assert 0.4 * spread < spoilt_spread < 1.3 * robust.CAP * spread
        if kind != "step":  # behind a step either level may be the median
            assert abs(spoilt_center - center) < 1.5 * spread

    def test_rows_do_not_meet(self, random):
        rows = random.normal(size=(3, L)).cumsum(1).astype(np.float32)
        rows[1, 50:90] = np.nan
        together = robust_scale(rows)
        for i in range(3):
            for a, b in zip(together, robust_scale(rows[i : i + 1]), strict=True):
                np.testing.assert_array_equal(a[i : i + 1], b)
