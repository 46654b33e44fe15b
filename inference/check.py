"""`--check`: what a mode would do with these settings, and what is wrong, without doing it and without writing.

It asks the functions that the modes themselves begin with, so it can't be of another opinion than they are. What one
fault hides (windows of reels that are not there) is told once that is mended.
"""

import math
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from config import Config
from data.disk.lock import owner_of
from data.frames.assemble import Given, read_given
from data.frames.first_pass import first_pass
from data.frames.plan import ReelPlan
from data.frames.pool import make_executor
from data.frames.second_pass import bytes_needed
from data.labels.quiet_hours import with_quiet_hours
from data.live.live_source import told
from data.messages import amount, with_way_out
from data.prepare_data import same_or_refuse
from data.reel.reel import Reel, find_reels, reel_paths
from data.reel.windows import read_windows, usable
from data.review_processed_data import hand_verdicts
from data.series.light_curves import video_reels
from data.series.prepare_series import identity_of, names_for, read_all
from inference.alarms.destinations import destination_of
from inference.fleet.members import find_fleet, member_of
from inference.fleet.train import fleet_to_train, settings_of_member
from inference.follow.all_streams import is_of_series
from inference.follow.series_scores import checked_reach
from inference.follow.stream import check_streams
from inference.job import find_run, takes_shipped
from inference.methods import METHODS, check_frames
from inference.scorers.base import Scorer, check_reel, for_model
from inference.scorers.load import load_scorer
from inference.scorers.windows import scored_stretches
from training import checkpoint as checkpoints
from training import run as run_folder
from training.device import pick_device
from training.distributed import Processes, processes
from training.engine import Trainer
from training.interrupt import Interrupt
from training.loader import open_data
from training.places import path_of
from training.shipped import WEIGHTS, shipped_place, shipped_run

MOST_REASONS = 5  # that are told of a reel


class Findings:
    """What is told, and how much of it is wrong."""

    def __init__(self) -> None:
        self.wrong = 0

    def tell(self, text: str) -> None:
        print(text)

    def blame(self, text: str) -> None:
        """Tell what is wrong."""
        self.wrong += 1
        print(f"wrong: {text}")

    @contextmanager
    def faults(self) -> Iterator[None]:
        """Errors inside are told, and what comes behind is still looked at."""
        try:
            yield
        except OSError as error:
            self.blame(with_way_out(error))
        except (ValueError, ArithmeticError) as error:
            self.blame(str(error))


def check(mode: str, config: Config) -> int:
    """Print what `mode` would do and what is wrong; returns the exit code, 0 when nothing is, else 2."""
    findings = Findings()
    with findings.faults():
        CHECKS[mode](config, findings)
    print(f"wrong: {findings.wrong}" if findings.wrong else f"nothing is wrong: {mode} can run")
    return 2 if findings.wrong else 0


def check_prep(config: Config, findings: Findings) -> None:
    """The input by kind, what is left out of it and why, the reels to be made, and whether they have room."""
    config = with_quiet_hours(config)
    root, out = Path(config.data_raw), Path(config.data_clips)
    if config.prep.light_curves:
        for reel in video_reels(root):
            findings.tell(f"light curves would be cut from {described(reel)}")
        return
    if config.prep.source == "vso":
        findings.tell(f"frames would be downloaded into {root}; what follows is of those that are there already")
    given = read_given(config.prep)
    with TemporaryDirectory() as unpacked, make_executor(config.workers) as workers:
        headers = first_pass(workers, config, Path(unpacked))
        found, _ = read_all(headers.inputs.series, root, config.prep)
    kinds = Counter(item.source.name for item in headers.inputs.frames for _ in item.files)
    kinds.update(item.source.name for item in headers.inputs.series)
    findings.tell(f"files in {root}: {', '.join(f'{kind} {n}' for kind, n in kinds.items())}")
    for plan in headers.plans:
        with findings.faults():
            check_plan(plan, given, config, findings)
    for series, name in zip(found, names_for(found, {plan.name for plan in headers.plans}), strict=True):
        with findings.faults():
            findings.tell(
                f"{name}: a series of {len(series.values)} samples of {amount(len(series.channels), 'variable')}"
            )
            if (out / name).exists():
                same_or_refuse(out / name, identity_of(series, given, config.prep))
    if not found and not any(plan.rows for plan in headers.plans):
        findings.blame(f"nothing in {root} can be used")
    check_room(headers.plans, config, findings)
    check_free(out, findings)


