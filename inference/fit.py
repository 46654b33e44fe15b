"""`train`: a net is trained, a method is fitted in one step; then either is calibrated on quiet data."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor

from config import Config, from_dict
from config.paths import not_there
from data.messages import amount, logger
from data.reel.reel import Reel
from data.review_processed_data import NOT_QUIET
from inference.calibration.quiet.not_quiet import set_apart
from inference.calibration.quiet.ranges import quiet_ranges
from inference.camera.bounds import kept_bounds
from inference.methods import METHODS
from inference.methods.fit import fit_method
from inference.scorers.load import load_scorer
from training import run as run_folder
from training.places import path_of
from training.train import train

log = logger(__name__)
MOST_NAMED = 8  # channels or variables
GOES_ON = "its best model so far is used (--resume goes on with it)"
ROUNDS = 3  # in which a method is fitted without what stood out before


def fit(config: Config, weights: dict[str, Tensor] | None = None) -> Path:
    """Train or fit the model that model.name names, calibrate it, and return its run folder.

    weights: that the training of a net begins with.

    Of the processes that torchrun started, the first one calibrates. Raises as `training.train.train` does,
    and OSError where the disk has no room for the quiet frames or another process writes into the run.
    """
    # Late: eval loads this module, and reads no list of quiet hours.
    from data.labels.quiet_hours import with_quiet_hours

    config = with_quiet_hours(as_restarted(config))
    if not is_first_process():
        return train(config, weights=weights)
    for missing in not_there("eval", config.eval):
        log.warning(f"{missing}; eval would end with that")
    folder = run_folder.choose_folder(config)
    with run_folder.owned_run(folder, "train"):
        if not config.train.resume:
            run_folder.refuse_other_run(folder)  # which another process may have made since
        if config.model.name in METHODS:
            return fit_and_shed(config, folder)
        calibrate_run(run := train(config, folder, weights), config)
    return run


def fit_and_shed(config: Config, folder: Path) -> Path:
    """Fit a method and calibrate it, and again without what stands out from its quiet data, until nothing does.

    What it was fitted on hides what is like it, and the largest hides smaller ones: so it takes rounds, at most ROUNDS.
    One that was killed before the last of them is begun anew: the rounds count from what was quiet at first.
    """
    is_over = config.train.resume and not run_folder.lacks_rounds(folder)
    if config.train.resume and not is_over:
        log.info(f"the fit of {folder} was interrupted, and is begun anew")
        forget_rounds(folder)
        config = replace(config, train=replace(config.train, resume=False))
    # What a series does once is far from all its rest, and no fault for that: it has no say in what is set apart.
    plain = replace(config, eval=replace(config.eval, own_evidence=0.0))
    short = calibrated(fit_method(config, folder), plain)
    if not is_over and METHODS[config.model.name].sheds:
        short = _shed(plain, folder, short)
    if config.eval.own_evidence:
        short = calibrated(folder, config)
    run_folder.end_rounds(folder)
    tell(short)
    return folder


def forget_rounds(folder: Path) -> None:
    """Remove what the rounds of a killed process have set apart, and measured."""
    (folder / NOT_QUIET).unlink(missing_ok=True)
    run_folder.forget_calibration(folder)


def _shed(config: Config, folder: Path, short: list[str]) -> list[str]:
    """The rounds of `fit_and_shed`; `short` is what `calibrated` said before, and what the last one says is returned.

    Only the last is told: what a round lacks that is fitted again at once is nobody's.
    """
    quiet, before = quiet_ranges(folder), load_scorer(folder, config.device)[0]
    for _ in range(ROUNDS):
        if not set_apart(folder, quiet, before.clip_length):
            break
        run_folder.forget_calibration(folder)
        short = calibrated(fit_method(config, folder, before), config)
    return short


def as_restarted(config: Config) -> Config:
    """The config, which goes on with its run, if that has begun, where torchrun may start all processes again
    (--max-restarts): when one of them dies all begin anew, and on no machine can be told whether it was the first time.

    Without a name of the run there is none to go on with: each start makes one of its own.
    """
    may_restart = int(os.environ.get("TORCHELASTIC_MAX_RESTARTS", "0")) > 0
    if not may_restart or not config.model_path or not path_of(config.model_path, "last").is_file():
        return config
    return replace(config, train=replace(config.train, resume=True))


def complete(run: Path, device: str) -> dict[str, Any]:
    """Calibrate the best model of a run whose training was interrupted, by the reels that it names; returns its
    checkpoint.

    Of one that was calibrated before it is said again how much it lacks. Raises FileNotFoundError where these are gone.
    """
    scorer, checkpoint = load_scorer(run, device)
    trained = from_dict(checkpoint["config"], str(path_of(run, "best")))
    lacks = run_folder.epochs_left(run, trained.train)
    if scorer.is_prepared(run):
        if run_folder.lacks_rounds(run):
            log.warning(
                f"the training of {run} was interrupted before it was fitted without what stands out; what it was "
                "fitted to so far is used (--resume goes on with it)"
            )
        if lacks:
            log.warning(f"the training of {run} lacks {lacks} of its {trained.train.epochs} epochs; {GOES_ON}")
        return checkpoint
    if not trained.data_clips or not Path(trained.data_clips).is_dir():
        raise FileNotFoundError(
            f"the training of {run} was interrupted before it was calibrated, and its data, {trained.data_clips}, are "
            f"not there; finish it with --resume --model-path {run} and --data-clips"
        )
    log.warning(f"the training of {run} was interrupted; {GOES_ON}")
    calibrate_run(run, replace(trained, device=device))
    return checkpoint


def is_first_process() -> bool:
    """Whether this process is alone, or the first of those that torchrun started."""
    return os.environ.get("RANK", "0") == "0"


def calibrate_run(run: Path, config: Config) -> None:
    """After training: keep in the run what its scores are compared with, and calibrate for the config's eval settings.

    Where the reels are is the config's to say; how they are split, the run's own.
    """
    tell(calibrated(run, config))


def tell(short: list[str]) -> None:
    """Warn of what thresholds can't promise."""
    for reason in short:
        log.warning(reason)


def calibrated(run: Path, config: Config) -> list[str]:
    """`calibrate_run`; what is to be told where the thresholds are not for the rate that was asked for."""
    scorer, checkpoint = load_scorer(run, config.device)
    trained = from_dict(checkpoint["config"], str(path_of(run, "best")))
    if not (reels := scorer.prepare(run, replace(trained, data_clips=config.data_clips))):
        return []
    scorer, _ = load_scorer(run, config.device, config.eval)
    short = []
    for reel in reels:
        made = scorer.calibration(run, reel, config.eval)
        if shortfall := made.shortfall(scorer.settings_on(reel, config.eval)):
            short.append(f"{_named(reel)}: {shortfall}")
        kept_bounds(run, reel.channels, scorer.scaling)
    return short


def _named(reel: Reel) -> str:
    """The channels that a calibration is for; variables by their number where they are many."""
    what, count = "variable" if reel.is_series else "channel", len(reel.channels)
    return f"{what}{'s' * (count > 1)} {', '.join(reel.channels)}" if count <= MOST_NAMED else amount(count, what)
