"""Figures as files."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from PIL import Image

from data.pictures.png import write_png

pytestmark = pytest.mark.pictures


class Counted(Line2D):
    """A line that knows how often it was drawn."""

    drawn = 0

    def draw(self, renderer) -> None:
        self.drawn += 1
        super().draw(renderer)


def figure_of(line: Line2D) -> Figure:
    figure = Figure(figsize=(3, 2))
    figure.subplots().add_line(line)
    figure.suptitle("a title")
    return figure


def test_a_figure_is_drawn_once_and_looks_as_matplotlib_saves_it(tmp_path):
    line = Counted([0, 1, 0.5], [0, 0.2, 1])
    write_png(tmp_path / "ours.part", figure_of(line), 110, {"Software": "this"})
    assert line.drawn == 1
    figure_of(Line2D([0, 1, 0.5], [0, 0.2, 1])).savefig(tmp_path / "theirs.png", dpi=110)
    with Image.open(tmp_path / "ours.part") as ours, Image.open(tmp_path / "theirs.png") as theirs:
        assert ours.info["Software"] == "this"
        assert ours.size == (330, 220)
        assert np.array_equal(np.asarray(ours), np.asarray(theirs))
