"""Twelve more kinds of telemetry with faults, written after all constants of the program: none was chosen on them.

Regimes, two rhythms, counters that wrap, cells that are missing, uneven steps, two rates, constant columns, heavy
tails; from 1 Hz to a sample a day. No entry point.
"""

import numpy as np
from parts.series_kinds import Fault, Kind, Random, autoregressive, bursts, drifts, faster, plus, stays, times
from parts.series_kinds_tuned import noisy


def slips(length: int, samples: int) -> Fault:
    """The rhythm comes early by so many samples."""

    def put(rest: np.ndarray, _: Random) -> int:
        rest[:length] = rest[samples : samples + length].copy()
        return length

    return put


def parts_ways(length: int, variable: int) -> Fault:
    """One variable runs backwards: its values are as ever, and no longer fit the others."""

    def put(rest: np.ndarray, _: Random) -> int:
        rest[:length, variable] = rest[:length, variable][::-1].copy()
        return length

    return put


def moves(length: int, size: float, variable: int) -> Fault:
    """A trend of one variable."""

    def put(rest: np.ndarray, _: Random) -> int:
        rest[:length, variable] += np.linspace(0, size, length)
        return length

    return put


def regimes(random: Random, n: int) -> np.ndarray:
    """Current, flow and pressure of a pump with three duties, which change at any time."""
    duties = np.repeat(random.integers(0, 3, n // 150 + 1), 150)[:n]
    slow = autoregressive(random, n, 0.98, 0.02)
    turns = np.array([0.0, 0.6, 1.0])[duties] * (1 + slow)
    flow = np.convolve(turns, np.full(12, 1 / 12))[:n]
    return np.stack([8 * turns**2 + 1, 30 * flow, 2 + 3 * flow**2], 1) + random.normal(0, [0.1, 0.3, 0.04], (n, 3))


def week(random: Random, n: int) -> np.ndarray:
    """Load of a network, a quarter of an hour each: a rhythm of days, and one of weeks."""
    day = np.arange(n) / 96
    both = (1 + 0.5 * np.sin(2 * np.pi * day - 2)) * np.where(day.astype(int) % 7 >= 5, 0.55, 1.0)
    return (100 * both + 3 * autoregressive(random, n, 0.8, 1.0))[:, None]


def counter(random: Random, n: int) -> np.ndarray:
    """Pulses of a meter, which begins anew at 4096."""
    return (np.cumsum(random.poisson(20 + 8 * np.sin(2 * np.pi * np.arange(n) / 1440), n)) % 4096).astype(float)[
        :, None
    ]


def doors(random: Random, n: int) -> np.ndarray:
    """Two doors, open for some samples now and then."""
    values = np.zeros((n, 2))
    for variable, share in enumerate((0.01, 0.004)):
        for first in np.flatnonzero(random.random(n) < share):
            values[first : first + int(random.integers(2, 9)), variable] = 1
    return values


def holes(random: Random, n: int) -> np.ndarray:
    """A temperature of which stretches are missing, and single cells."""
    values = 15 + 6 * np.sin(2 * np.pi * np.arange(n) / 288) + autoregressive(random, n, 0.95, 0.1)
    values[random.random(n) < 0.02] = np.nan
    for first in random.integers(0, n, n // 1000):
        values[first : first + int(random.integers(10, 60))] = np.nan
    return values[:, None]


def uneven(random: Random, n: int) -> np.ndarray:
    """Humidity and degrees, told at uneven times."""
    slow = autoregressive(random, n, 0.99, 0.1)
    return np.stack([50 + 5 * slow, 20 - 2 * slow], 1) + random.normal(0, [0.4, 0.1], (n, 2))


def wanders(random: Random, n: int) -> np.ndarray:
    """A strain whose zero drifts, with the rhythm of a machine."""
    turn = np.arange(n) / 40
    return (np.cumsum(random.normal(0, 0.004, n)) + np.sin(2 * np.pi * turn) + random.normal(0, 0.08, n))[:, None]


def two_rates(random: Random, n: int) -> np.ndarray:
    """Vibration each second, and a temperature of which only each thirtieth cell is filled."""
    warm = 60 + autoregressive(random, n, 0.995, 0.15)
    warm[np.arange(n) % 30 > 0] = np.nan
    return np.stack([random.normal(0, 1, n) * (1.5 + np.sin(2 * np.pi * np.arange(n) / 600)), warm], 1)


def constants(random: Random, n: int) -> np.ndarray:
    """Two sensors of one load, one by itself, a setpoint and an alarm that never changes."""
    load = autoregressive(random, n, 0.97, 0.25) + np.sin(2 * np.pi * np.arange(n) / 210)
    seen = np.stack([5 * load + 40, 2 * load + 10, random.normal(3, 0.2, n)], 1) + random.normal(0, 0.1, (n, 3))
    return np.column_stack([seen, np.full(n, 21.5), np.zeros(n)])


def tails(random: Random, n: int) -> np.ndarray:
    """Three variables in noise of heavy tails."""
    return random.standard_t(2.5, (n, 3)) + 2 * np.sin(2 * np.pi * np.arange(n) / 120)[:, None] * [1, 0.5, 0]


def years(random: Random, n: int) -> np.ndarray:
    """Degrees of a river, a day each."""
    return (12 + 8 * np.sin(2 * np.pi * np.arange(n) / 365.25) + autoregressive(random, n, 0.85, 0.8))[:, None]


def strokes(random: Random, n: int) -> np.ndarray:
    """A press each 25 s, as hard as ever."""
    shape = np.concatenate([np.sin(np.pi * np.arange(8) / 8), -0.2 * np.ones(4), np.zeros(13)])
    hard = np.repeat(random.normal(1, 0.04, n // 25 + 1), 25)[:n]
    return (np.tile(shape, n // 25 + 1)[:n] * hard + random.normal(0, 0.03, n))[:, None]


FRESH_KINDS = {
    "regimes": Kind(regimes, 10, 8000, (moves(300, -1.5, 2), stays(120, None, 1), parts_ways(200, 0))),
    "week": Kind(week, 900, 8000, (stays(96, 60.0), plus(30, 60), slips(192, 30))),
    "counter": Kind(counter, 60, 8000, (stays(60), faster(120), noisy(40, 300))),
    "doors": Kind(doors, 60, 8000, (stays(60, 1.0, 0), bursts(1, 5), stays(40, 1.0, 1))),
    "holes": Kind(holes, 300, 8000, (plus(3, 5), plus(100, 6), stays(80, 16.0))),
    "uneven": Kind(uneven, 60, 8000, (plus(2, 12, 0), parts_ways(250, 1), noisy(60, 2)), 0.3),
    "wanders": Kind(wanders, 1, 8000, (plus(1, 2), plus(150, 2.5), slips(100, 17))),
    "two_rates": Kind(two_rates, 1, 8000, (times(100, 3), plus(120, 15, 1), stays(60, 0.4, 0))),
    "constants": Kind(constants, 30, 8000, (parts_ways(200, 1), plus(40, 0.5, 3), plus(1, 4, 2))),
    "tails": Kind(tails, 60, 8000, (plus(120, 5, 0), noisy(80, 8), drifts(200, 8))),
    "years": Kind(years, 86_400, 4000, (plus(30, 9), plus(1, 10), drifts(90, -12))),
    "strokes": Kind(strokes, 1, 8000, (stays(25, 0.0), slips(150, 9), times(100, 0.6))),
}
