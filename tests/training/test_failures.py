"""Data and numbers that a training can't bear: named, and the last good state stays."""

import numpy as np
import pytest
import torch

from tests.support.reels import drifting_blobs, make_reel
from tests.support.trainings import quick_config, trainer_for, weights_of
from training.engine import TrainingError
from training.loader import open_data
from training.places import path_of
from training.train import train

pytestmark = pytest.mark.usefixtures("one_thread")


class TestFailures:
    def test_a_non_finite_frame_stops_the_training_and_leaves_the_last_good_state(self, tmp_path):
        frames = drifting_blobs(120)
        frames[40, 0, 3, 3] = np.inf
        make_reel(tmp_path / "clips" / "bad", frames)
        message = r"step \d+ \(epoch 1\): loss (inf|nan).*non-finite gradient: \w+.*last good state is .*last.pt"
        with pytest.raises(TrainingError, match=message):
            train(quick_config(tmp_path / "clips", tmp_path / "run"))
        assert weights_of(tmp_path / "run").isfinite().all()

    @pytest.mark.parametrize("other", [(8, 12), (12, 8)])
    def test_reels_of_two_sizes_are_refused_by_name(self, tmp_path, other):
        make_reel(tmp_path / "clips" / "a", drifting_blobs(60, 8, 8))
        make_reel(tmp_path / "clips" / "b", drifting_blobs(60, *other))
        with pytest.raises(
            ValueError, match=r"can't share a batch: a \(1, 8, 8\), b \(1, \d+, \d+\); use one prep.resize"
        ):
            open_data(quick_config(tmp_path / "clips", None))

    def test_a_camera_with_its_cap_on_teaches_nothing(self, tmp_path, caplog):
        make_reel(tmp_path / "clips" / "dark", np.zeros((60, 1, 8, 8)))
        with pytest.raises(ValueError, match=r"nothing varies in dark: .*nothing to learn"):
            open_data(quick_config(tmp_path / "clips", None))
        make_reel(tmp_path / "clips" / "open", drifting_blobs(60, 8, 8))
        open_data(quick_config(tmp_path / "clips", None))
        assert "nothing varies in dark" in caplog.text

    def test_the_first_bad_gradient_is_named(self, clips, tmp_path):
        trainer = trainer_for(clips, tmp_path)
        names = [name for name, _ in trainer.model.named_parameters()]
        parameters = dict(trainer.model.named_parameters())
        parameters[names[2]].register_hook(lambda gradient: gradient * float("nan"))
        trainer.begin(None)
        before = weights_of(tmp_path)
        with pytest.raises(TrainingError, match=rf"step 0 .*first parameter with a non-finite gradient: {names[2]};"):
            trainer.fit()
        assert torch.equal(torch.cat([v.flatten() for v in trainer.model.state_dict().values()]), before)

    def test_a_non_finite_validation_loss_stops_the_training(self, tmp_path):
        frames = drifting_blobs(120)
        frames[-1, 0, 3, 3] = np.inf
        make_reel(tmp_path / "clips" / "bad", frames)
        with pytest.raises(TrainingError, match=r"epoch 1: the validation loss is (inf|nan)"):
            train(quick_config(tmp_path / "clips", tmp_path / "run"))
        assert not path_of(tmp_path / "run", "best").exists()
