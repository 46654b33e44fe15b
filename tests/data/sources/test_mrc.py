"""MRC files of electron microscopes: numbers of every type and order, and what is no sequence of frames."""

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config import PrepConfig
from data.sources.base import RawFrame
from tests.support import frames

FRAMES = np.random.default_rng(8).integers(0, 120, (4, 18, 26))
MODES = {"i1": 0, "u1": 0, "i2": 1, "f4": 2, "u2": 6, "f2": 12}


def mrc(stack, order="<", extended=0, space_group=0, mode=None):
    """A file of frames (T, H, W); bytes without a sign are marked as IMOD does it."""
    words, kind = [0] * 256, f"{stack.dtype.kind}{stack.dtype.itemsize}"
    words[:4] = [*stack.shape[::-1], MODES[kind] if mode is None else mode]
    words[22], words[23] = space_group, extended
    words[38], words[39] = (1146047817, 0) if kind == "u1" else (0, 0)
    header = bytearray(struct.pack(f"{order}256i", *words))
    header[208:216] = b"MAP " + (b"\x44\x44\0\0" if order == "<" else b"\x11\x11\0\0")
    return bytes(header) + bytes(extended) + stack.astype(stack.dtype.newbyteorder(order)).tobytes()


@settings(max_examples=25)
@given(st.sampled_from([*MODES]), st.sampled_from("<>"), st.integers(0, 300), st.sampled_from(["a.mrc", "a.st"]))
def test_frames_are_those_of_the_file(tmp_path_factory, kind, order, extended, name):
    folder, offset = tmp_path_factory.mktemp("mrc"), 100 if kind == "u1" else -50 if kind != "u2" else 0
    stack = (FRAMES + offset).astype(kind)
    (folder / name).write_bytes(mrc(stack, order, extended))
    candidates = frames.scan(folder, PrepConfig())
    assert [(c.reel, c.time_s, c.shape) for c in candidates] == [("a", t, (18, 26)) for t in range(4)]
    for candidate, raw in frames.read(candidates):
        assert isinstance(raw, RawFrame), raw
        np.testing.assert_array_equal(raw.pixels, stack[candidate.position])


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (mrc(FRAMES.astype("u2"), space_group=1), "a volume of 4 slices"),
        (mrc(FRAMES.astype("u2"), mode=4), "MRC of mode 4 is not read"),
        (mrc(FRAMES.astype("u2"))[:-9], "truncated"),
    ],
)
def test_what_is_no_stack_says_why(tmp_path, payload, reason):
    (tmp_path / "a.mrc").write_bytes(payload)
    (candidate,) = frames.scan(tmp_path, PrepConfig())
    assert reason in candidate.reason
