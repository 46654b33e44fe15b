"""What a training shows of itself while it runs: strips, curves, TensorBoard, and the checkpoint that is due."""

import urllib.request

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.support.trainings import trainer_for
from training import engine
from training.checkpoint import load
from training.monitor import Monitor, image_strip, tensorboard_server
from training.places import path_of

pytestmark = pytest.mark.usefixtures("one_thread")


class TestMonitor:
    def test_a_strip_shows_input_reconstruction_and_residual(self):
        x = torch.rand(2, 20, 10, 12)
        recon = torch.rand(2, 20, 10, 12)
        strip = image_strip(x, recon)
        assert strip.shape == (2 * 3 * 10, 8 * 12)
        assert torch.equal(strip[:10, :12], x[0, 0])
        assert torch.equal(strip[10:20, -12:], recon[0, -1])
        assert torch.equal(strip[50:, :12], (4 * (x - recon).abs()[1, 0]).clamp(0, 1))

    def test_a_strip_of_large_frames_is_shrunk_and_one_of_single_pixels_kept(self):
        assert image_strip(torch.rand(1, 3, 512, 256), torch.rand(1, 3, 512, 256)).shape == (3 * 128, 3 * 64)
        assert image_strip(torch.rand(4, 9, 1, 1), torch.rand(4, 9, 1, 1)).shape == (12, 8)

    @pytest.mark.parametrize(
        ("size", "tag"),
        [((1, 1), "input (grey)"), ((1, 6), "input, rec"), ((6, 1), "input, rec"), ((6, 6), "input, rec")],
    )
    def test_a_series_is_shown_as_curves_and_a_picture_beside_its_reconstruction(self, tmp_path, size, tag):
        monitor = Monitor(tmp_path, 0, is_main=True)
        row = {
            "epoch": 1,
            "step": 3,
            "train_loss": 1.0,
            "val_loss": 1.0,
            "lr": 0.1,
            "grad_norm": 1.0,
            "frames_per_s": 9.0,
        }
        monitor.epoch(row, 1, (torch.rand(2, 9, *size), torch.rand(2, 9, *size)))
        monitor.close()
        events = EventAccumulator(str(tmp_path / "tensorboard"), size_guidance={"images": 0}).Reload()
        assert [name[: len(tag)] for name in events.Tags()["images"]] == [tag]

    def test_tensorboard_is_served_while_it_lasts_and_stops(self, tmp_path, capsys):
        Monitor(tmp_path, 0, is_main=True).close()
        with tensorboard_server(tmp_path) as address:
            assert f"TensorBoard: {address}" in capsys.readouterr().err
            assert "127.0.0.1" in address
            with urllib.request.urlopen(address) as page:
                assert page.status == 200
        with pytest.raises(OSError, match="refused"):
            urllib.request.urlopen(address)

    def test_a_checkpoint_is_due_after_some_minutes(self, clips, tmp_path, monkeypatch):
        trainer = trainer_for(clips, tmp_path)
        trainer.begin(None)
        trainer.train_step(next(iter(trainer.train_loader)), 4, 4)
        trainer.save_when_due()
        assert load(path_of(tmp_path, "last"))["state"]["step"] == 0
        monkeypatch.setattr(engine, "SAVE_EVERY_S", 0.0)
        trainer.save_when_due()
        assert load(path_of(tmp_path, "last"))["state"]["step"] == 1
