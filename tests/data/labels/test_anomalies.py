"""Known anomalies by clip: on the clock that a player shows, for the reel of that name alone."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import Config, PrepConfig
from data.labels.anomalies import Anomalies, read_anomalies
from data.prepare_data import prep
from data.reel.reel import Reel, find_reels
from tests.support.videos import write_video

SMALL = PrepConfig(clip_length=2, stride=1, resize=(16, 16))


def table(times_s: list[float], shift_s: float = 0.0) -> pd.DataFrame:
    """As of a video whose first frame was rejected: its own clock is ahead of the reel's."""
    return pd.DataFrame({"time_utc": None, "time_s": times_s, "label": None, "clock_s": np.array(times_s) + shift_s})


def expected(times: np.ndarray, spans: list) -> list[float]:
    """One span after the other; one between two frames is of the first of them, which stands for that time."""
    labels = np.zeros(len(times))
    for first, last in spans:
        inside = (first <= times) & (times <= last)
        between = np.arange(len(times)) == np.searchsorted(times, first, "right") - 1
        labels[inside if inside.any() else between & (first < times + 7)] = 1
    return labels.tolist()


def written(folder: Path, text: str) -> str:
    path = folder / "labels.csv"
    path.write_text(text)
    return str(path)


@given(
    st.lists(st.tuples(st.integers(0, 7300), st.integers(0, 300)), max_size=4),
    st.sampled_from(["gate", "gate.mkv", "gate.night.mkv"]),
)
def test_a_frame_is_labelled_by_the_clock_of_its_clip(tmp_path_factory, spans, clip):
    folder, name = tmp_path_factory.mktemp("labels"), clip.removesuffix(".mkv")

    def shown(seconds: int, form: int) -> str:
        hours, minutes = seconds // 3600, seconds // 60
        whole = [f"{seconds}", f"{minutes}:{seconds % 60:02d}", f"{hours}:{minutes % 60:02d}:{seconds % 60:02d}"]
        return whole[form % 3]

    rows = [f"{clip},{shown(a, k)},{shown(a + length, k + 1)}" for k, (a, length) in enumerate(spans)]
    text = "\n".join(["clip,start,end", "other.mp4,0,9000", *(rows or [f"{clip},,"])])
    known = read_anomalies(written(folder, text), "prep.labels_csv")
    times = np.arange(0.0, 7700.0, 7.0)
    found = known.of(name, table(times.tolist(), 3.0))
    assert found is not None
    assert found[0].tolist() == expected(times + 3, [(a, a + length) for a, length in spans])
    assert known.of("door", table([0.0, 1.0])) is None
    assert known.not_in({name: ""}) == ["other.mp4"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("clip,start,end\na,soon,3\n", "'soon' is no time on a clip's clock; give seconds or h:mm:ss"),
        ("clip,start,end\na,2012-07-19 05:00,2012-07-19 06:00\nb,1:00,2:00\n", "or all times in UTC with their dates"),
        ("clip,start,end\na,5,\n", "'' is no time"),
        ("clip,start,end\na,1:00,30\n", "a has an anomaly from 1:00 to 30, which is earlier"),
        ("clip,start,end\n,1,2\n", "names no clip"),
        ("clip,from\na,1\n", "needs the columns clip,start,end; it has"),
    ],
)
def test_what_can_not_be_read_is_said(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        read_anomalies(written(tmp_path, text), "prep.labels_csv")


def test_reels_have_the_labels_of_their_clips(tmp_path, caplog):
    for name in ("gate", "door", "yard"):
        write_video(tmp_path / "in" / f"{name}.mp4", 6)
    gate = "gate.mp4,0:00.05,0:00.15\ndoor,,\nshed.mp4,1,2\n"
    chosen = replace(SMALL, labels_csv=written(tmp_path, f"clip,start,end\n{gate}"))
    prep(Config(data_raw=str(tmp_path / "in"), data_clips=str(tmp_path / "out"), prep=chosen, workers=1))
    reels: dict[str, Reel] = {reel.name: reel for reel in find_reels(tmp_path / "out")}
    clock_s = reels["gate"].clock_s
    labels = reels["gate"].labels
    assert clock_s is not None
    assert labels is not None
    assert labels.tolist() == [float(0.05 <= t <= 0.15) for t in clock_s.tolist()]
    assert 0 < labels.sum() < 6
    quiet = reels["door"].labels
    assert quiet is not None
    assert quiet.tolist() == [0.0] * 6
    assert reels["yard"].labels is None
    assert "names shed.mp4, and no reel is called so" in caplog.text


MINUTES = pd.date_range("2012-07-19 07:00", periods=40, freq="1min")
LABELS = {
    "file,start,end\na.csv,2012-07-19 07:05,2012-07-19 07:08\nb.csv,2012-07-19 07:15,2012-07-19 07:18\n": [5, 6, 7, 8],
    "name,start,end\npump #3,2012-07-19 07:05,2012-07-19 07:08\n": [5, 6, 7, 8],
    "start,end,label\n2012-07-19 07:05,2012-07-19 07:08,1\n2012-07-19 07:15,2012-07-19 07:18,0\n": [5, 6, 7, 8],
    "start,end,label\n2012-07-19 07:05,2012-07-19 07:06,leak\n2012-07-19 07:15,2012-07-19 07:18,normal\n": [5, 6],
    "anomaly,start,end\n0,2012-07-19 07:05,2012-07-19 07:06\n2,2012-07-19 07:15,2012-07-19 07:15\n": [5, 6, 15],
    "Start Time,End Time\n2012-07-19 07:05:10,2012-07-19 07:05:40\n": [5],
    "start,duration_s\n2012-07-19 07:05,120\n": [5, 6, 7],
    "start,duration\n2012-07-19 07:05,0:02:00\n": [5, 6, 7],
    "start,duration (min)\n2012-07-19 07:05,1.5\n": [5, 6],
    "date,start,end\n2012-07-19,7:05,7:06\n": [5, 6],
    "timestamp\n2012-07-19 07:05\n2012-07-19 07:09:30\n": [5, 9],
    "time,label\n2012-07-19 07:04,Normal\n2012-07-19 07:05,Attack\n": [5],
    "start,end\n1342681500,1342681560.5\n": [5, 6],
    "start,end\n2012-07-19 09:05+02:00,2012-07-19 09:06+02:00\n": [5, 6],
    "start,end\n2012-07-18,2012-07-18\n": [],
    "start,end\n2012-07-19,2012-07-19\n": list(range(40)),
}


@pytest.mark.parametrize("text", LABELS)
def test_labels_as_they_are_written(tmp_path, text):
    known = read_anomalies(written(tmp_path, text), "prep.labels_csv").of("a", utc_table())
    assert known is not None
    assert np.flatnonzero(known[0]).tolist() == LABELS[text]


def utc_table() -> pd.DataFrame:
    return pd.DataFrame({"time_utc": MINUTES.strftime("%Y-%m-%dT%H:%M:%S.000"), "time_s": 0.0, "label": None})


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        ("start,end\n2012-07-19 09:05,2012-07-19 09:06\n", {"time_zone": "Europe/Zurich"}),
        ("start,end\n2012-07-19T07:05Z,2012-07-19T07:06Z\n", {"time_zone": "Europe/Zurich"}),
        ("start_utc,end_utc\n2012-07-19 07:05,2012-07-19 07:06\n", {"time_zone": "Europe/Zurich"}),
        ("start,end\n2012-07-19 07:05,2012-07-19 07:06\n", {"time_format": "%d/%m/%Y %H:%M"}),
        ("start,end\n19/07/2012 07:05,19/07/2012 07:06\n", {"time_format": "%d/%m/%Y %H:%M"}),
    ],
)
def test_labels_are_read_as_the_times_beside_them(tmp_path, text, settings):
    known = read_anomalies(written(tmp_path, text), "prep.labels_csv", PrepConfig(**settings)).of("a", utc_table())
    assert known is not None
    assert np.flatnonzero(known[0]).tolist() == [5, 6]


