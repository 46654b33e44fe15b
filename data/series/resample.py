"""Series with uneven steps brought to even ones, where that is asked for (prep.resample_sec)."""

from dataclasses import replace

import numpy as np
import pandas as pd

from config import PrepConfig
from data.sources.base import Series


def resampled(series: Series, prep: PrepConfig) -> Series:
    """The series at multiples of prep.resample_sec: the means of the samples of each step, the highest of their labels.

    Steps without a sample are filled by straight lines where the hole is no gap (prep.gap_threshold), else left out.
    Samples without a time stay as they are, to be rejected with their reason.
    """
    if prep.resample_sec is None:
        return series
    step_s = prep.resample_sec
    seconds, start = _seconds(series)
    known = np.flatnonzero(np.isfinite(seconds))
    if not len(known):
        return series
    bins = np.floor(seconds[known] / step_s + 1e-9).astype(np.int64)
    groups = pd.DataFrame(series.values[known]).groupby(bins)
    means, labels = groups.mean(), pd.Series(series.labels[known]).groupby(bins).max()
    first, counts = pd.Series(known).groupby(bins).min(), groups.size()
    wanted = _with_short_holes(means.index.to_numpy(), prep.gap_threshold)
    values = means.reindex(wanted)
    lines = values.interpolate(method="index", limit_area="inside")
    holes = ~values.index.isin(means.index)
    values[holes] = lines[holes]  # what a sample itself lacks stays missing
    lost = np.flatnonzero(~np.isfinite(seconds))
    rows = _rows(series.rows, first.reindex(wanted), counts.reindex(wanted))
    times_s = wanted * step_s
    nothing = np.full((len(lost), values.shape[1]), np.nan)
    reasons = np.full(len(wanted) + len(lost), "", object)
    if series.time_reasons is not None:
        reasons[len(wanted) :] = series.time_reasons[lost]
    told = f"resampled from {len(known)} samples to {len(wanted)}, {step_s:g} s apart"
    return replace(
        series,
        times_utc=None if start is None else _utc(start, times_s, len(lost)),
        times_s=np.append(times_s if start is None else np.full(len(wanted), np.nan), np.full(len(lost), np.nan)),
        values=np.concatenate([values.to_numpy(np.float64), nothing]),
        labels=np.append(labels.reindex(wanted).to_numpy(np.float64), np.full(len(lost), np.nan)),
        rows=np.append(rows, series.rows[lost]),
        time_reasons=reasons,
        told=(*series.told, told),
    )


def _seconds(series: Series) -> tuple[np.ndarray, np.datetime64 | None]:
    """Seconds (N,) since the start of the first sample's day, NaN unknown, and that day; relative times as they are."""
    if series.times_utc is None:
        return series.times_s, None
    known = ~np.isnat(series.times_utc)
    start = (series.times_utc[known].min() if known.any() else np.datetime64("1970-01-01")).astype("datetime64[D]")
    return np.where(known, (series.times_utc - start).astype("timedelta64[ms]").astype(np.int64) / 1000, np.nan), start


def _utc(start: np.datetime64, times_s: np.ndarray, unknown: int) -> np.ndarray:
    since = np.round(1000 * times_s).astype(np.int64).astype("timedelta64[ms]")
    return np.append(start.astype("datetime64[ms]") + since, np.full(unknown, np.datetime64("NaT", "ms")))


def _with_short_holes(bins: np.ndarray, gap_threshold: float) -> np.ndarray:
    """Numbers of steps that have samples, and of those between two of them that are no gap."""
    steps = np.diff(bins)
    holes = [np.arange(b + 1, b + step) for b, step in zip(bins[:-1], steps, strict=True) if 1 < step <= gap_threshold]
    return np.sort(np.concatenate([bins, *holes]))


def _rows(rows: np.ndarray, first: pd.Series, counts: pd.Series) -> np.ndarray:
    """Where each step is from, for people."""
    return np.array(
        [
            "interpolated"
            if np.isnan(count)
            else f"{rows[int(i)]}" + (f" and {int(count) - 1} more" if count > 1 else "")
            for i, count in zip(first, counts, strict=True)
        ]
    )
