"""Video while it is made: a file that still grows, or a stream (HTTP, RTSP, whatever FFmpeg opens), through PyAV.

Times of a file count from its first frame, those of a stream from the moment its first frame arrived; both go on by the
video's own clock, because networks deliver in bursts. After a break a stream's clock is set by the arrival again.
"""

import hashlib
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError, InvalidDataError
from av.video.reformatter import VideoReformatter

from config import EvalConfig, PrepConfig
from data.disk.files import folder_name
from data.messages import amount
from data.sources.video_file.decoding import aspect_of, has_colour, pixels_of, turn_of
from data.sources.video_file.packets import video_formats

POLL_S = 0.05  # a file at its end is asked again after this
# What a stream may be fetched by: a playlist names what it likes, and files of this machine are nobody's stream.
OF_NETWORK = "http,https,httpproxy,tcp,tls,udp,rtp,rtsp,rtmp,rtmps,rtmpt,srt,srtp,crypto"
CAMERA_FORMAT = "v4l2"  # of Linux
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0  # before a broken stream is opened again
READ_TIMEOUT_S = 10.0  # a stream that is silent for so long is broken
HINT = "a file can be followed when its container is made for it: MPEG-TS, Matroska or fragmented MP4"


@dataclass(frozen=True)
class Picture:
    """A decoded frame, (H, W) uint8, or (H, W, 3) in colour."""

    pixels: np.ndarray
    time_s: float
    cadence_s: float
    is_gap: bool  # frames may be missing before it
    can_wait: bool  # it comes from what was in a file when following began, and gets no older
    pixel_aspect: float = 1.0  # width of a pixel by its height


class GrowingFile:
    """A file as FFmpeg reads it, whose end is where nothing came for `timeout_s`; it can't be sought in.

    In a file that can be sought in, FFmpeg looks for an index at the end, where there is none yet.
    """

    def __init__(self, path: Path, timeout_s: float, stop: threading.Event):
        self.stream, self.timeout_s, self.stop = path.open("rb"), timeout_s, stop
        self.length_at_first, self.has_ended = path.stat().st_size, False

    @property
    def is_behind(self) -> bool:
        """Whether what was read last had been there from the start."""
        return self.stream.tell() < self.length_at_first

    def read(self, size: int) -> bytes:
        begun = time.monotonic()
        while not (chunk := self.stream.read(size)):
            # FFmpeg asks again after the end; it is not waited for twice.
            self.has_ended |= time.monotonic() - begun > self.timeout_s
            if self.has_ended or self.stop.wait(POLL_S):
                return b""
        return chunk


def has_index_behind(path: Path) -> bool:
    """Whether a file is an MP4 (ISO 14496-12) whose media come before its index.

    It can only be read by seeking, and only when it is finished: one in the making has no index.
    """
    with path.open("rb") as stream:
        while len(head := stream.read(8)) == 8 and head[4:] in (b"ftyp", b"free", b"skip", b"wide"):
            stream.seek(max(int.from_bytes(head[:4]) - 8, 0), os.SEEK_CUR)
    return head[4:] == b"mdat"


EDGES = "._/:[]"  # of an address, nothing of its name


def is_url(address: str) -> bool:
    """Whether an address is one of the net, not a file's."""
    return "://" in address


def is_camera(address: str) -> bool:
    """Whether an address is a device of this machine, as /dev/video0."""
    return not is_url(address) and Path(address).is_char_device()


def told(address: str) -> str:
    """An address as it may be shown: without the password and the query, which may hold secrets."""
    if not is_url(address):
        return address
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def name_of(address: str) -> str:
    """A folder's name for a file or stream; streams of one server that differ in their query stay apart."""
    text = told(address).partition("://")[2] if is_url(address) else Path(address).stem
    if is_url(address) and urlsplit(address).query:
        text += "_" + hashlib.sha256(address.encode()).hexdigest()[:8]
    return folder_name(text.strip(EDGES), "stream")


