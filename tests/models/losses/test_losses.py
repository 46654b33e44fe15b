"""Losses against slow loops, and their promise about invalid pixels."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchmetrics.functional.image import structural_similarity_index_measure

from models.losses.reconstruction import LOSSES, MOTION_WEIGHT, SSIM_FRAME_STEP, mse_ssim, ssim_map

B, C, T, H, W = 2, 2, 6, 8, 9


def example(seed: int = 0, frames: int = T) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """recon, x, valid with a tenth of the pixels invalid."""
    random = torch.Generator().manual_seed(seed)
    x = torch.rand(B, C, frames, H, W, generator=random)
    recon = x + 0.2 * torch.randn(x.shape, generator=random)
    valid = (torch.rand(B, 1, frames, H, W, generator=random) > 0.1).float()
    return recon, x * valid, valid


def loss_of(name: str, *tensors: torch.Tensor) -> torch.Tensor:
    torch.manual_seed(7)
    return LOSSES[name](*tensors)


def pixel_oracle(pixel_loss, recon, x, valid, weight=lambda window, c, t, i, j: 1.0) -> float:
    """Weighted mean over valid pixels of each window, then over windows, one pixel at a time."""
    means = []
    for window in range(len(x)):
        total = weights = 0.0
        for c, t, i, j in np.ndindex(*x.shape[1:]):
            if valid[window, 0, t, i, j]:
                w = weight(window, c, t, i, j)
                total += w * pixel_loss(float(recon[window, c, t, i, j] - x[window, c, t, i, j]))
                weights += w
        means.append(total / weights)
    return float(np.mean(means))


PIXEL_LOSSES = {
    "mse": lambda d: d * d,
    "l1": abs,
    "smooth_l1": lambda d: d * d / 0.2 if abs(d) < 0.1 else abs(d) - 0.05,
}


@pytest.mark.parametrize("name", PIXEL_LOSSES)
def test_pixel_losses_equal_a_loop(name):
    tensors = example()
    assert loss_of(name, *tensors).item() == pytest.approx(pixel_oracle(PIXEL_LOSSES[name], *tensors), rel=1e-5)


def test_motion_mse_equals_a_loop():
    recon, x, valid = example()

    def motion(window, c, t, i, j) -> float:
        if t == 0 or not valid[window, 0, t, i, j] or not valid[window, 0, t - 1, i, j]:
            return 0.0
        return abs(float(x[window, c, t, i, j] - x[window, c, t - 1, i, j]))

    def mean_motion(window, c) -> float:
        return sum(motion(window, c, *at) for at in np.ndindex(T, H, W)) / float(valid[window].sum())

    means = {(window, c): mean_motion(window, c) for window in range(B) for c in range(C)}
    oracle = pixel_oracle(
        PIXEL_LOSSES["mse"], recon, x, valid,
        weight=lambda window, c, *at: 1 + MOTION_WEIGHT * motion(window, c, *at) / means[window, c],
    )  # fmt: skip
    assert loss_of("motion_mse", recon, x, valid).item() == pytest.approx(oracle, rel=1e-5)


def test_motion_mse_is_mse_where_nothing_moves():
    recon, x, valid = example()
    still, valid = x[:, :, :1].expand_as(x), valid[:, :, :1].expand_as(valid)
    weighted, plain = (loss_of(name, recon, still, valid).item() for name in ("motion_mse", "mse"))
    assert weighted == pytest.approx(plain)


def test_ssim_map_equals_single_frames():
    recon, x, _ = example()
    found = ssim_map(recon, x)
    for window, c, t in np.ndindex(B, C, T):
        pair = (v[window, c, t][None, None] for v in (recon, x))
        _, frame = structural_similarity_index_measure(*pair, data_range=1.0, reduction="none", return_full_image=True)
        assert torch.allclose(found[window, c, t], frame[0, 0], atol=1e-5)


def test_mse_ssim_equals_its_formula_on_the_frames_it_draws():
    recon, x, valid = example()
    mse = LOSSES["mse"](recon, x, valid)
    similarity = ssim_map(recon * valid, x)
    expected = []
    for first in range(SSIM_FRAME_STEP):
        frames = slice(first, None, SSIM_FRAME_STEP)
        weight = valid[:, :, frames].expand(-1, C, -1, -1, -1)
        kept = ((1 - similarity[:, :, frames]) * weight).sum((1, 2, 3, 4)) / weight.sum((1, 2, 3, 4))
        expected.append((0.5 * mse + 0.5 * kept.mean()).item())
    drawn = []
    for seed in range(20):
        torch.manual_seed(seed)
        drawn.append(mse_ssim(recon, x, valid).item())
    assert sorted({round(v, 5) for v in drawn}) == sorted({round(v, 5) for v in expected})


def test_mse_ssim_says_what_to_do_about_frames_too_small():
    tiny = torch.rand(1, 1, 4, 1, 1)
    with pytest.raises(ValueError, match=r"at least 6x6 pixels, these have 1x1; choose train.loss=mse"):
        mse_ssim(tiny, tiny, torch.ones(1, 1, 4, 1, 1))


@pytest.mark.parametrize("name", LOSSES)
def test_a_perfect_reconstruction_costs_nothing_and_a_worse_one_more(name):
    recon, x, valid = example()
    costs = [loss_of(name, x + k * (recon - x), x, valid).item() for k in (0, 0.5, 1)]
    assert costs[0] == pytest.approx(0, abs=1e-5)
    assert costs[0] < costs[1] < costs[2]


@pytest.mark.parametrize("name", LOSSES)
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), junk=st.sampled_from([3.0, -1e6, float("inf"), float("nan")]))
def test_invalid_pixels_reach_neither_loss_nor_gradient(name, seed, junk):
    recon, x, valid = example(seed)
    hidden = (valid == 0).expand_as(x)
    before = loss_of(name, recon, x, valid)
    recon_junk = recon.masked_fill(hidden, junk).requires_grad_()
    after = loss_of(name, recon_junk, x.masked_fill(hidden, junk), valid)
    after.backward()
    assert after.item() == before.item()
    assert (recon_junk.grad[hidden] == 0).all()
    assert recon_junk.grad.isfinite().all()
    assert (recon_junk.grad[~hidden] != 0).any()


@pytest.mark.parametrize("name", LOSSES)
def test_a_batch_without_valid_pixels_costs_nothing_and_has_finite_gradients(name):
    recon, x, valid = example()
    recon.requires_grad_()
    loss = loss_of(name, recon, x, torch.zeros_like(valid))
    loss.backward()
    assert loss.item() == 0
    assert (recon.grad == 0).all()


@pytest.mark.parametrize("name", LOSSES)
def test_the_loss_of_a_batch_is_the_mean_of_its_windows(name):
    recon, x, valid = example()
    valid[1, :, :, :5] = 0
    parts = [loss_of(name, recon[i : i + 1], x[i : i + 1], valid[i : i + 1]).item() for i in range(B)]
    assert loss_of(name, recon, x, valid).item() == pytest.approx(np.mean(parts), rel=1e-5)


@pytest.mark.parametrize("name", LOSSES)
def test_a_bfloat16_reconstruction_is_judged_in_float32(name):
    recon, x, valid = example()
    short = recon.bfloat16()
    loss = loss_of(name, short, x, valid)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(loss_of(name, short.float(), x, valid).item())
