"""What recorders leave in files that go wrong: stamps far ahead of their neighbours', and a second recording behind."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

FAR, NEAR, SOON = 100, 32, 8  # steps that a stamp is astray by, those it comes back to, in so many packets
LARGE = 1  # in place of the size of a box: it stands behind its name


def strays_of(stamps: Sequence[int | None]) -> dict[int, int]:
    """Which packets, by their places in a file, have time stamps (T,) that leave those around them for the far future,
    and the place of the last one before each that has not. A clock that was set stays where it went."""
    if len(stamps) < 2 * SOON or None in stamps:
        return {}
    known = np.array(stamps, np.int64)
    steps = np.diff(np.unique(known))
    step, found, last = float(np.median(steps)) if len(steps) else 0.0, {}, 0
    for place in range(1, len(known)):
        is_far = known[place] - known[last] > FAR * step > 0
        behind = known[place + 1 : place + 1 + SOON]
        if is_far and (np.abs(behind - known[last]) <= NEAR * step).any():
            found[place] = last
        else:
            last = place
    return found


def goes_on_behind(path: Path, form: str) -> int:
    """The byte at which a second recording begins in an MP4, as `cat a.mp4 b.mp4` makes it: readers take the first one
    alone. 0 where none does, or it can't be told. form: what FFmpeg calls the container."""
    if "mp4" not in form.split(","):
        return 0
    size, place = path.stat().st_size, 0
    with path.open("rb") as stream:
        while place + 8 <= size:
            stream.seek(place)
            head = stream.read(16)
            if place and head[4:8] == b"ftyp":
                return place
            length = int.from_bytes(head[:4], "big")
            length = int.from_bytes(head[8:], "big") if length == LARGE and len(head) == 16 else length
            if length < 8 or not head[4:8].isalnum():  # goes to the end, or is no box
                return 0
            place += length
    return 0
