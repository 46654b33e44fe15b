"""Labels as data sets come with them: windows by file, a 0 or 1 for each sample, Parquet; never all silently."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import config
from config import PrepConfig
from data.labels.anomalies import Anomalies, Known, read_anomalies
from data.labels.intervals import read_intervals
from data.labels.point_labels import PointLabels, labels_alone
from data.prepare_data import prep
from data.reel.reel import Reel

ROWS = 60
TIMES = pd.date_range("2024-03-05T10:00", periods=ROWS, freq="min")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("labels")


def read(folder: Path, text: str, name: str = "l.csv") -> Known:
    (folder / name).write_text(text)
    return read_anomalies(str(folder / name), "prep.labels_csv", PrepConfig())


bits = st.lists(st.sampled_from([0, 1]), min_size=ROWS, max_size=ROWS).filter(lambda own: len(set(own)) > 1)


@settings(max_examples=30)
@given(bits, st.sampled_from(["label", "attack", "is_fault", "y", "Anomaly?"]), st.sampled_from([int, float, bool]))
def test_a_time_and_0_or_1_of_each_sample(folder, own, name, kind):
    """Where the name of the column was not known, every sample was an anomaly."""
    if kind is bool and name not in ("label", "attack"):
        kind = int
    rows = "".join(f"{time},{kind(label)}\n" for time, label in zip(TIMES, own, strict=True))
    found = read(folder, f"timestamp,{name}\n{rows}")
    assert isinstance(found, Anomalies)
    assert found.utc is not None
    assert [start[:19] for start, _ in found.utc] == [
        time.isoformat() for time, label in zip(TIMES, own, strict=True) if label
    ]


@settings(max_examples=30)
@given(bits, st.sampled_from(["{}", "{}.0", "{}.000000000000000000e+00"]), st.sampled_from(["", "label\n"]))
def test_a_file_of_a_label_for_each_sample(folder, own, form, head):
    found = read(folder, head + "".join(form.format(label) + "\n" for label in own), "x.txt")
    assert isinstance(found, PointLabels)
    assert found.labels == tuple(own)
    shuffled = np.random.default_rng(1).permutation(ROWS)
    table = pd.DataFrame({"source": [f"row {row + 1}" for row in shuffled]})
    known = found.of("any", table)
    assert known is not None
    assert known[0].tolist() == [own[row] for row in shuffled]
    assert found.of("any", table.iloc[1:]) is None


@pytest.mark.parametrize("text", ["0 1\n" * 20, "0\n1\n2\n" * 9, "start\n" + "a\n" * 9, "0\n1\n"])
def test_other_texts_are_no_labels_of_samples(text):
    assert labels_alone(text) is None


@pytest.mark.parametrize(
    "windows",
    [
        {"real/x.csv": [["2024-03-05 10:20:00.000000", "2024-03-05 10:24:00.000000"]], "art/y.csv": []},
        {"anomalies": [{"start": "2024-03-05T10:20:00Z", "end": "2024-03-05T10:24:00Z"}]},
        [{"start": "2024-03-05T10:20:00Z", "end": "2024-03-05T10:24:00Z"}],
    ],
)
def test_windows_in_json(folder, windows):
    """NAB's combined_windows.json; lists of objects."""
    found = read(folder, json.dumps(windows), "l.json")
    assert isinstance(found, Anomalies)
    intervals = found.utc if found.utc is not None else found.clips["real/x.csv"]
    assert intervals == (("2024-03-05T10:20:00.000", "2024-03-05T10:24:00.000"),)
    assert found.utc is not None or found.clips["art/y.csv"] == ()


@pytest.mark.parametrize("text", ['{"x.csv": [[1, 2, 3]]}', '{"x.csv": [5]}', "[1, 2]", "{broken", '{"a": {"b": 1}}'])
def test_other_json_is_refused(folder, text):
    with pytest.raises(ValueError, match=r"l\.json"):
        read(folder, text, "l.json")


