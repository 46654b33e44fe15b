"""Figures as PNG files."""

from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure


def write_png(path: Path, figure: Figure, dpi: int, metadata: dict[str, str] | None = None) -> None:
    """Draw a figure once: matplotlib's `savefig` draws it twice, the first time to find bounds that nobody asks for.

    metadata: texts of the file; by default the name of the software.
    """
    figure.set_dpi(dpi)
    FigureCanvasAgg(figure).print_png(path, metadata=metadata)
