"""FITS files as cameras' programs write them: exposures in their units, planes of colours, mosaics, packed twice."""

import bz2
import gzip
import itertools
import lzma

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st

from config import PrepConfig
from data.frames.plan import plan_reels
from data.sources.base import MOSAIC
from data.sources.fits_file.facts import facts_of
from tests.support import frames
from tests.support.fits_files import SKY, counts, fits_bytes, header, utc

UNITS_S = {"s": 1.0, "sec": 1.0, "seconds": 1.0, "ms": 1e-3, "msec": 1e-3, "milliseconds": 1e-3, "microseconds": 1e-6}
FORMS = ["[{}] exposure", "exposure ({})", "exposure time in {}", "Exposure, {}", "time, {} (no max)"]
OWN = {"INSTRUME": "CAM", "TELESCOP": "scope", "WAVELNTH": None}


def exptime_s(*cards):
    head = header(EXPTIME=None)
    for card in cards:
        head[card[0]] = card[1:]
    return facts_of(head, (24, 32), PrepConfig())["exptime_s"]


@settings(max_examples=40)
@given(
    st.sampled_from(["EXPTIME", "XPOSURE", "EXPOSURE", "EXP_TIME"]),
    st.sampled_from(sorted(UNITS_S)),
    st.sampled_from(FORMS),
    st.integers(1, 10**6),
)
def test_exposures_are_in_the_unit_that_their_comment_tells(card, unit, form, count):
    assert exptime_s((card, count, form.format(unit))) == pytest.approx(count * UNITS_S[unit], rel=1e-12)
    assert exptime_s((card, f"{count} {unit}", "")) == pytest.approx(count * UNITS_S[unit], rel=1e-12)


def test_a_name_that_holds_the_unit_tells_it():
    assert exptime_s(("EXPOINUS", 20000, "Exposure time")) == pytest.approx(0.02)
    assert exptime_s(("EXPOINUS", 20000, ""), ("EXPTIME", 0.02, "")) == 0.02


@pytest.mark.parametrize("words", ["seconds, 2000 ms as asked", "min. of all", "us standard", "status of the cams"])
def test_words_that_are_no_unit_leave_seconds(words):
    assert exptime_s(("EXPTIME", 2.0, words)) == 2.0


# Colours


