"""Frames in a NumPy file: one array (T, H, W) of gray, or (T, H, W, 3) or (T, 3, H, W) of colours, a reel by itself."""

import io
import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import numpy as np

from config import PrepConfig
from data.messages import logger
from data.sources.base import Candidate, Frames, FrameSource, RawFrame
from data.sources.picture_file.deep import LUMA
from data.sources.picture_folder.order import natural_key
from data.sources.picture_folder.picture_times import StackTimes
from data.sources.tables.sidecar import find_times_csv
from data.sources.times.column import SERIES_TIME_COLUMNS
from data.sources.times.found import Times
from data.sources.times.utc import iso_ms

log = logger(__name__)

COLOURS = (3, 4)  # values of a pixel in the last axis of four; the fourth, how opaque it is, is left out
SMALLEST_PX = 16  # sides of a frame in a file of many arrays
FEWEST_EACH = 3  # arrays (H, W) of one form that are frames
NUMBERS = re.compile(r"\d+")
OF_PICTURES = re.compile(
    r"image|img|frame|pict?(?:ure)?s?(?:[^a-z]|$)|photo|shot|exposure|slice|map(?:[^a-z]|$)", re.IGNORECASE
)
FRAME_TIMES = ("frame_time", "frame_times")
FEWEST_PX, LONGEST = 8, 4.0  # sides of a frame, and how much longer one may be; variables of a series are more unlike


class StackSource(FrameSource):
    """A `.npy` file with frames along its first axis; of one or two axes it is a series."""

    name = "stack"
    suffixes = (".npy",)

    def takes(self, path: Path) -> bool:
        return super().takes(path) and is_stack(without_batch(_form(path)[0]))

    def sidecars(self, path: Path) -> list[Path]:
        return [csv] if (csv := find_times_csv(path, None)) else []

    def scan(self, path: Path, root: Path, prep: PrepConfig) -> list[Candidate]:
        """The candidates of a file, from its header alone."""
        base = self.whereabouts(path, root, home=path, reel=path.relative_to(root).with_suffix("").as_posix())
        shape, dtype, n_bytes = _form(path)
        shape = without_batch(shape)
        base["size"] = path.stat().st_size
        if reason := refusal(shape, dtype, n_bytes):
            return [Candidate(**base | {"shape": shape[1:3], "reason": reason})]
        return candidates_of(base, shape, StackTimes(path, prep, [0.0] * shape[0]).facts, prep)

    def read(self, candidates: Sequence[Candidate]) -> Frames:
        stack, opened = np.empty(0), ""
        for number, candidate in enumerate(candidates):
            if candidate.path != opened:
                stack, opened = np.load(candidate.path, mmap_mode="r", allow_pickle=False), candidate.path
                stack = stack.reshape(without_batch(stack.shape))
            frame = np.array(stack[candidate.position])
            yield number, RawFrame(pixels_of(frame, candidate.channel == "rgb"), None, "")


def candidates_of(
    base: dict[str, Any],
    shape: tuple[int, ...],
    facts: Callable[[int], dict],
    prep: PrepConfig,
    name: str = "",
    labels: np.ndarray | None = None,
) -> list[Candidate]:
    """The frames of an array that is read, and a line of what it is taken for.

    base: what they have in common; facts: when a frame was taken; name: of the array, where a file holds several;
    labels: (T,), where the file holds some.
    """
    height, width = sides_of(shape)
    axis = f"the first axis of {name}" if name else "its first axis"
    has_colours = len(shape) == 4 and (shape[1] if _is_colour_first(shape) else shape[3]) in COLOURS
    colours = f", colours along the {'second' if _is_colour_first(shape) else 'last'}" if has_colours else ""
    log.info(f"{base['source']}: {shape[0]} frames {height}x{width} along {axis}{colours}")
    base = base | {"shape": (height, width), "channel": "rgb" if has_colours and prep.colour == "rgb" else "gray"}
    own = f"{base['source']}[{name}]" if name else base["source"]
    found = [Candidate(**base | {"source": f"{own}#{n}", "position": n} | facts(n)) for n in range(shape[0])]
    return found if labels is None else [replace(c, label=float(labels[c.position])) for c in found]


def facts_of(times: Times, number: int) -> dict[str, Any]:
    """When a frame was taken, by times beside its array: fields of its candidate."""
    if times.reasons[number]:
        return {"reason": times.reasons[number]}
    if times.utc is None:
        return {"time_s": float(times.seconds[number])}
    return {"time_utc": iso_ms(times.utc[number])}


def one_for_each(arrays: Iterable[tuple[str, tuple[int, ...], np.dtype]]) -> tuple[str, ...]:
    """The names, in their order, of arrays (H, W) of one shape that are a frame each; () where there are none.

    Their names differ in their numbers alone, and speak of pictures where their type is none that cameras write.
    """
    forms: dict[tuple, list[str]] = {}
    for name, shape, dtype in arrays:
        is_named = dtype.kind in "buif" and OF_PICTURES.search(name)
        if len(shape) == 2 and (dtype.kind == "u" or is_named) and is_large(shape):
            forms.setdefault((NUMBERS.sub("0", name), shape, dtype), []).append(name)
    names = max(forms.values(), key=len, default=[])
    return tuple(sorted(names, key=natural_key)) if len(names) >= FEWEST_EACH else ()


def is_large(sides: tuple[int, ...]) -> bool:
    """Whether sides are those of a frame among other arrays, where windows of series have smaller ones."""
    return min(sides) >= SMALLEST_PX and is_like_a_frame(sides)


