"""Known anomalies by clip: on the clock that a player shows, for the reel of that name alone."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import Config, PrepConfig
from data.labels.anomalies import read_anomalies
from data.prepare_data import prep
from data.reel.reel import Reel, find_reels
from tests.support.videos import write_video

SMALL = PrepConfig(clip_length=2, stride=1, resize=(16, 16))


def table(times_s: list[float], shift_s: float = 0.0) -> pd.DataFrame:
    """As of a video whose first frame was rejected: its own clock is ahead of the reel's."""
    return pd.DataFrame({"time_utc": None, "time_s": times_s, "label": None, "clock_s": np.array(times_s) + shift_s})


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
    inside = [any(a <= t + 3 <= a + length for a, length in spans) for t in times.tolist()]
    assert found[0].tolist() == [float(is_in) for is_in in inside]
    assert known.of("door", table([0.0, 1.0])) is None
    assert known.not_in([name]) == ["other.mp4"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("clip,start,end\na,soon,3\n", "'soon' is no time on a clip's clock; give seconds or h:mm:ss"),
        ("clip,start,end\na,2012-07-19 05:00,2012-07-19 06:00\n", "leave out the column clip and give UTC times"),
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
