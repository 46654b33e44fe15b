"""RBDC and TBDC against hand-computed cases and against the definition, written out slowly."""

import itertools

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests.benchmarks.parts.frame_metrics import PixelRanks
from tests.benchmarks.parts.region_metrics import Regions, RegionSweep, TrackLinker, region_metrics_of_boxes
from tests.support import oracles
from tests.support.paths import SHARED

PED2 = SHARED / "data/video/ped2/test_masks_packbits.npz"
NOTHING = np.zeros((0, 4))


def sweep(videos, thresholds, **settings):
    """RegionMetrics of [[(score, mask), ...], ...]."""
    found = RegionSweep(thresholds, **settings)
    for video in videos:
        found.next_video()
        for score, mask in video:
            found.add(score, mask)
    return found.metrics()


def frame(*patches, shape=(12, 20)):
    """Score map that is 0 but for patches (x0, y0, x1, y1, score)."""
    score = np.zeros(shape)
    for x0, y0, x1, y1, value in patches:
        score[y0:y1, x0:x1] = value
    return score


def mask(*boxes, shape=(12, 20)):
    return frame(*((*box, 1) for box in boxes), shape=shape) > 0


# Four frames, three true regions on two tracks. From the highest score down:
#   0.9 finds track 0 in frame 0      regions 1/3  tracks 1/2  false 0/4
#   0.8 is false in frame 3           regions 1/3  tracks 1/2  false 1/4
#   0.7 finds track 1 in frame 2      regions 2/3  tracks 2/2  false 1/4
#   0.6 is false in frame 2           regions 2/3  tracks 2/2  false 2/4
#   0.5 finds track 0 in frame 1      regions 3/3  tracks 2/2  false 2/4, and level from there to 1
# RBDC = 1/4 * 1/3 + 1/4 * 2/3 + 1/2 * 1 = 3/4.  TBDC = 1/4 * 1/2 + 3/4 * 1 = 7/8.
TRUE = [[(0, 0, 4, 4)], [(1, 0, 5, 4)], [(8, 4, 12, 8)], []]
TRACKS = [[0], [0], [1], []]
DETECTED = [
    [(0, 0, 4, 4, 0.9)],
    [(1, 1, 5, 5, 0.5)],
    [(8, 4, 11, 8, 0.7), (16, 0, 18, 2, 0.6)],
    [(0, 0, 4, 4, 0.8)],
]


def test_boxes_by_hand():
    found = region_metrics_of_boxes(DETECTED, TRUE, TRACKS)
    assert (found.rbdc, found.tbdc) == (pytest.approx(3 / 4), pytest.approx(7 / 8))
    assert (found.n_frames, found.n_regions, found.n_tracks) == (4, 3, 2)
    assert found.thresholds.tolist() == [0.9, 0.8, 0.7, 0.6, 0.5]
    np.testing.assert_allclose(found.false_per_frame, [0, 1 / 4, 1 / 4, 2 / 4, 2 / 4])
    np.testing.assert_allclose(found.region_rate, [1 / 3, 1 / 3, 2 / 3, 2 / 3, 1])
    np.testing.assert_allclose(found.track_rate, [1 / 2, 1 / 2, 1, 1, 1])


@pytest.mark.parametrize("compare", ["box", "mask"])
def test_maps_by_hand(compare):
    video = [(frame(*d), mask(*t)) for d, t in zip(DETECTED, TRUE, strict=True)]
    found = sweep([video], [0.85, 0.75, 0.65, 0.55, 0.45], compare=compare)
    assert (found.rbdc, found.tbdc) == (pytest.approx(3 / 4), pytest.approx(7 / 8))
    np.testing.assert_allclose(found.region_rate, [1 / 3, 1 / 3, 2 / 3, 2 / 3, 1])


def test_an_overlap_of_exactly_beta_detects():
    true = [[(0, 0, 10, 1)]]
    assert region_metrics_of_boxes([[(0, 0, 1, 1, 1)]], true, [[0]]).rbdc == 1  # 1 / 10
    missed = region_metrics_of_boxes([[(0, 0, 1, 1, 1)]], [[(0, 0, 11, 1)]], [[0]])  # 1 / 11
    assert (missed.rbdc, missed.false_per_frame.tolist()) == (0, [1])


