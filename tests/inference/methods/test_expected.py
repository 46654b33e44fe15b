"""Expected speed: a net that sees looks must find what moves unlike its looks, where speed alone can tell nothing.

On quiet days bright squares walk at one pixel a frame and dark ones run at three, in the same place. A bright one that
runs is unusual, though nothing about its speed or its look is.
"""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from config import EvalConfig
from inference.calibration.quiet.ranges import QuietRange
from inference.methods import METHODS
from inference.methods.motion import looks
from inference.methods.motion.expected import LEAST_OF_MOTION, TARGETS, change
from inference.methods.motion.known_motion import KnownMotion
from models.parts.appearance import AppearanceNet, laplace_loss
from tests.support.reels import make_reel
from tests.support.trainings import small_config

RAW = replace(EvalConfig(), score="residual", common_mode=False, smooth_px=0.0)
H, W = 48, 72


def street(passes, seed=0) -> tuple[np.ndarray, np.ndarray]:
    """Frames in which squares cross one after the other, each (is bright, px a frame); whose turn it is."""
    random = np.random.default_rng(seed)
    ground = 0.45 + 0.1 * cv2.GaussianBlur(random.random((H, W)).astype(np.float32), (0, 0), 2)
    frames, turns = [], []
    for number, (is_bright, speed) in enumerate(passes):
        texture = (0.85 if is_bright else 0.1) + 0.15 * cv2.GaussianBlur(random.random((12, 12)), (0, 0), 1)
        for x in range(-12, W, speed):
            frame = ground + 0.003 * random.standard_normal((H, W))
            left, right = max(x, 0), min(x + 12, W)
            frame[18:30, left:right] = texture[:, left - x : right - x]
            frames.append(frame)
            turns.append(number)
    return np.float32(frames)[:, None], np.array(turns)


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    """(quiet ranges, test reel, labels (T,)): quiet passes of both kinds, then some in which a bright one runs."""
    folder = tmp_path_factory.mktemp("street")
    quiet, _ = street([(True, 1), (False, 3), (False, 3), (False, 3)] * 2)
    new, turns = street([(True, 1), (True, 3), (False, 3), (True, 3), (False, 3)], seed=1)
    quiet, new = make_reel(folder / "quiet", quiet), make_reel(folder / "new", new)
    border = round(0.75 * len(quiet))
    ranges = [QuietRange(quiet, 0, border, "train"), QuietRange(quiet, border, len(quiet), "val")]
    return ranges, new, np.isin(turns, [1, 3])


@pytest.fixture(scope="module")
def trained(scene):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(looks, "STEPS", 120)
        return fitted("expected", scene[0])


@pytest.fixture(scope="module")
def untrained(scene):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(looks, "STEPS", 1)
        patch.setattr(looks, "LEARNING_RATE", 1e-12)
        return fitted("expected", scene[0])


MOTION = KnownMotion()  # of the same frames, whoever asks


def fitted(name, quiet):
    method = METHODS[name](small_config(quiet[0].reel.path, None, model__name=name).model, {}, {}, 8)
    method.known_motion = MOTION
    method.fit(quiet, seed=0)
    return method


def frame_auc(method, scene) -> float:
    _, reel, labels = scene
    scores = [f.residual.max() for f in method.frames(reel, 0, len(reel), RAW)]
    assert np.std(scores) > 0
    return roc_auc_score(labels, scores)


def test_trained_net_beats_its_untrained_copy_speed_alone_and_pca(scene, trained, untrained):
    others = {name: frame_auc(fitted(name, scene[0]), scene) for name in ("flow", "patch_pca")}
    others["untrained"] = frame_auc(untrained, scene)
    own = frame_auc(trained, scene)
    print(f"frame AUC: trained {own:.3f}, " + ", ".join(f"{n} {a:.3f}" for n, a in others.items()))
    assert own > max(others.values()) + 0.01


