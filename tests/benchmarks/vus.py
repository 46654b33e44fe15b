"""VUS of a series of 100,000 points: time of the published implementation and of ours, and how they differ.

    python tests/benchmarks/vus.py [--quick] [--json FILE]

The published one is the Python package `vus` 0.0.6 (pip install --no-deps vus==0.0.6; its requirements are not needed
here), called below its get_metrics, whose import would need them. The time of a window is that of all its buffers.
Fails when the volumes differ by more than 1e-6. Without the package only ours is timed. All in one thread.
"""

import argparse
import json
import sys
import time
import warnings
from pathlib import Path

import numpy as np

sys.path[0] = str(Path(__file__).resolve().parents[2])  # in place of this folder, where the name vus is this file

from inference.metrics.vus import Vus, vus  # noqa: E402

N_POINTS, N_ANOMALIES = 100_000, 40
TOLERANCE = 1e-6


def planted_series() -> tuple[np.ndarray, np.ndarray]:
    """Scores and labels (T,): noise, one standard deviation higher in the anomalies of 1 .. 59 points."""
    rng = np.random.default_rng(0)
    labels = np.zeros(N_POINTS, int)
    for start in rng.integers(0, N_POINTS, N_ANOMALIES):
        labels[start : start + rng.integers(1, 60)] = 1
    return rng.normal(size=N_POINTS) + labels, labels


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


def timed(function, *arguments, repeat: int = 1) -> tuple[float, Vus]:
    """Shortest time in s, and the volumes."""
    times = []
    for _ in range(repeat):
        begin = time.perf_counter()
        volume = function(*arguments)
        times.append(time.perf_counter() - begin)
    return min(times), volume


def measure(window: int) -> dict[str, float]:
    scores, labels = planted_series()
    ours_s, ours = timed(vus, scores, labels, window, repeat=5)
    figures = {"vus_points": N_POINTS, "vus_window": window, "vus_s": round(ours_s, 4)}
    published = published_vus()
    if published is None:
        return figures
    published_s, theirs = timed(published, scores, labels, window)
    difference = max(abs(ours.roc - theirs.roc), abs(ours.pr - theirs.pr))
    if not difference <= TOLERANCE:
        raise SystemExit(f"ours {ours} and the published {theirs} differ by {difference:g}, more than {TOLERANCE:g}")
    speedup = round(published_s / ours_s, 1)
    return figures | {"vus_published_s": round(published_s, 2), "vus_difference": difference, "vus_speedup": speedup}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a window of 10 samples (default: 100)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures as flat JSON")
    options = parser.parse_args()
    figures = measure(10 if options.quick else 100)
    print(f"VUS of {N_POINTS} points, window {figures['vus_window']}: ours {figures['vus_s']:.3f} s")
    if "vus_speedup" in figures:
        print(f"published {figures['vus_published_s']:.1f} s: ours is {figures['vus_speedup']:g} times faster")
        print(f"the volumes differ by {figures['vus_difference']:.1e}")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
