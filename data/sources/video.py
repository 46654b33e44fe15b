"""Video files, every container that FFmpeg opens, through PyAV: gray or RGB, 8 bit, upright."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from av.error import FFmpegError
from av.video.reformatter import VideoReformatter

from config import PrepConfig
from data.messages import logger
from data.sources.base import LOOKED_AT_BYTES, Candidate, FrameError, Frames, FrameSource, RawFrame, kind_of, stands_for
from data.sources.tables.sidecar import FrameTimes, find_times_csv, times_beside
from data.sources.times.utc import shift_utc
from data.sources.video_file.decoding import (
    AS_STORED,
    Decoded,
    aspect_of,
    decoded,
    has_colour,
    is_deep_gray,
    is_turned,
    pixels_of,
    turn_of,
)
from data.sources.video_file.packets import (
    Contents,
    assumed_rate,
    begins_late_s,
    complaint,
    contents_of,
    open_video,
    video_streams,
)
from data.sources.video_file.ser import is_in_other_order
from data.sources.video_file.smaller_copies import is_film_of_pictures, is_small
from data.sources.video_file.starts import chosen_start, made_at, starts_of, subtitles_of

log = logger(__name__)

SUFFIXES = (".mp4", ".avi", ".mkv", ".mov", ".m4v", ".webm", ".mpg", ".mpeg", ".ts", ".wmv", ".mjpeg", ".mjpg")
HDR = {16: "PQ", 18: "HLG"}  # transfer characteristics by their numbers in ITU-T H.273
OTHER_ORDER = "the bytes of its values are in the other order than most programs read from its flag: so it was noise"
UNTIMED = "it tells no times: its frames are taken as {:g} a second; prep.frames_per_second says how many there were"
LONGEST_LETTER = 4  # bytes in UTF-8, of which the last one looked at may be cut off
# A task decodes from a key frame to a later one; shorter groups would spend their time on opening and seeking.
MIN_GROUP_FRAMES = 96
# Group of a video whose time stamps do not tell its frames apart: read from its start, and known by their packets.
FROM_START = -1
Times = tuple[FrameTimes | None, str | None]  # the table beside a video, or UTC of its first frame


class VideoSource(FrameSource):
    """One video, one reel; it can be entered at its key frames only."""

    name = "video"
    suffixes = SUFFIXES
    in_one_pass = True

    def takes(self, path: Path) -> bool:
        return super().takes(path) and not (path.suffix.lower() == ".ts" and _is_program(path))

    def recognises(self, path: Path) -> bool:
        if kind_of(path):  # FFmpeg finds the pictures in a PDF or DICOM, and one tile of a phone's HEIC
            return False
        try:
            with open_video(path) as container:
                return any(stream.codec_context.width for stream in video_streams(container))
        except Exception:  # FFmpeg and its wrapper raise many kinds on what is no video
            return False

    def is_smaller_copy(self, path: Path) -> bool:
        return is_small(path) or is_film_of_pictures(path)

    def sidecars(self, path: Path) -> list[Path]:
        tables = [csv] if (csv := find_times_csv(path, None)) else []
        return [*tables, *subtitles_of(path)]

    def scan(self, path: Path, root: Path, prep: PrepConfig) -> list[Candidate]:
        """The candidates of one video, from its packets."""
        reel = path.relative_to(root).with_suffix("").as_posix()
        base = self.whereabouts(path, root, home=path, reel=reel)
        try:
            base["size"] = path.stat().st_size
            with open_video(path) as container:
                base |= _form(container, path, prep)
                made = made_at(container.metadata)
                rate = assumed_rate(container, video_streams(container)[0])
            with open_video(path) as container:
                contents = contents_of(path, container, video_streams(container)[0])
                late_s = begins_late_s(container, contents)
        except Exception as error:  # FFmpeg and its wrapper raise many kinds on damaged files
            return [Candidate(**base, reason=_no_video(path, error))]
        try:
            table = times_beside(path, prep, len(contents.packets))
        except FrameError as error:
            return [Candidate(**base, reason=str(error))]
        start_utc = prep.start_utc or contents.start_utc
        if not (table or start_utc):
            start_utc = chosen_start(base["source"], starts_of(path, made, prep, root), prep)
        if rate and not (table or prep.frames_per_second or contents.is_timed):
            log.warning(f"{base['source']}: {UNTIMED.format(rate)}")
        if contents.remark:
            log.warning(f"{base['source']}: {contents.remark}")
        found = _candidates(contents, base, (table, start_utc), prep)
        if late_s:
            log.info(
                f"{base['source']}: its pictures begin {late_s:.3g} s after its sound: players show them so much later"
            )
            found = [replace(candidate, clock_s=candidate.clock_s + late_s) for candidate in found]
        if contents.damage:
            found.append(Candidate(**base, reason=f"video is damaged: {contents.damage}"))
        return found

    def read(self, candidates: Sequence[Candidate]) -> Frames:
        """Pixels in presentation order, in one pass from the key frame before the first, or from the start."""
        wanted = {candidate.position: number for number, candidate in enumerate(candidates)}
        reformatter, from_start = VideoReformatter(), candidates[0].group == FROM_START
        with _frames_from(candidates[0].path, None if from_start else min(wanted)) as frames:
            for found in frames:
                place = found.number if from_start else found.frame.pts
                number = None if place is None else wanted.pop(place, None)
                if number is not None and found.is_trusted:
                    in_colour = candidates[number].channel == "rgb"
                    yield number, RawFrame(pixels_of(found.frame, in_colour, reformatter), None, "")
                elif number is not None:
                    reason = "frame is damaged" if found.frame.is_corrupt else "built on damage before it"
                    yield number, FrameError(f"{reason}; nothing is trusted up to the next whole key frame")
                if not wanted:
                    return
        for number in wanted.values():
            yield number, FrameError("the decoder gives no frame for it: damaged, or not one by itself")


def _is_program(path: Path) -> bool:
    """Whether a file is text, as TypeScript and the translations of Qt are, but no web page in place of a video."""
    try:
        with path.open("rb") as stream:
            start = stream.read(LOOKED_AT_BYTES)
        text = start.decode()
    except UnicodeDecodeError as error:
        text = start[: error.start].decode() if len(start) - error.start < LONGEST_LETTER else "\0"
    except OSError:  # told when it is read
        return False
    return "\0" not in text and not stands_for(start)


def _no_video(path: Path, error: Exception) -> str:
    """Why a file can't be read as a video."""
    try:
        with path.open("rb") as stream:
            told = stands_for(stream.read(LOOKED_AT_BYTES))
    except OSError:
        told = ""
    return f"not readable as video: {told or complaint(path) or error}"


