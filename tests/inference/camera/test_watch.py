"""Broken frames are told from sound ones by what quiet frames do, and by nothing else."""

from dataclasses import asdict, replace
from itertools import pairwise

import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from inference.camera.bounds import bounds_of, read_bounds, write_bounds
from inference.camera.looks import Look, alone, pair
from inference.camera.parts import same_scene
from inference.camera.watch import (
    BLURRED,
    BROKEN,
    COVERED,
    CUT,
    FROZEN,
    LAMP,
    LIT,
    MISSING,
    MOVED,
    SCENE,
    Watch,
    is_cause,
)
from tests.support.broken import BREAKS, broken
from tests.support.street import Street, shaking, standing

QUIET, NEW = 60, 16
ALL = Street(11).frames(standing(QUIET + NEW))
SOUND = ALL[QUIET:]


def looks_of(frames):
    return [Look.of(frame, np.ones(frame.shape[1:], bool)) for frame in frames]


def bounds_from(frames, pieces=2):
    parts = [looks_of(part) for part in np.array_split(frames, pieces)]
    pairs = [[pair(now, before) for before, now in pairwise(part)] for part in parts]
    return bounds_of([alone(look) for part in parts for look in part], pairs)


def kinds(frames, bounds):
    watch = Watch(bounds)
    return [watch.see(look) for look in looks_of(frames)]


BOUNDS = bounds_from(ALL[:QUIET])


def test_sound_frames_pass():
    assert kinds(SOUND, BOUNDS) == [""] * NEW


@given(
    how=st.sampled_from(list(BREAKS)), at=st.integers(1, NEW - 5), count=st.integers(1, 4), seed=st.integers(0, 2**16)
)
def test_every_kind_is_told_and_no_frame_around(how, at, count, seed):
    found = kinds(broken(SOUND, how, at, count, seed), BOUNDS)
    kind = BREAKS[how][1]
    assert found[at : at + count] == [kind] * count
    back = [MOVED] if kind == MOVED else [""]  # the camera moves back
    assert found[:at] + found[at + count :] == [""] * at + back + [""] * (NEW - at - count - 1)


def test_a_lasting_cut_is_one_frame_and_the_new_scene_is_watched_on():
    other = Street(12).frames(standing(20))
    found = kinds(np.concatenate([SOUND[:10], other, broken(other, "mostly black", 5, 1, 0)]), BOUNDS)
    assert [i for i, kind in enumerate(found) if kind] == [10, 35]
    assert found[10] == CUT
    assert found[35] == MISSING


def test_quiet_frames_that_are_broken_themselves_hide_no_others():
    quiet = ALL[:QUIET]
    for how in ("mostly black", "another scene"):
        spoilt = np.concatenate([quiet, quiet])
        bounds = bounds_from(broken(spoilt, how, 37, 1, 1))
        assert kinds(broken(SOUND, how, 8, 1, 5), bounds)[8] == BREAKS[how][1]


