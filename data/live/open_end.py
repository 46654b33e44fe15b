"""Where a stretch ends that still grows: what scorers see of a stream, apart from all that reads one."""

from typing import Protocol

BEYOND = 2**40  # more frames than any stream has; twice as much still is a number to NumPy


class StretchEnded(Exception):
    """Frames were asked for that never came: the stretch ended at `end`."""

    def __init__(self, end: int):
        super().__init__(f"the stretch ended at frame {end}")
        self.end = end


class Growing(Protocol):
    """What tells the end of its stretch while it grows."""

    def reached(self, frame: int) -> int: ...

    def block_end(self, first: int, most: int, after: int) -> int: ...


class OpenEnd(int):
    """The end of a stretch that still grows: as a number it lies beyond every frame."""

    reel: "Growing"

    def __new__(cls, reel: "Growing"):
        self = super().__new__(cls, BEYOND)
        self.reel = reel
        return self

    def reached(self, frame: int) -> int:
        """Wait until the stretch holds the frames before `frame`: returns `frame`, or the end if it ended earlier."""
        return self.reel.reached(frame)

    def block_end(self, first: int, most: int, after: int) -> int:
        """The end of the block of at most `most` frames, with `after` behind them, that is to be scored next."""
        return self.reel.block_end(first, most, after)
