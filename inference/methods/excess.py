"""Excess flux: how far a place is above (or below) the frames before, in linear units and in its own quiet spreads.

A flare adds light, and what it adds is the same whatever was bright before it: values that are nearly logarithms would
hide it on a bright loop and blow up the dark. What is compared with are medians of earlier frames at several distances,
so that a fast rise and a slow one both stand out, and a flare does not lift its own background at once. Earlier frames
are turned with the Sun, which moves as much in half an hour as a flare is wide; and small and wide flares have a
smoothing each.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Annotated, ClassVar, Literal

import cv2
import numpy as np
from pydantic import Field, field_validator
from pydantic.dataclasses import dataclass

from config import ModelConfig
from config.fields import STRICT, NonNegative, PositiveInt
from data.reel.reel import Reel
from data.reel.scaled import target_stretches
from inference.calibration.quiet.ranges import QuietRange, mean_cadence_s
from inference.calibration.tail import TailPrior
from inference.methods.base import BLOCK_FRAMES, Block, Method
from inference.methods.flux.blurred import RIM, blurred
from inference.methods.flux.carried import Carried, Moment, as_known, middle_of, moments_of, places_of
from inference.methods.flux.earlier import LEAST_KNOWN, Earlier, frames_back
from inference.methods.flux.exposures import Exposures, exposures_of, noise_by_brightness, sharp, usual_exposure
from inference.methods.flux.frame_noise import is_noisy, wider_by
from inference.methods.flux.held_back import with_held_back
from inference.methods.flux.light import Step, step_between
from inference.methods.flux.past import Past
from inference.methods.flux.spreads import (
    brightest_near,
    brightness_curve,
    gains,
    interpolated,
    spread_of,
    strangeness,
    typical_of,
)
from inference.methods.flux.turning import Turning
from inference.units import DAY_S, HOUR_S, is_magnetic, is_signed, is_velocity

BACKGROUNDS = (1, 4), (3, 9), (8, 24), (32, 96)
FLARES = 5.0  # spreads above which a place is brighter than what backgrounds ought to know
FIT_FRAMES, FIT_BYTES = 400, 2**30  # at most, that the spreads of places are from
RULE = 7  # by which scores are made: those of another one are not those that a run's thresholds are of
BLOCK_BYTES = 2**25  # of frames that are worked on at once
# How far back backgrounds reach at most: the corona changes within an hour; magnetic flux takes hours to emerge.
LONGEST_S, LONGEST_MAGNETIC_S = HOUR_S, 6 * HOUR_S
# Of the tail: the unit in s and the shape by which quiet Suns reach 6 spreads ten times a day and 14 once; the frames
# of quiet data that this is worth; and the commonest of these rates. What comes ten times an hour is in any frame.
PRIOR_UNIT_S, PRIOR_SHAPE, PRIOR_FRAMES, PRIOR_MOST_PER_S = 46.0, 0.35, 30, 10 / DAY_S


@dataclass(frozen=True, config=STRICT)
class ExcessConfig(ModelConfig):
    """backgrounds: from how many to how many frames back, each; none reaches farther back than longest_s, which is an
    hour, and six in units of a magnetic field, where it is not given.

    signs: which changes count, of more light, of less or of both. blur_px: of the excess, a Gaussian's sigma, one or
    several: the largest counts.
    """

    backgrounds: Annotated[tuple[tuple[PositiveInt, PositiveInt], ...], Field(min_length=1)] = BACKGROUNDS
    longest_s: Annotated[float, Field(gt=0)] | None = None
    blur_px: NonNegative | Annotated[tuple[NonNegative, ...], Field(min_length=1)] = (1.5, 3.0)
    signs: Literal["brightening", "dimming", "both"] = "both"

    @field_validator("backgrounds")
    @classmethod
    def _are_in_order(cls, value):
        if wrong := [reach for reach in value if reach[0] > reach[1]]:
            raise ValueError(
                f"{list(wrong[0])} ends before it begins; give [nearest, farthest] frames back, as [8, 24]"
            )
        return value

    @property
    def blurs_px(self) -> list[float]:
        return np.atleast_1d(self.blur_px).tolist()


class Excess(Method):
    """Difference to medians of earlier frames, in spreads of the place: the largest of all backgrounds, smoothings and
    channels. Frames of shorter exposures than the quiet ones' have wider spreads, see `Exposures`. Velocities are those
    against the frame's median: the observer's own motion, which changes within minutes, is in all of a Dopplergram.

    A background and a smoothing make one of K excesses, all backgrounds for the first smoothing coming first. Over the
    nearest background quiet places flicker, over farther ones they hardly do: see `gains`.
    """

    Config: ClassVar[type[ModelConfig]] = ExcessConfig
    pictures_only = by_place = own_unit = True
    _past: Past | None = None  # of the places of the reel that was opened
    _level: np.ndarray = np.zeros((1, 1, 1), np.float32)  # of the latest frame, (C, 1, 1)
    _is_untold = False  # whether the exposure of the latest frame is not told
    _is_same: np.ndarray  # (B, C, H, W): where it is its background to the last bit
    _apart: list[np.ndarray | None]  # B of (C, H, W), see `Earlier.apart`

    @property
    def reach(self) -> int:
        return max(far for _, far in self.settings.backgrounds)

    @property
    def looks_back(self) -> int:
        return max(super().looks_back, self.reach)

    @property
    def blind_frames(self) -> int:
        return min(frames_back(*reach)[LEAST_KNOWN - 1] for reach in self.settings.backgrounds)

    @property
    def tail_prior(self) -> TailPrior | None:
        """How high quiet Suns get, in spreads, of whatever cadence; None of runs of before, which kept no cadence."""
        if "cadence_s" not in self.arrays:
            return None
        span_s = PRIOR_FRAMES * float(self.arrays["cadence_s"])
        return TailPrior(PRIOR_UNIT_S, PRIOR_SHAPE, span_s, most_per_s=PRIOR_MOST_PER_S)

    def block_frames(self, reel: Reel) -> int:
        frame_bytes = 4 * int(np.prod(reel.shape[1:]))
        return int(np.clip(BLOCK_BYTES // frame_bytes, 1, BLOCK_FRAMES))

    def fit(self, quiet: Sequence[QuietRange], seed: int) -> None:
        """Spreads of the K excesses: typical (K, C, 1, 1), by the brightness before (K, C, 2, B), and of every place
        (K, C, H, W), as places are at the moment in the middle of all."""
        train = [r for r in quiet if r.side == "train"]
        reel, many = train[0].reel, len(self.settings.backgrounds) * (len(self.settings.blurs_px) + 1) + 1
        most = min(FIT_FRAMES, max(8, FIT_BYTES // (4 * many * int(np.prod(reel.shape[1:])))))
        step = -(-sum(map(len, train)) // most)
        self.arrays["longest_s"] = np.array(self._longest_s(reel))
        self.arrays["is_velocity"] = np.array(is_velocity(reel))
        self.arrays["is_signed"] = np.array(is_signed(reel))
        background, excess, sharp_parts, moments = self._sampled(train, step)  # (B, n, C, H, W), (K, ...), (n, C, H, W)
        over = [background[k % len(background)] for k in range(len(excess))]
        curves = [
            [brightness_curve(b[:, c], e[:, c]) for c in range(e.shape[1])] for b, e in zip(over, excess, strict=True)
        ]
        self.arrays["by_brightness"] = np.array(curves, np.float32)
        self.arrays["typical"] = np.stack([typical_of(e) for e in excess]).astype(np.float32)
        middle = middle_of(train)
        then = [places_of(middle, m, background.shape[-2:]) if middle and m else None for m in moments]
        self.arrays["spread"] = np.stack([spread_of(as_known(e, then)) for e in excess]).astype(np.float32)
        if middle:
            self.arrays["known"] = np.array([*middle.wcs, middle.at_s])
        self.arrays["noise"] = noise_by_brightness(background[0], sharp_parts)
        exptime_s = [exposures_of(r.reel, r.begin, r.end) for r in train]
        self.arrays["exptime_s"] = np.array(usual_exposure(np.concatenate(exptime_s)))
        self.arrays["cadence_s"] = np.array(mean_cadence_s(train))
        self.arrays["rule"] = np.array(RULE)
        self._learn_tails(background, excess, moments)

    def _learn_tails(self, background: np.ndarray, excess: np.ndarray, moments: list[Moment | None]) -> None:
        """What the highest of quiet frames say: how much wider strange places are, and the gains of the K excesses."""
        self._carried, self.arrays["strange"] = self._of_known(), np.ones(len(excess), np.float32)
        self._past = self._new_past()
        highest = []
        for i, self._moment in enumerate(moments):
            by_brightness = self._by_brightness(background[:, i])
            both = self._spreads(by_brightness), by_brightness
            highest.append([np.nan_to_num(excess[:, i] / spread).max(axis=(1, 2, 3)) for spread in both])
        self._past = None
        known, strange = np.array(highest).transpose(1, 2, 0)  # (K, n) each
        self.arrays["strange"], self.arrays["gains"] = strangeness(known, strange), gains(known)

    def _of_known(self) -> Carried | None:
        known = self.arrays.get("known")
        return None if known is None else Carried(Moment(known[:-1], float(known[-1])), self.arrays["spread"])

    def _sampled(
        self, ranges: Sequence[QuietRange], step: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[Moment | None]]:
        """Every so many frames of what `_compared` gives, one behind the other, their noise, and when they are from."""
        count, shape = -(-sum(map(len, ranges)) // step), ranges[0].reel.shape[1:]
        backgrounds, blurs = len(self.settings.backgrounds), len(self.settings.blurs_px)
        background = np.empty((backgrounds, count, *shape), np.float32)
        excess = np.empty((backgrounds * blurs, count, *shape), np.float32)
        sharp_parts = np.full((count, *shape), np.nan, np.float32)
        moments: list[Moment | None] = []
        for number, found in enumerate(self._of_ranges(ranges)):
            if number % step == 0:
                background[:, number // step], excess[:, number // step] = found
                excess[:, number // step][np.tile(self._is_same, (blurs, 1, 1, 1))] = 0  # see `usual_of`
                if len(self.earlier.frames) > 1:
                    sharp_parts[number // step] = sharp(self.earlier.frames[-2], self.earlier.frames[-1])
                moments.append(self._moment)
        return background, excess, sharp_parts, moments

    def beside(self, k: int, parts: list[list[QuietRange]]) -> list[QuietRange]:
        """All other parts: backgrounds are of minutes, no drift is to be known, and few frames tell spreads badly."""
        return [r for number, part in enumerate(parts) if number != k for r in part]

    def _of_ranges(self, ranges: Sequence[QuietRange]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """What `_compared` gives of every frame of ranges, in order."""
        for r in ranges:
            self.open(r.reel, r.begin, r.end)
            if self.turning and "turning" not in self.arrays:
                self.arrays["turning"] = self.turning.speed
            for first in range(r.begin, r.end, size := self.block_frames(r.reel)):
                block = self.context(r.reel, first, min(first + size, r.end), r.begin, r.end)
                for frame, valid in zip(*block, strict=True):
                    self._moment = self._moments.popleft()
                    yield self._compared(self._flux(frame, valid))

    def open(self, reel: Reel, begin: int, end: int) -> None:
        """Raises ValueError for a run of an older version, whose thresholds are of other scores."""
        if "spread" in self.arrays and int(self.arrays.get("rule", 0)) != RULE:
            raise ValueError("this run of excess is of an older version, whose scores were others; train it anew")
        super().open(reel, begin, end)
        self.stretches = target_stretches(reel, self.scaling)
        longest_s = float(self.arrays.get("longest_s", self._longest_s(reel)))
        self.used = [far * reel.cadence_s <= longest_s for _, far in self.settings.backgrounds]
        self.used[0] = True
        reach = max(far for used, (_, far) in zip(self.used, self.settings.backgrounds, strict=True) if used)
        self.turning = Turning.of(reel, begin, min(begin + reach + 1, end))
        if self.turning is None and "turning" in self.arrays and not reel.shape[0]:
            self.turning = Turning(self.arrays["turning"])  # of what arrives, on the grid of the training reel
        self.earlier = Earlier(reach, reel.cadence_s, self.turning, bool(self.arrays.get("is_signed", False)))
        self._exposures = Exposures.of(self.arrays, reach)
        self._carried = self._of_known()
        if "strange" in self.arrays:
            self._past = (self._past or self._new_past()).of(str(reel.path), begin, self.looks_back)
        self._since = np.array(np.inf)  # frames since a place has flared
        self._step, self._steps = Step(), deque[bool](maxlen=reach + 1)  # of the light, of the latest frame and of all

    def _longest_s(self, reel: Reel) -> float:
        """How far back backgrounds reach at most in a run on such a reel."""
        usual = LONGEST_MAGNETIC_S if is_magnetic(reel) else LONGEST_S
        return self.settings.longest_s or usual

    def _new_past(self) -> Past:
        reach = [far for _, far in self.settings.backgrounds] * len(self.settings.blurs_px)
        return Past(self.arrays["strange"], reach)

    def context(self, reel: Reel, first: int, stop: int, begin: int, end: int) -> Block:
        """The frames [first, stop) alone: those before are known, or are taken in now where the stretch begins."""
        if not self.earlier.frames:
            known = max(first - self.earlier.reach, reel.begin_of(begin))
            for start in range(known, first, size := self.block_frames(reel)):
                block = self._with_facts(reel, start, min(start + size, first))
                for frame, valid in zip(*block, strict=True):
                    self._moment = self._moments.popleft()
                    self._push(self._flux(frame, valid))
        return self._with_facts(reel, first, stop)

    def _with_facts(self, reel: Reel, first: int, stop: int) -> Block:
        block = self.read(reel, np.arange(first, stop))
        self._moments, self._index = deque(moments_of(reel, first, stop)), first
        self._exptimes_s = deque(exposures_of(reel, first, stop).tolist())
        return block

    def compare(self, frames: np.ndarray, valid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        judged = [self._judged(self._flux(*of_one)) for of_one in zip(frames, valid, strict=True)]
        expected, errors = (np.stack(maps) for maps in zip(*judged, strict=True))
        return expected, errors

    def _judged(self, flux: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What was expected of the next frame (C, H, W), stretched, and by how many spreads it differs (H, W)."""
        self._moment = self._moments.popleft()
        background, excess = self._compared(flux)
        by_brightness = self._by_brightness(background)
        spreads, as_bright = (
            with_held_back(spread, self._apart, self.settings.backgrounds, self.used)
            for spread in self._of_exposures(background, self._spreads(by_brightness), by_brightness)
        )
        if any(self._steps) or (self._is_untold and is_noisy(excess[0], as_bright[0])):
            wider = wider_by(self.arrays["by_brightness"], background, excess)
            spreads, as_bright = spreads * wider, as_bright * wider
        if self._past and self._carried and self._moment:
            repeated = np.tile(self._is_same, (len(self.settings.blurs_px), 1, 1, 1))  # tells nothing, see `usual_of`
            self._past.add(np.where(repeated, np.float32(np.nan), excess / as_bright), self._moment, self._index)
        self._index += 1
        z = np.nan_to_num(excess / spreads) * self.arrays["gains"][:, None, None, None]
        size = self._of_signs(z)  # (K, C, H, W)
        strongest = size.argmax(axis=0)[None] % len(background)
        expected = np.take_along_axis(background, strongest, axis=0)[0]
        expected = np.where(np.isfinite(expected), self._step.done(expected), np.nan_to_num(flux))
        return self._stretched(expected + self._level), np.maximum(size.max(axis=(0, 1)), 0).astype(np.float32)

    def _compared(self, flux: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The next frame's backgrounds (B, C, H, W), smoothed least, and its excesses over them (K, C, H, W)."""
        self._push(flux)
        unknown, reaches = np.full_like(flux, np.nan), self.settings.backgrounds
        pairs = [
            (self.earlier.background(*reach), self.earlier.latest(reach[0])) if used else (unknown, unknown)
            for used, reach in zip(self.used, reaches, strict=True)
        ]
        self._is_same = np.stack([latest == b for b, latest in pairs])
        self._apart = [
            self.earlier.apart(*reach) if used else None for used, reach in zip(self.used, reaches, strict=True)
        ]
        background = [blurred(b, self.settings.blurs_px[0]) for b, _ in pairs]
        excess = [blurred(latest - b, blur_px) for blur_px in self.settings.blurs_px for b, latest in pairs]
        return np.stack(background), np.stack(excess)

    def _push(self, flux: np.ndarray) -> None:
        """Take in the next frame, in the light of those before where no exposure is told and it has jumped."""
        exptime_s, self._step = self._exptimes_s.popleft(), Step()
        self._is_untold = bool(np.isnan(exptime_s) and not self.arrays.get("is_signed", False))
        if self.earlier.frames and self._is_untold:
            self._step = step_between(self.earlier.frames[-1], flux)
        self._steps.append(self._step != Step())
        self._exposures.push(exptime_s)
        self.earlier.push(self._step.undone(flux), self._moment)

    def _spreads(self, by_brightness: np.ndarray) -> np.ndarray:
        """Quiet spreads (K, C, H, W) in the frame whose moment it is, from those by brightness alone.

        Those of places that quiet frames showed have turned with the Sun. Strange ones have those by brightness, wider
        by what quiet frames tell of places, and the reel's own frames so far of these.
        """
        if not (self._past and self._carried and self._moment):
            return np.maximum(self.arrays["spread"], by_brightness)
        there = self._carried.at(self._moment)
        wider = self._past.wider(self._moment, by_brightness.shape)
        return np.where(np.isfinite(there), np.maximum(there, by_brightness), by_brightness * wider)

    def _of_exposures(self, background: np.ndarray, *spreads: np.ndarray) -> Sequence[np.ndarray]:
        """Spreads (K, C, H, W) with what the exposures of the frames that are compared add to them."""
        if self._exposures.are_usual:
            return spreads
        shape = len(self.settings.blurs_px), *background.shape
        wider = [spread.reshape(shape).copy() for spread in spreads]
        for (s, blur_px), (b, (near, far)) in product(
            enumerate(self.settings.blurs_px), enumerate(self.settings.backgrounds)
        ):
            added = self._exposures.adds(background[b], near, far, blur_px)
            if added is not None:
                for spread in wider:
                    spread[s, b] = np.sqrt(np.square(spread[s, b]) + added)
        return [spread.reshape(-1, *shape[2:]) for spread in wider]

    def _by_brightness(self, background: np.ndarray) -> np.ndarray:
        """Quiet spreads (K, C, H, W) of what is as bright as the brightest near each place, at least the typical."""
        spread = np.empty((len(self.settings.blurs_px), *background.shape), np.float32)  # (S, B, C, H, W)
        for s, blur_px in enumerate(self.settings.blurs_px):
            curves = self.arrays["by_brightness"][s * len(background) :]
            for b, c in np.ndindex(background.shape[:2]):
                spread[s, b, c] = interpolated(brightest_near(background[b, c], blur_px), *curves[b, c])
        return np.maximum(self.arrays["typical"], spread.reshape(-1, *background.shape[1:]))

    def _of_signs(self, z: np.ndarray) -> np.ndarray:
        """How much of z (K, C, H, W) counts. Less light only counts where none has seen a flare among the frames that
        backgrounds are of: behind it all looks dark."""
        if self.settings.signs == "brightening":
            return z
        flares = np.stack([cv2.dilate(c.astype(np.uint8), RIM) for c in z.max(axis=0) > FLARES])  # and their shine
        self._since = np.where(flares > 0, 0, self._since + 1)
        darker = np.where(self._since > self.earlier.reach, -z, np.float32(0))
        return darker if self.settings.signs == "dimming" else np.maximum(z, darker)

    def _flux(self, frame: np.ndarray, valid: np.ndarray) -> np.ndarray:
        """Linear flux (C, H, W) float32, NaN unknown; velocities without the level that all of the frame shares."""
        flux = np.stack([s.inverse(c) for s, c in zip(self.stretches, frame, strict=True)]).astype(np.float32)
        flux = np.where(valid, flux, np.float32(np.nan))
        if not (self.arrays.get("is_velocity", False) and valid.any()):
            return flux
        self._level = np.nan_to_num(np.nanmedian(flux, axis=(1, 2), keepdims=True))
        return flux - self._level

    def _stretched(self, flux: np.ndarray) -> np.ndarray:
        return np.stack([s.forward(c) for s, c in zip(self.stretches, flux, strict=True)]).astype(np.float32)
