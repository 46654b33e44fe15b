"""Times in the headers between the pictures of a saved MJPEG stream, as `X-Timestamp: 1718000000.250` of mjpg-streamer
and ESP32's cameras: FFmpeg passes over them.
"""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

HEADER_BYTES = 512  # before a picture that are looked at
SET_S = 1e9  # of a clock that was set: seconds since 1970; others count from when a camera was switched on
_STAMP = re.compile(rb"^X-Timestamp: *(\d{1,10}(?:\.\d{1,9})?) *\r?$", re.IGNORECASE | re.MULTILINE)
_END = b"\xff\xd9"  # of the picture before


def stamps_of_parts(path: Path, positions: Sequence[int]) -> np.ndarray | None:
    """Seconds of each picture (N,) by the header before it, since 1970 or a camera's start, by the bytes that pictures
    begin at; None where not every one has a stamp, or they do not go on."""
    stamps = []
    with path.open("rb") as stream:
        for position in positions:
            stream.seek(max(0, position - HEADER_BYTES))
            found = _STAMP.search(stream.read(min(position, HEADER_BYTES)).rpartition(_END)[2])
            if not found:
                return None
            stamps.append(float(found[1]))
    seconds = np.array(stamps)
    return seconds if len(seconds) > 1 and (np.diff(seconds) > 0).all() else None
