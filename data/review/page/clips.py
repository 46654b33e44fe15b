"""A window as something a browser shows: a looping H.264 clip, of a series a curve. Made when asked for, then kept.

Clips lie in review_clips/ of the reel, at most CACHE_BYTES of them; the ones not looked at for longest go first.
All are on the reel's one intensity scale, stretched values 0..1 from black to white.
"""

import os
import re
import threading
from functools import cached_property
from pathlib import Path
from xml.sax.saxutils import escape

import cv2
import numpy as np

from data.disk.files import write_text
from data.disk.places import refuse_links_out
from data.pictures.curves import decimate
from data.pictures.movie import MovieWriter
from data.reel.mask_bits import INVALID
from data.reel.reel import Reel

DRAWING = 1  # in the names of the files; to be raised when clips are drawn differently
CLIP = re.compile(r"\w+(-\d+){3}\.(mp4|svg)")  # what they are called
FPS = 8
LARGEST_SIDE_PX = 384
CACHE_BYTES = 256 * 2**20
CURVE_POINTS = 600
CURVE_WIDTH, CURVE_HEIGHT = 300, 180
COLOURS = ("#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#17becf")


class Clips:
    """The clips of one reel. Safe to use from several threads; one clip is encoded at a time."""

    def __init__(self, reel: Reel, cache_bytes: int = CACHE_BYTES):
        refuse_links_out(reel.path)
        self.reel, self.folder, self.cache_bytes = reel, reel.path / "review_clips", cache_bytes
        self._lock = threading.Lock()
        self._used = sum(p.stat().st_size for p in self._kept())

    def _kept(self) -> list[Path]:
        """The clips that are there; other files are somebody else's."""
        return [p for p in self.folder.glob("*") if CLIP.fullmatch(p.name)]

    def path(self, start: int, length: int) -> Path:
        """The file with the frames [start, start + length): .mp4, of a series .svg; made when it is not there yet."""
        suffix = "svg" if self.reel.is_series else "mp4"
        path = self.folder / f"{self.reel.meta['identity'][:12]}-{start}-{length}-{DRAWING}.{suffix}"
        with self._lock:
            if path.is_file():
                os.utime(path)
            else:
                if self.reel.is_series:
                    write_curve(self.reel, start, length, path, self._scale)
                else:
                    write_clip(self.reel, start, length, path)
                self._used += path.stat().st_size
                if self._used > self.cache_bytes:
                    self._prune(path)
        return path

    @cached_property
    def _scale(self) -> tuple[float, float]:
        return curve_scale(self.reel)

    def _prune(self, newest: Path) -> None:
        """Delete what was not looked at for longest, down to four fifths of the limit, so that it is not done often."""
        files = sorted((p for p in self._kept() if p != newest), key=lambda p: p.stat().st_mtime_ns)
        for path in files:
            if self._used <= 0.8 * self.cache_bytes:
                return
            self._used -= path.stat().st_size
            path.unlink(missing_ok=True)


def write_clip(reel: Reel, start: int, length: int, path: Path) -> None:
    """H.264 of a window, FPS frames a second, channels side by side, at most LARGEST_SIDE_PX on a side."""
    frames, _ = reel.read(start, start + length)  # (T, C, H, W)
    images = to_grey(np.concatenate(np.moveaxis(frames, 1, 0), axis=2))  # (T, H, C * W)
    if reel.meta["origin"] == "lower":
        images = images[:, ::-1]
    height, width = images.shape[1:]
    factor = min(1.0, LARGEST_SIDE_PX / max(height, width))
    size = max(2, round(width * factor)), max(2, round(height * factor))
    with MovieWriter(path, FPS, size) as movie:
        for image in images:
            small = cv2.resize(image, size, interpolation=cv2.INTER_AREA) if factor < 1 or min(size) == 2 else image
            movie.write(cv2.cvtColor(small, cv2.COLOR_GRAY2RGB))


def aspect(reel: Reel) -> float:
    """Width over height of the reel's clips."""
    _, C, H, W = reel.shape
    return CURVE_WIDTH / CURVE_HEIGHT if reel.is_series else C * W / H


def to_grey(values: np.ndarray) -> np.ndarray:
    """Stretched values 0..1 as grey levels uint8, any shape."""
    return (np.clip(values.astype(np.float32), 0, 1) * 255 + 0.5).astype(np.uint8)


def curve_scale(reel: Reel) -> tuple[float, float]:
    """The values at the foot and at the top of all curves of a series; one value in a thousand lies beyond either."""
    values = _samples(reel, 0, len(reel))
    known = values[np.isfinite(values)]
    return tuple(np.quantile(known, (0.001, 0.999)).tolist()) if known.size else (0.0, 1.0)


def _samples(reel: Reel, begin: int, end: int) -> np.ndarray:
    """Scaled samples of a series: (n, C), NaN where invalid."""
    stored, bits = reel.read(begin, end)
    return np.where((bits[:, 0, 0] & INVALID)[:, None] > 0, np.nan, stored[:, :, 0, 0].astype(np.float64))


def write_curve(reel: Reel, start: int, length: int, path: Path, scale: tuple[float, float]) -> None:
    """SVG of the scaled variables in a window, and in grey as many samples before and after it.

    scale: the values at the foot and at the top; what lies beyond is drawn at the edge, as in a movie.
    """
    begin, end = max(start - length, 0), min(start + 2 * length, len(reel))
    low, high = scale
    values = np.clip(_samples(reel, begin, end), low, high)  # (n, C)
    x = 4 + (CURVE_WIDTH - 8) * np.arange(end - begin) / max(end - begin - 1, 1)
    y = CURVE_HEIGHT - 8 - (CURVE_HEIGHT - 30) * (values - low) / max(high - low, 1e-6)
    inner = slice(start - begin, start - begin + length)
    colours = [COLOURS[c % len(COLOURS)] for c in range(y.shape[1])]
    lines = [_polyline(x, y[:, c], "#8a8a8a") for c in range(y.shape[1])]
    lines += [_polyline(x[inner], y[inner, c], colour) for c, colour in enumerate(colours)]
    names = [f'<tspan fill="{c}">{escape(name)} </tspan>' for c, name in zip(colours, reel.channels, strict=True)]
    title = escape(f"{', '.join(reel.channels)}: samples {start} to {start + length - 1}")
    left, right = x[inner][[0, -1]]
    write_text(path, f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {CURVE_WIDTH} {CURVE_HEIGHT}">'
                     f'<title>{title}</title><rect x="{left:.1f}" width="{right - left:.1f}" height="{CURVE_HEIGHT}" '
                     'fill="#8a8a8a" opacity="0.15"/><text x="4" y="13" font-family="sans-serif" font-size="11">'
                     f'{"".join(names)}</text>{"".join(lines)}</svg>\n')  # fmt: skip


def _polyline(x: np.ndarray, y: np.ndarray, colour: str) -> str:
    """One line as a path; it breaks where values are missing."""
    parts, pen = [], "M"
    for i in decimate(y, CURVE_POINTS):
        if np.isnan(y[i]):
            pen = "M"
        else:
            parts.append(f"{pen}{x[i]:.1f} {y[i]:.1f}")
            pen = "L"
    return f'<path d="{"".join(parts)}" fill="none" stroke="{colour}" stroke-width="1.3"/>'
