"""Times of SER, the videos of planetary cameras, lie behind its pictures."""

import struct

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from config import PrepConfig
from data.sources.base import RawFrame
from data.sources.video_file.ser import is_in_other_order, stamps_of
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


@settings(max_examples=25)
@given(
    st.sampled_from(["<u2", ">u2"]),
    st.integers(0, 1),
    st.sampled_from([(0, 16), (0, 12), (8, 16), (100, 16)]),
    st.sampled_from([0.5, 5, 50]),
    st.integers(0, 9),
)
def test_the_byte_order_is_that_in_which_neighbours_are_alike(tmp_path_factory, order, flag, form, noise, seed):
    """Flags are written both ways: half of the programs' files came out as noise."""
    (colour, bits), rng, folder = form, np.random.default_rng(seed), tmp_path_factory.mktemp("ser")
    y, x = np.mgrid[:48, :64]
    disk = 300 + 3000 * np.exp(-((x - 30) ** 2 + (y - 20) ** 2) / 300)
    planes = 3 if colour >= 100 else 1
    pixels = np.clip(disk[..., None] + noise * rng.standard_normal((3, 48, 64, planes)), 0, 4095).astype(order)
    header = b"LUCAM-RECORDER" + struct.pack("<7i", 0, colour, flag, 64, 48, bits, 3)
    (folder / "sun.ser").write_bytes(header.ljust(178, b"\0") + pixels.tobytes())
    assert is_in_other_order(folder / "sun.ser") == ((order == ">u2") != bool(flag))
    found = frames.scan(folder, PrepConfig())
    read = [raw.pixels for _, raw in frames.read(found) if isinstance(raw, RawFrame)]
    assert (len(read), "other order" in found[0].flags) == (3, is_in_other_order(folder / "sun.ser"))
    if colour == 0:
        np.testing.assert_array_equal(read, pixels[..., 0])


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.floats(0.3, 3000), st.floats(0, 20000))
def test_noise_tells_no_byte_order(tmp_path_factory, seed, noise, level):
    pixels = np.clip(level + noise * np.random.default_rng(seed).standard_normal((2, 48, 64)), 0, 65535).astype("<u2")
    path = tmp_path_factory.mktemp("ser") / "dark.ser"
    header = b"LUCAM-RECORDER" + struct.pack("<7i", 0, 0, 0, 64, 48, 16, 2)
    path.write_bytes(header.ljust(178, b"\0") + pixels.tobytes())
    assert not is_in_other_order(path)
    path.write_bytes(path.read_bytes()[: seed % 7000])  # cut anywhere
    assert not is_in_other_order(path)
