"""Series in arrays, Parquet tables and archives of cases; their classes, and what their scaling is fitted on."""

import json
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import config
from data import prepare_data, sources
from data.frames.assemble import Given
from data.prepare_data import prep
from data.reel.reel import Reel, find_reels
from data.reel.stretch import fit_affine
from data.series.find_series import read_all
from data.series.prepare_series import assemble_series
from data.sources.arrays.numpy_arrays import ArraySource
from data.sources.base import SeriesInput, TableError
from data.sources.cases import CaseSource
from data.sources.table import HUGE
from tests.support.videos import picture, write_video

DEFAULT = config.load(None).prep


def prepared(path: Path, out: Path, **settings_) -> dict[str, Reel]:
    """The reels of `prep`, by name."""
    chosen = {"data_raw": str(path), "data_clips": str(out), "workers": 0, "prep.clip_length": 8}
    made = prep(config.load(None, chosen | {f"prep.{key}": value for key, value in settings_.items()}))
    return {reel.name: Reel(reel) for reel in made}


def only(reels: dict[str, Reel]) -> Reel:
    (reel,) = reels.values()
    return reel


def waves(count: int = 40, variables: int = 2) -> np.ndarray:
    return np.sin(np.arange(count)[:, None] / (3 + np.arange(variables)))


