"""What a video's container tells of its frames without decoding them: their order, times, key frames, and damage."""

import math
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import av
import av.logging
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Disposition

from data.sources.times.utc import iso_ms
from data.sources.video_file.joined import goes_on_behind, strays_of
from data.sources.video_file.part_headers import SET_S, stamps_of_parts
from data.sources.video_file.ser import OtherOrder, is_in_other_order, stamps_of

# Of FFmpeg's formats: those that open other files or addresses, text, devices, single pictures, and karaoke's graphics,
# for which it takes any file of zeros.
NO_VIDEO = (
    *("hls", "dash", "concat", "sdp", "rtsp", "rtp", "sap", "imf", "webm_dash_manifest", "tty", "fits", "data", "bin"),
    *("image2", "image2pipe", "lavfi", "ico", "alsa", "fbdev", "kmsgrab", "x11grab", "video4linux2,v4l2", "xbin"),
    "cdg",
)
# Those that hold pictures alone: FFmpeg counts them at 25 a second where the pictures themselves tell no rate.
NO_TIMES = ("mjpeg", "mpjpeg", "h264", "hevc", "vvc", "m4v", "obu", "jpegxl_anim", "ser")
COARSE_TICKS = 2  # of a clock, by which its stamps differ from what they were rounded from, at most
LATE_S = 0.25  # by which sound may come before pictures, as it is packed
UNKNOWN_COUNT = 2**30  # frames that FFmpeg's AVI announces where its output could not be gone back in


@dataclass(frozen=True)
class Packet:
    """One packet that holds a frame. `number` counts the packets of its stream as they lie in the file."""

    number: int
    pts: int | None
    dts: int | None
    is_key: bool
    is_damaged: bool
    is_astray: bool = False  # whether its stamp is far ahead of those of the packets before and behind it


@dataclass(frozen=True)
class Contents:
    """The packets of a stream in order of presentation, and what is odd about them."""

    packets: list[Packet]
    offsets_s: np.ndarray  # (N,) seconds from the first frame
    in_order: bool  # whether the file can be entered at its time stamps, which tell its frames apart
    unfounded: int  # frames before the first key frame
    damage: str
    remark: str
    start_utc: str = ""  # of the first frame, where the file tells that of each
    is_timed: bool = False  # whether it tells the time of each, be it on no clock that was set


@cache
def video_formats() -> str:
    """Containers that hold a video themselves, as FFmpeg's format_whitelist: no list of other files."""
    names = (name for name in av.formats_available if name not in NO_VIDEO and not name.endswith("_pipe"))
    return ",".join(sorted(names))


@contextmanager
def open_video(path: str | Path, **options: str) -> Iterator[InputContainer]:
    """A video file by its content, whatever its name. options: of FFmpeg's reader. Raises FFmpegError."""
    with ExitStack() as stack:
        try:
            str(path).encode()
        except UnicodeEncodeError:  # FFmpeg's names are UTF-8
            file = stack.enter_context(open(path, "rb"))
        else:
            file = f"file:{os.fspath(path)}"  # a name with a colon is no protocol
        if is_in_other_order(Path(path)):
            file = stack.enter_context(OtherOrder(path))
        yield stack.enter_context(av.open(file, "r", options=options | {"format_whitelist": video_formats()}))


def complaint(path: Path) -> str:
    """What FFmpeg itself says about a file that it can't open: more than the number of its error; "" where nothing."""
    with listening() as said:
        try:
            with open_video(path):
                pass
        except (FFmpegError, OSError, ValueError):
            texts = [text.strip() for level, _, text in said if level <= av.logging.ERROR]
            return texts[0] if texts else ""
    return ""


@contextmanager
def listening() -> Iterator[list]:
    """What FFmpeg says in this thread, the same again too; it is silent otherwise."""
    before, skipped = av.logging.get_level(), av.logging.get_skip_repeated()
    av.logging.set_level(av.logging.ERROR)
    av.logging.set_skip_repeated(False)  # or of two frames with one fault the second would pass for a good one
    try:
        with av.logging.Capture(local=True) as said:
            yield said
    finally:
        av.logging.set_level(before)
        av.logging.set_skip_repeated(skipped)