def planes(seed=0, dtype=np.uint16):
    return np.stack([counts(seed) // n for n in (1, 2, 3)]).astype(dtype)


@pytest.mark.parametrize("cards", [{"CTYPE3": "RGB"}, {"CTYPE3": "COLOR"}, {"SWCREATE": "a program"}], ids=str)
@pytest.mark.parametrize("colour", ["gray", "rgb"])
@pytest.mark.parametrize("layout", ["primary", "rice"])
def test_three_planes_of_colours_are_one_frame(tmp_path, cards, colour, layout):
    (tmp_path / "a.fits").write_bytes(fits_bytes(planes(), header(**OWN | cards, BLANK=None), layout))
    ((candidate, raw),) = frames.read(frames.scan(tmp_path, PrepConfig(colour=colour)))
    expected = np.moveaxis(planes(), 0, -1)
    assert (candidate.source, candidate.shape, candidate.reason) == ("a.fits", (24, 32), "")
    if colour == "rgb":
        np.testing.assert_array_equal(raw.pixels, expected)
    else:
        np.testing.assert_allclose(raw.pixels, expected @ [0.299, 0.587, 0.114], rtol=1e-6)


@pytest.mark.parametrize("cards", [{}, {"CTYPE3": "WAVE", "SWCREATE": "a program"}])
def test_three_planes_of_anything_else_are_no_colours(tmp_path, cards):
    (tmp_path / "a.fits").write_bytes(fits_bytes(planes(), header(**OWN | cards, BLANK=None), "primary"))
    assert [c.reason[:34] for c in frames.scan(tmp_path, PrepConfig())] == ["a cube of 3 images 24x32 is not re"]


def test_a_mosaic_of_colours_is_flagged_and_told_once(tmp_path, capfd):
    for i in range(3):
        head = header(12.0 * i, **OWN, BAYERPAT="RGGB")
        (tmp_path / f"{i}.fits").write_bytes(fits_bytes(counts(i), head, "primary"))
    candidates = frames.scan(tmp_path, PrepConfig())
    assert [c.flags for c in candidates] == [f"{MOSAIC} (RGGB)"] * 3
    plan_reels(candidates, PrepConfig())
    assert capfd.readouterr().err.count(MOSAIC) == 1
    assert facts_of(header(BAYERPAT=""), (24, 32), PrepConfig())["flags"] == ""


# Fill, names, compression


@pytest.mark.parametrize("dtype", [np.int16, np.float32])
def test_the_frame_around_iris_images_is_no_light(tmp_path, dtype):
    """Its integers are a quarter of a count from -200 on, where nothing was seen."""
    own = {"TELESCOP": "IRIS", "INSTRUME": "SJI", "TWAVE1": 1400.0, "WAVELNTH": None, "BLANK": None}
    values = counts(1).astype(np.float32)
    values[:, :4] = -200
    head = header(**own, LVL_NUM=2.0)
    image = fits.PrimaryHDU(values if dtype == np.float32 else ((values - 7992) * 4).astype(dtype), head)
    if dtype == np.int16:
        image.header["BSCALE"], image.header["BZERO"] = 0.25, 7992
    image.writeto(tmp_path / "a.fits")
    ((_, raw),) = frames.read(frames.scan(tmp_path, PrepConfig()))
    np.testing.assert_array_equal(np.isnan(raw.pixels), np.broadcast_to(np.arange(32) < 4, (24, 32)))


def test_the_time_in_a_name_makes_no_frame_of_what_belongs_to_an_image(tmp_path):
    """SUVI's files have their time in their names, and quality flags without one behind the image."""
    quality = fits.ImageHDU(np.zeros((24, 32), np.uint8), name="DQF")
    name = "OR_SUVI-L1b-Fe195_G16_s20122010730000_e20122010731000_c2012.fits"
    fits.HDUList([fits.PrimaryHDU(counts(1), header()), quality]).writeto(tmp_path / name)
    (candidate,) = frames.scan(tmp_path, PrepConfig())
    assert (candidate.time_utc, candidate.hdu) == (utc(1.0), 0)
    assert "HDU 1 (DQF) 24x32 is not read: no time of its own" in candidate.flags


@pytest.mark.parametrize("packed", [fits.PrimaryHDU, fits.CompImageHDU])
@pytest.mark.parametrize(("order", "ctype", "is_turned"), [("TOP-DOWN", None, True), ("BOTTOM-UP", None, False),
                                                          ("TOP-DOWN", "HPLN-TAN", False)])  # fmt: skip
def test_rows_lie_as_the_header_says(tmp_path, packed, order, ctype, is_turned):
    """Cameras' programs begin with the upper row; a WCS tells of the pixels as they are stored."""
    image = packed(counts(1), header(ROWORDER=order, CTYPE1=ctype))
    image.writeto(tmp_path / "a.fits")
    ((_, raw),) = frames.read(candidates := frames.scan(tmp_path, PrepConfig()))
    np.testing.assert_array_equal(raw.pixels, counts(1)[::-1] if is_turned else counts(1))
    assert ("turned upright" in candidates[0].flags) == is_turned


@pytest.mark.parametrize("outer", [gzip.compress, bz2.compress, lzma.compress])
@pytest.mark.parametrize("inner", [gzip.compress, bz2.compress])
def test_a_file_that_was_packed_twice_is_unpacked_twice(tmp_path, outer, inner):
    payload = outer(inner(fits_bytes(counts(1), header(), "primary")))
    for name in ("a.fits.gz.gz", "b.fits.gz"):
        (tmp_path / name).write_bytes(payload)
    read = frames.read(frames.scan(tmp_path, PrepConfig()))
    for (_, raw), _ in itertools.zip_longest(read, range(2)):
        np.testing.assert_array_equal(raw.pixels, counts(1))


@pytest.mark.parametrize("card", ["EXPTIME", "CRPIX1", "WAVELNTH", "DATE-OBS", "QUALITY"])
def test_a_card_that_is_no_fits_costs_no_more_than_itself(tmp_path, card):
    """As the bare NaN of IDL; astropy refuses such a card once it is asked for."""
    payload = fits_bytes(counts(1), header(12.0, **SKY), "primary")
    at = payload.find(card.ljust(8).encode())
    payload = payload[:at] + f"{card:8}=                  NaN".encode().ljust(80) + payload[at + 80 :]
    (tmp_path / "a.fits").write_bytes(payload)
    ((_, raw),) = frames.read(candidates := frames.scan(tmp_path, PrepConfig()))
    np.testing.assert_array_equal(raw.pixels, counts(1))
    if card == "QUALITY":  # without which nothing of AIA is trusted
        assert candidates[0].reason == "QUALITY 'unreadable' is no number"
    else:
        assert candidates[0].time_utc == utc(13.0)
        assert "not readable" not in candidates[0].reason
