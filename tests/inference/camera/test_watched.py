"""A watched stretch reads alike in any blocks, shows the last sound frame for a broken one, and forgets."""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.disk.files import write_csv, write_meta
from data.reel.contract import AnyReel
from data.reel.mask_bits import INVALID
from data.reel.reel import Reel
from inference.calibration.quiet.ranges import QuietRange
from inference.camera.bounds import learn
from inference.camera.watch import BROKEN, MISSING
from inference.camera.watched import MOST_HELD, WatchedStretch
from inference.scorers.nets.residual import ScoredFrame
from tests.support.broken import broken
from tests.support.reels import make_reel
from tests.support.street import Street, standing
from tests.support.sun_events import quiet_sun, solar_reel

BLACK, HISS = range(9, 12), range(20, 22)


@pytest.fixture(scope="module")
def reels(tmp_path_factory):
    """A reel with broken frames, and the bounds of its quiet part."""
    folder, seen = tmp_path_factory.mktemp("watched"), Street(5).frames(standing(70))
    quiet = make_reel(folder / "quiet", seen[:40])
    spoilt = broken(broken(seen[40:], "mostly black", 9, 3, 0), "noise", 20, 2, 0)
    return make_reel(folder / "new", spoilt), learn([QuietRange(quiet, 0, 40, "train")], {})


@settings(max_examples=8)
@given(edges=st.sets(st.integers(1, 29), max_size=6), overlap=st.integers(0, 12))
def test_blocks_do_not_matter(reels, edges, overlap):
    reel, bounds = reels
    whole = WatchedStretch(reel, 0, bounds, {})
    frames, bits = whole.read(0, 30)
    shown = reel.frames[:].copy()
    for broken_frames in (BLACK, HISS):
        shown[list(broken_frames)] = shown[broken_frames.start - 1]
    np.testing.assert_array_equal(frames, shown)
    assert whole.kinds == dict.fromkeys([*BLACK, *HISS], MISSING)
    parted = WatchedStretch(reel, 0, bounds, {})
    for begin, end in pairwise([0, *sorted(edges), 30]):
        first = max(0, begin - overlap)
        found = parted.read(first, end)
        np.testing.assert_array_equal(found[0], frames[first:end])
        np.testing.assert_array_equal(found[1], bits[first:end])
    assert parted.kinds == whole.kinds


def test_frames_are_told_as_they_are_and_then_forgotten(reels):
    reel, bounds = reels
    watched = WatchedStretch(reel, 0, bounds, {})

    def scored():
        for i in range(30):
            frames, _ = watched.read(i, i + 1)
            yield ScoredFrame(i, frames[0], None, np.zeros((72, 108)), np.ones((72, 108), bool), 0.0)

    told = list(watched.told(scored(), reach=5))
    assert [f.index for f in told if f.camera in BROKEN] == [*BLACK, *HISS]
    for frame in told:
        np.testing.assert_array_equal(frame.frame, reel.frames[frame.index])
    assert set(watched.kinds) <= set(range(24, 30))


def test_who_scores_does_not_wait_for_who_reads(reels):
    reel, bounds = reels
    watched = WatchedStretch(reel, 0, bounds, {})
    watched.read(0, 30)
    nothing = np.zeros((72, 108))
    frames = [ScoredFrame(i, reel.frames[i], None, nothing, nothing == 0, 0.0) for i in (28, 29)]
    with ThreadPoolExecutor(1) as pool, watched._lock:  # as who looks at many frames holds it
        assert len(pool.submit(list, watched.told(iter(frames), reach=5)).result(timeout=30)) == 2
    assert set(watched.kinds) & set(BLACK)
    list(watched.told(iter(frames), reach=5))  # and a later frame forgets for those that could not
    assert not set(watched.kinds) & set(BLACK)


class Endless:
    """A camera that loses each other frame."""

    stretches, channels, shape, is_series = [], [], (0, 1, 72, 108), False
    seen = Street(5).frames(standing(40))

    def so_far(self):
        return self

    def read(self, start, stop):
        shown = [self.seen[i % 40] * (i % 2) for i in range(start, stop)]
        return np.stack(shown), np.zeros((stop - start, 72, 108), np.uint8)


def test_memory_does_not_grow_with_the_broken_frames(reels):
    watched = WatchedStretch(cast(AnyReel, Endless()), 0, reels[1], {})

    def scored():
        for i in range(200):
            shown = watched.read(i, i + 1)[0][0]
            yield ScoredFrame(i, shown, None, np.zeros(1), np.ones(1, bool), 0.0)

    for frame in watched.told(scored(), reach=10):
        assert (frame.camera == MISSING) == (frame.index % 2 == 0 and frame.index > 0) or frame.index < 2
        assert len(watched.kinds) <= 11
    assert len(watched._held) <= MOST_HELD
    assert len(watched._instead) <= 11


@pytest.mark.parametrize("what", ["blocks", "rows"])
def test_blocks_that_prep_has_masked_are_lost_ones_from_the_first_frame_on(tmp_path, what):
    """As the header of EIT tells of them; also twice at one place, and no strip that a moved frame lacks."""
    reel = solar_reel(tmp_path / "sun", quiet_sun(24, 48), 24.0, 3.0, (0.0, 0.0))
    flags = [f"1 {what} of fill masked" if i in (0, 7, 8, 9) else "" for i in range(24)]
    block = slice(8, 16), slice(24, 32) if what == "blocks" else slice(None)
    masks = np.load(reel.path / "masks.npy", allow_pickle=False)
    for i in (0, 7, 8):
        masks[i][block] |= INVALID
    masks[5][block] |= INVALID  # of another reason
    masks[7:10, :3] |= INVALID if what == "blocks" else 0
    np.save(reel.path / "masks.npy", masks)
    write_csv(reel.path / "frames.csv", reel.candidates.assign(flags=flags))
    meta = {k: v for k, v in reel.meta.items() if k not in ("files", "sha256")}
    write_meta(reel.path, meta)
    again = Reel(reel.path)
    watched = WatchedStretch(again, 0, learn([QuietRange(again, 10, 24, "train")], {}), {})
    watched.read(0, 11)
    wanted = np.zeros((48, 48), bool)
    wanted[block] = True
    nothing = np.zeros((48, 48))
    frames = [ScoredFrame(i, again.frames[i], None, nothing, nothing == 0, 0.0) for i in range(11)]
    found = watched.told(iter(frames), 11)
    lost = {one.index: one.lost for one in found if one.lost is not None}
    assert sorted(lost) == [0, 7, 8]
    for pixels in lost.values():
        np.testing.assert_array_equal(pixels, wanted)
