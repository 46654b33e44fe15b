"""Pictures of a review: histograms of the window statistics, and a contact sheet of the outliers.

Margins are fixed, because matplotlib's layout engines would take as long again as the drawing.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from data.disk.files import replacing
from data.pictures.plain import plain
from data.pictures.png import write_png
from data.reel.reel import Reel
from data.reel.windows import STATISTICS


@contextmanager
def pictures(reel: Reel, table: pd.DataFrame, rows: int) -> Iterator[None]:
    """Draw both pictures of a table; they take their names when the block ends, which writes that table.

    review_histograms.png, and of up to `rows` rejected windows review_outliers.png; without any there is none.
    """
    outliers, rejected = reel.path / "review_outliers.png", table[table["verdict"] == "reject"]
    with ExitStack() as stack:
        draw_histograms(reel, table, stack.enter_context(replacing(reel.path / "review_histograms.png")))
        if len(rejected) and rows:
            draw_outliers(reel, rejected, rows, stack.enter_context(replacing(outliers)))
        yield
        if not len(rejected) or not rows:
            outliers.unlink(missing_ok=True)


def draw_histograms(reel: Reel, table: pd.DataFrame, path: Path) -> None:
    """Every statistic over all windows, rejected ones in red."""
    figure = Figure(figsize=(15, 3.2))
    figure.suptitle(plain(f"{reel.name}: statistics of {len(table)} windows"))
    rejected = (table["verdict"] == "reject").to_numpy()
    edges = {"left": 0.03, "right": 0.99, "top": 0.8, "bottom": 0.12, "wspace": 0.25}
    for axes, name in zip(figure.subplots(1, len(STATISTICS), gridspec_kw=edges), STATISTICS, strict=True):
        values = table[name].to_numpy(np.float64)
        if len(values):
            bins = np.histogram_bin_edges(values, 30)
            axes.hist(values[~rejected], bins, color="tab:blue", label="kept", histtype="stepfilled")
            axes.hist(values[rejected], bins, color="tab:red", label="rejected", histtype="stepfilled")
        axes.set(title=name)
    write_png(path, figure, 100)


def draw_outliers(reel: Reel, rejected: pd.DataFrame, rows: int, path: Path) -> None:
    """First, middle and last frame of up to `rows` rejected windows, on one intensity scale.

    Of a series, the curves of all its variables.
    """
    total, rejected = len(rejected), rejected.head(rows)
    if reel.is_series:
        _draw_curves(reel, rejected, path)
        return
    title = f"{reel.name}: {len(rejected)} of {total} rejected windows"
    figure, grid = _sheet(title, (8, 2.3), len(rejected), columns=3)
    for row_axes, row in zip(grid, rejected.to_dict("records"), strict=True):
        start, length = row["start"], row["length"]
        picks = (start, start + length // 2, start + length - 1)
        for axes, index in zip(row_axes, picks, strict=True):
            image = reel.frames[index].mean(axis=0, dtype=np.float32)
            axes.imshow(image, cmap="gray", vmin=0, vmax=1, origin=reel.meta["origin"])
            axes.set_axis_off()
            # Below, as above is the window's reason.
            axes.annotate(
                f"frame {index}", (0.5, 0), (0, -2), "axes fraction", "offset points", ha="center", va="top", fontsize=7
            )
        row_axes[0].set_title(plain(f"window {row['window']}: {row['reason']}"), fontsize=7, loc="left")
    write_png(path, figure, 90)


def _draw_curves(reel: Reel, rejected: pd.DataFrame, path: Path) -> None:
    """One panel a rejected window: its scaled variables, and in gray as many samples before and after it."""
    title = f"{reel.name}: {len(rejected)} rejected windows, scaled values by sample"
    figure, grid = _sheet(title, (9, 1.7), len(rejected), columns=1)
    for axes, row in zip(grid[:, 0], rejected.to_dict("records"), strict=True):
        start, length = row["start"], row["length"]
        begin, end = max(start - length, 0), min(start + 2 * length, len(reel))
        values = reel.read(begin, end)[0][:, :, 0, 0].astype(np.float64)
        axes.plot(np.arange(begin, end), values, color="0.75", linewidth=0.8)
        inner = np.arange(start, start + length)
        axes.plot(inner, values[inner - begin], linewidth=1.0)
        axes.set_title(plain(f"window {row['window']} {row['time_utc']}: {row['reason']}"), fontsize=7, loc="left")
        axes.tick_params(labelsize=7)
    write_png(path, figure, 90)


def _sheet(title: str, row_inch: tuple[float, float], rows: int, columns: int) -> tuple[Figure, np.ndarray]:
    """A figure with a title, and its axes (rows, columns); row_inch: width and height of a row."""
    width_inch, height_inch = row_inch[0], row_inch[1] * rows + 0.6
    figure = Figure(figsize=(width_inch, height_inch))
    figure.suptitle(plain(title), y=1 - 0.1 / height_inch, va="top")
    edges = {"left": 0.07, "right": 0.98, "top": 1 - 0.6 / height_inch, "bottom": 0.3 / height_inch}
    grid = edges | {"hspace": 0.45 / row_inch[1], "wspace": 0.05}
    return figure, figure.subplots(rows, columns, squeeze=False, gridspec_kw=grid)
