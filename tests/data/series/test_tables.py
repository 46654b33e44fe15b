"""Tables as people have them through prep: what becomes of their columns, and what is said."""

import gzip
import json
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import config
from data import sources
from data.disk.files import write_csv
from data.prepare_data import prep
from data.reel.reel import Reel
from data.reel.windows import training_split
from data.series.resample import resampled
from data.sources.base import TableError
from data.sources.table import TableSource
from training.loader import refuse_what_never_varies

N = 40
TIMES = [str(np.datetime64("2012-07-19T07:30:01") + np.timedelta64(60 * i, "s")) for i in range(N)]
WAVE = np.round(20 + np.sin(np.arange(N) / 3), 3)


def prepared(path: Path, **settings) -> dict[str, Reel]:
    """The reels of `prep`, by name, in a folder beside the input."""
    chosen = {"data_raw": str(path), "data_clips": str(path) + "_reels", "workers": 0, "prep.clip_length": 8}
    made = prep(config.load(None, chosen | {f"prep.{key}": value for key, value in settings.items()}))
    return {reel.name: Reel(reel) for reel in made}


def table(tmp_path: Path, columns: dict, name: str = "in/t.csv", **how) -> Path:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    pd.DataFrame(columns).to_csv(path, index=False, **how)
    return path


def only(path: Path, **settings) -> Reel:
    (reel,) = prepared(path, **settings).values()
    return reel


def series_of(path: Path, **settings):
    (series,) = TableSource().read_series(path, config.PrepConfig(**settings))
    return series


def is_in_minutes(reel: Reel) -> bool:
    return reel.times_utc is not None and [str(t)[:19] for t in reel.times_utc] == TIMES


# Times


@pytest.mark.parametrize(
    "columns",
    [
        {"": [time.replace("T", " ") for time in TIMES]},
        {"Zeitstempel": TIMES},
        {"date": [time[:10] for time in TIMES], "time": [time[11:] for time in TIMES]},
        {"Uhrzeit": [time[11:] for time in TIMES], "Datum": [f"{time[8:10]}.{time[5:7]}.{time[:4]}" for time in TIMES]},
        {"timestamp": [1342683001000 + 60_000 * i for i in range(N)]},
        {"sample taken": [1342683001 + 60 * i for i in range(N)]},
        {"year": [2012] * N, "month": [7] * N, "day": [19] * N, "hour": [t[11:13] for t in TIMES],
         "minute": [t[14:16] for t in TIMES], "second": [1] * N},
    ],
)  # fmt: skip
def test_times_are_found_in_columns_of_any_kind(tmp_path, columns):
    reel = only(table(tmp_path, columns | {"value": WAVE}).parent)
    assert is_in_minutes(reel)
    assert reel.channels == ["value"]


@pytest.mark.parametrize("name", ["", "EasyLog USB"])
def test_row_numbers_are_no_variable(tmp_path, name):
    reel = only(table(tmp_path, {name: range(1, N + 1), "time": TIMES, "value": WAVE}))
    assert reel.channels == ["value"]
    assert reel.meta["columns"][name or "column_0"] == "left out: row numbers"


def test_times_that_the_change_of_the_clock_leaves_open_are_rows_with_a_reason(tmp_path):
    times = pd.date_range("2024-03-31 01:00", periods=N, freq="10min").astype(str)
    reel = only(table(tmp_path, {"time": times, "value": WAVE}), time_zone="Europe/Zurich")
    assert len(reel) == N - 6
    assert reel.candidates["reason"].dropna().unique().tolist() == [
        "no such time in prep.time_zone: the clock was set forward"
    ]
    assert reel.meta["read_as"] == ["times: local time of Europe/Zurich"]


# Cells


def test_numbers_as_people_write_them(tmp_path):
    columns = {"time": TIMES, "power": [f"{1000 * v:,.1f}" for v in WAVE], "load": [f"{v} %" for v in WAVE]}
    reel = only(table(tmp_path, columns))
    np.testing.assert_allclose(reel.signals(), np.stack([1000 * WAVE, WAVE], axis=1), rtol=1e-5)
    assert "load: in %" in reel.meta["read_as"]


