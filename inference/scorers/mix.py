"""Several scores as one: each turned into how rare it is in quiet data, then averaged.

Reconstruction errors, distances of latents and speeds have units of their own. Rarity has none: a score's surprise is
-log10 of the share of quiet validation pixels that reach it, so that 3 means one pixel in a thousand, for every part.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np

from config import EvalConfig
from data.disk.damage import AGAIN, arrays_of
from data.disk.sealing import write_arrays
from data.reel.reel import Reel
from inference.calibration.noise import NoiseModel, fit_noise, fit_series_noise, noise_step
from inference.calibration.quiet import QuietRange
from inference.evidence.rarity import Rarity, fit_rarity
from inference.scorers.base import Scorer
from inference.scorers.nets.net import Detector, OfDetector
from inference.scorers.nets.residual import Samples, ScoredFrame

SAMPLE_PIXELS = 2_000_000


@dataclass(frozen=True)
class Part:
    """A scorer with its own quiet noise and the rarity of its scores."""

    scorer: Scorer
    noise: NoiseModel
    rarity: Rarity

    def surprise(self, residual: np.ndarray) -> np.ndarray:
        return self.rarity(self.noise.standardise(residual))


class MixScorer(OfDetector):
    """The mean surprise of several scorers; frame and reconstruction are those of the first."""

    @property
    def no_stream(self) -> str:
        return "--follow can't score by a mix; choose eval.score standardised or residual"

    def __init__(self, detector: Detector, parts: Sequence[Part]):
        super().__init__(detector)
        self.parts = parts

    def frames(self, reel: Reel, begin: int, end: int, settings: EvalConfig) -> Iterator[ScoredFrame]:
        """Every frame of the stretch [begin, end) that all parts score, in time order."""
        streams = [part.scorer.frames(reel, begin, end, settings) for part in self.parts]
        for together in in_step(streams):
            surprises = [part.surprise(f.residual) for part, f in zip(self.parts, together, strict=True)]
            residual = np.where(together[0].valid, sum(surprises) / len(surprises), np.float32(0))
            yield replace(together[0], residual=residual.astype(np.float32))

    def stretch(self, reel: Reel, begin: int, end: int, settings: EvalConfig) -> Samples:
        """A stretch of a series; a part may score variables one by one, another all together."""
        alone = replace(settings, plain_evidence=0.0)  # the mix has it beside all of them
        found = [part.scorer.samples(reel, begin, end, alone) for part in self.parts]
        surprises = [part.surprise(samples.residual) for part, samples in zip(self.parts, found, strict=True)]
        valid = np.logical_and.reduce([samples.valid for samples in found])
        return Samples(np.where(valid[:, None, None], sum(surprises) / len(surprises), 0), valid)


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
    """A part of a mix, kept in `path`: noise from all quiet frames, rarity from those that validate."""
    if not path.is_file():
        noise, values = measure(scorer, quiet, settings)
        rarity = fit_rarity(noise.standardise(values).ravel())
        kept = {"scores": rarity.scores, "surprises": rarity.surprises}
        write_arrays(path, mean=noise.mean, spread=noise.spread, **kept)
    with arrays_of(path, AGAIN) as saved:
        noise = NoiseModel(saved["mean"], saved["spread"])
        return Part(scorer, noise, Rarity(saved["scores"], saved["surprises"]))


def measure(scorer: Scorer, quiet: Sequence[QuietRange], settings: EvalConfig) -> tuple[NoiseModel, np.ndarray]:
    """Noise of all quiet frames, and some of the residual maps (n, H, W) of validation frames."""
    if quiet[0].reel.is_series:
        found = [(r.side, scorer.samples(r.reel, r.begin, r.end, settings)) for r in quiet]
        noise = fit_series_noise(np.concatenate([samples.quiet for _, samples in found]))
        return noise, np.concatenate([samples.quiet for side, samples in found if side == "val"])
    kept: list[np.ndarray] = []  # of validation frames
    sample: list[np.ndarray] = []  # of all
    shape = quiet[0].reel.shape[2:]
    step = max(1, sum(len(r) for r in quiet if r.side == "val") // max(1, SAMPLE_PIXELS // int(np.prod(shape))))
    noise_every = noise_step(sum(map(len, quiet)), shape)
    for r in quiet:
        for n, frame in enumerate(scorer.frames(r.reel, r.begin, r.end, settings)):
            if r.side == "val" and n % step == 0:
                kept.append(frame.residual)
            if n % noise_every == 0:
                sample.append(frame.residual)
    return fit_noise(np.stack(sample)), np.stack(kept)
