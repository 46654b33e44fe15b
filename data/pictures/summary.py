"""What prep shows of a reel: a preview movie and a one-page picture of what was accepted, rejected and missing."""

from collections.abc import Iterator
from functools import partial

import cv2
import numpy as np
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.figure import Figure

from data.disk.files import replacing
from data.pictures.curves import curve
from data.pictures.movie import MovieWriter
from data.pictures.plain import plain
from data.pictures.png import write_png
from data.reel.mask_bits import INVALID
from data.reel.reel import Reel

PREVIEW_SIDE_PX = 384
THUMBNAILS, MOST_REASONS, MOST_VARIABLES = 6, 10, 12
MOST_MARKS = 100_000  # of a line that shows some thousand
BLOCK_BYTES = 2**25
BLUE, RED = "tab:blue", "tab:red"


def write_preview(reel: Reel, fps: float) -> None:
    """preview.mp4: the stretched frames on one fixed intensity scale, channels side by side, with their times.

    A series has none: a movie of one pixel shows nothing.
    """
    if reel.is_series:
        return
    height, width = _preview_size(reel)
    captions = reel.times_utc.astype("datetime64[s]") if reel.times_utc is not None else reel.times_s.round(2)
    planes = np.full((height * 3 // 2, width), 128, np.uint8)  # gray: both colour planes stay at their middle
    # Twice the bytes (5 kB a frame) in two fifths of the time: of small frames it would be a third of what prep takes.
    with MovieWriter(reel.path / "preview.mp4", fps, (width, height), preset="ultrafast") as movie:
        for frame, caption in zip((f for _, frames, _ in _blocks(reel) for f in frames), captions, strict=True):
            picture = _picture(frame, reel, (height, width))
            planes[:height] = np.rint(16 + 219 * picture)  # BT.601, limited range
            text = f"{caption} UTC" if reel.times_utc is not None else f"{caption:.2f} s"
            cv2.putText(planes[:height], text, (6, height - 8), cv2.FONT_HERSHEY_SIMPLEX, 0.4, 200, 1, cv2.LINE_AA)
            movie.write_i420(planes)


def _preview_size(reel: Reel) -> tuple[int, int]:
    """Even height and width of the preview's pictures, all channels together."""
    scale = PREVIEW_SIDE_PX / max(reel.shape[2:])
    height, width = (max(2, 2 * round(side * scale / 2)) for side in reel.shape[2:])
    return height, width * len(reel.channels)


def _blocks(reel: Reel) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """First index, frames (n, C, H, W) and mask bits (n, H, W) of the reel's consecutive blocks."""
    size = max(1, BLOCK_BYTES // reel.frames[0].nbytes)
    for start in range(0, len(reel), size):
        yield start, *reel.read(start, min(start + size, len(reel)))


def _picture(frame: np.ndarray, reel: Reel, size: tuple[int, int] | None = None) -> np.ndarray:
    """Channels side by side, first row on top, clipped to 0..1, float32; resized to `size` (height, width) if given."""
    picture = np.clip(np.concatenate(list(frame), axis=1).astype(np.float32), 0, 1)
    if reel.meta["origin"] == "lower":
        picture = picture[::-1]
    if size is None:
        return picture
    shrinks = size[0] < picture.shape[0]
    return cv2.resize(picture, size[::-1], interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_NEAREST)


def write_page(reel: Reel) -> None:
    """summary.png: sample frames, frames over time, exposure, brightness, steps in time and rejections by reason."""
    if reel.is_series:
        variables = reel.signals()[:, :MOST_VARIABLES].T
        panels = [_draw_presence, *(partial(_draw_variable, c, values) for c, values in enumerate(variables))]
    else:
        has_exposure = reel.table["exptime_s"].notna().any()
        panels = [_draw_presence, *([_draw_exposure] if has_exposure else []), _draw_brightness]
    top_inch = 0.05 if reel.is_series else 1.6
    heights_inch = [top_inch, 0.8, *[1.6] * (len(panels) - 1), 0.35, 1.8]  # the small one is room for the time axis
    height_inch = 1.3 * sum(heights_inch)
    figure = Figure(figsize=(11, height_inch))
    figure.suptitle(plain(_title(reel)), y=1 - 0.2 / height_inch, va="top")
    # Fixed margins: matplotlib's layout engines would take longer than all the drawing.
    edges = {"left": 0.09, "right": 0.98, "top": 1 - 0.6 / height_inch, "bottom": 0.5 / height_inch}
    rows = figure.add_gridspec(len(heights_inch), 1, height_ratios=heights_inch, hspace=0.12, **edges)
    if not reel.is_series:
        _draw_samples(figure, rows[0], reel)
    for number, draw in enumerate(panels, start=1):
        axes = figure.add_subplot(rows[number])
        draw(axes, reel)
        _draw_clock(axes, reel, labelled=number == len(panels))
    _draw_foot(figure, rows[-1], reel)
    with replacing(reel.path / "summary.png") as part:
        # A fixed Software entry keeps the file the same from run to run.
        write_png(part, figure, 110, {"Software": "reel summary"})


def frame_means(reel: Reel) -> np.ndarray:
    """Mean stretched value of the valid pixels of every frame and channel (T, C); NaN where none is valid."""
    means = np.full((len(reel), len(reel.channels)), np.nan)
    for start, frames, bits in _blocks(reel):
        valid = (bits & INVALID) == 0  # (n, H, W)
        total = np.einsum("tchw,thw->tc", frames.astype(np.float64), valid)
        count = valid.sum(axis=(1, 2))[:, None]  # (n, 1)
        np.divide(total, count, out=means[start : start + len(frames)], where=count > 0)
    return means


def _title(reel: Reel) -> str:
    _, channels, height, width = reel.shape
    size = f"{width} x {height} pixels" + (f" x {channels} channels" if channels > 1 else "")
    kind, size = ("samples", f"{channels} variables") if reel.is_series else ("frames", size)
    return f"{reel.name}: {len(reel)} of {len(reel.candidates)} {kind} stored, {size}, cadence {reel.cadence_s:g} s"


def _times(reel: Reel, table) -> np.ndarray:
    """Where rows of a frame table lie on the pages' time axis; unknown times are left out."""
    if reel.times_utc is not None:
        return table["time_utc"].dropna().to_numpy(dtype="datetime64[ms]")
    times_s = table["time_s"].to_numpy(np.float64)
    return times_s[np.isfinite(times_s)] / _unit(reel)[1]


def _unit(reel: Reel) -> tuple[str, float]:
    """A readable unit of time for a reel without UTC times, and its length in seconds."""
    units = (("seconds", 1.0), ("minutes", 60.0), ("hours", 3600.0))
    return next((u for u in units if reel.times_s[-1] < 300 * u[1]), units[-1])


def _draw_clock(axes, reel: Reel, labelled: bool) -> None:
    """One time axis for all panels, labelled on the lowest."""
    ends = _times(reel, reel.candidates)
    if len(ends) and ends.min() < ends.max():
        margin = (ends.max() - ends.min()) / 100
        axes.set_xlim(ends.min() - margin, ends.max() + margin)
    if reel.times_utc is not None:
        locator = AutoDateLocator()
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    axes.tick_params(labelbottom=labelled)
    if labelled:
        axes.set_xlabel("UTC" if reel.times_utc is not None else f"{_unit(reel)[0]} since the first frame")


def _draw_samples(figure: Figure, place, reel: Reel) -> None:
    chosen = np.unique(np.linspace(0, len(reel) - 1, THUMBNAILS).round().astype(int))
    axes = figure.add_subplot(place)  # one for all of them: to make six takes longer than what they show
    for number, index in enumerate(chosen):
        picture = _picture(reel.read(index, index + 1)[0][0], reel)
        height, width = picture.shape
        left = 1.08 * width * number
        axes.imshow(picture, cmap="gray", vmin=0, vmax=1, extent=(left, left + width, height, 0))
        axes.annotate(f"frame {index}", (left + width / 2, 0), (0, 5), "data", "offset points", ha="center", fontsize=8)
    axes.set(xlim=(0, (1.08 * THUMBNAILS - 0.08) * width), ylim=(height, 0))
    axes.set_axis_off()


def _draw_presence(axes, reel: Reel) -> None:
    lost = reel.candidates[~reel.candidates["accepted"]]
    for y, (table, colour) in enumerate(((reel.table, BLUE), (lost, RED))):
        times = _times(reel, table)[:: max(1, len(table) // MOST_MARKS)]
        axes.plot(times, np.full(len(times), y), "|", color=colour, markersize=11, markeredgewidth=0.8)
    axes.set(yticks=[0, 1], yticklabels=["stored", "rejected"], ylim=(-0.7, 1.7))


def _draw_exposure(axes, reel: Reel) -> None:
    axes.plot(_times(reel, reel.table), reel.table["exptime_s"], ".", color=BLUE, markersize=3)
    axes.set(ylabel="exposure (s)", ylim=(0, 1.1 * reel.table["exptime_s"].max() or 1))


def _draw_brightness(axes, reel: Reel) -> None:
    means = frame_means(reel)
    for channel, name in enumerate(reel.channels):
        axes.plot(_times(reel, reel.table), means[:, channel], ".-", linewidth=0.8, markersize=2, label=plain(name))
    if len(reel.channels) > 1:
        axes.legend(loc="upper right", fontsize=7, ncols=len(reel.channels))
    axes.set(ylabel="mean, stretched")


def _draw_variable(channel: int, values: np.ndarray, axes, reel: Reel) -> None:
    """One variable (T,) of a series in its own unit, broken at gaps; samples that were interpolated are dots."""
    times = _times(reel, reel.table)
    x = date2num(times) if reel.times_utc is not None else times
    axes.plot(*curve(x, values, reel.gaps), color=BLUE, linewidth=0.8)
    name = reel.channels[channel]
    flags = reel.table["flags"].fillna("").str.removeprefix("interpolated: ")
    filled = np.flatnonzero([name in text.split(", ") for text in flags]) if (flags != "").any() else []
    axes.plot(x[filled], values[filled], ".", color=RED, markersize=2)
    if reel.stretches[channel].kind == "asinh" and np.nanmin(values) > 0:
        axes.set_yscale("log")
    axes.set_ylabel(plain(name[:24]), fontsize=8)


def _draw_foot(figure: Figure, place, reel: Reel) -> None:
    """Steps in time, and beside them what was rejected."""
    reasons = reel.candidates["reason"].dropna()
    cells = place.subgridspec(1, 2, width_ratios=(1, 1.6), wspace=0.08)
    _draw_steps(figure.add_subplot(cells[0] if len(reasons) else place), reel)
    if len(reasons):
        _draw_reasons(figure.add_subplot(cells[1]), reasons)


def _draw_steps(axes, reel: Reel) -> None:
    steps = np.diff(reel.times_s) / reel.cadence_s
    limit = reel.meta["gap_threshold"]
    bins = np.linspace(0, 1.05 * max(limit, steps.max(initial=0)), 60)
    axes.hist(steps, bins, color=BLUE, histtype="stepfilled")
    axes.axvline(limit, color=RED, linewidth=1)
    axes.set(ylabel="steps", xlabel="time between frames / cadence")
    if len(steps):
        axes.set(yscale="log", ylim=(0.5, None))
    axes.set_title(f"gaps (longer than {limit:g} cadences): {len(reel.gaps)}", fontsize=9, y=1.0)


def _draw_reasons(axes, reasons) -> None:
    if reasons.nunique() > MOST_REASONS:  # they name single values; without numbers they can be counted together
        reasons = reasons.str.replace(r"\d+(\.\d+)?", "#", regex=True)
    counts = reasons.value_counts().head(MOST_REASONS)
    axes.barh(range(len(counts)), counts.to_numpy(), color=RED, alpha=0.35)
    for i, (reason, count) in enumerate(counts.items()):
        axes.text(0, i, plain(f" {count}  {reason[:70]}"), va="center", fontsize=7)
    axes.set(yticks=[], ylim=(max(len(counts), 4) - 0.4, -0.6))
    axes.set_title(f"rejected: {len(reasons)}", fontsize=9)