def test_fill_values_are_missing_named_and_not_in_the_scale(tmp_path, capsys):
    values = np.where(np.arange(N) % 13 == 5, -999, WAVE)
    path = table(tmp_path, {"time": TIMES, "a": values, "b": np.where(values == -999, -200, WAVE)})
    reel = only(path)
    assert "-999 in 3 cells taken as missing" in reel.meta["columns"]["a"]
    assert reel.stretches[0].x0 > 18
    assert (reel.table["flags"] == "interpolated: a").sum() == 3
    assert "t.csv: b: -200 comes 3 times, far off all others" in capsys.readouterr().err
    kept = series_of(path, missing_values=())
    assert kept.values[:, 0].min() == -999
    assert np.isnan(series_of(path, missing_values=(-200.0,)).values).sum() == 3


def test_columns_whose_names_differ_by_a_blank_are_both_read(tmp_path):
    path = tmp_path / "t.csv"
    rows = "".join(f"{time},{v},{-v}\n" for time, v in zip(TIMES, WAVE, strict=True))
    path.write_text("Time, Force Sensor 1,Force Sensor 1\n" + rows)
    assert series_of(path).channels == ("Force Sensor 1", "Force Sensor 1 (2)")
    assert series_of(path, value_columns=("Force Sensor 1 (2)",)).values[0, 0] == -WAVE[0]


def test_one_row_is_a_series(tmp_path):
    reel = only(table(tmp_path, {"time": TIMES[:1], "value": WAVE[:1]}))
    assert len(reel) == 1


# Labels


def test_labels_in_words(tmp_path):
    words = ["Attack" if 5 < i < 9 else "Normal" for i in range(N)]
    reel = only(table(tmp_path, {"time": TIMES, "value": WAVE, "Normal/Attack": words}), label_column="Normal/Attack")
    assert reel.labels.sum() == 3
    assert reel.meta["columns"]["Normal/Attack"] == "label, 1: attack"


