"""Pictures of reels and results, which take longer than what most tests are about: laid out, but painted for few."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import cv2
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg

from data.pictures import summary
from data.pictures.movie import MovieWriter

BLANK = cv2.imencode(".png", np.zeros((1, 1), np.uint8))[1].tobytes()
MOST_FRAMES = 2  # of a preview that nobody looks at


class _Glance(MovieWriter):
    """A movie that is over soon."""

    def write_i420(self, planes: np.ndarray) -> None:
        if self.count < MOST_FRAMES:
            super().write_i420(planes)


@contextmanager
def unpainted() -> Iterator[None]:
    """Meanwhile figures are made by the program but saved as a blank, and previews have two frames."""

    def blank(canvas: FigureCanvasAgg, path: Path, **options) -> None:
        Path(path).write_bytes(BLANK)

    with patch.object(FigureCanvasAgg, "print_png", blank), patch.object(summary, "MovieWriter", _Glance):
        yield


@contextmanager
def painted() -> Iterator[None]:
    """Whatever else is so meanwhile."""
    with patch.object(FigureCanvasAgg, "print_png", _PRINT_PNG), patch.object(summary, "MovieWriter", MovieWriter):
        yield


_PRINT_PNG = FigureCanvasAgg.print_png
