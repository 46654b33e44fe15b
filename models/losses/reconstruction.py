"""Reconstruction losses. Every loss is a function of three tensors that ignores invalid pixels:

    loss(recon (B, C, T, H, W), x (B, C, T, H, W), valid (B, 1, T, H, W)) -> scalar

It averages over the valid pixels of each window first and then over windows, so that the loss of a batch is the mean
of the losses of its parts, on however many processes they are. A window without a valid pixel counts as 0.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

MOTION_WEIGHT = 1.0  # motion as a whole weighs as much as all pixels equally
SSIM_FRAME_STEP = 4
SSIM_MIN_SIDE = 6  # its 11-pixel Gaussian pads by reflection, which needs more pixels than it adds


def mse(recon: Tensor, x: Tensor, valid: Tensor) -> Tensor:
    """Mean squared error."""
    recon, x = _only_valid(recon, x, valid)
    return _window_mean((recon - x).square(), valid)


def l1(recon: Tensor, x: Tensor, valid: Tensor) -> Tensor:
    """Mean absolute error."""
    recon, x = _only_valid(recon, x, valid)
    return _window_mean((recon - x).abs(), valid)


def smooth_l1(recon: Tensor, x: Tensor, valid: Tensor) -> Tensor:
    """Smooth L1 with beta 0.1, a tenth of the stretched range: quadratic for errors below, linear above.

    Source: Girshick 2015, Fast R-CNN (arXiv 1504.08083).
    """
    recon, x = _only_valid(recon, x, valid)
    return _window_mean(F.smooth_l1_loss(recon, x, reduction="none", beta=0.1), valid)


def mse_ssim(recon: Tensor, x: Tensor, valid: Tensor) -> Tensor:
    """Half mean squared error, half 1 - SSIM of single frames for a data range of 1.

    SSIM is taken of every fourth frame, from a random first one: of all frames it would take over a third of the time.
    Draws from torch's default CPU generator. Raises ValueError for frames smaller than the SSIM window.
    Source: Wang et al. 2004, doi 10.1109/TIP.2003.819861.
    """
    recon, x = _only_valid(recon, x, valid)
    first = int(torch.randint(min(SSIM_FRAME_STEP, x.shape[2]), ()))
    some_recon, some_x, some_valid = (v[:, :, first::SSIM_FRAME_STEP] for v in (recon, x, valid))
    dissimilarity = 1 - ssim_map(some_recon, some_x)
    return 0.5 * _window_mean((recon - x).square(), valid) + 0.5 * _window_mean(dissimilarity, some_valid)


def motion_mse(recon: Tensor, x: Tensor, valid: Tensor) -> Tensor:
    """Mean squared error weighted by 1 + c m, where m = |x_t - x_{t-1}| over its mean in the window."""
    recon, x = _only_valid(recon, x, valid)
    weight = valid * (1 + MOTION_WEIGHT * motion(x, valid))
    return _window_mean((recon - x).square(), weight)


def motion(x: Tensor, valid: Tensor) -> Tensor:
    """Frame-to-frame change over its mean in each window and channel: (B, C, T, H, W).

    0 in the first frame, and where a pixel is invalid in either frame.
    """
    change = (x[:, :, 1:] - x[:, :, :-1]).abs() * valid[:, :, 1:] * valid[:, :, :-1]
    change = F.pad(change, (0, 0, 0, 0, 1, 0))
    mean = change.sum((2, 3, 4), keepdim=True) / valid.sum((2, 3, 4), keepdim=True).clamp(min=1)
    return change / mean.clamp(min=1e-6)


def ssim_map(a: Tensor, b: Tensor) -> Tensor:
    """SSIM around every pixel of every frame: (B, C, T, H, W) in, the same shape out.

    Raises ValueError for frames smaller than the SSIM window.
    """
    # Imported here because it takes seconds, and the other losses do without.
    from torchmetrics.functional.image import structural_similarity_index_measure

    B, C, T, H, W = a.shape
    if min(H, W) < SSIM_MIN_SIDE:
        raise ValueError(
            f"mse_ssim needs frames of at least {SSIM_MIN_SIDE}x{SSIM_MIN_SIDE} pixels, these have {H}x{W}; "
            "choose train.loss=mse"
        )
    # Frames lie side by side as channels, not as a batch of one channel: the same numbers, over ten times faster.
    a, b = (v.reshape(B, C * T, H, W) for v in (a, b))
    _, similarity = structural_similarity_index_measure(a, b, data_range=1.0, reduction="none", return_full_image=True)
    return similarity.view(B, C, T, H, W)


def _only_valid(recon: Tensor, x: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """Both in float32, and 0 where invalid: nothing there reaches the loss or a gradient, not even NaN."""
    zero = torch.zeros((), device=x.device)
    return torch.where(valid > 0, recon.float(), zero), torch.where(valid > 0, x.float(), zero)


def _window_mean(values: Tensor, weight: Tensor) -> Tensor:
    """Weighted mean over each window, then the mean over windows; weight (B, 1 or C, T, H, W)."""
    total = (values * weight).flatten(1).sum(1)  # (B,)
    weights = weight.flatten(1).sum(1) * (values.shape[1] // weight.shape[1])
    return (total / weights.clamp(min=1)).mean()


def loss_name(chosen: str, size: Sequence[int]) -> str:
    """The loss to train frames of size (H, W) with: that of the settings, but mse for mse_ssim of single pixels.

    SSIM compares structure in space, and a sample of a time series has none.
    """
    return "mse" if chosen == "mse_ssim" and tuple(size) == (1, 1) else chosen


LOSSES = {"mse": mse, "l1": l1, "smooth_l1": smooth_l1, "mse_ssim": mse_ssim, "motion_mse": motion_mse}