@pytest.mark.parametrize(("length", "tbdc"), [(10, 1), (11, 0), (30, 0)])
def test_a_track_needs_the_fraction_alpha_of_its_regions(length, tbdc):
    detected = [[(0, 0, 4, 4, 0.9)]] + [[]] * (length - 1)
    found = region_metrics_of_boxes(detected, [[(0, 0, 4, 4)]] * length, [[7]] * length)
    assert found.tbdc == tbdc
    assert found.rbdc == pytest.approx(1 / length)


def test_three_of_thirty_are_a_tenth():
    detected = [[(0, 0, 4, 4, 0.9)]] * 3 + [[]] * 27  # 0.1 * 30 is 3 and 3 / 30 is 0.1, also in floating point
    assert region_metrics_of_boxes(detected, [[(0, 0, 4, 4)]] * 30, [[7]] * 30).tbdc == 1


def test_one_detection_may_find_two_regions_and_two_detections_one():
    found = region_metrics_of_boxes([[(0, 0, 8, 4, 0.9)]], [[(0, 0, 4, 4), (4, 0, 8, 4)]], [[0, 1]])
    assert (found.rbdc, found.tbdc) == (1, 1)
    found = region_metrics_of_boxes([[(0, 0, 4, 4, 0.9), (0, 0, 4, 5, 0.8)]], [[(0, 0, 4, 4)]], [[0]])
    assert (found.rbdc, found.false_per_frame.tolist()) == (1, [0, 0])


def test_the_area_ends_at_one_false_positive_per_frame():
    alarms = [(10, 0, 12, 2, 0.9), (14, 0, 16, 2, 0.8)]
    late = region_metrics_of_boxes([[*alarms, (0, 0, 4, 4, 0.7)]], [[(0, 0, 4, 4)]], [[0]])
    assert (late.rbdc, late.region_rate.tolist()) == (0, [0, 0, 1])  # level 0 from (0, 0) to (2, 0)
    tied = [(*box[:4], 0.5) for box in [*alarms, (0, 0, 4, 4, 0)]]
    assert region_metrics_of_boxes([tied], [[(0, 0, 4, 4)]], [[0]]).rbdc == 1 / 4  # line from (0, 0) to (2, 1)


def test_regions_that_grow_together_lose_the_detection():
    """At 0.5 the patch alone is detected; at 0.1 it is part of the whole frame, 16 / 240 < 0.1: a false positive."""
    score = np.full((12, 20), 0.2)
    score[:4, :4] = 0.9
    found = sweep([[(score, mask((0, 0, 4, 4)))]], [0.5, 0.1])
    assert found.region_rate.tolist() == [1, 0]
    assert found.false_per_frame.tolist() == [0, 1]
    assert (found.rbdc, found.tbdc) == (1, 1)


def test_boxes_and_pixels_differ_for_a_thin_region():
    """A diagonal of 8 pixels fills an 8x8 box: IoU of the boxes 1, of the pixels 8 / 64 = 0.125."""
    video = [[(np.eye(8), np.ones((8, 8), bool))]]
    assert sweep(video, [0.5], beta=0.2).rbdc == 1
    assert sweep(video, [0.5], beta=0.2, compare="mask").rbdc == 0
    assert sweep(video, [0.5], beta=0.125, compare="mask").rbdc == 1


def test_small_regions_can_be_left_out():
    score = frame((0, 0, 4, 4, 1), (10, 10, 11, 11, 1))
    video = [[(score, mask((0, 0, 4, 4)))]]
    assert sweep(video, [0.5]).false_per_frame.tolist() == [1]
    assert sweep(video, [0.5], min_area_px=2).false_per_frame.tolist() == [0]


def test_without_a_true_region_there_is_no_rate():
    found = sweep([[(frame((0, 0, 2, 2, 1)), mask())]], [0.5])
    assert (found.rbdc, found.tbdc, found.n_regions, found.false_per_frame.tolist()) == (None, None, 0, [1])
    assert np.isnan(found.region_rate).all()
    found = region_metrics_of_boxes([], [], [])
    assert (found.rbdc, found.tbdc, found.n_frames) == (None, None, 0)


def test_a_frame_without_scores_is_one_with_nothing_detected():
    part = frame((0, 0, 4, 4, 1))
    part[6:] = np.nan
    found = sweep([[(part, mask((0, 0, 4, 4))), (np.full((12, 20), np.nan), mask((0, 0, 4, 4)))]], [0.5])
    assert (found.rbdc, found.tbdc, found.n_frames) == (0.5, 1, 2)


