"""Tables as users have them become series."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data import sources
from data.reel.stretch import Stretch, fit_affine
from tests.support.telemetry import only, prepared, telemetry, written


@pytest.mark.parametrize(
    ("name", "separator", "time"),
    [("s.csv", ",", "time"), ("s.csv", ";", "Date"), ("s.tsv", "\t", "DATETIME"), ("s.csv.gz", ",", "timestamp")],
)
def test_separator_and_time_column_are_found(tmp_path, name, separator, time):
    table = telemetry(40).rename(columns={"Timestamp": time}).drop(columns=["a/b, c", "truth"])
    table.to_csv(tmp_path / name, index=False, sep=separator)
    reel = only(prepared(tmp_path, tmp_path / "out"))
    assert reel.channels == ["temperature", "constant"]
    np.testing.assert_allclose(reel.signals()[:, 0], table["temperature"], rtol=1e-6)


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["2024-01-01", "2024-01-02"], "2024-01-02T00:00:00.000"),
        (["2024-01-01T00:00:00+01:00", "2024-01-01T01:00:00.250+01:00"], "2024-01-01T00:00:00.250"),
        (["2016/7/1 0:00", "2016/7/1 1:30"], "2016-07-01T01:30:00.000"),
        (["2015-06-30 23:59:00.5", "2015-07-01 00:00:00"], "2015-07-01T00:00:00.000"),
    ],
)
def test_times_are_utc(tmp_path, cells, expected):
    path = written(tmp_path / "s.csv", "time,v\n" + "".join(f"{cell},{i}\n" for i, cell in enumerate(cells)))
    assert str(only(prepared(path, tmp_path / "out")).times_utc[1]) == expected


def test_numbers_are_seconds_relative_or_since_a_start_or_unix(tmp_path):
    path = written(tmp_path / "s.csv", "time,v\n" + "".join(f"{1e9 + i / 4},{i}\n" for i in range(20)))
    relative = only(prepared(path, tmp_path / "a", unix_time=False))
    assert relative.times_utc is None
    np.testing.assert_allclose(relative.times_s, np.arange(20) / 4)
    unix = only(prepared(path, tmp_path / "b"))
    assert str(unix.times_utc[1]) == "2001-09-09T01:46:40.250"
    rows = only(prepared(written(tmp_path / "t.csv", "v\n1\n2\n4\n"), tmp_path / "c", start_utc="2020-01-01"))
    assert str(rows.times_utc[2]) == "2020-01-01T00:00:02.000"


MORE = "more cells than the {} names: a decimal comma, or a separator in a text, that is not quoted?"
BAD = """time,a,b,note
2024-01-01T00:00:03,3,30,x
2024-01-01T00:00:01,1,10,x
never,9,9,x
2024-01-01T00:00:02,2,,x
2024-01-01T00:00:02,8,80,x
2024-01-01T00:00:05,broken,,x
2024-01-01T00:00:04,4,inf,x
1,2,3,4,5,6
2024-01-01T00:00:06,6,60,x
,7,70,x
"""


def test_bad_rows_are_counted_with_their_reasons_and_the_rest_is_used(tmp_path):
    reel = only(prepared(written(tmp_path / "s.csv", BAD), tmp_path / "out"))
    np.testing.assert_allclose(reel.times_s, [0, 1, 2, 3, 5])  # sorted
    np.testing.assert_allclose(reel.signals()[:, 0], [1, 2, 3, 4, 6], rtol=1e-6)
    np.testing.assert_allclose(reel.signals()[:, 1], [10, 20, 30, 40, 60], rtol=1e-6)  # 20 and 40 lie between
    assert reel.table["flags"].fillna("").tolist() == ["", "interpolated: b", "", "interpolated: b", ""]
    assert reel.table["coverage"].tolist() == [1, 0.5, 1, 0.5, 1]
    assert reel.table["source"].tolist() == ["row 2", "row 4", "row 1", "row 7", "row 8"]
    reasons = reel.candidates.loc[~reel.candidates["accepted"]].set_index("source")["reason"].to_dict()
    assert reasons == {
        "row 3": "time is missing or not readable",
        "row 5": "same time as another sample",
        "row 6": "no value",
        "row 9": "time is missing or not readable",
        "line 9": MORE.format(4),
    }
    assert reel.meta["columns"]["note"] == "left out: 0 of its 9 cells are numbers"
    assert reel.meta["columns"]["a"] == "value, 1 cell without a number, as 'broken'"


def test_gaps_and_irregular_steps_are_counted_and_no_window_straddles_a_gap(tmp_path):
    times = np.concatenate([np.arange(30.0), np.arange(100, 130.0), [130.4, 131]])
    pd.DataFrame({"t": times, "v": np.sin(times)}).to_csv(tmp_path / "s.csv", index=False)
    reel = only(prepared(tmp_path / "s.csv", tmp_path / "out"))
    assert reel.meta["irregular_steps"] == 3
    starts = pd.read_csv(reel.path / "windows.csv")["start"]
    assert not ((starts < 30) & (starts + 8 > 30)).any()


@pytest.mark.parametrize(
    ("text", "settings", "message"),
    [
        ("", {}, "file is empty"),
        ("time,v\n", {}, "holds no row"),
        ("time,v\nx,1\ny,2\n", {}, "no readable time; the first cell is 'x'"),
        ("time,v\n1,a\n2,b\n", {}, "holds numbers"),
        ("time,v\n1,2\n", {"time_column": "when"}, "prep.time_column 'when' is not among"),
        ("time,v\n1,2\n", {"value_columns": ["w"]}, "prep.value_columns 'w' is not among"),
        ("time,v\n1,2\n2,3\n", {"fit_exclude_utc": [["2020-01-01", "2021-01-01"]]}, "has no UTC times"),
        ("a,b\n1,2,3\n4,5,6\n", {}, "more cells"),
        ("\x00\x01\x02", {}, "s.csv"),
    ],
)
def test_what_is_no_series_is_refused_with_the_reason(tmp_path, text, settings, message):
    with pytest.raises(ValueError, match=message):
        prepared(written(tmp_path / "s.csv", text), tmp_path / "out", **settings)
    assert not (tmp_path / "out" / "s").exists()


def test_only_tables_that_look_like_series_are_taken_from_a_folder(tmp_path):
    telemetry(40).to_csv(tmp_path / "long.csv", index=False)
    telemetry(10).to_csv(tmp_path / "short.csv", index=False)
    pd.DataFrame({"start": ["2024-01-01"] * 40, "class": "M1.0", "x": 3.0}).to_csv(tmp_path / "flares.csv", index=False)
    assert list(prepared(tmp_path, tmp_path / "out")) == ["long"]


def test_a_table_beside_frames_that_is_about_them_is_no_series(tmp_path):
    for name in ("clip.mp4", "clip.csv", "other.csv", "x_frame_times.csv", "sub/a.png", "sub/times.csv", "alone/s.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    tables = {item.path.name: item.beside_frames for item in sources.discover(tmp_path).series}
    assert tables == {"s.csv": False, "other.csv": True}  # which must look like one


def test_prep_again_keeps_the_reel_and_other_settings_are_refused(tmp_path):
    telemetry(40).to_csv(tmp_path / "s.csv", index=False)
    before = (only(prepared(tmp_path / "s.csv", tmp_path / "out")).path / "frames.npy").stat().st_mtime_ns
    again = only(prepared(tmp_path / "s.csv", tmp_path / "out", stride=2, resize=[8, 8]))
    assert (again.path / "frames.npy").stat().st_mtime_ns == before
    with pytest.raises(FileExistsError, match="other frames or settings"):
        prepared(tmp_path / "s.csv", tmp_path / "out", value_columns=["temperature"])


def test_scaling_is_fitted_outside_the_excluded_times(tmp_path):
    table = telemetry(100)
    table.loc[50:, "temperature"] = 1e6
    table.to_csv(tmp_path / "s.csv", index=False)
    excluded = [["2024-01-01T00:50:00", "2024-01-02T00:00:00"]]
    reel = only(prepared(tmp_path / "s.csv", tmp_path / "out", fit_exclude_utc=excluded))
    assert reel.stretches[0].vmax < 120
    assert reel.frames[60, 0, 0, 0] > 1000
    np.testing.assert_allclose(reel.signals()[60:, 0], 1e6, rtol=1e-6)


@pytest.mark.parametrize(("per_sample", "kind"), [(0.001, "asinh"), (0.0, "affine")])
def test_what_multiplies_is_scaled_like_a_logarithm(per_sample, kind, tmp_path):
    random = np.random.default_rng(0)
    visits = random.poisson(50 * np.exp(per_sample * np.arange(2000) + 0.1 * random.standard_normal(2000)))
    table = pd.DataFrame({"time": pd.date_range("2024-01-01", periods=2000, freq="h"), "visits": visits, "t": 3.5})
    table.to_csv(tmp_path / "s.csv", index=False)
    reel = only(prepared(tmp_path / "s.csv", tmp_path / "out"))
    assert [stretch.kind for stretch in reel.stretches] == [kind, "affine"]
    np.testing.assert_allclose(reel.signals()[:, 0], visits, rtol=1e-5)
    moves = np.abs(np.diff(reel.frames[:, 0, 0, 0]))
    assert moves[-500:].mean() == pytest.approx(moves[500:1000].mean(), rel=0.25)


finite = st.floats(-1e12, 1e12).filter(lambda v: v == 0 or abs(v) > 1e-9)


@given(st.lists(finite, min_size=1, max_size=50))
def test_affine_scaling_is_invertible_for_any_values(values):
    values = np.array(values)
    stretch = fit_affine(values)
    span = stretch.vmax - stretch.x0
    np.testing.assert_allclose(stretch.inverse(stretch.forward(values)), values, rtol=1e-9, atol=1e-9 * span)


@pytest.mark.parametrize(("x0", "vmax"), [(1, 1), (2, 1), (0, np.inf), (np.nan, 1)])
def test_impossible_affine_scalings_are_refused(x0, vmax):
    with pytest.raises(ValueError, match="stretch x0"):
        Stretch("affine", x0, vmax)
