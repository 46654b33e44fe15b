"""A run that is exported, and what of it goes into a bundle."""

from pathlib import Path

from config import Config, ConfigError, ExportConfig, from_dict
from data.reel.reel import Reel, find_reels
from data.reel.scaled import in_one_order
from inference.calibration.quiet.ranges import QuietRange, quiet_ranges, ranges_of
from inference.camera.bounds import kept_bounds
from inference.export.parity import excerpt
from inference.job import Job, job_within
from inference.runner.engines.engine import Engine, engine_of
from inference.scorers.base import Scorer
from inference.scorers.load import load_scorer
from inference.scorers.nets.residual import row_by_row
from training.places import path_of

EXPORTED = ("residual", "standardised")  # scores that are made of reconstructions


class Exported:
    """A run that is exported: its scorer in single precision, its checkpoint, and the frames that it keeps."""

    def __init__(self, run: Path, config: Config):
        if config.eval.score not in EXPORTED:
            raise ConfigError(f"export can't take eval.score {config.eval.score}; choose {' or '.join(EXPORTED)}")
        self.run, self.settings = run, row_by_row(config.eval)
        self.engine = engine_for(config.export)
        self.scorer, self.checkpoint = load_scorer(run, "cpu", self.settings)
        try:
            self.portable = self.scorer.portable(tuple(self.checkpoint["data"]["frame_shape"]))
        except ValueError as error:
            name = self.checkpoint["config"]["model"].get("name", "")
            raise ValueError(f"{run} can't be exported: model {name}: {error}") from None
        if self.portable.shown is None and config.export.precision != "fp32":
            raise ConfigError(f"export.precision {config.export.precision}: {run} has {self.no_choice}; choose fp32")
        if not self.has_net and config.export.format != ExportConfig().format:
            raise ConfigError(f"export.format {config.export.format}: {run} has no net; choose {ExportConfig().format}")
        self.ranges = self.looked_at(config)

    @property
    def channels(self) -> list[list[str]]:
        """The sets of channels that the run has quiet frames of; last, empty, those that it has none of.

        None of a run whose scores need no calibration.
        """
        if not self.portable.is_promised:
            return []
        return [list(names) for names in dict.fromkeys(tuple(r.reel.channels) for r in self.ranges)] + [[]]

    @property
    def has_net(self) -> bool:
        return self.portable.net is not None or bool(self.portable.parts)

    @property
    def no_choice(self) -> str:
        """What is there in place of a net that can be computed in another precision."""
        return "a net that is exported in float32 alone" if self.has_net else "no net"

    def looked_at(self, config: Config) -> list[QuietRange]:
        """The frames that a certificate is from; none of what was trained on no reel."""
        if self.portable.quiet is not None:
            return []
        return quiet_ranges(self.run) if self.portable.is_promised else self.trained_on(config)

    def quiet(self, folder: Path) -> Reel:
        """The same as a reel in `folder`, at most MOST_FRAMES of them."""
        if self.portable.quiet is not None:
            return self.portable.quiet(folder)
        return excerpt(self.ranges, self.scorer.clip_length, folder)

    def trained_on(self, config: Config) -> list[QuietRange]:
        """What the windows of the training and of its validation cover, of a run that keeps no frames."""
        trained = from_dict(self.checkpoint["config"], str(path_of(self.run, "best")))
        return ranges_of(in_one_order(find_reels(data_of(trained, config))), trained.train)

    def job(self, reel: Reel, scorer: Scorer) -> Job:
        bounds = kept_bounds(self.run, reel.channels, scorer.scaling)
        return job_within(bounds, reel, self.run, scorer, self.checkpoint["sha256"], self.settings)


def engine_for(asked: ExportConfig) -> type[Engine]:
    """What is to run the net. Raises ConfigError where it is not installed, or can't compute in the precision here."""
    engine = engine_of(asked.format)
    if lacking := engine.lacks(asked.precision):
        raise ConfigError(f"export.precision {asked.precision}: {lacking}")
    return engine


def data_of(trained: Config, config: Config) -> str:
    """Where the reels of the training are: where they were, else where the config says."""
    for folder in (trained.data_clips, config.data_clips):
        if Path(folder).is_dir():
            return folder
    raise FileNotFoundError(
        f"export needs the reels of the training for this, and those of {trained.data_clips} are not there; name them "
        "with --data-clips"
    )
