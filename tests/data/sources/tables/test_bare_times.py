"""Times of frames in lists without a row of names, and under the names that programs give them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config import PrepConfig
from data.sources.base import FrameError
from data.sources.tables.sidecar import FrameTimes, find_times_csv

UNIX_MS = 1342683000000
# How one frame is written, by its number, milliseconds since the first and name; what stands above; whether in UTC.
FORMS = {
    "tum": ("{unix_s:.3f} rgb/{i:05d}.png", "# color images\n# timestamp filename\n", True),
    "tum without names": ("{unix_s:.3f} rgb/{i:05d}.png", "", True),
    "euroc": ("{unix_ms}000000,{i:05d}.png", "#timestamp [ns],filename\n", True),
    "file first": ("{i:05d}.png,{iso}", "", True),
    "numbered": ("{i},{s:.3f}", "", False),
    "numbered from 1": ("{j} {s:.3f}", "", False),
    "seconds": ("{s:.3f}", "", False),
    "unix": ("{unix_s:.3f}", "", True),
    "dates": ("{iso}", "", True),
    "kitti": ("{date} {clock}000000", "", True),
    "mkvmerge": ("{ms}", "# timecode format v2\n", False),
    "rpicam": ("{ms}.000", "# timestamp format v2\n", False),
    "with names": ("{i},{ms}", "frame,timestamp_ms\n", False),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("times")


@settings(max_examples=40)
@given(st.lists(st.integers(20, 90_000), min_size=2, max_size=12), st.sampled_from(sorted(FORMS)))
def test_every_frame_has_its_own_line(folder, steps_ms, form):
    """TUM's and EuRoC's first line was taken for names, and every frame had the time of the next; milliseconds of
    mkvmerge were seconds."""
    since_ms, (line, above, in_utc) = np.cumsum([0, *steps_ms]).tolist(), FORMS[form]
    rows = []
    for i, ms in enumerate(since_ms):
        iso = str(np.datetime64(UNIX_MS + ms, "ms"))
        known = {"i": i, "j": i + 1, "ms": ms, "s": ms / 1000, "unix_ms": UNIX_MS + ms, "unix_s": (UNIX_MS + ms) / 1000}
        rows.append(line.format(**known, iso=iso, date=iso[:10], clock=iso[11:]) + "\n")
    (folder / "a.txt").write_text(above + "".join(rows))
    times = FrameTimes(folder / "a.txt", PrepConfig(), len(rows))
    for i, ms in enumerate(since_ms):
        facts = times.facts(i, folder / f"rgb/{i:05d}.png")
        if in_utc:
            assert facts == {"time_utc": str(np.datetime64(UNIX_MS + ms, "ms"))}
        else:
            assert facts["time_s"] == pytest.approx(ms / 1000)


@pytest.mark.parametrize("text", ["", "a b\n1 2\n", "0.5 0.25\n0.5 0.75\n", "x,y\n"])
def test_other_lists_are_no_times(tmp_path, text):
    (tmp_path / "a.txt").write_text(text)
    with pytest.raises(FrameError, match="not readable as times"):
        FrameTimes(tmp_path / "a.txt", PrepConfig())


@pytest.mark.parametrize(
    ("name", "text", "is_its"),
    [
        ("v_timestamps.csv", "time\n", True),
        ("v.timecodes.txt", "0\n", True),
        ("v.pts", "# timecode format v2\n0\n", True),
        ("v.txt", "# color images\n# timestamp filename\n", True),
        ("v.txt", "# timestamp [ns]\n0\n", True),
        ("v.txt", "# timestamp temperature\n0 20.5\n", False),
        ("v.txt", "# time x\n0 20.5\n", False),
        ("v.txt", "0 0.5 0.5 0.1 0.1\n", False),
        ("w_timestamps.csv", "time\n", False),
        ("v_labels.csv", "time\n", False),
    ],
)
def test_times_lie_beside_a_video_under_its_name(tmp_path, name, text, is_its):
    (tmp_path / "v.mp4").touch()
    (tmp_path / "w.mp4").touch()
    (tmp_path / name).write_text(text)
    assert (find_times_csv(tmp_path / "v.mp4", None) == tmp_path / name) == is_its