def tracks_of(*frames):
    linker = TrackLinker()
    return [linker.push(Regions.of(mask(*boxes))).tolist() for boxes in frames]


def test_tracks_follow_overlap():
    assert tracks_of([(0, 0, 4, 4)], [(2, 0, 6, 4)], [(5, 0, 9, 4)]) == [[0], [0], [0]]
    assert tracks_of([(0, 0, 4, 4)], [(5, 0, 9, 4)]) == [[0], [1]]  # no pixel in common
    assert tracks_of([(0, 0, 4, 4)], [], [(0, 0, 4, 4)]) == [[0], [], [1]]  # no frame is skipped


def test_of_a_split_the_larger_part_goes_on():
    whole, small, large = (0, 0, 10, 4), (0, 0, 3, 4), (4, 0, 10, 4)  # IoU 12 / 40 and 24 / 40
    assert sorted(tracks_of([whole], [small, large])[1]) == [0, 1]
    linker = TrackLinker()
    linker.push(Regions.of(mask(whole)))
    regions = Regions.of(mask(small, large))
    numbers = linker.push(regions)
    assert numbers[np.argmax(regions.areas)] == 0
    assert linker.n_tracks == 2


def test_of_a_merge_one_track_goes_on():
    small, large, whole = (0, 0, 3, 4), (4, 0, 10, 4), (0, 0, 10, 4)
    linker = TrackLinker()
    regions = Regions.of(mask(small, large))
    before = linker.push(regions)
    assert linker.push(Regions.of(mask(whole))).tolist() == [before[np.argmax(regions.areas)]]
    after = linker.push(Regions.of(mask(small, large)))
    assert len(set(after) - set(before)) == 1  # the part that comes back is a new track
    assert linker.n_tracks == 3


def test_a_track_ends_with_its_video():
    video = [(frame((0, 0, 4, 4, 1)), mask((0, 0, 4, 4)))]
    assert sweep([video, video], [0.5]).n_tracks == 2
    assert sweep([video + video], [0.5]).n_tracks == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"alpha": 0}, "alpha is 0"),
        ({"beta": 1.5}, "beta 1.5"),
        ({"compare": "pixel"}, "'pixel'; allowed are box, mask"),
        ({"thresholds": [np.nan]}, "no NaN"),
        ({"thresholds": []}, "at least one"),
    ],
)
def test_impossible_settings_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        RegionSweep(**({"thresholds": [0.5]} | arguments))


def test_impossible_frames_are_refused():
    with pytest.raises(ValueError, match=r"score \(4, 4\), mask \(5, 5\)"):
        RegionSweep([0.5]).add(np.zeros((4, 4)), np.zeros((5, 5), bool))
    with pytest.raises(ValueError, match="uint8"):
        RegionSweep([0.5]).add(np.zeros((4, 4)), np.zeros((4, 4), np.uint8))
    with pytest.raises(ValueError, match="1 frames detected, 0 truth"):
        region_metrics_of_boxes([[]], [], [])
    with pytest.raises(ValueError, match="frame 1 has 1 true boxes and 0 tracks"):
        region_metrics_of_boxes([[], []], [[], [(0, 0, 1, 1)]], [[], []])
    with pytest.raises(ValueError, match=r"box \[1.0, 0.0, 1.0, 1.0, 0.5\]"):
        region_metrics_of_boxes([[(1, 0, 1, 1, 0.5)]], [[]], [[]])


# The definition, slowly. A video is a list of (score, mask); a region a set of (y, x).


def pixel_iou(a, b):
    return len(a & b) / len(a | b)


def region_iou(a, b, compare):
    return pixel_iou(a, b) if compare == "mask" else oracles.iou(oracles.bounds(a), oracles.bounds(b))


def slow_tracks(masks):
    """[(frame, region), ...] of every track; every one-to-one assignment of a frame's regions to the next is tried."""
    tracks, current = [], []  # current: the tracks that reach the frame before
    for t, known in enumerate(masks):
        regions = oracles.flood_fill(known)
        slots = [*current, *[None] * len(regions)]
        choices = {}
        for choice in itertools.permutations(range(len(slots)), len(regions)):
            pairs = [(r, s) for r, s in enumerate(choice) if slots[s] and pixel_iou(slots[s][-1][1], regions[r])]
            choices[frozenset(pairs)] = sum(pixel_iou(slots[s][-1][1], regions[r]) for r, s in pairs)
        (pairs, best), *others = sorted(choices.items(), key=lambda c: -c[1]) or [(frozenset(), 0)]
        assume(not others or best - others[0][1] > 1e-9)  # of two equally good answers neither is the right one
        chosen = dict(pairs)
        current = [slots[chosen[r]] if r in chosen else [] for r in range(len(regions))]
        tracks += [track for track in current if not track]
        for track, region in zip(current, regions, strict=True):
            track.append((t, region))
    return tracks


