"""Excess flux: how far a place is above (or below) the frames before, in linear units and in its own quiet spreads.

A flare adds light, and what it adds is the same whatever was bright before it: values that are nearly logarithms would
hide it on a bright loop and blow up the dark. What is compared with are medians of earlier frames at several distances,
so that a fast rise and a slow one both stand out, and a flare does not lift its own background at once.
"""

import warnings
from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

import cv2
import numpy as np
from pydantic import ConfigDict, Field, field_validator
from pydantic.dataclasses import dataclass
from scipy import ndimage

from config import ModelConfig
from config.fields import PositiveInt
from data.reel.reel import Reel
from data.reel.window_dataset import target_stretches
from inference.calibration.noise import MAD_TO_STD, noise_step
from inference.calibration.quiet import QuietRange
from inference.methods.base import BLOCK_FRAMES, Block, Method

SMOOTH_PX, WIDER_PX = 7, 5  # of the map of spreads: its median filter, and then its maximum filter
SHARES = np.array([*np.linspace(0, 0.95, 20), 0.97, 0.985, 0.995, 1.0])  # of pixels by brightness: edges of its groups
FLARES = 5.0  # spreads above which a place is brighter than what backgrounds ought to know
RIM = np.ones((5, 5), np.uint8)  # what is so near to unknown pixels is not judged: the edge of a cut-out moves over it
TAIL, LEAST_FRAMES = 0.9, 10  # which of the highest of quiet frames tell the tail of a background, and of how many
TINY = 1e-6  # of a channel's scale: no spread is smaller


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class ExcessConfig(ModelConfig):
    """backgrounds: from how many to how many frames back, each; none reaches farther back than longest_s.

    signs: which changes count, of more light, of less or of both. blur_px: of the excess, a Gaussian's sigma.
    """

    backgrounds: Annotated[tuple[tuple[PositiveInt, PositiveInt], ...], Field(min_length=1)] = (
        (1, 4),
        (8, 24),
        (32, 96),
    )
    longest_s: Annotated[float, Field(gt=0)] = 3600.0
    blur_px: Annotated[float, Field(ge=0)] = 1.5
    signs: Literal["brightening", "dimming", "both"] = "both"

    @field_validator("backgrounds")
    @classmethod
    def _are_in_order(cls, value):
        if wrong := [reach for reach in value if reach[0] > reach[1]]:
            raise ValueError(
                f"{list(wrong[0])} ends before it begins; give [nearest, farthest] frames back, as [8, 24]"
            )
        return value


