"""Video files, anything FFmpeg decodes, through PyAV: gray or RGB, 8 bit; its presentation time identifies a frame."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError, InvalidDataError
from av.video.reformatter import VideoReformatter

from config import PrepConfig
from data.sources.base import Candidate, FrameError, Frames, FrameSource, RawFrame
from data.sources.sidecar import FrameTimes, find_times_csv
from data.sources.times import shift_utc

# A task decodes from a key frame to a later one; shorter groups would spend their time on opening and seeking.
MIN_GROUP_FRAMES = 96


class VideoSource(FrameSource):
    """One video, one reel; it can be entered at its key frames only."""

    name = "video"
    suffixes = (".mp4", ".avi", ".mkv", ".mov", ".m4v", ".webm", ".mpg", ".mpeg", ".ts", ".wmv")
    in_one_pass = True

    def sidecars(self, path: Path) -> list[Path]:
        return [csv] if (csv := find_times_csv(path, None)) else []

    def scan(self, path: Path, root: Path, prep: PrepConfig) -> list[Candidate]:
        """The candidates of one video, from its packets."""
        reel = path.relative_to(root).with_suffix("").as_posix()
        base = self.whereabouts(path, root, home=path, reel=reel)
        try:
            base["size"] = path.stat().st_size
            with av.open(str(path)) as container:
                if not container.streams.video:
                    raise FrameError("it has no video stream")
                stream = container.streams.video[0]
                base["shape"] = (stream.codec_context.height, stream.codec_context.width)
                base["channel"] = "rgb" if prep.colour == "rgb" and has_colour(stream) else "gray"
                if stream.time_base is None:
                    raise FrameError("its video stream has no time base")
                seconds = float(stream.time_base)
                packets, damage = _packets(container, stream)
            times = find_times_csv(path, prep.times_csv)
            table = FrameTimes(times, prep) if times else None
        except Exception as error:  # FFmpeg and its wrapper raise many kinds on damaged files
            return [Candidate(**base, reason=f"not readable as video: {error}")]
        found = _candidates(packets, base, seconds, table, prep)
        if damage:
            found.append(Candidate(**base, reason=f"video is damaged: {damage}"))
        return found

    def read(self, candidates: Sequence[Candidate]) -> Frames:
        """Pixels in presentation order, in one pass from the key frame before the first.

        Frames that the decoder doesn't give are left out.
        """
        wanted = {candidate.position: number for number, candidate in enumerate(candidates)}
        reformatter = VideoReformatter()
        for frame in _frames_from(candidates[0].path, min(wanted)):
            number = None if frame.pts is None else wanted.pop(frame.pts, None)
            if number is not None and frame.is_corrupt:
                yield number, FrameError("frame is damaged")
            elif number is not None:
                in_colour = candidates[number].channel == "rgb"
                yield number, RawFrame(pixels_of(frame, in_colour, reformatter), None, "")
            if not wanted:
                return


@dataclass(frozen=True)
class _Packet:
    """What a container tells of one frame without decoding it."""

    pts: int
    is_key: bool
    is_damaged: bool


def _candidates(packets: list[_Packet], base: dict, seconds: float, table, prep) -> list[Candidate]:
    found, group, group_start = [], 0, 0
    for number, packet in enumerate(packets):
        if packet.is_key and number - group_start >= MIN_GROUP_FRAMES:
            group, group_start = group + 1, number
        offset_s = (packet.pts - packets[0].pts) * seconds
        if prep.frames_per_second:
            offset_s = number / prep.frames_per_second
        facts = {"source": f"{base['source']}#{number}", "position": packet.pts, "group": group, "time_s": offset_s}
        facts |= _time(table, number, offset_s, prep)
        if packet.is_damaged:
            facts["reason"] = "frame is cut off or damaged"
        found.append(Candidate(**base | facts))
    return found


def _time(table: FrameTimes | None, number: int, offset_s: float, prep: PrepConfig) -> dict:
    try:
        if table:
            return table.facts(number)
    except FrameError as error:
        return {"reason": str(error)}
    return {"time_utc": shift_utc(prep.start_utc, offset_s)} if prep.start_utc else {}


def _packets(container: InputContainer, stream) -> tuple[list[_Packet], str]:
    """The frames in order of presentation, without decoding where the container tells their times; and any damage."""
    packets, announced, damage = [], stream.frames, ""
    try:
        for packet in container.demux(stream):
            if packet.is_discard:  # by an edit list: it gives no frame, but the container counts it
                announced -= 1
            elif packet.size:
                packets.append(_Packet(packet.pts, packet.is_keyframe, packet.is_corrupt))
    except FFmpegError as error:
        damage = str(error)
    if any(packet.pts is None for packet in packets):  # only decoding tells, in some AVI and raw streams
        with av.open(container.name) as again:
            packets = [_Packet(f.pts, f.key_frame, f.is_corrupt) for f in again.decode(video=0) if f.pts is not None]
    packets = sorted({packet.pts: packet for packet in packets}.values(), key=lambda packet: packet.pts)
    return packets, damage or _what_is_missing(container, stream, packets, announced)


def _what_is_missing(container, stream, packets: list[_Packet], announced: int) -> str:
    """What the container's header announces beyond what is there: a recording that was cut, or never finished."""
    if announced > len(packets):
        return f"{len(packets)} of the {announced} frames that its header announces are there"
    if not packets:
        return "it holds no frame"
    # Matroska announces no number of frames, but a duration, which other streams may stretch.
    announced_s = (container.duration or 0) / av.time_base if len(container.streams) == 1 else 0.0
    times_s = np.array([packet.pts for packet in packets]) * float(stream.time_base)
    longest_step_s = np.diff(times_s).max(initial=0.0)
    if announced_s - (times_s[-1] - times_s[0]) > 3 * longest_step_s:
        return f"it ends after {times_s[-1] - times_s[0]:.1f} of {announced_s:.1f} s"
    return ""


def has_colour(stream: av.VideoStream) -> bool:
    """Whether the pixels of a video stream hold more than brightness and opacity, as far as its format tells."""
    form = stream.codec_context.format
    return form is not None and (form.has_palette or len(form.components) > 2)


def pixels_of(frame: av.VideoFrame, in_colour: bool, reformatter: VideoReformatter) -> np.ndarray:
    """A decoded frame as (H, W) uint8, or (H, W, 3) in colour."""
    return np.ascontiguousarray(reformatter.reformat(frame, format="rgb24" if in_colour else "gray").to_ndarray())


def _frames_from(path: str, pts: int) -> Iterator[av.VideoFrame]:
    """Decoded frames from the key frame at or before `pts`, or from the start where seeking fails or overshoots."""
    with av.open(path) as container:
        frames = _sought(container, pts)
        first = next(frames, None)
        if first is not None and first.pts is not None and first.pts <= pts:
            yield first
            yield from frames
            return
    with av.open(path) as container:
        yield from _decoded(container)


def _sought(container, pts: int) -> Iterator[av.VideoFrame]:
    try:
        container.seek(pts, stream=container.streams.video[0])
    except FFmpegError:
        return
    yield from _decoded(container)


def _decoded(container) -> Iterator[av.VideoFrame]:
    """Decoded frames; a packet that can't be decoded is left out, and its frame is reported as missing."""
    stream = container.streams.video[0]
    stream.codec_context.thread_count = 1  # the worker processes are the parallelism
    try:
        for packet in container.demux(stream):
            try:
                yield from packet.decode()
            except InvalidDataError:
                continue
    except FFmpegError:
        return  # the file ends in damage
