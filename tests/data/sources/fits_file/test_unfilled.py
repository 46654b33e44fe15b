"""Cards of FITS headers that were never filled in, values as text, and files that tools left something behind in."""

import io
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st

from config import PrepConfig
from data.sources.base import FrameError
from data.sources.fits_file.checksum import AS_TEXT
from data.sources.fits_file.facts import EXPOSURES, facts_of
from data.sources.fits_file.layout import NO_IMAGE
from data.sources.fits_file.times.cards import EPOCHS, time_of
from tests.support import frames
from tests.support.fits_files import counts, fits_bytes, header, utc


def read(payload, folder) -> Any:
    (folder / "a.fits").write_bytes(payload)
    (candidate,) = frames.scan(folder, PrepConfig())
    ((_, raw),) = frames.read([candidate])
    return raw


@given(st.permutations(EXPOSURES[:3]), st.lists(st.sampled_from([0, 0.0, -1, -999.0, "N/A"]), max_size=2))
def test_an_exposure_that_was_never_filled_in_stands_before_none_that_was(cards, unfilled):
    head = header(EXPTIME=None)
    for card, value in zip(cards, [*unfilled, 2.0], strict=False):
        head[card] = value
    assert facts_of(head, (24, 32), PrepConfig())["exptime_s"] == 2.0


def test_an_exposure_that_none_fills_in_is_told():
    assert facts_of(header(exptime_s=0), (24, 32), PrepConfig())["reason"] == "EXPTIME 0 s is impossible"


@given(st.sampled_from(EPOCHS), st.sampled_from(["T00:00:00", "T00:00:00.000Z", " 00:00:00", ""]))
def test_a_date_where_clocks_begin_stands_before_none_that_was_filled_in(epoch, clock):
    unfilled = f"{epoch}{clock}"
    assert time_of({"DATE-AVG": unfilled, "DATE-OBS": utc(0)}).utc == utc(0)
    assert time_of({"DATE-OBS": unfilled, "MJD-OBS": 56127.5}).utc == "2012-07-19T12:00:00.000"
    assert time_of({"MJD-OBS": 0.0, "DATE-OBS": utc(0)}).utc == utc(0)
    with pytest.raises(FrameError, match="never filled in"):
        time_of({"DATE-AVG": unfilled, "DATE-OBS": unfilled})


def test_small_letters_of_a_time_are_those_of_large_ones():
    assert time_of({"DATE-OBS": "2012-07-19t07:30:01z"}).utc == "2012-07-19T07:30:01.000"


def test_a_blank_value_may_be_a_text(tmp_path):
    stored = counts(1)
    stored[:6] = -7
    payload = fits_bytes(stored, header(BLANK=-7), "primary")
    card = b"BLANK   =                   -7"
    payload = payload.replace(card, b"BLANK   = '-7'".ljust(len(card)))
    assert read(payload, tmp_path).blank == -7


def test_a_scale_of_0_is_none(tmp_path):
    payload = fits_bytes(counts(1), header(), "primary").replace(
        b"QUALITY =                    0", b"BSCALE  =                  0.0"
    )
    assert str(read(payload, tmp_path)).startswith("BSCALE 0 ")


@given(st.lists(st.integers(0, 2**64 - 1), min_size=4, max_size=4))
def test_unsigned_integers_of_64_bits_are_exact(tmp_path_factory, values):
    pixels = np.array(values, np.uint64).reshape(2, 2)
    stream = io.BytesIO()
    fits.PrimaryHDU(pixels, header(BLANK=None)).writeto(stream)
    raw = read(stream.getvalue(), tmp_path_factory.mktemp("wide"))
    assert raw.pixels.dtype == np.uint64
    np.testing.assert_array_equal(raw.pixels, pixels)


@pytest.mark.parametrize("n_bytes", [1, 7, 2880, 2884, 5000])
@pytest.mark.parametrize("byte", [b"\0", b"\n", b" ", b"a", b"\xff"], ids=["0", "line", "space", "letter", "255"])
def test_what_is_no_hdu_behind_an_image_is_told_and_takes_nothing_from_it(tmp_path, byte, n_bytes):
    raw = read(fits_bytes(counts(1), header(), "primary") + n_bytes * byte, tmp_path)
    np.testing.assert_array_equal(raw.pixels, counts(1))
    (candidate,) = frames.scan(tmp_path, PrepConfig())
    assert candidate.flags.startswith("FITS: what lies behind HDU 0 is not read")


@given(st.integers(0, 9))
def test_a_file_that_was_copied_as_text_is_refused(tmp_path_factory, seed):
    """Its pixels are of other columns from the first 10 on, and look like noise."""
    pixels = np.random.default_rng(seed).integers(0, 2**15, (64, 96), np.int16)
    payload = fits_bytes(pixels, header(), "primary")
    folder = tmp_path_factory.mktemp("text")
    assert str(read(payload.replace(b"\n", b"\r\n"), folder)) == AS_TEXT
    np.testing.assert_array_equal(read(payload[:-900], folder).pixels, pixels)  # its last block is not filled up


def test_images_in_the_cells_of_a_table_are_told(tmp_path):
    """Target pixel files of Kepler and TESS, whose one image is a mask."""
    columns = [fits.Column("TIME", "D", array=np.arange(3.0)), fits.Column("FLUX", "20E", dim="(5,4)")]
    mask = fits.ImageHDU(np.ones((4, 5), np.int32), name="APERTURE")
    for name, hdus in {
        "a": [fits.BinTableHDU.from_columns(columns), mask],
        "b": [fits.BinTableHDU.from_columns(columns)],
    }.items():
        fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(tmp_path / f"{name}.fits")
    candidates = frames.scan(tmp_path, PrepConfig())
    assert ["images in the cells of a table are not read (FLUX, 3 of 4x5)" in c.reason for c in candidates] == [
        True
    ] * 2


def test_random_groups_are_told(tmp_path):
    data = fits.GroupData(np.zeros((2, 1, 24, 32), np.float32), bitpix=-32, parnames=["A"], pardata=[np.arange(2.0)])
    fits.GroupsHDU(data).writeto(tmp_path / "a.fits")
    (candidate,) = frames.scan(tmp_path, PrepConfig())
    assert candidate.reason == NO_IMAGE