def video_streams(container: InputContainer) -> list[av.VideoStream]:
    """The streams of moving pictures, the best one first; the covers of sound files are none."""
    streams = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    best = container.streams.best("video")
    return sorted(streams, key=lambda stream: stream is not best)


def marked(container: InputContainer, stream: av.VideoStream) -> Iterator[tuple[av.Packet, bool]]:
    """Packets as they lie in a file, and whether the container misses a part of each.

    FFmpeg marks the packet before the one in which a part is missing where it is of a transport stream: those are cut
    by parsers, which end a frame where the next one begins, and give it the marks of that. Where recordings were joined
    the count of its parts begins anew as well, and tells nothing of the last frame before: the decoder does.
    """
    is_early, before, is_next = container.format.name == "mpegts", None, False
    for packet in container.demux(stream):
        if before is not None:
            is_back = packet.dts is not None and before.dts is not None and packet.dts < before.dts
            is_own, is_next = (is_next, before.is_corrupt) if is_early else (before.is_corrupt, False)
            yield before, is_own and not (is_early and is_back and packet.is_keyframe)  # which begins another recording
        before = packet
    if before is not None:
        yield before, is_next if is_early else before.is_corrupt


def assumed_rate(container: InputContainer, stream: av.VideoStream) -> float:
    """Frames a second that FFmpeg assumes of a stream that tells no times; 0 of those that do."""
    is_told = container.format.name not in NO_TIMES or stream.codec_context.framerate
    return 0.0 if is_told else float(stream.guessed_rate or 25)


def begins_late_s(container: InputContainer, contents: Contents) -> float:
    """Seconds by which the first picture comes after the begin that a player's clock counts from, as that of a camera
    whose sound was there first; 0 where it is less than LATE_S, as sound is packed."""
    stream, first = video_streams(container)[0], contents.packets[0].pts if contents.packets else None
    if len(container.streams) < 2 or first is None or container.start_time is None or stream.time_base is None:
        return 0.0
    late_s = float(first * stream.time_base) - container.start_time / av.time_base
    return late_s if late_s >= LATE_S else 0.0


def contents_of(path: Path, container: InputContainer, stream: av.VideoStream) -> Contents:
    """The frames of a stream, without decoding where the container tells their times."""
    packets, repeats, damage, is_founded, positions = [], 0, "", False, []
    try:
        for number, (packet, is_marked) in enumerate(marked(container, stream)):
            if packet.is_discard:  # by an edit list: it gives no frame, but others are built on it
                is_founded = is_founded or (packet.is_keyframe and not packets)
            elif packet.size:
                packets.append(Packet(number, packet.pts, packet.dts, packet.is_keyframe, is_marked))
                positions.append(packet.pos or 0)
            elif packet.dts is not None:  # empty, unlike the one that ends the stream
                repeats += 1
    except FFmpegError as error:
        damage = str(error)
    announced = len(packets) if stream.frames == UNKNOWN_COUNT else stream.frames
    repeats += _steps_without_frame(container, packets, announced - repeats)
    remarks = [f"{repeats} empty packets stand for the frame before them"] if repeats else []
    is_reordered = bool(stream.codec_context.has_b_frames)
    is_as_stored = is_reordered and _are_stamped_as_stored(container, packets)
    is_untold = any(packet.pts is None for packet in packets) or (is_reordered and _have_equal_stamps(packets))
    if is_as_stored or is_untold:  # only decoding tells, as in raw streams
        packets = _decoded_packets(path, stream.index)
        packets = _stamped_in_order(packets) if is_as_stored else packets
    strays = strays_of([packet.pts for packet in packets])
    parts = _parts([packet for number, packet in enumerate(packets) if number not in strays])
    if len(parts) > 1:
        remarks.append(f"its time stamps begin again {len(parts) - 1} times; its parts are taken one after the other")
    astray = {packets[number].number: packets[before].number for number, before in strays.items()}
    stored, packets = packets, [packet for part in parts for packet in part]
    unfounded = 0 if is_founded else _before_first_key(packets)
    stamps = [packet.pts for packet in packets]
    is_told_apart = len(parts) == 1 and None not in stamps and len(set(stamps)) == len(stamps)
    in_order = is_told_apart and not is_as_stored and not _has_palette(stream)
    rates = (float(stream.guessed_rate or 25), float(stream.average_rate or 0))
    offsets_s = _offsets_s(parts, float(stream.time_base or 0), *rates)
    if strays:
        own = [replace(stored[number], is_astray=True) for number in strays]
        packets, offsets_s = _with_strays(packets, offsets_s, own, astray)
    there = len(packets) if len(packets) >= announced - repeats else _stored(path, container, stream, len(packets))
    told_s = 0.0 if strays else (container.duration or 0) / av.time_base  # which goes up to the last stamp
    damage = damage or _what_is_missing(container, there, announced - repeats, offsets_s, told_s)
    if behind := goes_on_behind(path, container.format.name):
        remarks.append(f"another recording begins in it at byte {behind} and is not read: cut it there")
    contents = Contents(packets, offsets_s, in_order, unfounded, damage, "; ".join(remarks))
    return _stamped(contents, path, container.format.name, positions)


