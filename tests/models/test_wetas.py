"""The weakly supervised model: scores, pooling, pseudo-labels by hand, where losses have gradients, learning."""

from copy import deepcopy
from typing import NamedTuple, get_args

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from sklearn.decomposition import PCA
from sklearn.metrics import f1_score, roc_auc_score
from torch import nn

import config
import models
from config import ConfigError, TrainConfig, WeakConfig
from models.losses.reconstruction import LOSSES
from models.losses.weak import WEAK_LOSSES, Weak, alignment_cost, mil, peaks, soft_peaks, wetas
from models.parts.alignment import soft_cost
from models.parts.pseudo_labels import label_costs, pseudo_labels, segmented
from models.video_model import Batch
from models.wetas import default_stages
from tests.support.nets import with_open_head

pytestmark = pytest.mark.usefixtures("one_thread")

STAGES = [{"width": 8, "dilation": d, "kernel": [3, 1, 1], "activation": "gated"} for d in (1, 2, 4)]
WEAK = WeakConfig(labels="labels", segments=6)


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def model_of(channels: int = 2, stages=STAGES, **changed) -> nn.Module:
    chosen = {"model": {"name": "wetas", "stages": stages} | changed, "train": {"loss": "weak_bce"}}
    return models.build(config.load(None, chosen).model, channels)


class TestModel:
    @pytest.mark.parametrize("pooling", ["mean", "max", "top", "attention"])
    @pytest.mark.parametrize("size", [(40, 1, 1), (8, 6, 5)])
    def test_every_frame_and_every_window_has_a_score_that_mates_do_not_change(self, pooling, size):
        model, x = with_open_head(model_of(pooling=pooling)).eval(), torch.rand(4, 2, *size)
        output = model(x)
        assert (output.dense.shape, output.window.shape) == ((4, size[0]), (4,))
        torch.testing.assert_close(model(x[:1]).window, output.window[:1])

    def test_pooling_is_what_it_says(self):
        dense = torch.tensor([[0.0, 4.0, 2.0, -1.0, 1.0]])
        for pooling, expected in (("mean", 1.2), ("max", 4.0), ("top", 3.0)):
            model = model_of(pooling=pooling, top_fraction=0.4)
            assert model.pooled(dense, torch.empty(0)).item() == pytest.approx(expected)

    @pytest.mark.parametrize("pooling", ["mean", "max", "top", "attention"])
    def test_the_score_of_a_frame_is_pooled_from_its_places_behind_strides_in_space(self, pooling):
        stages = [{"width": 8, "stride": [1, 2, 2]}, *STAGES]
        model = with_open_head(model_of(1, stages, pooling=pooling, top_fraction=0.25)).eval()
        x = torch.rand(2, 1, 8, 8, 6)
        places = model.places(x)
        assert places.shape == (2, 8, 4, 3)
        highest = places.flatten(2).sort(2, descending=True).values
        expected = {"max": highest[..., 0], "top": highest[..., :3].mean(2)}.get(pooling, highest.mean(2))
        torch.testing.assert_close(model(x).dense, expected)

    def test_default_stages_see_127_frames_either_way(self):
        model = with_open_head(model_of(1, stages=None)).eval()
        x = torch.zeros(1, 1, 300, 1, 1)
        changed = x.clone()
        changed[:, :, 150] = 1
        differs = (model(changed).dense != model(x).dense)[0].nonzero().flatten().tolist()
        assert (differs[0], differs[-1]) == (150 - 127, 150 + 127)
        assert [stage.dilation for stage in default_stages()] == [1, 2, 4, 8, 16, 32, 64]

    def test_strides_in_time_are_refused(self):
        with pytest.raises(ValueError, match="strides in time"):
            model_of(stages=[{"width": 8, "stride": [2, 1, 1]}])

    def test_every_loss_that_may_be_named_is_there(self):
        chosen = get_args(TrainConfig.__annotations__["loss"])
        assert chosen == (*LOSSES, *WEAK_LOSSES)

    @pytest.mark.parametrize(
        ("name", "loss", "owner"), [("wetas", "mse", "autoencoder, variational"), ("tvnet", "mil", "wetas")]
    )
    def test_model_and_loss_must_go_together(self, name, loss, owner):
        with pytest.raises(ConfigError, match=f"train.loss '{loss}': {name} learns by one of .*; this is for {owner}"):
            config.load(None, {"model.name": name, "train.loss": loss})


