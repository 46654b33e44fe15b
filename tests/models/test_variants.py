"""The variants of the autoencoder: each does what it says, hides what it hides, trains reproducibly, and learns."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score
from torch import nn
from torch.distributions import Normal, kl_divergence

import config
import models
from config import ConfigError
from models.embed import temporal_background, visible_background
from models.masked import block_turns, random_blocks
from models.memory import Memory
from models.video_model import Batch, Trained
from tests.models.test_models import CHANNELS_LAST, HAS_BF16, blob_windows, two_threads, with_open_head  # noqa: F401
from tests.support.paths import ROOT
from tests.support.reels import drifting_blobs, make_reel
from tests.support.rounding import rounding
from tests.support.trainings import fitting, model_config, small_config, small_reel
from training.checkpoint import load, load_model, path_of
from training.distributed import Processes
from training.engine import Trainer
from training.interrupt import Interrupt
from training.loader import open_data
from training.train import train

pytestmark = pytest.mark.usefixtures("one_thread")

VARIANTS = ["variational", "memory", "masked", "prediction"]
SMALL = {
    "patch": [1, 2, 2],
    "stages": [{"width": 8}, {"width": 12, "stride": [2, 2, 2]}],
    "latent_channels": 3,
    "memory_slots": 6,
    "mask_block": [2, 4, 4],
    "predict_frames": 2,
}

sizes = st.integers(1, 11)
blocks = st.tuples(*[st.integers(1, 5)] * 3)


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def small(name: str, channels: int = 1, **changed) -> nn.Module:
    asked = config.load(None, {"model": fitting(name, SMALL) | changed}).model
    return with_open_head(models.build(asked, channels))


def trained_output(model: nn.Module, x: torch.Tensor, seed: int) -> Trained:
    torch.manual_seed(seed)
    return model.train().trained(x)


class TestEveryVariant:
    @pytest.mark.parametrize("name", VARIANTS)
    @given(st.integers(1, 2), st.integers(1, 2), st.integers(3, 11), sizes, sizes)
    @settings(max_examples=10, deadline=None)
    def test_any_window_comes_back_in_its_own_shape(self, name, B, C, T, H, W):
        model, x = small(name, C), torch.rand(B, C, T, H, W)
        trained = trained_output(model, x, seed=0)
        weight = torch.ones(B, 1, T, H, W) * (1 if trained.weight is None else trained.weight)
        assert weight.shape == (B, 1, T, H, W)
        assert torch.as_tensor(trained.penalty).isfinite()
        for recon in (trained.reconstruction, model.eval()(x)):
            assert recon.shape == x.shape
            assert recon.isfinite().all()
        assert model.encode(x).shape == (B, 3, *(-(-n // m) for n, m in zip((T, H, W), model.multiple, strict=True)))

    @pytest.mark.parametrize("name", VARIANTS)
    def test_a_sample_depends_neither_on_its_batch_mates_nor_on_their_number(self, name):
        model, x = small(name), torch.rand(3, 1, 8, 12, 12)
        mates = torch.cat([x[:1], 100 * torch.rand(1, 1, 8, 12, 12)])
        for batch in (mates, x[:1]):
            expected, found = (trained_output(model, part, seed=1).reconstruction[:1] for part in (x, batch))
            torch.testing.assert_close(found, expected)
            torch.testing.assert_close(model.eval()(batch)[:1], model(x)[:1])

    @pytest.mark.parametrize("name", VARIANTS)
    def test_the_penalty_of_a_batch_is_the_mean_of_its_windows(self, name):
        model, x = small(name), torch.rand(3, 1, 8, 12, 12)
        alone = [torch.as_tensor(trained_output(model, window[None], seed=1).penalty) for window in x]
        together = torch.as_tensor(trained_output(model, x, seed=1).penalty)
        torch.testing.assert_close(together, torch.stack(alone).mean())

    @pytest.mark.parametrize("name", VARIANTS)
    def test_chance_enters_in_training_alone_and_only_by_the_seed(self, name):
        model, x = small(name), torch.rand(2, 1, 8, 12, 12)
        first, again, other = (trained_output(model, x, seed).reconstruction for seed in (1, 1, 2))
        assert torch.equal(first, again)
        assert torch.equal(first, other) == (name in ("memory", "prediction"))
        torch.manual_seed(1)
        expected = model.eval()(x)
        assert torch.equal(model(x), expected)

    @pytest.mark.parametrize("name", VARIANTS)
    def test_every_layer_stays_in_channels_last(self, name, two_threads):  # noqa: F811
        model = with_open_head(models.build(model_config(name), 1)).to(memory_format=CHANNELS_LAST)
        fallen_back, seen = [], []

        def look(module: nn.Module, inputs: tuple, output: torch.Tensor) -> None:
            seen.append(module)
            if not output.is_contiguous(memory_format=CHANNELS_LAST):
                fallen_back.append(module)

        for module in model.modules():
            if isinstance(module, nn.Conv3d):
                module.register_forward_hook(look)
        x = torch.rand(2, 1, 8, 32, 48).contiguous(memory_format=CHANNELS_LAST)
        model(x)
        model.trained(x)
        assert seen
        assert not fallen_back

    @pytest.mark.skipif(not HAS_BF16, reason="this CPU can't run bfloat16 convolutions")
    @pytest.mark.parametrize("name", VARIANTS)
    def test_gradients_in_bfloat16_are_those_of_float32(self, name):
        model = with_open_head(models.build(model_config(name), 1)).to(memory_format=CHANNELS_LAST)
        x, gradients = blob_windows(2, 32, 32), []
        for bf16 in (False, True):
            model.zero_grad()
            with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
                recon, penalty, weight = trained_output(model, x, seed=0)
            error = (recon.float() - x).square() * (1 if weight is None else weight)
            (error.mean() + penalty).backward()
            gradients.append(torch.cat([p.grad.flatten() for p in model.parameters()]))
        assert all(gradient.isfinite().all() for gradient in gradients)
        assert torch.cosine_similarity(*gradients, dim=0) > 0.98


class TestVariational:
    def test_the_penalty_is_the_divergence_from_a_standard_normal_per_value(self):
        model, x = small("variational", 2, kl_weight=0.5), torch.rand(3, 2, 8, 12, 12)
        nn.init.normal_(model.log_variance.weight)
        mean, log_variance = model.posterior(x - temporal_background(x))
        expected = kl_divergence(Normal(mean, (log_variance / 2).exp()), Normal(0.0, 1.0)).detach()
        torch.testing.assert_close(model.divergence(x), expected.sum(1))
        per_value = expected.sum((1, 2, 3, 4)).mean() / x[0].numel()
        torch.testing.assert_close(trained_output(model, x, seed=0).penalty, 0.5 * per_value)

    def test_draws_have_the_mean_and_spread_of_the_posterior(self):
        model, x = small("variational"), torch.rand(1, 1, 4, 8, 8)
        nn.init.normal_(model.log_variance.bias)
        drawn: list[torch.Tensor] = []
        model.decoder.register_forward_pre_hook(lambda _, inputs: drawn.append(inputs[0]))
        with torch.no_grad():
            for seed in range(400):
                trained_output(model, x, seed)
            mean, log_variance = model.posterior(x - temporal_background(x))
        spread = (log_variance / 2).exp()
        assert ((torch.stack(drawn).mean(0) - mean) / spread).abs().max() < 5 / 400**0.5
        assert (torch.stack(drawn).std(0) / spread).log().abs().max() < 0.2

    def test_evaluation_decodes_the_mean(self):
        model, x = small("variational"), torch.rand(1, 1, 4, 8, 8)
        model.log_variance.bias.data.fill_(-1000.0)  # as good as no noise, and within what exp() can take
        torch.testing.assert_close(model.eval()(x), trained_output(model, x, 0).reconstruction, rtol=0, atol=0.02)


class TestMemory:
    @given(st.integers(2, 7), st.floats(0, 3), st.integers(0, 99))
    @settings(max_examples=30, deadline=None)
    def test_a_query_is_answered_by_the_slots_most_like_it(self, slots, shrink, seed):
        torch.manual_seed(seed)
        memory, query = Memory(slots, 3, shrink), torch.randn(3)
        answer, entropy = memory(query.view(1, 3, 1, 1, 1))
        stored, q = memory.slots.detach().double().numpy(), query.double().numpy()
        weights = np.empty(slots)
        for i, slot in enumerate(stored):
            weights[i] = np.exp(memory.sharpness.exp().item() * q @ slot / np.linalg.norm(q) / np.linalg.norm(slot))
        weights /= weights.sum()
        weights[weights <= min(shrink / slots, weights.max() / 2)] = 0
        weights /= weights.sum()
        np.testing.assert_allclose(answer.detach().flatten(), weights @ stored, rtol=1e-4, atol=1e-5)
        kept = weights[weights > 0]
        assert entropy.item() == pytest.approx(-(kept * np.log(kept)).sum(), rel=1e-4, abs=1e-5)

    def test_a_cutoff_above_all_weights_and_an_empty_query_leave_answers_and_gradients_sane(self):
        memory = Memory(5, 4, shrink=5.0)
        query = torch.zeros(2, 4, 1, 2, 2, requires_grad=True)
        answer, entropy = memory(query)
        (answer.sum() + entropy.sum()).backward()
        assert answer.isfinite().all()
        assert all(g.isfinite().all() for g in (query.grad, memory.slots.grad, memory.sharpness.grad))
        assert query.grad.abs().max() < 1e4

    def test_nothing_outside_of_what_the_slots_span_comes_back(self):
        memory = Memory(16, 4, shrink=1.0)
        answer, _ = memory(1000 * torch.randn(8, 4, 2, 3, 3))
        low, high = memory.slots.amin(0).view(4, 1, 1, 1), memory.slots.amax(0).view(4, 1, 1, 1)
        assert ((answer >= low - 1e-5) & (answer <= high + 1e-5)).all()


class TestMasks:
    @given(sizes, sizes, sizes, blocks, st.integers(2, 4))
    @settings(max_examples=50, deadline=None)
    def test_turns_are_those_of_whole_blocks_and_differ_from_the_next(self, T, H, W, block, folds):
        turns = block_turns((T, H, W), block, folds)
        expected = np.empty((T, H, W), int)
        for t, h, w in np.ndindex(T, H, W):
            expected[t, h, w] = (t // block[0] + h // block[1] + w // block[2]) % folds
        np.testing.assert_array_equal(turns[0, 0], expected)

    @given(sizes, sizes, sizes, blocks, st.floats(0.05, 0.5), st.integers(0, 99))
    @settings(max_examples=50, deadline=None)
    def test_whole_blocks_are_hidden_and_as_many_as_asked_for(self, T, H, W, block, fraction, seed):
        torch.manual_seed(seed)
        hidden = random_blocks((T, H, W), block, fraction)[0, 0].numpy()
        t, h, w = block
        cells = hidden[::t, ::h, ::w]
        np.testing.assert_array_equal(hidden, cells.repeat(t, 0).repeat(h, 1).repeat(w, 2)[:T, :H, :W])
        if cells.size > 1:
            assert abs(cells.sum() - fraction * cells.size) <= 1
            assert 0 < cells.sum() < cells.size

    def test_which_blocks_are_hidden_follows_from_the_seed(self):
        masks = []
        for seed in (1, 1, 2):
            torch.manual_seed(seed)
            masks.append(random_blocks((8, 16, 16), (2, 4, 4), 0.25))
        assert torch.equal(masks[0], masks[1])
        assert not torch.equal(masks[0], masks[2])


class TestVisibleBackground:
    @given(st.integers(1, 30), st.integers(1, 4), st.floats(0, 0.9), st.integers(0, 99))
    @settings(max_examples=50, deadline=None)
    def test_is_the_lower_median_of_the_visible(self, T, step, part, seed):
        torch.manual_seed(seed)
        x, hidden = torch.rand(2, 2, T, 3, 3), torch.rand(1, 1, T, 3, 3) < part
        background = visible_background(x, hidden, step)
        for b, c, h, w in np.ndindex(2, 2, 3, 3):
            seen = ~hidden[0, 0, ::step, h, w]
            values = sorted(x[b, c, ::step, h, w][seen].tolist())
            everything = x[b, c, ::step][~hidden[0, 0, ::step]]
            found = background[b, c, 0, h, w].item()
            if values:
                assert found == values[(len(values) - 1) // 2]
            else:
                expected = everything.double().sum().item() / max(len(everything), 1)
                assert found == pytest.approx(expected, abs=rounding(len(everything)))

    def test_with_nothing_hidden_it_is_the_background(self):
        x = torch.rand(2, 2, 20, 4, 4)
        nothing = torch.zeros(1, 1, 20, 4, 4, dtype=torch.bool)
        assert torch.equal(visible_background(x, nothing, step=3), temporal_background(x))


class TestNothingHiddenLeaks:
    @given(st.integers(2, 20), st.integers(5, 12), blocks, st.integers(0, 99))
    @settings(max_examples=25, deadline=None)
    def test_masked_blocks_are_filled_the_same_whatever_they_hold(self, T, side, block, seed):
        torch.manual_seed(seed)
        model, x = small("masked", 2, mask_block=list(block)).eval(), torch.rand(2, 2, T, side, side)
        hidden = random_blocks(x.shape[2:], block, 0.4)
        filled = model.inpaint(x, hidden)
        for other in (torch.rand_like(x), torch.full_like(x, torch.nan)):
            changed = model.inpaint(torch.where(hidden, other, x), hidden)
            assert torch.equal(changed[hidden.expand_as(x)], filled[hidden.expand_as(x)])
        assert torch.equal(filled[~hidden.expand_as(x)], x[~hidden.expand_as(x)])

    @given(st.sampled_from([0.5, 0.3, 0.25]), st.sampled_from([2, 4, 8]), st.integers(0, 9))
    @settings(max_examples=20, deadline=None)
    def test_in_evaluation_no_pixel_decides_on_its_own_output(self, fraction, block_frames, seed):
        torch.manual_seed(seed)
        model = small("masked", mask_fraction=fraction, mask_block=[block_frames, 4, 4]).eval()
        x, folds = torch.rand(1, 1, 32, 12, 12), round(1 / fraction)
        turns, output = block_turns(x.shape[2:], (block_frames, 4, 4), folds), model(x)
        assert (output != x).float().mean() > 0.99
        for fold in range(folds):
            changed = model(torch.where(turns == fold, torch.rand_like(x), x))
            assert torch.equal(changed[turns == fold], output[turns == fold])
            assert (changed[turns != fold] != output[turns != fold]).float().mean() > 0.5

    def test_a_mask_that_repeats_in_time_leaves_every_place_a_background(self):
        model = small("masked", mask_fraction=0.5, mask_block=[2, 1, 1]).eval()
        nn.init.zeros_(model.head.project.weight)
        nn.init.zeros_(model.head.project.bias)
        still = torch.rand(1, 1, 1, 6, 6).expand(-1, -1, 32, -1, -1)
        assert torch.equal(model(still), still)

    @pytest.mark.parametrize("frames", [1, 3])
    def test_predicted_frames_do_not_depend_on_themselves_but_on_the_past(self, frames):
        model, x = small("prediction", predict_frames=frames), torch.rand(2, 1, 11, 9, 10)
        asked = model.answers(11)
        assert range(11)[asked] == range(11 - frames, 11)
        for training in (True, False):
            predicted = model.train(training)(x)
            for other in (torch.rand_like(x), torch.full_like(x, torch.nan)):
                changed = x.clone()
                changed[:, :, asked] = other[:, :, asked]
                assert torch.equal(model(changed)[:, :, asked], predicted[:, :, asked])
                assert torch.equal(model.encode(changed), model.encode(x))
            past = x.clone()
            past[:, :, asked.start - 1] += 0.1
            assert (model(past)[:, :, asked] != predicted[:, :, asked]).float().mean() > 0.9
            assert torch.equal(predicted[:, :, : asked.start], x[:, :, : asked.start])


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


def run_config(clips: Path, run: Path, name: str, **changed) -> config.Config:
    return small_config(clips, run, train__epochs=2, train__warmup_epochs=0.0, model=fitting(name, SMALL) | changed)


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


# Trains every variant, in one group of processes.
WORKER = """
import sys
from pathlib import Path
import torch
import config
from training.distributed import processes
from training.engine import Trainer
from training.interrupt import Interrupt
from training.loader import open_data

