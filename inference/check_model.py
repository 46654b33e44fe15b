"""`--check` of the modes that ask a model: train, eval and export."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from config import Config
from config.of_inputs import kinds_of, of_no_use
from config.paths import not_there
from data.labels.quiet_hours import with_quiet_hours
from data.live.live_source import told
from data.messages import amount
from data.reel.contract import items_of
from data.reel.reel import find_reels, reel_paths
from inference.alarms.destinations import destination_of
from inference.check import Findings, check_free, check_writable, described
from inference.evaluate import of_no_use_to
from inference.fleet.members import find_fleet, member_of
from inference.fleet.train import fleet_to_train, settings_of_member
from inference.follow.all_streams import is_of_series
from inference.follow.series.scores import checked_reach
from inference.follow.stream import check_streams
from inference.job import find_run, takes_shipped
from inference.methods import METHODS, check_frames
from inference.methods.fit import check_same_fit
from inference.scorers.base import Scorer, check_reel, for_model
from inference.scorers.load import load_scorer
from inference.scorers.nets.windows import scored_stretches
from training import checkpoint as checkpoints
from training import run as run_folder
from training.device import pick_device
from training.distributed import Processes, processes
from training.engine import Trainer
from training.interrupt import Interrupt
from training.loader import open_data
from training.places import path_of
from training.shipped import WEIGHTS, shipped_place, shipped_run


def check_train(config: Config, findings: Findings) -> None:
    """The run folder, the windows on both sides of the split, the model and where it would be trained."""
    if config.train.each_reel:
        check_each(config, findings)
        return
    for missing in not_there("eval", config.eval):
        findings.hint(f"{missing}; eval would end with that")
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
            if config.train.resume:
                check_same_fit(config, folder, data.facts)
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
    for missing in not_there("eval", config.eval):
        findings.blame(missing)
    run, scorer, kept = opened(config, findings)
    name, facts = kept["config"]["model"]["name"], kept["data"]
    shape, length = facts["frame_shape"], facts["clip_length"]
    findings.tell(f"run: {run}, {name}, trained on windows of {length} frames of [channels, height, width] {shape}")
    if config.eval.follow:
        findings.tell(f"follows {', '.join(told(address) for address in config.eval.follow)}")
        with findings.faults():
            check_streams(scorer)
            is_series = is_of_series(config)
            findings.hint(of_no_use("eval", config.eval, [kinds_of(is_series)]))
            if is_series:
                checked_reach(scorer, config.eval)
        for where in config.eval.follow_alarms:
            with findings.faults():
                findings.tell(f"alarms go to {destination_of(where).told}")
        return
    findings.hint(of_no_use_to(config.eval, config.data_clips))
    for reel in find_reels(config.data_clips):
        findings.tell(described(reel))
        with findings.faults():
            reel = for_model(reel, facts, scorer)
            check_reel(reel, facts, scorer, config.eval)
            if not scored_stretches(reel, scorer.clip_length):
                findings.blame(f"{reel.name}: no stretch without a gap holds {scorer.clip_length} {items_of(reel)}")


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


def tell_windows(numbers: dict[str, int], length: int, findings: Findings) -> None:
    """How many windows train and validate."""
    findings.tell(f"{numbers['train']} training and {numbers['val']} validation windows of {length} frames")
