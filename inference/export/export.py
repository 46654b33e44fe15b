"""`export`: a run's best model and all that belongs to it -> a bundle that needs no PyTorch, and scores the same.

See `inference/runner/bundle.py` for what a bundle holds. What can't be exported is refused before the work; a bundle
that does not score as the checkpoint does is not written.
"""

import platform
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from config import Config, from_dict
from data.disk.digests import files_of, with_digest
from data.disk.files import replacing_folder, write_json
from data.disk.sealing import write_arrays
from data.live.live_reel import Form, unlike_video
from data.live.series.samples import SeriesForm
from data.messages import logger
from data.reel.scaled import going_across
from data.version import program_version
from inference.calibration.calibrate import write_calibration
from inference.calibration.thresholds import Calibration
from inference.camera.bounds import kept_bounds, write_bounds
from inference.export.exported import Exported
from inference.export.onnx_file import as_onnx, part_as_onnx
from inference.export.parity import Bound, Pair, Planted, certificate, check, planted
from inference.export.precision import PRECISIONS, PRUNED, Calibrate, Precision
from inference.export.prune import pruned_run
from inference.follow.series.scores import checked_reach
from inference.follow.stream import training_reel
from inference.job import decisive, find_run
from inference.runner.bundle import ABOUT, ARRAYS, CERTIFICATE, FORMAT, form_as_dict
from inference.runner.nets import NET, PART, Nets
from inference.runner.run import Runner
from inference.runner.scorers import scorer_in
from inference.scorers.base import Scorer
from inference.scorers.load import load_scorer
from training.places import path_of
from training.run import owned_run

log = logger(__name__)

FOLLOWED = ("any_cadence", "follow_memory_s")  # what more decides what is taken, and found in what comes
PACKAGES = ("torch", "onnx", "numpy", "opencv-python-headless")


def export(config: Config) -> Path:
    """Write the bundle of a run; returns its folder, `export.to` or export/ in the run.

    Raises FileNotFoundError without a run, ValueError for what can't be exported, NoParity for a bundle that does not
    score as the checkpoint does, FolderInUse while another process works with the run.
    """
    run = find_run(config)
    with owned_run(run, "export"):
        whole, out = Exported(run, config), folder_of(run, config)
        refuse_other_folder(out)
        exported = Exported(pruned_run(whole, config), config) if config.export.prune else whole
        with replacing_folder(out) as part:
            found = write_bundle(part, exported, whole, config)
            write_json(part / CERTIFICATE, with_digest(found))
            check(found)
            check(found.get("beside_unpruned", found))
    log.info(f"largest difference of scores: {found['score_difference']:.3g} low thresholds")
    return out


def folder_of(run: Path, config: Config) -> Path:
    """Where the bundle goes."""
    return Path(config.export.to) if config.export.to else run / "export"


def refuse_other_folder(out: Path) -> None:
    """Raise FileExistsError for a folder that holds something else than a bundle, whose place one would take."""
    if out.is_dir() and any(out.iterdir()) and not (out / ABOUT).is_file():
        raise FileExistsError(f"{out} holds something else than a bundle; choose another folder with export.to")


def write_bundle(folder: Path, exported: Exported, whole: Exported, config: Config) -> dict[str, Any]:
    """All files of a bundle but its certificate, which is returned.

    Its thresholds are the first of those that its precision may have by which quiet frames give it no more events than
    they give the checkpoint; the last ones else.
    """
    about, precision = facts_of(exported, config), PRECISIONS[config.export.precision]
    write_scorer(Nets.of(folder, about), exported, precision)
    found = {}
    for owner, calibration in precision.thresholds_of.items():
        write_thresholds(folder, exported, about | {"thresholds_of": owner}, calibration)
        found = certified(folder, exported, precision.bound, whole, config.export.auc_lost)
        theirs, ours = found["on"]["quiet"]["events"]
        if ours <= theirs:
            break
    return found


def write_thresholds(folder: Path, exported: Exported, about: dict[str, Any], calibration: Calibrate) -> None:
    """What turns scores into events, and bundle.json, which lists all files."""
    scorer = scorer_in(folder, about)
    for number, channels in enumerate(exported.channels):
        found = calibration(folder, scorer, exported, channels)
        write_calibrations(folder, number, exported, found, channels)
    names = sorted(path.name for path in folder.iterdir() if path.name != ABOUT)
    write_json(folder / ABOUT, with_digest(about | {"files": files_of(folder, names)}))


def write_scorer(nets: Nets, exported: Exported, precision: Precision) -> None:
    """What scores frames: a net, what was fitted, or both."""
    portable = exported.portable
    log.info(f"exporting {portable.described}")
    for name, part in portable.parts.items():
        nets.write(PART.format(name), part_as_onnx(part))
    if portable.net is not None:
        nets.write(NET, precision.net(exported, as_onnx(portable.net, portable.shape, portable.outputs)))
    if portable.arrays:
        write_arrays(nets.folder / ARRAYS, **portable.arrays)


