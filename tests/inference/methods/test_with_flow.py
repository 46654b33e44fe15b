"""Motion and objects in one score: the higher of both, and an event says which it was."""

from dataclasses import replace

import numpy as np
import pytest

from config import EvalConfig
from inference.calibration.quiet import QuietRange
from inference.events.boxes import find_boxes
from inference.methods.objects.with_flow import FlowAndObjects
from tests.support.plaza import CADENCE_S, plaza
from tests.support.reels import make_reel
from tests.support.trainings import small_config

RAW = replace(EvalConfig(), score="residual", common_mode=False, smooth_px=0.0)
NAMES = ("flow", "objects", "flow_and_objects")
FRAMES, WATCHED = 80, 90


@pytest.fixture(scope="module")
def methods(tmp_path_factory):
    """The method, fitted on two quiet clips, and its parts."""
    folder, name = tmp_path_factory.mktemp("quiet"), NAMES[-1]
    quiet = [make_reel(folder / str(s), plaza(FRAMES, s, walkers=2 * s), CADENCE_S) for s in (1, 2)]
    both = FlowAndObjects(small_config(quiet[0].path, None, model__name=name).model, {}, {}, 8)
    both.fit([QuietRange(r, 0, FRAMES, "train") for r in quiet], seed=0)
    return dict(zip(NAMES, (*both.parts, both), strict=True))


@pytest.fixture(scope="module")
def scored(methods, tmp_path_factory):
    """A function from what is planted to the scored frames of each method."""
    folder, known = tmp_path_factory.mktemp("new"), {}

    def score(planted: str) -> dict[str, list]:
        if planted not in known:
            reel = make_reel(folder / planted, plaza(WATCHED, 90, planted=planted), CADENCE_S)
            known[planted] = {name: list(methods[name].frames(reel, 0, WATCHED, RAW)) for name in NAMES}
        return known[planted]

    return score


@pytest.mark.parametrize("planted", ["runs", "left"])
def test_it_is_the_higher_of_both_in_the_units_of_each(methods, scored, planted):
    parts = methods["flow"].arrays["quiet_parts"]
    unit = np.float32(max(parts.max(), 1) * (5 / len(parts)) ** 0.1)
    for flow, objects, both in zip(*(scored(planted)[name] for name in NAMES), strict=True):
        np.testing.assert_allclose(both.residual, np.maximum(flow.residual / unit, objects.residual), rtol=1e-6)


def test_an_event_says_whose_it_is(methods, scored):
    """In the words of `objects`, or how fast it is for its place."""
    unit, told = methods["flow_and_objects"].arrays["unit"][0], set()
    frames = [(scored(planted)[name] for name in NAMES) for planted in ("runs", "left")]
    for flow, objects, both in (together for each in frames for together in zip(*each, strict=True)):
        for box in find_boxes(both.residual, 0.3, 0.3):
            part = slice(box.y0, box.y1), slice(box.x0, box.x1)
            speed = float(flow.residual[part].max())
            is_speed = bool(speed / unit > objects.residual[part].max())
            assert both.words(box) == (f"faster than usual here: {speed:.1f} times" if is_speed else objects.words(box))
            told.add(is_speed)
    assert told == {True, False}


def test_a_run_comes_back_from_its_arrays(methods, scored, tmp_path):
    known = methods["flow_and_objects"]
    again = FlowAndObjects(known.settings, dict(known.arrays), known.scaling, known.clip_length)
    reel = make_reel(tmp_path / "new", plaza(WATCHED, 90, planted="left"), CADENCE_S)
    for before, now in zip(scored("left")["flow_and_objects"], again.frames(reel, 0, WATCHED, RAW), strict=True):
        np.testing.assert_array_equal(before.residual, now.residual)
    assert again.tail_prior == known.tail_prior is not None
