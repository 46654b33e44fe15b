"""H.264 movies that play in a browser, through PyAV: OpenCV's wheels can't write H.264, and its mp4v does not play."""

from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import numpy as np

from data.files import replacing


class MovieWriter:
    """Write RGB frames `(H, W, 3)` uint8 as H.264 yuv420p; the file takes its name only when all went well.

    Odd sizes are padded by one black row or column, because yuv420p halves both axes.
    Raises ValueError for a frame of another shape than the first.
    """

    def __init__(self, path: str | Path, fps: float):
        self.path, self.fps = Path(path), Fraction(fps).limit_denominator(1000)
        self.shape: tuple[int, ...] | None = None

    def __enter__(self) -> "MovieWriter":
        self._replacing = replacing(self.path)
        self._container = av.open(str(self._replacing.__enter__()), "w", options={"movflags": "+faststart"})
        return self

    def _open_stream(self, shape: tuple[int, ...]) -> None:
        self.shape = shape
        self._stream = self._container.add_stream("libx264", rate=self.fps, options={"preset": "veryfast", "crf": "20"})
        self._stream.pix_fmt = "yuv420p"
        self._stream.height, self._stream.width = (n + n % 2 for n in shape[:2])

    def write(self, frame: np.ndarray) -> None:
        if self.shape is None:
            self._open_stream(frame.shape)
        if frame.shape != self.shape:
            raise ValueError(f"{self.path.name}: frame of shape {frame.shape} in a movie of {self.shape}")
        height, width = frame.shape[:2]
        if height % 2 or width % 2:
            frame = np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)))
        video_frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
        self._container.mux(self._stream.encode(video_frame))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None and self.shape is not None:
                self._container.mux(self._stream.encode(None))
            self._container.close()
        finally:
            self._replacing.__exit__(kind, error, trace)
