"""The FITS header in a JPEG 2000 file of Helioviewer: an XML box that says what its levels of gray were made of.

Boxes: ISO 15444-1, annex I. The XML as sunpy's reader takes it: one element a card below <fits>.
"""

import io
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from typing import IO, Any

from config import PrepConfig
from data.sources.base import LEVEL
from data.sources.fits_file.facts import facts_of
from data.sources.fits_file.units import PixelUnit

SIGNATURE = b"\x00\x00\x00\x0cjP  \r\n\x87\n"
LARGEST_XML = 2**22  # bytes; a header takes some thousands
MOST_BOXES = 1000
# Signs of a text that begin neither an entity nor an element.
_BARE = re.compile(rb"&(?!(?:#\d+|#x[\da-fA-F]+|amp|lt|gt|quot|apos);)|<(?![/?!A-Za-z_])")
_ESCAPED = {b"&": b"&amp;", b"<": b"&lt;"}
_INTEGER, _FLOAT = re.compile(r"[+-]?\d{1,18}"), re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eEdD][+-]?\d{1,3})?")


def header_of(stream: IO[bytes]) -> dict[str, Any]:
    """The cards of the FITS header in a JPEG 2000 file; none where it holds none that can be read."""
    stream.seek(0)
    if stream.read(len(SIGNATURE)) != SIGNATURE:
        return {}
    for text in _xml_boxes(stream):
        root = _root_of(text.strip(b"\0 \t\r\n"))
        cards = root if root is None or root.tag.lower() == "fits" else root.find(".//fits")
        if cards is not None:
            return {card.tag.upper(): _value((card.text or "").strip()) for card in cards}
    return {}


def _root_of(text: bytes) -> ET.Element | None:
    """The root of an XML text, also where its comments hold & and < as they are; None of what is none."""
    for written in (text, _BARE.sub(lambda sign: _ESCAPED[sign[0]], text)):
        try:
            return ET.fromstring(written)
        except ET.ParseError:
            continue
    return None


def _xml_boxes(stream: IO[bytes]) -> Iterator[bytes]:
    """The contents of the XML boxes; a box that goes on to the end of the file is the last."""
    place, end = 0, stream.seek(0, io.SEEK_END)
    for _ in range(MOST_BOXES):
        if place >= end:
            return
        stream.seek(place)
        head = stream.read(16)
        size, kind, begin = int.from_bytes(head[:4]), head[4:8], 8
        if size == 1:
            size, begin = int.from_bytes(head[8:16]), 16
        if len(head) < begin or size < begin:
            return
        if kind == b"xml " and size - begin <= LARGEST_XML:
            stream.seek(place + begin)
            yield stream.read(size - begin)
        place += size


def _value(text: str) -> Any:
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(re.sub("[dD]", "e", text)) if _FLOAT.fullmatch(text) else text


def facts_of_levels(header: dict[str, Any], shape: tuple[int, int], prep: PrepConfig) -> dict[str, Any]:
    """Candidate fields of a picture (H, W) by the header of the image that it was made of.

    Its values are levels of gray, whatever the header says of the counts that they were: not divided by an exposure.
    """
    facts = facts_of(header, shape, prep, PixelUnit(LEVEL, False))
    told = header.get("NAXIS2", shape[0]), header.get("NAXIS1", shape[1])
    if told != shape and facts.get("wcs"):
        size, was = ("x".join(map(str, some)) for some in (shape, told))
        facts |= {"wcs": None, "no_sky": f"a picture of {size} px whose header is of {was} px"}
    return facts | {"is_counts": True, "saturation": float("nan")}