def write_calibrations(folder: Path, number: int, exported: Exported, found: Calibration, channels: list[str]) -> None:
    """What turns residuals of frames of these channels into events."""
    write_calibration(folder / f"calibration-{number}.npz", found)
    if found.watched is not None:
        np.save(folder / f"watched-{number}.npy", found.watched)
    for k, zone in enumerate(found.zones):
        assert zone.watched is not None  # see `calibrate.where_watched`
        np.save(folder / f"watched-{number}-{k}.npy", zone.watched)
    write_bounds(folder / f"camera-{number}.npz", kept_bounds(exported.run, channels, exported.scorer.scaling))


def facts_of(exported: Exported, config: Config) -> dict[str, Any]:
    """bundle.json without the files."""
    data, scorer = exported.checkpoint["data"], exported.scorer
    form, no_video = form_of_run(exported)
    rows, no_rows = rows_of_run(exported)
    packages = *PACKAGES, exported.engine.package
    return {
        "format": FORMAT,
        "model": exported.checkpoint["config"]["model"],
        "engine": config.export.format,
        "precision": config.export.precision,
        "pruned": config.export.prune,
        "clip_length": scorer.clip_length,
        "bundled_as": scorer.bundled_as,
        "answers": [exported.portable.answers.start, exported.portable.answers.stop],
        "frame_shape": list(data["frame_shape"]),
        **({"cadence_s": list(data["cadence_s"])} if "cadence_s" in data else {}),
        **({"windows_cross": data["windows_cross"]} if "windows_cross" in data else {}),
        "scaling": {name: stretch.as_dict() for name, stretch in scorer.scaling.items()},
        "calibrations": exported.channels,
        "eval": decisive(exported.settings) | {name: getattr(exported.settings, name) for name in FOLLOWED},
        "gap_threshold": exported.ranges[0].reel.meta["gap_threshold"] if exported.ranges else None,
        "form": None if form is None else form_as_dict(form),
        "no_video": no_video,
        "rows": None if rows is None else asdict(rows),
        "no_rows": no_rows,
        "weights_sha256": exported.checkpoint["sha256"],
        "made_by": program_version(),
        "versions": {"python": platform.python_version()} | {name: version(name) for name in packages},
    }


def form_of_run(exported: Exported) -> tuple[Form | None, str]:
    """How pictures become frames of the run, or why no video can."""
    if exported.scorer.no_stream:
        return None, exported.scorer.no_stream
    trained = from_dict(exported.checkpoint["config"], str(path_of(exported.run, "best")))
    reel = training_reel(exported.run)
    if told := unlike_video(reel, trained):
        return None, f"the model was trained on a reel that {told}"
    form = Form.of(reel, trained)
    if form.pixels.mask:
        return None, "prep.mask is a file that is not part of the bundle"
    return form, ""


def rows_of_run(exported: Exported) -> tuple[SeriesForm | None, str]:
    """How rows become samples of the run, or why none that come one by one can."""
    if exported.scorer.no_stream:
        return None, exported.scorer.no_stream
    reel = going_across(training_reel(exported.run), exported.checkpoint["data"])
    if not reel.is_series:
        return None, "the model was trained on pictures"
    try:
        checked_reach(exported.scorer, exported.settings)
    except ValueError as error:
        return None, str(error)
    trained = from_dict(exported.checkpoint["config"], str(path_of(exported.run, "best")))
    return SeriesForm.of(reel, trained.prep), ""


@contextmanager
def quiet_reels(exported: Exported) -> Iterator[dict[str, Planted]]:
    """Quiet frames of the run and the same with planted anomalies, while the context lasts."""
    with tempfile.TemporaryDirectory() as folder:
        quiet = exported.quiet(Path(folder) / "quiet")
        nothing = np.zeros((len(quiet), *quiet.shape[2:]), bool)
        yield {"quiet": Planted(quiet, nothing), "planted": planted(quiet, Path(folder) / "planted")}


def certified(folder: Path, exported: Exported, bound: Bound, whole: Exported, auc_lost: float) -> dict[str, Any]:
    """The certificate of a bundle: beside the checkpoint in single precision, and as eval runs it on this machine.

    Of a pruned net also beside that of the run, in single precision.
    """
    runner = Runner(folder)
    with quiet_reels(exported) as reels:
        if exported.portable.is_promised:
            runner.job(reels["quiet"].reel, exported.settings).tell_shortfall()

        def beside(run: Exported, scorer: Scorer, bound: Bound) -> dict[str, Any]:
            jobs = {name: (run.job(reel, scorer), runner.job(reel, run.settings)) for name, (reel, _) in reels.items()}
            pairs = {name: Pair(*jobs[name], shown) for name, (_, shown) in reels.items()}
            jumps = max(bound.jumps, run.portable.jumps)
            return certificate(pairs, bound._replace(auc_lost=auc_lost, jumps=jumps))

        found = beside(exported, exact_of(exported), bound)
        found["as_eval_runs_it_here"] = beside(exported, exported.scorer, bound)
        if whole is not exported:
            found["beside_unpruned"] = beside(whole, exact_of(whole), PRUNED)
    return found


def exact_of(exported: Exported) -> Scorer:
    """The run's scorer in single precision, whatever the hardware is fast in."""
    exact, _ = load_scorer(exported.run, "cpu", exported.settings)
    exact.amp = "off"
    return exact
