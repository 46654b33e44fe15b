"""Video files, anything FFmpeg decodes, through PyAV. Frames are gray, 8 bit; their identity is the presentation time."""

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np

from config import PrepConfig
from data.sources.base import Candidate, FrameError, RawFrame, sha256
from data.sources.times import FrameTimes, find_times_csv, shift_utc

SUFFIXES = (".mp4", ".avi", ".mkv", ".mov", ".m4v", ".webm", ".mpg", ".mpeg", ".ts", ".wmv")


def scan(path: Path, root: Path, prep: PrepConfig) -> list[Candidate]:
    """The candidates of one video, from its packets; a file that can't be opened is one rejected row."""
    source = path.relative_to(root).as_posix()
    base = {"path": str(path), "kind": "video", "reel": path.relative_to(root).with_suffix("").as_posix()}
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            shape = (stream.codec_context.height, stream.codec_context.width)
            seconds = float(stream.time_base)
            pts, damage = _presentation_times(container, stream)
        times = find_times_csv(path, prep.times_csv)
        table = FrameTimes(times) if times else None
    except (av.FFmpegError, FrameError, IndexError, ValueError) as error:
        return [Candidate(source=source, **base, reason=f"not readable as video: {error}")]
    found = []
    for number, position in enumerate(pts):
        facts = {"source": f"{source}#{number}", "position": position, "shape": shape}
        offset_s = number / prep.frames_per_second if prep.frames_per_second else (position - pts[0]) * seconds
        found.append(Candidate(**base, **facts, time_s=offset_s, **_time(table, number, offset_s, prep)))
    if damage:
        found.append(Candidate(source=source, **base, reason=f"video is damaged after {len(pts)} frames: {damage}"))
    return found


def _time(table: FrameTimes | None, number: int, offset_s: float, prep: PrepConfig) -> dict:
    try:
        if table:
            time_utc, label = table.get(number)
            return {"time_utc": time_utc, "label": label}
    except FrameError as error:
        return {"reason": str(error)}
    return {"time_utc": shift_utc(prep.start_utc, offset_s)} if prep.start_utc else {}


def _presentation_times(container, stream) -> tuple[list[int], str]:
    """Presentation times of all frames in order, without decoding where the container knows them; and any damage."""
    pts: list[int | None] = []
    try:
        for packet in container.demux(stream):
            if packet.size:
                pts.append(packet.pts)
    except av.FFmpegError as error:
        return sorted(p for p in pts if p is not None), str(error)
    if None not in pts:
        return sorted(pts), ""
    # AVI and raw streams carry no presentation times in their packets: only decoding tells.
    with av.open(container.name) as again:
        return [frame.pts for frame in again.decode(video=0)], ""


def read(candidates: list[Candidate]) -> Iterator[tuple[Candidate, RawFrame | FrameError]]:
    """Pixels of frames of one video, in presentation order, in one pass from the key frame before the first."""
    wanted = {candidate.position: candidate for candidate in candidates}
    reason = "frame could not be decoded"
    try:
        for frame in _frames_from(candidates[0].path, min(wanted)):
            if frame.pts in wanted:
                pixels = np.ascontiguousarray(frame.to_ndarray(format="gray"))
                yield wanted.pop(frame.pts), RawFrame(pixels, None, sha256(pixels.data))
            if not wanted:
                return
    except av.FFmpegError as error:
        reason = f"video is damaged: {error}"
    for candidate in wanted.values():
        yield candidate, FrameError(reason)


def _frames_from(path: str, pts: int) -> Iterator[av.VideoFrame]:
    """Decoded frames from the key frame at or before `pts`, or from the start where seeking overshoots."""
    with av.open(path) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        container.seek(pts, stream=stream)
        frames = _tolerant(container, stream)
        first = next(frames, None)
        if first is not None and first.pts is not None and first.pts <= pts:
            yield first
            yield from frames
            return
    with av.open(path) as container:
        yield from _tolerant(container, container.streams.video[0])


def _tolerant(container, stream) -> Iterator[av.VideoFrame]:
    """Decoded frames; a packet that can't be decoded is left out, and its frame is reported as missing by the caller."""
    for packet in container.demux(stream):
        try:
            yield from packet.decode()
        except av.error.InvalidDataError:
            continue