def check_plan(plan: ReelPlan, given: Given, config: Config, findings: Findings) -> None:
    """One reel of frames: what it will hold, what is left out, and what is in its place."""
    prep, final = config.prep, Path(config.data_clips) / plan.name
    frames, *shape = plan.stored_shape(prep)
    findings.tell(f"{plan.name}: {frames} frames of [channels, height, width] {shape}")
    for reason, number in Counter(c.reason for c in plan.rejected).most_common(MOST_REASONS):
        findings.tell(f"  {number} left out: {reason}")
    if 0 < frames < prep.clip_length and not prep.movie_only:
        findings.blame(f"{plan.name}: no window of prep.clip_length {prep.clip_length} frames fits into {frames}")
    if frames and final.exists():
        same_or_refuse(final, plan.identity(prep, asdict(given)))


def check_room(plans: list[ReelPlan], config: Config, findings: Findings) -> None:
    """Whether the disk has room for the reels that are not there yet."""
    out = Path(config.data_clips)
    shapes = [plan.stored_shape(config.prep) for plan in plans if not (out / plan.name).exists()]
    needed = sum(bytes_needed(math.prod(shape), config.prep) for shape in shapes)
    free = shutil.disk_usage(existing(out)).free
    findings.tell(f"about {needed / 1e9:.3g} GB are needed in {out}, {free / 1e9:.3g} GB are free")
    if needed > free:
        findings.blame("the disk has no room for the reels; choose a smaller prep.resize or another --data-clips")
    check_writable(out, findings)


def check_review(config: Config, findings: Findings) -> None:
    """The reels, the windows that verdicts are asked for, and the port of the page."""
    reels = find_reels(config.data_clips)
    for reel in reels:
        with findings.faults():
            findings.tell(f"{described(reel)}; {windows_of(reel)}")
        check_writable(reel.path, findings)
    with findings.faults():
        hand_verdicts(config.review, reels)
    if config.review.serve:
        from data.review.page.server import listen  # which loads a web server

        with findings.faults():
            listen(config.review.host, config.review.port).close()


def check_train(config: Config, findings: Findings) -> None:
    """The run folder, the windows on both sides of the split, the model and where it would be trained."""
    if config.train.each_reel:
        check_each(config, findings)
        return
    config = with_quiet_hours(config)
    folder = Path()
    with findings.faults():
        folder = run_folder.choose_folder(config)
        findings.tell(f"run folder: {folder}, {'to go on with' if config.train.resume else 'free'}")
        check_writable(folder, findings)
        check_free(folder, findings)
    if findings.wrong and config.train.resume:
        return
    with findings.faults():
        if config.model.name in METHODS:
            data = open_data(config)
            check_frames(config.model.name, data.frame_shape)
            tell_windows(data.about["windows"], data.clip_length, findings)
            findings.tell(f"model: {config.model.name}, fitted in one step")
            return
        with processes(config.device) as team:
            check_trainer(config, team, folder, findings)


def check_each(config: Config, findings: Findings) -> None:
    """A fleet: its folder, and the training of each reel. What is wrong with one leaves the others as they are."""
    reels, folder = reel_paths(config.data_clips), fleet_to_train(config)
    findings.tell(f"fleet: {folder}, a model for each of {len(reels)} reels")
    check_writable(folder, findings)
    check_free(folder, findings)
    for reel in reels:
        findings.tell(f"{reel.name}:")
        with findings.faults():
            check_train(settings_of_member(config, member_of(folder, reel), reel), findings)


def check_trainer(config: Config, team: Processes, folder: Path, findings: Findings) -> None:
    """A net: its training as it would begin."""
    saved = checkpoints.load(path_of(folder, "last"), team.device) if config.train.resume else None
    if saved:
        config = run_folder.resumed_config(config, saved, path_of(folder, "last"))
    trainer = Trainer(config, open_data(config), team, folder, Interrupt())
    facts, epochs = trainer.run_facts(), config.train.epochs
    tell_windows(facts["windows"], trainer.data.clip_length, findings)
    findings.tell(f"model: {config.model.name}, {facts['parameters']:,} parameters, in {facts['precision']}")
    findings.tell(
        f"training: {amount(len(trainer.batches), 'step')} an epoch, {amount(epochs, 'epoch')}, on {facts['device']}"
    )
    if saved:
        trainer.restore(saved)
        findings.tell(f"goes on after {amount(trainer.state.epoch, 'epoch')}")


