"""Labelled synthetic series, endless and seeded: base signals, noise, sensors, gaps and what is anomalous in them.

`make_series(seed, index, length, settings)` is a pure function, so series can be made in any order and again. Every
anomaly is measured against what it replaces and drawn anew, or left out, where it could not be seen (`visible`).
docs/synthetic_series.md shows all of it.
"""

from typing import NamedTuple

import numpy as np

from config import SyntheticConfig
from data.synthetic.anomalies import ANOMALIES, Place
from data.synthetic.channels import MIN_PERIOD, Channel, draw_channels, log_uniform, pick
from data.synthetic.shapes import USUAL

MIN_LENGTH = 32
MIN_SNR = 5.0  # norm of the change in units of the roughness: a point has to stick out by five sigma
EDGE = 0.05  # of the largest change, below which the ends of a stretch are not labelled
ATTEMPTS = 6


class Synthetic(NamedTuple):
    """A series: values (T, C) float32, NaN where missing; clean (T, C) float32, the same without anomalies and gaps;
    labels (T,) bool; kinds, the anomalies in the order of time."""

    values: np.ndarray
    clean: np.ndarray
    labels: np.ndarray
    kinds: tuple[str, ...]


class Effect(NamedTuple):
    """Of an anomaly on one channel: its values and where it is felt, from start to stop, and the signal from there."""

    values: np.ndarray
    felt: np.ndarray
    later: np.ndarray


class Change(NamedTuple):
    """An anomaly that can be seen: labelled from start to stop, and the values of its channels there."""

    kind: str
    start: int
    stop: int
    values: dict[int, np.ndarray]


def make_series(seed: int, index: int, length: int, settings: SyntheticConfig) -> Synthetic:
    """Series `index` of the seed, `length` samples long. Raises ValueError below 32 samples."""
    if length < MIN_LENGTH:
        raise ValueError(f"a synthetic series of {length} samples is too short; the shortest has {MIN_LENGTH}")
    rng = np.random.default_rng([seed, index])
    channels = draw_channels(rng, length, settings)
    changes = _changes(rng, channels, settings)  # moves the channels' signals to levels and phases that stay
    clean = np.stack([c.sensor(c.signal, slice(None)) for c in channels], axis=1)
    values, labels = clean.copy(), np.zeros(length, bool)
    for change in changes:
        labels[change.start : change.stop] = True
        for c, part in change.values.items():
            values[change.start : change.stop, c] = part
    scale, offset = _units(rng, len(channels))
    values, clean = ((offset + scale * x).astype(np.float32) for x in (values, clean))
    values[~np.stack([c.known for c in channels], axis=1)] = np.nan
    return Synthetic(values, clean, labels, tuple(change.kind for change in changes))


def spread(signal: np.ndarray) -> float:
    """Robust size of a signal (T,): scaled MAD around its line, at least a quarter of the standard deviation."""
    t = np.arange(len(signal)) - (len(signal) - 1) / 2
    rest = signal - signal.mean()
    rest = rest - t * (t @ rest) / (t @ t)
    return max(1.4826 * _median(np.abs(rest - _median(rest))), 0.25 * float(np.sqrt(rest @ rest / len(rest))))


def roughness(signal: np.ndarray) -> float:
    """What cannot be foretold from the neighbours: the robust sigma of white noise with these second differences."""
    second = np.abs(signal[2:] - 2 * signal[1:-1] + signal[:-2])
    return max(1.4826 * _median(second), 0.25 * np.sqrt(second @ second / len(second))) / np.sqrt(6)


def visible(change: np.ndarray, size: float, local: float, min_visible: float) -> bool:
    """Whether a change (n,), NaN where missing, can be seen at all.

    Its RMS is to be min_visible of `size`, the spread of the whole clean series, and its norm MIN_SNR times `local`,
    the roughness of the clean surroundings.
    """
    change = change[np.isfinite(change)]
    energy = change @ change
    return bool(energy > 0 and energy >= len(change) * (min_visible * size) ** 2 and energy >= (MIN_SNR * local) ** 2)


def surroundings(start: int, stop: int) -> slice:
    """The samples whose roughness a change is compared with: its own and as many before and after, at least 64."""
    around = max(stop - start, 64)
    return slice(max(0, start - around), stop + around)


def _median(values: np.ndarray) -> float:
    middle = len(values) // 2
    return float(np.partition(values, middle)[middle])  # np.median takes twice the time, which matters here


def _units(rng: np.random.Generator, channels: int) -> tuple[np.ndarray, np.ndarray]:
    """(C,) scale and offset of the channels: hundredths to thousands."""
    scale = 10 ** rng.uniform(-2, 3, channels)
    return scale, scale * rng.uniform(-10, 10, channels) * (rng.random(channels) < 0.5)


