"""Curves of the report as few points that keep the extremes, with a break where the reel has a gap."""

import numpy as np

from data.pictures.curves import decimate
from data.reel.reel import Reel
from inference.results.signals import Panel

TIMELINE_POINTS = 40_000  # about 0.8 MB; a shorter reel is there frame by frame
PANEL_POINTS = 8_000


def clock_s(reel: Reel) -> np.ndarray:
    """The time of every frame (T,): seconds since 1970 UTC, else since the reel's first frame."""
    return reel.times_s if reel.times_utc is None else seconds_of(reel.times_utc)


def seconds_of(times: np.ndarray) -> np.ndarray:
    """datetime64 -> seconds since 1970; numbers stay."""
    if np.issubdtype(times.dtype, np.datetime64):
        return times.astype("datetime64[ms]").astype(np.int64) / 1000
    return times.astype(np.float64)


def timeline(clock: np.ndarray, scores: np.ndarray, shown: np.ndarray, gaps: np.ndarray) -> dict:
    """Scores (T,) over time, and the place of every plotted frame in the movie (None: not in it)."""
    kept = decimate(scores, TIMELINE_POINTS)
    breaks, at = _breaks(clock, kept, gaps)
    positions = np.where(np.isnan(scores), np.nan, shown)[kept]
    return {
        "t": rounded(np.insert(clock[kept], breaks, at), 3),
        "score": rounded(np.insert(scores[kept], breaks, np.nan)),
        "shown": [None if np.isnan(p) else int(p) for p in np.insert(positions, breaks, np.nan)],
    }


def panel(source: Panel) -> dict:
    """The curves of a panel on one time axis, and how it is labelled."""
    clock = seconds_of(source.times)
    limit = PANEL_POINTS // len(source.curves)
    kept = np.unique(np.concatenate([decimate(values, limit) for values in source.curves.values()]))
    breaks, at = _breaks(clock, kept, source.gaps)
    return {
        "unit": "W m⁻²" if source.goes_classes else source.unit,
        "log": source.log,
        "goes_classes": source.goes_classes,
        "t": rounded(np.insert(clock[kept], breaks, at), 3),
        "curves": {n: rounded(np.insert(values[kept], breaks, np.nan)) for n, values in source.curves.items()},
    }


def _breaks(clock: np.ndarray, kept: np.ndarray, gaps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where points without a value go in among the kept ones, and their times: in the middle of the gaps."""
    return np.searchsorted(kept, gaps, side="right"), (clock[gaps] + clock[gaps + 1]) / 2


def rounded(values: np.ndarray, decimals: int | None = None) -> list[float | None]:
    """Numbers for JSON, to `decimals` or to five digits that count; None for NaN and infinity."""
    shortened = [round(float(v), decimals) if decimals is not None else float(f"{v:.5g}") for v in values]
    return [v if np.isfinite(v) else None for v in shortened]
