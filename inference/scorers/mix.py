"""Several scores as one: each turned into how rare it is among quiet frames that are new to it; the rarest counts.

Reconstruction errors, distances of latents and speeds have units of their own. Rarity has none: a score's surprise is
-log10 of the share of quiet frames whose highest reaches it, so that 2 means one frame in a hundred, for every part. Of
n parts the smallest probability counts, times n (Bonferroni): what one part alone sees is not thinned by the others.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from math import lcm
from pathlib import Path
from typing import Any

import numpy as np

from config import EvalConfig
from data.disk.damage import AGAIN, arrays_of
from data.disk.sealing import write_arrays
from data.reel.reel import Reel
from inference.calibration.noise import NoiseModel, detection_level, fit_noise, fit_series_noise, noise_step
from inference.calibration.quiet.ranges import QuietRange
from inference.evidence.rarity import Rarity, fit_rarity
from inference.scorers.base import Fold, Reach, Scorer
from inference.scorers.nets.residual import Samples, ScoredFrame, without_evidence
from inference.scorers.on_quiet import QuietScorer
from inference.scorers.streams import to_the_end


@dataclass(frozen=True)
class Part:
    """A scorer with its quiet noise and the rarity of its frames' highest scores.

    noises: that each of its folds is judged by, of the frames of the others; empty where all are judged by the same.
    """

    scorer: Scorer
    noise: NoiseModel
    rarity: Rarity
    noises: tuple[NoiseModel, ...] = ()

    def surprise(self, residual: np.ndarray) -> np.ndarray:
        return self.rarity(self.noise.standardise(residual))

    def of_fold(self, k: int, fold: Fold) -> "Part":
        return replace(self, scorer=fold.scorer, noise=self.noises[k] if self.noises else self.noise)


class MixScorer(QuietScorer):
    """The highest surprise of several scorers; frame and reconstruction are those of the first.

    host: the run's own net or method, which tells what there is beyond scores.
    """

    def __init__(self, host: Scorer, parts: Sequence[Part]):
        super().__init__(host.clip_length, host.scaling)
        self.host, self.parts = host, parts
        scorers = [part.scorer for part in parts]
        self.is_steady, self.any_cadence = (
            all(getattr(s, name) for s in scorers) for name in ("is_steady", "any_cadence")
        )
        self.blind_frames = max(s.blind_frames for s in scorers)

    @property
    def no_stream(self) -> str:
        return next((why for part in self.parts if (why := part.scorer.no_stream)), "")

    @property
    def looks_back(self) -> int:
        return max(part.scorer.looks_back for part in self.parts)

    def at_once(self, settings: EvalConfig) -> int:
        return sum(part.scorer.at_once(settings) for part in self.parts)

    def own_reach(self, settings: EvalConfig) -> Reach | None:
        reaches = [part.scorer.reach(without_evidence(settings)) for part in self.parts]
        known = [reach for reach in reaches if reach is not None]
        before, after, steps, least = (list(values) for values in zip(*known, strict=True)) if known else ([],) * 4
        return Reach(max(before), max(after), lcm(*steps), max(least)) if len(known) == len(reaches) else None

    def folds(self, quiet: Sequence[QuietRange]) -> list[Fold]:
        """Those of its parts where all are cut alike, as methods are; beside a net, which is fitted once, its own."""
        of_parts = [part.scorer.folds(quiet) for part in self.parts]
        if any(_places(folds) != _places(of_parts[0]) for folds in of_parts):
            return super().folds(quiet)
        found = []
        for k, together in enumerate(zip(*of_parts, strict=True)):
            parts = [part.of_fold(k, fold) for part, fold in zip(self.parts, together, strict=True)]
            found.append(
                Fold(MixScorer(self.host, parts), together[0].ranges, is_new=all(fold.is_new for fold in together))
            )
        return found

    def frames(self, reel: Reel, begin: int, end: int, settings: EvalConfig) -> Iterator[ScoredFrame]:
        """Every frame of the stretch [begin, end) that all parts score, in time order."""
        streams = [to_the_end(part.scorer, reel, begin, end, part_settings(settings)) for part in self.parts]
        for together in in_step(streams):
            surprises = [part.surprise(f.residual) for part, f in zip(self.parts, together, strict=True)]
            residual = np.where(together[0].valid, rarest(surprises), np.float32(0))
            told = together[int(np.argmax([s.max() for s in surprises]))].words
            yield replace(together[0], residual=residual.astype(np.float32), words=told)

    def stretch(self, reel: Reel, begin: int, end: int, settings: EvalConfig) -> Samples:
        """A stretch of a series; a part may score variables one by one, another all together."""
        alone = without_evidence(part_settings(settings))  # the mix has it beside all of them
        found = [part.scorer.samples(reel, begin, end, alone) for part in self.parts]
        surprises = [part.surprise(samples.residual) for part, samples in zip(self.parts, found, strict=True)]
        valid = np.logical_and.reduce([samples.valid for samples in found])
        return Samples(np.where(valid[:, None, None], rarest(surprises), np.float32(0)), valid)

    def extras(self, out: Path, run: Path, reel: Reel, settings: EvalConfig, seed: int) -> dict[str, Any]:
        return self.host.extras(out, run, reel, settings, seed)


def part_settings(settings: EvalConfig) -> EvalConfig:
    """Those that a part of a mix is scored with."""
    return replace(settings, score="standardised")


def rarest(surprises: Sequence[np.ndarray]) -> np.ndarray:
    """The smallest of n probabilities times n, as a surprise, at least 0; of arrays that broadcast to each other."""
    highest = surprises[0]
    for other in surprises[1:]:
        highest = np.maximum(highest, other)
    return np.maximum(highest - np.float32(np.log10(len(surprises))), np.float32(0))


def _places(folds: Sequence[Fold]) -> list[list[tuple[Path, int, int]]]:
    return [[(r.reel.path, r.begin, r.end) for r in fold.ranges] for fold in folds]


def in_step(streams: Sequence[Iterator[ScoredFrame]]) -> Iterator[list[ScoredFrame]]:
    """The frames that all streams hold, together; each stream is in time order."""
    current = [frame for stream in streams for frame in islice(stream, 1)]
    while len(current) == len(streams):  # none has ended
        latest = max(frame.index for frame in current)
        if all(frame.index == latest for frame in current):
            yield current
            latest += 1
        pairs = zip(streams, current, strict=True)
        current = [frame for s, f in pairs for frame in (islice(s, 1) if f.index < latest else [f])]


def load_or_fit(path: Path, scorer: Scorer, quiet: Sequence[QuietRange], settings: EvalConfig) -> Part:
    """A part of a mix, kept in `path`: noise and rarity from quiet frames that are new to the scorer's copies."""
    if not path.is_file():
        measured = measure_samples if quiet[0].reel.is_series else measure
        noises, rarity = measured(scorer, quiet, settings)
        kept = {"scores": rarity.scores, "surprises": rarity.surprises}
        mean, spread = (np.stack([getattr(noise, name) for noise in noises]) for name in ("mean", "spread"))
        write_arrays(path, mean=mean, spread=spread, **kept)
    with arrays_of(path, AGAIN) as saved:
        noise, *noises = (NoiseModel(*both) for both in zip(saved["mean"], saved["spread"], strict=True))
        return Part(scorer, noise, Rarity(saved["scores"], saved["surprises"]), tuple(noises))


