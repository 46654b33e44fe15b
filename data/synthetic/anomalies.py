"""Anomalies of the synthetic series: each one a function (rng, place) -> (T,) the changed signal.

A function changes the signal from `place.start` on. What still differs from `place.stop` on is the new normal (a level
that stays, a phase that stays): the clean twin takes it over there. Nothing is moved in time: a cycle that is missing
or doubled fills the time of one cycle. `ANOMALIES` names them with how long they are and where they can be.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np

from data.synthetic.shapes import SHAPES, autoregressive


class Place(NamedTuple):
    """Where in one channel an anomaly acts, and how strongly.

    signal, noise (T,): the channel with its noise, and the noise alone. start, stop: half-open. unit: the local
    variability that `strength` multiplies.
    """

    signal: np.ndarray
    noise: np.ndarray
    start: int
    stop: int
    period: int
    strength: float
    unit: float

    @property
    def shape(self) -> np.ndarray:
        return self.signal - self.noise

    @property
    def stretch(self) -> slice:
        return slice(self.start, self.stop)

    @property
    def length(self) -> int:
        return self.stop - self.start


class Anomaly(NamedTuple):
    """A kind: what it makes of a place, how long it lasts, and which signals can have it."""

    act: Callable[[np.random.Generator, Place], np.ndarray]
    extent: Literal["point", "onset", "cycle", "stretch"]  # 1 to 5 samples, the first ones, one period, any length
    where: Literal["any", "regular", "related"] = "any"  # regular: with cycles; related: channels that go together


def _replaced(place: Place, inner: np.ndarray) -> np.ndarray:
    out = place.signal.copy()
    out[place.stretch] = inner
    return out


def _blended(rng: np.random.Generator, place: Place, inner: np.ndarray) -> np.ndarray:
    """A new shape in the stretch under the same noise; half of the time faded in and out over up to a quarter of it."""
    if rng.random() < 0.5:
        fade = max(1, int(place.length * rng.uniform(0.02, 0.25)))
        edge = np.minimum(np.arange(1, place.length + 1), np.arange(place.length, 0, -1))
        weight = np.minimum(edge / (fade + 1), 1)
        inner = weight * inner + (1 - weight) * place.shape[place.stretch]
    return _replaced(place, inner + place.noise[place.stretch])


def _read(place: Place, times: np.ndarray) -> np.ndarray:
    """The shape at any times (samples), beyond the last one whole periods earlier."""
    last, period = len(place.signal) - 1, max(place.period, 1)
    times = times - np.ceil(np.maximum(times - last, 0) / period) * period
    return np.interp(times, np.arange(last + 1), place.shape)


def _bump(rng: np.random.Generator, length: int) -> np.ndarray:
    """(length,) of height 1: a decay, a triangle or a box."""
    kind, steps = rng.integers(3), np.arange(length)
    if kind == 0:
        return np.exp(-2 * steps / length)
    return 1 - np.abs(2 * (steps + 0.5) / length - 1) * (kind == 1) * 0.9


def spike(rng, place):
    """A bump upwards on what goes on."""
    return _replaced(place, place.signal[place.stretch] + place.strength * place.unit * _bump(rng, place.length))


def dip(rng, place):
    """A bump downwards on what goes on."""
    return _replaced(place, place.signal[place.stretch] - place.strength * place.unit * _bump(rng, place.length))


def _step(rng, place):
    return rng.choice([-0.5, 0.5]) * place.strength * place.unit


def level_shift(rng, place):
    """Another level for the stretch, which then ends."""
    return _replaced(place, place.signal[place.stretch] + _step(rng, place))


def level_change(rng, place):
    """A level that stays; anomalous for a 32nd of the series (at most a period): by then it is known to be a level."""
    out = place.signal.copy()
    out[place.start :] += _step(rng, place)
    return out


def trend(rng, place):
    """A ramp whose end falls back, comes back, or stays."""
    out, size, end = place.signal.copy(), 2 * _step(rng, place), rng.integers(3)
    ramp = np.arange(1, place.length + 1) / place.length
    out[place.stretch] += size * (1 - np.abs(2 * ramp - 1) if end == 1 else ramp)
    if end == 2:
        out[place.stop :] += size
    return out


def transient(rng, place):
    """One bump on what goes on: a fast rise with a slow decay, or a hump; a third of them downwards."""
    steps = (np.arange(place.length) + 0.5) / place.length
    if rng.random() < 0.6:
        rise, decay = rng.uniform(0.02, 0.3), rng.uniform(2, 5)
        course = np.where(steps < rise, steps / rise, np.exp(-decay * (steps - rise) / (1 - rise)))
    else:
        course = np.sin(np.pi * steps) ** rng.uniform(1, 3)
    height = np.exp(rng.uniform(0, 1.5)) * place.strength * place.unit * rng.choice([1, 1, -1])
    return _replaced(place, place.signal[place.stretch] + height * course)


def amplitude(rng, place):
    """Cycles that are much smaller, or larger, about the same mean."""
    part = place.shape[place.stretch]
    factor = rng.uniform(0, 0.7) if rng.random() < 0.5 else 1 + 0.2 * place.strength
    return _blended(rng, place, part.mean() + factor * (part - part.mean()))


def frequency(rng, place):
    """Cycles that are faster, or slower, by a factor of 1.2 to 2.5."""
    pace = np.exp(rng.choice([-1, 1]) * rng.uniform(0.15, 0.9))
    return _blended(rng, place, _read(place, place.start + pace * np.arange(place.length)))


def variance(rng, place):
    """More noise, or where there is some hardly any."""
    noise = place.noise[place.stretch]
    if rng.random() < 0.3 and noise.any():
        return _replaced(place, place.signal[place.stretch] - rng.uniform(0.8, 1) * noise)
    added = 0.7 * place.strength * place.unit * rng.standard_normal(place.length)
    return _replaced(place, place.signal[place.stretch] + added)


def noise_colour(rng, place):
    """Noise as strong as before, but slow (red) or alternating (blue)."""
    size = place.noise[place.stretch].std() or place.unit
    pole = rng.uniform(0.85, 0.97) * rng.choice([-1, 1])
    noise = autoregressive(rng, place.length, np.array([pole])) * np.sqrt(1 - pole**2)
    return _replaced(place, place.shape[place.stretch] + size * noise)


def flat_line(rng, place):
    """One value throughout, as of a sensor that hangs."""
    part = place.signal[place.stretch]
    return _replaced(place, np.full(place.length, part[0] if rng.random() < 0.6 else part.mean()))


def cut_off(rng, place):
    """Peaks or troughs cut off, as by a sensor at its end."""
    part = place.signal[place.stretch]
    if rng.random() < 0.5:
        return _replaced(place, np.minimum(part, np.quantile(part, rng.uniform(0.4, 0.85))))
    return _replaced(place, np.maximum(part, np.quantile(part, rng.uniform(0.15, 0.6))))


def foreign(rng, place):
    """A stretch of another base signal with the mean and the size of what it replaces."""
    shape = SHAPES[rng.choice(["sines", "wave", "square", "sawtooth", "noise_ar", "chaotic", "random_walk"])]
    length = max(place.length, 32)
    other = shape(rng, length, length / rng.uniform(1, 6))[: place.length]
    part = place.shape[place.stretch]
    size = max(part.std(), place.unit) / max(other.std(), 1e-9)
    return _blended(rng, place, part.mean() + size * (other - other.mean()))


def missing_cycle(rng, place):
    """A straight line, or the usual level, where a cycle would be."""
    part = place.shape[place.stretch]
    rest = np.linspace(part[0], part[-1], place.length)
    if rng.random() < 0.5:
        rest = np.full(place.length, np.median(place.shape))
    return _blended(rng, place, rest)


def doubled_cycle(rng, place):
    """Two cycles, each in half the time, where one was."""
    return _blended(rng, place, _read(place, place.start + 2 * np.arange(place.length) % place.length))


def phase_jump(rng, place):
    """The rhythm goes on early or late; anomalous for one period, by then the new phase can be known."""
    out, shift = place.signal.copy(), rng.uniform(0.2, 0.8) * place.period
    times = np.arange(place.start, len(out)) + shift
    out[place.start :] = _read(place, times) + place.noise[place.start :]
    return out


def swapped(rng, place):
    """Two neighbouring stretches exchanged; they need not be of one length."""
    part, cut = place.shape[place.stretch], int(place.length * rng.uniform(0.3, 0.7))
    return _blended(rng, place, np.concatenate([part[cut:], part[:cut]]))


def mirrored(rng, place):
    """The stretch backwards in time, or upside down."""
    part = place.shape[place.stretch]
    return _blended(rng, place, part[::-1] if rng.random() < 0.5 else part.max() + part.min() - part)


def shape_change(rng, place):
    """One cycle smoothed, warped, or with a bump."""
    part, phase, kind = place.shape[place.stretch], np.arange(place.length) / place.length, rng.integers(3)
    if kind == 0:
        width = max(3, int(place.length * rng.uniform(0.15, 0.5)))
        inner = np.convolve(np.pad(part, width, mode="edge"), np.full(width, 1 / width), mode="same")[width:-width]
    elif kind == 1:
        warp = rng.choice([-1, 1]) * rng.uniform(0.3, 0.9) * np.sin(2 * np.pi * phase) / (2 * np.pi)
        inner = np.interp(phase + warp, phase, part)
    else:
        hump = np.exp(-0.5 * ((phase - rng.uniform(0.25, 0.75)) / rng.uniform(0.04, 0.12)) ** 2)
        inner = part + _step(rng, place) * hump
    return _blended(rng, place, inner)


def broken_correlation(rng, place):
    """What one channel did at another time, while the others go on."""
    start = rng.integers(0, len(place.signal) - place.length + 1)
    return _blended(rng, place, place.shape[start : start + place.length])


ANOMALIES: dict[str, Anomaly] = {
    "spike": Anomaly(spike, "point"),
    "dip": Anomaly(dip, "point"),
    "level_shift": Anomaly(level_shift, "stretch"),
    "level_change": Anomaly(level_change, "onset"),
    "trend": Anomaly(trend, "stretch"),
    "transient": Anomaly(transient, "stretch"),
    "amplitude": Anomaly(amplitude, "stretch", "regular"),
    "frequency": Anomaly(frequency, "stretch", "regular"),
    "variance": Anomaly(variance, "stretch"),
    "noise_colour": Anomaly(noise_colour, "stretch"),
    "flat_line": Anomaly(flat_line, "stretch"),
    "cut_off": Anomaly(cut_off, "stretch"),
    "foreign": Anomaly(foreign, "stretch"),
    "missing_cycle": Anomaly(missing_cycle, "cycle", "regular"),
    "doubled_cycle": Anomaly(doubled_cycle, "cycle", "regular"),
    "phase_jump": Anomaly(phase_jump, "cycle", "regular"),
    "swapped": Anomaly(swapped, "stretch", "regular"),
    "mirrored": Anomaly(mirrored, "stretch", "regular"),
    "shape_change": Anomaly(shape_change, "cycle", "regular"),
    "broken_correlation": Anomaly(broken_correlation, "stretch", "related"),
}
