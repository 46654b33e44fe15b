import time
from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from inference.events.boxes import Box, box_iou, find_boxes
from tests.support import oracles


def bounds(box):
    return box.x0, box.y0, box.x1, box.y1


def score_map(shape, seed):
    """All values different, so that the order of peaks is never a matter of taste."""
    values = np.arange(1, shape[0] * shape[1] + 1, dtype=np.float32) / (shape[0] * shape[1])
    return np.random.default_rng(seed).permutation(values).reshape(shape)


@st.composite
def cases(draw):
    score = score_map((draw(st.integers(1, 9)), draw(st.integers(1, 9))), draw(st.integers(0, 10_000)))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    low = np.float32(draw(st.sampled_from([0.3, 0.6, 0.8, 0.9])))
    if draw(st.booleans()):
        low = rng.uniform(low, 1, score.shape).astype(np.float32)
    high = np.minimum(low + np.float32(0.1), 1)
    return score, low, high, rng.random(score.shape) < draw(st.sampled_from([0, 0.2]))


@given(case=cases(), min_area=st.integers(1, 4), iou_thresh=st.sampled_from([0, 0.1, 0.2, 0.5, 1]))
def test_equals_flood_fill_and_pairwise_joining(case, min_area, iou_thresh):
    score, low, high, invalid = case
    regions = [r for r in oracles.flood_fill((score > low) & ~invalid) if len(r) >= min_area]
    regions = oracles.merge_regions(regions, score, iou_thresh)
    expected = [oracles.describe(r, score, np.broadcast_to(high, score.shape)) for r in regions]
    found = find_boxes(score, low, high, min_area, iou_thresh, invalid)
    assert [(bounds(b), b.area, b.level) for b in found] == [(e["bounds"], e["area"], e["level"]) for e in expected]
    for name in ("peak", "mean", "x", "y"):
        assert [getattr(b, name) for b in found] == pytest.approx([e[name] for e in expected], rel=1e-6)


@given(case=cases(), iou_thresh=st.sampled_from([0, 0.2, 0.5]))
def test_boxes_come_strongest_first_and_never_overlap_too_much(case, iou_thresh):
    score, low, high, invalid = case
    boxes = find_boxes(score, low, high, 1, iou_thresh, invalid)
    assert [b.peak for b in boxes] == sorted((b.peak for b in boxes), reverse=True)
    assert sum(b.area for b in boxes) == np.count_nonzero((score > low) & ~invalid)
    assert all(oracles.iou(bounds(a), bounds(b)) <= iou_thresh for a, b in combinations(boxes, 2))


@given(st.lists(st.tuples(*[st.integers(0, 6)] * 2, *[st.integers(1, 5)] * 2), min_size=1, max_size=5))
def test_iou_equals_counting_pixels_and_that_of_torchvision(corners_and_sizes):
    from torchvision.ops import box_iou as theirs  # which takes each worker of the suite 3 s

    boxes = np.array([(x, y, x + w, y + h) for x, y, w, h in corners_and_sizes])
    assert box_iou(boxes[0], boxes) == pytest.approx([oracles.iou(boxes[0], b) for b in boxes.tolist()])
    as_tensor = torch.from_numpy(boxes).double()
    assert np.array_equal(box_iou(boxes[:, None], boxes), theirs(as_tensor, as_tensor).numpy())


def test_one_box_by_hand():
    score = np.zeros((6, 8), np.float32)
    score[2, 3:6] = 0.1, 0.3, 0.1
    score[3, 6] = 0.5  # touches by a corner
    [box] = find_boxes(score, 0.05, 0.4, min_area=4)
    assert bounds(box) == (3, 2, 7, 4)
    assert (box.area, box.level) == (4, "high")
    assert (box.peak, box.mean) == pytest.approx((0.5, 0.25))
    assert (box.x, box.y) == pytest.approx((5.0, 2.5))
    assert find_boxes(score, 0.05, 0.5, min_area=4)[0].level == "low"  # the high level must be exceeded, not met
    assert find_boxes(score, 0.05, 0.4, min_area=5) == []


def test_masked_and_non_finite_pixels_make_no_box():
    score = np.array([[np.nan, np.inf, 0.9, 0.9]], np.float32)
    invalid = np.array([[False, False, True, False]])
    [box] = find_boxes(score, 0.1, 0.2, min_area=1, invalid=invalid)
    assert bounds(box) == (3, 0, 4, 1)


def test_joined_box_keeps_the_peak_of_the_stronger_and_any_high_level():
    score = np.zeros((5, 5), np.float32)
    score[0, :] = score[:, 0] = 0.3  # an L ...
    score[2:5, 2:5] = 0.2  # ... around a square
    high = np.full((5, 5), 0.9)
    high[4, 4] = 0.15  # only the weaker one exceeds its own high threshold
    apart = find_boxes(score, 0.1, high, iou_thresh=1)
    assert [(b.peak, b.level) for b in apart] == [(pytest.approx(0.3), "low"), (pytest.approx(0.2), "high")]
    [joined] = find_boxes(score, 0.1, high, iou_thresh=0.2)
    assert (joined.peak, joined.level, joined.area) == (pytest.approx(0.3), "high", 18)


def test_a_union_that_grows_into_a_stronger_box_joins_it():
    score = np.zeros((8, 8), np.float32)
    score[0, :4] = score[:4, 0] = 0.5  # two angles that overlap in one corner of their boxes ...
    score[7, 3:] = score[3:, 7] = 0.4
    score[0:2, 5:7] = 0.9  # ... and one that only their union reaches
    assert len(find_boxes(score, 0.1, 0.95, iou_thresh=1)) == 3
    [joined] = find_boxes(score, 0.1, 0.95, iou_thresh=0)
    assert (bounds(joined), joined.area, joined.peak) == ((0, 0, 8, 8), 20, pytest.approx(0.9))


def test_thresholds_are_compared_in_float32():
    score = np.array([[0.6]], np.float32)  # 0.60000002 in float64
    assert find_boxes(score, 0.6, 0.9, min_area=1) == []
    assert find_boxes(score, 0.5, 0.6, min_area=1)[0].level == "low"


def test_per_pixel_thresholds_decide_per_pixel():
    score = np.full((2, 6), 0.5, np.float32)
    low = np.full((2, 6), 0.9)
    low[:, 4:] = 0.1
    assert [bounds(b) for b in find_boxes(score, low, low)] == [(4, 0, 6, 2)]


def test_box_is_frozen():
    box = Box(0, 0, 1, 1, 0.0, 0.0, 1.0, 1.0, 1, "low")
    with pytest.raises(AttributeError):
        box.peak = 2.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.zeros((2, 2, 2)), 0.1, 0.2), "need"),
        ((np.zeros((2, 2)), np.zeros(2), 0.2), "need"),
        ((np.zeros((2, 2)), -0.1, 0.2), "-0.1"),
        ((np.zeros((2, 2)), 0.2, 0.1), "below threshold_low"),
    ],
)
def test_impossible_settings_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        find_boxes(*arguments)


def test_a_map_full_of_noise_is_still_quick():
    score = np.random.default_rng(0).random((256, 256), dtype=np.float32)
    began = time.process_time()
    assert len(find_boxes(score, 0.9, 0.95, min_area=2)) > 500
    assert time.process_time() - began < 2
