"""Times of SER, the videos of planetary cameras, lie behind its pictures."""

import struct

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from config import PrepConfig
from data.sources.video_file.ser import stamps_of
from tests.support import frames
from tests.support.videos import SHAPE, picture

START, TICK_S = np.datetime64("2012-07-19T07:30:01.250", "us"), 1e-7
TICKS = int((START - np.datetime64("0001-01-01", "us")) / np.timedelta64(1, "us")) * 10


def ser(steps: list[int], stamped: int | None = None, bits: int = 8, colour: int = 0) -> bytes:
    """A file with a picture more than there are steps between them, in ticks, and the first `stamped` of the stamps."""
    pixels = [picture(i) if colour >= 100 else picture(i)[..., 0] for i in range(len(steps) + 1)]
    header = b"LUCAM-RECORDER" + struct.pack("<7i", 0, colour, 0, SHAPE[1], SHAPE[0], bits, len(pixels))
    stamps = np.cumsum([TICKS, *steps]).astype("<u8")[:stamped].tobytes()
    values = [p.astype("<u2" if bits > 8 else np.uint8).tobytes() for p in pixels]
    return header.ljust(178, b"\0") + b"".join(values) + stamps


@settings(max_examples=20)
@given(
    st.lists(st.integers(1, 10**9), min_size=1, max_size=4), st.sampled_from([8, 12, 16]), st.sampled_from([0, 8, 100])
)
def test_each_picture_has_its_own_stamp(tmp_path_factory, steps, bits, colour):
    path = tmp_path_factory.mktemp("ser") / "sun.ser"
    path.write_bytes(ser(steps, bits=bits, colour=colour))
    stamps = stamps_of(path)
    assert stamps is not None
    told_s = (stamps - START) / np.timedelta64(1, "s")
    np.testing.assert_allclose(told_s, np.cumsum([0, *steps]) * TICK_S, atol=2e-6)
    for damaged in (ser(steps, stamped=len(steps)), ser([-n for n in steps]), ser(steps)[:100]):
        path.write_bytes(damaged)
        assert stamps_of(path) is None


def test_frames_have_the_times_of_their_stamps(tmp_path, caplog):
    path = tmp_path / "sun.ser"
    path.write_bytes(ser([10**6, 10**6, 3 * 10**6]))
    found = frames.scan(tmp_path, PrepConfig())
    assert [c.time_utc[17:] for c in found] == ["01.250", "01.350", "01.450", "01.750"]
    assert not caplog.records
    assert frames.scan(tmp_path, PrepConfig(start_utc="2020-01-01"))[3].time_utc == "2020-01-01T00:00:00.500"
    path.write_bytes(ser([10**6] * 3, stamped=0))
    assert not any(c.time_utc for c in frames.scan(tmp_path, PrepConfig()))
    assert "tells no times: its frames are taken as 25 a second" in caplog.text
