"""The contract of every scorer: what gives every frame of a reel a residual, a trained net or a method.

Everything behind it (each pixel's noise, thresholds, boxes, events, movie, report) is the same for all, and asks no
scorer which kind it is.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from config import Config, EvalConfig
from data.messages import logger
from data.reel.cadence import TELLING, are_alike
from data.reel.contract import AnyReel
from data.reel.reel import Reel
from data.reel.scaled import going_across, read_scaled, units_told, with_variables
from data.reel.stretch import Stretch
from inference.calibration.noise import LEAST_SPREAD
from inference.calibration.quiet.ranges import QuietRange
from inference.calibration.tail import TailPrior
from inference.calibration.thresholds import Calibration
from inference.scorers.nets.residual import Samples, ScoredFrame, settings_for
from inference.scorers.nets.windows import scored_stretches
from inference.zones import check_zones

log = logger(__name__)

LEAST_LEVELS = 0.05  # of what smoothing leaves of a grey level in one pixel (0.16), a third


class Reach(NamedTuple):
    """How far the score of a sample of a series looks.

    before, after: samples that it depends on. A part of a stretch has the scores of the whole one, but so near to its
    ends, where it begins a multiple of `step` samples behind the stretch's begin and is at least `least` samples long.
    """

    before: int
    after: int
    step: int = 1
    least: int = 1

    def widened(self, samples: int) -> "Reach":
        """By what looks so many samples to both sides."""
        return self._replace(before=max(self.before, samples), after=max(self.after, samples))


class Portable(NamedTuple):
    """What of a scorer leaves PyTorch.

    net: a module of PyTorch that takes windows (B, *shape) float32; None of a scorer that has none. answers: the frames
    of a window that it answers for. arrays: all else that was fitted. shown: of quiet ranges, what the net is given,
    (B, *shape), in training frames all over them; None where it can compute in nothing but float32. outputs: what the
    net gives. is_promised: whether its thresholds are from the run's quiet frames; else its scores say by themselves
    what counts. parts: in place of a net several, by name. quiet: writes quiet data as a reel, where the run has none
    and was trained on no reel. jumps: the share of scores that may jump because a net chooses by comparing.
    """

    net: Any
    shape: tuple[int, ...]
    answers: slice
    arrays: dict[str, np.ndarray]
    shown: Callable[[Sequence[QuietRange]], Iterator[np.ndarray]] | None = None
    outputs: tuple[str, ...] = ("reconstruction",)
    is_promised: bool = True
    parts: Mapping[str, Any] = MappingProxyType({})
    quiet: Callable[[Path], Reel] | None = None
    jumps: float = 0.0

    @property
    def described(self) -> str:
        """What of a net leaves PyTorch, in words."""
        if self.parts:
            return f"{len(self.parts)} nets for series of any length"
        of_windows = f"a net for windows of [channels, frames, height, width] {list(self.shape)}"
        return "what was fitted (the method has no net)" if self.net is None else of_windows


FramesOf = Callable[[Reel, int, int, EvalConfig], Iterator[ScoredFrame]]  # as `Scorer.frames`


class Scorer(ABC):
    """A fitted scorer. A subclass gives `frames`, `prepare` and `calibration`; the rest is as most have it.

    clip_length: shorter stretches get no score. scaling: by channel, of the frames it works on.
    """

    amp = "auto"  # of a net: in a shorter precision where the hardware is fast in it; "off": in single precision
    judges_reels_together = False  # by their windows (`judge_windows`), and scores no frame
    any_channels = False  # whether it takes reels of other channels than it was trained on
    is_steady = False  # whether it takes the camera's motion off itself
    own_unit = False  # whether its residual means the same at every place, and asks for no noise of its own
    in_scatters = False  # whether a common mode leaves its residual in units of the frame's own scatter
    by_place = False  # whether what a place does is in units of its own: then one place that stands out can be told
    are_promised = True  # whether its thresholds promise so many false alarms; else scores say what counts
    blind_frames = 0  # of every stretch: the first ones, of which it says nothing; they are no quiet time
    any_cadence = False  # and of any cadence: no motion and no change from frame to frame is in its scores

    def __init__(self, clip_length: int, scaling: dict[str, Stretch]):
        self.clip_length, self.scaling = clip_length, scaling

    @abstractmethod
    def frames(self, reel: Reel, begin: int, end: int, settings: EvalConfig) -> Iterator[ScoredFrame]:
        """Every frame of the stretch [begin, end), in time order, as a stream."""

    def cuts(self, reel: Reel, begin: int, end: int, settings: EvalConfig) -> list[int]:
        """Frames inside of the stretch [begin, end) where it may be cut, so that `part` gives the very frames of the
        whole; none where a score depends on all that came before.
        """
        return []

    def part(
        self, reel: Reel, begin: int, end: int, first: int, last: int, settings: EvalConfig
    ) -> Iterator[ScoredFrame]:
        """The frames [first, last) of the stretch [begin, end), between two of its ends and cuts, bit by bit as
        `frames` gives them."""
        assert (first, last) == (begin, end)
        return self.frames(reel, begin, end, settings)

    def shown(self, reel: Reel, index: int) -> tuple[np.ndarray, np.ndarray]:
        """A frame (C, H, W) as it is in a `ScoredFrame`, and its valid pixels (H, W)."""
        frames, valid = read_scaled(reel, index, index + 1, self.scaling)
        return frames[0], valid[0]

    @property
    def quantum(self) -> float:
        """What one grey level is in stretched values; 0 where values are no levels."""
        return max((stretch.quantum for stretch in self.scaling.values()), default=0.0)

    def least_noise(self, settings: EvalConfig) -> float:
        """The least spread of a place's residual: LEAST_LEVELS grey levels, finer than which nothing is known."""
        unit = 1.0 if self.in_scatters and settings.common_mode else self.quantum
        return max(LEAST_LEVELS * unit, LEAST_SPREAD) if self.quantum else LEAST_SPREAD

    def settings_on(self, reel: Reel, settings: EvalConfig) -> EvalConfig:
        """The settings by which it scores a reel: what has a unit of its own is not measured by each pixel's noise."""
        settings = settings_for(settings, reel)
        is_measured = settings.score == "standardised" and self.own_unit
        return replace(settings, score="residual") if is_measured else settings

    @abstractmethod
    def prepare(self, run: Path, trained: Config) -> list[Reel]:
        """After training: keep in the run what scores are compared with, from the data that `trained` names.

        Returns a reel of each kind that wants a calibration at once; none where what was kept is all.
        """

    def is_prepared(self, run: Path) -> bool:
        """Whether `prepare` has been called for a run: not where its training was interrupted."""
        return True

    @abstractmethod
    def calibration(self, run: Path, reel: Reel, settings: EvalConfig) -> Calibration:
        """What turns residuals of this reel into scores and thresholds, made now if the run has none.

        Raises FileNotFoundError for a run that was never prepared.
        """

    @property
    def tail_prior(self) -> TailPrior | None:
        """What its scores reach in any scene, where that is known: thresholds from seconds of quiet data lean on it."""
        return None

    def folds(self, quiet: Sequence[QuietRange]) -> "list[Fold]":
        """The quiet ranges, each with a scorer for it; a net is fitted once: only validation frames are new to it."""
        return [Fold(self, [r for r in quiet if r.side == side], is_new=side == "val") for side in ("train", "val")]

    def samples(self, reel: Reel, begin: int, end: int, settings: EvalConfig) -> Samples:
        """All samples of the stretch [begin, end) of a series; what was not measured says nothing.

        Raises ValueError where every variable is to have its own events and the scorer does not tell them apart.
        """
        found = self.stretch(reel, begin, end, settings)
        if found.residual.shape[1] == reel.shape[1]:
            scored = np.isfinite(found.residual[:, :, 0])
            for residual in (found.residual, found.placed):
                if residual is not None:
                    residual[reel.missing[begin:end] & scored] = 0
        elif settings.combine == "each":
            raise ValueError(
                "eval.combine each needs a score for every variable, and this method gives one for all together; "
                "choose a net with eval.score standardised, window_pca or difference, or another eval.combine"
            )
        return found

    def stretch(self, reel: Reel, begin: int, end: int, settings: EvalConfig) -> Samples:
        """A stretch of a series as arrays; here one sample by one, better all at once."""
        frames = list(self.frames(reel, begin, end, settings))
        residual = np.full((end - begin, len(frames[0].residual) if frames else 1, 1), np.nan, np.float32)
        valid = np.zeros(end - begin, bool)
        for frame in frames:
            residual[frame.index - begin], valid[frame.index - begin] = frame.residual, frame.valid[0, 0]
        return Samples(residual, valid)

    def again(self, reel: Reel, first: int, last: int, settings: EvalConfig) -> Iterator[ScoredFrame] | None:
        """The frames first..last as they were scored, with what was expected; None where they take a whole stretch."""
        return None

    @property
    def no_stream(self) -> str:
        """Why it can't follow a stream; empty where it can."""
        return ""

    def reach(self, settings: EvalConfig) -> Reach | None:
        """How far the scores of a series look; None where that is no bounded part of it, so that none can be followed
        while it grows."""
        return None

    @property
    def looks_back(self) -> int:
        """Of one that works block by block: frames before a block that it reads with it at most."""
        return 0

    def at_once(self, settings: EvalConfig) -> int:
        """The most frames that it reads at a time."""
        return self.clip_length

    bundled_as = ""  # how a bundle makes it again, a key of `inference.runner.scorers.MAKERS`

    def portable(self, frame_shape: tuple[int, ...]) -> Portable:
        """What a bundle keeps of it, for frames of shape (C, H, W).

        Raises ValueError, which says why, for a scorer that can't leave PyTorch.
        """
        raise ValueError("it is not scored by what a net reconstructs; only eval.score standardised and residual are")

    def extras(self, out: Path, run: Path, reel: Reel, settings: EvalConfig, seed: int) -> dict[str, Any]:
        """Write what it has to tell beyond scores to the folder `out`; returns its part of summary.json."""
        return {}

    def judge_windows(self, config: Config, run: Path, facts: dict[str, Any]) -> list[Path] | None:
        """Of a model that judges windows and scores no frame: its results on all reels, written. None of others.

        facts: of the data that it was trained on.
        """
        return None


