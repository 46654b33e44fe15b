"""One sheet of every base signal and every anomaly of the synthetic series: labels shaded, the clean twin dashed.

    python tests/benchmarks/synthetic_pictures.py [--out docs/synthetic_series.webp] [--seed N] [--quick] [--json FILE]

--json keys: panels, picture_kb.
"""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from parts.common import parsed, parser, write
from PIL import Image

from config import SyntheticConfig
from data.disk.files import replacing
from data.synthetic.anomalies import ANOMALIES
from data.synthetic.series import Synthetic, make_series
from data.synthetic.shapes import SHAPES

COLUMNS, LENGTH = 5, 512
MODERATE = replace(
    SyntheticConfig(), noise=(0.03, 0.15), strength=(4.0, 10.0), sensors={"exact": 1.0}, sum_fraction=0.0,
    missing_fraction=0.0, trend_fraction=0.0,
)  # fmt: skip


def of_shape(name: str, seed: int) -> Synthetic:
    """A clean series of one base signal."""
    settings = replace(MODERATE, shapes={name: 1.0}, clean_fraction=1.0, univariate_fraction=1.0)
    return make_series(seed, list(SHAPES).index(name), LENGTH, settings)


def of_anomaly(name: str, seed: int) -> Synthetic:
    """The first series that has one anomaly of the kind, long enough for a small picture unless it is a point."""
    related, first = ANOMALIES[name].where == "related", 1000 * list(ANOMALIES).index(name)
    settings = replace(
        MODERATE, anomalies={name: 1.0}, clean_fraction=0.0, max_anomalies=1, univariate_fraction=float(not related),
        channels=(2, 2), independent_fraction=0.0,
    )  # fmt: skip
    least = 1 if ANOMALIES[name].extent in ("point", "onset") else 25
    candidates = (make_series(seed, i, LENGTH, settings) for i in range(first, first + 1000))
    return next(series for series in candidates if series.labels.sum() >= least)


def draw(axes: Axes, name: str, series: Synthetic) -> None:
    """The channels above each other, in units of their own range."""
    axes.set_title(name.replace("_", " "), fontsize=7, pad=2)
    for c in range(series.values.shape[1]):
        low, high = np.nanmin(series.clean[:, c]), np.nanmax(series.clean[:, c])
        if series.labels.any():
            axes.plot((series.clean[:, c] - low) / (high - low or 1) - 1.2 * c, "--", color="tab:orange", linewidth=0.6)
        axes.plot((series.values[:, c] - low) / (high - low or 1) - 1.2 * c, color="tab:blue", linewidth=0.6)
    axes.fill_between(
        np.arange(LENGTH), 0, 1, where=series.labels, transform=axes.get_xaxis_transform(), color="tab:red", alpha=0.25,
        step="mid",
    )  # fmt: skip
    axes.set(xticks=[], yticks=[], xlim=(0, LENGTH - 1))


def sheet(seed: int, names: list[str]) -> Figure:
    rows = -(-len(names) // COLUMNS)
    figure = Figure(figsize=(2 * COLUMNS, 0.85 * rows), layout="constrained")
    grid = figure.subplots(rows, COLUMNS).flat
    for axes, name in zip(grid, names, strict=False):
        draw(axes, name, of_shape(name, seed) if name in SHAPES else of_anomaly(name, seed))
    for axes in list(figure.axes)[len(names) :]:
        axes.remove()
    return figure


def main() -> None:
    asked = parser(__doc__, "five panels alone")
    asked.add_argument("--out", type=Path, metavar="FILE", help="write the sheet here, as WebP")
    asked.add_argument("--seed", type=int, default=0)
    options = parsed(asked)
    names = [*list(SHAPES)[:2], *list(ANOMALIES)[:3]] if options.quick else [*SHAPES, *ANOMALIES]
    png, webp = io.BytesIO(), io.BytesIO()
    sheet(options.seed, names).savefig(png, format="png", dpi=110)
    Image.open(png).convert("RGB").save(webp, "WEBP", quality=70, method=6)
    figures = {"panels": len(names), "picture_kb": webp.tell() / 1000}
    if options.out:
        with replacing(options.out) as part:
            part.write_bytes(webp.getvalue())
    print(f"{figures['panels']} panels, {figures['picture_kb']:.0f} kB")
    write(figures, options.json)


if __name__ == "__main__":
    main()
