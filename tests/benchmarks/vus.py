"""VUS of a series of 100,000 points: time of the published implementation and of ours, and how they differ.

    python tests/benchmarks/vus.py [--quick] [--json FILE]

The published one is the Python package `vus` 0.0.6 (pip install --no-deps vus==0.0.6; its requirements are not needed
here), called below its get_metrics, whose import would need them. The time of a window is that of all its buffers.
Fails when the volumes differ by more than 1e-6. Ours stands also beside one ordinary average precision of the same
points (scikit-learn), of which the volume has one a buffer. All in one thread. In brackets: only with the package.

--json keys: vus_points, vus_window, vus_s, average_precision_s, vus_over_average_precision, [vus_published_s],
[vus_difference], [vus_speedup].
"""

import warnings

import numpy as np
from parts.common import best_s, parsed, parser, write

from inference.metrics.frame import average_precision
from inference.metrics.vus import Vus, vus

N_POINTS, QUICK_POINTS = 100_000, 5_000
POINTS_PER_ANOMALY = 2_500
TOLERANCE = 1e-6


def planted_series(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Scores and labels (T,): noise, one standard deviation higher in the anomalies of 1 .. 59 points."""
    rng = np.random.default_rng(0)
    labels = np.zeros(n, int)
    for start in rng.integers(0, n, n // POINTS_PER_ANOMALY):
        labels[start : start + rng.integers(1, 60)] = 1
    return rng.normal(size=n) + labels, labels


def published_vus():
    """The published function of scores, labels and window; None, after a message, where it is not installed."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its docstrings hold invalid escapes
            from vus.utils.metrics import metricor
    except ImportError as error:
        print(f"not compared: {error}; pip install --no-deps vus==0.0.6")
        return None
    return lambda scores, labels, window: Vus(*metricor().RangeAUC_volume_opt(labels, scores, window)[-2:])


def measure(n: int, window: int) -> dict[str, float]:
    scores, labels = planted_series(n)
    plain_s, _ = best_s(lambda: average_precision(scores, labels), repeat=5)
    ours_s, ours = best_s(lambda: vus(scores, labels, window), repeat=5)
    figures = {"vus_points": n, "vus_window": window, "vus_s": round(ours_s, 4)}
    figures |= {"average_precision_s": round(plain_s, 4), "vus_over_average_precision": round(ours_s / plain_s, 1)}
    published = published_vus()
    if published is None:
        return figures
    published_s, theirs = best_s(lambda: published(scores, labels, window))
    difference = max(abs(ours.roc - theirs.roc), abs(ours.pr - theirs.pr))
    if not difference <= TOLERANCE:
        raise SystemExit(f"ours {ours} and the published {theirs} differ by {difference:g}, more than {TOLERANCE:g}")
    speedup = round(published_s / ours_s, 1)
    return figures | {"vus_published_s": round(published_s, 2), "vus_difference": difference, "vus_speedup": speedup}


def main() -> None:
    options = parsed(parser(__doc__, f"{QUICK_POINTS} points and a window of 10 samples (default: 100)"))
    figures = measure(QUICK_POINTS, 10) if options.quick else measure(N_POINTS, 100)
    over = figures["vus_over_average_precision"]
    print(f"VUS of {figures['vus_points']} points, window {figures['vus_window']}: ours {figures['vus_s']:.3f} s")
    print(f"{over:g} times as long as one average precision, for {figures['vus_window'] + 1} buffers")
    if "vus_speedup" in figures:
        print(f"published {figures['vus_published_s']:.1f} s: ours is {figures['vus_speedup']:g} times faster")
        print(f"the volumes differ by {figures['vus_difference']:.1e}")
    write(figures, options.json)


if __name__ == "__main__":
    main()