torch.set_num_threads(1)
with processes("cpu") as team:
    for settings in sys.argv[1:]:
        asked = config.load(settings)
        trainer = Trainer(asked, open_data(asked), team, Path(asked.model_path), Interrupt())
        trainer.begin(None)
        trainer.fit()
"""


def together_config(clips: Path, run: Path, name: str, batch_size: int) -> config.Config:
    plain = {"train.drop_last": False, "train.loss": "mse_ssim", "train.lr": 3e-3, "train.amp": "off"}
    asked = config.as_dict(run_config(clips, run, name))
    return config.load(None, asked | plain | {"train.batch_size": batch_size})


def test_two_processes_learn_like_one_with_the_doubled_batch(clips, tmp_path):
    (tmp_path / "worker.py").write_text(WORKER)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    settings = [tmp_path / f"{name}.yaml" for name in VARIANTS]
    for name, path in zip(VARIANTS, settings, strict=True):
        path.write_text(config.dump(together_config(clips, tmp_path / "two" / name, name, batch_size=4)))
    subprocess.run([*launch, *map(str, [tmp_path / "worker.py", *settings])], check=True, env=environment, timeout=120)
    for name in VARIANTS:
        one = train(together_config(clips, tmp_path / "one" / name, name, batch_size=8))
        expected, found = (pd.read_csv(run / "metrics.csv") for run in (one, tmp_path / "two" / name))
        for column in ("train_loss", "val_loss", "grad_norm"):
            assert found[column].to_numpy() == pytest.approx(expected[column].to_numpy(), rel=1e-3), (name, column)


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


@pytest.fixture(scope="module", params=VARIANTS)
def learnt(request, scene, tmp_path_factory) -> tuple[nn.Module, nn.Module]:
    """A variant before and after a small training."""
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

    def test_planted_anomalies_stand_out_more_than_before_training_and_than_for_pca(self, learnt, scene):
        _, quiet, tested, truth = scene
        untrained, trained = (residuals(model, tested) for model in learnt)
        flat = tested.reshape(len(tested), -1)
        pca = PCA(16, random_state=0).fit(quiet.reshape(len(quiet), -1))
        pca_residuals = np.abs(flat - pca.inverse_transform(pca.transform(flat))).reshape(truth.shape)
        found, before, with_pca = (roc_auc_score(truth.ravel(), r.ravel()) for r in (trained, untrained, pca_residuals))
        print(f"pixel AUC: trained {found:.3f}, untrained {before:.3f}, PCA {with_pca:.3f}")
        assert found > before + 0.05
        assert found > with_pca + 0.05

    def test_scores_are_not_constant(self, learnt, scene):
        scores = residuals(learnt[1], scene[2])[LENGTH:]
        assert scores.std(axis=(1, 2)).min() > 0
        assert scores.mean(axis=(1, 2)).std() > 0