def test_day_and_month_of_labels_are_told_by_the_settings(tmp_path):
    path = written(tmp_path, "start,end\n07/08/2012,08/08/2012\n")
    with pytest.raises(ValueError, match=r"prep\.time_format says which"):
        read_anomalies(path, "prep.labels_csv")
    known = read_anomalies(path, "prep.labels_csv", PrepConfig(time_format="day first"))
    assert isinstance(known, Anomalies)
    assert known.utc == (("2012-08-07T00:00:00.000", "2012-08-08T23:59:59.999"),)


def test_labels_of_no_reel_are_said(tmp_path, caplog):
    def told(rows: str, labels: str) -> str:
        (tmp_path / "in.csv").write_text(rows)
        clips = tmp_path / f"out{len(list(tmp_path.iterdir()))}"
        chosen = replace(SMALL, labels_csv=written(tmp_path, labels))
        caplog.clear()
        prep(Config(data_raw=str(tmp_path / "in.csv"), data_clips=str(clips), prep=chosen, workers=0))
        return caplog.text

    utc = "time,a\n" + "".join(f"{t},{t.minute % 7}\n" for t in MINUTES)
    year = "start,end\n2013-07-19 07:05,2013-07-19 07:06\n"
    assert "1 of 1 intervals, as 2013-07-19T07:05:00" in told(utc, year)
    assert "intervals" not in told(utc, "start,end\n2012-07-19 07:05,2012-07-19 07:06\n")
    assert "in has no UTC times, so nothing is known of it" in told(
        "t,a\n" + "".join(f"{i},{i % 7}\n" for i in range(40)), year
    )
