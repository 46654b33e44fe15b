"""Behaviour of objects: each kind is seen where it is planted, and says in words what it is."""

import json
import re
from dataclasses import replace

import cv2
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import main
from config import EvalConfig
from inference.calibration.quiet.ranges import QuietRange
from inference.events.boxes import find_boxes
from inference.methods import METHODS
from inference.methods.base import enlarged
from inference.methods.objects import evidence as ev
from inference.methods.objects.ground import LEAST_LEVELS, Ground, exposure, same_texture
from inference.methods.objects.method import Told, cells_of
from inference.methods.objects.perspective import blobs_of, size_by_row
from inference.methods.objects.tails import FEW, Tail
from inference.methods.objects.walk import Measures, Walk
from tests.support.paths import ROOT
from tests.support.plaza import CADENCE_S, KINDS, ONSET, plaza
from tests.support.reels import make_reel
from tests.support.street import texture
from tests.support.trainings import small_config

RAW = replace(EvalConfig(), score="residual", common_mode=False, smooth_px=0.0)
FRAMES, WATCHED, LEAD = 160, 80, 30  # of a quiet clip; after the onset of what is planted, and before it
WORDS = {
    "runs": r"too fast for this place: [1-4]\.\d times",
    "against": "moves against the usual direction",
    "stands": r"stands for \d s",
    "left": r"stands for 1?\d s",
    "taken": r"has gone for 1?\d s",
    "large": r"larger than usual here: \d\.\d times",
    "off_path": "was not there before",
    "belt_stops": r"motion has stopped for 1?\d\.\d s, never for more than 0\.\d s",
}
SEEN = {"off_path": 1.1}  # times the quiet highest; all others 1.25 and more: of a place, few clips know no more
UNSEEN_BY_FLOW = ("stands", "left", "taken", "belt_stops")


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    """A function from a method's name and frames to the scored frames; fitted on three quiet clips."""
    folder, fitted, known = tmp_path_factory.mktemp("plaza"), {}, {}
    quiet = [make_reel(folder / f"quiet{s}", plaza(FRAMES, s, walkers=2 * s), CADENCE_S) for s in (1, 2, 3)]

    def score(name: str, frames: np.ndarray, cadence_s: float = CADENCE_S) -> list:
        if name not in fitted:
            fitted[name] = METHODS[name](small_config(quiet[0].path, None, model__name=name).model, {}, {}, 8)
            fitted[name].fit([QuietRange(r, 0, FRAMES, "train") for r in quiet], seed=0)
        if (asked := (name, cadence_s, frames.tobytes())) not in known:
            reel = make_reel(folder / f"new{len(known)}", frames, cadence_s)
            known[asked] = list(fitted[name].frames(reel, 0, len(reel), RAW))
        return known[asked]

    return score


