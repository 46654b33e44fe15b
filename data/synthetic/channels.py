"""Channels of the synthetic series: base signals with trends, noise, sensors and gaps, alone or going together."""

import bisect
import itertools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.signal import lfilter

from config import SyntheticConfig
from data.synthetic.shapes import REGULAR, SHAPES, drift

MIN_PERIOD = 6

Sensor = Callable[[np.ndarray, slice], np.ndarray]


class Source(NamedTuple):
    """A base signal (T,) of about unit size; period in samples; regular: it has cycles; the names of its shapes."""

    signal: np.ndarray
    period: int
    regular: bool
    shapes: frozenset[str]


class Channel(NamedTuple):
    """What a channel measures before its sensor, (T,) each; known: False in gaps; related: follows a shared source."""

    signal: np.ndarray
    noise: np.ndarray
    known: np.ndarray
    sensor: Sensor
    period: int
    regular: bool
    shapes: frozenset[str]
    related: bool


def draw_channels(rng: np.random.Generator, length: int, settings: SyntheticConfig) -> list[Channel]:
    """The channels of one series, before anything happens to them."""
    low, high = settings.channels
    count = 1 if high == 1 or rng.random() < settings.univariate_fraction else int(rng.integers(max(low, 2), high + 1))
    gaps = rng.random() < settings.missing_fraction
    known = _known(rng, length) if gaps else np.ones(length, bool)
    if count == 1:
        return [_channel(rng, _source(rng, length, settings), known, False, settings)]
    lag = max(1, length // 16)
    shared = [_source(rng, length + lag, settings)]
    if rng.random() < 0.4:
        shared.append(_source(rng, length + lag, settings, shared[0].period))
    channels = []
    for _ in range(count):
        related = rng.random() >= settings.independent_fraction
        source = _mixed(rng, length, shared, settings) if related else _source(rng, length, settings)
        own_gaps = gaps and rng.random() < 0.3
        channels.append(_channel(rng, source, _known(rng, length) if own_gaps else known, related, settings))
    if sum(channel.related for channel in channels) < 2:
        channels = [channel._replace(related=False) for channel in channels]
    return channels


def pick(rng: np.random.Generator, weights: dict[str, float]) -> str:
    """One of the names, each as likely as its weight among all."""
    sums = list(itertools.accumulate(weights.values()))  # 10 times as fast as numpy for so few
    return list(weights)[bisect.bisect_right(sums, rng.random() * sums[-1])]


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """A number between low and high (> 0), of which every factor is as likely; low where high is below it."""
    return low * (max(low, high) / low) ** rng.random()


def _source(rng: np.random.Generator, length: int, settings: SyntheticConfig, period: int | None = None) -> Source:
    """One base signal or the sum of two, some with a trend."""
    period = period or round(log_uniform(rng, MIN_PERIOD, length / 3))
    names = [pick(rng, settings.shapes)]
    signal = _normalised(SHAPES[names[0]](rng, length, period))
    if rng.random() < settings.sum_fraction:
        names.append(pick(rng, settings.shapes))
        other = SHAPES[names[1]](rng, length, log_uniform(rng, MIN_PERIOD, length / 3))
        signal = signal + rng.uniform(0.1, 0.7) * _normalised(other)
    if rng.random() < settings.trend_fraction:
        signal = signal + log_uniform(rng, 0.2, 3) * drift(rng, length, int(rng.integers(2, 5)))
    return Source(signal, period, names[0] in REGULAR, frozenset(names))


def _normalised(signal: np.ndarray) -> np.ndarray:
    signal = signal - signal.mean()
    deviation = np.sqrt(signal @ signal / len(signal))
    return signal / deviation if deviation > 1e-9 else np.zeros_like(signal)


def _noise(rng: np.random.Generator, signal: np.ndarray, settings: SyntheticConfig) -> np.ndarray:
    """(T,) none, white, slow, or as strong as the signal is high."""
    low, high = settings.noise
    if rng.random() < settings.noiseless_fraction:
        return np.zeros_like(signal)
    noise = rng.standard_normal(len(signal)) * log_uniform(rng, low, high)
    kind = rng.random()
    if kind < 0.25:
        memory = rng.uniform(0.3, 0.95)
        noise = lfilter([np.sqrt(1 - memory**2)], [1, -memory], noise)
    elif kind < 0.35:
        noise = noise * np.clip(1 + 0.5 * signal, 0.2, 3)
    return noise


def _sensor(rng: np.random.Generator, signal: np.ndarray, settings: SyntheticConfig) -> Sensor:
    """How the signal is read, sample by sample: a function of (part of a signal, where that part is)."""
    kind = pick(rng, settings.sensors)
    low, high = signal.min(), signal.max()
    if kind == "quantised":
        step = max(high - low, 1e-3) / rng.integers(3, 65)
        return lambda part, where: np.round(part / step) * step
    if kind == "clipped":
        floor, ceiling = np.quantile(signal, [rng.choice([0, 0.05, 0.3]), rng.choice([0.7, 0.95, 1])])
        return lambda part, where: np.clip(part, floor if floor > low else None, ceiling if ceiling < high else None)
    if kind == "counts":
        size = max(signal.std(), 0.3)
        rate, base = log_uniform(rng, 1, 100) / size, low - size * rng.random()
        chance = rng.standard_normal(len(signal))
        return lambda part, where: _counts(np.maximum((part - base) * rate, 0), chance[where])
    return lambda part, where: part


def _counts(rate: np.ndarray, chance: np.ndarray) -> np.ndarray:
    """Whole numbers distributed nearly as Poisson's, roughly below a rate of 1: Cornish and Fisher's expansion (1938).

    chance: standard normal, one a sample, so that the clean twin has the same noise. 20 times as fast as the quantiles.
    """
    return np.maximum(np.round(rate + chance * np.sqrt(rate) + (chance**2 - 1) / 6 * (rate > 0)), 0)


def _mixed(rng: np.random.Generator, length: int, shared: list[Source], settings: SyntheticConfig) -> Source:
    """The shared sources scaled, lagged and summed, half of the time with a part of its own."""
    shapes, signal = shared[0].shapes, np.zeros(length)
    for source in shared:
        lag = int(rng.integers(0, len(source.signal) - length + 1)) if rng.random() < 0.5 else 0
        weight = rng.choice([-1, 1]) * rng.uniform(0.3, 1)
        signal = signal + weight * source.signal[lag : lag + length]
        shapes = shapes | source.shapes
    if rng.random() < 0.5:
        own = _source(rng, length, settings)
        signal, shapes = signal + rng.uniform(0.05, 0.5) * own.signal, shapes | own.shapes
    return Source(_normalised(signal), shared[0].period, shared[0].regular, shapes)


def _channel(rng, source: Source, known: np.ndarray, related: bool, settings: SyntheticConfig) -> Channel:
    noise = _noise(rng, source.signal, settings)
    signal = source.signal + noise
    sensor = _sensor(rng, signal, settings)
    return Channel(signal, noise, known, sensor, source.period, source.regular, source.shapes, related)


def _known(rng: np.random.Generator, length: int) -> np.ndarray:
    """(T,) False in one to three gaps of up to a tenth of the series, or at single samples."""
    known = np.ones(length, bool)
    if rng.random() < 0.3:
        return rng.random(length) > rng.uniform(0.005, 0.1)
    for _ in range(rng.integers(1, 4)):
        size = max(1, round(log_uniform(rng, 1, length / 10)))
        start = rng.integers(0, length - size + 1)
        known[start : start + size] = False
    return known
