"""Seconds of six kinds of series, 0.1 to 10 ms a sample, with faults: quiet data too short for most rates.

The tail of rare surprises (`inference/calibration/surprises.py`) was chosen on such and on others. No entry point.
"""

import numpy as np
from parts.series_kinds import Fault, Kind, Random, autoregressive, knocks, plus, stays, times
from scipy.signal import lfilter

RING, DAMPED = 8, 12  # samples of a knock's tone, and in which it dies away


def grows(length: int, size: float, period: float) -> Fault:
    """A tone that grows: what turns is out of balance."""

    def put(rest: np.ndarray, _: Random) -> int:
        rest[:length, 0] += np.linspace(0, size, length) * np.sin(2 * np.pi * np.arange(length) / period)
        return length

    return put


def impacts(length: int, every: int, size: float) -> Fault:
    """Of a bearing: each rings."""

    def put(rest: np.ndarray, random: Random) -> int:
        k = np.arange(40)
        pulse = size * np.exp(-k / DAMPED) * np.sin(2 * np.pi * k / RING)
        for first in range(0, length - len(k), every):
            rest[first : first + len(k), 0] += pulse * random.uniform(0.7, 1.3)
        return length

    return put


def loose(length: int, at: float) -> Fault:
    """A mount that gives way: peaks are cut, and it swings."""

    def put(rest: np.ndarray, _: Random) -> int:
        part = rest[:length, 0]
        swings = 0.25 * np.sin(2 * np.pi * np.arange(length) / 100)
        part[:] = np.where(part > at, at + 0.3 * (part - at) + swings, part)
        return length

    return put


def rotor(random: Random, n: int) -> np.ndarray:
    """A shaft whose load, and so its speed, changes every 700 samples."""
    load = np.convolve(1 + 0.25 * np.repeat(random.random(n // 700 + 1), 700)[:n], np.full(150, 1 / 150), "same")
    phase = 2 * np.pi * np.cumsum((1 + 0.02 * (load - 1.1)) / 220)
    parts = np.sin(phase) + 0.4 * np.sin(2 * phase + 1) + 0.2 * np.sin(5 * phase)
    return (load * parts + random.normal(0, 0.04, n))[:, None]


def steady(random: Random, n: int) -> np.ndarray:
    """A shaft as steady as a clock but for its bearing's play."""
    phase = 2 * np.pi * np.arange(n) / 400 + 0.005 * np.cumsum(random.normal(0, 1, n))
    parts = np.sin(phase + 0.3) + 0.4 * np.sin(2 * phase + 1) + 0.2 * np.sin(3 * phase + 2)
    return (parts + random.normal(0, 0.05, n))[:, None]


def gear(random: Random, n: int) -> np.ndarray:
    k = np.arange(n)
    mesh = (1 + 0.3 * np.sin(2 * np.pi * k / 160)) * np.sin(2 * np.pi * k / 11)
    return np.stack([mesh, 0.5 * np.sin(2 * np.pi * k / 160 + 1)], axis=1) + random.normal(0, 0.1, (n, 2))


def phases(random: Random, n: int) -> np.ndarray:
    """Three currents of a mains with its fifth harmonic."""
    turn = 2 * np.pi * (np.arange(n)[:, None] / 200 + np.arange(3) / 3)
    return np.sin(turn) + 0.2 * np.sin(5 * turn) + random.normal(0, 0.02, (n, 3))


def resonance(random: Random, n: int) -> np.ndarray:
    memory = 0.985
    turned = [1, -2 * memory * np.cos(2 * np.pi / 14), memory**2]
    return lfilter([1 - memory], turned, random.standard_normal(n))[:, None]


def pressure(random: Random, n: int) -> np.ndarray:
    """Noise about a level that hardly moves."""
    return (10 + autoregressive(random, n, 0.99, 0.02) + random.normal(0, 0.1, n))[:, None]


FAST_KINDS = {
    "rotor": Kind(rotor, 1e-4, 20_000, (grows(1500, 1.2, 220), impacts(1500, 137, 0.5), loose(1200, 0.5))),
    "steady": Kind(steady, 1e-4, 20_000, (grows(1500, 0.6, 400), impacts(1500, 137, 0.4), loose(1200, 0.5))),
    "gear": Kind(gear, 2e-4, 16_000, (impacts(600, 160, 0.8), times(400, 1.5), stays(100))),
    "phases": Kind(phases, 1e-3, 12_000, (times(400, 1.15), plus(300, 0.15, 1), stays(80, None, 2))),
    "resonance": Kind(resonance, 1e-3, 12_000, (times(300, 2.5), knocks(300, 60, 0.3), plus(200, 0.4))),
    "pressure": Kind(pressure, 1e-2, 12_000, (plus(100, 1.5), knocks(100, 20, 1.2), stays(80))),
}