def test_parquet(folder):
    pd.DataFrame({"Start": TIMES[[20]], "END": TIMES[[24]], "label": [1]}).to_parquet(folder / "l.parquet")
    assert read_intervals(str(folder / "l.parquet"), "x") == (("2024-03-05T10:20:00.000", "2024-03-05T10:24:00.000"),)


@pytest.mark.parametrize("names", ["begin;finish", "Anfang;Ende", "von;bis"])
def test_words_for_start_and_end(folder, names):
    (folder / "l.csv").write_text(f"{names}\n05.03.2024 10:20;05.03.2024 10:24\n")
    assert read_intervals(str(folder / "l.csv"), "x") == (("2024-03-05T10:20:00.000", "2024-03-05T10:24:00.000"),)


def prepared(tmp_path: Path, **settings) -> list[Path]:
    given = {"clip_length": 4, "stride": 2, **settings}
    raw = {"data_raw": str(tmp_path / "raw"), "data_clips": str(tmp_path / "clips"), "workers": 1, "prep": given}
    return prep(config.load(None, raw))


def test_labels_beside_test_data_are_no_series_and_label_them(tmp_path, caplog):
    """SMD: train, test and test_label hold files of one name; only the test set has as many rows as labels."""
    own = [int(20 <= i < 25) for i in range(ROWS)]
    values = [f"{np.sin(i / 3):.3f},{i % 7}\n" for i in range(ROWS)]
    cells = {"train": values[:-3], "test": values, "test_label": [f"{label}\n" for label in own]}
    for name, lines in cells.items():
        (tmp_path / "raw" / name).mkdir(parents=True)
        (tmp_path / "raw" / name / "m-1.txt").write_text("".join(lines))
    made = prepared(tmp_path, labels_csv=str(tmp_path / "raw/test_label/m-1.txt"))
    labels = {path.name: Reel(path).labels for path in made}
    assert labels.keys() == {"test_m-1", "train_m-1"}
    assert labels["train_m-1"] is None
    assert labels["test_m-1"] is not None
    assert labels["test_m-1"].tolist() == own
    caplog.clear()
    other = tmp_path / "other"
    (tmp_path / "raw").rename(other)
    (tmp_path / "raw").mkdir()
    (other / "test").rename(tmp_path / "raw/test")
    (other / "test_label").rename(tmp_path / "raw/test_label")
    (tmp_path / "short.txt").write_text("".join(cells["test_label"][1:]))
    prepared(tmp_path, labels_csv=str(tmp_path / "short.txt"), resample_sec=None, sample_interval_sec=2)
    assert "it holds 0 and 1 alone, as labels" in caplog.text
    assert "it holds 59 labels, and no reel has as many rows" in caplog.text


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "time,timeEnd,text\n2024-03-05 10:05,2024-03-05 10:15,deploy\n"),
        ("a.csv", "timestamp,end_time\n2024-03-05 10:05,2024-03-05 10:15\n"),
        ("a.csv", "time,duration_min\n2024-03-05 10:05,10\n"),
        ("a.csv", "Starting Time,Ending Time\n2024-03-05 10:05,2024-03-05 10:15\n"),
        ("a.csv", "start,duration\n2024-03-05 10:05,10 min\n"),
        ("a.csv", "start_time,end_time,label\n2024-03-05 10:05,2024-03-05 10:15,1\n"),
        ("a.csv", "start,duration_min,label\n2024-03-05 10:05,10,1\n2024-03-05 11:05,10,0\n"),
        ("a.csv", "start,duration\n2024-03-05 10:05,PT10M\n"),
        ("a.csv", "interval\n2024-03-05 10:05 - 2024-03-05 10:15\n"),
        ("a.csv", "anomaly\n2024-03-05T10:05Z/2024-03-05T10:15Z\n"),
        ("a.csv", "2024-03-05 10:05,2024-03-05 10:15\n"),
        ("a.csv", "t_start;t_end\n05.03.2024 10:05;05.03.2024 10:15\n"),
        ("a.csv", "Nr.,Start Time,End Time,Failure\n#1,5 Mar 2024 10:05,10:15,Air leak\n"),
        ("a.csv", "time,tag,state\n2024-03-05 10:05,P1,RAISED\n2024-03-05 10:15,P1,CLEARED\n"),
        ("a.json", "[[1709633100, 1709633700]]"),
        ("a.json", json.dumps([{"id": 1, "label": [{"start": "2024-03-05 10:05", "end": "2024-03-05 10:15"}]}])),
        ("a.json", json.dumps([{"id": 1, "time": 1709633100000, "timeEnd": 1709633700000, "text": "deploy"}])),
    ],
)
def test_a_time_with_an_end_is_an_interval(folder, name, text):
    """It was a moment: what came after its first sample was called normal."""
    found = read(folder, text, name)
    assert isinstance(found, Anomalies)
    assert found.utc == (("2024-03-05T10:05:00.000", "2024-03-05T10:15:00.000"),)


