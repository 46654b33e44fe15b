"""Checksums of HDUs: the arithmetic against astropy's, damage told from headers that were changed since."""

import io

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st

from config import PrepConfig
from data.sources.base import FrameError
from data.sources.fits_file.checksum import ones_complement_sum
from data.sources.fits_file.layout import layout_of
from tests.support import frames
from tests.support.fits_files import counts, fits_bytes, header


@given(st.binary(max_size=9000))
def test_the_sum_is_that_of_astropy(data):
    data += bytes(-len(data) % 4)
    expected = fits.ImageHDU()._compute_checksum(np.frombuffer(data, np.uint8))
    # All bits set and none are both 0; a sum of nothing but zeros has none.
    assert ones_complement_sum(data) == expected


def with_sums(layout="rice", pixels=None, **how) -> bytes:
    """A file whose image HDU has both checksums, or DATASUM alone (datasum) where `how` says so."""
    stream = io.BytesIO()
    payload = fits_bytes(counts(1) if pixels is None else pixels, header(), layout)
    with fits.open(io.BytesIO(payload), disable_image_compression=True) as hdus:
        for hdu in hdus:
            hdu.add_datasum() if how.get("datasum_only") else hdu.add_checksum()
        hdus.writeto(stream)
    return stream.getvalue()


def read(payload, folder):
    (folder / "a.fits").write_bytes(payload)
    (candidate,) = frames.scan(folder / "a.fits", PrepConfig())
    assert candidate.reason == ""
    ((_, raw),) = frames.read([candidate])
    return raw


@pytest.mark.parametrize("layout", ["rice", "primary", "extension"])
@pytest.mark.parametrize("how", [{}, {"datasum_only": True}])
def test_whole_data_agree_with_their_checksums(tmp_path, layout, how):
    raw = read(with_sums(layout, **how), tmp_path)
    np.testing.assert_array_equal(raw.pixels, counts(1))
    assert raw.flags == ""


@pytest.mark.parametrize("layout", ["rice", "primary"])
@pytest.mark.parametrize("how", [{}, {"datasum_only": True}])
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_no_flipped_bit_in_the_data_is_accepted(tmp_path_factory, layout, how, place, bit):
    payload = bytearray(with_sums(layout, **how))
    image = layout_of(io.BytesIO(payload)).images[0]
    payload[image.data_start + int(place * image.data_bytes)] ^= 1 << bit
    raw = read(bytes(payload), tmp_path_factory.mktemp("flipped"))
    assert isinstance(raw, FrameError)
    assert str(raw).startswith("DATASUM")


def test_a_changed_header_is_flagged_and_so_are_sums_that_were_left_behind(tmp_path):
    """What sunpy's Map.save and astropy's writeto leave behind when they write other data is no damage."""
    payload = with_sums("primary")
    edited = payload.replace(b"WAVELNTH=                  171", b"WAVELNTH=                  193")
    assert read(edited, tmp_path).flags == "CHECKSUM: header was changed since"
    (tmp_path / "a.fits").unlink()
    with fits.open(io.BytesIO(payload), do_not_scale_image_data=True) as hdus:
        del hdus[0].header["BLANK"]
        fits.writeto(tmp_path / "b.fits", hdus[0].data / np.float32(2), hdus[0].header)
    raw = read((tmp_path / "b.fits").read_bytes(), tmp_path)
    np.testing.assert_array_equal(raw.pixels, counts(1) / np.float32(2))
    assert raw.flags == "DATASUM and CHECKSUM are of other data: the file was changed since"
