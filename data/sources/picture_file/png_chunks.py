"""The chunks of a PNG, without what is in them. Source: W3C, "Portable Network Graphics (PNG) Specification"."""

from typing import IO

SIGNATURE_BYTES, HEAD_BYTES, CHECKSUM_BYTES = 8, 8, 4
PIXELS, END, TEXTS = b"IDAT", b"IEND", (b"eXIf", b"tEXt", b"zTXt", b"iTXt")


def png_has_texts_behind(stream: IO[bytes]) -> bool:
    """Whether texts or EXIF data, which may tell how it is turned, lie behind pixels. The stream is left as it was."""
    place, is_behind = stream.tell(), False
    stream.seek(SIGNATURE_BYTES)
    try:
        while len(head := stream.read(HEAD_BYTES)) == HEAD_BYTES and head[4:] != END:
            is_behind = is_behind or head[4:] == PIXELS
            if is_behind and head[4:] in TEXTS:
                return True
            stream.seek(stream.tell() + int.from_bytes(head[:4], "big") + CHECKSUM_BYTES)
        return False
    finally:
        stream.seek(place)
