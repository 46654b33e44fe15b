"""Blocks that never reached the ground are masked and counted; what the Sun or the camera did is not."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from config import PrepConfig
from data.frames.grid.fill_blocks import fill_blocks, fill_rows, stand_in
from data.frames.grid.placement import Placed
from data.frames.grid.to_grid import calibrate
from data.reel.mask_bits import INVALID
from data.sky.wcs import FrameWcs
from data.sources.base import Candidate, RawFrame
from data.sources.fits_file.facts import facts_of
from tests.support.fits_files import counts, header

SIZE = 256  # a disc of 8 blocks across, about 6 of which lie on it
SUN = FrameWcs(128.5, 128.5, 10.0, 10.0, 0.0, 0.0, 0.0, 960.0, 0.0, 0.0, 1.5e11)


def picture(*blocks, value=0, dtype=np.int16):
    pixels = counts(1, (SIZE, SIZE)).astype(dtype)
    for row, column in blocks:
        pixels[32 * row : 32 * row + 32, 32 * column : 32 * column + 32] = value
    return pixels


def found(pixels, wcs=SUN, missing=0, side_px=0):
    return [
        (int(y) // (side_px or 32), int(x) // (side_px or 32)) for y, x in fill_blocks(pixels, wcs, missing, side_px)
    ]


@given(st.sets(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=8), st.sampled_from((0, -7)))
def test_blocks_that_the_header_tells_of_are_found_wherever_they_are(blocks, value):
    assert set(found(picture(*blocks, value=value), None, missing=3)) == blocks


@pytest.mark.parametrize("dtype", [np.int16, np.float32, ">i2"])
def test_without_such_a_header_only_blocks_on_the_disc_are(dtype):
    assert found(picture((0, 0), (3, 4), (7, 3), dtype=dtype)) == [(3, 4)]
    assert found(picture((3, 4), dtype=dtype), wcs=None) == []


def test_neither_black_pictures_nor_bright_plateaus_are_fill():
    assert found(np.zeros((SIZE, SIZE), np.int16)) == []
    assert found(picture((3, 3), value=16383)) == []
    assert found(counts(1, (SIZE, SIZE))) == []
    assert found(np.full((SIZE, SIZE), np.nan, np.float32)) == []
    assert found(np.zeros((8, 8), np.int16), missing=1) == []


def test_the_side_of_a_block_may_be_told():
    pixels = counts(1, (SIZE, SIZE))
    pixels[40:48, 16:24] = 0
    assert found(pixels, None, 1, side_px=8) == [(5, 2)]


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_they_are_masked_and_counted(missing):
    facts = {"exptime_s": 1.0, "shape": (SIZE, SIZE), "wcs": SUN, "is_counts": True, "missing_blocks": missing}
    frame = Placed.of(Candidate("a", "a", "fits", "eit_195", **facts))
    made = calibrate(RawFrame(picture((3, 4)), None, ""), frame, (SIZE, SIZE), (8, 8), PrepConfig())
    assert np.argwhere(made.bits & INVALID).tolist() == [[3, 4]]
    assert made.coverage == pytest.approx(63 / 64)
    told = f", {missing} missing by the header" if missing != 1 else ""
    assert made.flags == f"1 blocks of fill masked{told}"


LOST = {
    "the last": slice(180, None),
    "the first": slice(None, 60),
    "in the middle": slice(100, 140),
    "every second": slice(1, None, 2),
    "most": slice(40, None),
}


@pytest.mark.parametrize("rows", LOST)
@pytest.mark.parametrize("value", [0, 16383, -1])
@pytest.mark.parametrize("dtype", [np.int16, ">f4"])
def test_rows_that_never_came_are_none(rows, value, dtype):
    """A readout that was cut short is filled up by its program: the Sun had gone dark there."""
    pixels = picture(dtype=dtype)
    gone = np.zeros(SIZE, bool)
    gone[LOST[rows]] = True
    pixels[gone] = value
    np.testing.assert_array_equal(fill_rows(pixels), np.flatnonzero(gone))
    candidate = Candidate("a", "a", "fits", "cam", exptime_s=1.0, shape=pixels.shape, is_counts=True)
    made = calibrate(RawFrame(pixels, None, ""), Placed.of(candidate), *[(SIZE, SIZE)] * 2, PrepConfig(min_coverage=0))
    np.testing.assert_array_equal((made.bits & INVALID).all(axis=1), gone)
    assert made.flags == f"{gone.sum()} rows of fill masked"


def test_rows_of_one_value_by_nature_stay():
    sky = np.maximum(counts(1, (SIZE, SIZE)) - 600, 0)  # a disc on a sky that is cut off at 0
    margins, one = picture(), picture()
    margins[:10], margins[-30:], one[-1] = 0, 0, 0
    steps = np.repeat(np.arange(16), 16)[:, None] * np.ones(SIZE, int)  # a scale of levels
    for pixels in (sky, margins, one, steps, np.zeros((SIZE, SIZE)), np.full((SIZE, SIZE), np.nan), picture()[:, :8]):
        assert not len(fill_rows(pixels))


def test_headers_tell_of_them():
    eit = header()
    for remark in ("  BLOCKS_HORZ =   32", "  BLOCKS_VERT =   32", "  N_MISSING_BLOCKS =    3"):
        eit["COMMENT"] = remark
    for head, expected in (
        (eit, (3, 8)),
        (header(NMISSING=2), (2, 0)),
        (header(NMISSING=2.0), (2, 0)),
        (header(), (0, 0)),
    ):
        facts = facts_of(head, (256, 256), PrepConfig())
        assert (facts["missing_blocks"], facts["block_px"]) == expected


NUMBERS = [-9999.0, -999.0, -32768.0, -2147483648.0, -1e30, 1e20, 9.969209968386869e36]


@given(
    st.sampled_from(NUMBERS),
    st.sampled_from([np.int16, np.int32, np.float32, np.float64, ">f4"]),
    st.sets(st.tuples(st.integers(0, 23), st.integers(0, 31)), min_size=3, max_size=300),
    st.booleans(),
)
def test_numbers_that_stand_for_missing_pixels_are_none(value, dtype, places, with_nan):
    """As those of GDAL and of instruments' pipelines, which no card tells of; they were pixels, and the darkest."""
    dtype = np.dtype(dtype)
    assume(dtype.kind == "f" or np.iinfo(dtype).min <= value <= np.iinfo(dtype).max)
    pixels, rows, columns = counts(2).astype(dtype), *np.transpose(sorted(places))
    pixels[rows, columns] = value
    gone = np.zeros(pixels.shape, bool)
    gone[rows, columns] = True
    if with_nan and dtype.kind == "f":
        pixels[0], gone[0] = np.nan, True
    assume(np.count_nonzero(gone[1:]) >= 3)
    candidate = Candidate("a.fits", "a.fits", "fits", "cam", shape=pixels.shape, is_counts=True, exptime_s=1.0)
    made = calibrate(RawFrame(pixels, None, ""), Placed.of(candidate), (24, 32), (24, 32), PrepConfig(min_coverage=0.1))
    np.testing.assert_array_equal((made.bits & INVALID) > 0, gone)
    np.testing.assert_allclose(made.values[~gone], counts(2)[~gone], rtol=1e-6)
    assert "pixels taken as missing" in made.flags


@pytest.mark.parametrize(
    "pixels",
    [
        counts(2).astype(np.float32) - 2000,  # a field that goes so low by itself
        np.where(counts(2) > 500, 32767, counts(2)),  # a detector at its limit
        np.where(np.arange(32) < 2, -9999.0, 100.0 * counts(2) - 30_000),  # among numbers as low
        np.where(np.eye(24, 32, dtype=bool) & (np.arange(32) < 2), -9999, counts(2)),  # two pixels
        np.where(np.arange(32) < 2, -5000.0, counts(2)),  # a number that nobody writes so
        np.full((24, 32), -9999.0),
    ],
)
def test_other_numbers_are_pixels(pixels):
    assert stand_in(pixels, None) is None


@settings(max_examples=100)
@given(
    hnp.arrays(np.int16, (24, 32), elements=st.one_of(st.integers(-300, 900), st.sampled_from([-9999, -32768, 32767]))),
    st.booleans(),
)
def test_known_extremes_change_nothing(pixels, has_holes):
    valid = pixels != 5 if has_holes else None
    assert stand_in(pixels, valid, (int(pixels.min()), int(pixels.max()))) == stand_in(pixels, valid)