class TestEnsemble:
    def test_its_answer_is_the_mean_of_its_members_and_in_training_each_of_theirs(self):
        model, x = model_of(members=3), torch.randn(4, 2, 32, 1, 1)
        alone = [member(x) for member in model.members]
        assert not torch.equal(alone[0].dense, alone[1].dense)
        torch.testing.assert_close(model.train()(x).dense, torch.cat([found.dense for found in alone]))
        together = model.eval()(x)
        for name in ("dense", "window"):
            expected = sum(getattr(found, name) for found in alone) / 3
            torch.testing.assert_close(getattr(together, name), expected)
        torch.testing.assert_close(model.places(x).mean((2, 3)), together.dense)
        assert model.encode(x).shape == (4, 24, 32, 1, 1)

    def test_members_learn_as_if_they_were_alone(self, tmp_path):
        """Each member's gradient is a third of its own; the optimiser's step does not see the size."""
        model, x, labels = model_of(members=3).train(), torch.randn(4, 2, 32, 1, 1), torch.tensor([1.0, 0, 1, 0])
        model.learning = config.load(None, {"model.name": "wetas", "train.loss": "mil"}).train
        model.loss(Batch(x, torch.ones_like(x), labels)).backward()
        got = model.members[1].head.weight.grad.clone()
        model.zero_grad()
        mil(model.members[1](x), labels, model.learning.weak).backward()
        torch.testing.assert_close(got, model.members[1].head.weight.grad / 3)


class TestSplicedLoss:
    def test_every_weight_learns_also_where_the_net_runs_in_a_shorter_precision(self):
        """Under autocast the weights that the splicing used, without gradients, must not be taken for the loss."""
        stages = [{"width": 8, "stride": [1, 2, 2]}, *STAGES]
        model, x = with_open_head(model_of(1, stages)).train(), torch.randn(4, 1, 32, 8, 8)
        train = {"loss": "weak_bce", "weak": {"splice": 1.0, "segments": 6}}
        model.learning = config.load(None, {"model.name": "wetas", "train": train}).train
        labels = torch.tensor([1.0, 0, 1, 0])
        with torch.autocast("cpu", torch.bfloat16):
            model.loss(Batch(x, torch.ones_like(x), labels)).backward()
        without = [name for name, parameter in model.named_parameters() if parameter.grad is None]
        assert not without


class TestPseudoLabels:
    def test_runs_of_odd_parts_become_alternating_labels(self):
        dense = torch.zeros(3, 12)
        dense[0, [2, 3, 9]] = 5.0  # two of six parts
        dense[1, [0, 11]] = 5.0  # at both ends
        dense[2, 5] = 5.0
        labels, lengths = pseudo_labels(dense, torch.tensor([True, True, False]), 6, 0.3)
        assert lengths.tolist() == [5, 5, 1]
        assert labels[0].tolist() == [0, 1, 0, 1, 0, 1, 0]

    def test_a_constant_score_gives_no_anomaly_and_stays_finite(self):
        labels, lengths = pseudo_labels(torch.full((1, 10), 3.0), torch.tensor([True]), 4, 0.3)
        assert lengths.tolist() == [1]
        assert soft_cost(label_costs(torch.full((1, 10), 3.0), labels), lengths, 0.1).isfinite().all()

    def test_more_than_two_anomalies_of_a_window_are_told_apart(self):
        truth = torch.zeros(1, 120)
        for start in (10, 40, 75, 100):
            truth[0, start : start + 8] = 1
        dense = 6 * truth - 3
        found = segmented(dense, torch.tensor([True]), segments=24, level=0.3)
        assert torch.equal(found, truth == 1)
        coarse = segmented(dense, torch.tensor([True]), segments=4, level=0.3)
        assert not torch.equal(coarse, truth == 1)  # four parts, as published, are all odd: one long anomaly

    @given(st.integers(1, 3), st.integers(2, 9), st.integers(0, 40), st.integers(0, 1000))
    def test_windows_that_are_not_positive_have_no_segment(self, B, segments, more, seed):
        dense = torch.randn(B, 2 * segments + 1 + more, generator=torch.Generator().manual_seed(seed))
        is_positive = torch.arange(B) % 2 == 0
        found = segmented(dense, is_positive, segments, 0.5)
        assert not found[~is_positive].any()
        assert found[is_positive].any(1).all()


