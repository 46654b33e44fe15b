"""The files that the program writes and reads back: a reel and a run with one of each, and what is read of them."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

import config
from config import Config, EvalConfig
from data.disk.files import write_meta
from data.reel.facts import ReelFacts
from data.reel.reel import Reel, find_reels
from data.reel.windows import read_windows
from data.review.page.server import Api
from inference.calibration.quiet.ranges import quiet_ranges
from inference.evaluate import check_facts, evaluate
from inference.evaluate_reel import saved_detections
from inference.fit import fit
from inference.job import config_of_results, make_job
from inference.scorers.load import load_scorer
from tests.support.reels import drifting_blobs, make_reel
from training.checkpoint import load
from training.places import path_of
from training.run import read_run
from training.shipped import WEIGHTS, read_levels, read_weights, write_levels

LENGTH = 4
MODEL = {"name": "robust_z"}
JUDGED = {"id": 1, "at": "t", "after": ["keep", "by hand", "user", "t"], "before": [[0, "", "", "", ""]]}


def make(folder: Path) -> Config:
    """A reel of pictures, one of a series, a run fitted on the first, and its results."""
    pictures = make_reel(folder / "reels" / "a", drifting_blobs(48, 8, 8), clip_length=LENGTH, stride=2)
    series = make_reel(folder / "series" / "s", drifting_blobs(48, 1, 1), clip_length=LENGTH, labels=[0.0] * 48)
    missing = np.zeros((48, 1), bool)
    missing[5] = True
    np.save(series.path / "missing.npy", missing)
    for reel in (pictures, series):
        write_meta(reel.path, reel.meta)
    lines = [JUDGED, {"saved": 1}, {"id": 2, "undoes": 1, "restored": [[0, "", "", "", ""]]}, {"saved": 2}]
    (pictures.path / "verdicts.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    settings = {"data_clips": str(folder / "reels"), "model_path": str(folder / "run"), "workers": 0, "device": "cpu"}
    made = config.load(None, settings | {"model": MODEL, "eval": {"stride": 2, "batch_size": 8, "min_area": 1}})
    fit(made)
    evaluate(made)
    write_levels(folder / "run", np.ones((3, 4), np.float32))
    (folder / "weights.safetensors").write_bytes(WEIGHTS.read_bytes())
    (folder / "weights.safetensors.sha256").write_bytes(WEIGHTS.with_name(f"{WEIGHTS.name}.sha256").read_bytes())
    return made


def targets(folder: Path) -> dict[Path, tuple[Callable[[Path], object], bool]]:
    """{file: what reads it, whether a digest tells of any change}."""
    run, reel, series = folder / "run", folder / "reels" / "a", folder / "series" / "s"
    results = run / "eval" / "a"
    plain = {"windows.csv": see_reel, "verdicts.jsonl": see_page}
    found = {reel / name: (see, False) for name, see in plain.items()}
    found |= {reel / name: (see_reel, True) for name in ("reel.json", "frames.csv", "frames.npy", "masks.npy")}
    found |= {series / name: (see_series, True) for name in ("reel.json", "frames.csv", "missing.npy")}
    found |= {run / "checkpoints" / "best.pt": (see_run, True), run / "run.json": (see_facts, True)}
    found |= {run / name: (see_facts, False) for name in ("config.yaml",)}
    found |= dict.fromkeys(sorted((run / "calibration").glob("*.npz")), (see_run, True))
    quiet = run / "calibration" / "quiet"
    found |= {quiet / name: (see_run, True) for name in ("ranges.csv", "0/reel.json", "0/frames.csv", "0/frames.npy")}
    found |= {run / "calibration" / "clean_events.npy": (see_levels, True)}
    found |= {results / name: (see_results, False) for name in ("summary.json", "boxes.csv", "scores.f16")}
    return found | {folder / "weights.safetensors": (see_weights, True)}


def see_reel(folder: Path) -> object:
    (reel,) = find_reels(folder / "reels")
    table = read_windows(reel)
    frames, masks = reel.read(0, len(reel))
    return [
        frames.tobytes(),
        masks.tobytes(),
        reel.candidates.to_csv(),
        table.to_csv(),
        str(reel.times_utc),
        about(reel),
    ]


def about(reel: Reel) -> dict:
    """What reel.json tells, without its own digest: what loses that alone is read as one from before there were any."""
    return {name: reel.meta.get(name) for name in ReelFacts.model_fields}


def see_series(folder: Path) -> object:
    (reel,) = find_reels(folder / "series")
    return [reel.signals().tobytes(), reel.missing.tobytes(), reel.candidates.to_csv(), str(reel.labels), about(reel)]


def see_page(folder: Path) -> object:
    return Api(find_reels(folder / "reels")).verdicts[0].table.to_csv()


def see_facts(folder: Path) -> object:
    check_facts(folder / "run")
    facts = read_run(folder / "run")
    return [facts[name] for name in ("seed", "reels", "windows", "parameters", "started_utc")]


def _job(folder: Path):
    (reel,), run = find_reels(folder / "reels"), folder / "run"
    settings = replace(EvalConfig(), stride=2, batch_size=8, min_area=1)
    scorer, checkpoint = load_scorer(run, "cpu", settings)
    return make_job(reel, run, scorer, checkpoint["sha256"], settings)


def see_run(folder: Path) -> object:
    job, saved = _job(folder), load(path_of(folder / "run", "best"))
    weights = [saved["model"][name].numpy().tobytes() for name in sorted(saved["model"])]
    quiet = [(r.begin, r.end, r.side, r.source, r.offset, r.reel.frames[:].tobytes()) for r in quiet_ranges(job.run)]
    return [weights, quiet, job.low, job.high, str(job.bounds), job.calibration.levels.tobytes()]


def see_results(folder: Path) -> object:
    job = _job(folder)
    return sum(len(found.boxes) for found in saved_detections(job)) if config_of_results(job) else "made again"


def see_levels(folder: Path) -> object:
    return read_levels(folder / "run").tobytes()


def see_weights(folder: Path) -> object:
    tensors, about = read_weights(folder / "weights.safetensors")
    return [tensors[name].numpy().tobytes() for name in sorted(tensors)], str(about)


def digest(seen: object) -> str:
    """Two things that were seen are the same where their digests are."""
    return hashlib.sha256(repr(seen).encode("utf-8", "backslashreplace")).hexdigest()