def test_what_a_net_by_heart_never_saw_is_judged_by_what_speeds_there_are(scene, trained):
    """Rain: a net that leaves nothing of the quiet clips unexplained expects nothing of it, however slow it is."""
    _, quiet = scene[0]
    trained.net = lambda frames, amp: np.full((len(frames), H // 3, W // 3), 100, np.float32)
    by_heart = trained.fitted_on([quiet])
    trained.net, by_heart.net = None, lambda frames, amp: np.zeros((len(frames), H // 3, W // 3), np.float32)
    as_fast_as_usual = max(f.residual.max() for f in by_heart.frames(quiet.reel, quiet.begin, quiet.end, RAW))
    assert 1 < as_fast_as_usual < 3 / LEAST_OF_MOTION


def test_who_crosses_a_place_within_a_frame_or_two_counts_for_all_that_he_exceeds(scene, trained, tmp_path):
    """At a square that stands both were told alike: there a frame of nine px, here three of three."""
    judge = trained.fitted_on([scene[0][1]])
    judge.net = lambda frames, amp: np.zeros((len(frames), H // 3, W // 3), np.float32)
    walks, runs = (make_reel(tmp_path / f"{speed}", street([(True, speed)])[0]) for speed in (3, 9))
    slow, fast = (max(f.residual.max() for f in judge.frames(r, 0, len(r), RAW)) for r in (walks, runs))
    assert fast > 2 * slow


@pytest.mark.parametrize("is_calm", [False, True])
def test_who_is_judged_by_calmer_frames_than_it_was_trained_on_is_told(tmp_path, monkeypatch, caplog, is_calm):
    monkeypatch.setattr(looks, "STEPS", 1)
    busy, _ = street([(True, 2), (False, 3)])
    still, _ = street([(True, 2)], seed=2)
    still[:] = still[:1]
    quiet = make_reel(tmp_path / "quiet", np.concatenate([busy, still if is_calm else busy]))
    fitted("expected", [QuietRange(quiet, 0, len(busy), "train"), QuietRange(quiet, len(busy), len(quiet), "val")])
    assert ("choose model.name flow" in caplog.text) == is_calm


def test_training_changes_every_parameter(trained, untrained):
    before = untrained.arrays
    names = [n for n in before if n.startswith("net.")]
    assert names
    assert [n for n in names if np.allclose(trained.arrays[n], before[n], atol=1e-6)] == []


def test_the_net_sees_no_motion():
    torch.manual_seed(0)
    net = AppearanceNet((4, 6), 3).eval()
    torch.nn.init.normal_(net.backbone.layers[0].time.weight)
    x = torch.randn(1, 1, 5, 12, 18)
    alone = net(x[:, :, 2:3])[0]
    torch.testing.assert_close(net(x)[0][:, 2:3], alone, atol=1e-5, rtol=1e-5)


def test_laplace_loss_is_lowest_at_the_median_and_its_mean_distance():
    target = torch.tensor([1.0, 2.0, 4.0])
    grid = [(m, s) for m in np.linspace(0, 5, 51) for s in np.linspace(-2, 2, 41)]

    def loss(m, s):
        return float(laplace_loss(torch.full((3,), float(m)), torch.full((3,), float(s)), target))

    mean, log_spread = min(grid, key=lambda p: loss(*p))
    weights = 0.05 + target.numpy()
    assert mean == pytest.approx(2.0 if weights[2] < weights[:2].sum() else 4.0, abs=0.11)
    spread = np.average(np.abs(target.numpy() - mean), weights=weights)
    assert np.exp(log_spread) == pytest.approx(spread, rel=0.1)


def test_change_is_against_the_mean_of_the_frames_before():
    frames = np.random.default_rng(0).integers(0, 255, (14, 4, 5)).astype(np.uint8)
    found = change(frames)
    assert found.shape == (4, 4, 5, 1)
    grey = frames.astype(float)
    np.testing.assert_allclose(found[1, ..., 0], grey[11] - grey[1:9].mean(axis=0), rtol=1e-5)
    assert TARGETS["change"].before == 10


def test_change_as_target_finds_a_flash(tmp_path, monkeypatch):
    monkeypatch.setattr(looks, "STEPS", 30)
    random = np.random.default_rng(0)
    frames = np.float32(0.3 + 0.01 * random.standard_normal((160, 1, 32, 32)))
    frames[140:143, 0, 10:16, 10:16] += 0.3
    reel = make_reel(tmp_path / "r", frames)
    method = METHODS["expected"](
        small_config(reel.path, None, model={"name": "expected", "target": "change"}).model, {}, {}, 8
    )
    method.fit([QuietRange(reel, 0, 80, "train"), QuietRange(reel, 80, 120, "val")], seed=0)
    scores = np.array([f.residual.max() for f in method.frames(reel, 0, 160, RAW)])
    assert scores.argmax() in range(140, 143)
    assert scores[140:143].min() > 3 * np.median(scores)
