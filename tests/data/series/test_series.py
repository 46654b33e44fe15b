"""Time series through prep, review, train and eval: tables as users have them, and the XRS files that sunpy carries."""

import json
import warnings
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import sunpy.data.test
import yaml
from hypothesis import given
from hypothesis import strategies as st

import config
import main
from data import sources
from data.prepare_data import prep
from data.reel.mask_bits import INVALID
from data.reel.reel import Reel
from data.reel.stretch import Stretch, fit_affine
from data.review_processed_data import _sample_statistics, block_means, frame_statistics
from inference.events.events import events_table
from inference.results.signals import panels_of
from inference.results.timeline import timeline
from models import MODELS
from models.series.series_model import SeriesModel
from tests.support.paths import ROOT
from tests.support.reels import drifting_blobs, make_reel

SUNPY = Path(sunpy.data.test.rootdir)
N, SPIKE, SHIFT = 3000, 2300, range(2600, 2616)
SETTINGS = {
    "workers": 0,
    "device": "cpu",
    "data_raw": "raw",
    "data_clips": "reels",
    "model_path": "run",
    "prep": {"clip_length": 64, "stride": 8, "label_column": "truth"},
    "model": {
        "patch": [1, 1, 1],
        "stages": [
            {"width": 16, "kernel": [5, 1, 1]},
            {"width": 24, "stride": [4, 1, 1], "kernel": [5, 1, 1]},
            {"width": 32, "stride": [4, 1, 1], "kernel": [3, 1, 1]},
        ],
        "latent_channels": 8,
    },
    "train": {
        "epochs": 12,
        "warmup_epochs": 1.0,
        "batch_size": 8,
        "drop_last": False,
        "lr": 3e-3,
        "exclude_utc": [["2024-01-02T13:00:00", "2024-01-04T00:00:00"]],
    },
    "eval": {"batch_size": 64, "stride": 16},
}


