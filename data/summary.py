"""What prep shows of a reel: a preview movie and a one-page picture of what was accepted, rejected and missing."""

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from data.files import replacing
from data.movie import MovieWriter
from data.reel import INVALID, Reel

PREVIEW_SIDE = 384


def write_preview(reel: Reel, fps: float) -> None:
    """preview.mp4: the stretched frames, channels side by side, on one fixed intensity scale."""
    factor = max(1, PREVIEW_SIDE // max(reel.shape[2:]))
    with MovieWriter(reel.path / "preview.mp4", fps) as movie:
        for frame in reel.frames:
            gray = np.clip(np.concatenate(list(frame), axis=1) * 255, 0, 255).astype(np.uint8)
            if reel.meta["origin"] == "lower":
                gray = gray[::-1]
            big = gray.repeat(factor, axis=0).repeat(factor, axis=1)
            movie.write(np.repeat(big[:, :, None], 3, axis=2))


def write_page(reel: Reel) -> None:
    """summary.png: frames over time, rejections by reason, exposure, brightness and gaps."""
    figure = Figure(figsize=(11, 8.5), layout="constrained")
    FigureCanvasAgg(figure)
    stored, met = len(reel), len(reel.candidates)
    figure.suptitle(f"{reel.name}: {stored} of {met} frames stored, cadence {reel.cadence_s:g} s")
    grid = figure.add_gridspec(3, 2, width_ratios=(3, 1))
    hours = reel.times_s / 3600
    _draw_presence(figure.add_subplot(grid[0, 0]), reel)
    exposure = figure.add_subplot(grid[1, 0])
    exposure.plot(hours, reel.table["exptime_s"], ".", markersize=3)
    exposure.set(ylabel="exposure (s)")
    brightness = figure.add_subplot(grid[2, 0])
    brightness.plot(hours, frame_means(reel), linewidth=0.8)
    brightness.set(ylabel="mean stretched value", xlabel=f"hours since {_start(reel)}")
    _draw_reasons(figure.add_subplot(grid[:2, 1]), reel)
    _draw_gaps(figure.add_subplot(grid[2, 1]), reel)
    with replacing(reel.path / "summary.png") as part:
        # A fixed Software entry keeps the file the same from run to run.
        figure.savefig(part, dpi=110, metadata={"Software": "reel summary"})


def frame_means(reel: Reel) -> np.ndarray:
    """Mean stretched value of the valid pixels of every frame (T,), all channels together."""
    means = np.empty(len(reel))
    for i, frame in enumerate(reel.frames):
        valid = (reel.masks[i] & INVALID) == 0
        means[i] = frame[:, valid].mean(dtype=np.float64) if valid.any() else np.nan
    return means


def _start(reel: Reel) -> str:
    return f"{reel.times_utc[0]} UTC" if reel.times_utc is not None else "the first frame"


def _draw_presence(axes, reel: Reel) -> None:
    lost = reel.candidates[~reel.candidates["accepted"]]
    hours = lost["time_s"].to_numpy(np.float64) / 3600
    axes.eventplot([reel.times_s / 3600, hours[np.isfinite(hours)]], colors=["tab:blue", "tab:red"], linewidths=0.6)
    axes.set(yticks=[0, 1], yticklabels=["stored", "rejected"], title="frames over time")


def _draw_reasons(axes, reel: Reel) -> None:
    reasons = reel.candidates["reason"].dropna().str.slice(0, 42)
    # Reasons name single files; without digits they can be counted together.
    counts = reasons.str.replace(r"\d+", "#", regex=True).value_counts().head(12)
    axes.set(title=f"{len(reasons)} rejected, by reason")
    if counts.empty:
        axes.set_axis_off()
        return
    axes.barh(range(len(counts)), counts.to_numpy(), color="tab:red", alpha=0.6)
    for i, (reason, count) in enumerate(counts.items()):
        axes.text(0, i, f" {count}  {reason}", va="center", fontsize=7)
    axes.set(yticks=[], ylim=(len(counts) - 0.5, -0.5))


def _draw_gaps(axes, reel: Reel) -> None:
    steps_s = np.diff(reel.times_s)
    gaps = steps_s > reel.meta["gap_threshold"] * reel.cadence_s
    axes.set(title=f"{int(gaps.sum())} gaps", xlabel="step / cadence", yscale="log")
    if len(steps_s):
        axes.hist(steps_s / reel.cadence_s, bins=40, color="tab:blue")
        axes.axvline(reel.meta["gap_threshold"], color="tab:red", linewidth=1)
