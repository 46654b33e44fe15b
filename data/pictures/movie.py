"""H.264 movies that play in a browser, through PyAV: OpenCV's wheels can't write H.264, and its mp4v does not play."""

from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc

from data.disk.files import replacing


class MovieWriter:
    """Write frames of one size as H.264 yuv420p with its index in front; the file takes its name when all went well.

    size: (width, height); an odd one is padded by one black column or row, because yuv420p halves both axes.
    preset, crf: speed and quality of x264; colours are ITU-R BT.601, limited range, and tagged so.
    Raises ValueError for a frame of another size, and when the movie ends without a frame.
    """

    def __init__(self, path: str | Path, fps: float, size: tuple[int, int], preset: str = "veryfast", crf: int = 20):
        self.path, self.fps = Path(path), Fraction(fps).limit_denominator(1001)
        self.width, self.height = size
        self.options = {"preset": preset, "crf": str(crf)}
        self.count = 0
        self._padded = np.zeros((self.height + self.height % 2, self.width + self.width % 2, 3), np.uint8)

    def __enter__(self) -> "MovieWriter":
        with ExitStack() as stack:
            part = stack.enter_context(replacing(self.path))
            container = av.open(str(part), "w", options={"movflags": "+faststart"})
            self._container = stack.enter_context(container)
            self._stream = container.add_stream("libx264", rate=self.fps, options=self.options)
            self._describe(self._stream)
            stack.push(self._flush)
            self._exit = stack.pop_all()
        return self

    def _describe(self, stream: av.VideoStream) -> None:
        stream.height, stream.width = self._padded.shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.gop_size = max(1, round(4 * self.fps))  # a player can jump to every fourth second
        context = stream.codec_context
        context.thread_count = 1  # threads of x264 cost a quarter more time in all, and the cores have other work
        context.color_range, context.colorspace = ColorRange.MPEG, Colorspace.SMPTE170M
        context.color_primaries, context.color_trc = ColorPrimaries.SMPTE170M, ColorTrc.SMPTE170M

    def write(self, frame: np.ndarray) -> None:
        """Append a frame (height, width, 3) RGB uint8."""
        if frame.shape != (self.height, self.width, 3):
            raise ValueError(f"{self.path.name}: frame {frame.shape}, expected {(self.height, self.width, 3)}")
        self._padded[: self.height, : self.width] = frame
        self.write_i420(cv2.cvtColor(self._padded, cv2.COLOR_RGB2YUV_I420))

    def write_i420(self, planes: np.ndarray) -> None:
        """Append a frame (height * 3 / 2, width) uint8: planes Y, U, V one below the other, both sizes even."""
        height, width = self._padded.shape[:2]
        if planes.shape != (height * 3 // 2, width):
            raise ValueError(f"{self.path.name}: planes {planes.shape}, expected {(height * 3 // 2, width)}")
        self._container.mux(self._stream.encode(av.VideoFrame.from_ndarray(planes, format="yuv420p")))
        self.count += 1

    def _flush(self, kind, error, trace) -> None:
        if kind is not None:
            return
        if not self.count:
            raise ValueError(f"{self.path.name}: no frame was written, so there is no movie")
        self._container.mux(self._stream.encode(None))

    def __exit__(self, *error) -> None:
        self._exit.__exit__(*error)
