"""What a scorer yields, and from frame and reconstruction to a residual that is clean of what the camera did."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import cv2
import numpy as np

from config import EvalConfig
from data.messages import logger
from data.reel.reel import Reel
from data.reel.views.common_mode import chosen, common_mode, most_explained
from inference.events.boxes import Box

log = logger(__name__)


@dataclass(frozen=True)
class ScoredFrame:
    """One frame (C, H, W) with its reconstruction, None without one, and its residual (H, W) >= 0, 0 where `valid` is
    False.

    The residual of a sample of a series is (C, 1), one value a variable, where the method tells them apart.
    """

    index: int
    frame: np.ndarray
    reconstruction: np.ndarray | None
    residual: np.ndarray
    valid: np.ndarray
    common: float  # size (rms) of the common mode that was taken off: what the camera did to the whole frame
    camera: str = ""  # what is wrong with the frame as a whole, see camera/watch.py
    lost: np.ndarray | None = None  # pixels (H, W) of blocks that are missing, see camera/blocks.py
    words: Callable[[Box], str] | None = None  # what the scorer says of a box in it


class Samples(NamedTuple):
    """What a stretch of a series gives: residual (n, K, 1), one for each variable or one for all, and valid (n,).

    NaN where a sample has no residual; 0 where it is invalid. evidence: (n, C, E), NaN unknown, see `local_evidence`;
    None of a scorer that has its own. own: (n, C), how far each is from the rest of its series, see `own_series`; None
    where that has no weight. variables: (n, C), of a scorer whose residual is one for all, what each variable
    has to do with it, at least 0; None where nobody knows. They name events and decide none. placed: (n, K, 1), of a
    scorer whose residual shows beyond its cause, one that does not: it places what the residual finds, and finds none.
    """

    residual: np.ndarray
    valid: np.ndarray
    evidence: np.ndarray | None = None
    variables: np.ndarray | None = None
    placed: np.ndarray | None = None
    own: np.ndarray | None = None

    @property
    def quiet(self) -> np.ndarray:
        """The residuals (m, K, 1) of the samples that are valid and have one."""
        return self.residual[self.valid & np.isfinite(self.residual).all(axis=(1, 2))]

    def between(self, begin: int, end: int) -> "Samples":
        """The samples [begin, end) of the stretch."""
        return self._replace(**{name: part[begin:end] for name, part in self._asdict().items() if part is not None})


def settings_for(settings: EvalConfig, reel: Reel) -> EvalConfig:
    """The settings that fit a reel: a series is a single pixel, which has no area, no neighbours and no common mode."""
    single = {"min_area": 1, "smooth_px": 0.0, "common_mode": False, "group_distance_px": 0.0}
    single["extend_share"] = 0.0
    return replace(settings, **single) if reel.is_series else settings


def weighs_evidence(settings: EvalConfig) -> bool:
    """Whether evidence beside the model has a part in scores of a series; a plain residual has a unit of its own."""
    return max(settings.plain_evidence, settings.own_evidence) > 0 and settings.score != "residual"


def without_evidence(settings: EvalConfig) -> EvalConfig:
    """Settings by which the model alone scores."""
    return replace(settings, plain_evidence=0.0, own_evidence=0.0)


def row_by_row(settings: EvalConfig) -> EvalConfig:
    """Settings for what comes row by row: there is no rest of the series yet that a sample could be compared with.
    It is told where that was asked for."""
    if settings.own_evidence:
        log.warning("eval.own_evidence needs the whole of a series: of what comes row by row scores are without it")
    return replace(settings, own_evidence=0.0)


def clean_residual(
    frame: np.ndarray,
    reconstruction: np.ndarray,
    valid: np.ndarray,
    settings: EvalConfig,
    error: np.ndarray | None = None,
    quantum: float = 0.0,
) -> tuple[np.ndarray, float]:
    """Absolute residual of frame and reconstruction (C, H, W), see `over_channels`, and the common mode's rms.

    With `settings.common_mode` the camera's part is taken off, and for the standardised score the rest is in units of
    the frame's own scatter. `error` (H, W) takes the place of the plain difference for folds other than the mean.
    quantum: what one grey level is, 0 unknown.
    """
    signed = frame - reconstruction
    if not settings.common_mode:
        residual = over_channels(np.abs(signed, out=signed)) if error is None else error
        return clean_error(residual, valid, settings), 0.0
    shared, scatter = np.empty_like(signed), np.empty_like(signed)
    is_seen = bool(valid.any())
    for channel, (difference, brightness) in enumerate(zip(signed, reconstruction, strict=True)):
        most = most_explained(brightness, valid) if is_seen else np.inf
        shared[channel], scatter[channel] = common_mode(difference, brightness, valid, most, quantum)
    if settings.score == "residual":
        scatter[:] = 1
    if error is None:
        signed -= shared
        residual = over_channels(np.divide(np.abs(signed, out=signed), scatter, out=signed))
    else:
        residual = np.maximum(error - np.abs(shared).mean(axis=0), 0) / scatter.mean(axis=0)
    common = float(np.sqrt(np.mean([np.square(chosen(c, valid)).mean() for c in shared]))) if is_seen else 0.0
    return clean_error(residual, valid, settings), common


def over_channels(errors: np.ndarray, axis: int = 0) -> np.ndarray:
    """Errors (..., C, H, W) with their channels at `axis`: the mean over them (..., H, W).

    The variables of a series have scales of noise of their own, so each is kept until it is in units of that: a sample
    (..., C, 1, 1) becomes (..., C, 1).
    """
    return errors[..., 0] if errors.shape[axis + 1 :] == (1, 1) else errors.mean(axis=axis)


def clean_error(error: np.ndarray, valid: np.ndarray, settings: EvalConfig) -> np.ndarray:
    """An error (H, W) smoothed as the settings ask, 0 where `valid` is False."""
    error = np.where(valid, error, np.float32(0))
    if settings.smooth_px:
        error = cv2.GaussianBlur(error, (0, 0), settings.smooth_px, borderType=cv2.BORDER_REFLECT)
        error[~valid] = 0
    return error
