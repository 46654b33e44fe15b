"""Series of twelve kinds as telemetry has them, and faults of each kind.

Written to try the program on what it was not developed on: no constant of it was chosen here. No entry point.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Random = np.random.Generator
# Spoils the values (n, C) from its first sample on, in place; returns how many samples the fault lasts.
Fault = Callable[[np.ndarray, Random], int]


@dataclass(frozen=True)
class Kind:
    """make: (random, n) -> values (n, C), one each `step_s`; faults: what may happen to such a series.

    jitter: by how many steps a sample may come early or late.
    """

    make: Callable[[Random, int], np.ndarray]
    step_s: float
    samples: int
    faults: tuple[Fault, ...]
    jitter: float = 0.0


def times(length: int, factor: float, lasting: bool = False) -> Fault:
    def put(rest: np.ndarray, _: Random) -> int:
        rest[: None if lasting else length] *= factor
        return length

    return put


def plus(length: int, size: float, variable: int = 0) -> Fault:
    def put(rest: np.ndarray, _: Random) -> int:
        rest[:length, variable] += size
        return length

    return put


def drifts(length: int, size: float) -> Fault:
    def put(rest: np.ndarray, _: Random) -> int:
        rest[:length] += np.linspace(0, size, length)[:, None]
        return length

    return put


def stays(length: int, at: float | None = None, variable: int = 0) -> Fault:
    """At a value, or at the one it had."""

    def put(rest: np.ndarray, _: Random) -> int:
        rest[:length, variable] = rest[0, variable] if at is None else at
        return length

    return put


def faster(length: int) -> Fault:
    """Twice as fast."""

    def put(rest: np.ndarray, _: Random) -> int:
        rest[:length] = rest[: 2 * length : 2].copy()
        return length

    return put


def inverted(length: int, variable: int) -> Fault:
    def put(rest: np.ndarray, _: Random) -> int:
        rest[:length, variable] = 1 - rest[:length, variable]
        return length

    return put


def bursts(length: int, a_sample: float) -> Fault:
    """More events a sample."""

    def put(rest: np.ndarray, random: Random) -> int:
        rest[:length, 0] += random.poisson(a_sample, length)
        return length

    return put


def knocks(length: int, every: int, size: float) -> Fault:
    def put(rest: np.ndarray, _: Random) -> int:
        rest[:length:every] += size
        return length

    return put


def autoregressive(random: Random, n: int, memory: float, scale: float) -> np.ndarray:
    """An AR(1) process (n,)."""
    values, last = np.empty(n), 0.0
    for i, kick in enumerate(random.normal(0, scale, n)):
        values[i] = last = memory * last + kick
    return values


def visits(random: Random, n: int) -> np.ndarray:
    """Of a web site, an hour each: days, weekends and growth."""
    hour = np.arange(n)
    week = np.where(hour // 24 % 7 >= 5, 0.6, 1.0)
    mean = 1000 * (1 + 0.5 * np.sin(2 * np.pi * hour / 24 - 1.5)) * week * (1 + 0.3 * hour / n)
    return random.poisson(mean).astype(float)[:, None]


def room(random: Random, n: int) -> np.ndarray:
    """Degrees of a room whose heating goes on and off, a minute each."""
    values, degrees, is_on = np.empty(n), 20.0, False
    for i, outside in enumerate(5 + 5 * np.sin(2 * np.pi * np.arange(n) / 1440)):
        is_on = degrees < 19.5 or (is_on and degrees <= 20.5)
        degrees += 0.05 * is_on - 0.0012 * (degrees - outside) + random.normal(0, 0.005)
        values[i] = degrees + random.normal(0, 0.02)
    return values.round(2)[:, None]


def beats(random: Random, n: int) -> np.ndarray:
    """A pulse with a second wave, 125 samples a second, of uneven times."""
    values, at = random.normal(0, 0.03, n), 40
    while at < n - 45:
        values[at - 2 : at + 3] += (0.2, 0.7, 1.2, 0.6, -0.2)
        values[at + 20 : at + 45] += 0.25 * np.sin(np.pi * np.arange(25) / 25)
        at += int(random.normal(100, 3))
    return values[:, None]


def machine(random: Random, n: int) -> np.ndarray:
    """Vibration of a machine with two speeds, which change at any time."""
    values, first, is_fast = random.normal(0, 0.2, n), 0, False
    while first < n:
        last, is_fast = min(first + int(random.integers(200, 600)), n), not is_fast
        turn = 2 * np.pi * np.arange(last - first)
        values[first:last] += 5 + 2 * np.sin(turn / 13) if is_fast else 2 + 0.6 * np.sin(turn / 29)
        first = last
    return values[:, None]


def valves(_: Random, n: int) -> np.ndarray:
    """Three valves, open or closed."""
    second = np.arange(n)
    return np.stack([second // 60 % 2, (second + 20) // 60 % 2, second % 120 > 100], axis=1).astype(float)


def latency(random: Random, n: int) -> np.ndarray:
    return np.exp(random.normal(3 + 0.2 * np.sin(2 * np.pi * np.arange(n) / 1440), 0.4))[:, None]


def coarse(random: Random, n: int) -> np.ndarray:
    """A slow level in whole numbers."""
    return np.round(20 + autoregressive(random, n, 0.98, 0.3))[:, None]


def price(random: Random, n: int) -> np.ndarray:
    return 100 * np.exp(np.cumsum(0.002 * random.standard_t(4, n)))[:, None]


def rare(random: Random, n: int) -> np.ndarray:
    """Counts that are mostly 0."""
    return (random.poisson(0.05, n) * random.integers(1, 4, n)).astype(float)[:, None]


def battery(random: Random, n: int) -> np.ndarray:
    """Volts of cycles of uneven length."""
    cycles: list[np.ndarray] = []
    while sum(map(len, cycles)) < n:
        used = np.linspace(0, 1, int(random.normal(180, 6)))
        cycles += [4.1 - 0.7 * used - 0.3 * used**8, np.linspace(3.1, 4.1, 60)]
    return (np.concatenate(cycles)[:n] + random.normal(0, 0.005, n))[:, None]


def panels(random: Random, n: int) -> np.ndarray:
    """Power of solar panels under clouds, five minutes each; nothing at night."""
    height = np.clip(np.sin(2 * np.pi * (np.arange(n) % 288) / 288 - np.pi / 2), 0, None)
    clear = np.clip(1 - np.abs(autoregressive(random, n, 0.95, 0.1)), 0.2, 1)
    return (5 * height * clear + np.abs(random.normal(0, 0.005, n)))[:, None]


def plant(random: Random, n: int) -> np.ndarray:
    """Five sensors of one load, and one of nothing."""
    load = autoregressive(random, n, 0.99, 0.1) + np.sin(2 * np.pi * np.arange(n) / 500)
    gains, offsets = np.array([1, 2, -1, 0.5, 3]), np.array([0, 5, 3, 10, -2])
    return np.column_stack([load[:, None] * gains + offsets + random.normal(0, 0.1, (n, 5)), random.normal(50, 2, n)])


KINDS = {
    "visits": Kind(visits, 3600, 2400, (times(3, 0.05), times(1, 3), times(24, 0.3))),
    "room": Kind(room, 60, 20_000, (drifts(240, 4), stays(90), drifts(120, -5))),
    "beats": Kind(beats, 0.008, 20_000, (stays(100, 0.0), times(100, 2), faster(200))),
    "machine": Kind(machine, 0.1, 12_000, (knocks(20, 5, 3), plus(150, 1.5), stays(50, 9.0))),
    "valves": Kind(valves, 1, 12_000, (stays(120, 1.0, 0), stays(60, 0.0, 1), inverted(30, 2))),
    "latency": Kind(latency, 60, 12_000, (times(20, 4), times(1, 40), times(60, 2.5))),
    "coarse": Kind(coarse, 60, 12_000, (stays(200), plus(30, 12), plus(1, 30))),
    "price": Kind(price, 60, 12_000, (times(1, 1.08, True), times(1, 0.9, True), plus(60, 10))),
    "rare": Kind(rare, 60, 12_000, (bursts(30, 1), plus(1, 40), bursts(120, 0.7))),
    "battery": Kind(battery, 30, 12_000, (plus(180, -0.25), stays(60, 3.6), faster(240))),
    "panels": Kind(panels, 300, 12_000, (times(60, 0), plus(40, 6), times(150, 0.3))),
    "plant": Kind(plant, 10, 12_000, (plus(100, 4, 1), plus(200, -3, 3), plus(20, 15, 5))),
}


def spoilt(kind: Kind, values: np.ndarray, random: Random) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """Values (n, C) with every fault of this kind once, and the first and last samples of these."""
    found, faults = values.copy(), []
    for fault, share in zip(kind.faults, (0.3, 0.55, 0.8), strict=True):
        first = int((share + random.uniform(-0.05, 0.05)) * len(values))
        faults.append((first, first + fault(found[first:], random) - 1))
    return found, faults
