"""Series that come in bursts, with faults: six kinds on which constants are chosen, and six on which none is.

Quiet data of such hold a few large bursts, as tables that nobody looked through hold a few faults. No entry point.
"""

import numpy as np
from parts.series_kinds import Kind, Random, autoregressive, bursts, drifts, faster, knocks, plus, stays, times
from parts.series_kinds_tuned import noisy


def begun(random: Random, n: int, each: float) -> np.ndarray:
    """When something begins that comes by chance, once in `each` samples in the mean."""
    return np.flatnonzero(random.random(n) < 1 / each)


def added(n: int, starts: np.ndarray, shapes: list[np.ndarray]) -> np.ndarray:
    """The sum (n,) of shapes from their starts on."""
    values = np.zeros(n)
    for start, shape in zip(starts.tolist(), shapes, strict=True):
        values[start : start + len(shape)] += shape[: n - start]
    return values


def traffic(random: Random, n: int) -> np.ndarray:
    """Bytes of a link by the hours of the day, and transfers that last for as long as they are large."""
    base = np.exp(3 + 0.3 * np.sin(2 * np.pi * np.arange(n) / 1440) + random.normal(0, 0.2, n))
    starts = begun(random, n, 600)
    sizes = [30 * np.exp(random.normal(0, 0.8)) for _ in starts]
    return (base + added(n, starts, [np.full(int(random.integers(5, 40)), size) for size in sizes]))[:, None]


def requests(random: Random, n: int) -> np.ndarray:
    """Counts a minute, and rare minutes of far more."""
    usual = random.poisson(50 * (1 + 0.4 * np.sin(2 * np.pi * np.arange(n) / 1440))).astype(float)
    starts = begun(random, n, 900)
    return (usual + added(n, starts, [np.full(1, 60 * (1 + random.pareto(2.0))) for _ in starts]))[:, None]


def errors(random: Random, n: int) -> np.ndarray:
    """Hardly any, but where one comes, more follow."""
    values, rate = np.empty(n), 0.05
    for i, outbreak in enumerate(random.random(n) < 1 / 700):
        rate = 0.05 + 0.9 * (rate - 0.05) + (random.gamma(1.5, 4) if outbreak else 0)
        values[i] = random.poisson(rate)
    return values[:, None]


def waits(random: Random, n: int) -> np.ndarray:
    """Latency of a queue whose jobs have no largest size."""
    values, work = np.empty(n), 0.0
    for i, job in enumerate(1 + random.pareto(2.2, n)):
        work = max(0.0, work + job - 2.6)
        values[i] = work + random.gamma(4, 0.25)
    return values[:, None]


def rings(random: Random, n: int) -> np.ndarray:
    """A mass that is knocked now and then, as hard as may be."""
    starts, k = begun(random, n, 500), np.arange(150)
    tones = [np.exp(random.normal(0, 0.7) - k / 30) * np.sin(2 * np.pi * k / 12) for _ in starts]
    return (added(n, starts, tones) + random.normal(0, 0.1, n))[:, None]


def backups(random: Random, n: int) -> np.ndarray:
    """A disk that is busy now and then, and for an hour a day, when it likes."""
    busy = np.exp(autoregressive(random, n, 0.9, 0.25)) + 0.3 * random.random(n)
    for day in range(0, n, 1440):
        first = day + int(random.integers(0, 1380))
        busy[first : first + 60] += 12 + random.normal(0, 0.5, len(busy[first : first + 60]))
    return busy[:, None]


def rain(random: Random, n: int) -> np.ndarray:
    """Nothing for hours, then showers of any strength, in steps of a bucket."""
    values, starts = np.zeros(n), begun(random, n, 300)
    for start in starts.tolist():
        length = int(random.gamma(1.2, 40)) + 3
        part = values[start : start + length]
        part += np.exp(random.normal(-1, 1)) * random.gamma(0.8, 1.2, len(part))
    return (np.round(values / 0.2) * 0.2)[:, None]


