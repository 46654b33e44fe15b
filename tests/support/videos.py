"""Small videos for tests, in which every frame shows its own number as a row of eight bright or dark squares."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

SHAPE = (64, 96)
# Name of the file -> codec and its options: B-frames in most, key frames every 12 frames or only once.
KINDS = {
    "b_frames.mp4": ("libx264", {"g": "12", "bf": "3"}),
    "one_key_frame.mov": ("libx264", {"g": "1000", "bf": "2"}),
    "b_frames.mkv": ("libx264", {"g": "12", "bf": "3"}),
    "b_frames.avi": ("mpeg4", {"g": "12", "bf": "2"}),
    "intra.avi": ("mjpeg", {}),
    "stream.ts": ("libx264", {"g": "12", "bf": "3"}),  # has no index: seeking is guesswork
}


def picture(number: int) -> np.ndarray:
    """RGB frame (64, 96, 3) that shows the lowest eight bits of `number`."""
    frame = np.full((*SHAPE, 3), 30, np.uint8)
    for bit in range(8):
        frame[8:56, 8 + 10 * bit : 16 + 10 * bit] = 220 if number >> bit & 1 else 30
    return frame + np.random.default_rng(number).integers(0, 6, frame.shape, dtype=np.uint8)


def number_of(gray: np.ndarray) -> int:
    """The number that a decoded frame (64, 96) shows."""
    return sum(1 << bit for bit in range(8) if gray[12:52, 10 + 10 * bit : 14 + 10 * bit].mean() > 120)


def write_video(
    path: Path, n: int, times_ms: Sequence[int] | None = None, fps: int = 25, movflags: str = "", numbers=None
) -> Path:
    """A video of `n` frames in the container and codec that its name asks for; `times_ms` make the rate variable."""
    path.parent.mkdir(parents=True, exist_ok=True)
    codec, options = KINDS.get(path.name, ("libx264", {"g": "12", "bf": "3"}))
    with av.open(str(path), "w", options={"movflags": movflags} if movflags else {}) as container:
        stream = container.add_stream(codec, rate=fps, options=options)
        stream.height, stream.width = SHAPE
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000) if times_ms is not None else Fraction(1, fps)
        for i in range(n):
            frame = av.VideoFrame.from_ndarray(picture(i if numbers is None else numbers[i]), format="rgb24")
            frame.pts = i if times_ms is None else times_ms[i]
            frame.time_base = stream.codec_context.time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def decode_all(path: Path) -> list[tuple[int, np.ndarray]]:
    """Presentation time and gray picture of every frame, decoded from the first to the last: the slow oracle."""
    with av.open(str(path)) as container:
        return [(frame.pts, frame.to_ndarray(format="gray")) for frame in container.decode(video=0)]