def slow_metrics(videos, thresholds, alpha, beta, compare):
    """(rbdc, tbdc) of [[(score, mask), ...], ...] from the definition."""
    tracks = [(v, track) for v, video in enumerate(videos) for track in slow_tracks([m for _, m in video])]
    points = []
    for threshold in thresholds:
        detected = {
            (v, t): oracles.flood_fill(score > threshold)
            for v, video in enumerate(videos)
            for t, (score, _) in enumerate(video)
        }
        hits = [
            [any(region_iou(region, d, compare) >= beta for d in detected[v, t]) for t, region in track]
            for v, track in tracks
        ]
        false = 0
        for place, regions in detected.items():
            true = [region for v, track in tracks for t, region in track if (v, t) == place]
            false += sum(all(region_iou(region, d, compare) < beta for region in true) for d in regions)
        region_rate = sum(map(sum, hits)) / sum(map(len, hits))
        points.append((false / len(detected), region_rate, sum(sum(h) / len(h) >= alpha for h in hits) / len(hits)))
    return tuple(slow_area([(p[0], p[rate]) for p in points]) for rate in (1, 2))


def slow_area(points):
    """Area from 0 to 1 under the lines from point to point, the height never falling."""
    area, (x0, y0) = 0.0, (0.0, 0.0)
    for x1, y1 in [*sorted(points), (np.inf, 0.0)]:
        y1 = max(y0, y1)
        if x1 >= 1:
            slope = 0.0 if np.isinf(x1) else (y1 - y0) / (x1 - x0)
            return area + (1 - x0) * (y0 + slope * (1 - x0) / 2)
        area, x0, y0 = area + (x1 - x0) * (y0 + y1) / 2, x1, y1
    raise AssertionError("the last point is at infinity")


maps = arrays(np.float32, (3, 4, 5), elements=st.sampled_from([0, 0, 1, 2, 3]))
masks = arrays(bool, (3, 4, 5), elements=st.sampled_from([False, False, False, True]))
videos = st.lists(st.tuples(maps, masks), min_size=1, max_size=2)
fractions = st.sampled_from([0.1, 0.3, 0.5, 1.0])


def frames(drawn):
    return [list(zip(scores, known, strict=True)) for scores, known in drawn]


@settings(max_examples=100, deadline=None)
@given(drawn=videos, alpha=fractions, beta=fractions, compare=st.sampled_from(["box", "mask"]))
def test_maps_equal_the_definition(drawn, alpha, beta, compare):
    assume(any(known.any() for _, known in drawn))
    assume(all(len(oracles.flood_fill(m)) < 4 for _, known in drawn for m in known))
    thresholds = [2.5, 1.5, 0.5]
    expected = slow_metrics(frames(drawn), thresholds, alpha, beta, compare)
    found = sweep(frames(drawn), thresholds, alpha=alpha, beta=beta, compare=compare)
    assert (found.rbdc, found.tbdc) == pytest.approx(expected)


corners = st.tuples(st.integers(0, 6), st.integers(0, 6), st.integers(1, 4), st.integers(1, 4))
boxes = corners.map(lambda c: (c[0], c[1], c[0] + c[2], c[1] + c[3]))
annotated = st.lists(
    st.tuples(
        st.lists(st.tuples(boxes, st.integers(1, 4)), max_size=3),
        st.lists(st.tuples(boxes, st.integers(0, 2)), max_size=2),
    ),
    min_size=1,
    max_size=4,
)