class TestLosses:
    def output(self, B=6, T=32) -> tuple[Weak, torch.Tensor]:
        dense = torch.randn(B, T).requires_grad_()
        return Weak(dense, dense.mean(1)), (torch.arange(B) % 2).float()

    def test_the_alignment_loss_is_the_hinge_on_both_pseudo_labels(self):
        output, labels = self.output()
        expected = 0.0
        for dense, window, label in zip(output.dense, output.window, labels, strict=True):
            costs = {}
            for positive in (True, False):
                sequence, length = pseudo_labels(dense[None], torch.tensor([positive]), WEAK.segments, WEAK.level)
                costs[positive] = soft_cost(label_costs(dense[None], sequence), length, WEAK.gamma)[0] / 32
            hinge = F.relu(WEAK.margin + costs[bool(label)] - costs[not label])
            expected += hinge + F.binary_cross_entropy_with_logits(window, label)
        torch.testing.assert_close(wetas(output, labels, WEAK), expected / len(labels))

    def test_normal_windows_get_a_gradient_from_it_too(self):
        """The released code overwrites the map that both pseudo-labels come from, so that theirs get none."""
        output, labels = self.output()
        right, wrong = (alignment_cost(output.dense, p, WEAK) for p in (labels > 0.5, labels <= 0.5))
        F.relu(WEAK.margin + right - wrong)[labels == 0].sum().backward()
        gradient = output.dense.grad.abs().sum(1)
        assert (gradient[labels == 0] > 1e-4).any()
        assert (gradient[labels == 1] == 0).all()

    def test_ranking_by_hand(self):
        dense = torch.full((3, 64), -20.0)
        dense[0, 7:11] = torch.tensor([0.0, 0.0, 0.0, 0.0])  # best scores 0.5, 0 and 0
        found = mil(Weak(dense, dense.mean(1)), torch.tensor([1.0, 0.0, 0.0]), WEAK)
        chosen = torch.zeros(32)
        chosen[3:6] = torch.tensor([0.25, 0.5, 0.25])  # frames 7 to 10 in parts of two
        expected = 0.5 + 8e-5 * (chosen.diff().square().sum() + chosen.sum())
        assert found.item() == pytest.approx(expected.item(), rel=1e-5)

    @pytest.mark.parametrize("label", [0.0, 1.0])
    @pytest.mark.parametrize("name", WEAK_LOSSES)
    def test_a_batch_of_one_kind_has_a_finite_loss(self, name, label):
        output, _ = self.output()
        loss = WEAK_LOSSES[name](output, torch.full((6,), label), WEAK)
        loss.backward()
        assert loss.isfinite()
        assert output.dense.grad.isfinite().all()

    def test_soft_labels_are_bumps_around_the_peaks(self):
        dense = torch.zeros(1, 120)
        dense[0, [30, 32, 80]] = torch.tensor([5.0, 4.0, 3.0])
        found = peaks(dense, WEAK)[0]  # a width of 120 / 12 = 10
        at = torch.arange(120.0)
        expected = torch.maximum(torch.exp(-((at - 30) ** 2) / 200), torch.exp(-((at - 80) ** 2) / 200))
        torch.testing.assert_close(found, expected)
        quiet = Weak(dense, dense.mean(1))
        as_zero = F.binary_cross_entropy_with_logits(dense, torch.zeros_like(dense))
        expected = F.binary_cross_entropy_with_logits(quiet.window, torch.zeros(1)) + as_zero
        torch.testing.assert_close(soft_peaks(quiet, torch.zeros(1), WEAK), expected)


