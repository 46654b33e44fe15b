"""Splicing: what is pasted where, its soft borders, and that training through the program uses it."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import config
from config import ConfigError, WeakConfig
from models.losses.splicing import Spliced, faded, frame_loss, moved, splice
from models.losses.weak import Weak

SETTINGS = WeakConfig(labels="labels", segments=10, splice=1.0)
B, T = 12, 100


def judge(x: torch.Tensor) -> Weak:
    """Anomalous is what is above 5: the bursts of `batch`."""
    dense = 4 * (x[:, 0, :, 0, 0] - 5)
    return Weak(dense, dense.amax(1))


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    """Windows (B, 1, T, 1, 1) near 0, every third one positive with a burst of ten frames at 10."""
    torch.manual_seed(0)
    x, labels = torch.rand(B, 1, T, 1, 1), torch.zeros(B)
    for i in range(0, B, 3):
        x[i, :, 20 + i : 30 + i] += 10
        labels[i] = 1
    return x, labels


def test_every_negative_window_gets_a_burst_where_its_frame_labels_say():
    x, labels = batch()
    found = splice(judge, x, labels, SETTINGS)
    assert (found.labels == 1).all()
    assert torch.equal(found.is_known, labels == 0)
    assert torch.equal(found.x[labels == 1], x[labels == 1])
    for window, truth in zip(found.x[found.is_known], found.frame_labels[found.is_known], strict=True):
        assert truth.sum() == 10
        assert (window[0, truth == 1] > 9).all()
        assert (window[0, truth == 0] < 9).float().mean() > 0.95  # the soft borders
    assert torch.equal(x, batch()[0])  # the batch that was given is as it was


def test_far_from_the_burst_a_window_is_its_own():
    x, labels = batch()
    found = splice(judge, x, labels, SETTINGS)
    own = found.x[found.is_known] == x[found.is_known]
    assert (own[:, 0, :, 0, 0].sum(1) >= T - 10 - 2 * 4).all()


def test_stretches_land_at_different_places():
    x, labels = batch()
    found = splice(judge, x, labels, SETTINGS)
    assert len(set(found.frame_labels[found.is_known].argmax(1).tolist())) > 4


def test_a_share_of_the_negative_windows_is_spliced():
    x, labels = (torch.cat([v] * 50) for v in batch())
    found = splice(judge, x, labels, WeakConfig(labels="labels", segments=10, splice=0.3))
    share = (found.labels[labels == 0] == 1).float().mean()
    assert share == pytest.approx(0.3, abs=0.08)


@pytest.mark.parametrize("label", [0.0, 1.0])
def test_a_batch_of_one_kind_stays_as_it_is(label):
    x, _ = batch()
    found = splice(judge, x, torch.full((B,), label), SETTINGS)
    assert torch.equal(found.x, x)
    assert (found.labels == label).all()


def test_positive_windows_that_the_model_takes_for_normal_give_nothing():
    x, labels = batch()
    found = splice(lambda x: judge(x - 10), x, labels, SETTINGS)
    assert torch.equal(found.x, x)


@given(st.integers(1, 40), st.data())
def test_a_moved_stretch_stays_whole(length, data):
    first = data.draw(st.integers(0, 40 - length))
    inside = torch.zeros(1, 40, dtype=torch.bool)
    inside[0, first : first + length] = True
    x = torch.arange(40.0).view(1, 1, 40, 1, 1)
    there, at = moved(x, inside)
    assert torch.equal(there[0, 0, at[0], 0, 0], torch.arange(first, first + length).float())
    assert int(at.sum()) == length
    assert np.ptp(np.flatnonzero(at[0].numpy())) == length - 1


def test_borders_fall_from_one_to_zero():
    inside = torch.zeros(1, 100, dtype=torch.bool)
    inside[0, 40:60] = True
    weight = faded(inside)[0]
    assert (weight[40:60] == 1).all()
    assert (weight[:36] == 0).all()
    assert (weight[64:] == 0).all()
    assert (weight[35:41].diff() >= 0).all()
    assert 0 < weight[38] < 1


def test_loss_of_frames_by_hand():
    dense = torch.tensor([[2.0, -1.0], [0.5, 0.0]])
    spliced = Spliced(dense, torch.ones(2), torch.tensor([[1.0, 0.0], [0.0, 0.0]]), torch.tensor([True, False]))
    expected = 0.5 * 0.5 * (np.log1p(np.exp(-2.0)) + np.log1p(np.exp(-1.0)))
    assert frame_loss(dense, spliced).item() == pytest.approx(expected, rel=1e-5)


def test_only_wetas_splices():
    with pytest.raises(ConfigError, match=r"train\.weak\.splice 0\.5: autoencoder does not .* for wetas"):
        config.load(None, {"train.weak.splice": 0.5})