@settings(deadline=None)
@given(drawn=annotated, alpha=fractions, beta=fractions)
def test_boxes_equal_counting_at_every_score(drawn, alpha, beta):
    true = [(t, box, track) for t, (_, known) in enumerate(drawn) for box, track in known]
    detected = [(t, box, score) for t, (boxes, _) in enumerate(drawn) for box, score in boxes]
    assume(true)
    points = []
    for threshold in sorted({score for _, _, score in detected}):
        match = {
            (d, g): u[0] == true[g][0] and oracles.iou(u[1], true[g][1]) >= beta
            for (d, u), g in itertools.product(enumerate(detected), range(len(true)))
            if u[2] >= threshold
        }
        hits = [any(hit for (_, g), hit in match.items() if g == i) for i in range(len(true))]
        shown = {d for d, _ in match}
        false = sum(not any(hit for (d, _), hit in match.items() if d == i) for i in shown)
        per_track = [[h for h, (_, _, n) in zip(hits, true, strict=True) if n == k] for k in {n for _, _, n in true}]
        points.append((false / len(drawn), sum(hits) / len(hits), np.mean([np.mean(h) >= alpha for h in per_track])))
    found = region_metrics_of_boxes(
        [[(*box, score) for box, score in boxes] for boxes, _ in drawn],
        [[box for box, _ in known] for _, known in drawn],
        [[track for _, track in known] for _, known in drawn],
        alpha,
        beta,
    )
    assert found.rbdc == pytest.approx(slow_area([(x, y) for x, y, _ in points]))
    assert found.tbdc == pytest.approx(slow_area([(x, y) for x, _, y in points]))


@settings(deadline=None)
@given(drawn=videos)
def test_overlaps_equal_counting_pixels(drawn):
    (scores, known), *_ = drawn
    ours, theirs = Regions.of(scores[0] > 0), Regions.of(known[0])
    pixels = [[set(zip(*np.nonzero(r.labels == k), strict=True)) for k in r.kept] for r in (ours, theirs)]
    expected = np.array([[pixel_iou(a, b) for b in pixels[1]] for a in pixels[0]])
    np.testing.assert_allclose(ours.mask_iou(theirs), expected.reshape(len(ours.kept), len(theirs.kept)))
    bounds = [[oracles.bounds(region) for region in regions] for regions in pixels]
    assert [r.bounds.tolist() for r in (ours, theirs)] == [[list(b) for b in part] for part in bounds]
    expected = np.array([[oracles.iou(a, b) for b in bounds[1]] for a in bounds[0]])
    np.testing.assert_allclose(ours.box_iou(theirs), expected.reshape(len(ours.kept), len(theirs.kept)))


def figures(drawn):
    """RBDC and TBDC at thresholds chosen from the scores themselves."""
    ranks = PixelRanks()
    for scores, known in drawn:
        ranks.add(scores, known)
    found = sweep(frames(drawn), ranks.thresholds(20))
    return found.rbdc, found.tbdc


@settings(max_examples=40, deadline=None)
@given(drawn=videos, scale=st.sampled_from([0.01, 1, 3]), power=st.sampled_from([1, 2, 3]))
def test_only_the_order_of_the_scores_matters(drawn, scale, power):
    changed = [(scale * (scores + 1) ** power - 2, known) for scores, known in drawn]
    assert figures(changed) == figures(drawn)


@settings(max_examples=40, deadline=None)
@given(drawn=videos)
def test_perfect_detection_is_one_and_none_is_zero(drawn):
    assume(len({pixel for _, known in drawn for pixel in known.flat}) == 2)  # of a constant map nothing stands out
    assert figures([(known.astype(np.float32), known) for _, known in drawn]) == (1, 1)
    assert figures([(np.zeros_like(scores), known) for scores, known in drawn]) == (0, 0)


@settings(max_examples=40, deadline=None)
@given(drawn=videos)
def test_two_copies_of_a_set_score_as_one(drawn):
    assume(any(known.any() for _, known in drawn))
    once, twice = (sweep(frames(part), [2.5, 1.5, 0.5]) for part in (drawn, drawn + drawn))
    assert (twice.rbdc, twice.tbdc) == pytest.approx((once.rbdc, once.tbdc))


@pytest.mark.skipif(not PED2.is_file(), reason=f"the masks of UCSD Ped2 are not in {PED2}")
def test_ped2_has_a_few_objects_in_every_clip():
    linker, regions, tracks = TrackLinker(), [], []
    with np.load(PED2, allow_pickle=False) as clips:
        for clip in sorted(clips.files):
            before = linker.n_tracks
            linker.next_video()
            known = np.unpackbits(clips[clip], axis=-1)[..., :360].astype(bool)
            regions.append(sum(len(linker.push(Regions.of(m))) for m in known))
            tracks.append(linker.n_tracks - before)
    assert regions == [120, 86, 270, 210, 129, 240]
    assert tracks == [1, 1, 2, 2, 1, 2]