def _form(container, path: Path, prep: PrepConfig) -> dict:
    """What the frames of a video have in common: Candidate fields. Raises FrameError when it has no stream of them."""
    streams = video_streams(container)
    if not streams:
        raise FrameError("it has no video stream")
    stream, *others = streams
    if stream.time_base is None:
        raise FrameError("its video stream has no time base")
    if others:
        told = ", ".join(f"#{s.index} of {s.codec_context.height}x{s.codec_context.width}" for s in others)
        log.warning(f"{path.name}: stream #{stream.index} of {len(streams)} with video is read, left out: {told}")
    height, width = stream.codec_context.height, stream.codec_context.width
    facts = {"channel": "rgb" if prep.colour == "rgb" and has_colour(stream) else "gray", "shape": (height, width)}
    first = next(decoded(container, stream), None)
    turn = turn_of(first.frame) if first else AS_STORED
    if first:
        height, width = first.frame.height, first.frame.width
    facts["shape"] = (width, height) if turn[0] == 0 else (height, width)
    flags = ["turned upright (display matrix)"] if turn != AS_STORED else []
    if first and turn == AS_STORED and is_turned(first.frame):
        flags.append("its display matrix is no turn by quarters, and left out")
    facts["pixel_aspect"] = aspect = aspect_of(stream, turn)
    if aspect != 1:
        is_kept = prep.resize and prep.aspect != "stretch"
        flags.append(f"pixels {aspect:.4g} times as wide as high{'' if is_kept else ' are taken as square'}")
    if first and first.frame.interlaced_frame:
        flags.append("interlaced: a frame shows two moments")
    if curve := HDR.get(stream.codec_context.color_trc):
        flags.append(f"its levels are of HDR ({curve}), darker than those of other videos")
    if first and (bits := first.frame.format.components[0].bits) > 8 and not is_deep_gray(first.frame.format):
        flags.append(f"{bits} bits are read as 8")
    if stream.metadata.get("alpha_mode") == "1":
        flags.append("how opaque its pixels are is not read")
    if is_in_other_order(path):
        flags.append(OTHER_ORDER)
        log.warning(f"{path.name}: {OTHER_ORDER}")
    facts["flags"] = "; ".join(flags)
    return facts


def _candidates(contents: Contents, base: dict, times: Times, prep: PrepConfig) -> list[Candidate]:
    found, group, group_start = [], 0 if contents.in_order else FROM_START, 0
    for number, packet in enumerate(contents.packets):
        if contents.in_order and packet.is_key and number - group_start >= MIN_GROUP_FRAMES:
            group, group_start = group + 1, number
        offset_s = number / prep.frames_per_second if prep.frames_per_second else float(contents.offsets_s[number])
        position = packet.pts if contents.in_order else packet.number
        facts = {"source": f"{base['source']}#{number}", "position": position, "group": group, "time_s": offset_s}
        facts["clock_s"] = float(contents.offsets_s[number])
        facts |= _time(times, number, offset_s)
        if packet.is_astray:
            facts["reason"] = "its time stamp is far ahead of those of the frames stored around it"
        if packet.is_damaged:
            facts["reason"] = "frame is cut off or damaged"
        if number < contents.unfounded:
            facts["reason"] = "no key frame before it: the recording begins between key frames"
        found.append(Candidate(**base | facts))
    return found


def _time(times: Times, number: int, offset_s: float) -> dict:
    table, start_utc = times
    try:
        if table:
            return table.facts(number)
    except FrameError as error:
        return {"reason": str(error)}
    return {"time_utc": shift_utc(start_utc, offset_s)} if start_utc else {}


@contextmanager
def _frames_from(path: str, pts: int | None) -> Iterator[Iterator[Decoded]]:
    """Decoded frames from the key frame at or before `pts`, or from the start where seeking fails or overshoots."""
    if pts is not None:
        with open_video(path) as container:
            frames = _sought(container, pts)
            first = next(frames, None)
            if first is not None and first.frame.pts is not None and first.frame.pts <= pts:
                yield _chained(first, frames)
                return
    with open_video(path) as container:
        yield decoded(container, video_streams(container)[0])


def _chained(first: Decoded, others: Iterator[Decoded]) -> Iterator[Decoded]:
    yield first
    yield from others


def _sought(container, pts: int) -> Iterator[Decoded]:
    stream = video_streams(container)[0]
    try:
        container.seek(pts, stream=stream)
    except FFmpegError:
        return
    yield from decoded(container, stream)
