"""FITS inputs from public bug reports, where their generators are at hand, each with its right outcome."""

from functools import partial

import numpy as np
import pytest

from tests.support.reported import CASES, prepared_case

pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason=f"{CASES} is not there")


def means(reel):
    return reel.physical(0, len(reel)).mean(axis=(1, 2, 3))


def even(reel):
    np.testing.assert_allclose(means(reel), means(reel).mean(), rtol=0.02)
    assert reel.meta["unit"] == "DN/s"


def begins(time_utc, reel):
    assert reel.table["time_utc"].iloc[0] == time_utc


def masked_above(rows, reel):
    np.testing.assert_array_equal((reel.masks & 1 > 0).all(axis=(0, 2)), np.arange(32) < rows)
    assert reel.table["coverage"].round(2).eq(0.69).all()


def flagged(flag, reel):
    assert reel.table["flags"].eq(flag).all()


def rejected(reason, reel):
    assert reel.candidates.loc[~reel.candidates["accepted"], "reason"].tolist() == [reason]


# Case -> number of frames by reel, and what else has to be.
EXPECTED = {
    "f01_bunit_rate": ({"aia_171": 10}, even),
    "f02_timesys_tai": ({"aia_171": 8}, partial(begins, "2012-07-19T07:29:26.000")),
    "f04_hmi_content": ({"hmi_6173_continuum_intensity": 6, "hmi_6173_magnetogram": 6}, len),
    "f05_stereo_ab": ({"stereo_a_secchi_euvi_195": 6, "stereo_b_secchi_euvi_195": 6}, even),
    "f07_date_beg": ({"aia_171": 8}, partial(begins, "2012-07-19T07:30:02.000")),
    "f08_keywords_in_primary": ({"aia_171": 8}, even),
    "f09_many_images_one_file": ({"aia_171": 8}, even),
    "f10_bz2_beside": ({"aia_171": 12}, even),
    "f11_zblank_int": ({"aia_171": 8}, partial(masked_above, 10)),
    "f14_unpadded_end": ({"aia_171": 8}, partial(flagged, "FITS: the last block is not filled up")),
    "f17_wavelnth_text": ({"aia_171": 6, "aia_304": 6}, even),
    "f23_quality_hex": ({"aia_171": 7}, partial(rejected, "QUALITY bit 17")),
    "f29_hmi_no_exptime": (
        {"hmi_6173_continuum_intensity": 6},
        partial(flagged, "no EXPTIME, and none needed: BUNIT DN/s"),
    ),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_reported_files_come_out_right(tmp_path, name):
    got = prepared_case(name, tmp_path)
    assert got.refusal == ""
    frames, check = EXPECTED[name]
    assert {reel: len(found) for reel, found in got.reels.items()} == frames
    for reel in got.reels.values():
        check(reel)


def test_a_cube_whose_axis_is_not_said_is_told(tmp_path):
    got = prepared_case("f25_cube", tmp_path)
    assert "a cube of 8 images 64x96 is not read: no CTYPE3 says" in got.refusal
    (table,) = got.rejected.values()
    assert len(table) == 1
