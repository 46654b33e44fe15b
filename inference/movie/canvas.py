"""A picture kept as the three planes that H.264 stores, so that a frame needs no colour conversion before encoding.

Plane I420: Y (H, W), then U and V (H/2, W/2). Positions are pixels of Y from the top left; sizes and positions of
regions are even. Text is drawn into Y only, so it is a shade of grey wherever the ground is neutral.
"""

from collections.abc import Sequence

import cv2
import numpy as np

# ITU-R BT.601-7, 2.5.1 and 2.5.3: R'G'B' in 0..1 to 8-bit Y'CbCr of limited range.
RGB_TO_YUV = np.array([[65.481, 128.553, 24.966], [-37.797, -74.203, 112.0], [112.0, -93.786, -18.214]])
YUV_OFFSET = np.array([16, 128, 128])

Colour = tuple[int, int, int]  # RGB, 0 to 255


def yuv_of(rgb: np.ndarray | Colour) -> np.ndarray:
    """RGB (..., 3) in 0..255 -> Y, U, V (..., 3) uint8."""
    return np.rint(np.asarray(rgb) / 255 @ RGB_TO_YUV.T + YUV_OFFSET).astype(np.uint8)


def even(length: float) -> int:
    """The nearest even number at or above a length."""
    return 2 * int(np.ceil(length / 2))


class Canvas:
    """Drawing on planes Y, U, V; what leaves the canvas is cut off."""

    def __init__(self, y: np.ndarray, u: np.ndarray, v: np.ndarray):
        self.y, self.u, self.v = y, u, v

    @classmethod
    def on(cls, i420: np.ndarray) -> "Canvas":
        """The canvas over a frame (height * 3 / 2, width) uint8, sharing its memory."""
        height, width = i420.shape[0] * 2 // 3, i420.shape[1]
        return cls(i420[:height], *i420[height:].reshape(2, height // 2, width // 2))

    def region(self, x: int, y: int, width: int, height: int) -> "Canvas":
        """A part of the canvas, sharing its memory; all four numbers even."""
        half = slice(y // 2, (y + height) // 2), slice(x // 2, (x + width) // 2)
        return Canvas(self.y[y : y + height, x : x + width], self.u[half], self.v[half])

    def fill(self, colour: Colour) -> None:
        self.y[:], self.u[:], self.v[:] = yuv_of(colour)

    def copy(self, other: "Canvas") -> None:
        """Take over what another region of the same size shows."""
        self.y[:], self.u[:], self.v[:] = other.y, other.u, other.v

    def paint(self, planes: Sequence[np.ndarray]) -> None:
        """Fill with small planes Y, U, V of one size (h, w), enlarged bilinearly."""
        for target, plane in zip((self.y, self.u, self.v), planes, strict=True):
            if plane.min() == plane.max():  # the chroma of grey panels; saves a quarter of the drawing time
                target[:] = plane[0, 0]
                continue
            height, width = target.shape
            cv2.resize(plane, (width, height), dst=target, interpolation=cv2.INTER_LINEAR)

    def rectangle(self, x0: int, y0: int, x1: int, y1: int, colour: Colour, thickness: int = -1) -> None:
        """Outline of the half-open rectangle, or all of it for thickness -1."""
        luma, *chroma = yuv_of(colour).tolist()
        cv2.rectangle(self.y, (x0, y0), (x1 - 1, y1 - 1), luma, thickness)
        # Chroma has half the resolution: one of its pixels is two wide.
        corners = (x0 // 2, y0 // 2), ((x1 - 1) // 2, (y1 - 1) // 2)
        for plane, value in zip((self.u, self.v), chroma, strict=True):
            cv2.rectangle(plane, *corners, value, max(1, thickness // 2) if thickness > 0 else thickness)

    def text(self, text: str, x: int, y: int, size: float, luma: int = 220) -> None:
        """Anti-aliased text with its base line at y; size: nominal height in pixels."""
        cv2.putText(self.y, text, (x, y), FONT, size / NOMINAL_PX, luma, 1, cv2.LINE_AA)

    def dots(self, x: np.ndarray, y: np.ndarray, luma: int) -> None:
        """Single pixels at whole x, y (N,), at least so bright; those beyond the edges are left out."""
        inside = (x >= 0) & (y >= 0) & (x < self.y.shape[1]) & (y < self.y.shape[0])
        rows, columns = y[inside], x[inside]
        self.y[rows, columns] = np.maximum(self.y[rows, columns], luma)

    def curve(self, x: np.ndarray, y: np.ndarray, luma: int, fill: int | None = None) -> None:
        """Polyline through points (N,), broken where y is NaN; with `fill`, the area below it gets that luma."""
        edges = np.flatnonzero(np.diff(np.concatenate([[False], np.isfinite(y), [False]])))
        for run in map(slice, edges[::2], edges[1::2]):
            points = np.stack([x[run], y[run]], axis=1).round().astype(np.int32)
            points = np.append(points, points[-1:] + np.array([1, 0], np.int32), axis=0)  # a lone point is visible too
            if fill is not None:
                base = np.array([[points[-1, 0], self.y.shape[0]], [points[0, 0], self.y.shape[0]]], np.int32)
                cv2.fillPoly(self.y, [np.concatenate([points, base])], fill)
            cv2.polylines(self.y, [points], False, luma, 1, cv2.LINE_AA)


FONT = cv2.FONT_HERSHEY_SIMPLEX
NOMINAL_PX = cv2.getTextSize("X", FONT, 1.0, 1)[0][1]


def text_width(text: str, size: float) -> int:
    """Width in pixels of a text of that nominal height."""
    return cv2.getTextSize(text, FONT, size / NOMINAL_PX, 1)[0][0]
