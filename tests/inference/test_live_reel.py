"""The ring of frames behind a stream, windows on a stretch that still grows, its clock, and its name."""

import threading
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from config import load
from data.live.live_reel import Form, LiveReel
from data.live.live_source import _Clock, name_of, told
from data.live.open_end import OpenEnd, StretchEnded
from data.reel.stretch import Stretch
from inference.scorers.nets.windows import Window, windows_over
from tests.support.streams import FPS, HEIGHT, WIDTH, shot


class Grown:
    """The reel behind an OpenEnd of a stretch that ends at `end`."""

    def __init__(self, end):
        self.end, self.asked = end, 0

    def reached(self, frame):
        self.asked = max(self.asked, frame)
        return min(frame, self.end)


@pytest.mark.parametrize("begin", [0, 7])
@pytest.mark.parametrize("answers", [slice(0, 8), slice(7, 8), slice(5, 8), slice(3, 6)])
@pytest.mark.parametrize("stride", [1, 3, 4, 8])
def test_windows_come_as_they_would_of_a_finished_stretch(begin, answers, stride):
    for n in range(50):
        whole = list(windows_over(begin, begin + n, 8, stride, answers))
        assert list(windows_over(begin, OpenEnd(Grown(begin + n)), 8, stride, answers)) == whole


def test_windows_ask_for_no_frame_before_they_need_it():
    grown = Grown(10**6)
    windows = iter(windows_over(0, OpenEnd(grown), 8, 4, slice(0, 8)))
    for k in range(20):
        assert next(windows) == Window(4 * k)
        assert grown.asked == 4 * k + 8


def ring(delay_s=1.0, span=16) -> LiveReel:
    size = (HEIGHT, WIDTH)
    form = Form(load(None).prep, size, size, ("intensity",), (Stretch("linear", 1.0, 255.0),), "float32")
    return LiveReel("r", form, 3.0, delay_s, span)


def test_a_full_ring_goes_on_with_the_newest_and_ends_the_stretch():
    reel = ring()  # 16 and 25 frames may wait
    for i in range(20):
        reel.push(shot(i))
    stretches = reel.each_stretch()
    begin, end = next(stretches)
    assert end.reached(begin + 12) == 12
    for i in range(20, 60):
        reel.push(shot(i))
    assert reel.counts["dropped"] == 41
    assert tuple(reel.drops[0]) == (41, 12 / FPS, 52 / FPS)
    assert end.reached(begin + 20) == 12  # what was asked for stays
    assert reel.read(4, 12)[0][:, 0, 0, 0] * 255 == pytest.approx(np.arange(4, 12))
    with pytest.raises(StretchEnded):
        reel.read(8, 16)
    begin, end = next(stretches)
    assert (begin, end.reached(begin + 7)) == (12, 19)
    assert reel.read(12, 19)[0][:, 0, 0, 0] * 255 == pytest.approx(np.arange(53, 60))
    assert reel.moment(12)[0] == pytest.approx(53 / FPS)


def test_what_broke_off_ends_its_stretch_though_nothing_comes_after_it():
    reel, waits, comes = ring(), threading.Event(), threading.Event()

    def pictures():
        yield from (shot(i) for i in range(12))
        assert waits.wait(60)
        yield None
        assert comes.wait(60)
        yield shot(12, is_gap=True)

    thread = threading.Thread(target=reel.feed, args=(pictures(),))
    thread.start()
    stretches = reel.each_stretch()
    begin, end = next(stretches)
    assert (begin, end.reached(10)) == (0, 10)
    waits.set()
    assert end.reached(16) == 12
    comes.set()
    begin, end = next(stretches)
    thread.join()
    assert (begin, end.reached(16)) == (12, 13)
    assert reel.counts["read"] == 13


def test_memory_stays_bounded_and_a_reader_that_waits_is_woken():
    reel, found = ring(), []

    def read():
        for begin, end in reel.each_stretch():
            i = begin
            while end.reached(i + 1) == i + 1:
                found.append(round(255 * float(reel.read(i, i + 1)[0].mean())))
                reel.release(i + 1)
                assert len(reel._frames) <= 64 + 16 + 25 + 1
                i += 1

    reader = threading.Thread(target=read)
    reader.start()
    for i in range(1000):
        reel.push(shot(i, can_wait=True, is_gap=i % 300 == 0))
    reel.finish()
    reader.join()
    assert found == [i % 256 for i in range(1000)]
    assert reel.counts["dropped"] == 0


def test_a_picture_of_another_size_than_the_masked_one_is_left_out_with_the_reason():
    reel = ring()
    masked = load(None, {"prep.mask": [[0, 0, 8, 8]]}).prep
    reel.form = replace(reel.form, pixels=masked, source_shape=(2 * HEIGHT, WIDTH))
    reel.push(shot(0))
    assert reel.counts == {"damaged": 1}
    assert "prep.mask" in reel.last_problem
    reel.form = replace(reel.form, source_shape=(HEIGHT, WIDTH))
    reel.push(shot(200))
    next(reel.each_stretch())
    values, bits = reel.read(0, 1)
    assert bits[0, :8, :8].all()
    assert not bits[0, 8:].any()
    assert (values[0, 0, :8, :8] == 0).all()


def test_the_clock_runs_by_the_video_and_is_set_after_a_break(monkeypatch):
    monkeypatch.setattr("data.live.live_source.time", SimpleNamespace(monotonic=lambda: 1000.0))
    clock = _Clock()
    assert clock.time(5.0, 0.04, True) == (0.0, False)
    assert clock.time(5.04, 0.04, True) == (pytest.approx(0.04), False)
    assert clock.time(3.0, 0.04, False) == (pytest.approx(0.08), True)  # back: as if it went on
    clock.began -= 100
    clock.is_broken = True
    time_s, is_gap = clock.time(0.0, 0.04, True)
    assert is_gap
    assert time_s == 100
    assert clock.time(0.04, 0.04, True) == (pytest.approx(time_s + 0.04), False)


def test_no_password_is_told():
    address = "rtsp://ann:secret@camera.local:554/live/1?token=abc"
    for text in (told(address), name_of(address)):
        assert "secret" not in text
        assert "abc" not in text
    assert name_of(address) != name_of(address + "d")
    assert name_of("/videos/hall 3.ts") == "hall_3"
