"""Times CSVs beside videos and images: how they name frames, and what times and labels they hold."""

import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from config import PrepConfig
from data import sources
from data.sources.base import FrameError
from data.sources.tables.sidecar import FrameTimes
from tests.support.videos import write_video

MOMENT = "2012-07-19T07:30:01.000"


def times_of(tmp_path, text: str, **settings) -> FrameTimes:
    (tmp_path / "times.csv").write_text(text)
    return FrameTimes(tmp_path / "times.csv", PrepConfig(**settings))


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        ("frame,timestamp\n0,1342683001\n1,1342683031\n", {}),
        ("frame;time\n0;1342683001,25\n1;1342683031,25\n", {}),
        ("timestamp_ms\n1342683001000\n1342683031000\n", {}),
        ("Date,Time\n19.07.2012,07:30:01\n19.07.2012,07:30:31\n", {}),
        ("time\n2012-07-19 09:30:01\n2012-07-19 09:30:31\n", {"time_zone": "Europe/Zurich"}),
        ("time\n07/19/2012 7:30:01 AM\n07/19/2012 7:30:31 AM\n", {}),
        ("seconds\n1\n31\n", {"start_utc": "2012-07-19T07:30:00"}),
    ],
)
def test_times_of_every_kind(tmp_path, text, settings):
    times = times_of(tmp_path, text, **settings)
    assert times.facts(0)["time_utc"][:20] == MOMENT[:20]
    assert times.facts(1)["time_utc"][:20] == "2012-07-19T07:30:31."


def test_relative_times_without_a_start(tmp_path):
    assert times_of(tmp_path, "frame,seconds\n0,0\n1,0.04\n").facts(1) == {"time_s": 0.04}


@pytest.mark.parametrize("cell", ["clip/f1.png", "./clip/f1.png", "/data/clip/f1.png", "clip\\f1.png", "f1.png"])
def test_files_are_named_by_any_part_of_their_path(tmp_path, cell):
    times = times_of(tmp_path, f"time,filename\n2012-07-19T07:30:01,{cell}\n2012-07-19T07:30:02,other.png\n")
    assert times.facts(7, tmp_path / "clip" / "f1.png") == {"time_utc": MOMENT}
    with pytest.raises(FrameError, match="has no row for this frame; it has rows as "):
        times.facts(0, tmp_path / "clip" / "f2.png")


@pytest.mark.parametrize("cell", ["f1", "f1.jpg", "F1.PNG", "raw/f1.CR2"])
def test_files_that_were_converted_are_known_by_their_stem(tmp_path, cell):
    """All frames were rejected."""
    times = times_of(tmp_path, f"time,filename\n2012-07-19T07:30:01,{cell}\n2012-07-19T07:30:02,f12.jpg\n")
    assert times.facts(7, tmp_path / "clip" / "f1.png") == {"time_utc": MOMENT}
    with pytest.raises(FrameError, match="has no row for this frame"):
        times.facts(0, tmp_path / "clip" / "f2.png")


@pytest.mark.parametrize("cells", [("a/f1.jpg", "b/f1.jpg"), ("0.25", "0.5")])
def test_a_stem_of_several_rows_is_none_of_them(tmp_path, cells):
    rows = "".join(f"{cell},2012-07-19T07:30:0{i}\n" for i, cell in enumerate(cells))
    times = times_of(tmp_path, f"file,time\n{rows}")
    for name in ("f1.png", "0.png"):
        with pytest.raises(FrameError, match="has no row for this frame"):
            times.facts(0, tmp_path / name)


def test_files_of_one_name_are_told_apart_by_their_folder(tmp_path):
    times = times_of(tmp_path, "file,time\na/0.png,2012-07-19T07:30:01\nb/0.png,2012-07-19T08:00:00\n")
    assert times.facts(0, tmp_path / "a" / "0.png") == {"time_utc": MOMENT}
    with pytest.raises(FrameError, match="no row"):
        times.facts(0, tmp_path / "c" / "0.png")


def test_labels_in_numbers_or_words(tmp_path):
    rows = "frame,time,label\n0,2012-07-19T07:30:01,{}\n1,2012-07-19T07:30:02,{}\n"
    assert [times_of(tmp_path, rows.format(0, 1)).facts(i)["label"] for i in (0, 1)] == [0, 1]
    assert [times_of(tmp_path, rows.format("normal", "fall")).facts(i)["label"] for i in (0, 1)] == [0, 1]
    with pytest.raises(FrameError, match="neither 0 nor 1"):
        times_of(tmp_path, rows.format("walk", "run"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("frame,when\n0,a\n1,b\n", "has no time column; name one of"),
        ("", "not readable as times"),
        ("frame,time\nx,2012-07-19\ny,2012-07-20\n", "not readable as times"),
        ("time\n05/06/2012\n06/06/2012\n", "prep.time_format says which"),
    ],
)
def test_what_is_no_times_csv_is_refused(tmp_path, text, message):
    with pytest.raises(FrameError, match=message):
        times_of(tmp_path, text)