@pytest.mark.parametrize(
    ("text", "is_own"),
    [
        ('chan_id,anomaly_sequences,num_values\nP-1,"[[3, 5], [8, 8]]",{n}\nP-2,"[[1, 2]]",9\n', True),
        ("start_index,end_index\n3,5\n8,8\n", True),
        ("start_row,end_row,label\n3,5,1\n8,8,1\n10,12,0\n", True),
        ("series,start_row,end_row\n1,0,1\nP-1,3,5\nP-1,8,8\n", True),
        ("timestamp,value,is_anomaly\n{points}", True),
        ('chan_id,anomaly_sequences,num_values\nP-1,"[[3, 5]]",9\n', False),
    ],
)
def test_labels_by_the_numbers_of_rows(folder, text, is_own):
    """Yahoo's, SMAP's and MSL's: rows from 0 on; a test set is told from the training's by how many rows it has."""
    points = "".join(f"{i + 1},{i * 1.5},{int(i in (3, 4, 5, 8))}\n" for i in range(ROWS))
    found = read(folder, text.format(n=ROWS, points=points))
    known = found.of("test_P-1", pd.DataFrame({"source": [f"row {row + 1}" for row in range(ROWS)], "label": np.nan}))
    assert (known is not None) == is_own
    if known is not None:
        assert np.flatnonzero(known[0]).tolist() == [3, 4, 5, 8]


def test_times_by_another_name_are_no_rows(folder):
    """Each label would have been of the row in its place, whatever its day."""
    days = "".join(f"2024-03-{day:02d},{day % 2}\n" for day in range(1, 21))
    with pytest.raises(ValueError, match="needs the columns"):
        read(folder, "Tag der Messung,label\n" + days)


def test_labels_of_minus_1_and_1_are_asked_for(folder):
    """All of them were anomalies."""
    text = "time,label\n" + "".join(f"{time},{-1 if i == 3 else 1}\n" for i, time in enumerate(TIMES))
    with pytest.raises(ValueError, match=r"-1 and 1.*prep\.label_normal"):
        read(folder, text)
    found = read_anomalies(str(folder / "l.csv"), "prep.labels_csv", PrepConfig(label_normal=(1,)))
    assert isinstance(found, Anomalies)
    assert found.utc == (("2024-03-05T10:03:00.000", "2024-03-05T10:03:00.000"),)


def test_a_moment_among_intervals_is_one(folder):
    found = read(folder, "time,timeEnd\n2024-03-05 10:05,\n2024-03-05 10:20,2024-03-05 10:30\n")
    assert isinstance(found, Anomalies)
    assert found.utc is not None
    assert found.utc[0] == ("2024-03-05T10:05:00.000", "2024-03-05T10:05:00.000")


@pytest.mark.parametrize(("shape", "is_read"), [((40,), True), ((40, 1), True), ((1, 40), True), ((10, 4), False)])
def test_masks_are_no_labels_of_rows(folder, shape, is_read):
    np.save(folder / "m.npy", np.zeros(shape, np.uint8))
    if is_read:
        assert read_anomalies(str(folder / "m.npy"), "prep.labels_csv") == PointLabels(str(folder / "m.npy"), (0,) * 40)
    else:
        with pytest.raises(ValueError, match="10 x 4"):
            read_anomalies(str(folder / "m.npy"), "prep.labels_csv")