def test_words_that_do_not_say_what_is_normal_are_refused_with_the_way_out(tmp_path, capsys):
    path = table(tmp_path, {"time": TIMES, "value": WAVE, "label": ["H", "A"] * (N // 2)})
    with pytest.raises(ValueError, match=r"'H', 'A': which of them are normal is not told; see prep\.label_normal"):
        only(path, label_column="label")
    assert only(path).labels is None
    assert "no labels are taken" in capsys.readouterr().err
    assert series_of(path, label_normal=("H",)).labels.sum() == N / 2


@pytest.mark.parametrize("name", ["EVENT", "ground_truth", "is_fault", "Attack LABLE (1:No Attack)", "machine_status"])
def test_a_column_that_may_hold_labels_is_offered_and_no_variable(tmp_path, name, capsys):
    reel = only(table(tmp_path, {"time": TIMES, "value": WAVE, name: [i % 9 == 0 for i in range(N)]}))
    assert reel.channels == ["value"]
    assert f"prep.label_column={name} takes it as labels" in capsys.readouterr().err


def test_what_only_sounds_like_labels_is_a_variable(tmp_path):
    path = table(tmp_path, {"time": TIMES, "event": WAVE, "valve": [i % 2 for i in range(N)]})
    assert series_of(path).channels == ("event", "valve")


# Shapes of tables


def test_a_long_table_becomes_a_variable_for_each_sensor(tmp_path):
    rows = [(time, sensor, v * k) for time, v in zip(TIMES, WAVE, strict=True) for k, sensor in ((1, "a"), (2, "b"))]
    columns = dict(zip(("time", "sensor", "value"), map(list, zip(*rows, strict=True)), strict=True))
    reel = only(table(tmp_path, columns))
    assert reel.channels == ["a", "b"]
    np.testing.assert_allclose(reel.signals()[:, 1], 2 * WAVE, rtol=1e-6)
    assert is_in_minutes(reel)


def test_uneven_steps_become_even_on_request(tmp_path):
    seconds = np.cumsum(np.random.default_rng(0).integers(20, 50, 200))
    seconds[120:] += 5000
    path = table(tmp_path, {"t": seconds, "v": np.sin(seconds / 400), "label": (np.arange(200) == 50).astype(int)})
    series = resampled(series_of(path), config.PrepConfig(resample_sec=60.0))
    steps = np.diff(series.times_s)
    assert set(steps[steps < 5000]) == {60}
    assert (steps >= 5000).sum() == 1  # a gap stays one
    middle = series.times_s + 30
    np.testing.assert_allclose(series.values[:, 0], np.sin(middle / 400), atol=0.1)
    assert series.labels.max() == 1
    assert len(only(path, resample_sec=60.0)) == len(steps) + 1


def test_uneven_steps_are_explained(tmp_path, capsys):
    only(table(tmp_path, {"t": np.cumsum(np.random.default_rng(0).integers(20, 50, 99)), "v": np.arange(99.0)}))
    assert "prep.resample_sec=" in capsys.readouterr().err


def test_a_hole_shorter_than_a_gap_is_bridged_and_missing_values_stay_missing(tmp_path):
    columns = {"t": [0, 10, 40, 50, 60], "v": [0.0, 1, 4, np.nan, 6], "w": [1.0, 1, 1, 1, 1]}
    series = resampled(series_of(table(tmp_path, columns)), config.PrepConfig(resample_sec=10.0))
    np.testing.assert_allclose(series.times_s, np.arange(7) * 10.0)
    np.testing.assert_allclose(series.values[:, 0], [0, 1, 2, 3, 4, np.nan, 6])
    assert series.rows.tolist() == ["row 1", "row 2", "interpolated", "interpolated", "row 3", "row 4", "row 5"]


def test_json_lines_feather_arrow_orc_and_stata(tmp_path):
    frame = pd.DataFrame({"ts": [1342683001000 + 60_000 * i for i in range(N)], "value": WAVE})
    frame.to_json(tmp_path / "a.jsonl", orient="records", lines=True)
    (tmp_path / "b.ndjson.gz").write_bytes(gzip.compress((tmp_path / "a.jsonl").read_bytes()))
    frame.to_feather(tmp_path / "c.feather")
    frame.to_feather(tmp_path / "d.arrow")
    frame.to_orc(tmp_path / "e.orc")
    frame.assign(ts=pd.to_datetime(frame["ts"], unit="ms")).to_stata(tmp_path / "f.dta", write_index=False)
    reels = prepared(tmp_path)
    assert set(reels) == set("abcdef")
    assert all(map(is_in_minutes, reels.values()))


def test_every_sheet_of_a_workbook_is_a_series(tmp_path):
    pytest.importorskip("openpyxl")
    with pd.ExcelWriter(tmp_path / "book.xlsx") as book:
        for sheet in ("north", "south"):
            pd.DataFrame({"time": TIMES, "value": WAVE}).to_excel(book, sheet_name=sheet, index=False)
    assert set(prepared(tmp_path)) == {"book_north", "book_south"}


def test_a_list_of_records_in_json_is_a_table_and_other_json_is_none(tmp_path):
    records = [{"time": time, "m": {"v": value, "w": -value}} for time, value in zip(TIMES, WAVE, strict=True)]
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "t.json").write_text(json.dumps(records, indent=1))
    (tmp_path / "in" / "settings.json").write_text('{"gain": 3}')
    reel = only(tmp_path / "in")
    assert reel.channels == ["m.v", "m.w"]
    assert is_in_minutes(reel)


def test_row_numbers_of_a_logger_are_no_variable_and_its_units_are_a_row(tmp_path):
    """TOA5 of Campbell Scientific: units and kinds of means below the names."""
    rows = [f'"{time}",{812 + i},{value}' for i, (time, value) in enumerate(zip(TIMES, WAVE, strict=True))]
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "t.dat").write_text("\n".join(["TIMESTAMP,RECORD,Air_Avg", "TS,RN,Deg C", ",,Avg", *rows]))
    reel = only(tmp_path / "in")
    assert reel.channels == ["Air_Avg"]
    assert is_in_minutes(reel)
    assert (~reel.candidates["accepted"]).sum() == 2


def test_times_that_are_too_coarse_are_told(tmp_path, caplog):
    coarse = [TIMES[i // 2 * 2] for i in range(N)]
    assert len(only(table(tmp_path, {"time": coarse, "v": WAVE}))) == N // 2
    assert f"{N // 2} of {N} samples have the time of another one" in caplog.text


def test_a_package_that_is_missing_is_named(tmp_path, monkeypatch):
    (tmp_path / "book.xlsx").write_bytes(b"PK\x03\x04")
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    monkeypatch.setattr(pd, "read_excel", lambda *_, **__: import_module("openpyxl"))
    with pytest.raises(ValueError, match=r"\.xlsx needs the package openpyxl \(pip install openpyxl\)"):
        prepared(tmp_path)


# Folders


def test_a_folder_of_values_and_labels_without_times(tmp_path):
    for i in range(3):
        table(tmp_path, {"Data": WAVE, "Label": (np.arange(N) == 9).astype(int)}, f"in/{i}.csv")
    table(tmp_path, {"file": [f"{i}.csv" for i in range(N)], "score": WAVE}, "in/results.csv")
    reels = prepared(tmp_path / "in")
    assert list(reels) == ["0", "1", "2"]
    assert all(reel.labels.sum() == 1 for reel in reels.values())


def test_text_without_a_telling_suffix(tmp_path):
    (tmp_path / "x.dat").write_text("".join(f"{i}  {v}\n" for i, v in enumerate(WAVE)))
    (tmp_path / "machine-1-1.txt").write_text("".join(f"{v},{2 * v}\n" for v in WAVE))
    (tmp_path / "README.txt").write_text("What is in this folder.\nNothing else.\n")
    found = sources.discover(tmp_path)
    assert sources.left_out(found.unread) == "files left out: 1 of unknown kind (.txt 1)"
    assert {name: reel.channels for name, reel in prepared(tmp_path).items()} == {
        "machine-1-1": ["column_0", "column_1"],
        "x": ["column_1"],
    }


def test_a_table_beside_a_stray_picture_is_a_series_and_a_list_of_events_is_none(tmp_path, capsys):
    table(tmp_path, {"time": TIMES, "value": WAVE}, "in/telemetry.csv")
    table(tmp_path, {"time": np.sort(np.random.default_rng(0).exponential(9, N)), "size": WAVE}, "in/events.csv")
    Image.fromarray(np.zeros((40, 60), np.uint8)).save(tmp_path / "in" / "plot.png")
    reels = prepared(tmp_path / "in", resize=[8, 8])
    assert set(reels) == {"telemetry"}
    assert "1 tables beside frames are left out: events.csv is no series" in capsys.readouterr().err


def test_one_bad_file_stops_no_other(tmp_path, monkeypatch, capsys):
    table(tmp_path, {"time": TIMES, "value": WAVE}, "in/good.csv")
    table(tmp_path, {"time": TIMES, "value": WAVE}, "in/odd.csv")
    read = TableSource.read_series

    def breaks(self, path, prep, smallest=0):
        if path.name == "odd.csv":
            raise AttributeError("'DataFrame' object has no attribute 'dtype'")
        return read(self, path, prep, smallest)

    monkeypatch.setattr(TableSource, "read_series", breaks)
    assert list(prepared(tmp_path / "in")) == ["good"]
    assert "odd.csv is no series: not readable (AttributeError" in capsys.readouterr().err


# Text is text


HOSTILE = ["price [$]/volume [$]", "$\\frac$", "_hidden", "=HYPERLINK(1)", "bell\x07 and\ttab", "温度", "<b>&amp;"]


def test_names_of_columns_are_text_in_pictures_and_tables(tmp_path):
    path = table(tmp_path, {"time": TIMES} | dict.fromkeys(HOSTILE, WAVE))
    reel = only(path)
    assert reel.channels == [*HOSTILE[:4], "bell and tab", *HOSTILE[5:]]
    assert (reel.path / "summary.png").is_file()
    assert json.loads((reel.path / "reel.json").read_text())["channels"] == reel.channels


def test_formulas_are_text_in_tables(tmp_path):
    cells = ["=1+1", "+cmd", "@x", "-cmd", "\t=1", "-5.5", "plain", None]
    write_csv(tmp_path / "t.csv", pd.DataFrame({"=n": cells, "number": range(-4, 4)}))
    found = pd.read_csv(tmp_path / "t.csv")
    assert found.columns.tolist() == ["'=n", "number"]
    assert found["'=n"].tolist()[:7] == ["'=1+1", "'+cmd", "'@x", "'-cmd", "'\t=1", "-5.5", "plain"]
    assert found["number"].tolist() == list(range(-4, 4))


# What is said and how it is named


def test_files_of_one_name_have_that_of_their_folder(tmp_path):
    for folder in ("train", "test"):
        (tmp_path / "in" / folder).mkdir(parents=True)
        table(tmp_path, {"time": TIMES, "v": WAVE}, f"in/{folder}/m.csv")
    table(tmp_path, {"time": TIMES, "v": WAVE}, "in/other.csv")
    assert set(prepared(tmp_path / "in")) == {"train_m", "test_m", "other"}


@pytest.mark.parametrize(("name", "is_told"), [("x", True), ("index", False)])
def test_a_column_that_may_be_times_is_offered(tmp_path, caplog, name, is_told):
    reel = only(table(tmp_path, {name: np.arange(N), "v": WAVE}))
    assert reel.cadence_s == 1.0
    assert (f"prep.time_column={name}" in caplog.text) == is_told


def test_many_rejected_samples_are_told_with_their_reason(tmp_path, caplog):
    times = ["never" if i % 3 == 0 else time for i, time in enumerate(TIMES)]
    only(table(tmp_path, {"time": times, "v": WAVE}))
    assert "t: 14 of 40 samples are rejected: 14 x time is missing or not readable" in caplog.text


@pytest.mark.parametrize("orient", ["records", "columns", "split", "lists", "lists and a name"])
@pytest.mark.parametrize("has_index", [False, True])
def test_json_as_pandas_and_services_write_it(tmp_path, orient, has_index):
    """A table of JSON is the same in each of its forms, whether its times are a column or the names of its rows."""
    has_index = has_index and orient in ("columns", "split")  # the others have no names of rows
    columns = {"a": WAVE, "b": -WAVE}
    whole = pd.DataFrame(columns, pd.to_datetime(TIMES)) if has_index else pd.DataFrame({"time": TIMES} | columns)
    path = tmp_path / "t.json"
    if orient.startswith("lists"):
        lists = {name: whole[name].tolist() for name in whole}
        path.write_text(json.dumps(({"units": {"a": "K"}} if "name" in orient else {}) | lists))
    else:
        path.write_text(whole.to_json(orient=orient, date_format="iso"))
    assert TableSource().takes(path)
    series = series_of(path)
    assert series.channels == ("a", "b")
    np.testing.assert_array_equal(series.times_utc, np.array(TIMES, "M8[ms]"))
    np.testing.assert_allclose(series.values, np.stack([WAVE, -WAVE], axis=1))


def test_json_of_another_form_is_refused(tmp_path):
    for text in ('{"a": {"x": 1}, "b": 2}', '{"status": {"data": []}, "n": 1}'):
        (tmp_path / "t.json").write_text(text)
        with pytest.raises(TableError):
            series_of(tmp_path / "t.json")


OF_PICTURES = ("frame", "movie", "camera", "pixel", "picture", "preview", "clip that")


@pytest.mark.parametrize("values", [WAVE, np.full(N, 3.0)])
@pytest.mark.parametrize("clip_length", [96, 30])
def test_what_is_said_of_a_short_table_has_words_of_tables(tmp_path, capsys, values, clip_length):
    """A table of 40 rows was told of the frames that its windows hold, and of its preview.mp4."""
    reel = only(table(tmp_path, {"time": TIMES, "v": values}), clip_length=clip_length)
    with pytest.raises(ValueError, match="window") as caught:
        training_split([reel], config.TrainConfig())
    said = capsys.readouterr().err + capsys.readouterr().out + str(caught.value)
    assert "sample" in said
    assert not [word for word in OF_PICTURES if word in said.replace(str(tmp_path), "")]


def test_a_table_that_never_varies_is_told_so_in_words_of_tables(tmp_path, caplog):
    refuse_what_never_varies([only(table(tmp_path, {"time": TIMES, "v": np.full(N, 3.0)}))])
    assert "nothing varies in t: all its samples are the same, so any change counts as unusual" in caplog.text
