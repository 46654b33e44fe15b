"""A net with an objective of its own, from outside the package: one class and one line, and the training learns it.

Deep SVDD (Ruff et al. 2018): windows are mapped close to one point, and the distance to it is the score.
"""

import pandas as pd
import pytest
import torch
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

import config
from config import ConfigError, NetConfig, Positive, PositiveInt
from models import MODELS
from models.video_model import Batch, Form, VideoModel
from tests.support.trainings import small_config, small_reel
from training.checkpoint import load_model
from training.train import train

pytestmark = pytest.mark.usefixtures("one_thread")


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class DeepSvddConfig(NetConfig):
    features: PositiveInt = 4
    pull: Positive = 1.0


class DeepSvdd(VideoModel):
    Config = DeepSvddConfig

    @classmethod
    def from_settings(cls, settings: DeepSvddConfig, form: Form) -> "DeepSvdd":
        return cls(form.channels, settings.features, settings.pull)

    def __init__(self, channels: int, features: int, pull: float):
        super().__init__()
        self.pull = pull
        self.net = nn.Sequential(nn.Conv3d(channels, 8, 3, padding=1, bias=False), nn.ReLU(), nn.Conv3d(8, features, 1))
        self.register_buffer("center", torch.ones(features))

    def encode(self, x: Tensor) -> Tensor:
        return self.net(x)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T, H, W) -> squared distances (B,) to the center."""
        return (self.encode(x).mean((2, 3, 4)) - self.center).square().sum(1)

    def loss(self, batch: Batch) -> Tensor:
        return self.pull * self(batch.x).mean()


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    monkeypatch.setitem(MODELS, "deep_svdd", DeepSvdd)


def test_it_is_trained_and_read_back(tmp_path):
    small_reel(tmp_path / "clips" / "sun", T=90)
    chosen = {"name": "deep_svdd", "features": 3}
    run = train(small_config(tmp_path / "clips", tmp_path / "run", model=chosen, train__epochs=8, train__lr=3e-2))
    losses = pd.read_csv(run / "metrics.csv")[["train_loss", "val_loss"]]
    assert (losses.iloc[-1] < 0.2 * losses.iloc[0]).all()
    model, checkpoint = load_model(run)
    assert model.net[2].out_channels == 3
    assert config.from_dict(checkpoint["config"], "run").model == DeepSvddConfig("deep_svdd", features=3)


def test_its_settings_are_as_strict_as_any():
    for key, value, said in (
        ("model.features", 0, "model.features 0: Input should be greater than 0"),
        ("model.featrues", 3, "unknown key model.featrues"),
        ("model.kl_weight", 0.5, "model.kl_weight 0.5: is a setting of variational; deep_svdd has features, pull"),
        ("train.loss", "l1", "train.loss 'l1': deep_svdd does not use it"),
    ):
        with pytest.raises(ConfigError) as caught:
            config.load(None, {"model.name": "deep_svdd", key: value})
        assert said in str(caught.value)
    with pytest.raises(ConfigError, match=r"model\.features 3: is a setting of deep_svdd; masked has patch"):
        config.load(None, {"model.name": "masked", "model.features": 3})
