"""A window as something a browser shows: a looping H.264 clip, of a series a curve. Made when asked for, then kept.

Clips lie in review_clips/ of the reel, at most CACHE_BYTES of them; the ones not looked at for longest go first.
All are on the reel's one intensity scale, stretched values 0..1 from black to white.
"""

import os
import threading
from pathlib import Path
from xml.sax.saxutils import escape

import cv2
import numpy as np

from data.curves import decimate
from data.files import write_text
from data.movie import MovieWriter
from data.reel import INVALID, Reel

FPS = 8
LARGEST_SIDE_PX = 384
CACHE_BYTES = 256 * 2**20
CURVE_POINTS = 600
COLOURS = ("#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#17becf")


class Clips:
    """The clips of one reel. Safe to use from several threads; one clip is encoded at a time."""

    def __init__(self, reel: Reel, cache_bytes: int = CACHE_BYTES):
        self.reel, self.folder, self.cache_bytes = reel, reel.path / "review_clips", cache_bytes
        self._lock = threading.Lock()
        self._used = sum(p.stat().st_size for p in self.folder.glob("*")) if self.folder.is_dir() else 0

    def path(self, start: int, length: int) -> Path:
        """The file with the frames [start, start + length): .mp4, of a series .svg; made when it is not there yet."""
        suffix = "svg" if self.reel.is_series else "mp4"
        path = self.folder / f"{self.reel.meta['identity'][:12]}-{start}-{length}.{suffix}"
        with self._lock:
            if path.is_file():
                os.utime(path)
            else:
                (write_curve if self.reel.is_series else write_clip)(self.reel, start, length, path)
                self._used += path.stat().st_size
                if self._used > self.cache_bytes:
                    self._prune(path)
        return path

    def _prune(self, newest: Path) -> None:
        """Delete what was not looked at for longest, down to four fifths of the limit, so that it is not done often."""
        files = sorted((p for p in self.folder.glob("*") if p != newest), key=lambda p: p.stat().st_mtime_ns)
        for path in files:
            if self._used <= 0.8 * self.cache_bytes:
                return
            self._used -= path.stat().st_size
            path.unlink()


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


def to_grey(values: np.ndarray) -> np.ndarray:
    """Stretched values 0..1 as grey levels uint8, any shape."""
    return (np.clip(values.astype(np.float32), 0, 1) * 255 + 0.5).astype(np.uint8)


def write_curve(reel: Reel, start: int, length: int, path: Path) -> None:
    """SVG of the scaled variables in a window, and in grey as many samples before and after it."""
    begin, end = max(start - length, 0), min(start + 2 * length, len(reel))
    stored, bits = reel.read(begin, end)
    values = np.where((bits[:, 0, 0] & INVALID)[:, None] > 0, np.nan, stored[:, :, 0, 0].astype(np.float64))  # (n, C)
    low, high = (float(np.nanmin(values)), float(np.nanmax(values))) if np.isfinite(values).any() else (0.0, 1.0)
    span = max(high - low, 1e-6)
    x = 4 + 292 * np.arange(end - begin) / max(end - begin - 1, 1)
    y = 172 - 164 * (values - low) / span
    inner = slice(start - begin, start - begin + length)
    lines = [_polyline(x, y[:, c], "#8a8a8a") for c in range(y.shape[1])]
    lines += [_polyline(x[inner], y[inner, c], COLOURS[c % len(COLOURS)]) for c in range(y.shape[1])]
    title = escape(f"{', '.join(reel.channels)}: samples {start} to {start + length - 1}")
    write_text(path, f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 300 180"><title>{title}</title>'
                     f'{"".join(lines)}</svg>\n')  # fmt: skip


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