def press_shop(random: Random, n: int) -> np.ndarray:
    """Current of a machine that works on jobs of any length and load, and waits between them."""
    values: list[np.ndarray] = []
    while sum(map(len, values)) < n:
        load, length = 8 * np.exp(random.normal(0, 0.35)), int(random.gamma(2, 30)) + 5
        values += [np.full(int(random.exponential(120)) + 5, 0.5), load * (1 + 0.1 * np.sin(np.arange(length) / 2))]
    return (np.concatenate(values)[:n] + random.normal(0, 0.15, n))[:, None]


def quakes(random: Random, n: int) -> np.ndarray:
    """Counts of shocks, of which each may bring others."""
    values, excited = np.empty(n), 0.0
    for i in range(n):
        count = random.poisson(0.03 + excited)
        excited = 0.85 * excited + 0.13 * count
        if random.random() < 1 / 2000:
            excited += random.gamma(1, 3)
        values[i] = count
    return values[:, None]


def gusts(random: Random, n: int) -> np.ndarray:
    """Wind, whose scatter grows with it, and squalls."""
    mean = np.exp(1.2 + autoregressive(random, n, 0.995, 0.04))
    starts, k = begun(random, n, 800), np.arange(40)
    squalls = added(n, starts, [random.gamma(2, 3) * np.exp(-k / 12) for _ in starts])
    return np.maximum(mean + squalls + 0.15 * mean * random.standard_normal(n), 0)[:, None]


def cluster(random: Random, n: int) -> np.ndarray:
    """Load and memory of a server on which jobs come by chance and last for long or short."""
    starts = begun(random, n, 150)
    lengths = np.minimum(np.exp(random.normal(3, 1.2, len(starts))), 3000).astype(int) + 2
    cores = random.choice([1, 2, 4, 16], len(starts), p=[0.5, 0.3, 0.17, 0.03]).astype(float)
    both = [added(n, starts, [np.full(m, c * s) for m, c in zip(lengths, cores, strict=True)]) for s in (1.0, 0.6)]
    return np.stack(both, axis=1) + np.abs(random.normal(0.5, 0.15, (n, 2)))


def mail(random: Random, n: int) -> np.ndarray:
    """Messages a minute by day, and campaigns that go out at once and fade."""
    day = np.clip(np.sin(2 * np.pi * np.arange(n) / 1440), 0, None)
    starts, k = begun(random, n, 1200), np.arange(120)
    campaigns = added(n, starts, [40 * np.exp(random.normal(0, 1) - k / 25) for _ in starts])
    return random.poisson(4 + 12 * day + campaigns).astype(float)[:, None]


BURSTY_TUNED_KINDS = {
    "traffic": Kind(traffic, 60, 12_000, (times(60, 0.1), drifts(200, 150), plus(180, 60))),
    "requests": Kind(requests, 60, 12_000, (times(30, 0.1), plus(60, 120), times(120, 2))),
    "errors": Kind(errors, 60, 12_000, (bursts(60, 40), bursts(300, 4), plus(1, 150))),
    "waits": Kind(waits, 60, 12_000, (plus(200, 60), stays(120), noisy(60, 20))),
    "rings": Kind(rings, 60, 12_000, (stays(100, 0.0), knocks(200, 5, 2), plus(120, 1.5))),
    "backups": Kind(backups, 60, 12_000, (stays(90, 0.0), plus(100, 40), faster(300))),
}
BURSTY_KINDS = {
    "rain": Kind(rain, 60, 12_000, (plus(100, 4), stays(200, 1.0), knocks(60, 4, 15))),
    "press_shop": Kind(press_shop, 60, 12_000, (plus(150, -3), plus(100, 25), noisy(100, 4))),
    "quakes": Kind(quakes, 60, 12_000, (bursts(40, 15), bursts(200, 4), plus(1, 60))),
    "gusts": Kind(gusts, 60, 12_000, (stays(100), plus(120, 18), times(60, 0.0))),
    "cluster": Kind(cluster, 60, 12_000, (plus(300, 25, 1), stays(150, 0.0, 0), noisy(100, 8))),
    "mail": Kind(mail, 60, 12_000, (times(120, 0.0), bursts(60, 200), plus(200, 60))),
}
