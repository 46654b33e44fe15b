"""How the result movie is laid out: its settings, where things are, and the parts that stand still."""

from dataclasses import dataclass
from typing import Literal

import matplotlib
import numpy as np

from data.sky.instruments import GRAY
from inference.events.boxes import WEAK
from inference.events.events import CAMERA
from inference.movie.canvas import Canvas, Colour, even, text_width, yuv_of

BACKGROUND: Colour = (17, 19, 24)
PANEL: Colour = (34, 37, 45)
NO_DATA: Colour = (44, 52, 74)
LEVEL_COLOUR: dict[str, Colour] = {"low": (86, 190, 255), "high": (255, 122, 40)}
BOX_COLOUR = {**LEVEL_COLOUR, WEAK: (60, 130, 178), CAMERA: (200, 160, 255)}
BRIGHT, DIM, FAINT = 222, 150, 58  # luma of text, labels and the area under the curve
SCORE_TEXT = 17  # nominal height of the score in the header
MOST_PX = 16_384  # of a side, as x264 takes them
STEP_PX = 2  # the score curve moves on by this much a frame


@dataclass(frozen=True)
class MovieStyle:
    """What a movie shows, and its fixed scales.

    frame_range: values of a frame shown as black and white. heat_max: score at the hot end of the colours, which begin
    at 0; None is twice the high threshold. residual_max: the same for the residual panel, in its own unit; None is
    heat_max. heat_weight: share of the heat colour in the anomaly panel. scale_factor: panel pixels a data pixel.
    origin: "lower" when row 0 is the bottom, as in FITS images; panels and boxes are then flipped for display.
    score_name: a short name of the score, for header, curve and colour bar. colormap: that frames of one value a pixel
    are shown in, gray or an instrument's own. in_colour: frames have three values a pixel, red first.
    """

    frame_range: tuple[float, float]
    threshold_low: float
    threshold_high: float
    mode: Literal["heatmap", "boxes"] = "boxes"
    diagnostic: bool = False
    heat_weight: float = 0.4
    scale_factor: int = 4
    origin: Literal["upper", "lower"] = "upper"
    heat_max: float | None = None
    residual_max: float | None = None
    score_name: str = "score"
    colormap: str = GRAY
    in_colour: bool = False

    def __post_init__(self):
        for name, allowed in (("mode", ("heatmap", "boxes")), ("origin", ("upper", "lower"))):
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} is {getattr(self, name)!r}; allowed are {', '.join(allowed)}")
        if not self.frame_range[0] < self.frame_range[1]:
            raise ValueError(f"frame_range is {self.frame_range}; the first value must be the smaller one")
        if not 0 < self.threshold_low <= self.threshold_high:
            raise ValueError(f"thresholds {self.threshold_low} and {self.threshold_high}: need 0 < low <= high")
        if not (self.heat_limit > 0 and self.residual_limit > 0):
            raise ValueError(f"heat_max {self.heat_max} and residual_max {self.residual_max} must be above 0")
        if self.scale_factor < 1 or not 0 <= self.heat_weight <= 1:
            raise ValueError(f"scale_factor {self.scale_factor} must be >= 1, heat_weight {self.heat_weight} in 0..1")

    @property
    def panels(self) -> tuple[str, ...]:
        return ("frame", "reconstruction", "residual", "anomaly") if self.diagnostic else ("frame", "anomaly")

    @property
    def heat_limit(self) -> float:
        return 2 * self.threshold_high if self.heat_max is None else self.heat_max

    @property
    def residual_limit(self) -> float:
        return self.heat_limit if self.residual_max is None else self.residual_max

    @property
    def shows_heat(self) -> bool:
        return self.mode == "heatmap"


class Layout:
    """Where things are, in pixels of the movie; all even. `unit` scales text and margins with the panels.

    Raises ValueError for a movie that would be too large.
    """

    def __init__(self, shape: tuple[int, int], style: MovieStyle):
        height, width = (length * style.scale_factor for length in shape)
        self.panel_size = even(width), even(height)
        self.unit = float(np.clip(width / 448, 0.75, 2))
        self.pad = self.px(14)
        self.cell_width = max(self.panel_size[0], self.px(270))  # room for title and legend above a small panel
        self.bar_width = self.px(70) if style.shows_heat else 0
        count = len(style.panels)
        self.width = self.pad + count * (self.cell_width + self.pad) + self.bar_width
        self.top = self.px(66)
        self.title_y = self.top - self.px(8)
        self.cell_x = [self.pad + i * (self.cell_width + self.pad) for i in range(count)]
        self.panel_x = [x + even((self.cell_width - self.panel_size[0]) / 2) for x in self.cell_x]
        self.curve_y = self.top + self.panel_size[1] + self.pad
        self.curve_size = self.width - 2 * self.pad - self.px(58), self.px(76)
        self.height = self.curve_y + self.curve_size[1] + self.pad
        if max(self.width, self.height) > MOST_PX:
            raise ValueError(
                f"the movie would have {self.width} x {self.height} px, and H.264 takes {MOST_PX} at most: a lower "
                f"eval.scale_factor than {style.scale_factor}, no eval.diagnostic, or --movie off"
            )

    def px(self, length: float) -> int:
        return even(length * self.unit)


