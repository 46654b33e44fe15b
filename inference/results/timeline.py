"""timeline.png: the score of every frame over time, with thresholds, events, gaps and labels."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib.dates as mdates
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from data.disk.files import replacing
from data.pictures.curves import curve
from data.pictures.plain import plain
from data.pictures.png import write_png
from inference.events.events import CAMERA
from inference.metrics.frame import runs
from inference.results.signals import Panel

NO_GAPS = np.empty(0, np.int64)
LEVEL_COLOUR = {"low": "#3a9bd9", "high": "#e8641b"}
EVENT_COLOUR = {**LEVEL_COLOUR, CAMERA: "#8f6bc4"}


def timeline(
    path: str | Path,
    scores: np.ndarray,
    threshold_low: float,
    threshold_high: float,
    events: pd.DataFrame,
    times: np.ndarray | None = None,
    labels: np.ndarray | None = None,
    gaps: np.ndarray = NO_GAPS,
    title: str = "",
    panels: Sequence[Panel] = (),
) -> None:
    """Draw the scores (T,), NaN where a frame has none, and write a PNG beside its name and then rename it.

    events: table with frame_start, frame_end and level. times: (T,) datetime64 (UTC) or seconds, increasing; without
    it the axis counts frames. labels: (T,) 1 where the truth is anomalous, 0 or NaN elsewhere. gaps: the frames
    that a gap follows; a run of frames without a score is shown as one too. The vertical axis is linear up to the high
    threshold and logarithmic above (asinh), so that quiet and strong frames can both be read.
    panels: curves drawn below on the same time axis.
    """
    scores = np.asarray(scores, np.float64)
    x, unit = _axis_values(times, len(scores))
    heights_inch = [4.2, *[1.3] * len(panels)]
    figure = Figure(figsize=(13, sum(heights_inch)))
    # Fixed margins: matplotlib's layout engines would take half as long again as the drawing.
    edges = {"left": 0.065, "right": 0.98, "top": 1 - 0.5 / sum(heights_inch), "bottom": 0.55 / sum(heights_inch)}
    grid = {"height_ratios": heights_inch, "hspace": 0.12} | edges
    axes, *below = figure.subplots(len(heights_inch), sharex=True, squeeze=False, gridspec_kw=grid)[:, 0]
    _draw_spans(axes, without_data(x, scores, gaps), (0, 1), "#8a8f98", 0.25, "no data")
    if labels is not None:
        _draw_spans(axes, _spans(x, runs(np.asarray(labels) == 1)), (0, 0.04), "#2f9e44", 1.0, "labelled")
    for level, colour in EVENT_COLOUR.items():
        some = events[events["level"] == level]
        spans = np.stack([x[some["frame_start"].to_numpy(np.int64)], x[some["frame_end"].to_numpy(np.int64)]], axis=1)
        _draw_spans(axes, spans, (0.04, 1), colour, 0.22, f"{level} event ({len(some)})")
    axes.plot(*curve(x, scores, gaps), color="#20242c", linewidth=0.9)
    for level, threshold in zip(LEVEL_COLOUR, (threshold_low, threshold_high), strict=True):
        axes.axhline(threshold, color=LEVEL_COLOUR[level], linewidth=1, label=f"{level} threshold {threshold:.3g}")
    for panel, lower in zip(panels, below, strict=True):
        panel.draw(lower)
    _dress(axes, x, scores, threshold_high, unit, title)
    _move_clock(axes, below)
    with replacing(path) as part:
        write_png(part, figure, 120)


def without_data(x: np.ndarray, scores: np.ndarray, gaps: np.ndarray) -> np.ndarray:
    """Spans (N, 2) of the axis without a score: runs of unscored frames, and gaps."""
    return np.concatenate([_spans(x, runs(np.isnan(scores))), np.stack([x[gaps], x[gaps + 1]], axis=1)])


def _spans(x: np.ndarray, ranges: np.ndarray) -> np.ndarray:
    """Half-open index ranges (N, 2) as spans of the axis, from the first to the last of their frames."""
    return np.stack([x[ranges[:, 0]], x[ranges[:, 1] - 1]], axis=1)


def _axis_values(times: np.ndarray | None, count: int) -> tuple[np.ndarray, str]:
    if times is None:
        return np.arange(count, dtype=np.float64), "frame"
    times = np.asarray(times)
    if len(times) != count:
        raise ValueError(f"{len(times)} times for {count} scores; need one time a score")
    if np.issubdtype(times.dtype, np.datetime64):
        return mdates.date2num(times), "UTC"
    return times.astype(np.float64), "seconds"


def _draw_spans(axes: Axes, spans: np.ndarray, rows: tuple[float, float], colour: str, alpha: float, label: str):
    """Spans (N, 2) as one collection, from row to row in parts of the height; its outline shows even a single frame."""
    if not len(spans):
        return
    bars = np.stack([spans[:, 0], spans[:, 1] - spans[:, 0]], axis=1).tolist()
    place = (rows[0], rows[1] - rows[0])
    axes.broken_barh(
        bars, place, transform=axes.get_xaxis_transform(), color=colour, alpha=alpha, linewidth=1.5, label=label
    )


def _move_clock(axes: Axes, below: list[Axes]) -> None:
    """The name of the time axis under the lowest of the panels."""
    if below:
        below[-1].set_xlabel(axes.get_xlabel())
        axes.set_xlabel("")


def _dress(axes: Axes, x: np.ndarray, scores: np.ndarray, threshold_high: float, unit: str, title: str) -> None:
    axes.set_yscale("asinh", linear_width=threshold_high)
    known = scores[~np.isnan(scores)]
    axes.set_ylim(min(0, known.min(initial=0)), 1.15 * max(threshold_high, known.max(initial=0)))
    if len(x) > 1:
        axes.set_xlim(x[0], x[-1])
    if unit == "UTC":
        locator = mdates.AutoDateLocator()
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(mdates.ConciseDateFormatter(locator))
    # Ticks are at powers of ten; those much below the linear part would be written over the zero.
    axes.yaxis.set_major_formatter(lambda score, _: f"{score:g}" if score == 0 or score > 0.2 * threshold_high else "")
    axes.set(xlabel=unit, ylabel="score")
    axes.set_title(plain(title), loc="right", fontsize=10)
    axes.grid(axis="y", linewidth=0.4, alpha=0.5)
    axes.figure.legend(*axes.get_legend_handles_labels(), loc="upper left", fontsize=8, ncols=7, frameon=False)
