"""A run that is exported, and what of it goes into a bundle."""

from pathlib import Path

from config import Config, ConfigError
from data.reel.reel import Reel
from inference.calibration.quiet import quiet_ranges
from inference.camera.bounds import kept_bounds
from inference.job import Job, job_within
from inference.scorers.base import Scorer
from inference.scorers.load import load_scorer

EXPORTED = ("residual", "standardised")  # scores that are made of reconstructions


class Exported:
    """A run that is exported: its scorer in single precision, its checkpoint, and the frames that it keeps."""

    def __init__(self, run: Path, config: Config):
        if config.eval.score not in EXPORTED:
            raise ConfigError(f"export can't take eval.score {config.eval.score}; choose {' or '.join(EXPORTED)}")
        self.run, self.settings = run, config.eval
        self.scorer, self.checkpoint = load_scorer(run, "cpu", config.eval)
        try:
            self.portable = self.scorer.portable(tuple(self.checkpoint["data"]["frame_shape"]))
        except ValueError as error:
            name = self.checkpoint["config"]["model"].get("name", "")
            raise ValueError(f"{run} can't be exported: model {name}: {error}") from None
        if self.portable.net is None and config.export.precision != "fp32":
            raise ConfigError(f"export.precision {config.export.precision}: {run} has no net; choose fp32")
        self.ranges = quiet_ranges(run)

    @property
    def channels(self) -> list[list[str]]:
        """The sets of channels that the run has quiet frames of; last, empty, those that it has none of."""
        return [list(names) for names in dict.fromkeys(tuple(r.reel.channels) for r in self.ranges)] + [[]]

    def job(self, reel: Reel, scorer: Scorer) -> Job:
        bounds = kept_bounds(self.run, reel.channels, scorer.scaling)
        return job_within(bounds, reel, self.run, scorer, self.checkpoint["sha256"], self.settings)