def test_a_time_that_is_missing_is_a_reason_for_its_frame(tmp_path):
    times = times_of(tmp_path, "frame,time\n0,2012-07-19T07:30:01\n1,\n2,2012-07-19T07:30:02\n")
    with pytest.raises(FrameError, match="row 2: time is missing"):
        times.facts(1)


def scan(root):
    return [c for item in sources.discover(root).frames for c in sources.scan(item, root, PrepConfig())]


def test_frames_of_a_video_and_of_a_folder_get_them(tmp_path):
    write_video(tmp_path / "v.mp4", 4)
    rows = "".join(f"{i},{1342683001 + 30 * i}\n" for i in range(4))
    (tmp_path / "v.csv").write_text("frame,timestamp\n" + rows)
    (tmp_path / "clip").mkdir()
    for i in range(3):
        Image.fromarray(np.full((8, 9), i, np.uint8)).save(tmp_path / "clip" / f"f{i}.png")
    names = "".join(f"clip/f{i}.png,2012-07-19T07:30:0{i}\n" for i in range(3))
    (tmp_path / "clip" / "times.csv").write_text("file,time\n" + names)
    found = {c.source: c.time_utc for c in scan(tmp_path)}
    assert [found[f"v.mp4#{i}"][14:19] for i in range(4)] == ["30:01", "30:31", "31:01", "31:31"]
    assert [found[f"clip/f{i}.png"][17:19] for i in range(3)] == ["00", "01", "02"]


@pytest.mark.parametrize("others", [(), ("b.avi",), ("notes.pdf",)])
def test_times_csv_belongs_to_the_only_video_of_its_folder(tmp_path, others):
    """Beside several it may be of any: then it is none's, is told, and is no series of frame numbers either."""
    write_video(tmp_path / "a.mp4", 3)
    (tmp_path / "times.csv").write_text("frame,time\n" + "".join(f"{i},2012-07-19T07:3{i}:01\n" for i in range(3)))
    for name in others:
        write_video(tmp_path / name, 3) if name.endswith("avi") else (tmp_path / name).write_bytes(b"%PDF")
    found = sources.discover(tmp_path)
    item = next(item for item in found.frames if item.path.name == "a.mp4")
    is_only = "b.avi" not in others
    assert sources.scan(item, tmp_path, PrepConfig())[2].time_utc == ("2012-07-19T07:32:01.000" if is_only else "")
    assert not found.series
    assert ("beside frames and so no series (.csv 1)" in sources.left_out(found.unread)) == (not is_only)


def test_subtitles_of_a_video_are_no_file_of_unknown_kind(tmp_path):
    write_video(tmp_path / "DJI_1.mp4", 3)
    for name in ("DJI_1.SRT", "other.srt"):
        (tmp_path / name).write_text("1\n00:00:00,000 --> 00:00:00,033\n2012-07-19 07:30:01.000\n")
    assert sources.left_out(sources.discover(tmp_path).unread) == "files left out: 1 of unknown kind (.srt 1)"


@pytest.mark.parametrize(("written", "named"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_names_are_found_however_their_letters_are_written(tmp_path, written, named):
    names = [unicodedata.normalize(written, f"café_{i}.png") for i in range(2)]
    times = times_of(tmp_path, f"file,time\n{names[0]},{MOMENT}\n{names[1]},{MOMENT}\n")
    assert times.facts(1, tmp_path / unicodedata.normalize(named, names[1]))["time_utc"] == MOMENT


@pytest.mark.parametrize(("name", "is_copy"), [("DJI_1.THM", True), ("other.THM", False)])
def test_the_small_picture_beside_a_video_is_left_out(tmp_path, name, is_copy):
    write_video(tmp_path / "DJI_1.mp4", 3)
    Image.new("L", (16, 12)).save(tmp_path / name, "JPEG")
    found = sources.discover(tmp_path)
    assert [item.path.name for item in found.frames if item.path.suffix] == ["DJI_1.mp4"]
    assert ("smaller copies" in sources.left_out(found.unread)) == is_copy
    assert len(found.frames) == (1 if is_copy else 2)


@given(st.integers(2, 30), st.integers(0, 2), st.integers(-1, 1), st.randoms())
def test_numbers_of_frames_count_from_1_only_where_they_go_to_their_number(tmp_path_factory, rows, first, more, random):
    """MATLAB counts so: the first frame was rejected, and all others had the time of the one before."""
    path = tmp_path_factory.mktemp("sidecar") / "times.csv"
    lines = [f"{first + i},{10 * i}\n" for i in range(rows)]
    random.shuffle(lines)
    path.write_text("frame,seconds\n" + "".join(lines))
    table = FrameTimes(path, PrepConfig(), count := rows + more)
    begin = 0 if first == 1 and count == rows else first
    assert table.facts(begin)["time_s"] == 0
    assert table.facts(begin + rows - 1)["time_s"] == 10 * (rows - 1)
    with pytest.raises(FrameError, match="no row for this frame"):
        table.facts(begin - 1)
