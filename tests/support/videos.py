"""Small videos for tests, in which every frame shows its own number as a row of eight bright or dark squares."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from config import PrepConfig
from data.sources.base import FrameError
from tests.support import frames

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


def written(path, codec="mpeg4", n=6, form=None, made_at="", sides=Fraction(1), degrees=0):
    """A video of `n` frames; made_at: when, by its own data; sides: of its pixels; degrees: of its display matrix."""
    with av.open(str(path), "w", format=form) as container:
        container.metadata.update({"creation_time": made_at} if made_at else {})
        stream = container.add_stream(codec, rate=25)
        (stream.height, stream.width), stream.pix_fmt = SHAPE, "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.codec_context.sample_aspect_ratio = sides
        if degrees:
            stream.set_display_rotation(degrees)
        for i in range(n):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture(i), format="rgb24")))
        container.mux(stream.encode(None))
    return path


def pictures_read(folder, reel=None):
    """Pixels by number of frame, of those that prep takes; and the reasons of the others."""
    candidates = [c for c in frames.scan(folder, PrepConfig()) if reel in (None, c.reel)]
    lost = {c.source: c.reason for c in candidates if c.reason}
    groups: dict = {}
    for candidate in candidates:
        if not candidate.reason:
            groups.setdefault((candidate.path, candidate.group), []).append(candidate)
    good = {}
    for group in groups.values():
        for candidate, raw in frames.read(group):
            if isinstance(raw, FrameError):
                lost[candidate.source] = str(raw)
            else:
                good[int(candidate.source.rpartition("#")[2])] = raw.pixels
    return good, lost