def measure_samples(
    scorer: Scorer, quiet: Sequence[QuietRange], settings: EvalConfig
) -> tuple[list[NoiseModel], Rarity]:
    """Noise of the variables of a series from all quiet samples, and the rarity of new ones."""
    work = [(fold, r) for fold in scorer.folds(quiet) for r in fold.ranges]
    found = [(fold.is_new, fold.scorer.samples(r.reel, r.begin, r.end, settings).quiet) for fold, r in work]
    noise = fit_series_noise(np.concatenate([quiet for _, quiet in found]))
    return [noise], fit_rarity(noise.standardise(np.concatenate([q for is_new, q in found if is_new])).ravel())


def measure(scorer: Scorer, quiet: Sequence[QuietRange], settings: EvalConfig) -> tuple[list[NoiseModel], Rarity]:
    """The noise of all quiet frames, then that for each fold (of the other folds) where there are such; and the rarity
    of the highest score of each new frame. A scorer with a unit of its own needs no noise.
    """
    folds = scorer.folds(quiet)
    noises = [plain_noise(quiet[0].reel.shape[2:])] if scorer.own_unit else _noises(scorer, folds, quiet, settings)
    levels = []
    for k, fold in enumerate(folds):
        noise = noises[1 + k] if len(noises) > 1 else noises[0]
        for frame in _frames(fold, settings) if fold.is_new else ():
            score = noise.standardise(frame.residual)
            levels.append(detection_level(score, settings.min_area, settings.iou_thresh, ~frame.valid))
    return noises, fit_rarity(np.array(levels))


def plain_noise(shape: tuple[int, int]) -> NoiseModel:
    """What leaves a residual (H, W) as it is."""
    return NoiseModel(np.zeros(shape, np.float32), np.ones(shape, np.float32))


def _noises(
    scorer: Scorer, folds: Sequence[Fold], quiet: Sequence[QuietRange], settings: EvalConfig
) -> list[NoiseModel]:
    """Of all frames, and without those of each fold where all are new to who judges them."""
    every = noise_step(sum(map(len, quiet)), quiet[0].reel.shape[2:])
    samples = [[f.residual for f in islice(_frames(fold, settings), 0, None, every)] for fold in folds]
    parts = [[m for other in samples[:k] + samples[k + 1 :] for m in other] for k in range(len(folds))]
    least = scorer.least_noise(settings)
    cut = len(folds) > 1 and all(fold.is_new for fold in folds)
    together = [m for part in samples for m in part]
    return [fit_noise(np.stack(maps), least) for maps in (together, *(parts if cut else ()))]


def _frames(fold: Fold, settings: EvalConfig) -> Iterator[ScoredFrame]:
    return (frame for r in fold.ranges for frame in fold.scorer.frames(r.reel, r.begin, r.end, settings))
