"""The autoencoder and its variants learn: planted anomalies stand out more than before training, and than for PCA.

The scene moves (blobs that drift and pulse), so that a background alone is not enough. Anomalies are small brightenings
of a few frames; the measure is the AUC of pixels, raw, with the residual as the score.
"""

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score
from torch import nn

import models
from tests.support.nets import CHANNELS_LAST
from tests.support.reels import drifting_blobs, make_reel
from tests.support.trainings import fitting, small_config
from tests.support.variants import VARIANTS
from training.checkpoint import load_model
from training.train import train

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


SIDE, LENGTH = 32, 8
LEARNT = {
    "patch": [1, 2, 2],
    "stages": [{"width": 16}, {"width": 24, "stride": [2, 2, 2]}],
    "latent_channels": 8,
    "memory_slots": 64,
    "mask_block": [2, 4, 4],
}


def planted(frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Frames with a brightening of 2 frames and 4x4 pixels in every 10, and where they are (T, H, W) bool."""
    random = np.random.default_rng(4)
    frames, truth = frames.copy(), np.zeros(frames[:, 0].shape, bool)
    for t in range(LENGTH, len(frames) - LENGTH, 10):
        y, x = random.integers(2, SIDE - 6, 2)
        frames[t : t + 2, 0, y : y + 4, x : x + 4] += 0.12
        truth[t : t + 2, y : y + 4, x : x + 4] = True
    return frames, truth


@torch.inference_mode()
def residuals(model: nn.Module, frames: np.ndarray) -> np.ndarray:
    """Mean absolute residual of the windows that answer for a frame; 0 where none does: (T, H, W)."""
    answered = range(LENGTH)[model.eval().answers(LENGTH)]
    windows = torch.from_numpy(frames[:, 0]).unfold(0, LENGTH, 1).permute(0, 3, 1, 2)[:, None]
    windows = windows.contiguous(memory_format=CHANNELS_LAST)  # (N, 1, LENGTH, H, W)
    errors = torch.cat([(model(part) - part).abs()[:, 0] for part in windows.split(16)]).numpy()
    total, number = np.zeros(frames[:, 0].shape), np.zeros((len(frames), 1, 1))
    for t in answered:
        total[t : t + len(errors)] += errors[:, t]
        number[t : t + len(errors)] += 1
    return total / np.maximum(number, 1)


@pytest.fixture(scope="module")
def scene(tmp_path_factory) -> tuple[Path, np.ndarray, np.ndarray, np.ndarray]:
    """A reel to learn from, its frames, frames with anomalies, and where these are."""
    frames = drifting_blobs(520, SIDE, SIDE, blobs=16, speed=1.5, noise=0.01, seed=3)
    quiet, (tested, truth) = frames[:420], planted(frames[420:])
    clips = tmp_path_factory.mktemp("scene") / "clips"
    make_reel(clips / "quiet", quiet, clip_length=LENGTH, stride=3)
    return clips, quiet, tested, truth


@pytest.fixture(scope="module")
def pca_auc(scene) -> float:
    """That of what sixteen components of whole frames leave."""
    _, quiet, tested, truth = scene
    flat = tested.reshape(len(tested), -1)
    pca = PCA(16, random_state=0).fit(quiet.reshape(len(quiet), -1))
    left = np.abs(flat - pca.inverse_transform(pca.transform(flat)))
    return roc_auc_score(truth.ravel(), left.ravel())


@pytest.fixture(scope="module", params=["autoencoder", *VARIANTS])
def learnt(request, scene, tmp_path_factory) -> tuple[nn.Module, nn.Module]:
    """A net before and after a small training."""
    run = tmp_path_factory.mktemp("learnt") / request.param
    learning = {"train__epochs": 5, "train__batch_size": 8, "train__lr": 6e-3}
    asked = small_config(scene[0], run, model=fitting(request.param, LEARNT), **learning)
    torch.manual_seed(asked.seed)
    untrained = models.build(asked.model, 1)
    return untrained, load_model(train(asked))[0]


class TestLearning:
    def test_every_parameter_changes(self, learnt):
        untrained, trained = learnt
        for (name, before), after in zip(untrained.named_parameters(), trained.parameters(), strict=True):
            assert not torch.equal(before, after), name

    def test_planted_anomalies_stand_out_more_than_before_training_and_than_for_pca(self, learnt, scene, pca_auc):
        _, _, tested, truth = scene
        before, found = (roc_auc_score(truth.ravel(), residuals(model, tested).ravel()) for model in learnt)
        print(f"pixel AUC: trained {found:.3f}, untrained {before:.3f}, PCA {pca_auc:.3f}")
        assert found > before + 0.05
        assert found > pca_auc + 0.05

    def test_scores_are_not_constant(self, learnt, scene):
        scores = residuals(learnt[1], scene[2])[LENGTH:]
        assert scores.std(axis=(1, 2)).min() > 0
        assert scores.mean(axis=(1, 2)).std() > 0