def watched(seed: int, walkers: int = 4, planted: str = "", size: float = 1.0, step: int = 1) -> np.ndarray:
    """Every so many frames from LEAD before the onset on."""
    return plaza(ONSET + WATCHED, seed, walkers, planted, size, step)[(ONSET - LEAD) // step :]


def levels(found: list) -> np.ndarray:
    return np.array([f.residual.max() for f in found])


@pytest.fixture(scope="module")
def quiet_level(scene):
    """The highest level of unseen quiet clips, by method."""
    return {
        name: max(levels(scene(name, plaza(FRAMES, s, walkers=w))).max() for s, w in ((51, 2), (52, 6)))
        for name in ("objects", "flow")
    }


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_seen_and_told_in_words(scene, quiet_level, kind):
    found = scene("objects", watched(90, planted=kind))
    reached = levels(found)
    assert reached[:LEAD].max() < 1.1 * quiet_level["objects"]
    assert reached[LEAD:].max() > SEEN.get(kind, 1.25) * quiet_level["objects"]
    least = 1.05 if kind in SEEN else 1.1
    told = {f.words(box) for f in found[LEAD:] for box in boxes(f, least * quiet_level["objects"])}
    assert any(re.fullmatch(WORDS[kind], words) for words in told), told


def boxes(frame, threshold: float) -> list:
    return find_boxes(frame.residual, threshold, threshold)


@pytest.mark.parametrize("kind", UNSEEN_BY_FLOW)
def test_flow_does_not_see_them(scene, quiet_level, kind):
    reached = levels(scene("flow", watched(90, planted=kind)))
    assert reached[LEAD:].max() < 1.1 * quiet_level["flow"]


@pytest.mark.parametrize("walkers", [0, 8])
def test_a_crowd_is_no_anomaly_and_hides_none(scene, quiet_level, walkers):
    """Trained with 2 to 6 walkers. Fewer and more reach no other level, and a bag that they pass by is seen."""
    assert levels(scene("objects", plaza(FRAMES, 60, walkers))).max() < 1.25 * quiet_level["objects"]
    left = levels(scene("objects", watched(61, walkers, planted="left")))
    assert left[LEAD + 30 :].max() > 1.25 * quiet_level["objects"]


@pytest.mark.parametrize(("kind", "name"), [("runs", "fast"), ("large", "large")])
def test_more_of_it_is_no_less_evidence(scene, kind, name):
    found = [
        max(f.words.surprises[list(ev.KINDS).index(name)].max() for f in scene("objects", frames)[LEAD:])
        for frames in (watched(70, planted=kind, size=s) for s in (0.6, 1.5))
    ]
    assert found[0] <= found[1]


@pytest.mark.parametrize("kind", ["", "left", "off_path"])
def test_what_takes_seconds_does_not_hang_on_the_cadence(scene, quiet_level, kind):
    """Every third frame alone: ages and speeds are per second."""
    often, seldom = (
        levels(scene("objects", watched(90, planted=kind, step=step), step * CADENCE_S)) for step in (1, 3)
    )
    assert seldom.max() == pytest.approx(often.max(), rel=0.35)
    assert (seldom.max() > SEEN.get(kind, 1.3) * quiet_level["objects"]) == bool(kind)


def test_light_that_changes_is_no_object(scene, quiet_level):
    frames = plaza(FRAMES, 53)
    fading = 1 + 0.25 * np.sin(np.linspace(0, 6, FRAMES))[:, None, None, None]
    assert levels(scene("objects", np.float32(0.05 + 0.7 * frames * fading))).max() < 1.25 * quiet_level["objects"]


@pytest.mark.parametrize("frames", [1, 7])
def test_too_few_frames_are_told_with_the_way_out(tmp_path, frames):
    reel = make_reel(tmp_path / "one", plaza(frames, 0), CADENCE_S)
    method = METHODS["objects"](small_config(reel.path, None, model__name="objects").model, {}, {}, 8)
    with pytest.raises(ValueError, match=f"{frames} quiet training frames are too few: .* robust_z"):
        method.fit([QuietRange(reel, 0, frames, "train")], seed=0)


def test_a_run_of_another_version_is_refused(scene, tmp_path):
    reel = make_reel(tmp_path / "quiet", plaza(40, 0), CADENCE_S)
    method = METHODS["objects"](small_config(reel.path, None, model__name="objects").model, {}, {}, 8)
    method.fit([QuietRange(reel, 0, 40, "train")], seed=0)
    method.arrays["rule"] -= 1
    with pytest.raises(ValueError, match=r"another version.*train it anew"):
        next(method.frames(reel, 0, 40, RAW))


def test_through_the_program_events_say_what_they_are(tmp_path):
    for s in range(2):
        make_reel(tmp_path / "quiet" / f"q{s}", plaza(80, s, walkers=2 + 2 * s), CADENCE_S)
    make_reel(tmp_path / "new" / "bag", watched(90, planted="left"), CADENCE_S)
    make_reel(tmp_path / "new" / "usual", plaza(60, 91), CADENCE_S)
    recipe = ["-c", str(ROOT / "demo" / "video.yaml"), "--set", "model={name: objects}", "--set", "workers=0"]
    recipe += ["--model-path", str(tmp_path / "run")]
    for mode, part in (("train", "quiet"), ("eval", "new")):
        without = ["--movie", "off"] if mode == "eval" else []
        assert main.main(["-m", mode, *recipe, *without, "--data-clips", str(tmp_path / part)]) == 0
    events = pd.read_csv(tmp_path / "run" / "eval" / "bag" / "events.csv", keep_default_na=False)
    strongest = events.sort_values("peak_score").iloc[-1]
    assert re.fullmatch(WORDS["left"], strongest["change"])
    assert strongest["frame_start"] >= LEAD
    assert np.hypot(strongest["x"] - 62.5, strongest["y"] - 21.5) < 8
    summary = json.loads((tmp_path / "run" / "eval" / "usual" / "summary.json").read_text())
    allowed = summary["promises_per_day"]["low"]["interval"][1] * 6 / 86400  # in its six seconds
    assert summary["events"] <= np.ceil(allowed) + 1


# Parts


@given(st.integers(0, 99), st.floats(0.1, 10), st.floats(0, 5), st.floats(0, 5))
def test_a_tail_never_falls_and_goes_on(seed, scale, low, more):
    quiet = scale * np.random.default_rng(seed).exponential(size=5 * FEW)
    tail = Tail.of(quiet, scale)
    below, above = tail(np.array([low * scale, (low + more) * scale]))
    assert 0 <= below <= above
    assert tail(np.array(quiet.max() * 3)) > tail(np.array(quiet.max() * 2))
    back = Tail.unpacked(tail.packed())
    assert np.array_equal(back(quiet), tail(quiet))


def test_a_tail_tells_the_share_of_quiet_values_above():
    quiet = np.random.default_rng(0).exponential(size=20_000)
    tail = Tail.of(quiet, 1.0)
    for value in (0.5, 1.0, 2.0, 4.0):
        assert tail(np.array(value)) == pytest.approx(-np.log10((quiet > value).mean()), abs=0.05)


def test_few_quiet_values_leave_what_is_usual_by_itself():
    tail = Tail.of(np.ones(3), 2.0)
    assert tail(np.array([0.0, 2.0, 6.0])) == pytest.approx([0, 1, 3])


@given(st.floats(0.5, 1.8), st.floats(-20, 20), st.integers(0, 50))
def test_exposure_is_that_of_most_of_the_picture(gain, offset, seed):
    random = np.random.default_rng(seed)
    ground = (90 + 60 * texture(random, 60, 90, 2.0)).astype(np.float32)
    frame = gain * ground + offset + random.normal(0, 0.5, ground.shape)
    frame[10:30, 20:50] = 200  # an object
    found = exposure(ground, frame)
    assert found[0] * 90 + found[1] == pytest.approx(gain * 90 + offset, abs=2)
    assert found[0] == pytest.approx(gain, rel=0.05)


@given(st.integers(0, 1000), st.one_of(st.floats(0.5, 0.85), st.floats(1.2, 1.7)))
@settings(max_examples=15, deadline=None)
def test_a_shadow_or_a_light_is_no_object_and_a_body_is_one(seed, light):
    """Also a body that is brighter, or darker, than the ground by as much as the light: its texture is its own."""
    random = np.random.default_rng(seed)
    picture = (100 + 60 * texture(random, 60, 90, 1.5)).clip(20, 145).astype(np.float32)
    ground = Ground(picture, np.ones_like(picture))
    frame = picture.copy()
    frame[10:40, 10:40] *= light
    frame[10:40, 55:75] = light * 100 + 60 * texture(random, 30, 20, 1.5)
    objects, _ = ground.objects_in(np.clip(frame, 0, 255).astype(np.uint8))
    assert objects[14:36, 14:36].mean() < 0.15
    assert objects[12:38, 57:73].mean() > 0.75
    assert same_texture(light * picture, picture).mean() > 0.9


@given(st.integers(0, 100), st.floats(0, 0.3))
def test_sizes_follow_the_rows(seed, slope):
    random = np.random.default_rng(seed)
    rows = random.uniform(0, 120, 300)
    blobs = np.stack([rows, (8 + slope * rows) * random.uniform(0.9, 1.1, 300)], axis=1)
    found = size_by_row(blobs, (120, 180))
    assert found[100] == pytest.approx(8 + slope * 100, rel=0.15)
    assert found[20] == pytest.approx(8 + slope * 20, rel=0.15)


def test_blobs_are_counted_by_hand():
    mask = np.zeros((30, 40), bool)
    mask[5:15, 5:9] = mask[20:30, 30:34] = True  # the second touches the edge
    assert blobs_of(mask).tolist() == [[9.5, pytest.approx(np.sqrt(40))]]
    assert len(blobs_of(np.zeros((30, 40), bool))) == 0


def random_measures(seed: int, n: int = 6) -> Measures:
    random = np.random.default_rng(seed)
    fields = {name: random.random((n, 4, 5)).astype(np.float32) for name in Measures._fields}
    way = random.normal(0, 0.6, (2, n, 4, 5)).astype(np.float32)
    fields |= {"vx": way[0], "vy": way[1], "speed": 1.2 * np.hypot(*way).astype(np.float32)}
    fields["number"] = random.integers(0, 9, (n, 1, 1)).astype(np.float32)
    fields["idle_s"] = np.where(random.random((n, 4, 5)) < 0.8, 0, fields["idle_s"]).astype(np.float32)
    return Measures(**fields)


@given(st.integers(0, 99), st.floats(0.05, 5), st.floats(0, 30), st.floats(0, 2))
def test_what_clips_are_too_few_to_know_is_not_much_rarer_than_all_of_them(seed, scale, more, beyond):
    """Who walked where nobody had outdid all else, and the threshold was from him."""
    quiet = scale * np.random.default_rng(seed).exponential(size=5 * FEW)
    free, held = Tail.of(quiet, 1.0), Tail.of(quiet, 1.0, beyond)
    top = held.values[-1]
    np.testing.assert_array_equal(held(np.minimum(quiet, top)), free(np.minimum(quiet, top)))
    assert held(np.array(top + more)) == pytest.approx(min(free(np.array(top + more)), held(np.array(top)) + beyond))


@given(st.integers(2, 6), st.integers(0, 5), st.floats(0, 1))
def test_a_place_that_moves_so_much_in_some_chunks_alone_cannot_stop(count, at, share):
    """A path that a crowd fills and three people don't: it is a rule where it is one in each chunk."""
    whole = random_measures(0, 400)._replace(idle_s=np.zeros((400, 4, 5), np.float32))
    part = whole._replace(idle_s=np.where(np.arange(400) < round(400 * share), 0, 0.1)[:, None, None] * np.ones((4, 5)))
    chunks = [part if k == at % count else whole for k in range(count)]
    assert np.isfinite(ev.longest_rest(chunks, 0.1)).all() == (round(400 * share) / 400 > ev.RUN_SHARE)


@given(st.integers(0, 1000))
def test_usual_ways_are_counted_by_hand(seed):
    m = random_measures(seed)
    counts = np.zeros((ev.WAYS, 4, 5))
    strong = ev.strength(m)
    for i, y, x in np.ndindex(*m.vx.shape):
        turn = (np.degrees(np.arctan2(m.vy[i, y, x], m.vx[i, y, x])) % 360) / (360 / ev.WAYS)
        below = int(turn) % ev.WAYS
        counts[below, y, x] += strong[i, y, x] * (1 - turn % 1) * 0.1
        counts[(below + 1) % ev.WAYS, y, x] += strong[i, y, x] * (turn % 1) * 0.1
    smooth = np.stack([cv2.GaussianBlur(c, (17, 17), ev.WAY_CELLS, borderType=cv2.BORDER_REPLICATE) for c in counts])
    spread = np.stack([0.25 * smooth[k - 1] + 0.5 * smooth[k] + 0.25 * smooth[(k + 1) % 8] for k in range(8)])
    anywhere = (spread.sum(axis=(1, 2)) + 1) / (spread.sum() + 8)
    expected = (spread + ev.PRIOR_S * anywhere[:, None, None]) / (spread.sum(axis=0) + ev.PRIOR_S)
    np.testing.assert_allclose(ev.usual_ways([m], 0.1), expected, rtol=1e-3)
    np.testing.assert_allclose(expected.sum(axis=0), 1, rtol=1e-6)


@pytest.fixture(scope="module")
def learnt():
    return ev.Evidence.of([random_measures(k, 80) for k in range(3)], 0.1)


@given(st.floats(1, 30))
def test_a_place_nobody_went_to_is_hardly_rarer_than_the_rarest_visit(learnt, decades):
    """However much longer the quiet clips are than what their tail is from."""
    shown = np.ones((6, 4, 5), np.float32)
    nowhere = random_measures(0)._replace(objects=shown, number=np.ones((6, 1, 1), np.float32))
    emptied = learnt._replace(place=learnt.place._replace(presence=np.full((4, 5), 10.0**-decades, np.float32)))
    found = emptied.surprises(Measures(*(f[0] for f in nowhere)))[list(ev.KINDS).index("new")]
    assert found.max() <= learnt.tails["new"][0].surprises[-1] + ev.KINDS["new"].beyond + 1e-5


@given(st.integers(0, 9), st.floats(4, 30), st.floats(4, 20))
@settings(max_examples=3, deadline=None)
def test_who_passes_where_something_stood_and_is_gone_does_not_stand(seed, stood_s, empty_s):
    """A truck that drove over a lane, six seconds after a box was taken from it, stood there for as long as the box."""
    random = np.random.default_rng(seed)
    picture = (110 + 8 * texture(random, 36, 72, 1.0)).astype(np.float32)
    box = (40 + 20 * texture(random, 12, 12, 0.8)).clip(0, 255)
    walk = Walk(Ground(picture, np.ones_like(picture)), np.full(36, 12.0, np.float32), 0.2)
    ages = [walk.step(framed(picture, box, 30)).stood_s.max() for _ in range(round(stood_s / 0.2))]
    assert ages[-1] > 0.5 * stood_s
    for _ in range(round(empty_s / 0.2)):
        walk.step(framed(picture, box, -12))
    passes = [walk.step(framed(picture, box, x)).stood_s.max() for x in range(-12, 72, 4)]
    assert max(passes) < 1.0


def framed(ground: np.ndarray, box: np.ndarray, x: int) -> np.ndarray:
    """A frame uint8 with a box (12, 12) on row 12, from column x on, as far as it is in the picture."""
    whole = np.pad(ground, ((0, 0), (12, 12)))
    whole[12:24, x + 12 : x + 24] = box
    return whole[:, 12:-12].astype(np.uint8)


@given(st.integers(0, 1000), st.sampled_from(["speed", "extent", "stood_s", "idle_s", "objects"]), st.integers(1, 5))
def test_more_of_a_measure_never_has_less_evidence(learnt, seed, name, doublings):
    now = Measures(*(f[0] for f in random_measures(seed + 9, 1)))
    gain = 2**doublings  # which rounds nothing
    raised = now._replace(**{name: gain * getattr(now, name)})
    if name == "speed":  # all of its motion
        raised = raised._replace(vx=gain * now.vx, vy=gain * now.vy)
    assert (learnt.surprises(raised) >= learnt.surprises(now)).all()


@given(st.integers(0, 1000), st.integers(1, 500))
def test_of_n_objects_each_is_one_of_n_chances_and_one_of_n_times_n_pairs(learnt, seed, n):
    """What has stopped is the place's and no object's: it has one chance."""
    now = Measures(*(f[0] for f in random_measures(seed, 1)))._replace(number=np.ones((1, 1), np.float32))
    alone, among = learnt.surprises(now), learnt.surprises(now._replace(number=np.full((1, 1), n, np.float32)))
    taken = dict.fromkeys(ev.KINDS, 1) | {"large": 2, "stopped": 0}
    for k, name in enumerate(ev.KINDS):
        np.testing.assert_allclose(among[k], np.maximum(alone[k] - taken[name] * np.log10(n), 0), atol=1e-5)
    none = learnt.surprises(now._replace(number=np.zeros((1, 1), np.float32)))
    np.testing.assert_array_equal(none, alone)  # a blob too small to be counted is one all the same


@given(st.integers(0, 1000), st.floats(0, 0.49), st.floats(0.5, 60))
def test_what_rests_for_a_moment_has_not_stopped(learnt, seed, moment_s, rest_s):
    """Leaves that never rest did so for a frame, which was the rarest of all: stopped for 0.0 s, never for more."""
    now = Measures(*(f[0] for f in random_measures(seed, 1)))
    at = list(ev.KINDS).index("stopped")
    always = learnt._replace(place=learnt.place._replace(rest_s=np.zeros((4, 5), np.float32)))
    moment, rest = (now._replace(idle_s=np.full((4, 5), idle_s, np.float32)) for idle_s in (moment_s, rest_s))
    assert (always.surprises(moment)[at] == 0).all()
    assert (always.surprises(rest)[at] > 0).all()
    others = np.arange(len(ev.KINDS)) != at
    np.testing.assert_array_equal(always.surprises(moment)[others], always.surprises(rest)[others])


@given(st.integers(0, 1000))
def test_what_is_not_rare_even_where_nothing_is_known_is_nothing(learnt, seed):
    now = Measures(*(f[0] for f in random_measures(seed, 1)))
    surprises = learnt.surprises(now) * np.float32(0.5)
    decades = Told(learnt, surprises, now, (1.0, 1.0)).decades
    most, shade = surprises.max(axis=0), ev.SHADE * np.minimum(now.contrast, LEAST_LEVELS)
    np.testing.assert_array_equal(decades[most < 1], shade[most < 1])
    np.testing.assert_array_equal(decades[most >= 1], (most + shade)[most >= 1])


@given(st.integers(0, 1000))
def test_who_has_gone_is_neither_fast_nor_large(learnt, seed):
    now = Measures(*(f[0] for f in random_measures(seed, 1)))
    gone = now._replace(objects=np.where(now.objects > 0.5, 0, now.objects).astype(np.float32))
    found = dict(zip(ev.KINDS, learnt.surprises(gone), strict=True))
    for kind in ("fast", "large", "new"):
        assert (found[kind][gone.objects == 0] == 0).all()


@given(st.integers(1, 12), st.integers(5, 97), st.data())
def test_a_box_knows_all_cells_that_its_scores_are_from(cells, pixels, data):
    """A box at the foot of a score lay beside the one cell that had something to say: too fast, 0.0 times."""
    x0 = data.draw(st.integers(0, pixels - 1))
    x1 = data.draw(st.integers(x0 + 1, pixels))
    alone = np.eye(cells, dtype=np.float32)[:, None]  # (cells, 1, cells), each map with one cell that has a score
    has_part = enlarged(alone, np.zeros((1, pixels), np.float32))[:, 0, x0:x1].max(axis=1) > 1e-6
    first, stop = cells_of(x0, x1, pixels / cells)
    assert has_part[first:stop].any()
    assert not has_part[:first].any()
    assert not has_part[stop:].any()


def test_a_visit_is_over_when_the_visitor_has_left(tmp_path):
    """An empty place, learnt without anybody: two who come 1.5 s apart are two events, with nothing between."""
    random = np.random.default_rng(0)
    ground, visitor = 0.5 + 0.3 * texture(random, 72, 108, 1.5), np.full((30, 16), 0.95)

    def filmed(visits: list[tuple[int, int]], frames: int = 80) -> np.ndarray:
        scene = np.stack([ground] * frames)
        for first, last in visits:
            for t in range(first, last):
                x = 4 + 3 * (t - first)
                scene[t, 20:50, x : x + 16] = visitor
        return (scene + 0.004 * random.standard_normal(scene.shape)).astype(np.float32)[:, None]

    quiet = make_reel(tmp_path / "quiet", filmed([]), CADENCE_S)
    made = METHODS["objects"](small_config(quiet.path, None, model__name="objects").model, {}, {}, 8)
    made.fit([QuietRange(quiet, 0, len(quiet), "train")], seed=0)
    watched = make_reel(tmp_path / "watched", filmed([(10, 30), (45, 65)]), CADENCE_S)
    reached = levels(list(made.frames(watched, 0, len(watched), RAW)))
    during = np.r_[13:30, 48:65]  # who was not there a frame before has not moved yet
    between = np.r_[:10, 32:45, 67:80]
    assert reached[during].min() > 3
    assert reached[between].max() < 0.1 * reached[during].min()


def test_objects_are_counted_by_the_size_that_is_usual_on_their_row():
    ground = np.full((36, 54), 100, np.float32)
    walk = Walk(Ground(ground, np.ones_like(ground)), np.linspace(6, 20, 36).astype(np.float32), 0.1)
    frame = ground.copy()
    for y, x, side in ((3, 3, 6), (3, 45, 9), (22, 20, 12), (5, 20, 5), (28, 40, 5)):
        frame[y : y + side, x : x + side] = 200
    first = walk.step(frame.astype(np.uint8))
    assert first.number.tolist() == [[4]]  # 5 px are one where 8 are usual, and none where 18 are
    assert (first.idle_s == 0).all()  # what has not been seen to move may be about to


@settings(max_examples=20)
@given(st.integers(0, 1000), st.sampled_from([-1, 1]))
def test_who_is_elsewhere_after_a_cut_has_not_run_there(seed, way):
    """Nor does who comes in at the picture's edge: where the motion says they come from, nobody was."""
    random = np.random.default_rng(seed)
    ground = np.rint(110 + 60 * texture(random, 72, 108, 1.5)).astype(np.uint8)
    visitor = random.integers(200, 256, (18, 9)).astype(np.uint8)
    walk = Walk(Ground(ground.astype(np.float32), np.ones((72, 108), np.float32)), np.full(72, 14.0, np.float32), 0.1)

    def step(x: int, y: int) -> np.ndarray:
        frame = ground.copy()
        frame[y : y + 18, x : x + 9] = visitor
        return np.where((seen := walk.step(frame)).objects > 0.05, seen.speed, 0)

    cut, others = random.integers(-6, 7), random.integers(4, 9)
    speeds = [step(x, 4).max() for x in range(10, 10 + 2 * 6, 2)]
    speeds += [step(60 + cut + way * 2 * n, 48).max() for n in range(others)]
    usual = max(speeds[:6])  # 2 px a frame, and never faster
    assert speeds[5] > 0.4
    assert speeds[6] < 0.2 * usual
    assert max(speeds) < 1.3 * usual
    assert speeds[-1] > 0.3  # and goes on


def test_evidence_is_kept_as_arrays_and_comes_back(learnt):
    again = ev.Evidence.unpacked(learnt.packed())
    now = Measures(*(f[0] for f in random_measures(2, 1)))
    assert np.array_equal(again.surprises(now), learnt.surprises(now))