@pytest.mark.parametrize("every", [2, 9])
def test_frames_that_are_repeated_on_quiet_days_too_are_not_frozen_until_they_stand_still(every):
    slow = np.repeat(ALL[: QUIET // 2], every, axis=0)
    new = np.repeat(SOUND[:10], every, axis=0)
    bounds = bounds_from(slow)
    assert kinds(new, bounds) == [""] * len(new)
    stopped = np.concatenate([new, np.repeat(new[-1:], 3 * every, axis=0)])
    assert kinds(stopped, bounds)[-1] == FROZEN


@pytest.mark.parametrize("noise", [1e-5, 1e-3])
def test_a_camera_with_less_noise_is_not_frozen_and_one_that_is_stuck_from_the_first_frame_on_is(noise):
    hiss = np.random.default_rng(0).standard_normal((4, *SOUND.shape[1:])).astype(np.float32)
    clean = SOUND[:1] + noise * hiss  # of one scene alone, of which nothing moves
    assert FROZEN not in kinds(clean, BOUNDS)
    assert kinds(np.repeat(clean[:1], 4, axis=0), BOUNDS)[1:] == [FROZEN] * 3
    stopped = np.concatenate([SOUND[:3], clean])  # in a stretch that has moved, noise is no motion
    assert kinds(stopped, BOUNDS)[-1] == FROZEN
    lit = clean + np.float32(0.5) * (np.arange(len(clean)) == 2)[:, None, None, None]
    assert FROZEN not in kinds(lit, BOUNDS)  # nor is it once something has happened


def test_a_still_scene_is_no_broken_camera():
    screen = np.repeat(ALL[:1], QUIET, axis=0)
    assert set(kinds(np.repeat(ALL[:1], 3 * QUIET, axis=0), bounds_from(screen))) == {""}
    busy = np.concatenate([ALL[:20], np.repeat(ALL[20:21], QUIET, axis=0)])  # work on it, then a pause
    assert set(kinds(np.concatenate([SOUND[:10], np.repeat(SOUND[9:10], 90, axis=0)]), bounds_from(busy))) == {""}


def test_a_camera_that_always_shakes_did_not_move():
    quiet, new = Street(11).frames(shaking(QUIET, 1.0)), Street(11).frames(shaking(NEW, 1.0, seed=5))
    assert set(kinds(new, bounds_from(quiet))) == {""}
    assert kinds(new, BOUNDS).count(MOVED) > NEW / 2


def test_dusk_night_and_glare_are_in_the_scene():
    light = np.geomspace(1, 0.02, NEW, dtype=np.float32)[:, None, None, None]
    hiss = 0.004 * np.random.default_rng(0).standard_normal(SOUND.shape)  # of the camera, whatever the light
    dusk = np.rint(255 * np.clip(SOUND * light + hiss, 0, 1)) / 255  # down to five levels
    assert not set(kinds(np.float32(dusk), BOUNDS)) & {*BROKEN, BLURRED}
    fog = SOUND + np.linspace(0, 0.9, NEW, dtype=np.float32)[:, None, None, None] * (0.7 - SOUND)
    assert set(kinds(fog, BOUNDS)) == {""}
    flare = SOUND.copy()
    flare[5:12, :, 10:60, 20:80] = 1.0  # saturated, more than a third of the picture
    assert not set(kinds(flare, BOUNDS)) & set(BROKEN)


@given(by=st.floats(0.1, 0.3), sign=st.sampled_from([-1, 1]), at=st.integers(1, NEW - 5), count=st.integers(1, 4))
def test_a_flash_is_told_as_it_comes_and_as_it_goes_and_slow_light_is_not(by, sign, at, count):
    frames = SOUND.copy()
    frames[at : at + count] += np.float32(sign * by)
    assert kinds(frames, BOUNDS) == [LIT if i in (at, at + count) else "" for i in range(NEW)]
    slow = SOUND + sign * np.linspace(0, by, NEW, dtype=np.float32)[:, None, None, None]
    assert LIT not in kinds(slow, BOUNDS)


@given(by=st.floats(1, 2), x=st.integers(0, 107), y=st.integers(0, 71), at=st.integers(1, NEW - 1))
def test_a_lamp_that_is_switched_on_is_none_of_the_cameras_exposures(by, x, y, at):
    rows, columns = np.mgrid[:72, :108]
    lamp = by / (1 + (np.square(rows - y) + np.square(columns - x)) / 60**2)
    frames = 0.3 * SOUND
    frames[at:] *= np.float32(1 + lamp)
    assert kinds(frames, BOUNDS)[at] in (LAMP, "")  # a weak one is nothing
    assert set(kinds(frames, BOUNDS)) <= {LAMP, ""}
    brighter = 0.3 * SOUND
    brighter[at:] *= np.float32(2)
    assert set(kinds(brighter, BOUNDS)) <= {LIT, ""}


@settings(max_examples=100)
@given(sigma=st.floats(2.5, 10), at=st.integers(1, NEW - 5), count=st.integers(1, 4))
@example(sigma=8.0, at=9, count=4)  # was a hand before the lens from its third frame on
def test_a_lens_out_of_focus_is_told_as_long_as_it_lasts(sigma, at, count):
    frames = SOUND.copy()
    for frame in frames[at : at + count]:
        frame[0] = cv2.GaussianBlur(frame[0], (0, 0), sigma)
    assert kinds(frames, BOUNDS) == [BLURRED if at <= i < at + count else "" for i in range(NEW)]


@given(scene=st.integers(0, 50), seed=st.integers(0, 2**16))
def test_a_hand_shows_no_scene_out_of_focus(scene, seed):
    frames = Street(scene).frames(standing(2))
    hand, street = (look.small for look in looks_of([broken(frames, "covered", 1, 1, seed)[1], frames[0]]))
    assert same_scene(hand, street) < SCENE


@pytest.mark.parametrize("takes", [1, 6, 20])
def test_a_hand_that_comes_before_the_lens_covers_it_until_it_goes(takes):
    hand = broken(SOUND[:1], "covered", 0, 1, 2)[0]
    scene = np.concatenate([SOUND, SOUND[::-1], SOUND, SOUND[::-1]])
    frames, width = scene.copy(), scene.shape[3]
    hiss = 0.004 * np.random.default_rng(3).standard_normal(scene.shape).astype(np.float32)
    for i, frame in enumerate(frames[8:48]):
        upto = round(width * min(1, (i + 1) / takes))
        frame[:, :, :upto] = (hand + hiss[i])[:, :, :upto]
    found = kinds(frames, BOUNDS)
    assert found[:8] == [""] * 8
    assert found[8 + takes : 48] == [COVERED] * (40 - takes)
    assert found[48:] == [""] * (len(frames) - 48)


@given(seed=st.integers(0, 2**16), contrast=st.floats(0, 5), side=st.integers(2, 40), at=st.integers(1, NEW - 2))
def test_nothing_that_happens_in_the_scene_is_taken_for_the_camera(seed, contrast, side, at):
    random = np.random.default_rng(seed)
    y, x = random.integers(0, 72 - side + 1), random.integers(0, 108 - side + 1)
    frames = SOUND.copy()
    frames[at : at + random.integers(1, 9), :, y : y + side, x : x + side] += contrast * random.choice([-1, 1])
    assert kinds(frames, BOUNDS) == [""] * NEW


def test_few_or_featureless_quiet_frames_let_all_pass():
    spoilt = broken(SOUND, "noise", 10, 1, 0)
    assert set(kinds(spoilt, bounds_from(ALL[:8], pieces=1))) == {""}
    hiss = np.random.default_rng(0).random((QUIET + NEW, 1, 72, 108), np.float32)
    assert set(kinds(hiss[QUIET:], bounds_from(hiss[:QUIET]))) == {""}


def test_a_frame_without_a_valid_pixel_is_missing():
    watch = Watch(BOUNDS)
    looks = looks_of(SOUND[:4])
    nothing = Look.of(np.zeros_like(SOUND[0]), np.zeros(SOUND.shape[2:], bool))
    assert [watch.see(look) for look in [*looks[:2], nothing, looks[2]]] == ["", "", MISSING, ""]


def test_a_run_from_before_lets_pass_what_it_did_not_learn(tmp_path):
    write_bounds(tmp_path / "now.npz", BOUNDS)
    assert read_bounds(tmp_path / "now.npz") == BOUNDS
    np.savez(tmp_path / "before.npz", **{name: value for name, value in asdict(BOUNDS).items() if name != "lit"})
    assert read_bounds(tmp_path / "before.npz") == replace(BOUNDS, lit=np.inf)


def test_who_takes_the_cameras_motion_off_is_led_astray_by_all_else():
    others = (BLURRED, LIT, LAMP, *BROKEN)
    assert [is_cause(kind, is_steady=True) for kind in ("", MOVED, *others)] == [False, False, *[True] * len(others)]
    assert [is_cause(kind, is_steady=False) for kind in ("", MOVED, *others)] == [False, *[True] * (1 + len(others))]
