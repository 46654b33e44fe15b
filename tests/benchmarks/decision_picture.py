"""How thresholds are decided, drawn: two quiet days, the events in them, the rule, its limits and intervals.

    python tests/benchmarks/decision_picture.py [--out docs/how_it_decides.webp] [--seed N] [--quick] [--json FILE]

Scores are the size of coloured noise, a sample a minute. Beside the picture, what the low threshold does on new data.

--json keys: quiet_events, promised_per_day, seen_per_day, seen_over_promised, picture_kb.
"""

import io
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from parts.common import parsed, parser, write
from PIL import Image
from scipy.signal import lfilter

from data.disk.files import replacing
from inference.calibration.noise import NoiseModel
from inference.calibration.promise import Promise, promised
from inference.calibration.quiet.events import QuietEvents, run_starts
from inference.calibration.tail import level_for
from inference.calibration.thresholds import Calibration, counted
from inference.units import DAY_S

SAMPLES_A_DAY, DAYS, LINK_GAP, REACH = 1440, 2, 3, 16
COLOURS = {"low": "tab:orange", "high": "tab:red"}


def scores_of(rng: np.random.Generator, days: int) -> np.ndarray:
    """Scores (days * SAMPLES_A_DAY,) float32, each much like the one before."""
    white = rng.normal(0, 1, days * SAMPLES_A_DAY)
    return np.abs(lfilter([0.44], [1, -0.9], white)).astype(np.float32)


def calibrated(scores: np.ndarray) -> QuietEvents:
    """The events of quiet scores."""

    def starts_at(threshold: float, levels: np.ndarray) -> np.ndarray:
        return run_starts(np.where(levels > 0, scores, 0), threshold, LINK_GAP, 1)

    nothing = Calibration(NoiseModel(np.zeros((1, 1)), np.ones((1, 1))))
    return counted(nothing, scores, starts_at, DAY_S / SAMPLES_A_DAY, REACH).events


def draw_scores(axes: Axes, scores: np.ndarray, promises: dict[str, Promise], starts: np.ndarray) -> None:
    hours = np.arange(len(scores)) * 24 / SAMPLES_A_DAY
    axes.plot(hours, scores, color="tab:gray", linewidth=0.6)
    for name, promise in promises.items():
        axes.axhline(promise.threshold, color=COLOURS[name])
        text = f"{name}: {promise.used:g} a day"
        axes.text(hours[-1], promise.threshold, text, color=COLOURS[name], ha="right", va="bottom", fontsize=9)
    peaks = [start + int(scores[start : start + REACH].argmax()) for start in starts]
    axes.plot(hours[peaks], scores[peaks], "v", color=COLOURS["low"])
    title = f"{len(starts)} events of {DAYS} quiet days pass the low threshold"
    axes.set(title=title, xlabel="hours of quiet data", ylabel="score", xlim=(0, hours[-1]))


def draw_rule(axes: Axes, events: QuietEvents, promises: dict[str, Promise]) -> None:
    days = events.span_s / DAY_S
    axes.step(
        events.levels, np.arange(1, len(events.levels) + 1) / days, color="tab:gray", where="post", label="counted"
    )
    supported = promises["low"].supported
    rates = np.geomspace(len(events.levels) / days, supported, 200)
    axes.plot([level_for(events.levels, rate * days) for rate in rates], rates, color="tab:green", label="rule")
    for name, promise in promises.items():
        low, high = promise.interval
        axes.plot([promise.threshold] * 2, [max(low, supported), high], color=COLOURS[name], linewidth=5, alpha=0.3)
        axes.plot(promise.threshold, promise.used, "o", color=COLOURS[name])
    for rate, text in ((1 / days, "one event in the span"), (supported, "a tenth of one: no promise below")):
        axes.axhline(rate, color="tab:gray", linestyle=":", linewidth=1)
        axes.text(axes.get_xlim()[0], rate, text, fontsize=8, va="bottom")
    axes.set(yscale="log", title="What a threshold promises", xlabel="threshold", ylabel="events a day")
    axes.legend(frameon=False)


def main() -> None:
    asked = parser(__doc__, "twenty new days, not a thousand")
    asked.add_argument("--out", type=Path, metavar="FILE", help="write the picture here, as WebP")
    asked.add_argument("--seed", type=int, default=3)
    options = parsed(asked)
    rng, days = np.random.default_rng(options.seed), 20 if options.quick else 1000
    scores = scores_of(rng, DAYS)
    events = calibrated(scores)
    promises = {"low": promised(events, 5.0), "high": promised(events, 0.5)}
    threshold = promises["low"].threshold
    seen = len(run_starts(scores_of(rng, days), threshold, LINK_GAP, 1)) / days
    figure, png, webp = Figure(figsize=(11, 3.6), layout="constrained"), io.BytesIO(), io.BytesIO()
    left, right = figure.subplots(1, 2, width_ratios=[1.7, 1])
    draw_scores(left, scores, promises, run_starts(scores, threshold, LINK_GAP, 1))
    draw_rule(right, events, promises)
    figure.savefig(png, format="png", dpi=110)
    Image.open(png).convert("RGB").save(webp, "WEBP", quality=80, method=6)
    if options.out:
        with replacing(options.out) as part:
            part.write_bytes(webp.getvalue())
    used = promises["low"].used
    print(f"promised {used:g} a day, seen {seen:.3g} on {days} new days")
    figures = {"quiet_events": events.at_least(threshold), "promised_per_day": used, "seen_per_day": seen}
    write(figures | {"seen_over_promised": seen / used, "picture_kb": webp.tell() / 1000}, options.json)


if __name__ == "__main__":
    main()