def telemetry(n: int = N) -> pd.DataFrame:
    """Two variables that a model can learn and a constant one; a spike, and a shift for 16 samples."""
    random, i = np.random.default_rng(1), np.arange(n)
    times = np.datetime64("2024-01-01T00:00:00", "s") + 60 * i
    temperature = 100 + 10 * np.sin(i / 17) + random.normal(0, 0.5, n)
    vibration = np.cos(i / 9) + random.normal(0, 0.05, n)
    truth = np.zeros(n, int)
    if n > SHIFT[-1]:
        temperature[SPIKE] += 25
        vibration[SHIFT] += 3
        truth[[SPIKE, *SHIFT]] = 1
    columns = {"Timestamp": times.astype(str), "temperature": temperature, "a/b, c": vibration, "constant": 7.0}
    return pd.DataFrame(columns | {"truth": truth})


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A folder in which the four modes have run on a CSV."""
    folder = tmp_path_factory.mktemp("series")
    (folder / "raw").mkdir()
    telemetry().to_csv(folder / "raw" / "pump.csv", index=False)
    (folder / "settings.yaml").write_text(yaml.safe_dump(SETTINGS))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for mode in ("prep", "review", "train", "eval"):
            assert main.main(["-m", mode, "-c", "settings.yaml"]) == 0, mode
    return folder


def prepared(path: Path, out: Path, **settings) -> dict[str, Reel]:
    """The reels of `prep`, by name."""
    chosen = {"data_raw": str(path), "data_clips": str(out), "workers": 0, "prep.clip_length": 8}
    made = prep(config.load(None, chosen | {f"prep.{key}": value for key, value in settings.items()}))
    return {reel.name: Reel(reel) for reel in made}


def only(reels: dict[str, Reel]) -> Reel:
    (reel,) = reels.values()
    return reel


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


# The four modes


def test_a_table_becomes_a_reel_of_one_pixel_frames_that_is_invertible(work):
    reel, table = Reel(work / "reels" / "pump"), telemetry()
    assert reel.is_series
    assert reel.shape == (N, 3, 1, 1)
    assert reel.channels == ["temperature", "a/b, c", "constant"]
    assert reel.cadence_s == 60
    assert reel.meta["kind"] == "series"
    np.testing.assert_allclose(reel.signals(), table[reel.channels], rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(reel.physical(5, 6)[0][:, 0, 0], table[reel.channels].iloc[5], rtol=1e-6)
    assert (reel.times_utc == table["Timestamp"].to_numpy("datetime64[ms]")).all()
    np.testing.assert_array_equal(reel.labels, table["truth"])
    assert not (reel.path / "preview.mp4").exists()
    assert (reel.path / "summary.png").is_file()


def test_review_rejects_the_windows_that_stand_out_and_draws_them(work):
    windows = pd.read_csv(work / "reels" / "pump" / "windows.csv")
    rejected = windows[windows["verdict"] == "reject"]
    holds_spike = (rejected["start"] <= SPIKE) & (rejected["start"] + 64 > SPIKE)
    assert holds_spike.any()
    assert len(rejected) < 0.2 * len(windows)
    assert (work / "reels" / "pump" / "review_outliers.png").is_file()


def test_spike_and_shift_are_the_strongest_events(work):
    events = pd.read_csv(work / "run" / "eval" / "pump" / "events.csv").sort_values("peak_score")
    first, last = events["frame_start"], events["frame_end"]
    is_spike = (first <= SPIKE) & (last >= SPIKE)
    is_shift = (first <= SHIFT[-1] + 2) & (last >= SHIFT[0] - 2)
    assert is_spike.sum() == 1
    assert is_shift.any()
    found = is_spike | is_shift
    assert events.loc[found, "peak_score"].min() > events["peak_score"].where(~found, 0).max()
    assert (events.loc[is_spike, ["frame_start", "frame_end"]] - SPIKE).abs().max(axis=None) <= 3
    assert (events["area_px"] == 1).all()
    assert events["instrument"].isna().all()


def test_scores_beat_chance_and_there_is_no_movie(work):
    out = work / "run" / "eval" / "pump"
    summary = json.loads((out / "summary.json").read_text())
    assert summary["frames_scored"] == N
    assert summary["metrics"]["frame_auc"] > 0.9
    assert summary["metrics"]["average_precision"] > 20 * 17 / N
    assert {"timeline.png", "events.json", "scores.csv", "scores.f16"} <= {path.name for path in out.iterdir()}
    assert not (out / "anomaly.mp4").exists()


def test_movie_only_says_that_a_series_has_none(work, monkeypatch, capsys):
    monkeypatch.chdir(work)
    assert main.main(["-m", "eval", "-c", "settings.yaml", "--movie_only"]) == 0
    assert "has no movie" in capsys.readouterr().err


def test_the_default_model_and_loss_run_on_a_series(tmp_path):
    make_reel(tmp_path / "reels" / "s", drifting_blobs(200, 1, 1, C=2), clip_length=32)
    small = ["--set", "train.epochs=1", "--set", "train.warmup_epochs=0.0", "--set", "workers=0", "--device", "cpu"]
    places = ["--data-clips", str(tmp_path / "reels"), "--model-path", str(tmp_path / "run")]
    for mode in ("review", "train", "eval"):
        assert main.main(["-m", mode, *places, *small]) == 0, mode
    assert (tmp_path / "run" / "eval" / "s" / "summary.json").is_file()


# Tables as they come


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
        "line 9": "expected 4 fields, saw 6",
    }
    assert reel.meta["columns"]["note"] == "left out: 0 of its 9 cells are numbers"
    assert reel.meta["columns"]["a"] == "value, 1 cells that are no numbers"


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
        ("", {}, "not readable as a table"),
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


@pytest.mark.parametrize("name", ["series", "goes"])
def test_the_recipes_of_series_load_and_stride_in_time_only(name):
    recipe = config.load(ROOT / "demo" / f"{name}.yaml")
    assert all(stage.stride[1:] == (1, 1) for stage in recipe.model.stages or ())
    assert recipe.model.patch is None or recipe.model.patch[1:] == (1, 1)
    is_for_series = issubclass(MODELS[recipe.model.name], SeriesModel)
    assert is_for_series or recipe.model.patch is not None  # whose own is for pictures


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


def test_statistics_of_samples_are_those_of_single_frames(tmp_path):
    masks = np.zeros((50, 1, 1), np.uint8)
    masks[7] = INVALID
    reel = make_reel(tmp_path / "s", drifting_blobs(50, 1, 1, C=3), masks=masks)
    before, expected = None, np.zeros((50, 5))
    for i in range(50):  # as frame_statistics does with pictures
        frame = reel.frames[i].astype(np.float64)
        blocks = block_means(frame)
        if not masks[i]:
            change = 0.0 if before is None else np.abs(blocks - before).max()
            values = frame.ravel()
            expected[i] = values.mean(), (values**2).mean(), np.quantile(values, 0.99), change, 1
        before = blocks
    np.testing.assert_allclose(_sample_statistics(reel), expected)
    np.testing.assert_allclose(frame_statistics(reel), expected)


# GOES XRS


def sunpy_series(name: str) -> pd.DataFrame:
    import sunpy.timeseries

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return sunpy.timeseries.TimeSeries(str(SUNPY / name), source="XRS").to_dataframe()


@pytest.fixture(scope="module")
def goes(tmp_path_factory):
    """The reel of GOES-15 on 2011-06-07."""
    return only(prepared(SUNPY / "go1520110607.fits", tmp_path_factory.mktemp("goes"), clip_length=1024, stride=256))


def test_xrs_reel_holds_what_sunpy_reads(goes):
    truth = sunpy_series("go1520110607.fits")
    assert goes.channels == ["xrsa", "xrsb"]
    assert goes.meta["unit"] == "W/m^2"
    assert len(goes) == len(truth)
    np.testing.assert_allclose(goes.signals(), truth[["xrsa", "xrsb"]], rtol=1e-5)
    assert (goes.times_utc == truth.index.to_numpy().astype("datetime64[ms]")).all()


def test_the_flare_of_2011_06_07_is_the_maximum_and_an_m2_5(goes):
    flux = goes.signals()[:, 1]
    peak = goes.times_utc[flux.argmax()]
    assert np.datetime64("2011-06-07T06:16") < peak < np.datetime64("2011-06-07T06:59")
    assert flux.max() == pytest.approx(2.5e-5, rel=0.05)
    assert goes.frames[:, 1].argmax() == flux.argmax()


@pytest.mark.parametrize(
    "name",
    [
        "goes_13_leap_second.nc",
        "sci_gxrs-l2-irrad_g13_d20170901_truncated.nc",
        "sci_xrsf-l2-avg1m_g15_d20190102_truncated.nc",
        "sci_xrsf-l2-avg1m_g16_d20210101_truncated.nc",
        "sci_xrsf-l2-flx1s_g17_d20201016_truncated.nc",
    ],
)
def test_every_xrs_netcdf_of_sunpy_is_read_and_bad_samples_are_left_out(tmp_path, name):
    reel, truth = only(prepared(SUNPY / name, tmp_path / "out")), sunpy_series(name)
    good = reel.table["flags"].isna().to_numpy()
    rows = reel.table["source"].str.removeprefix("sample ").astype(int).to_numpy() - 1
    np.testing.assert_allclose(reel.signals()[good], truth[["xrsa", "xrsb"]].to_numpy()[rows[good]], rtol=1e-5)
    assert (reel.signals() > 0).all()
    filled = set(reel.table["flags"].dropna())
    assert filled == ({"interpolated: xrsa"} if (truth["xrsa"] <= 0).any() else set())


def test_a_fits_of_xrs_beside_images_becomes_a_series_of_its_own(tmp_path):
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "go15.fits").write_bytes((SUNPY / "go1520110607.fits").read_bytes())
    (tmp_path / "raw" / "aia.fits").write_bytes((SUNPY / "aia_171_level1.fits").read_bytes())
    reels = prepared(tmp_path / "raw", tmp_path / "out", resize=[16, 16])
    assert set(reels) == {"go15", "aia_171"}
    assert len(reels["aia_171"].candidates) == 1


def test_xrs_is_drawn_under_a_reel_of_the_same_time(goes, tmp_path, capsys):
    during = make_reel(tmp_path / "sun", drifting_blobs(20, 8, 8), start_utc="2011-06-07T06:30:00")
    (panel,) = panels_of(during, str(goes.path))
    no_events = events_table([])
    timeline(tmp_path / "with.png", np.ones(20), 2, 3, no_events, during.times_utc, panels=[panel])
    timeline(tmp_path / "without.png", np.ones(20), 2, 3, no_events, during.times_utc)
    heights = [cv2.imread(str(tmp_path / name)).shape[0] for name in ("with.png", "without.png")]
    assert heights[0] > heights[1]
    assert set(panel.curves) == {"xrsa", "xrsb"}
    assert panel.times[0] >= during.times_utc[0]
    assert panel.times[-1] <= during.times_utc[-1]
    assert np.nanmax(panel.curves["xrsb"]) > 1e-5
    other = make_reel(tmp_path / "other", drifting_blobs(20, 8, 8))
    assert panels_of(other, str(goes.path)) == []
    assert "no samples at its time" in capsys.readouterr().err
    with pytest.raises(ValueError, match="no reel of GOES XRS"):
        panels_of(during, str(other.path))
