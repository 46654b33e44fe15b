import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import roc_auc_score

from tests.benchmarks.parts.frame_metrics import PixelRanks, frame_metrics
from tests.support import oracles

scored_frames = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 1)), min_size=2, max_size=20).filter(
    lambda rows: len({label for _, label in rows}) == 2
)


# Two videos that each rank their own frames perfectly, on scales that do not fit each other, and one of a single class.
SCORES = [np.array([1.0, 2.0, np.nan]), np.array([10.0, 30.0, 20.0]), np.array([5.0, 5.0])]
LABELS = [np.array([0.0, 1.0, 1.0]), np.array([0.0, 1.0, np.nan]), np.array([0.0, 0.0])]


def test_frame_metrics_by_hand():
    found = frame_metrics(SCORES, LABELS)
    assert (found.n_videos, found.n_frames, found.n_videos_in_mean) == (3, 6, 2)
    # raw: anomalous 2, 30 against normal 1, 10, 5, 5: 1 + 4 of 8 pairs; AP: 30 first, 2 fifth: (1 / 1 + 2 / 5) / 2
    assert (found.raw_auc, found.raw_ap) == (pytest.approx(5 / 8), pytest.approx(0.7))
    # stretched to 0, 1 | 0, 1 | 0, 0: both anomalous frames outrank all others
    assert (found.per_video_minmax_auc, found.per_video_minmax_ap) == (1, 1)
    # the third video has one class only: it counts for the two figures above and not for the mean
    assert (found.per_video_mean_auc, found.per_video_mean_ap) == (1, 1)


def test_a_frame_without_label_still_stretches_its_video():
    found = frame_metrics([[0, 1, 4], [0, 2, 4]], [[0, 1, math.nan], [0, 0, 1]])
    assert found.per_video_minmax_auc == pytest.approx(5 / 6)  # 0.25 and 1 against 0, 0 and 0.5


def test_a_video_of_one_class_is_no_video_of_the_mean():
    two = frame_metrics([[1, 2, 3], [1, 2, 3]], [[0, 1, 0], [0, 0, 1]])
    assert two.per_video_mean_auc == pytest.approx((1 / 2 + 1) / 2)
    three = frame_metrics([[1, 2, 3], [1, 2, 3], [9]], [[0, 1, 0], [0, 0, 1], [0]])
    assert (three.per_video_mean_auc, three.n_videos_in_mean) == (two.per_video_mean_auc, 2)
    assert three.raw_auc < two.raw_auc


@pytest.mark.parametrize("videos", [[], [([], [])], [([1, 2], [0, 0])], [([math.nan, math.nan], [0, 1])]])
def test_without_two_classes_there_are_no_frame_metrics(videos):
    found = frame_metrics([s for s, _ in videos], [y for _, y in videos])
    figures = [found.raw_auc, found.per_video_minmax_auc, found.per_video_mean_auc]
    figures += [found.raw_ap, found.per_video_minmax_ap, found.per_video_mean_ap]
    assert figures == [None] * 6
    assert (found.n_videos, found.n_videos_in_mean) == (len(videos), 0)


@settings(max_examples=40, deadline=None)
@given(rows=st.lists(scored_frames, min_size=1, max_size=3), shift=st.integers(-3, 3))
def test_frame_metrics_of_videos(rows, shift):
    scores, labels = ([np.array(video, float)[:, column] for video in rows] for column in (0, 1))
    found = frame_metrics(scores, labels)
    assert found.raw_auc == pytest.approx(oracles.roc_auc(np.concatenate(scores), np.concatenate(labels)))
    assert found.raw_ap == pytest.approx(oracles.average_precision(np.concatenate(scores), np.concatenate(labels)))
    assert found.per_video_mean_auc == pytest.approx(np.mean(list(map(oracles.roc_auc, scores, labels))))
    moved = frame_metrics([2 * s + shift * i for i, s in enumerate(scores)], labels)  # each video on a scale of its own
    assert moved.per_video_minmax_auc == pytest.approx(found.per_video_minmax_auc)
    assert moved.per_video_minmax_ap == pytest.approx(found.per_video_minmax_ap)
    assert moved.per_video_mean_ap == pytest.approx(found.per_video_mean_ap)


def test_frame_metrics_need_labels_of_every_video():
    with pytest.raises(ValueError, match="2 videos with scores, 1 with labels"):
        frame_metrics([[1.0], [2.0]], [[0]])
    with pytest.raises(ValueError, match="equal length"):
        frame_metrics([[1.0]], [[0, 1]])


halves = st.floats(-60000, 60000, width=16)
pixels = st.integers(1, 12).flatmap(
    lambda n: st.tuples(arrays(np.float16, (2, 1, n), elements=halves), arrays(bool, (2, 1, n)))
)


@settings(max_examples=40, deadline=None)
@given(drawn=pixels)
def test_pixel_auc_is_exact_for_float16(drawn):
    scores, masks = drawn
    assume(len(np.unique(masks)) == 2)
    ranks = PixelRanks()
    for score, mask in zip(scores, masks, strict=True):
        ranks.add(score, mask)
    assert ranks.auc() == pytest.approx(roc_auc_score(masks.ravel(), scores.ravel().astype(float)))


def test_pixel_auc_of_float32_is_close():
    rng = np.random.default_rng(0)
    masks = rng.random((3, 50, 60)) < 0.1
    scores = rng.normal(size=masks.shape) + masks
    ranks = PixelRanks()
    ranks.add(scores, masks)
    assert ranks.auc() == pytest.approx(roc_auc_score(masks.ravel(), scores.ravel()), abs=1e-5)


def test_pixels_without_a_score_do_not_count():
    ranks = PixelRanks()
    ranks.add(np.array([[1, 2, np.nan, np.nan]]), np.array([[False, True, True, False]]))
    assert (ranks.auc(), ranks.counts.sum()) == (1, 2)
    ranks.add(np.array([[0.0, -0.0]]), np.array([[True, False]]))  # one zero: a tie
    assert ranks.auc() == pytest.approx(2.5 / 4)  # of 2, 0 against 1, 0: 2 > 1, 2 > 0, 0 < 1, 0 = 0


def test_pixels_of_one_class_have_no_ranking():
    assert PixelRanks().auc() is None
    ranks = PixelRanks()
    ranks.add(np.ones((2, 2)), np.ones((2, 2), bool))
    assert ranks.auc() is None


@settings(max_examples=40, deadline=None)
@given(drawn=pixels, count=st.integers(1, 30))
def test_thresholds_split_between_the_scores(drawn, count):
    scores, masks = drawn
    ranks = PixelRanks()
    ranks.add(scores, masks)
    thresholds = ranks.thresholds(count)
    assert (np.diff(thresholds) < 0).all()
    assert 1 <= len(thresholds) <= count
    above = [(scores.astype(np.float32) > t).sum() for t in thresholds]
    possible = [(scores > value).sum() for value in scores.ravel()]
    wanted = {max(n for n in possible if n <= most) for most in np.geomspace(1, scores.size, count)}
    assert above == sorted(wanted)


def test_impossible_maps_are_refused():
    with pytest.raises(ValueError, match=r"masks \(2, 2\) uint8"):
        PixelRanks().add(np.zeros((2, 2)), np.zeros((2, 2), np.uint8))
    with pytest.raises(ValueError, match="infinite"):
        PixelRanks().add(np.array([[np.inf]]), np.array([[True]]))
    with pytest.raises(ValueError, match="no scores"):
        PixelRanks().thresholds(10)
