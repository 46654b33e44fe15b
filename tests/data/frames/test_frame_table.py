"""What is said of the frames of a reel that are rejected."""

import re

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from data.frames import frame_table
from data.frames.frame_table import MANY_REJECTED, REPEATS, tell_rejected

REASONS = (
    "",
    f"{REPEATS}: each is shown 2 times",
    "same time as a.fits",
    "same time as b.fits",
    "EXPTIME 0 s is impossible",
)


class Told:
    def __init__(self):
        self.lines: list[tuple[str, str]] = []
        self.info, self.warning = (
            lambda line, kind=kind: self.lines.append((kind, line)) for kind in ("info", "warning")
        )


@given(st.lists(st.sampled_from(REASONS), max_size=30))
def test_every_rejected_frame_is_in_one_line(reasons):
    table = pd.DataFrame({"accepted": [not r for r in reasons], "reason": [r or None for r in reasons]}, dtype=object)
    told = Told()
    log, frame_table.log = frame_table.log, told
    try:
        tell_rejected("reel", table.astype({"accepted": bool}))
    finally:
        frame_table.log = log
    count = sum(bool(r) and not r.startswith(REPEATS) for r in reasons)
    assert len(told.lines) == (count > 0)
    for kind, line in told.lines:
        assert line.startswith(f"reel: {count} of {len(reasons)} frames are rejected: ")
        assert sum(map(int, re.findall(r"(\d+) x ", line))) == count
        assert line.count("same time as another") <= 1
        assert (kind == "warning") == (count > MANY_REJECTED * len(reasons))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_frames_with_few_values_are_one_reason_whatever_their_share(shares):
    table = pd.DataFrame({"reason": [f"coverage {share:.2f} is below prep.min_coverage 0.5" for share in shares]})
    low, high = f"{min(shares):.2f}", f"{max(shares):.2f}"
    span = low if low == high else f"{low} to {high}"
    told = frame_table.told_reasons(table)
    assert told == f"{len(shares)} x coverage {span} is below prep.min_coverage 0.5"
