"""A second look tells what names, clocks and several cameras hid, and has nothing to say of frames in their order."""

import logging

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from config import Config, PrepConfig
from data.frames.doubts.kinds import told_kinds
from data.frames.doubts.order import told_order
from data.frames.doubts.same import PLACES, told_same
from data.frames.doubts.small import small_pictures
from data.frames.doubts.times import told_carries
from data.prepare_data import prep
from data.reel.reel import Reel

SIDE = 16


def scene(n, seed=0, noise=0.01):
    """(n, 256) in 0..1: a standing scene whose light changes slowly and in which something moves, with noise."""
    rng = np.random.default_rng(seed)
    frames = rng.uniform(0.2, 0.8, (SIDE, SIDE)) + rng.normal(0, noise, (n, SIDE, SIDE))
    for i in range(n):
        frames[i] += 0.05 * np.sin(i / 9)
        frames[i, 4:8, i // 2 % 12 : i // 2 % 12 + 4] = 0.9
    return frames.reshape(n, -1).astype(np.float32)


def counted(n, form="f{:03d}.png"):
    return [form.format(i) for i in range(n)]


@given(n=st.integers(2, 60), seed=st.integers(0, 9), noise=st.sampled_from([0, 0.002, 0.01, 0.05]))
def test_a_scene_in_its_order_is_told_of_by_nothing(n, seed, noise):
    pictures = scene(n, seed, noise)
    for names in (
        counted(n),
        counted(n, "{}.png"),
        counted(n, "a.mp4#{}"),
        [f"d/{i // 24}/{i % 24}.png" for i in range(n)],
    ):
        assert told_kinds(pictures, names) == ""
        assert told_order(pictures, names) == ""


@given(n=st.integers(2, 40), seed=st.integers(0, 9))
def test_noise_alone_equal_frames_and_a_scene_that_changes_for_good_are_no_doubt(n, seed):
    noise = np.random.default_rng(seed).normal(0.5, 0.1, (n, 256)).astype(np.float32)
    cut = np.concatenate([scene(n, seed), scene(n, seed + 1)])
    for pictures in (noise, np.full((n, 256), 0.5, np.float32), cut):
        names = counted(len(pictures))
        assert (told_kinds(pictures, names), told_order(pictures, names)) == ("", "")


def test_days_and_hours_in_names_are_no_kinds():
    """Day and night look nothing like each other, and each hour is nearest to itself."""
    n = 5 * 48
    light = np.clip(np.sin(np.arange(n) / 48 * 2 * np.pi), 0, 1)[:, None]
    pictures = (scene(1) * (0.1 + 0.9 * light) + np.random.default_rng(0).normal(0, 0.005, (n, 256))).astype(np.float32)
    names = [f"2024-01-{1 + i // 48:02d}/{i % 48 // 2:02d}/{i % 2 * 30:02d}.jpg" for i in range(n)]
    assert told_kinds(pictures, names) == ""
    assert told_order(pictures, names) == ""


@given(seed=st.integers(0, 5), kinds=st.integers(2, 4))
def test_cameras_by_a_part_of_their_names_are_told_in_turns_or_one_after_the_other(seed, kinds):
    each = [scene(12, seed + 10 * kind) for kind in range(kinds)]
    behind = [f"cam{kind}_{i:03d}.png" for kind in range(kinds) for i in range(12)]
    assert f"{kinds} kinds" in told_kinds(np.concatenate(each), behind)
    turns = [f"{i:03d}_{'abcd'[kind]}.png" for i in range(12) for kind in range(kinds)]
    assert f"{kinds} kinds" in told_kinds(np.stack(each, axis=1).reshape(-1, 256), turns)


@given(seed=st.integers(0, 5), kinds=st.integers(2, 5), n=st.integers(5, 20))
def test_things_in_turns_are_told_by_their_looks_alone(seed, kinds, n):
    pictures = np.stack([scene(n, seed + 10 * kind) for kind in range(kinds)], axis=1).reshape(-1, 256)
    assert f"each {kinds} frames it looks the same again" in told_kinds(pictures, counted(len(pictures)))


@pytest.mark.parametrize("odd", ["f003-edited.png", "latest.png"])
def test_a_frame_called_otherwise_is_told_where_it_looks_otherwise(odd):
    names = sorted([*counted(12), odd])
    pictures = scene(13)
    assert told_kinds(pictures, names) == ""
    pictures[names.index(odd)] = scene(1, seed=3)
    assert odd in told_kinds(pictures, names)


FORMS = (
    lambda i: f"{i + 5}.png",  # as text: 10, 11, ..., 5, 6
    lambda i: f"u_{(i + 5) * 1e-3:.2e}.png",
    lambda i: f"t{0.5 * (i + 3)}.png",
    lambda i: f"{28 + i // 4 - 31 * (i >= 16):02d}-{1 + (i >= 16):02d}-2024_{6 * (i % 4):02d}.png",
)


@pytest.mark.parametrize("form", FORMS)
def test_pictures_sorted_as_text_are_told_with_the_order_that_they_have(form):
    pictures, names = scene(24, noise=0.002), [form(i) for i in range(24)]
    wrong = sorted(range(24), key=lambda i: names[i])
    assert wrong != sorted(wrong)
    assert names[0] in told_order(pictures[wrong], [names[i] for i in wrong])
    assert told_order(pictures, names) == ""


@given(step_s=st.sampled_from([5, 10, 15, 20]), begin_s=st.integers(0, 59), n=st.integers(48, 90))
def test_clocks_read_as_numbers_are_told_by_their_carries(step_s, begin_s, n):
    true_s = begin_s + step_s * np.arange(n)
    as_number = (true_s // 60 * 100 + true_s % 60).astype(float)
    assert "MMSS" in told_carries(as_number - as_number[0])
    assert told_carries(true_s.astype(float)) == ""


def test_gaps_are_no_carries():
    steps_s = np.full(40, 10.0)
    steps_s[[3, 20]] = 50.0
    assert told_carries(np.cumsum(steps_s)) == ""


def test_copies_and_films_are_told_and_two_clips_of_one_place_are_not():
    def seen(frames):
        return frames[np.linspace(0, len(frames) - 1, PLACES).astype(int)].reshape(PLACES, SIDE, SIDE)

    rng, one = np.random.default_rng(0), scene(40, noise=0.002)
    film = 0.9 * one + 0.04 + rng.normal(0, 0.004, one.shape)
    other = scene(40, noise=0.002)[::-1]
    assert not [*told_same({"a": (40, seen(one)), "b": (40, seen(other))})]
    assert not [*told_same({"a": (40, seen(one)), "b": (80, seen(film))})]
    (told,) = told_same({"a": (40, seen(one)), "film": (40, seen(film)), "c": (40, seen(other))})
    assert told.startswith("a, film show the same pictures")


def test_prep_tells_of_a_folder_with_two_cameras_that_no_name_tells_apart(tmp_path, caplog):
    folders = {"turns": np.stack([scene(10), scene(10, seed=7)], axis=1).reshape(20, SIDE, SIDE), "one": scene(20)}
    for name, pictures in folders.items():
        (tmp_path / "raw" / name).mkdir(parents=True)
        for i, picture in enumerate((255 * pictures.clip(0, 1)).astype(np.uint8)):
            Image.fromarray(picture.reshape(SIDE, SIDE)).save(tmp_path / "raw" / name / f"{i:03d}.png")
    prep_settings = PrepConfig(clip_length=4, resize=(SIDE, SIDE))
    config = Config(data_raw=str(tmp_path / "raw"), data_clips=str(tmp_path / "reels"), prep=prep_settings)
    with caplog.at_level(logging.WARNING):
        paths = prep(config)
    told = [record.message for record in caplog.records if "looks the same again" in record.message]
    assert [line.split(":")[0] for line in told] == ["turns"]
    assert [small_pictures(Reel(path).frames).shape for path in paths] == [(20, SIDE * SIDE)] * 2


def test_reels_of_one_frame_are_told_in_one_line(tmp_path, caplog):
    for name in ("a", "b", "c", "d"):
        (tmp_path / "raw" / name).mkdir(parents=True)
        Image.fromarray(np.full((SIDE, SIDE), 90, np.uint8)).save(tmp_path / "raw" / name / "img.png")
    config = Config(data_raw=str(tmp_path / "raw"), data_clips=str(tmp_path / "reels"))
    with caplog.at_level(logging.INFO):
        assert len(prep(config)) == 4
    told = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    assert len(told) == 1
    assert "4 reels of one frame" in told[0]
    assert "a, b, c ..." in told[0]
    assert not [record for record in caplog.records if record.message.startswith("decoding")]
