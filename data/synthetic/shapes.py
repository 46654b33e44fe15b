"""Base signals of the synthetic series: what is normal there, without noise.

Every shape is a function (rng, length, period) -> (length,) float64 in arbitrary units; `SHAPES` names them. Those in
`REGULAR` repeat with the period (samples), so that a cycle of them can be missing; to the others it is a time scale.
`USUAL` names the anomalies that would be nothing unusual in a shape.
"""

import functools
from collections.abc import Callable

import numpy as np
from scipy.signal import lfilter

Shape = Callable[[np.random.Generator, int, float], np.ndarray]


def drift(rng: np.random.Generator, length: int, knots: int = 6) -> np.ndarray:
    """(length,) a slow course of about unit size, linear between random values."""
    return np.interp(np.linspace(0, knots - 1, length), np.arange(knots), rng.standard_normal(knots))


def autoregressive(rng: np.random.Generator, length: int, poles: np.ndarray) -> np.ndarray:
    """(length,) an AR process with these poles (inside the unit circle), started 200 samples before."""
    return lfilter([1.0], np.poly(poles).real, rng.standard_normal(length + 200))[200:]


def _cycles(rng: np.random.Generator, length: int, period: float, wander: float = 0.04) -> np.ndarray:
    """(length,) cycles since some start; in half of all cases their frequency wanders by up to `wander`."""
    rate = 1 + wander * rng.random() * np.tanh(drift(rng, length)) if rng.random() < 0.5 else np.ones(length)
    return np.cumsum(rate) / period + rng.random()


def _each_cycle(rng: np.random.Generator, cycles: np.ndarray, size: float) -> np.ndarray:
    """(length,) a factor around 1 that is another one in every cycle."""
    number = cycles.astype(int)
    return (1 + size * rng.standard_normal(number[-1] + 1))[number]


def _swell(rng: np.random.Generator, length: int) -> np.ndarray:
    return 1 + 0.3 * rng.random() * np.tanh(drift(rng, length))


def sines(rng, length, period):
    """A few periods, related or not, each with a drifting amplitude."""
    cycles, total = 2 * np.pi * _cycles(rng, length, period), np.zeros(length)
    for n in range(rng.integers(1, 4)):
        ratio = rng.choice([1.0, 2.0, 3.0, rng.uniform(0.3, 3)]) if n else 1.0
        total = total + rng.uniform(0.3, 1) * _swell(rng, length) * np.sin(ratio * cycles + rng.uniform(0, 2 * np.pi))
    return total


def wave(rng, length, period):
    """A random waveform of up to six harmonics."""
    angle, decay = 2 * np.pi * _cycles(rng, length, period), rng.uniform(0.5, 2)
    parts = (
        rng.standard_normal() * n**-decay * np.sin(n * angle + rng.uniform(0, 2 * np.pi))
        for n in range(1, rng.integers(3, 8))
    )
    return sum(parts) * _swell(rng, length)


def pulses(rng, length, period):
    """Two to five narrow bumps of either sign a cycle, as an ECG has them."""
    cycles = _cycles(rng, length, period)
    phase, total = cycles % 1, np.zeros(length)
    for place in rng.uniform(0.1, 0.9, rng.integers(2, 6)):
        width = np.exp(rng.uniform(np.log(0.008), np.log(0.08))) + 0.5 / period
        total += rng.choice([-0.4, 0.2, 0.3, 1.0]) * np.exp(-0.5 * ((phase - place) / width) ** 2)
    return total * _each_cycle(rng, cycles, 0.05 * rng.random())


def square(rng, length, period):
    """High for a part of every cycle, with edges from sharp to soft."""
    phase, duty = _cycles(rng, length, period, 0.02) % 1, rng.uniform(0.15, 0.85)
    if rng.random() < 0.5:
        return (phase < duty).astype(float)
    sharpness = rng.uniform(4, 30)
    distance = duty / 2 - np.abs((phase - duty / 2 + 0.5) % 1 - 0.5)
    return np.tanh(sharpness * distance)


def sawtooth(rng, length, period):
    """Up for one part of every cycle, down for the other."""
    cycles, peak = _cycles(rng, length, period), rng.uniform(0, 1)
    phase = cycles % 1
    tooth = np.where(phase < peak, phase / max(peak, 1e-3), (1 - phase) / max(1 - peak, 1e-3))
    return tooth * _each_cycle(rng, cycles, 0.05 * rng.random())


def daily_weekly(rng, length, period):
    """One or two humps a day and two of seven days that differ."""
    cycles = _cycles(rng, length, period, 0.0)
    phase, day = cycles % 1, cycles.astype(int) % 7
    profile = sum(
        rng.uniform(0.3, 1) * np.exp(-0.5 * ((phase - rng.uniform(0.3, 0.7)) / rng.uniform(0.05, 0.15)) ** 2)
        for _ in range(rng.integers(1, 3))
    )
    return profile * np.where(day >= 5, rng.uniform(0.2, 1.0), 1) * _each_cycle(rng, cycles, 0.05)


def respiration(rng, length, period):
    """Smooth lopsided waves whose length and depth vary from breath to breath."""
    rate = 1 + rng.uniform(0.05, 0.2) * np.tanh(drift(rng, length, int(length / period) + 3))
    angle = 2 * np.pi * (np.cumsum(rate) / period + rng.random())
    depth = 1 + rng.uniform(0.05, 0.2) * np.tanh(drift(rng, length, int(length / period) + 3))
    return depth * np.sin(angle + rng.uniform(-0.7, 0.7) * np.sin(angle))