def _stamped(contents: Contents, path: Path, form: str, positions: list[int]) -> Contents:
    """The same with the times that SER and saved MJPEG streams tell of each picture."""
    stamps_utc = stamps_of(path) if form == "ser" else None
    stamps_s = stamps_of_parts(path, positions) if form == "mpjpeg" else None
    if stamps_utc is not None and len(stamps_utc) == len(contents.packets):
        offsets_s = (stamps_utc - stamps_utc[0]) / np.timedelta64(1, "s")
        return replace(contents, offsets_s=offsets_s, start_utc=iso_ms(stamps_utc[0]), is_timed=True)
    if stamps_s is not None and len(stamps_s) == len(contents.packets):
        began = np.datetime64(round(1000 * stamps_s[0]), "ms")
        start_utc = iso_ms(began) if stamps_s[0] >= SET_S else ""
        return replace(contents, offsets_s=stamps_s - stamps_s[0], start_utc=start_utc, is_timed=True)
    return contents


def _has_palette(stream: av.VideoStream) -> bool:
    """Whether colours are numbers of a table, which QuickTime's reader gives with the first packet alone: of a video
    that is entered further on, or once more, all pixels come out black.
    """
    form = stream.codec_context.format
    return form is not None and form.has_palette


def _decoded_packets(path: Path, index: int) -> list[Packet]:
    """One packet a frame that the decoder gives, in its order."""
    from data.sources.video_file.decoding import decoded

    with open_video(path) as container:
        (stream,) = (stream for stream in container.streams.video if stream.index == index)
        frames = decoded(container, stream)
        return [Packet(f.number or 0, f.frame.pts, f.frame.dts, f.frame.key_frame, False) for f in frames]


def _are_stamped_as_stored(container: InputContainer, packets: list[Packet]) -> bool:
    """Whether the time stamps are those of an AVI, which has none of presentation: of H.264 in one FFmpeg counts the
    frames as they are stored, whatever their order is.
    """
    ahead = {p.pts - p.dts for p in packets if p.pts is not None and p.dts is not None}
    return container.format.name == "avi" and len(ahead) == 1


def _have_equal_stamps(packets: list[Packet]) -> bool:
    """Whether the clock is too coarse to tell frames of a recording apart, as that of a Matroska with 4000 a second."""
    return any(len({packet.pts for packet in part}) < len(part) for part in _parts(packets))


def _stamped_in_order(packets: list[Packet]) -> list[Packet]:
    """Packets in order of presentation with the stamps that they have, in theirs; as they are where one has none."""
    stamps = [packet.pts for packet in packets if packet.pts is not None]
    if len(stamps) < len(packets):
        return packets
    return [replace(packet, pts=pts) for packet, pts in zip(packets, sorted(stamps), strict=True)]


def _parts(packets: list[Packet]) -> list[list[Packet]]:
    """The packets of each recording of a file, in order of presentation: where files were joined, time begins again.

    Matroska has no stamps of decoding: FFmpeg makes them, but for the first packets where frames are stored in another
    order than they are shown in.
    """
    stamps = [packet.pts for packet in packets]
    if None in stamps:
        return [packets]
    parts: list[list[Packet]] = []
    has_dts, last = any(packet.dts is not None for packet in packets), -math.inf
    for packet in packets:
        stamp = float(packet.pts or 0) if packet.dts is None else packet.dts
        if not parts or (packet.is_key and stamp < last):
            parts.append([])
            last = -math.inf
        parts[-1].append(packet)
        if packet.dts is not None or not has_dts:
            last = stamp
    return [sorted(part, key=lambda packet: packet.pts or 0) for part in parts]


