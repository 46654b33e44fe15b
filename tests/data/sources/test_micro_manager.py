"""Times of Micro-Manager's pictures, by the metadata.txt beside them, of version 1.4 and 2."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from config import PrepConfig
from data.sources.picture_folder.micro_manager import told_beside
from tests.support import frames

STEPS_MS = [12, 512, 1010.0, 9010.25]


def write(folder, clock, name="img_{:09d}_Default_000.tif", key="FrameKey-{}-0-0", below=""):
    folder.mkdir(exist_ok=True)
    content = {"Summary": {"Frames": len(STEPS_MS), "FileName": 7}}
    for number, elapsed_ms in enumerate(STEPS_MS):
        own = name.format(number)
        Image.new("L", (24, 16), 10 * number).save(folder / own)
        content[key.format(number)] = {"FileName": below + own, "ElapsedTime-ms": elapsed_ms} | clock(number)
    (folder / "metadata.txt").write_text(json.dumps(content))
    return [folder / name.format(number) for number in range(len(STEPS_MS))]


@pytest.mark.parametrize(
    ("clock", "below"),
    [
        (lambda i: {"Time": "2013-06-24 13:45:30 -0700"} if i == 0 else {"Time": "soon"}, ""),
        (lambda i: {"ReceivedTime": f"2013-06-24 20:45:{30 + int(STEPS_MS[i] // 1000)}.000 +0000"}, "Default/"),
        (lambda i: {"Time": "2013-06-24 20:45:30"} if i == 0 else {}, "Pos0\\"),
    ],
)
def test_times_are_those_of_its_clock(tmp_path, clock, below):
    """They were 1 s apart. Its dates are in whole seconds, often; its clock is not."""
    write(tmp_path / "Pos0", clock, below=below)
    first, *others = frames.scan(tmp_path, PrepConfig())
    assert first.time_utc == "2013-06-24T20:45:30.000"
    assert [c.time_utc[17:] for c in others] == ["30.500", "30.998", "38.998"]
    assert [c.time_s for c in frames.scan(tmp_path, PrepConfig(sample_interval_sec=2.0))] == [0, 2, 4, 6]


ODD = [b"", b"{", b"[1, 2]", b'{"a": {"FileName": "b.tif"}}', b"[" * 100_000, b"\xff\xfe"]


@pytest.mark.parametrize("content", ODD)
def test_what_is_no_such_file_tells_nothing(tmp_path, content):
    paths = write(tmp_path, lambda i: {"Time": "2013-06-24 13:45:30 -0700"})
    (tmp_path / "metadata.txt").write_bytes(content)
    assert told_beside(paths) == {}
    assert [c.time_s for c in frames.scan(tmp_path, PrepConfig())] == [0, 1, 2, 3]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from(["Time", "ElapsedTime-ms"]), st.none() | st.floats() | st.text()))
def test_values_of_any_kind_stop_nothing(tmp_path, told):
    paths = write(tmp_path, lambda i: told if i else {"Time": "2013-06-24 13:45:30 -0700"})
    assert isinstance(told_beside(paths), dict)