def check_eval(config: Config, findings: Findings) -> None:
    """The run, its model, and whether each reel fits it."""
    with findings.faults():
        pick_device(config.device)
    if fleet := find_fleet(config):
        for reel in reel_paths(config.data_clips):
            with findings.faults():
                check_eval(settings_of_member(config, member_of(fleet, reel), reel), findings)
        return
    run, scorer, kept = opened(config, findings)
    name, facts = kept["config"]["model"]["name"], kept["data"]
    shape, length = facts["frame_shape"], facts["clip_length"]
    findings.tell(f"run: {run}, {name}, trained on windows of {length} frames of [channels, height, width] {shape}")
    if config.eval.follow:
        findings.tell(f"follows {', '.join(told(address) for address in config.eval.follow)}")
        with findings.faults():
            check_streams(scorer)
            if is_of_series(config):
                checked_reach(scorer, config.eval)
        for where in config.eval.follow_alarms:
            with findings.faults():
                findings.tell(f"alarms go to {destination_of(where).told}")
        return
    for reel in find_reels(config.data_clips):
        findings.tell(described(reel))
        with findings.faults():
            reel = for_model(reel, facts, scorer)
            check_reel(reel, facts, scorer, config.eval)
            if not scored_stretches(reel, scorer.clip_length):
                findings.blame(f"{reel.name}: no stretch without a gap holds {scorer.clip_length} frames")


def opened(config: Config, findings: Findings) -> tuple[Path, Scorer, dict[str, Any]]:
    """The run that an evaluation would take, or the weights in its place; its scorer and checkpoint."""
    if not takes_shipped(config):
        run = find_run(config)
        check_writable(run, findings)
        check_free(run, findings)
        return run, *load_scorer(run, "cpu")
    with TemporaryDirectory() as folder:
        return WEIGHTS, *load_scorer(shipped_run(folder), "cpu")


def check_export(config: Config, findings: Findings) -> None:
    """The run, whether its model can be exported, and the folder of the bundle."""
    from inference.export.export import folder_of, refuse_other_folder
    from inference.export.exported import Exported

    if takes_shipped(config):  # it would be put into the run's folder, and this mode writes nothing
        with TemporaryDirectory() as folder:
            exported = Exported(shipped_run(folder), config)
        run, name = shipped_place(config.model_path), WEIGHTS
    else:
        run = name = find_run(config)
        exported = Exported(run, config)
    findings.tell(f"run: {name}, {exported.portable.described}")
    out = folder_of(run, config)
    findings.tell(f"bundle: {out}")
    refuse_other_folder(out)
    check_writable(out, findings)
    check_free(run, findings)


CHECKS: dict[str, Callable[[Config, Findings], None]] = {
    "prep": check_prep,
    "review": check_review,
    "train": check_train,
    "eval": check_eval,
    "export": check_export,
}


def described(reel: Reel) -> str:
    """A reel in a few words."""
    frames, *shape = reel.shape
    return f"{reel.name}: {frames} frames of [channels, height, width] {shape}, one every {reel.cadence_s:g} s"


def windows_of(reel: Reel) -> str:
    """A reel's windows in a few words."""
    table = read_windows(reel)
    return f"{amount(len(table), 'window')}, {int(usable(table).sum())} left to train on"


def tell_windows(numbers: dict[str, int], length: int, findings: Findings) -> None:
    """How many windows train and validate."""
    findings.tell(f"{numbers['train']} training and {numbers['val']} validation windows of {length} frames")


def existing(path: Path) -> Path:
    """The path, or the nearest folder above it that is there."""
    return next(place for place in (path.resolve(), *path.resolve().parents) if place.exists())


def check_writable(path: Path, findings: Findings) -> None:
    """Whether a folder is one, or can be made, and may be written to."""
    place = existing(path)
    if not place.is_dir():
        findings.blame(f"{place} is a file, where a folder is wanted for {path}")
    elif not os.access(place, os.W_OK | os.X_OK):
        findings.blame(f"{place} may not be written to; choose another --data-clips or --model-path")


def check_free(folder: Path, findings: Findings) -> None:
    """Whether no other process writes into a folder."""
    if owner := owner_of(folder):
        findings.blame(f"{folder} is in use: {owner}; wait until that has ended, or choose another")
