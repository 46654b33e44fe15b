"""Lower precision, memory format and devices."""

import pytest
import torch
from torch import nn

import models
from models.losses.reconstruction import mse
from tests.support.reels import drifting_blobs
from tests.support.rounding import rounding
from tests.support.trainings import model_config, trainer_for, weights_of
from training import engine
from training.checkpoint import load
from training.device import autocast, autocast_dtype, pick_device, prefers_planar
from training.places import path_of

CPU = torch.device("cpu")

pytestmark = pytest.mark.usefixtures("one_thread")


class TestPrecision:
    def test_bfloat16_needs_a_deep_enough_grid_and_a_cpu_that_has_it(self):
        assert autocast_dtype("auto", CPU, 3) == torch.float32
        assert autocast_dtype("off", CPU, 32) == torch.float32
        fast = torch.cpu._is_avx512_bf16_supported()
        assert autocast_dtype("auto", CPU, 4) == (torch.bfloat16 if fast else torch.float32)

    @pytest.mark.skipif(not torch.ops.mkldnn._is_mkldnn_bf16_supported(), reason="no bfloat16 convolutions here")
    @pytest.mark.parametrize(("name", "side"), [("autoencoder", 32), ("yan2020", 16)])
    def test_gradients_in_bfloat16_are_those_of_float32(self, name, side):
        torch.manual_seed(0)
        model = models.build(model_config(name), 1).to(memory_format=torch.channels_last_3d)
        assert model.min_temporal_depth(32) >= 4
        for parameter in model.parameters():
            # Layers that begin as zeros would hide the gradients of those before them.
            parameter.data += 0.05 * torch.randn_like(parameter)
        x = torch.from_numpy(drifting_blobs(64, side, side)).view(2, 1, 32, side, side)
        gradients = []
        for dtype in (torch.float32, torch.bfloat16):
            model.zero_grad()
            with autocast(CPU, dtype):
                recon = model(x.contiguous(memory_format=torch.channels_last_3d))
            mse(recon, x, torch.ones_like(x)).backward()
            gradients.append({n: p.grad.flatten().clone() for n, p in model.named_parameters()})
        largest = max(gradient.norm() for gradient in gradients[0].values())
        for parameter, expected in gradients[0].items():
            # A bias before batch norm has no gradient, only rounding errors.
            if expected.norm() > 1e-4 * largest:
                found = gradients[1][parameter]
                assert torch.cosine_similarity(expected, found, dim=0) > 0.99, parameter
                assert found.norm() == pytest.approx(expected.norm().item(), rel=0.05), parameter

    def test_a_float16_step_that_overflows_is_skipped_and_a_later_one_counts(self, clips, tmp_path):
        trainer = trainer_for(clips, tmp_path)
        trainer.scaler = torch.amp.GradScaler("cpu", init_scale=2.0**127, backoff_factor=2.0**-63)
        trainer.begin(None)
        start = weights_of(tmp_path)
        x, valid, classes = next(iter(trainer.train_loader))
        trainer.train_step((x * 1e6, valid, classes), 4, 4)
        assert torch.equal(torch.cat([v.flatten() for v in trainer.model.state_dict().values()]), start)
        assert trainer.scaler.get_scale() < 2.0**127
        trainer.train_step((x, valid, classes), 4, 4)
        assert not torch.equal(torch.cat([v.flatten() for v in trainer.model.state_dict().values()]), start)
        trainer.monitor.close()

    def test_model_and_batches_are_channels_last(self, clips, tmp_path):
        trainer = trainer_for(clips, tmp_path, model__latent_channels=4)
        weights = [p for p in trainer.model.parameters() if p.ndim == 5]
        assert all(p.is_contiguous(memory_format=torch.channels_last_3d) for p in weights)
        x, *_ = trainer.on_device(torch.rand(2, 3, 4, 5, 6), torch.ones(2, 1, 4, 5, 6), torch.zeros(2))
        assert x.is_contiguous(memory_format=torch.channels_last_3d)

    def test_devices_are_chosen_by_name_and_missing_ones_refused(self):
        assert pick_device("cpu") == CPU
        assert pick_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
        there_are = torch.cuda.device_count()
        message = f"device cuda:{there_are}: this machine has {there_are} CUDA devices; choose -d auto"
        with pytest.raises(ValueError, match=message):
            pick_device(f"cuda:{there_are}")


class TestWriting:
    """Pictures are convolved in 2D on a CPU in single precision, and a run does not tell by which writing it learnt."""

    def test_only_pictures_on_a_cpu_in_single_precision_are_convolved_in_2d(self):
        assert prefers_planar(CPU, torch.float32, (24, 24))
        assert not prefers_planar(CPU, torch.float32, (1, 1))
        assert not prefers_planar(CPU, torch.bfloat16, (24, 24))
        assert not prefers_planar(torch.device("cuda"), torch.float32, (24, 24))

    @pytest.mark.parametrize("amp", ["off", "auto"])
    def test_a_training_writes_its_convolutions_for_its_precision(self, clips, tmp_path, amp):
        trainer = trainer_for(clips, tmp_path, train__amp=amp)
        is_3d = any(isinstance(module, nn.Conv3d) for module in trainer.model.modules())
        assert is_3d == (trainer.dtype != torch.float32)

    @pytest.mark.parametrize("is_planar_first", [True, False])
    def test_a_training_goes_on_in_the_other_writing(self, clips, tmp_path, monkeypatch, is_planar_first):
        monkeypatch.setattr(engine, "prefers_planar", lambda *_: is_planar_first)
        first = trainer_for(clips, tmp_path, train__amp="off")
        first.begin(None)
        batch = first.on_device(*next(iter(first.train_loader)))
        first.train_step(batch, 4, 4)
        first.save("last")
        monkeypatch.setattr(engine, "prefers_planar", lambda *_: not is_planar_first)
        other = trainer_for(clips, tmp_path, train__amp="off", train__resume=True)
        other.begin(load(path_of(tmp_path, "last")))
        assert not other.model.state_dict().keys() ^ first.model.state_dict().keys()
        for name, weight in first.model.state_dict().items():
            assert torch.equal(other.model.state_dict()[name], weight), name
        for state, restored in zip(*(t.optimizer.state.values() for t in (first, other)), strict=True):
            assert all(torch.equal(restored[key], value) for key, value in state.items())
        # One sum behind the other, of all convolutions and of the mean over the windows.
        operations = sum(p[0].numel() + 1 for p in first.model.parameters() if p.ndim == 5) + batch.x.numel()
        losses = [t.train_step(batch, 4, 4)[0] for t in (first, other)]
        for trainer in (first, other):
            trainer.monitor.close()
        assert losses[0] == pytest.approx(losses[1], abs=rounding(operations, losses[0]))
