"""Lower precision, memory format and devices."""

import pytest
import torch

import models
from models.losses.reconstruction import mse
from tests.support.reels import drifting_blobs
from tests.support.trainings import model_config, trainer_for, weights_of
from training.device import autocast, autocast_dtype, pick_device

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
