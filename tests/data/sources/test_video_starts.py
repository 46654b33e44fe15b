"""When videos began: each by its name, its own data or a drone's subtitles, where the settings ask for it."""

from datetime import datetime, timedelta

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config import PrepConfig
from data.sources.video_file.starts import made_at, starts_of
from tests.support import frames
from tests.support.videos import write_video

SUBTITLE = """1
00:00:00,000 --> 00:00:00,033
<font size="28">SrtCnt : 1, DiffTime : 33ms
{} [iso : 100] [shutter : 1/60.0] [latitude: 47.1]</font>

"""


def times(folder, **settings):
    return {c.source: c.time_utc for c in frames.scan(folder, PrepConfig(**settings)) if c.source.endswith("#0")}


def test_each_video_of_a_camera_begins_at_the_time_in_its_name(tmp_path):
    names = [f"cam1_20120719_073{minute}00.mp4" for minute in range(3)]
    for name in names:
        write_video(tmp_path / name, 4)
    assert set(times(tmp_path).values()) == {""}
    expected = {f"{name}#0": f"2012-07-19T07:3{minute}:00.000" for minute, name in enumerate(names)}
    assert times(tmp_path, start_from="name") == expected
    local = {source: time.replace("T07", "T05") for source, time in expected.items()}
    assert times(tmp_path, start_from="name", time_zone="Europe/Zurich") == local
    assert set(times(tmp_path, start_from="name", start_utc="2020-01-01").values()) == {"2020-01-01T00:00:00.000"}


def test_days_with_the_year_last_are_told_by_the_folders_beside(tmp_path):
    for day in ("30-06-2020", "01-07-2020"):
        (tmp_path / day).mkdir()
        write_video(tmp_path / day / "00-00-30.mp4", 4)
    told = times(tmp_path, start_from="name")
    assert set(told.values()) == {"2020-06-30T00:00:30.000", "2020-07-01T00:00:30.000"}


@settings(max_examples=30)
@given(
    moment=st.datetimes(datetime(2000, 1, 1), datetime(2090, 1, 1)),
    form=st.sampled_from(["%Y-%m-%d %H:%M:%S.{ms}", "%Y.%m.%d %H:%M:%S", "%Y-%m-%d %H:%M:%S,{ms}"]),
)
def test_the_first_clock_in_a_drones_subtitles_is_the_start(tmp_path_factory, moment, form):
    folder = tmp_path_factory.mktemp("drone")
    ms = moment.microsecond // 1000 if "{ms}" in form else 0
    (folder / "DJI_0001.SRT").write_text(SUBTITLE.format(moment.strftime(form).format(ms=f"{ms:03d}")))
    expected = moment.replace(microsecond=0) + timedelta(milliseconds=ms)
    found = starts_of(folder / "DJI_0001.MP4", "", PrepConfig())
    assert np.datetime64(found["subtitles"]) == np.datetime64(expected)


@pytest.mark.parametrize("text", ["", "1\n00:00:00,000 --> 00:00:01,000\nHello\n", "2012-13-45 99:00:00.000"])
def test_subtitles_without_a_clock_tell_no_start(tmp_path, text):
    (tmp_path / "a.srt").write_text(text)
    assert starts_of(tmp_path / "a.mp4", "1904-01-01T00:00:00.000000Z", PrepConfig()) == {}


def test_what_a_video_tells_is_taken_where_it_is_asked_for_and_missed_aloud(tmp_path, caplog):
    write_video(tmp_path / "plain.mkv", 4)
    with av.open(str(tmp_path / "plain.mkv")) as source, av.open(str(tmp_path / "made.mkv"), "w") as made:
        made.metadata["creation_time"] = "2012-07-19T07:30:01.000000Z"
        stream = made.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                made.mux(packet)
    assert times(tmp_path, start_from="made") == {"made.mkv#0": "2012-07-19T07:30:01.000", "plain.mkv#0": ""}
    assert "plain.mkv: no start by prep.start_from made: its times are relative" in caplog.text


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"com.apple.quicktime.creationdate": "2021-07-05T14:29:00+0200"}, "2021-07-05T12:29:00"),
        (
            {
                "com.apple.quicktime.creationdate": "2021-07-05T14:29:00-07:00",
                "creation_time": "2021-07-06T03:00:00.000000Z",  # of an export
            },
            "2021-07-05T21:29:00",
        ),
        (
            {"com.apple.quicktime.creationdate": "yesterday", "creation_time": "2021-07-06T03:00:00.000000Z"},
            "2021-07-06T03:00:00",
        ),
        ({"com.apple.quicktime.creationdate": "2021-07-05T14:29:00"}, ""),  # somewhere
    ],
)
def test_the_date_that_phones_of_apple_write_is_with_its_offset(tmp_path, told, expected):
    """prep.start_from: made found none where an export had left it alone."""
    assert starts_of(tmp_path / "a.mov", made_at(told), PrepConfig()).get("made", "") == expected