def _with_strays(
    packets: list[Packet], offsets_s: np.ndarray, strays: list[Packet], befores: dict[int, int]
) -> tuple[list[Packet], np.ndarray]:
    """Packets and their seconds with those whose stamps are astray, each behind the one that it was stored behind."""
    offsets, packets = list(offsets_s), list(packets)
    for stray in reversed(strays):
        place = next(i for i, packet in enumerate(packets) if packet.number == befores[stray.number])
        later = offsets[min(place + 1, len(offsets) - 1)]
        packets.insert(place + 1, stray)
        offsets.insert(place + 1, (offsets[place] + later) / 2)
    return packets, np.array(offsets)


def _stored(path: Path, container: InputContainer, stream: av.VideoStream, shown: int) -> int:
    """How many frames of a stream are there, whether the edit list of an MP4 shows them or not.

    A video that was trimmed keeps what was cut off, and its header announces that as well.
    """
    if "mp4" not in container.format.name:
        return shown
    try:
        with open_video(path, ignore_editlist="1") as whole:
            (stored,) = (s for s in whole.streams.video if s.index == stream.index)
            return sum(bool(packet.size) for packet in whole.demux(stored))
    except FFmpegError:
        return shown


def _offsets_s(parts: list[list[Packet]], seconds: float, rate: float, told_rate: float) -> np.ndarray:
    """Seconds from the first frame: each part begins one step after the one before; counted where nothing is known, or
    where time stamps are too coarse to tell frames apart that come at the rate which the file tells.
    """
    offsets, begin_s = [], 0.0
    for part in parts:
        stamps = [packet.pts for packet in part if packet.pts is not None]
        is_known = len(stamps) == len(part)
        own = (np.array(stamps, np.int64) - stamps[0]) * seconds if is_known else np.arange(len(part)) / rate
        if is_known and told_rate and (np.diff(own) == 0).any():
            counted = np.arange(len(part)) / told_rate
            own = counted if np.abs(counted - own).max() <= COARSE_TICKS * seconds else own
        offsets.append(begin_s + own)
        begin_s += own[-1] + (float(np.median(np.diff(own))) if len(own) > 1 else 1 / rate)
    return np.concatenate(offsets) if offsets else np.empty(0)


def _steps_without_frame(container: InputContainer, packets: list[Packet], announced: int) -> int:
    """Announced frames of an AVI that are no more than a step of its clock: FFmpeg passes over its empty chunks."""
    stamps = [packet.dts or 0 for packet in packets]
    most = max(stamps, default=0) + max(np.diff(stamps), default=1)  # the last one is shown for some steps, too
    return announced - len(packets) if container.format.name == "avi" and len(packets) < announced <= most else 0


def _what_is_missing(
    container: InputContainer, count: int, announced: int, offsets_s: np.ndarray, told_s: float
) -> str:
    """What the container's header announces beyond what is there: a recording that was cut, or never finished."""
    if announced > count:
        return f"{count} of the {announced} frames that its header announces are there"
    if not len(offsets_s):
        return "its edit list shows none of its frames" if count else "it holds no frame"
    if announced > 0:
        return ""
    # Matroska announces no number of frames, but a duration, which other streams may stretch.
    # It goes from 0 on, where the first frame of a recording that was cut out of a longer one is not.
    announced_s = told_s if len(container.streams) == 1 else 0.0
    announced_s -= max(0, container.start_time or 0) / av.time_base
    if len(offsets_s) > 1 and announced_s - offsets_s[-1] > 3 * np.diff(offsets_s).max():
        return f"it ends after {offsets_s[-1]:.1f} of {announced_s:.1f} s"
    return ""


def _before_first_key(packets: list[Packet]) -> int:
    """How many frames come before the first key frame; none where no frame is marked as one."""
    return next((i for i, packet in enumerate(packets) if packet.is_key), 0)
