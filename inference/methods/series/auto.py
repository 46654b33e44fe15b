"""The method for series that finds most anomalies planted into its own quiet data, where that is clear.

All are fitted on the training side; the anomalies are planted into the validation side, which none of them has seen.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from config import EvalConfig, ModelConfig
from data.messages import logger
from data.reel.reel import Reel
from inference.calibration.quiet.ranges import QuietRange
from inference.methods.series.base import SeriesMethod
from inference.methods.series.kmeans import KMeansDistance
from inference.methods.series.patches import Patches
from inference.methods.series.planted import Planted, planted
from inference.methods.series.sub_pca import SubPca
from inference.methods.series.window_pca import WindowPca
from inference.metrics.frame import average_precision
from inference.scorers.nets.residual import Samples, ScoredFrame

log = logger(__name__)

# The first is taken but where another is clearly better: it is the best on synthetic series (docs/results/series.md).
# None of them is blind to a whole kind of anomaly, as `matrix_profile` is to levels.
CANDIDATES: dict[str, type[SeriesMethod]] = {
    "sub_pca": SubPca,
    "patches": Patches,
    "kmeans": KMeansDistance,
    "window_pca": WindowPca,
}
CLEARLY = 2.0  # standard errors
COPIES = 24  # of the quiet samples, with an anomaly each
MOST_SAMPLES = 4096  # of quiet ones that anomalies are planted into
LEAST_WINDOWS, LEAST_SAMPLES = 3, 64  # in which they can be


class Auto(SeriesMethod):
    """The best of CANDIDATES, if it is clearly so.

    Arrays: its number, what each was found to be worth (NaN: not tried), and its own.
    """

    _chosen: SeriesMethod | None = None

    def fit(self, quiet: Sequence[QuietRange], seed: int) -> None:
        made = {name: self.made(name) for name in CANDIDATES}
        copies = self.copies([r for r in quiet if r.side == "val"], seed)
        for name in made if copies else list(made)[:1]:
            made[name].fit(quiet, seed)
        found = {name: np.array([precision(m, copy) for copy in copies]) for name, m in made.items()} if copies else {}
        best = clearly_best(found) if found else next(iter(made))
        worth = {name: float(found[name].mean()) if found else np.nan for name in made}
        self.keep(best, made[best].arrays, worth)
        log.info(f"model.name auto takes {self.why()}")

    def fit_again(self, before: "Auto", quiet: Sequence[QuietRange], seed: int) -> None:
        """The same choice: what another one set apart would count as well, and nothing would be quiet in the end."""
        name = before.chosen.settings.name
        method = self.made(name)
        method.fit(quiet, seed)
        self.keep(name, method.arrays, dict(zip(CANDIDATES, before.arrays["worth"].tolist(), strict=True)))

    def copies(self, held: Sequence[QuietRange], seed: int) -> list[Planted]:
        """The longest held-out stretch with an anomaly in each copy; none where it is too short."""
        longest = max(held, key=len, default=None)
        if longest is None or len(longest) < max(LEAST_WINDOWS * self.clip_length, LEAST_SAMPLES):
            return []
        end = min(longest.end, longest.begin + max(MOST_SAMPLES, LEAST_WINDOWS * self.clip_length))
        self.open(longest.reel, longest.begin, end)
        if not len(self.known):
            return []
        values, rng = self.interpolated(longest.reel, longest.begin, end), np.random.default_rng(seed)
        return [copy for copy in (planted(values, rng) for _ in range(COPIES)) if copy is not None]

    def made(self, name: str, arrays: dict[str, np.ndarray] | None = None) -> SeriesMethod:
        """A candidate, fitted with its arrays or not yet."""
        method = CANDIDATES[name](ModelConfig(name), arrays or {}, self.scaling, self.clip_length)
        method.device = self.device
        return method

    def keep(self, name: str, arrays: dict[str, np.ndarray], worth: dict[str, float]) -> None:
        """A choice, with the arrays of the chosen one."""
        own = {f"own.{key}": value for key, value in arrays.items()}
        number, found = list(CANDIDATES).index(name), [worth[candidate] for candidate in CANDIDATES]
        self.arrays = {"chosen": np.array([number]), "worth": np.array(found)} | own
        self._chosen = None

    @property
    def chosen(self) -> SeriesMethod:
        if self._chosen is None:
            own = {k.removeprefix("own."): v for k, v in self.arrays.items() if k.startswith("own.")}
            self._chosen = self.made(list(CANDIDATES)[int(self.arrays["chosen"][0])], own)
        return self._chosen

    @property
    def worth(self) -> dict[str, float]:
        """Average precision of those that were tried on planted anomalies, best first."""
        found = dict(zip(CANDIDATES, self.arrays["worth"].tolist(), strict=True))
        return dict(sorted(((k, v) for k, v in found.items() if np.isfinite(v)), key=lambda item: -item[1]))

    def why(self) -> str:
        name = self.chosen.settings.name
        if not self.worth:
            return f"{name}: less than {LEAST_WINDOWS} windows of validation data in a row, so nothing could be tried"
        listed = ", ".join(f"{tried} {value:.2f}" for tried, value in self.worth.items())
        reason = "none of them is clearly better" if name == next(iter(CANDIDATES)) else "it is clearly the best"
        return f"{name}: {reason} at anomalies planted into the validation data (average precision: {listed})"

    @property
    def guard(self) -> int:
        return self.chosen.guard

    def fitted_on(self, quiet: list[QuietRange]) -> "Auto":
        """The same choice, fitted on other quiet frames."""
        copy = Auto(self.settings, {}, self.scaling, self.clip_length)
        copy.device = self.device
        copy.fit_again(self, [replace(r, side="train") for r in quiet], seed=0)
        return copy

    def frames(self, reel: Reel, begin: int, end: int, settings: EvalConfig) -> Iterator[ScoredFrame]:
        return self.chosen.frames(reel, begin, end, settings)

    def stretch(self, reel: Reel, begin: int, end: int, settings: EvalConfig) -> Samples:
        return self.chosen.stretch(reel, begin, end, settings)

    def compare(self, frames: np.ndarray, valid: np.ndarray) -> tuple[np.ndarray | None, np.ndarray | None]:
        return self.chosen.compare(frames, valid)

    def extras(self, out: Path, run: Path, reel: Reel, settings: EvalConfig, seed: int) -> dict[str, Any]:
        return {"auto": {"chosen": self.chosen.settings.name, "planted_average_precision": self.worth}}


def clearly_best(found: dict[str, np.ndarray]) -> str:
    """The name of the best by its average precision on the copies (n,); the first but where it is clearly behind."""
    first = found[next(iter(found))]

    def lead(name: str) -> float:
        ahead = found[name] - first  # of the same copies
        return float(ahead.mean() - CLEARLY * ahead.std() / np.sqrt(len(ahead)))

    clear = [name for name in found if lead(name) > 0]
    return max(clear, key=lambda name: found[name].mean(), default=next(iter(found)))


def precision(method: SeriesMethod, copy: Planted) -> float:
    """Average precision of a method's scores on one copy, each variable in units of its own mean residual."""
    frames = copy.values[:, :, None, None]
    expected, errors = method.compare(frames, np.ones((len(frames), 1, 1), bool))
    residual = np.abs(frames - expected)[:, :, 0, 0] if errors is None else errors[:, :, 0]  # (n, K)
    unit = np.maximum(residual[~copy.labels].mean(axis=0), 1e-12)
    return average_precision(np.sqrt(np.square(residual / unit).mean(axis=1)), copy.labels.astype(np.float64)) or 0.0