class LiveSource:
    """The pictures of a growing file or stream, with what happened to it: `reason` it ended, and `reconnects`: how
    often pictures came again after a break."""

    def __init__(self, settings: EvalConfig, prep: PrepConfig, in_colour: bool):
        (self.address,) = settings.follow
        self.timeout_s, self.options = settings.follow_timeout_s, settings.follow_options
        self.frames_per_second, self.in_colour = prep.frames_per_second, in_colour
        self.stop, self.reason, self.reconnects = threading.Event(), "", 0
        self.is_camera = is_camera(self.address)
        self.is_file = not self.is_camera and not is_url(self.address)
        self.first_arrival_utc: np.datetime64 | None = None
        if self.is_file and not Path(self.address).is_file():
            raise FileNotFoundError(f"{self.address} is no file; a stream's address has the form rtsp://...")

    def pictures(self) -> Iterator[Picture | None]:
        """All pictures until the end, or until a broken stream has stayed broken for the timeout.

        None where it broke off: what came before is not to wait for what comes after, which may take long.

        Raises ValueError for a stream that does not fit the model.
        """
        alive, pause_s, tries = time.monotonic(), FIRST_PAUSE_S, 0
        clock, has_come = _Clock(), False
        while True:
            try:
                for picture in self._connection(clock):
                    self.reconnects += has_come and tries > 0
                    alive, pause_s, tries, has_come = time.monotonic(), FIRST_PAUSE_S, 0, True
                    yield picture
                problem = f"{told(self.address)} ended"
            except (FFmpegError, OSError) as error:
                problem = str(error).replace(self.address, told(self.address))
            self.reason = "stopped" if self.stop.is_set() else problem
            if self.stop.is_set() or self.is_file or self.is_complete:
                return
            if time.monotonic() + pause_s - alive > self.timeout_s:
                tried = f"no frame for {self.timeout_s:g} s, tried again {amount(tries, 'time')}"
                self.reason = f"{tried} (eval.follow_timeout_s); at last: {problem}"
                return
            if has_come and not tries:
                yield None
            self.stop.wait(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
            tries += 1
            clock.is_broken = True

    def _connection(self, clock: "_Clock") -> Iterator[Picture]:
        """Pictures of one opening of the stream."""
        self.is_complete, reformatter = False, VideoReformatter()
        with self._open() as container:
            if not container.streams.video:
                raise ValueError(f"{told(self.address)} has no video stream")
            stream = container.streams.video[0]
            if self.in_colour and not has_colour(stream):
                raise ValueError(f"{told(self.address)} has no colours, and the model was trained on them")
            # A recording behind an address has a length; what is being made has none.
            self.is_complete = (container.size or 0) > 0  # PyAV 19 says None of an unknown length
            rate = self.frames_per_second or float(stream.guessed_rate or 25)
            base = stream.time_base
            for number, frame in enumerate(self._decoded(container, stream)):
                video_s = None if frame.pts is None or base is None else frame.pts * float(base)
                if self.frames_per_second or video_s is None:
                    video_s = number / rate
                self._note_first()
                time_s, is_gap = clock.time(video_s, 1 / rate, by_arrival=not self.is_file)
                pixels, aspect = pixels_of(frame, self.in_colour, reformatter), aspect_of(stream, turn_of(frame))
                yield Picture(pixels, time_s, 1 / rate, is_gap, self._can_wait(), aspect)

    @contextmanager
    def _open(self) -> Iterator[InputContainer]:
        if self.is_file:
            self.file = GrowingFile(Path(self.address), self.timeout_s, self.stop)
            with self.file.stream, self._open_file() as container:
                yield container
            return
        if self.is_camera:
            with av.open(self.address, format=CAMERA_FORMAT, options=dict(self.options)) as container:
                yield container
            return
        options = {"protocol_whitelist": OF_NETWORK} | dict(self.options)
        if self.address.startswith("rtsp"):
            options.setdefault("rtsp_transport", "tcp")  # a lost UDP packet is a damaged picture
        patience_s = min(READ_TIMEOUT_S, self.timeout_s)
        with av.open(self.address, options=options, timeout=(patience_s, patience_s)) as container:
            yield container

    def _open_file(self) -> InputContainer:
        options = {"format_whitelist": video_formats()} | dict(self.options)
        if not has_index_behind(Path(self.address)):
            try:
                return av.open(self.file, "r", options=options)
            except InvalidDataError:  # whose text names a file object
                raise OSError(f"{self.address} is no video, or too little of one: FFmpeg finds none in it") from None
        self.file.length_at_first = 2**62  # it will not grow
        try:
            return av.open(f"file:{self.address}", options=options)
        except InvalidDataError as error:
            raise OSError(f"{self.address} can't be read while it is written: {error.strerror}; {HINT}") from None

    def _decoded(self, container, stream) -> Iterator[av.VideoFrame]:
        """Decoded frames without the damaged ones; a packet that can't be decoded is left out."""
        stream.codec_context.thread_count = 1  # the model needs the other cores; and frame threads delay
        for packet in container.demux(stream):
            if self.stop.is_set():
                return
            try:
                yield from (frame for frame in packet.decode() if not frame.is_corrupt)
            except InvalidDataError:
                continue

    def _can_wait(self) -> bool:
        return self.is_file and self.file.is_behind

    def _note_first(self) -> None:
        if self.first_arrival_utc is None:
            self.first_arrival_utc = np.datetime64(time.time_ns() // 1_000_000, "ms")


class _Clock:
    """Seconds since the first picture, from the video's own clock; where that jumps, from the time of arrival."""

    LONGEST_STEP_S = 60.0  # a longer one, or one back, is no step of one recording

    def __init__(self):
        self.began, self.is_broken = time.monotonic(), False
        self.last_s, self.last_video_s = None, 0.0

    def time(self, video_s: float, cadence_s: float, by_arrival: bool) -> tuple[float, bool]:
        """Time of a picture, and whether it follows a gap; increases always."""
        if self.last_s is None:
            self.began, found, is_gap = time.monotonic(), 0.0, False
        else:
            step_s = video_s - self.last_video_s
            is_gap = self.is_broken or not 0 < step_s <= self.LONGEST_STEP_S
            found = self.last_s + step_s
            if is_gap:
                arrived_s = time.monotonic() - self.began if by_arrival else 0.0
                found = max(arrived_s, self.last_s + cadence_s)
        self.is_broken, self.last_s, self.last_video_s = False, round(found, 6), video_s
        return self.last_s, is_gap
