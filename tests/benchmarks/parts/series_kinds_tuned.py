"""Ten more kinds of series with faults, on which constants of the program are chosen: those of series_kinds.py are not.

No entry point.
"""

import numpy as np
from parts.series_kinds import Fault, Kind, Random, autoregressive, bursts, drifts, faster, knocks, plus, stays, times
from scipy.signal import lfilter


def damped(length: int, factor: float) -> Fault:
    """Moves less, or more, around its own mean."""

    def put(rest: np.ndarray, _: Random) -> int:
        part = rest[:length]
        part += (factor - 1) * (part - part.mean(axis=0))
        return length

    return put


def hums(length: int, period: float, size: float, variable: int) -> Fault:
    """A tone joins in."""

    def put(rest: np.ndarray, _: Random) -> int:
        rest[:length, variable] += size * np.sin(2 * np.pi * np.arange(length) / period)
        return length

    return put


def lags(length: int, samples: int, variable: int) -> Fault:
    """One variable comes late, so that it no longer fits the others."""

    def put(rest: np.ndarray, _: Random) -> int:
        rest[samples:length, variable] = rest[: length - samples, variable].copy()
        return length

    return put


def noisy(length: int, scale: float) -> Fault:
    def put(rest: np.ndarray, random: Random) -> int:
        rest[:length] += random.normal(0, scale, rest[:length].shape)
        return length

    return put


def tank(random: Random, n: int) -> np.ndarray:
    """A level that falls as users draw, and is filled again at 20 %."""
    values, level, fills = np.empty(n), 80.0, False
    for i, drawn in enumerate(0.15 * (1 + 0.5 * np.sin(2 * np.pi * np.arange(n) / 1440)) * random.gamma(4, 0.25, n)):
        fills = level < 20 or (fills and level < 90)
        level += 0.9 * fills - drawn
        values[i] = level
    return (values + random.normal(0, 0.2, n))[:, None]


def network(random: Random, n: int) -> np.ndarray:
    """Bytes in and out, by the hours of the day, in the logarithm's noise."""
    shared = 0.3 * np.sin(2 * np.pi * np.arange(n) / 1440) + autoregressive(random, n, 0.9, 0.1)
    return np.exp(5 + shared[:, None] * [1, 0.6] + random.normal(0, 0.2, (n, 2)) + [0, -1])


def axes(random: Random, n: int) -> np.ndarray:
    """Three axes of a resonance each."""
    columns = []
    for period, memory in ((9, 0.98), (21, 0.97), (14, 0.9)):
        turned = [1, -2 * memory * np.cos(2 * np.pi / period), memory**2]
        columns.append(lfilter([1 - memory], turned, random.standard_normal(n)))
    return np.stack(columns, axis=1)


def greenhouse(random: Random, n: int) -> np.ndarray:
    """Four thermometers of one house, and its humidity."""
    day = np.sin(2 * np.pi * np.arange(n) / 288) + autoregressive(random, n, 0.99, 0.05)
    warm = 22 + 4 * day[:, None] * [1, 0.9, 1.1, 0.7] + random.normal(0, 0.15, (n, 4))
    return np.column_stack([warm, 60 - 9 * day + random.normal(0, 1, n)])


def compressor(random: Random, n: int) -> np.ndarray:
    """Current and pressure of what goes on and off, as it likes."""
    is_on, values, pressure = False, np.empty((n, 2)), 5.0
    for i in range(n):
        is_on = pressure < 4 or (is_on and pressure < 7)
        pressure += (0.12 if is_on else -0.05) * random.gamma(4, 0.25)
        values[i] = 12 * is_on, pressure
    return values + random.normal(0, [0.3, 0.05], (n, 2))


def queue(random: Random, n: int) -> np.ndarray:
    """How many wait, where more come and go by chance."""
    waiting, values = 0, np.empty(n)
    for i, (come, go) in enumerate(zip(random.poisson(0.8, n), random.poisson(1.1, n), strict=True)):
        values[i] = waiting = max(0, waiting + int(come) - int(go))
    return values[:, None]


def tide(random: Random, n: int) -> np.ndarray:
    t = np.arange(n)
    both = np.sin(2 * np.pi * t / 74.5) + 0.4 * np.sin(2 * np.pi * t / 77.1 + 1)
    return (both + autoregressive(random, n, 0.95, 0.02))[:, None]


def servo(random: Random, n: int) -> np.ndarray:
    """A command that jumps, and the place that swings after it."""
    command = np.repeat(random.integers(0, 5, n // 60 + 1), 60)[:n].astype(float)
    swings = lfilter([0, 0.06], [1, -1.72, 0.78], command)
    return np.stack([command, swings + random.normal(0, 0.03, n)], axis=1)


def sales(random: Random, n: int) -> np.ndarray:
    """An hour each: none at night, more on Saturdays."""
    hour = np.arange(n)
    is_open = (hour % 24 >= 8) & (hour % 24 < 20)
    return random.poisson(40 * is_open * np.where(hour // 24 % 7 == 5, 1.8, 1.0)).astype(float)[:, None]


def oven(random: Random, n: int) -> np.ndarray:
    """Batches: heated, kept, cooled, with some wait between them."""
    values: list[np.ndarray] = []
    while sum(map(len, values)) < n:
        top = random.normal(200, 2)
        values += [np.linspace(40, top, 60), np.full(int(random.normal(120, 4)), top)]
        values += [40 + (top - 40) * np.exp(-np.arange(80) / 18), np.full(int(random.integers(10, 60)), 42.0)]
    return (np.concatenate(values)[:n] + random.normal(0, 0.7, n))[:, None]


TUNED_KINDS = {
    "tank": Kind(tank, 60, 12_000, (drifts(200, -25), stays(150), knocks(40, 8, 6))),
    "network": Kind(network, 60, 12_000, (times(60, 3), times(40, 0.1), plus(120, 500, 1))),
    "axes": Kind(axes, 0.01, 10_000, (times(200, 3), hums(300, 5, 1.0, 1), knocks(30, 10, 4))),
    "greenhouse": Kind(greenhouse, 300, 8000, (drifts(300, 6), stays(200, None, 2), plus(100, 3, 0))),
    "compressor": Kind(compressor, 1, 12_000, (plus(250, 4, 0), stays(150, None, 1), noisy(100, 1.5))),
    "queue": Kind(queue, 60, 12_000, (bursts(80, 12), plus(1, 60), plus(200, 30))),
    "tide": Kind(tide, 600, 8000, (faster(150), damped(120, 0.3), plus(4, 1.0))),
    "servo": Kind(servo, 0.1, 12_000, (lags(300, 15, 1), hums(150, 11, 0.5, 1), plus(80, -1.5, 1))),
    "sales": Kind(sales, 3600, 4000, (times(30, 0), times(12, 3), plus(8, 30))),
    "oven": Kind(oven, 10, 12_000, (plus(200, 25), damped(150, 1.4), noisy(100, 6))),
}
