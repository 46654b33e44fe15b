"""A movie that shows each picture several times over is thinned; what is only quiet, or equal all the time, is not."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from PIL import Image

from config import Config, PrepConfig
from data.frames.repeats import changes, repeats
from data.prepare_data import prep
from data.reel.reel import Reel
from tests.support.videos import number_of, write_video


def walk(n, noise=0.002, seed=0):
    """(n, 16, 16) in 0..1: a spot that moves by a pixel a frame, with noise."""
    rng = np.random.default_rng(seed)
    frames = rng.normal(0.3, noise, (n, 16, 16))
    for i in range(n):
        frames[i, 4:8, i % 13 : i % 13 + 3] += 0.5
    return frames


def times_shown(frames):
    is_repeat, times = repeats(changes(iter(frames), 1.0))
    assert len(is_repeat) == len(frames)
    assert bool(is_repeat.any()) == (times > 1)
    return is_repeat, times


@given(times=st.integers(2, 12), n=st.integers(8, 30), cut=st.integers(0, 11), seed=st.integers(0, 5))
def test_each_picture_shown_several_times_is_kept_once(times, n, cut, seed):
    frames = walk(n, seed=seed).repeat(times, axis=0)[min(cut, times - 1) :]
    coded = frames + np.random.default_rng(seed).normal(0, 0.0005, frames.shape)  # what coding changes
    for shown in (frames, coded):
        is_repeat, found = times_shown(shown)
        assert found == pytest.approx(times)
        assert (~is_repeat).sum() == n


def test_rates_that_do_not_divide_are_repeats_too():
    shown = walk(40)[np.arange(100) * 2 // 5]  # 10 pictures a second at 25 frames a second
    is_repeat, times = times_shown(shown)
    assert (~is_repeat).sum() == 40
    assert times == pytest.approx(2.5, abs=0.05)


@given(
    noise=st.sampled_from([0, 0.001, 0.01, 0.1]),
    events=st.lists(st.integers(1, 199), max_size=12, unique=True),
    length=st.integers(1, 10),
    seed=st.integers(0, 5),
)
def test_quiet_scenes_with_events_now_and_then_are_left_alone(noise, events, length, seed):
    """Noise alone, exactly equal frames, a flash now and then: nothing is regular about that."""
    frames = np.random.default_rng(seed).normal(0.3, noise, (200, 16, 16))
    for begin in events:
        frames[begin : begin + length] += 0.4
    starts = np.flatnonzero(np.abs(np.diff(frames.mean(axis=(1, 2)))) > 0.2)
    # Not as regular as a movie that repeats its pictures.
    assume(len(starts) <= 5 or len(np.unique(np.diff(starts)[1:])) >= 3)
    is_repeat, times = times_shown(frames)
    assert not is_repeat.any()
    assert times == 1


@pytest.mark.parametrize("n", [1, 2, 3, 300])
def test_equal_frames_alone_are_no_repeats(n):
    assert not times_shown(np.full((n, 8, 8), 0.25))[0].any()


def test_a_moving_scene_with_some_frames_twice_is_left_alone():
    """As a camera gives them that can't keep up; their places would become gaps."""
    order = sorted([*range(100), *range(0, 100, 9)])
    assert not times_shown(walk(100)[order])[0].any()


def made(folder, **settings):
    config = PrepConfig(clip_length=4, stride=2, resize=None, **settings)
    (path,) = prep(Config(data_raw=str(folder / "in"), data_clips=str(folder / "out"), workers=1, prep=config))
    return Reel(path)


@pytest.mark.parametrize("kept", [False, True])
def test_a_video_of_repeated_frames_has_its_true_cadence(tmp_path, caplog, kept):
    numbers = np.arange(90) // 9
    write_video(tmp_path / "in" / "v.mp4", 90, numbers=numbers.tolist())
    reel = made(tmp_path, repeats="keep" if kept else "drop")
    shown = [number_of(frame[0] * 255) for frame in reel.frames]
    assert shown == (numbers if kept else np.arange(10)).tolist()
    assert reel.cadence_s == pytest.approx(1 / 25 if kept else 9 / 25)
    assert len(reel.candidates) == 90
    lost = reel.candidates["reason"].dropna()
    assert set(lost) == (set() if kept else {"repeats the frame before it: each is shown 9 times"})
    assert ("80 of 90 frames are left out as repeats" in caplog.text) == (not kept)


def test_pictures_that_never_change_are_all_kept_and_told(tmp_path, caplog):
    (tmp_path / "in").mkdir()
    for i in range(12):
        Image.fromarray(np.zeros((8, 9), np.uint8)).save(tmp_path / "in" / f"{i}.png")
    assert len(made(tmp_path)) == 12
    assert "all 12 frames are the same picture; nothing varies" in caplog.text
