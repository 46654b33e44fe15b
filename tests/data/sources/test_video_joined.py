"""Recordings that were joined end to end, and time stamps that leave those around them."""

import re
from fractions import Fraction

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import PrepConfig
from data.sources.base import RawFrame
from data.sources.video_file.joined import goes_on_behind, strays_of
from tests.support import frames
from tests.support.videos import number_of, picture, write_video

TS_BYTES = 188  # of a packet of a transport stream
FORMS = ("mov,mp4,m4a,3gp,3g2,mj2", "avi", "matroska,webm")


def written(path, numbers):
    return write_video(path, len(numbers), numbers=numbers).read_bytes()


def frames_in(folder):
    """Numbers of the accepted frames in order, and all reasons."""
    found = list(frames.read(frames.scan(folder, PrepConfig())))
    numbers = [number_of(raw.pixels) for c, raw in found if isinstance(raw, RawFrame) and not c.reason]
    return numbers, {c.reason for c, _ in found if c.reason}


@given(
    st.lists(st.integers(1, 3), min_size=20, max_size=60),
    st.dictionaries(st.integers(1, 18), st.integers(10**3, 10**9), max_size=3),
    st.integers(0, 10**6),
)
def test_stamps_that_leave_the_others_are_known_and_no_others(steps, jumps, start):
    stamps = [start, *(start + np.cumsum(steps)).tolist()]
    wanted = {place: max(p for p in range(place) if p not in jumps) for place in jumps}
    astray = [stamp + jumps.get(place, 0) for place, stamp in enumerate(stamps)]
    assert strays_of(astray) == wanted
    order = [i ^ 1 if i ^ 1 < len(stamps) else i for i in range(len(stamps))]  # as B frames are stored
    assert strays_of([stamps[i] for i in order]) == {}


@given(st.integers(10, 40), st.integers(10, 40), st.integers(-(10**6), 10**9))
def test_a_clock_that_was_set_stays_where_it_went(before, behind, jump):
    stamps = [*range(before), *range(before + jump, before + jump + behind)]
    assert strays_of(stamps) == {}


def test_frames_stamped_hours_ahead_are_rejected_where_they_were_stored(tmp_path):
    """They were the last frames of a recording of three hours, without a word."""
    written(tmp_path / "a.mkv", range(30))
    with av.open(str(tmp_path / "a.mkv")) as source, av.open(str(tmp_path / "b.mkv"), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for number, packet in enumerate(p for p in source.demux() if p.size):
            packet.pts += 10_800_000 if number in (13, 14) else 0
            packet.stream = stream
            target.mux(packet)
    (tmp_path / "a.mkv").unlink()
    numbers, reasons = frames_in(tmp_path)
    assert numbers == [number for number in range(30) if number not in (13, 14)]
    assert reasons == {"its time stamp is far ahead of those of the frames stored around it"}
    candidates = frames.scan(tmp_path, PrepConfig())
    np.testing.assert_allclose([c.time_s for c in candidates if not c.reason], 0.04 * np.array(numbers), atol=0.002)
    assert max(c.time_s for c in candidates) < 3


@pytest.mark.parametrize("suffix", ["mp4", "mov"])
@pytest.mark.parametrize("behind", ["recording", "nothing", "noise"])
def test_a_second_recording_that_is_not_read_is_told(tmp_path, suffix, behind, caplog):
    """As `cat a.mp4 b.mp4 > c.mp4` makes it: readers take the first one, and nobody knew."""
    first, second = written(tmp_path / f"a.{suffix}", range(12)), written(tmp_path / f"b.{suffix}", range(20, 32))
    own = {"recording": second, "nothing": b"", "noise": bytes(range(256)) * 9}[behind]
    (tmp_path / f"a.{suffix}").write_bytes(first + own)
    (tmp_path / f"b.{suffix}").unlink()
    assert frames_in(tmp_path)[0] == [*range(12)]
    told = re.findall(r"another recording begins in it at byte (\d+)", caplog.text)
    assert told == ([str(len(first))] if behind == "recording" else [])


@given(st.binary(max_size=60), st.sampled_from(FORMS))
def test_any_bytes_have_an_end(tmp_path_factory, payload, form):
    path = tmp_path_factory.mktemp("any") / "a"
    for begin in (b"", b"\0\0\0\x08ftyp", b"\0\0\0\x01ftyp" + bytes(8), b"\0\0\0\x01ftyp\xff" + bytes(7)):
        path.write_bytes(begin + payload)
        assert 0 <= goes_on_behind(path, form) <= path.stat().st_size


def test_the_last_frame_before_a_seam_is_taken_if_it_is_whole(tmp_path):
    """FFmpeg marks it, as the count of a transport stream's parts begins anew; what was cut off is never taken."""
    first, second = written(tmp_path / "a.ts", range(24)), written(tmp_path / "b.ts", range(24, 48))
    (tmp_path / "b.ts").unlink()
    for lost in (0, 1, 2, 3, 5, 8):
        (tmp_path / "a.ts").write_bytes(first[: len(first) - lost * TS_BYTES] + second)
        numbers, reasons = frames_in(tmp_path)
        assert numbers == sorted(numbers)
        assert numbers[-24:] == [*range(24, 48)]
        assert lost or (numbers == [*range(48)] and not reasons)
        assert not lost or 24 <= len(numbers) < 48


@pytest.mark.parametrize("late_s", [0.0, 0.05, 2.0])
@pytest.mark.parametrize("suffix", ["mkv", "mp4", "ts"])
def test_the_clock_of_a_player_counts_from_sound_that_comes_first(tmp_path, suffix, late_s):
    """Events of such a clip began as much too early as its pictures came after its sound."""
    with av.open(str(tmp_path / f"a.{suffix}"), "w") as container:
        stream, sound = container.add_stream("libx264", rate=25), container.add_stream("aac", rate=8000)
        stream.height, stream.width, stream.pix_fmt = 64, 96, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 100)
        for i in range(20):
            frame = av.VideoFrame.from_ndarray(picture(i), format="rgb24")
            frame.pts, frame.time_base = round(100 * late_s) + 4 * i, Fraction(1, 100)
            container.mux(stream.encode(frame))
            quiet = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
            quiet.sample_rate, quiet.pts = 8000, 1024 * i
            container.mux(sound.encode(quiet))
        container.mux(stream.encode(None))
        container.mux(sound.encode(None))
    found = frames.scan(tmp_path, PrepConfig())
    assert [c.time_s for c in found] == pytest.approx([0.04 * i for i in range(20)], abs=2e-3)
    late = [c.clock_s - c.time_s for c in found]
    assert late == pytest.approx([late_s if late_s > 0.1 else 0.0] * 20, abs=0.15 if late_s > 0.1 else 1e-6)