def bursts(n: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Windows (n, 2, 96, 1, 1) of a wave and its size; in every other one 16 to 32 samples of the wrong size.

    Also where that is, (n, 96). Every value is usual and the relation that breaks not linear: PCA hardly sees it.
    """
    random = np.random.default_rng(seed)
    wave = np.sin(2 * np.pi * np.arange(96) / random.uniform(9, 40, (n, 1)) + random.uniform(0, 6, (n, 1)))
    size, truth = np.abs(wave), np.zeros((n, 96))
    for i in range(0, n, 2):
        length = random.integers(16, 33)
        start = random.integers(0, 96 - length)
        truth[i, start : start + length] = 1
    x = np.stack([wave, np.where(truth > 0, 1 - size, size)], 1)
    x = (0.5 + 0.4 * x + random.normal(0, 0.03, x.shape)).astype(np.float32)
    return torch.from_numpy(x)[..., None, None], torch.from_numpy(truth)


class Learnt(NamedTuple):
    loss: str
    untrained: nn.Module
    trained: nn.Module


@pytest.fixture(scope="module", params=list(WEAK_LOSSES))
def learnt(request):
    """A small model before and after 100 steps by one label a window."""
    torch.manual_seed(0)
    model = model_of(pooling="top", stages=[stage | {"width": 16} for stage in STAGES])
    untrained, (x, truth) = deepcopy(model), bursts(256, seed=0)
    labels = truth.amax(1).float()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, eps=1e-14)
    for chosen in torch.randint(0, len(x), (100, 16)):
        loss = WEAK_LOSSES[request.param](model(x[chosen]), labels[chosen], WEAK)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    return Learnt(request.param, untrained.eval(), model.eval())


class TestLearning:
    def test_every_parameter_changes(self, learnt):
        for (name, before), after in zip(learnt.untrained.named_parameters(), learnt.trained.parameters(), strict=True):
            assert not torch.equal(before, after), name

    @torch.no_grad()
    def test_frames_are_found_that_were_never_labelled(self, learnt):
        x, truth = bursts(64, seed=1)
        found, before = (
            roc_auc_score(truth.ravel(), model(x).dense.ravel()) for model in (learnt.trained, learnt.untrained)
        )
        flat = x.flatten(1).numpy()
        pca = PCA(8, random_state=0).fit(bursts(256, seed=0)[0].flatten(1).numpy()[1::2])
        error = np.abs(flat - pca.inverse_transform(pca.transform(flat))).reshape(64, 2, 96).max(1)
        with_pca = roc_auc_score(truth.ravel(), error.ravel())
        print(f"AUC of frames: trained {found:.3f}, untrained {before:.3f}, PCA {with_pca:.3f}")
        assert found > max(before, with_pca) + 0.05

    @torch.no_grad()
    def test_segments_are_the_anomalies(self, learnt):
        x, truth = bursts(64, seed=1)
        output = learnt.trained(x)
        assert output.dense.std(1).min() > 0
        inside = segmented(output.dense, truth.amax(1) > 0, WEAK.segments, WEAK.level)
        f1 = f1_score(truth.ravel(), inside.ravel())
        print(f"F1 of frames {f1:.3f}")
        assert f1 > (0.4 if learnt.loss == "mil" else 0.6)  # ranking only asks for a window's best frames
