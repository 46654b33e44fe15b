"""Whether the data of an HDU are those that its DATASUM and CHECKSUM were made of: FITS standard 4.0, appendix J."""

from typing import IO

import numpy as np

from data.sources.fits_file.cards import text
from data.sources.fits_file.layout import Image

ALL_ONES = 0xFFFFFFFF
FEWEST_LINES = 8  # ends of lines in data, by which they are told to be text's
AS_TEXT = "it was copied as text (FTP's ASCII mode), which puts a byte before each 10 in its data: copy it as binary"
DAMAGED = "they are damaged, or were changed and {} was not: remove it where that was on purpose"


def ones_complement_sum(data: bytes | memoryview) -> int:
    """The sum of 32-bit big-endian words with carries added at the other end; data are filled up with zeros."""
    n_whole = len(data) // 4 * 4
    total = int(np.frombuffer(data, ">u4", n_whole // 4).sum(dtype=np.uint64))
    if len(data) > n_whole:
        total += int.from_bytes(bytes(data[n_whole:]).ljust(4, b"\0"), "big")
    while total > ALL_ONES:
        total = (total & ALL_ONES) + (total >> 32)
    return total


def checked(stream: IO[bytes], image: Image, data: memoryview | None = None) -> tuple[str, str]:
    """What speaks against the data of an image's HDU, and what against its header alone; "" where nothing does.

    A program that changes the data and knows nothing of checksums leaves old ones behind (sunpy's `Map.save` and
    astropy's `writeto` do). Such a header no longer agrees with its own CHECKSUM, for which DATASUM stands for the
    data; that of a file that was damaged later does. data: those of the HDU, where they are read already.
    """
    told_sum, has_checksum = _integer(image.header.get("DATASUM")), bool(text(image.header, "CHECKSUM"))
    if told_sum is None and not has_checksum:
        return "", ""
    if data is None:
        stream.seek(image.data_start)
        data = memoryview(stream.read(image.data_bytes))
    data_sum = ones_complement_sum(data)
    if not has_checksum:
        return ("" if told_sum == data_sum else _damage(told_sum, data_sum)), ""
    stream.seek(image.start)
    header_sum = ones_complement_sum(stream.read(image.data_start - image.start))
    if told_sum is None:
        whole = _is_zero(header_sum + data_sum)
        return "" if whole else f"CHECKSUM is not that of header and data: {DAMAGED.format('CHECKSUM')}", ""
    if told_sum == data_sum:
        return "", "" if _is_zero(header_sum + data_sum) else "CHECKSUM: header was changed since"
    if _is_zero(header_sum + told_sum):
        return _damage(told_sum, data_sum), ""
    return "", "DATASUM and CHECKSUM are of other data: the file was changed since"


def copied_as_text(stream: IO[bytes], image: Image) -> str:
    """Why data are damaged that a copy as text made longer: each line feed in them follows a carriage return."""
    if image.is_last_block_full or not image.is_whole:
        return ""
    stream.seek(image.data_start)
    data = stream.read(image.data_bytes)
    lines = data.count(b"\n")
    return AS_TEXT if lines >= FEWEST_LINES and data.count(b"\r\n") >= lines - (data[:1] == b"\n") else ""


def _damage(told_sum: int | None, data_sum: int) -> str:
    return f"DATASUM {told_sum} is not that of the data, {data_sum}: {DAMAGED.format('DATASUM')}"


def _is_zero(total: int) -> bool:
    """Whether a sum is 0 in ones' complement, all bits set."""
    return (total & ALL_ONES) + (total >> 32) == ALL_ONES


def _integer(value) -> int | None:
    digits = str(value).strip()
    return int(digits) if digits.isdigit() else None
