"""The pictures of the result movie: panels with heat or boxes, UTC time, score curve and legend.

Every intensity and colour scale is fixed for the whole movie. Fast by table lookups at the resolution of the data; the
still parts are drawn once.
"""

from collections.abc import Sequence

import cv2
import matplotlib
import numpy as np

from data.sky.instruments import GRAY, colours_of
from inference.events.boxes import Box
from inference.events.events import CAMERA
from inference.movie.canvas import RGB_TO_YUV, YUV_OFFSET, Canvas, Colour, even, text_width, yuv_of
from inference.movie.layout import (
    BOX_COLOUR,
    BRIGHT,
    FAINT,
    LEVEL_COLOUR,
    NO_DATA,
    PANEL,
    SCORE_TEXT,
    STEP_PX,
    Layout,
    MovieStyle,
    curve_height,
    draw_still_parts,
)

OF_LEVELS = np.hstack([RGB_TO_YUV / 255, YUV_OFFSET[:, None]])  # (3, 4), as cv2.transform takes it
SKY_LUMA = 190, 110  # of limb and grid, where the ground is darker


class Composer:
    """Draw the movie's frames one after the other into one picture.

    shape: (H, W) of the data. `size` is the (width, height) of the movie, both even.
    """

    def __init__(self, shape: tuple[int, int], style: MovieStyle):
        self.style, self.shape = style, shape
        self.layout = Layout(shape, style)
        self.size = self.layout.width, self.layout.height
        self._i420 = np.empty((self.layout.height * 3 // 2, self.layout.width), np.uint8)
        self._canvas = Canvas.on(self._i420)
        self._history = np.full(self.layout.curve_size[0] // STEP_PX, np.nan)
        self._gray, self._heat, self._blend = _tables(style.heat_weight, style.colormap)
        draw_still_parts(self._canvas, self.layout, style)
        places = [(x, self.layout.top) for x in self.layout.panel_x]
        self._panels = [self._canvas.region(*place, *self.layout.panel_size) for place in places]
        self._curve = self._canvas.region(self.layout.pad, self.layout.curve_y, *self.layout.curve_size)
        self._empty_curve = self._curve.y.copy()
        self._header = self._canvas.region(0, 0, self.layout.width, self.layout.px(40))
        self._empty_header = self._header.y.copy()
        widest = text_width(f"{style.score_name} 0.00000", SCORE_TEXT * self.layout.unit)
        self._score_x = self.layout.width - self.layout.pad - widest  # fixed, so that the number does not jump about
        lamp_x, lamp_side = even(self._score_x - self.layout.px(22)), self.layout.px(13)
        self._lamp = self._header.region(lamp_x, self.layout.px(16), lamp_side, lamp_side)
        self._caption = self._header.region(0, 0, lamp_x - self.layout.pad, self._header.y.shape[0])

    def compose(
        self,
        frame: np.ndarray,
        anomaly: np.ndarray,
        score: float,
        caption: str,
        boxes: Sequence[Box] = (),
        reconstruction: np.ndarray | None = None,
        residual: np.ndarray | None = None,
        sky: Sequence[np.ndarray] = (),
    ) -> np.ndarray:
        """The next picture as I420 planes for `MovieWriter.write_i420`, valid until the next call.

        frame, anomaly, and for a diagnostic movie reconstruction and residual: (H, W), any float; NaN is shown as
        "no data". Frame and reconstruction may be (H, W, 3), red first; heat lies over their grey. score: the frame's
        score for header and curve, NaN when there is none. caption: its time or number. sky: limb and grid, points
        (N, 2) x, y of the data, drawn over the anomaly panel.
        """
        images = {"frame": frame, "anomaly": anomaly, "reconstruction": reconstruction, "residual": residual}
        levels = {name: self._levels(name, images[name]) for name in self.style.panels}  # (H, W) or (H, W, 3)
        panels = dict(zip(self.style.panels, self._panels, strict=True))
        for name, panel in panels.items():
            if name != "anomaly":
                table = self._heat if name == "residual" else self._gray
                panel.paint(_in_colour(levels[name]) if levels[name].ndim == 3 else _looked_up(levels[name], table))
        if self.style.shows_heat:
            pair = _as_grey(levels["frame"]).astype(np.uint16) << 8 | levels["anomaly"]
            panels["anomaly"].paint(tuple(table[pair] for table in self._blend))
        else:
            panels["anomaly"].copy(panels["frame"])
            self._draw_boxes(panels["anomaly"], boxes)
        for points, luma in zip(sky, SKY_LUMA, strict=False):
            self._draw_points(panels["anomaly"], points, luma)
        self._draw_header(caption, score)
        self._draw_curve(score)
        return self._i420

    def rgb(self) -> np.ndarray:
        """The last picture as (height, width, 3) RGB uint8."""
        return cv2.cvtColor(self._i420, cv2.COLOR_YUV2RGB_I420)

    def _levels(self, name: str, image: np.ndarray | None) -> np.ndarray:
        """Display levels uint8, top row first: 1 to 255 over the fixed range, 0 where there is no data."""
        if image is None or image.shape[:2] != self.shape:
            raise ValueError(f"{name} has shape {getattr(image, 'shape', None)}; the movie shows {self.shape}")
        ranges = {"anomaly": (0, self.style.heat_limit), "residual": (0, self.style.residual_limit)}
        low, high = ranges.get(name, self.style.frame_range)
        if self.style.origin == "lower":
            image = image[::-1]
        levels = np.clip((image.astype(np.float32) - low) * (254 / (high - low)) + 1.5, 1, 255)
        return cv2.patchNaNs(levels, 0).astype(np.uint8)

    def _draw_boxes(self, panel: Canvas, boxes: Sequence[Box]) -> None:
        scale, line = self.style.scale_factor, max(2, round(1.5 * self.layout.unit))
        for box in reversed(boxes):  # the strongest last, on top
            y0, y1 = box.y0, box.y1
            if self.style.origin == "lower":
                y0, y1 = self.shape[0] - y1, self.shape[0] - y0
            x0, y0, x1, y1 = (np.array([box.x0, y0, box.x1, y1]) * scale).tolist()
            panel.rectangle(x0, y0, x1, y1, BOX_COLOUR[box.level], line)
            text = box.instrument if box.level == CAMERA else f"{box.peak:.3g}"
            self._draw_label(panel, text, x0, y0, x1, y1, BOX_COLOUR[box.level])

    def _draw_points(self, panel: Canvas, points: np.ndarray, luma: int) -> None:
        x, y = points.T
        if self.style.origin == "lower":
            y = self.shape[0] - 1 - y
        columns, rows = (np.floor((v + 0.5) * self.style.scale_factor).astype(np.int64) for v in (x, y))
        panel.dots(columns, rows, luma)

    def _draw_label(self, panel: Canvas, text: str, x0: int, y0: int, x1: int, y1: int, colour: Colour) -> None:
        """A plate with text above the box, or below it, or at its upper edge where neither has room."""
        height, size = self.layout.px(16), 13 * self.layout.unit
        width = text_width(text, size) + self.layout.px(8)
        y = y0 - height if y0 >= height else y1 if y1 + height <= self.layout.panel_size[1] else y0
        x = max(0, min(x0, self.layout.panel_size[0] - width))
        panel.rectangle(x, y, x + width, y + height, colour)
        panel.text(text, x + self.layout.px(4), y + height - self.layout.px(4), size, luma=16)

    def _draw_header(self, caption: str, score: float) -> None:
        style, layout = self.style, self.layout
        self._header.y[:] = self._empty_header
        self._caption.text(caption, layout.pad, layout.px(29), 20 * layout.unit, BRIGHT)
        text = "no score" if np.isnan(score) else f"{style.score_name} {score:.4g}"
        self._header.text(text, self._score_x, layout.px(29), SCORE_TEXT * layout.unit, BRIGHT)
        level = "high" if score > style.threshold_high else "low" if score > style.threshold_low else None
        self._lamp.fill(LEVEL_COLOUR[level] if level else PANEL)

    def _draw_curve(self, score: float) -> None:
        self._history = np.append(self._history[1:], score)
        self._curve.y[:] = self._empty_curve
        y = curve_height(self._history, self.style, self._curve.y.shape[0])
        self._curve.curve(np.arange(len(y)) * STEP_PX, y, BRIGHT, FAINT)
        cv2.max(self._curve.y, self._empty_curve, dst=self._curve.y)  # the threshold lines stay on top of the area


def _looked_up(levels: np.ndarray, table: Sequence[np.ndarray]) -> tuple[np.ndarray, ...]:
    """Levels (H, W) as planes Y, U, V."""
    return tuple(cv2.LUT(levels, plane) for plane in table)


def _in_colour(levels: np.ndarray) -> tuple[np.ndarray, ...]:
    """Levels (H, W, 3), red first, as planes Y, U, V."""
    colours = np.where(levels.min(axis=2, keepdims=True) > 0, levels, np.array(NO_DATA, np.uint8))
    return tuple(np.asarray(plane) for plane in cv2.split(cv2.transform(colours, OF_LEVELS)))


def _as_grey(levels: np.ndarray) -> np.ndarray:
    """Levels (H, W) as they are, and the mean of (H, W, 3); 0 where there is no data."""
    if levels.ndim == 2:
        return levels
    return np.where(levels.min(axis=2) > 0, levels.mean(axis=2), 0).astype(np.uint8)


def _tables(heat_weight: float, colormap: str) -> tuple[list[np.ndarray], ...]:
    """Lookup tables from display levels to planes Y, U, V: frame (256,), heat (256,), frame over heat (65536,)."""
    ramp = np.linspace(0, 255, 255)[:, None]
    colours = np.repeat(ramp, 3, axis=1) if colormap == GRAY else colours_of(colormap)[1:]
    gray = np.concatenate([[NO_DATA], colours])  # (256, 3)
    heat = np.concatenate([[NO_DATA], matplotlib.colormaps["inferno"](ramp[:, 0] / 255)[:, :3] * 255])
    blend = (1 - heat_weight) * gray[:, None] + heat_weight * heat  # (256, 256, 3)
    return tuple([*yuv_of(table.reshape(-1, 3)).T.copy()] for table in (gray, heat, blend))
