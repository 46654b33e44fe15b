"""Motion of quiet frames is measured once, however many copies judge their parts, and all scores are as they were."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import EvalConfig
from inference.calibration.quiet.ranges import QuietRange
from inference.methods import METHODS, base
from inference.methods.motion import flow
from inference.methods.motion.known_motion import KnownMotion, Motion, RecentMotion
from inference.methods.objects import walk
from tests.support.reels import make_reel
from tests.support.street import Street, standing
from tests.support.trainings import small_config

RAW = replace(EvalConfig(), score="residual", common_mode=False, smooth_px=0.0)
FRAMES, PAIR_BYTES = 48, 80  # the second, of a motion of 4x5 px
# By whom, and how often a pair is seen at least: the copies of `objects` are fitted on what lies on one side alone.
MEASURED_IN = {"flow": (flow, 2.5), "objects": (walk, 2.0)}


@pytest.fixture(scope="module")
def quiet(tmp_path_factory):
    reel = make_reel(tmp_path_factory.mktemp("street") / "quiet", Street(0, 4).frames(standing(FRAMES)), 0.1)
    return [QuietRange(reel, 0, FRAMES, "train")]


def judged(name: str, quiet, monkeypatch, most_bytes: int) -> tuple[np.ndarray, int]:
    """The residuals (T, H, W) of quiet frames by the copies that judge them, and how many pairs were measured."""
    searches = counted_searches(MEASURED_IN[name][0], monkeypatch)
    monkeypatch.setattr(base, "KnownMotion", lambda: KnownMotion(most_bytes))
    method = METHODS[name](small_config(quiet[0].reel.path, None, model={"name": name}).model, {}, {}, 8)
    folds = method.folds(quiet)
    maps = [frame.residual for f in folds for r in f.ranges for frame in f.scorer.frames(r.reel, r.begin, r.end, RAW)]
    assert method.known_motion is None
    monkeypatch.undo()
    return np.stack(maps), len(searches)


def counted_searches(module, monkeypatch) -> list:
    """The pairs that are measured from now on."""
    searches, make = list[tuple](), flow.flow_search

    class Counted:
        def __init__(self):
            self.search = make()

        def calc(self, *pair):
            searches.append(pair)
            return self.search.calc(*pair)

    monkeypatch.setattr(module, "flow_search", Counted)
    return searches


def test_the_context_of_a_block_is_not_measured_again(quiet, monkeypatch):
    """Blocks of few frames have most of what they need in common: scores are the same to the bit."""
    settings = small_config(quiet[0].reel.path, None, model={"name": "flow"}).model
    method = METHODS["flow"](settings, {}, {}, 8)
    method.fit(quiet, 0)
    maps, counts = [], []
    for recent in (RecentMotion(0), RecentMotion()):
        method.recent_motion = recent
        monkeypatch.setattr(method, "block_frames", lambda reel: 5)
        searches = counted_searches(flow, monkeypatch)
        maps.append(np.stack([f.residual for f in method.frames(quiet[0].reel, 0, FRAMES, RAW)]))
        counts.append(len(searches))
        monkeypatch.undo()
    np.testing.assert_array_equal(*maps)
    assert counts[0] > 2 * FRAMES
    assert counts[1] <= FRAMES + method.before + method.after  # those beyond its ends are mirrored


@pytest.mark.parametrize("name", MEASURED_IN)
def test_pairs_are_measured_once_and_scores_are_the_same(name, quiet, monkeypatch):
    anew, each_time = judged(name, quiet, monkeypatch, 0)
    found, once = judged(name, quiet, monkeypatch, 2**30)
    np.testing.assert_array_equal(found, anew)
    assert each_time > MEASURED_IN[name][1] * FRAMES
    assert once < 0.75 * each_time  # the ends of parts are mirrored, which are other pairs


ASKED = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), max_size=30)


@given(ASKED, st.integers(0, 500), st.sampled_from([KnownMotion, RecentMotion]))
def test_what_is_known_is_what_would_be_measured_within_the_room_that_there_is(asked, room, kind):
    known, pictures = kind(room), [np.full((4, 5), k, np.uint8) for k in range(3)]

    def measured(before: np.ndarray, after: np.ndarray) -> Motion:
        return Motion(before - 2 * after.astype(np.float32), float(before.max()))

    for i, j in asked:
        speed, kept = known.of(pictures[i], pictures[j], measured)
        assert np.array_equal(speed, measured(pictures[i], pictures[j]).velocity)
        assert kept == i
    assert sum(motion.velocity.nbytes for motion in known.found.values()) <= room
    assert len(known.found) == min(len(set(asked)), room // PAIR_BYTES)


@given(ASKED, st.integers(PAIR_BYTES, 500))
def test_of_recent_motion_the_last_that_was_measured_is_known(asked, room):
    known, measured = RecentMotion(room), list[tuple[int, int]]()

    def measure(before: np.ndarray, after: np.ndarray) -> Motion:
        measured.append((int(before[0, 0]), int(after[0, 0])))
        return Motion(np.zeros((4, 5), np.float32), 1.0)

    for i, j in asked:
        held, before = measured[-(room // PAIR_BYTES) :], len(measured)
        known.of(np.full((4, 5), i, np.uint8), np.full((4, 5), j, np.uint8), measure)
        assert (len(measured) == before) == ((i, j) in held)
