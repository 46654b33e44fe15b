"""Decoded frames of a video: which packet each is of, whether it can be trusted, and which way up it is."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import av
import av.logging
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError, InvalidDataError
from av.sidedata.sidedata import Type as SideData
from av.video.reformatter import VideoReformatter

from data.sources.video_file.packets import listening, marked

# What decoders complain of although the pixels are right: notes beside the picture, and how long it is kept.
HARMLESS = ("SEI", "mmco")
AS_STORED = (1, 0, 0, 1)


@dataclass(frozen=True)
class Decoded:
    """A frame, the number of its packet among those read, and whether nothing was wrong since its key frame."""

    frame: av.VideoFrame
    number: int | None
    is_trusted: bool


def decoded(container: InputContainer, stream: av.VideoStream) -> Iterator[Decoded]:
    """Frames as the decoder gives them; packets that it can't decode are left out.

    Decoders conceal damage, and later frames are built on what they made up: after it nothing is trusted up to the next
    key frame that is whole. Damage is what they refuse, mark, or complain of, and where the container misses a part: of
    a transport stream whole frames may be lost, whose followers look whole.
    """
    context = stream.codec_context
    context.thread_count = 1  # the worker processes are the parallelism
    context.copy_opaque = True
    by_pts: dict[int, int] = {}  # the last packet of each time stamp whose frame is awaited
    damage: int | None = None
    last = -1  # the first and the last damaged packet since the last key frame that is trusted
    try:
        for number, (packet, is_marked) in enumerate(marked(container, stream)):
            packet.opaque = [number]  # an object of its own: PyAV knows it by its address, and all 7 are one in Python
            if packet.pts is not None:
                by_pts[packet.pts] = number
            frames, is_damaged = _decode(packet)
            if is_damaged or is_marked:
                damage, last = number if damage is None else min(damage, number), max(last, number)
            for frame in frames:
                stamped = by_pts.pop(cast(int, frame.pts), None)
                known = frame.opaque[0] if isinstance(frame.opaque, list) else stamped
                own = number if known is None else known
                if frame.is_corrupt:
                    damage, last = own if damage is None else min(damage, own), max(last, own)
                elif frame.key_frame and own > last:
                    damage = None
                yield Decoded(frame, known, damage is None or own < damage)
    except FFmpegError:
        return  # the file ends in damage


def _decode(packet: av.Packet) -> tuple[list[av.VideoFrame], bool]:
    """The frames that come out when a packet goes in, and whether the decoder found it damaged."""
    with listening() as said:
        try:
            frames = packet.decode()
        except InvalidDataError:
            return [], True
    complaints = [text for level, _, text in said if level <= av.logging.ERROR and not text.startswith(HARMLESS)]
    return frames, bool(complaints)


def has_colour(stream: av.VideoStream) -> bool:
    """Whether the pixels of a video stream hold more than brightness and opacity, as far as its format tells."""
    form = stream.codec_context.format
    return form is not None and (form.has_palette or len(form.components) > 2)


def is_deep_gray(form: av.VideoFormat) -> bool:
    """Whether a pixel format is gray with 9 to 16 bits, as of cameras that measure."""
    return bool(re.fullmatch(r"gray(9|1[0-6])(le|be)", form.name))


def pixels_of(frame: av.VideoFrame, in_colour: bool, reformatter: VideoReformatter) -> np.ndarray:
    """A decoded frame, upright, as (H, W) uint8, or (H, W, 3) in colour; of gray ones with more bits uint16.

    What is transparent is black.
    """
    form = "rgb24" if in_colour else frame.format.name if is_deep_gray(frame.format) else "gray"
    pixels = reformatter.reformat(frame, format=form).to_ndarray()
    if (shown := _shown(frame, reformatter)) is not None:
        pixels = pixels * shown.reshape(shown.shape + (1,) * (pixels.ndim - 2))
    return np.ascontiguousarray(_upright(pixels, turn_of(frame)))


def _shown(frame: av.VideoFrame, reformatter: VideoReformatter) -> np.ndarray | None:
    """Which pixels (H, W) of a frame are not transparent, where they may hold anything; None where that is all or none:
    then how opaque they are was never filled in. As of pictures.
    """
    if not any(component.is_alpha for component in frame.format.components):
        return None
    shown = reformatter.reformat(frame, format="rgba").to_ndarray()[..., 3] > 0
    return shown if shown.any() and not shown.all() else None


def aspect_of(stream: av.VideoStream, turn: tuple[int, int, int, int] = AS_STORED) -> float:
    """How many times as wide as high the pixels of a video stream are shown, once it is turned upright."""
    aspect = float(stream.sample_aspect_ratio or 1) or 1.0
    return 1 / aspect if turn[0] == 0 else aspect


def _matrix(frame: av.VideoFrame) -> np.ndarray:
    """The display matrix a, b; c, d of a frame, its largest number 1 or -1."""
    data = cast(Any, frame.side_data).get(SideData.DISPLAYMATRIX)  # PyAV's stubs give it keys of text
    if data is None:
        return np.eye(2)
    matrix = np.frombuffer(data, np.int32, 9).reshape(3, 3)[:2, :2] / 2**16
    return matrix / max(np.abs(matrix).max(), 2**-16)


def is_turned(frame: av.VideoFrame) -> bool:
    """Whether a display matrix asks for anything else than the frame as it is stored."""
    return bool(np.abs(_matrix(frame) - np.eye(2)).max() > 0.01)


def turn_of(frame: av.VideoFrame) -> tuple[int, int, int, int]:
    """(a, b, c, d) of the display matrix, each -1, 0 or 1: x' = a x + c y and y' = b x + d y, y downwards.

    As stored where there is none, or one that is no turn by quarters or mirror image.
    """
    turn = np.rint(_matrix(frame)).astype(int)
    is_quarter = (np.abs(turn).sum(axis=0) == 1).all() and (np.abs(turn).sum(axis=1) == 1).all()
    return tuple(turn.ravel().tolist()) if is_quarter else AS_STORED


def _upright(pixels: np.ndarray, turn: tuple[int, int, int, int]) -> np.ndarray:
    a, b, c, d = turn
    if a == 0:
        pixels = pixels.swapaxes(0, 1)
    across, down = (c, b) if a == 0 else (a, d)
    return pixels[::down, ::across]
