"""The variants of the autoencoder in training: settings that can't be, the loss, and a stop."""

from pathlib import Path

import pytest
import torch

import config
from config import ConfigError
from models.video_model import Batch
from tests.support.nets import with_open_head
from tests.support.trainings import small_reel
from tests.support.variants import VARIANTS, run_config, trained_output
from training.checkpoint import load
from training.distributed import Processes
from training.engine import Trainer
from training.interrupt import Interrupt
from training.loader import open_data
from training.places import path_of
from training.train import train

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


class TestSettings:
    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("kl_weight", -1.0),
            ("memory_slots", 1),
            ("memory_shrink", -0.5),
            ("memory_entropy", -1e-3),
            ("mask_fraction", 0.0),
            ("mask_fraction", 0.6),
            ("mask_block", [4, 0, 4]),
            ("predict_frames", 0),
        ],
    )
    def test_an_impossible_value_is_refused_with_its_key(self, key, value):
        with pytest.raises(ConfigError, match=rf"model\.{key}"):
            config.load(None, {f"model.{key}": value})

    @pytest.mark.parametrize(
        ("settings", "said"),
        [
            ({"name": "prediction", "predict_frames": 8}, r"model.predict_frames 8 leaves nothing .* of 8 frames"),
            ({"name": "masked", "mask_block": [8, 24, 30]}, r"model.mask_block \[8, 24, 30\] hides whole windows"),
        ],
    )
    def test_what_the_windows_can_not_bear_is_refused_before_a_run_is_begun(self, clips, tmp_path, settings, said):
        with pytest.raises(ValueError, match=said):
            train(run_config(clips, tmp_path / "run", **settings))
        assert not (tmp_path / "run").exists()


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    small_reel(folder / "sun", T=90)
    return folder


def trainer_for(asked: config.Config, run: Path) -> Trainer:
    return Trainer(asked, open_data(asked), Processes(0, 1, torch.device("cpu")), run, Interrupt())


class TestTraining:
    @pytest.mark.parametrize("name", VARIANTS)
    def test_the_loss_counts_answers_and_weights_and_adds_the_penalty(self, clips, tmp_path, name):
        asked = config.load(None, config.as_dict(run_config(clips, tmp_path, name)) | {"train.amp": "off"})
        trainer = trainer_for(asked, tmp_path)
        with_open_head(trainer.model)
        x, valid = torch.rand(2, 1, 8, 24, 24), (torch.rand(2, 1, 8, 24, 24) < 0.7).float()
        torch.manual_seed(5)
        loss = trainer.net(Batch(x, valid, torch.tensor([-1, -1])))
        recon, penalty, weight = trained_output(trainer.model, x, seed=5)
        counted = valid * (1 if weight is None else weight)
        counted[:, :, : trainer.model.answers(8).start] = 0
        windows = [((r - w)[v > 0] ** 2).mean() for r, w, v in zip(recon, x, counted, strict=True)]
        torch.testing.assert_close(loss, torch.stack(windows).mean() + penalty)

    @pytest.mark.parametrize("name", VARIANTS)
    def test_a_stopped_training_resumes_to_the_same_weights_bit_for_bit(self, clips, tmp_path, name):
        whole = train(run_config(clips, tmp_path / "whole", name))
        asked = run_config(clips, tmp_path / "stopped", name)
        trainer = trainer_for(asked, tmp_path / "stopped")
        trainer.begin(None)
        save_when_due = trainer.save_when_due
        trainer.save_when_due = lambda: trainer.stop_if(trainer.state.step == 2) or save_when_due()
        with pytest.raises(KeyboardInterrupt, match="stopped after step 2"):
            trainer.fit()
        torch.rand(5)  # whatever the generator did meanwhile
        resumed = config.load(None, config.as_dict(asked) | {"train.resume": True})
        train(resumed)
        expected, found = (load(path_of(run, "last")) for run in (whole, tmp_path / "stopped"))
        assert expected["state"]["step"] == found["state"]["step"] > 4
        for key, tensor in expected["model"].items():
            assert torch.equal(found["model"][key], tensor), key