def quasi_periodic(rng, length, period):
    """Incommensurate periods that modulate each other."""
    angle = 2 * np.pi * _cycles(rng, length, period)
    slow = np.sin(angle / rng.choice([np.sqrt(2), 1.618, np.e, np.pi]))
    return np.sin(angle) * (1 + rng.uniform(0.3, 1) * slow) + rng.uniform(0, 0.7) * np.sin(np.sqrt(3) * angle)


@functools.cache
def _lorenz(steps: int = 3000) -> np.ndarray:
    """(steps, 3, 16) sixteen orbits of the Lorenz system (1963), 0.02 time units a step, by Runge-Kutta."""

    def slope(s):
        return np.stack([10 * (s[1] - s[0]), s[0] * (28 - s[2]) - s[1], s[0] * s[1] - 8 / 3 * s[2]])

    state, orbit, h = np.random.default_rng(1963).uniform(1, 20, (3, 16)), [], 0.02
    for _ in range(steps + 200):
        a = slope(state)
        b = slope(state + h / 2 * a)
        c = slope(state + h / 2 * b)
        state = state + h / 6 * (a + 2 * b + 2 * c + slope(state + h * c))
        orbit.append(state)
    return np.array(orbit[200:])


def chaotic(rng, length, period):
    """One coordinate of a Lorenz orbit, some 40 steps of which are about a turn."""
    orbit = _lorenz()[:, rng.integers(3), rng.integers(16)]
    pace = min(40 / period, (len(orbit) - 1) / length)
    start = rng.uniform(0, len(orbit) - 1 - pace * (length - 1))
    return np.interp(start + pace * np.arange(length), np.arange(len(orbit)), orbit)


def noise_ar(rng, length, period):
    """Autoregressive noise, plain (one pole) or resonant near the period (two)."""
    if rng.random() < 0.5:
        return autoregressive(rng, length, np.array([rng.uniform(0, 0.98)]))
    pole = rng.uniform(0.8, 0.98) * np.exp(2j * np.pi / period)
    return autoregressive(rng, length, np.array([pole, pole.conj()]))


def random_walk(rng, length, period):
    """Sums of random steps, sometimes smoothed."""
    walk = np.cumsum(rng.standard_normal(length))
    return lfilter([0.3], [1, -0.7], walk) if rng.random() < 0.3 else walk


def _stairs(rng, length, mean_stay, levels):
    stays = 2 + rng.exponential(mean_stay, int(length / mean_stay * 2) + 8).astype(int)
    steps = np.repeat(levels(len(stays)), stays)
    return np.pad(steps, (0, max(0, length - len(steps))), mode="edge")[:length].astype(float)


def staircase(rng, length, period):
    """Set-points that change rarely, to a value of a few or to any."""
    few = rng.standard_normal(rng.integers(2, 6))
    if rng.random() < 0.5:
        return _stairs(rng, length, max(2 * period, 20), lambda n: rng.choice(few, n))
    return _stairs(rng, length, max(2 * period, 20), lambda n: rng.standard_normal(n))


def duty_cycle(rng, length, period):
    """On and off for random times, approached at once or exponentially."""
    switch = _stairs(rng, length, max(period, 8), lambda n: np.arange(n) % 2)
    memory = rng.choice([0.0, np.exp(-8 / max(period, 8)), np.exp(-3 / max(period, 8))])
    return lfilter([1 - memory], [1, -memory], switch)


def bursts(rng, length, period):
    """Packets of oscillation with silence between."""
    t, total = np.arange(length), np.zeros(length)
    for centre in rng.uniform(0, length, rng.integers(3, 9)):
        width = period * rng.uniform(0.5, 1.5)
        packet = np.sin(2 * np.pi * (t - centre) / max(period / rng.uniform(2, 8), 4))
        total += rng.uniform(0.5, 1.5) * packet * np.exp(-0.5 * ((t - centre) / width) ** 2)
    return total


def flares(rng, length, period):
    """Fast rise and slow decay at random times on a quiet floor; small ones are frequent, great ones rare."""
    impulses = np.zeros(length + 200)
    count = rng.integers(4, 16)
    impulses[rng.integers(0, length + 200, count)] = np.minimum(rng.pareto(1.5, count) + 0.3, 8)
    decay = np.exp(-1 / max(period * rng.uniform(0.2, 0.6), 3))
    rise = np.exp(-1 / rng.uniform(0.5, 3))
    return lfilter([1.0], [1, -(decay + rise), decay * rise], impulses)[200:]


def silence(rng, length, period):
    """A constant, which noise, trend or a sensor may make a signal."""
    return np.zeros(length)


SHAPES: dict[str, Shape] = {
    shape.__name__: shape
    for shape in (
        sines, wave, pulses, square, sawtooth, daily_weekly, respiration, quasi_periodic, chaotic, noise_ar,
        random_walk, staircase, duty_cycle, bursts, flares, silence,
    )
}  # fmt: skip
REGULAR = frozenset({"sines", "wave", "pulses", "square", "sawtooth", "daily_weekly", "respiration"})
USUAL: dict[str, frozenset[str]] = {
    "respiration": frozenset({"swapped"}),
    "noise_ar": frozenset({"trend", "transient", "noise_colour"}),
    "random_walk": frozenset({"level_shift", "level_change", "trend", "transient", "noise_colour"}),
    "staircase": frozenset({"level_shift", "level_change", "flat_line", "cut_off"}),
    "duty_cycle": frozenset({"level_shift", "level_change", "flat_line", "cut_off", "trend", "transient"}),
    "bursts": frozenset({"variance", "foreign", "noise_colour"}),
    "flares": frozenset({"spike", "trend", "transient", "foreign"}),
    "chaotic": frozenset({"trend", "transient"}),
}
