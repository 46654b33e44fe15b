"""What a run was to be trained with goes on in what scores by it."""

from pathlib import Path

import pytest
import torch

import config
from config import EvalConfig
from inference.scorers import load
from inference.scorers.load import Opened


@pytest.mark.parametrize("amp", ["off", "auto"])
def test_a_net_scores_in_the_precision_that_it_was_to_be_trained_in(amp, monkeypatch):
    monkeypatch.setattr(load, "model_of", lambda *_: torch.nn.Identity())
    checkpoint = {"data": {"scaling": {}, "clip_length": 8}}
    opened = Opened(Path("run"), config.load(None, {"train.amp": amp}), checkpoint, torch.device("cpu"), EvalConfig())
    assert load.detector_of(opened).amp == amp