def is_called_time(name: str) -> bool:
    """Whether an array, by its name in a file, tells when frames were taken."""
    name = name.rpartition("/")[2].lower()
    return any(plain in SERIES_TIME_COLUMNS for plain in (name, name.removesuffix("s"))) or name in FRAME_TIMES


def pixels_of(frame: np.ndarray, in_colour: bool) -> np.ndarray:
    """A frame (H, W), or (H, W, 3), in this machine's byte order."""
    frame = frame.astype(frame.dtype.newbyteorder("="), copy=False)
    if frame.ndim == 2:
        return frame
    if _is_colour_first((1, *frame.shape)):
        frame = np.moveaxis(frame, 0, -1)
    if frame.shape[2] == 1:
        return frame[..., 0]
    colours = frame[..., :3]
    return np.ascontiguousarray(colours) if in_colour else _gray(colours)


def _gray(colours: np.ndarray) -> np.ndarray:
    """The brightness (H, W) of colours (H, W, 3), of bytes in bytes as of a picture."""
    gray = colours.astype(np.float32) @ LUMA.astype(np.float32)
    return gray.round().astype(colours.dtype) if colours.dtype.kind == "u" else gray


def _form(path: Path) -> tuple[tuple[int, ...], np.dtype, int]:
    """Shape and type of the array of a file by its header, () where it has none that can be read, and the bytes behind
    that."""
    try:
        with path.open("rb") as stream:
            return form_of(stream)
    except OSError:
        return (), np.dtype(float), 0


def form_of(stream: IO[bytes]) -> tuple[tuple[int, ...], np.dtype, int]:
    """The same of a file that is opened."""
    try:
        shape, _, dtype = header_of(stream)
        begin = stream.tell()
        return shape, dtype, stream.seek(0, io.SEEK_END) - begin
    except ValueError:  # whoever reads it as a series has the reason
        return (), np.dtype(float), 0


def header_of(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, whether its first axis is the fastest (as in Fortran), and type of an array, of which the stream then is
    at the first value. Raises ValueError where none begins."""
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    return read(stream)


def is_stack(shape: tuple[int, ...]) -> bool:
    """Whether the first axis of an array, or its last, counts what may be frames; those of series are long and thin."""
    if not math.prod(shape):
        return False
    if len(shape) == 4:
        return (shape[3] in (1, *COLOURS) or _is_colour_first(shape)) and is_like_a_frame(sides_of(shape))
    return len(shape) == 3 and (is_like_a_frame(shape[1:]) or is_like_a_frame(shape[:2]))


def without_batch(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of an array without a first axis of one batch, (1, T, H, W) or (1, T, H, W, 3), as nets have it."""
    is_batch = len(shape) in (4, 5) and shape[0] == 1 and not is_stack(shape) and is_stack(shape[1:])
    return shape[1:] if is_batch else shape


def refusal(shape: tuple[int, ...], dtype: np.dtype, n_bytes: int) -> str:
    """Why an array is not read as frames; "" where it is."""
    told = "x".join(map(str, shape))
    if dtype.kind not in "buif":
        return f"an array {told} of {dtype}, which are no pixels"
    if len(shape) == 3 and shape[2] in COLOURS:
        return f"{told} may be one picture in colour, and no frames in time; those are (T, H, W) or (T, H, W, 3)"
    if not is_like_a_frame(sides_of(shape)):
        return f"time seems to be the last axis of {told}; the first is read: np.moveaxis(array, -1, 0) turns it"
    if _may_be_last(shape):
        ways = "np.moveaxis(array, -1, 0) turns it, and array[..., None] says that it is the first"
        return f"time may be the first axis of {told} or the last, which leaves frames of a usual form; {ways}"
    if math.prod(shape) * dtype.itemsize > n_bytes:
        return "file is truncated"
    return ""


def _may_be_last(shape: tuple[int, ...]) -> bool:
    """Whether frames along the first axis would be strips, and those along the last of a form that cameras have."""
    if len(shape) != 3:
        return False
    strip, frame = (max(sides) / min(sides) for sides in (shape[1:], shape[:2]))
    return strip > WIDEST >= frame and shape[2] < min(shape[:2])


def sides_of(shape: tuple[int, ...]) -> tuple[int, int]:
    """Height and width of the frames of an array."""
    height, width = shape[2:] if _is_colour_first(shape) else shape[1:3]
    return height, width


def _is_colour_first(shape: tuple[int, ...]) -> bool:
    """Whether frames are (3, H, W), as programs that train nets have them; where both may be, colours come last."""
    return len(shape) == 4 and shape[1] in (1, 3) and shape[3] not in (1, *COLOURS)


MOST_UNLIKE = 4.0  # how much more the values of neighbouring columns differ than those of rows, or less
WIDEST = 2.4  # of what cameras give, as the longer side to the shorter one


def goes_on_alike(values: np.ndarray) -> bool:
    """Whether values (H, W) differ along rows about as much as along columns, as those of pictures do, and samples of
    sensors beside each other do not."""
    across, down = (float(np.nanmean(np.abs(np.diff(values, axis=axis)))) for axis in (1, 0))
    return 0 < across <= MOST_UNLIKE * down and down <= MOST_UNLIKE * across


def is_like_a_frame(sides: tuple[int, ...]) -> bool:
    """Whether an array of these sides may be a frame; those of series are long and thin."""
    return min(sides) >= FEWEST_PX and max(sides) <= LONGEST * min(sides)
