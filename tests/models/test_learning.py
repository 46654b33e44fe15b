"""Did it really learn? On planted anomalies the trained default model must beat its untrained copy and PCA.

The scene moves (blobs that drift and pulse), so that a background alone is not enough. Anomalies are small brightenings
of a few frames; the measure is the AUC of pixels, raw, with the residual as the score.
"""

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score

import config
import models
from inference.scorers.load import load_scorer
from inference.scorers.nets.windowed import score_frames
from inference.scorers.nets.windows import covering_windows
from tests.support.reels import drifting_blobs, make_reel
from training.train import train

SIDE, LENGTH = 32, 8
MODEL = {"stages": [{"width": 24}, {"width": 32, "stride": [2, 2, 2]}], "latent_channels": 8, "patch": [1, 2, 2]}


def planted(frames: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Frames with a brightening of 2 frames and 4x4 pixels in every 10, and where they are (T, H, W) bool."""
    random = np.random.default_rng(seed)
    frames, truth = frames.copy(), np.zeros(frames[:, 0].shape, bool)
    for t in range(4, len(frames) - 4, 10):
        y, x = random.integers(2, SIDE - 6, 2)
        frames[t : t + 2, 0, y : y + 4, x : x + 4] += 0.12
        truth[t : t + 2, y : y + 4, x : x + 4] = True
    return frames, truth


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    """(training frames, test frames, truth, config, run folder) of one small training."""
    folder = tmp_path_factory.mktemp("learning")
    frames = drifting_blobs(600, SIDE, SIDE, blobs=16, speed=1.5, noise=0.01, seed=3)
    quiet, (tested, truth) = frames[:450], planted(frames[450:], seed=4)
    make_reel(folder / "quiet", quiet, clip_length=LENGTH, stride=2)
    keys = {"data_clips": str(folder / "quiet"), "model_path": str(folder / "run"), "device": "cpu", "model": MODEL}
    keys |= {"train.epochs": 12, "train.warmup_epochs": 1.0, "train.lr": 4e-3, "train.loss": "mse"}
    settings = config.load(None, keys | {"workers": 0, "eval.stride": 2, "eval.score": "residual"})
    run = train(settings)
    return quiet, make_reel(folder / "test", tested, clip_length=LENGTH), truth, settings, run


def pixel_auc(residuals: np.ndarray, truth: np.ndarray) -> float:
    return roc_auc_score(truth.ravel(), residuals.ravel())


def model_residuals(model: torch.nn.Module, detector, reel, settings) -> np.ndarray:
    plain = config.load(None, {"eval.stride": 2, "eval.smooth_px": 0.0, "eval.common_mode": False}).eval
    other = type(detector)(model, detector.scaling, detector.clip_length, detector.device)
    starts = covering_windows(reel, LENGTH, plain.stride)
    return np.stack([frame.residual for frame in score_frames(other, reel, starts, plain)])


def test_trained_model_beats_its_untrained_copy_and_pca(scene):
    quiet, reel, truth, settings, run = scene
    detector, _ = load_scorer(run, "cpu")
    torch.manual_seed(settings.seed)
    untrained = models.build(settings.model, 1).eval()
    trained_auc = pixel_auc(model_residuals(detector.model, detector, reel, settings), truth)
    untrained_auc = pixel_auc(model_residuals(untrained, detector, reel, settings), truth)
    pca = PCA(16, random_state=0).fit(quiet.reshape(len(quiet), -1))
    flat = reel.frames[:].reshape(len(reel), -1)
    rebuilt = pca.inverse_transform(pca.transform(flat)).reshape(truth.shape)
    pca_auc = pixel_auc(np.abs(reel.frames[:, 0] - rebuilt), truth)
    print(f"pixel AUC: trained {trained_auc:.3f}, untrained {untrained_auc:.3f}, PCA {pca_auc:.3f}")
    assert trained_auc > untrained_auc + 0.01
    assert trained_auc > pca_auc + 0.01


def test_scores_are_not_constant(scene):
    _, reel, _, settings, run = scene
    detector, _ = load_scorer(run, "cpu")
    residuals = model_residuals(detector.model, detector, reel, settings)
    assert residuals.std(axis=(1, 2)).min() > 0
    assert residuals.mean(axis=(1, 2)).std() > 0


def test_training_changed_every_parameter(scene):
    *_, settings, run = scene
    detector, _ = load_scorer(run, "cpu")
    torch.manual_seed(settings.seed)
    before = dict(models.build(settings.model, 1).named_parameters())
    same = [name for name, p in detector.model.named_parameters() if torch.equal(p, before[name])]
    assert same == []