def curve_height(score: np.ndarray, style: MovieStyle, height: int) -> np.ndarray:
    """Row of a score in the curve: the high threshold is half way up, and no score, however strong, leaves it."""
    return (height - 1) * style.threshold_high / (np.maximum(score, 0) + style.threshold_high)


def draw_still_parts(canvas: Canvas, layout: Layout, style: MovieStyle) -> None:
    """Draw what is the same in all frames: titles, the curve's ground, and the legend or the colour bar."""
    canvas.fill(BACKGROUND)
    titles = {"residual": f"residual, 0 to {style.residual_limit:.3g}"}
    for name, x in zip(style.panels, layout.cell_x, strict=True):
        canvas.text(titles.get(name, name), x, layout.title_y, 15 * layout.unit, DIM)
    _draw_curve_ground(canvas, layout, style)
    if style.shows_heat:
        _draw_colour_bar(canvas, layout, style)
    else:
        _draw_box_legend(canvas, layout, style)


def _draw_box_legend(canvas: Canvas, layout: Layout, style: MovieStyle) -> None:
    size, swatch = 13 * layout.unit, layout.px(10)
    x, base = layout.cell_x[-1] + layout.cell_width, layout.title_y
    for level, threshold in (("high", style.threshold_high), ("low", style.threshold_low)):
        text = f"{level} > {threshold:.3g}"
        x -= text_width(text, size)
        canvas.text(text, x, base, size, DIM)
        x = even(x - layout.px(16))
        canvas.rectangle(x, base - swatch, x + swatch, base, LEVEL_COLOUR[level])
        x -= layout.px(14)


def _draw_colour_bar(canvas: Canvas, layout: Layout, style: MovieStyle) -> None:
    height = layout.panel_size[1]
    x = layout.cell_x[-1] + layout.cell_width + layout.pad
    bar = canvas.region(x, layout.top, layout.px(14), height)
    ramp = matplotlib.colormaps["inferno"](np.linspace(1, 0, 256))[:, None, :3] * 255  # (256, 1, 3)
    bar.paint(tuple(np.ascontiguousarray(plane) for plane in np.moveaxis(yuv_of(ramp), -1, 0)))
    size, taken = 13 * layout.unit, []
    canvas.text(style.score_name, x, layout.title_y, 15 * layout.unit, DIM)
    for score in (style.threshold_high, style.heat_limit, 0, style.threshold_low):
        row = round(layout.top + (height - 1) * (1 - score / style.heat_limit))
        if score > style.heat_limit or any(abs(row - other) < size for other in taken):
            continue
        taken.append(row)
        canvas.rectangle(x + layout.px(14), row, x + layout.px(18), row + 1, (150, 150, 150))
        base = min(max(row + layout.px(4), layout.top + layout.px(10)), layout.top + height)
        canvas.text(f"{score:.3g}", x + layout.px(22), base, size, DIM)


def _draw_curve_ground(canvas: Canvas, layout: Layout, style: MovieStyle) -> None:
    width, height = layout.curve_size
    ground = canvas.region(layout.pad, layout.curve_y, width, height)
    ground.fill(PANEL)
    size = 13 * layout.unit
    ground.text(f"{style.score_name}, last {width // STEP_PX} frames", layout.px(6), layout.px(14), size, DIM)
    thresholds = style.threshold_low, style.threshold_high
    rows = curve_height(np.array(thresholds), style, height).astype(int).tolist()
    # Labels of close thresholds move to either side of their lines, so that both stay readable.
    shift = max(0, layout.px(14) - (rows[0] - rows[1])) // 2
    for level, row, threshold, move in zip(LEVEL_COLOUR, rows, thresholds, (shift, -shift), strict=True):
        ground.rectangle(0, row, width, row + 1, LEVEL_COLOUR[level], 1)
        base = layout.curve_y + row + layout.px(4) + move
        canvas.text(f"{threshold:.3g}", layout.pad + width + layout.px(6), base, size, DIM)
