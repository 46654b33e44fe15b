"""Pictures in colour with 16 bits, of which Pillow reads 8: OpenCV decodes them, once their headers told their size.

And integers of a TIFF whose sign Pillow does not mind.
"""

from typing import IO, Any

import cv2
import numpy as np

from data.sources.base import FrameError

BITS, SAMPLE_FORMAT = 258, 339  # tags of TIFF
UNSIGNED, SIGNED = 1, 2  # its formats of samples
PLANES, IN_PLANES = 284, 2  # tag of TIFF, and what it is where each colour lies by itself
LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R 601, as Pillow makes gray of colours
OPENED = ("PNG", "TIFF")
_SIZ = b"\xff\x4f\xff\x51"  # begin of a codestream of JPEG 2000, and of the segment with its sizes
_DEPTH_AT, LOOKED_AT_BYTES = 42, 2**16  # of the depth of the first component, from there
# EXIF orientation -> what brings rows and columns upright.
TURNS = {
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a.swapaxes(0, 1), 2),
    8: np.rot90,
}


def is_deep_colour(image: Any) -> bool:
    """Whether Pillow would give 8 of the 16 bits that a picture it has opened holds for each of its colours."""
    if image.format == "JPEG2000":
        return image.mode in ("RGB", "RGBA") and _depth_of_jpeg_2000(image.fp) > 8
    if image.format == "PPM":
        return image.mode == "RGB" and any(tile.args[-1] > 255 for tile in image.tile if isinstance(tile.args, tuple))
    raw = (str(tile.args if isinstance(tile.args, str) else tile.args[0]) for tile in getattr(image, "tile", ()))
    return image.format in OPENED and any(";16" in name and name.startswith(("RGB", "LA")) for name in raw)


def _depth_of_jpeg_2000(stream: IO[bytes]) -> int:
    """Bits of a sample (ISO 15444-1, annex A.5.1); 0 where they are not found."""
    place = stream.tell()
    stream.seek(0)
    start = stream.read(LOOKED_AT_BYTES)
    stream.seek(place)
    at = start.find(_SIZ) + _DEPTH_AT
    return (start[at] & 0x7F) + 1 if _DEPTH_AT <= at < len(start) else 0


def as_told(pixels: np.ndarray, image: Any) -> np.ndarray:
    """The pixels of a TIFF with the sign that its tag of sample formats tells: Pillow has 32 bits as signed, and 8 bits
    as unsigned, whatever they are."""
    if image.format == "PPM" and pixels.dtype == np.int32:  # which has brought what it holds to 16 bits
        return pixels.astype(np.uint16)
    form = getattr(image, "tag_v2", {}).get(SAMPLE_FORMAT, (UNSIGNED,))[0]
    bits = getattr(image, "tag_v2", {}).get(BITS, (1,))
    if image.format != "TIFF" or len(bits) > 1:
        return pixels
    if form == UNSIGNED and bits[0] == 32 and pixels.dtype == np.int32:
        return pixels.view(np.uint32)
    return pixels.view(np.int8) if form == SIGNED and bits[0] == 8 and pixels.dtype == np.uint8 else pixels


def refuse_planes(image: Any) -> None:
    """Raises FrameError for a TIFF whose colours lie by themselves in more than 8 bits: Pillow mixes up their bytes."""
    tags = getattr(image, "tag_v2", {})
    bits = tags.get(BITS, (1,))
    if tags.get(PLANES) == IN_PLANES and len(bits) > 1 and max(bits) > 8:
        form = f"{len(bits)} planes of {max(bits)} bits"
        raise FrameError(f"a TIFF of {form} is not read; save its colours pixel by pixel")


def pixels_of(stream: IO[bytes], in_colour: bool, orientation: int = 1, number: int = 0) -> np.ndarray:
    """A page upright: (H, W), or (H, W, 3) in colour, with all of its bits. Raises FrameError."""
    pixels = _decoded(stream, number)
    if pixels is None:
        raise FrameError("not readable as image: OpenCV can't decode it")
    pixels = TURNS.get(orientation, np.asarray)(pixels)
    if pixels.ndim == 2:
        return np.ascontiguousarray(pixels)
    colours = pixels[..., 2::-1]  # OpenCV's are in the order blue, green, red
    return np.ascontiguousarray(colours if in_colour else np.rint(colours @ LUMA).astype(pixels.dtype))


def _decoded(stream: IO[bytes], number: int) -> np.ndarray | None:
    """The pixels of a page as OpenCV has them; of a file it looks for the page without reading all before it."""
    name = getattr(stream, "name", None)
    if number and isinstance(name, str):
        return next(iter(cv2.imreadmulti(name, start=number, count=1, flags=cv2.IMREAD_UNCHANGED)[1]), None)
    stream.seek(0)
    payload = np.frombuffer(stream.read(), np.uint8)
    if number:
        pages = cv2.imdecodemulti(payload, cv2.IMREAD_UNCHANGED, range=(number, number + 1))[1]
        return next(iter(pages), None)
    return cv2.imdecode(payload, cv2.IMREAD_UNCHANGED)