class Fold(NamedTuple):
    """Quiet ranges, a scorer for them, and whether it was fitted without them."""

    scorer: Scorer
    ranges: list[QuietRange]
    is_new: bool


def score_reel(scorer: Scorer, reel: Reel, settings: EvalConfig) -> Iterator[ScoredFrame]:
    """Every frame of a reel that can be scored, in time order."""
    for begin, end in scored_stretches(reel, scorer.clip_length):
        yield from scorer.frames(reel, begin, end, settings)


def for_model(reel: Reel, facts: dict[str, Any], scorer: Scorer) -> Reel:
    """A reel with the variables that a model was trained on, in their order, whose windows go across gaps as those of
    its training did; itself of what is no series.

    facts: of the data that it was trained on. Raises ValueError where some of these are missing.
    """
    reel = going_across(reel, facts)
    names = list(facts.get("scaling", ()))
    is_known = len(names) == facts["frame_shape"][0]  # reels of unlike names have trained it together, or none has
    is_of_series = tuple(facts["frame_shape"][1:]) == (1, 1)
    return with_variables(reel, names) if is_known and is_of_series and not scorer.any_channels else reel


def check_reel(reel: Reel, facts: dict[str, Any], scorer: Scorer, settings: EvalConfig) -> None:
    """Refuse a reel whose frames have another form or cadence than those the model was trained on, and zones that
    would count for nothing.

    facts: of the data that it was trained on. With eval.any_cadence another cadence is a warning.
    """
    check_zones(settings.zones, reel, scorer.are_promised)
    expected, found = list(facts["frame_shape"]), list(reel.shape[1:])
    if scorer.any_channels:
        expected[0] = found[0]
    if expected[1:] != found[1:] and [1, 1] in (expected[1:], found[1:]):
        here, there = ("a series", "pictures") if reel.is_series else ("pictures", "series")
        raise ValueError(
            f"reel {reel.name} holds {here}, and the model was trained on {there}; give --data-clips or --model-path "
            "of the same kind, or make light curves of pictures with prep.light_curves"
        )
    ways = [f"prep.resize [{expected[1]}, {expected[2]}]"] if expected[1:] != found[1:] else []
    ways += ["as many channels (prep.channels, prep.colour or prep.value_columns)"] if expected[0] != found[0] else []
    if ways:
        raise ValueError(
            f"reel {reel.name} has frames of [channels, height, width] {found}, the model was trained on {expected}; "
            f"prepare it with {' and '.join(ways)}"
        )
    for told in units_told(reel, scorer.scaling):
        log.warning(f"{reel.name}: {told}")
    if len(reel) < max(scorer.clip_length, TELLING):
        return  # it gets no score, or its frames are too few to tell a cadence
    if (unlike := other_cadence(reel, facts, scorer)) and not settings.any_cadence:
        raise ValueError(
            f"{unlike}; prepare a reel that has about as many frames a second, train on reels like this one, or let it "
            "pass with eval.any_cadence=true"
        )
    if unlike:
        log.warning(unlike)


def other_cadence(reel: AnyReel, facts: dict[str, Any], scorer: Scorer) -> str:
    """What a reel's cadence does to a scorer that was trained on another one; empty where it is about the same.

    Between the cadences of reels that it was trained on, all are the same.
    """
    if scorer.any_cadence or "cadence_s" not in facts:  # runs from before don't know theirs
        return ""
    shortest_s, longest_s = facts["cadence_s"]
    nearest_s = min(max(reel.cadence_s, shortest_s), longest_s)
    if are_alike(reel.cadence_s, nearest_s):
        return ""
    trained = f"{shortest_s:g} s" if shortest_s == longest_s else f"{shortest_s:g} to {longest_s:g} s"
    return (
        f"reel {reel.name} has a frame every {reel.cadence_s:g} s, and the model was trained on one every {trained}: "
        f"what moves or changes looks {reel.cadence_s / nearest_s:.3g} times as fast to it as it is"
    )