def written(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


# Arrays


@pytest.mark.parametrize(
    ("array", "channels"), [(waves()[:, 0], ["value"]), (waves(40, 3), ["value_0", "value_1", "value_2"])]
)
def test_one_array_is_a_series(tmp_path, array, channels):
    np.save(tmp_path / "s.npy", array)
    reel = only(prepared(tmp_path / "s.npy", tmp_path / "out", start_utc="2020-01-01", sample_interval_sec=60.0))
    assert (reel.name, reel.channels) == ("s", channels)
    np.testing.assert_allclose(reel.signals(), array.reshape(40, -1), rtol=1e-6, atol=1e-6)
    assert str(reel.times_utc[1]) == "2020-01-01T00:01:00.000"


def test_named_arrays_are_columns(tmp_path):
    x, times = waves(40, 2), np.datetime64("2021-05-01", "s") + np.arange(40)
    np.savez(tmp_path / "s.npz", x=x, speed=x[:, 0], time=times, y=np.arange(40) > 30, n=np.int64(7), other=x[:5])
    reel = only(prepared(tmp_path / "s.npz", tmp_path / "out"))
    assert reel.channels == ["x_0", "x_1", "speed"]
    np.testing.assert_array_equal(reel.labels, np.arange(40) > 30)
    assert (reel.times_utc == times.astype("datetime64[ms]")).all()
    assert reel.meta["columns"]["other"] == "left out: float64 (5, 2)"
    assert reel.meta["columns"]["n"] == "left out: int64 ()"


def test_y_is_a_variable_unless_it_holds_only_0_and_1(tmp_path):
    np.savez(tmp_path / "s.npz", x=waves(40, 1), y=waves(40, 1)[:, 0])
    reel = only(prepared(tmp_path / "s.npz", tmp_path / "out"))
    assert reel.channels == ["x_0", "y"]
    assert reel.labels is None


def test_the_settings_choose_arrays_by_name_and_so_the_length(tmp_path):
    label = np.zeros(60)
    np.savez(tmp_path / "s.npz", train=waves(40, 2), test=waves(60, 2), truth=label, when=np.arange(60.0) * 2)
    reel = only(prepared(tmp_path / "s.npz", tmp_path / "a", value_columns=["train"]))
    assert (reel.shape[0], reel.channels) == (40, ["train_0", "train_1"])
    chosen = {"value_columns": ["test_1"], "label_column": "truth", "time_column": "when"}
    reel = only(prepared(tmp_path / "s.npz", tmp_path / "b", **chosen))
    assert (reel.channels, reel.cadence_s, reel.labels.sum()) == (["test_1"], 2, 0)
    with pytest.raises(ValueError, match=r"truth is float64 \(60,\), no numbers .* with T = 40"):
        prepared(tmp_path / "s.npz", tmp_path / "c", value_columns=["train"], label_column="truth")
    with pytest.raises(ValueError, match=r"prep\.value_columns"):
        prepared(tmp_path / "s.npz", tmp_path / "c", value_columns=["nothing"])


def test_folders_in_the_names_of_arrays_are_reels(tmp_path, capsys):
    groups = {f"{split}/pump/x": waves(30 + i, 2) for i, split in enumerate(("train", "test"))}
    np.savez(tmp_path / "s.npz", **groups, **{"test/pump/y": np.zeros(31, np.uint8), "empty/x": np.float64(3)})
    reels = prepared(tmp_path / "s.npz", tmp_path / "out")
    assert {name: len(reel) for name, reel in reels.items()} == {"s_train_pump": 30, "s_test_pump": 31}
    assert reels["s_test_pump"].labels.sum() == 0
    assert "s.npz: empty is no series" in capsys.readouterr().err
    assert len({reel.meta["identity"] for reel in reels.values()}) == 2
    assert reels["s_test_pump"].meta["source"] == "s.npz#test/pump"


@pytest.mark.parametrize(
    ("save", "message"),
    [
        (lambda path: np.save(path, np.zeros((3, 4, 5))), r"has the shape \(T,\) or \(T, C\)"),
        (lambda path: np.save(path, np.zeros(0)), "has the shape"),
        (lambda path: np.save(path, np.array([{}, 1], object), allow_pickle=True), "allow_pickle=False"),
        (lambda path: np.save(path, np.ones(9, complex)), "none of its columns"),
        (lambda path: path.write_bytes(b"\x93NUMPY\x01\x00v\x00{'descr"), "not readable as arrays"),
        (lambda path: path.write_bytes(b""), "not readable as arrays"),
    ],
)
def test_what_is_no_array_of_a_series_is_refused(tmp_path, save, message):
    save(tmp_path / "s.npy")
    with pytest.raises(ValueError, match=message):
        prepared(tmp_path / "s.npy", tmp_path / "out")


def test_a_damaged_npz_is_refused_and_objects_are_left_out(tmp_path):
    np.savez(tmp_path / "s.npz", x=waves(), meta=np.array({"a": 1}, object), allow_pickle=True)
    assert only(prepared(tmp_path / "s.npz", tmp_path / "out")).channels == ["x_0", "x_1"]
    (tmp_path / "bad.npz").write_bytes((tmp_path / "s.npz").read_bytes()[:300])
    with pytest.raises(ValueError, match="not readable as arrays"):
        prepared(tmp_path / "bad.npz", tmp_path / "out")


formats = st.sampled_from(["<f4", ">f8", "<f2", ">i4", "u1", "?"])


@settings(max_examples=40, deadline=None)
@given(formats.flatmap(lambda f: hnp.arrays(f, hnp.array_shapes(min_dims=1, max_dims=2, max_side=6))))
@example(np.array([0, 3e38], np.float32))
@example(np.array([0, HUGE, np.inf], np.float32))
def test_any_array_of_numbers_is_read_as_it_is(tmp_path_factory, array):
    path = tmp_path_factory.mktemp("any") / "s.npz"
    np.savez(path, v=array)
    expected = array.astype(np.float64).reshape(len(array), -1)
    expected[~np.isfinite(expected) | (np.abs(expected) >= HUGE)] = np.nan
    expected = expected[:, np.isfinite(expected).any(axis=0)]
    if expected.size:
        (series,) = ArraySource().read_series(path, DEFAULT)
        np.testing.assert_array_equal(series.values, expected)
    else:
        with pytest.raises(TableError):
            ArraySource().read_series(path, DEFAULT)


def test_arrays_in_a_folder_must_be_long_enough_and_have_no_frames_beside_them(tmp_path):
    np.save(tmp_path / "long.npy", waves(40))
    np.save(tmp_path / "short.npy", waves(10))
    assert list(prepared(tmp_path, tmp_path / "out")) == ["long"]
    (tmp_path / "frame.png").touch()
    assert [item.source.name for item in sources.discover(tmp_path).frames] == ["image"]


# Parquet


def test_parquet_has_no_column_of_row_numbers(tmp_path):
    table = pd.DataFrame({"time": np.arange(40.0), "v": waves(40, 1)[:, 0].astype(np.float32)})
    table.to_parquet(tmp_path / "s.parquet")
    table[::-1].to_parquet(tmp_path / "backwards.parquet")
    for name in ("s", "backwards"):
        reel = only(prepared(tmp_path / f"{name}.parquet", tmp_path / "out"))
        assert reel.channels == ["v"]
        np.testing.assert_allclose(reel.signals()[:, 0], table["v"], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("name", "zone"), [(None, None), (None, "Europe/Zurich"), ("measured at", "UTC")])
def test_the_times_of_parquet_may_be_its_index_and_have_a_zone(tmp_path, name, zone):
    times = pd.date_range("2024-06-01", periods=40, freq="15min", tz=zone, name=name)
    pd.DataFrame({"v": waves(40, 1)[:, 0]}, index=times).to_parquet(tmp_path / "s.parquet")
    reel = only(prepared(tmp_path / "s.parquet", tmp_path / "out"))
    assert reel.channels == ["v"]
    assert reel.times_utc[1] == np.datetime64("2024-05-31T22:15" if zone == "Europe/Zurich" else "2024-06-01T00:15")


def test_a_damaged_parquet_is_refused(tmp_path):
    (tmp_path / "s.parquet").write_bytes(b"PAR1")
    with pytest.raises(ValueError, match="not readable as a table"):
        prepared(tmp_path / "s.parquet", tmp_path / "out")


# Cases

HEADER = "# Two gestures\n@problemName Toy\n@timeStamps false\n@univariate false\n@classLabel true up down\n@data\n"


def case_text(count: int = 4, length: int = 20, scale: float = 1.0) -> str:
    lines = []
    for i in range(count):
        values = scale * (i + 1) * waves(length, 2).T
        lines.append(":".join(",".join(f"{v:.6f}" for v in variable) for variable in values))
    return HEADER + "".join(f"{line}:{('up', 'down')[i % 2]}\n" for i, line in enumerate(lines))


def test_every_case_is_a_reel_with_its_class(tmp_path):
    reels = prepared(written(tmp_path / "Toy_TRAIN.ts", case_text(3)), tmp_path / "out")
    classes = {name: reel.meta["class"] for name, reel in reels.items()}
    assert classes == {"Toy_TRAIN_1": "up", "Toy_TRAIN_2": "down", "Toy_TRAIN_3": "up"}
    third = reels["Toy_TRAIN_3"]
    assert third.channels == ["value_0", "value_1"]
    np.testing.assert_allclose(third.signals(), 3 * waves(20, 2), atol=1e-5)


def test_cases_of_a_file_are_scaled_alike_and_those_of_another_by_the_first(tmp_path):
    train = prepared(written(tmp_path / "Toy_TRAIN.ts", case_text(2)), tmp_path / "train")
    first = train["Toy_TRAIN_1"]
    assert all(reel.stretches == first.stretches for reel in train.values())
    everything = np.concatenate([reel.signals()[:, 0] for reel in train.values()])
    expected = fit_affine(everything)
    assert first.stretches[0].vmax == pytest.approx(expected.vmax, rel=1e-4)
    test = prepared(
        written(tmp_path / "Toy_TEST.ts", case_text(2, scale=9.0)), tmp_path / "test", stretch_from=str(first.path)
    )
    assert all(reel.stretches == first.stretches for reel in test.values())


def test_missing_values_unequal_lengths_and_bad_lines(tmp_path, capsys):
    text = HEADER + "1,2,3:4,?,6:up\n\n1,2:3,4:down\n1,2,3:up\n1,x:2,3:up\n1,2:3:up\n"
    reels = prepared(written(tmp_path / "s.ts", text), tmp_path / "out")
    assert {name: len(reel) for name, reel in reels.items()} == {"s_1": 3, "s_2": 2}
    assert reels["s_1"].table["flags"].fillna("").tolist() == ["", "interpolated: value_1", ""]
    np.testing.assert_allclose(reels["s_1"].signals()[1], [2, 5], rtol=1e-6)
    told = capsys.readouterr().err
    assert all(f"case {number} is left out" in told for number in (3, 4, 5))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("@problemName x\n1,2:up\n", "no line @data"),
        ("@timestamps true\n@data\n(0,1),(1,2)\n", "@timestamps true"),
        ("@targetlabel true\n@data\n1,2:0.5\n", "@targetlabel true"),
        ("@classLabel true a\n@data\nx,y:a\n", "none of its 1 cases"),
        ("# \xe9\n@data\n", "not readable as text"),
    ],
)
def test_what_holds_no_cases_is_refused(tmp_path, text, message):
    (tmp_path / "s.ts").write_bytes(text.encode("latin-1"))
    with pytest.raises(ValueError, match=message):
        prepared(tmp_path / "s.ts", tmp_path / "out")


