"""Tables, times and names as public reports describe them: what generators beside the project write."""

import numpy as np
import pytest

from data.reel.reel import Reel
from tests.support.reported import CASES, prepared_case

pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="the reported inputs lie beside the project only")


@pytest.fixture
def reels_of(tmp_path):
    """The reels of what a generator writes, by name."""

    def prepare(name: str, **settings) -> dict[str, Reel]:
        got = prepared_case(name, tmp_path, **settings)
        assert got.refusal == ""
        return got.reels

    return prepare


@pytest.mark.parametrize(
    ("case", "channels"),
    [
        ("s01_decimal_comma", ["Druck", "Temperatur"]),
        ("s03_unix_ms", ["value"]),
        ("s07_dollar_names", ["price [$]/volume [$]", "cost_$_a$", "$\\frac$", "_hidden", "a\\b^_$x^$"]),
        ("s15_thousands", ["value"]),
        ("s16_split_time_first_col_unnamed", ["value"]),
    ],
)
def test_one_series_a_minute_apart(reels_of, case, channels):
    (reel,) = reels_of(case).values()
    assert (reel.channels, len(reel), reel.cadence_s) == (channels, 200, 60)
    assert str(reel.times_utc[0]) == "2012-07-19T07:30:01.000"
    assert (reel.path / "summary.png").is_file()
    if case == "s15_thousands":
        assert 1500 < reel.signals().min() < reel.signals().max() < 4500


def test_a_folder_of_values_and_labels(reels_of):
    reels = reels_of("s08_tsb_ad_folder")
    assert [reel.labels.sum() for reel in reels.values()] == [10, 10, 10]


def test_text_with_white_space_and_other_suffixes(reels_of):
    reels = reels_of("s13_whitespace_txt")
    assert {name: reel.shape[:2] for name, reel in reels.items()} == {
        "machine-1-1": (200, 2),
        "ok": (200, 1),
        "x": (200, 1),
    }


def test_labels_in_words(reels_of):
    (reel,) = reels_of("s19_text_labels", label_column="Normal/Attack").values()
    assert np.flatnonzero(reel.labels).tolist() == list(range(150, 160))


def test_a_table_beside_a_picture_of_it(reels_of):
    assert reels_of("s25_plot_beside_table")["telemetry"].shape == (200, 1, 1, 1)


@pytest.mark.parametrize("case", ["i02_subsecond_names", "i02b_subsecond_dot", "i02c_pixel_phone"])
def test_four_frames_a_second(reels_of, case):
    (reel,) = reels_of(case).values()
    assert (len(reel), reel.cadence_s, str(reel.times_utc[1])) == (16, 0.25, "2012-07-19T07:30:00.250")


def test_days_before_months_in_names(reels_of):
    (reel,) = reels_of("i07_day_first_names").values()
    assert (len(reel), reel.cadence_s, str(reel.times_utc[0])) == (8, 60, "2012-07-19T07:30:05.000")


def test_a_times_csv_with_paths(reels_of):
    (reel,) = reels_of("i12_times_csv_paths").values()
    assert (len(reel), str(reel.times_utc[7])) == (8, "2012-07-19T07:30:07.000")


def test_a_times_csv_of_unix_seconds(reels_of):
    (reel,) = reels_of("v18_times_csv_unix").values()
    assert (len(reel), reel.cadence_s, str(reel.times_utc[0])) == (30, 30, "2012-07-19T07:30:01.000")
