"""Anomalies planted into quiet samples of a real series, as into synthetic ones (docs/synthetic_series.md)."""

from typing import NamedTuple

import numpy as np
from scipy.ndimage import uniform_filter1d

from data.synthetic.anomalies import ANOMALIES, Place
from data.synthetic.channels import MIN_PERIOD, log_uniform
from data.synthetic.series import roughness, spread, surroundings, visible
from inference.metrics.vus import period_of

SHORTEST_STRETCH, LONGEST_SHARE = 8, 1 / 6  # samples, and of the series
STRENGTH = 1.0, 15.0  # in units of the local variability, log-uniform
MIN_VISIBLE = 0.1  # of the spread of the series
LEAST_UNIT = 0.1  # of the spread, where nothing is rough
SMOOTHING = 5  # samples of the running mean that noise is left of
ATTEMPTS = 50


class Planted(NamedTuple):
    """Values (n, C) with one anomaly, where it is (n,) bool, and its kind."""

    values: np.ndarray
    labels: np.ndarray
    kind: str


def planted(values: np.ndarray, rng: np.random.Generator) -> Planted | None:
    """A copy of quiet values (n, C) with an anomaly of one variable; None where none that is tried can be seen."""
    kinds = [name for name, anomaly in ANOMALIES.items() if anomaly.where != "related" or values.shape[1] > 1]
    for _ in range(ATTEMPTS):
        kind, c = kinds[int(rng.integers(len(kinds)))], int(rng.integers(values.shape[1]))
        place = place_for(kind, values[:, c].astype(np.float64), rng)
        changed = ANOMALIES[kind].act(rng, place)[place.stretch]  # what would last beyond it ends with it
        view = surroundings(place.start, place.stop)
        if visible(
            changed - place.signal[place.stretch], spread(place.signal), roughness(place.signal[view]), MIN_VISIBLE
        ):
            out, labels = values.copy(), np.zeros(len(values), bool)
            out[place.stretch, c], labels[place.stretch] = changed, True
            return Planted(out, labels, kind)
    return None


def place_for(kind: str, signal: np.ndarray, rng: np.random.Generator) -> Place:
    """Where in a signal (n,) an anomaly of a kind acts: as long as its kind is, somewhere."""
    n, most = len(signal), max(int(LONGEST_SHARE * len(signal)), SHORTEST_STRETCH)
    period = int(np.clip(period_of(signal), MIN_PERIOD, most))
    size = {
        "point": int(rng.integers(1, 6)),
        "onset": min(period, SHORTEST_STRETCH),
        "cycle": period,
        "stretch": round(log_uniform(rng, SHORTEST_STRETCH, most)),
    }[ANOMALIES[kind].extent]
    start = int(rng.integers(0, n - size + 1))
    view = surroundings(start, start + size)
    unit = max(roughness(signal[view]), LEAST_UNIT * spread(signal)) or 1.0
    noise = signal - uniform_filter1d(signal, SMOOTHING, mode="nearest")
    return Place(signal, noise, start, start + size, period, log_uniform(rng, *STRENGTH), unit)