def _changes(rng: np.random.Generator, channels: list[Channel], settings: SyntheticConfig) -> list[Change]:
    """Up to max_anomalies changes, each in its own part of the series; what stays is written into the signals."""
    if rng.random() < settings.clean_fraction or settings.max_anomalies == 0:
        return []
    length = len(channels[0].signal)
    most = min(settings.max_anomalies, length // MIN_LENGTH)
    count = 1 + int(pick(rng, {str(n): 0.5**n for n in range(most)}))
    sizes = [spread(channel.sensor(channel.signal, slice(None))) for channel in channels]
    fitting = [{k: w for k, w in settings.anomalies.items() if w and _fits(k, channel)} for channel in channels]
    changes = []
    for part in range(count):
        region = (part * length // count, (part + 1) * length // count - 2)
        for attempt in range(ATTEMPTS):
            change = _change(rng, channels, sizes, fitting, region, 1.5**attempt, settings)
            if change:
                changes.append(change)
                break
    return changes


def _change(rng, channels, sizes, fitting, region, boost: float, settings: SyntheticConfig) -> Change | None:
    """One anomaly somewhere in the region, or None where what was drawn is not possible or not visible."""
    weights = fitting[int(rng.integers(len(channels)))]
    if not weights:
        return None
    kind = pick(rng, weights)
    touched = _touched(rng, [c for c, fit in enumerate(fitting) if kind in fit], kind)
    size = _size(rng, kind, channels[touched[0]], region, settings)
    if size > region[1] - region[0]:
        return None
    start = int(rng.integers(region[0], region[1] - size + 1))
    strength, seed = boost * _strength(rng, settings), int(rng.integers(2**63))
    effects = {}
    for c in touched:
        draws = rng if len(touched) == 1 else np.random.default_rng(seed)  # the same in every channel
        effect = _effect(draws, kind, channels[c], (start, start + size), strength, sizes[c], settings.min_visible)
        if effect:
            effects[c] = effect
    return _settled(kind, start, start + size, channels, effects) if effects else None


def _strength(rng: np.random.Generator, settings: SyntheticConfig) -> float:
    """In units of the local variability. Without huge ones the series are those of their seed before there were any."""
    is_huge = settings.huge_fraction > 0 and rng.random() < settings.huge_fraction
    return log_uniform(rng, *(settings.huge_strength if is_huge else settings.strength))


def _effect(rng, kind, channel: Channel, span, strength, size, min_visible: float) -> Effect | None:
    """What an anomaly makes of one channel, or None where it can't be seen."""
    start, stop = span
    view = surroundings(start, stop)
    clean = channel.sensor(channel.signal[view], view)
    local = roughness(clean)
    unit = max(local, 0.1 * size) or 1.0
    place = Place(channel.signal, channel.noise, start, stop, channel.period, strength, unit)
    signal = ANOMALIES[kind].act(rng, place)
    values = channel.sensor(signal[start:stop], slice(start, stop))
    known = channel.known[start:stop]
    change = np.where(known, values - clean[start - view.start : stop - view.start], np.nan)
    if not visible(change, size, local, min_visible):
        return None
    change = np.abs(change)
    return Effect(values, change > EDGE * np.nanmax(change), signal[stop:])


def _settled(kind: str, start: int, stop: int, channels: list[Channel], effects: dict[int, Effect]) -> Change:
    """The change with its ends cut where nothing is to be seen yet; what stays becomes the channels' normal."""
    felt = np.flatnonzero(np.any([effect.felt for effect in effects.values()], axis=0))
    first, last = int(felt[0]), int(felt[-1]) + 1
    for c, effect in effects.items():
        if not np.array_equal(channels[c].signal[stop:], effect.later):
            channels[c].signal[stop:] = effect.later
            last = stop - start
    values = {c: effect.values[first:last] for c, effect in effects.items()}
    return Change(kind, start + first, start + last, values)


def _touched(rng: np.random.Generator, fitting: list[int], kind: str) -> list[int]:
    """One channel in half of all cases, otherwise some or all; of related ones at least one goes on as it was."""
    most = len(fitting) - (ANOMALIES[kind].where == "related")
    count = 1 if most == 1 or rng.random() < 0.5 else int(rng.integers(2, most + 1))
    return [int(c) for c in rng.permutation(fitting)[:count]]


def _size(rng, kind: str, channel: Channel, region: tuple[int, int], settings: SyntheticConfig) -> int:
    """Samples of an anomaly; a stretch at most half of the region and a fifth of the series, a cycle always whole."""
    extent, period = ANOMALIES[kind].extent, channel.period
    if extent == "point":
        return 1 if rng.random() < 0.6 else int(rng.integers(2, 6))
    if extent == "onset":
        return min(period, max(8, len(channel.signal) // 32))
    if extent == "cycle":
        return period
    most = min((region[1] - region[0]) // 2, len(channel.signal) // 5)
    if channel.regular and (ANOMALIES[kind].where == "regular" or rng.random() < 0.6):
        return min(most, max(MIN_PERIOD, round(period * log_uniform(rng, 0.5, settings.longest_periods))))
    return min(most, round(log_uniform(rng, 8, len(channel.signal) / 5)))


def _fits(kind: str, channel: Channel) -> bool:
    where = ANOMALIES[kind].where
    if any(kind in USUAL.get(shape, ()) for shape in channel.shapes):
        return False
    return where == "any" or (channel.related if where == "related" else channel.regular)