numbers = st.floats(-1e30, 1e30)


@settings(max_examples=40, deadline=None)
@given(hnp.arrays(float, hnp.array_shapes(min_dims=3, max_dims=3, max_side=5), elements=numbers))
def test_cases_read_back_as_written(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("cases") / "s.ts"
    lines = [":".join(",".join(map(repr, row)) for row in case.T.tolist()) + ":a b" for case in values]
    path.write_text("@classLabel true\n@DATA\n" + "\n".join(lines))
    found = CaseSource().read_series(path, DEFAULT)
    np.testing.assert_array_equal(np.stack([series.values for series in found]), values)
    assert {series.facts["class"] for series in found} == {"a b"}


def test_a_video_of_the_same_suffix_stays_a_video(tmp_path):
    write_video(tmp_path / "camera.ts", 10)
    written(tmp_path / "sub" / "cases.ts", case_text())
    found = sources.discover(tmp_path)
    assert [(item.path.name, item.source.name) for item in found.frames] == [("camera.ts", "video")]
    assert [(item.path.name, item.source.name) for item in found.series] == [("cases.ts", "case")]


def test_many_cases_get_no_pages_and_are_kept_when_prepared_again(tmp_path, capsys):
    path = written(tmp_path / "s.ts", case_text(prepare_data.MOST_PAGES + 1))
    reels = prepared(path, tmp_path / "out")
    assert not list((tmp_path / "out").glob("*/summary.png"))
    assert "get no summary.png" in capsys.readouterr().err
    assert all((reel.path / "windows.csv").is_file() for reel in reels.values())
    facts = [(reel.path / "frames.npy").stat().st_mtime_ns for reel in reels.values()]
    again = prepared(path, tmp_path / "out")
    assert [(reel.path / "frames.npy").stat().st_mtime_ns for reel in again.values()] == facts
    assert [reel.name for reel in find_reels(tmp_path / "out")] == list(reels)  # the order of the file


# Classes


def test_the_folder_of_a_table_or_array_is_its_class(tmp_path):
    for name, scale in (("walk", 1.0), ("run", 5.0)):
        table = pd.DataFrame({"v": scale * waves(12, 1)[:, 0]})
        written(tmp_path / "raw" / name / "1.csv", table.to_csv(index=False))
        np.save(tmp_path / "raw" / name / "2.npy", scale * waves(12, 1)[:, 0])
    reels = prepared(tmp_path / "raw", tmp_path / "out", classes="folder")
    assert {name: reel.meta["class"] for name, reel in reels.items()} == {
        "walk_1": "walk", "walk_2": "walk", "run_1": "run", "run_2": "run",
    }  # fmt: skip
    assert reels["walk_1"].stretches == reels["run_1"].stretches
    ranges = [np.ptp(reels[name].frames) for name in ("walk_1", "run_1")]
    assert ranges[1] == pytest.approx(5 * ranges[0], rel=1e-4)


def test_the_folder_of_a_video_and_of_a_folder_of_images_is_its_class(tmp_path):
    write_video(tmp_path / "raw" / "fall" / "a.mp4", 10)
    clip = tmp_path / "raw" / "sit" / "clip"
    clip.mkdir(parents=True)
    for i in range(10):
        cv2.imwrite(str(clip / f"{i:02d}.png"), picture(i))
    before = prepared(tmp_path / "raw", tmp_path / "before", resize=[8, 8])
    assert all("class" not in reel.meta for reel in before.values())
    reels = prepared(tmp_path / "raw", tmp_path / "out", resize=[8, 8], classes="folder")
    assert {name: reel.meta["class"] for name, reel in reels.items()} == {"fall_a": "fall", "sit_clip": "sit"}
    np.testing.assert_array_equal(reels["fall_a"].frames, before["fall_a"].frames)


# Scaling


def scaled(tmp_path: Path, columns: dict, out: str = "out", **settings_) -> Reel:
    np.savez(tmp_path / "s.npz", **columns)
    return only(prepared(tmp_path / "s.npz", tmp_path / out, **settings_))


@pytest.mark.parametrize("count", [1, 37, 100, 200])
def test_scaling_is_fitted_on_the_first_part_in_time(tmp_path, count):
    values, times = np.random.default_rng(0).normal(size=200), np.random.default_rng(1).permutation(200)
    reel = scaled(tmp_path, {"v": values, "t": times}, fit_fraction=count / 200)
    expected = fit_affine(values[np.argsort(times)][:count])
    assert reel.stretches == [expected]


def test_the_first_part_and_excluded_times_are_both_left_out(tmp_path):
    values = np.arange(100.0)
    excluded = [["2024-01-01T00:00:10", "2024-01-02T00:00:00"]]
    settings_ = {"start_utc": "2024-01-01", "fit_exclude_utc": excluded, "fit_fraction": 0.5}
    assert scaled(tmp_path, {"v": values}, **settings_).stretches == [fit_affine(values[:10])]


def test_a_fraction_is_part_of_what_a_reel_was_made_from(tmp_path):
    scaled(tmp_path, {"v": waves(40, 1)[:, 0]})
    with pytest.raises(FileExistsError, match="other frames or settings"):
        scaled(tmp_path, {"v": waves(40, 1)[:, 0]}, fit_fraction=0.5)


def test_the_scaling_of_another_series_is_taken(tmp_path):
    train = scaled(tmp_path, {"a": waves()[:, 0], "b": 5 * waves()[:, 1]}, "train")
    test = scaled(tmp_path, {"b": 9 + waves()[:, 1], "a": waves()[:, 0]}, "test", stretch_from=str(train.path))
    assert test.stretches == train.stretches[::-1]


def test_rounding_noise_of_a_constant_is_not_blown_up(tmp_path):
    noise = np.random.default_rng(0).integers(-2, 3, 100)
    single = (np.float32(0.1) + noise * np.spacing(np.float32(0.1))).astype(np.float32)
    double = 1e6 + noise * np.spacing(1e6)
    small = 1e6 + noise * 1e-3  # a signal, in double precision
    reel = scaled(tmp_path, {"single": single, "double": double, "zero": np.zeros(100), "small": small})
    spread = np.ptp(reel.frames[:, :, 0, 0], axis=0)
    assert (spread[:3] < 1e-5).all()
    assert spread[3] >= 1
    np.testing.assert_allclose(reel.frames[:, :3, 0, 0], 0.5, atol=1e-5)


def test_infinite_huge_and_missing_values_are_left_out_and_counted(tmp_path):
    good = waves(300, 1)[:, 0]
    odd = good.copy()
    odd[[3, 4, 5, 6]] = np.inf, -np.inf, 1e300, np.nan
    columns = {"good": good, "odd": odd, "none": np.full(300, np.nan), "far": np.where(np.arange(300) == 9, 1e30, good)}
    reel = scaled(tmp_path, columns, precision="float16")
    assert reel.channels == ["good", "odd", "far"]
    assert reel.meta["columns"]["none"] == "left out: 0 of its 0 cells are numbers"
    assert reel.meta["columns"]["odd"] == "value, 3 cells without a number, as 'inf'"
    flags = reel.table["flags"].fillna("").tolist()
    assert flags[3:7] == ["interpolated: odd"] * 4
    assert flags[9] == "interpolated: far"
    assert np.isfinite(reel.frames).all()
    np.testing.assert_allclose(reel.signals()[[0, 50], 1], good[[0, 50]], atol=1e-2)


def test_a_variable_that_begins_after_the_fitted_part_is_named(tmp_path):
    late = np.where(np.arange(100) < 60, np.nan, 1.0)
    with pytest.raises(ValueError, match=r"late: no value to fit the scaling on; see .*prep\.fit_fraction"):
        scaled(tmp_path, {"v": waves(100, 1)[:, 0], "late": late}, fit_fraction=0.5)


@settings(max_examples=25, deadline=None)
@given(
    hnp.arrays(float, (24, 2), elements=st.floats(allow_nan=True, allow_infinity=True) | st.sampled_from([0.0, 1.0])),
    st.sampled_from(["float16", "float32"]),
)
def test_no_value_whatever_makes_prep_fail(tmp_path_factory, values, precision):
    folder = tmp_path_factory.mktemp("hostile")
    np.savez(folder / "s.npz", safe=np.arange(24.0), v=values)
    chosen = config.load(None, {"prep.precision": precision, "prep.min_coverage": 0.0})
    ((series,), _) = read_all([SeriesInput(ArraySource(), folder / "s.npz")], folder / "s.npz", chosen.prep)
    reel = Reel(assemble_series(series, Given(None, {}), folder / "s", chosen, with_page=False))
    assert np.isfinite(reel.frames).all()
    assert len(reel) == 24
    assert json.loads((reel.path / "reel.json").read_text())["shape"] == [24, len(reel.channels), 1, 1]


@pytest.mark.parametrize("save", [np.save, lambda path, records: np.savez(path.with_suffix(".npz"), r=records)])
def test_an_array_of_records_has_its_columns(tmp_path, save):
    """As databases and C programs write them, in any byte order."""
    records = np.zeros(60, [("time", "M8[s]"), ("a", ">f4"), ("b", "i2")])
    records["time"] = np.datetime64("2012-07-19T07:30:00") + np.arange(60) * np.timedelta64(60, "s")
    records["a"], records["b"] = np.arange(60) / 4, -np.arange(60)
    save(tmp_path / "in.npy", records)
    (path,) = tmp_path.glob("in.*")
    reel = only(prepared(path, tmp_path / "out"))
    assert (reel.channels, reel.cadence_s, str(reel.times_utc[0])) == (["a", "b"], 60, "2012-07-19T07:30:00.000")
