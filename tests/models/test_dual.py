"""Patches that are hidden and rebuilt: what is hidden, and that a patch is told from the others alone."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.series.dual import PATCH, random_patches
from tests.support.series_models import C, opened


@given(st.integers(2 * PATCH, 100), st.integers(1, 4), st.integers(0, 99))
@settings(max_examples=20)
def test_some_samples_are_hidden_and_some_are_seen(T, channels, seed):
    torch.manual_seed(seed)
    hidden = random_patches(channels, T)
    assert hidden.shape == (1, channels, T)
    assert not hidden.all()


def test_what_a_sample_was_does_not_reach_what_is_rebuilt_of_it():
    torch.manual_seed(0)
    model, x = opened("dual", "anomaly").eval(), torch.rand(2, C, 48, 1, 1)
    other = x.clone()
    other[:, 1, 20] += 5
    with torch.no_grad():
        assert torch.equal(model(other)[:, 1, 16:24], model(x)[:, 1, 16:24])
        assert not torch.equal(model(other), model(x))