class Excess(Method):
    """Difference to medians of earlier frames, in spreads of the place: the largest of all backgrounds and channels.

    Over the nearest background quiet places flicker, over farther ones they hardly do: see `gains`.
    """

    Config: ClassVar[type[ModelConfig]] = ExcessConfig
    pictures_only = True

    @property
    def before(self) -> int:
        return max(far for _, far in self.settings.backgrounds)

    @property
    def looks_back(self) -> int:
        return max(super().looks_back, self.before)

    def fit(self, quiet: Sequence[QuietRange], seed: int) -> None:
        """Spreads of the excess over each background: of every place (K, C, H, W), and by brightness (K, C, 2, B)."""
        train = [r for r in quiet if r.side == "train"]
        step = noise_step(2 * sum(map(len, train)) * len(self.settings.backgrounds), train[0].reel.shape[2:])
        pieces = [piece for r in train for piece in r.pieces(BLOCK_FRAMES)]
        maps = [self._quiet_maps(piece)[:, :, ::step] for piece in pieces]
        background, excess = np.concatenate(maps, axis=2)  # (K, n, C, H, W)
        together = list(zip(background, excess, strict=True))
        curves = [[brightness_curve(b[:, c], e[:, c]) for c in range(e.shape[1])] for b, e in together]
        spreads = [spread_of(e) for e in excess]
        self.arrays = {"spread": np.stack(spreads).astype(np.float32), "by_brightness": np.array(curves, np.float32)}
        self.arrays["gain"] = gains(self._in_spreads(background, excess))

    def open(self, reel: Reel, begin: int, end: int) -> None:
        """Raises ValueError for a run of an older version, whose thresholds are of other scores."""
        if self.arrays and "gain" not in self.arrays:
            raise ValueError("this run of excess is of an older version, whose scores were others; train it anew")
        super().open(reel, begin, end)
        self.stretches = target_stretches(reel, self.scaling)
        self.used = [far * reel.cadence_s <= self.settings.longest_s for _, far in self.settings.backgrounds]
        self.used[0] = True
        self._since = np.array(np.inf)  # frames since a place has flared

    def context(self, reel: Reel, first: int, stop: int, begin: int, end: int) -> Block:
        """Frames before the stretch are unknown, and no mirror image of those behind: they would be of the future."""
        known = max(first - self.before, reel.begin_of(begin))
        frames, valid = self.read(reel, np.arange(known, stop))
        missing = ((known - first + self.before, 0), *((0, 0),) * 3)
        return np.pad(frames, missing), np.pad(valid, missing[:1] + missing[2:])

    def compare(self, frames: np.ndarray, valid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        flux, background, excess = self._excess(frames, valid)
        z = self._in_spreads(background, excess) * self.arrays["gain"][:, None, None, None, None]
        size = np.where(np.isfinite(z), self._of_signs(z), 0)  # (K, n, C, H, W)
        strongest = size.argmax(axis=0)[None]
        expected = np.take_along_axis(background, strongest, axis=0)[0]
        expected = np.where(np.isfinite(expected), expected, flux)
        return self._stretched(expected), np.maximum(size.max(axis=(0, 2)), 0).astype(np.float32)

    def _in_spreads(self, background: np.ndarray, excess: np.ndarray) -> np.ndarray:
        return excess / np.maximum(self.arrays["spread"][:, None], self._by_brightness(background))

    def _of_signs(self, z: np.ndarray) -> np.ndarray:
        """How much of z (K, n, C, H, W) counts. Less light counts over the background that reaches farthest back, and
        only where none has seen a flare: behind it all looks dark."""
        if self.settings.signs == "brightening":
            return z
        is_known = np.asarray(np.isfinite(z).any(axis=(2, 3, 4)))  # (K, n)
        slowest, darker = len(z) - 1 - is_known[::-1].argmax(axis=0), np.full_like(z, -np.inf)
        for i, k in enumerate(slowest.tolist()):
            flares = (np.nan_to_num(z[:, i]) > FLARES).any(axis=0)
            self._since = np.where(flares, 0, self._since + 1)
            darker[k, i] = np.where(self._since > self.before, -z[k, i], 0)
        return darker if self.settings.signs == "dimming" else np.maximum(z, darker)

    def _by_brightness(self, background: np.ndarray) -> np.ndarray:
        """The spread of what is as bright as the brightest near each place: (K, n, C, H, W).

        It goes with the loops when the Sun has turned since the quiet frames, and the spread of a place does not.
        """
        found = np.zeros_like(background)
        for k, i, c in np.ndindex(background.shape[:3]):
            near = cv2.dilate(np.nan_to_num(background[k, i, c]), np.ones((WIDER_PX, WIDER_PX), np.uint8))
            brightness, spread = self.arrays["by_brightness"][k, c]
            beyond = np.maximum(near / brightness[-1], 1) if brightness[-1] > 0 else 1  # brighter than any quiet place
            found[k, i, c] = np.interp(near, brightness, spread) * beyond
        return found

    def _quiet_maps(self, r: QuietRange) -> np.ndarray:
        """Each background, and the excess over it, in the frames of a range: (2, K, n, C, H, W), NaN unknown."""
        self.open(r.reel, r.begin, r.end)
        return np.stack(self._excess(*self.context(r.reel, r.begin, r.end, r.begin, r.end))[1:])

    def _excess(self, frames: np.ndarray, valid: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Flux (n, C, H, W) of the frames behind their context, its backgrounds and the excess over them (K, ...)."""
        flux = np.where(valid[:, None], self._flux(frames), np.nan)
        now = flux[self.before :]
        medians = [
            self._median(flux, *reach) if used else np.full_like(now, np.nan)
            for reach, used in zip(self.settings.backgrounds, self.used, strict=True)
        ]
        background = np.stack(medians)
        background, excess = (
            np.stack([[self._blurred(frame) for frame in of_one] for of_one in some])
            for some in (background, now - background)
        )
        return np.nan_to_num(now), background, excess

    def _median(self, flux: np.ndarray, near: int, far: int) -> np.ndarray:
        """Median over frames `near` to `far` before each frame behind the context, (n, C, H, W)."""
        back = np.linspace(near, far, 5).round().astype(int).tolist()
        return median_of_five(np.stack([flux[self.before - b : len(flux) - b] for b in back]))

    def _blurred(self, excess: np.ndarray) -> np.ndarray:
        """The mean (C, H, W) of known pixels around each, weighted by a Gaussian; NaN where not all are known."""
        if not self.settings.blur_px:
            return excess
        known = np.isfinite(excess)
        inner = np.stack([cv2.erode(c.astype(np.uint8), RIM) for c in known]) > 0
        sums, weights = (
            np.stack([cv2.GaussianBlur(c, (0, 0), self.settings.blur_px, borderType=cv2.BORDER_REFLECT) for c in some])
            for some in (np.where(known, excess, 0).astype(np.float32), known.astype(np.float32))
        )
        return np.where(inner, sums / np.maximum(weights, TINY), np.nan)

    def _flux(self, frames: np.ndarray) -> np.ndarray:
        return np.stack([s.inverse(frames[:, c]) for c, s in enumerate(self.stretches)], axis=1).astype(np.float32)

    def _stretched(self, flux: np.ndarray) -> np.ndarray:
        return np.stack([s.forward(flux[:, c]) for c, s in enumerate(self.stretches)], axis=1).astype(np.float32)


def median_of_five(values: np.ndarray) -> np.ndarray:
    """The median (...) of values (5, ...), NaN unknown: of three or four where others are unknown, NaN of fewer.

    Five are compared in pairs, all places at once, which takes a tenth of the time of sorting.
    """
    a, b, c, d, e = values
    a, b, d, e = np.minimum(a, b), np.maximum(a, b), np.minimum(d, e), np.maximum(d, e)
    d, b = np.maximum(a, d), np.minimum(b, e)  # the smallest and the largest of these four are out
    median = np.maximum(np.minimum(b, c), np.minimum(np.maximum(b, c), d))
    partly = np.isnan(median) & (np.isnan(values).sum(axis=0) <= 2)
    median[partly] = np.nanmedian(values[:, partly], axis=0)
    return median


def gains(z: np.ndarray) -> np.ndarray:
    """By how much each background's quiet excess in spreads (K, n, C, H, W), NaN unknown, is raised (K,) float32.

    The highest of a quiet frame is many spreads where places flicker, and few where they do not, so the largest of all
    backgrounds would hear the nearest one alone. Raised to the tail of that one, but by the root of what it takes: a
    far background has few independent quiet frames. 1 where there are fewer than LEAST_FRAMES, and never less.
    """
    highest = np.nan_to_num(z).max(axis=(2, 3, 4))
    tails = [np.quantile(k[k > 0], TAIL) if np.count_nonzero(k > 0) >= LEAST_FRAMES else np.nan for k in highest]
    return np.nan_to_num(np.sqrt(np.maximum(tails[0] / np.array(tails), 1)), nan=1.0).astype(np.float32)


def spread_of(maps: np.ndarray) -> np.ndarray:
    """The robust spread (C, H, W) of quiet excess maps (n, C, H, W): a MAD about 0, smooth, and at least the typical.

    A loop that flickers has moved by some pixels when its spread is used, and a dark place that hardly changes in the
    quiet data would else turn any spark into an event. NaN where no frame has a background.
    """
    known = np.isfinite(maps).any(axis=(0, 1))
    if not known.any():
        return np.full(maps.shape[1:], np.nan)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of places that were never seen
        spread = MAD_TO_STD * np.nanmedian(np.abs(maps), axis=0)
    typical = np.nanmedian(spread[:, known], axis=1)[:, None, None]
    filled = np.where(np.isfinite(spread), spread, typical)
    smooth = [ndimage.maximum_filter(ndimage.median_filter(c, SMOOTH_PX), WIDER_PX) for c in filled]
    return np.maximum(np.stack(smooth), np.maximum(typical, TINY))


def brightness_curve(background: np.ndarray, excess: np.ndarray) -> np.ndarray:
    """The robust spread of quiet excess by the brightness before it, maps (n, H, W): brightness and spread (2, B).

    What is brighter never has a smaller one. All 0 but the brightness where nothing is known.
    """
    known = np.isfinite(background) & np.isfinite(excess)
    if known.sum() < len(SHARES):
        return np.stack([np.arange(1.0, len(SHARES)), np.zeros(len(SHARES) - 1)])
    values, sizes = background[known], np.abs(excess[known])
    edges = np.quantile(values, SHARES)
    group = np.searchsorted(edges[1:-1], values, side="right")
    of_group = [(group == g) for g in range(len(SHARES) - 1)]
    spread = [MAD_TO_STD * np.median(sizes[some]) if some.any() else 0.0 for some in of_group]
    return np.stack([(edges[:-1] + edges[1:]) / 2, np.maximum.accumulate(spread)])
