"""gzip read by isal and by Python's own library: the same bytes, and the same reasons where they are damaged."""

import gzip
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.sources.base import FrameError
from data.sources.fits_file import packed
from data.sources.fits_file.packed import plain
from tests.support.fits_files import counts, fits_bytes

WHOLE = fits_bytes(counts(1), layout="primary")
PACKED, PACKED_REST = gzip.compress(WHOLE, mtime=0), gzip.compress(WHOLE[5000:])


def outcome(payload: bytes) -> bytes | str:
    try:
        return plain(io.BytesIO(payload)).read()
    except (FrameError, EOFError) as error:
        return f"{type(error).__name__}: {error}"


def both(payload: bytes) -> tuple[bytes | str, bytes | str]:
    """What becomes of a file with the quicker library, where that is installed, and without it."""
    found = outcome(payload)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packed, "_QUICKER", {})
        return found, outcome(payload)


@pytest.mark.parametrize("level", [0, 1, 9])
def test_files_come_out_as_they_went_in(level):
    assert both(gzip.compress(WHOLE, level)) == (WHOLE, WHOLE)
    joined = gzip.compress(WHOLE[:5000], level) + gzip.compress(WHOLE[5000:], level) + bytes(100)
    assert both(joined) == (WHOLE, WHOLE)


@given(st.floats(0, 1), st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), max_size=3))
def test_what_is_damaged_has_one_reason(kept, flips):
    payload = bytearray(PACKED[: max(6, round(kept * len(PACKED)))])
    for place, mask in flips:
        payload[int(place * len(payload))] ^= mask
    ours, pythons = both(bytes(payload))
    assert ours == pythons


def test_a_failure_of_the_quicker_library_costs_nothing_but_time(monkeypatch):
    def fails(stream):
        stream.read(100)
        raise RuntimeError("no such instruction")

    monkeypatch.setattr(packed, "_QUICKER", {"gzip": fails})
    assert outcome(PACKED) == WHOLE


def test_too_much_is_refused_while_it_is_unpacked():
    bomb = gzip.compress(np.zeros(3_000_000, np.uint8).tobytes())
    with pytest.raises(FrameError, match=r"more than prep\.max_input_mb 2 MB"):
        plain(io.BytesIO(bomb), 2)


@given(
    st.binary(min_size=1, max_size=40).filter(
        lambda rest: rest.lstrip(b"\0") and not rest.lstrip(b"\0").startswith(b"\x1f")
    )
)
def test_what_lies_behind_a_whole_gzip_is_passed_over_with_a_word(rest):
    """A server's error page behind a file, or a signature; the members have sums that say that they are whole."""
    for payload in (PACKED + rest, gzip.compress(WHOLE[:5000]) + PACKED_REST + rest):
        assert both(payload) == (WHOLE, WHOLE)
        unpacked = plain(io.BytesIO(payload))
        assert isinstance(unpacked, packed.Unpacked)
        assert f"{len(rest.lstrip(bytes(1)))} bytes behind" in unpacked.flag
    assert "damaged gzip" in outcome(PACKED[:-8] + bytes(8) + rest)  # its own sum is wrong
