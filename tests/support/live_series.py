"""Series that are followed: a run on quiet telemetry, and what eval finds in a table beside what following finds."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

import config
from config import Config
from data.live.series.kept_samples import KeptSamples
from data.live.series.row_sources import GrowingTable
from data.live.series.samples import Sampling, SeriesForm
from data.prepare_data import prep
from data.reel.reel import Reel
from inference.calibration.quiet.ranges import quiet_ranges
from inference.detection import scored_samples
from inference.fit import fit
from inference.follow.series.intake import SeriesRows
from inference.follow.series.scores import SeriesScores, checked_reach, patience_of
from inference.job import Job, make_job
from inference.scorers.load import load_scorer

QUIET, WATCHED, CADENCE_S = 900, 500, 60
SPIKE, SHIFT, BURST = [120], list(range(260, 290)), list(range(395, 400))


def sensors(n: int, first: int = 0) -> pd.DataFrame:
    """Two waves with noise and a third sensor that follows both, a sample a minute."""
    random, i = np.random.default_rng(first + 1), first + np.arange(n)
    temperature = 50 + 8 * np.sin(i / 9) + random.normal(0, 0.3, n)
    vibration = np.cos(i / 5) + random.normal(0, 0.04, n)
    times = np.datetime64("2026-03-01T00:00:00", "s") + CADENCE_S * i
    mixed = 0.1 * temperature - vibration + random.normal(0, 0.05, n)
    return pd.DataFrame(
        {"time": times.astype(str), "temperature": temperature, "vibration": vibration, "c, mixed": mixed}
    )


def watched() -> pd.DataFrame:
    """What comes behind the quiet samples: a spike, a level that lasts, and a burst; single cells are empty."""
    table = sensors(WATCHED, QUIET)
    for name, at, by in (("temperature", SPIKE, 30), ("vibration", SHIFT, 3), ("c, mixed", BURST, -9)):
        table[name] = table[name] + by * np.isin(np.arange(WATCHED), at)
    table["vibration"] = table["vibration"].where(~np.isin(np.arange(WATCHED), [40, 41, 200]))
    return table


def settings(folder: Path, name: str = "sub_pca", **keys) -> Config:
    plain = {
        "data_raw": str(folder / "quiet.csv"),
        "data_clips": str(folder / "reels"),
        "model_path": str(folder / name),
        "workers": 0,
        "device": "cpu",
        "prep": {"clip_length": 16, "stride": 4},
        "model": {"name": name},
        "eval": {"link_gap_frames": 4, "false_alarms_per_day": 8.0, "follow_memory_s": 0.0, "follow_poll_s": 0.05},
    }
    plain["eval"]["follow_idle_s"] = 0.01
    (folder / f"{name}.yaml").write_text(json.dumps(plain))
    return config.load(folder / f"{name}.yaml", {key.replace("__", "."): value for key, value in keys.items()})


def trained(folder: Path, name: str = "sub_pca", **keys) -> Path:
    """A run on the quiet table."""
    if not (folder / "quiet.csv").is_file():
        sensors(QUIET).to_csv(folder / "quiet.csv", index=False)
    chosen = settings(folder, name, **keys)
    prep(chosen)
    return fit(chosen)


def run_of(chosen: Config) -> Path:
    assert chosen.model_path
    return Path(chosen.model_path)


def job_of(reel: Reel, chosen: Config) -> Job:
    run = run_of(chosen)
    scorer, checkpoint = load_scorer(run, "cpu", chosen.eval)
    return make_job(reel, run, scorer, checkpoint["sha256"], chosen.eval)


def offline(path: Path, out: Path, chosen: Config) -> tuple[Reel, np.ndarray]:
    """A table as prep stores it with the scaling of the quiet one, and eval's scores (n,)."""
    quiet = next(Path(chosen.data_clips).glob("*/reel.json")).parent
    own = replace(chosen.prep, stretch_from=str(quiet))
    (made,) = prep(replace(chosen, data_raw=str(path), data_clips=str(out), prep=own))
    reel = Reel(made)
    scores = np.full(len(reel), np.nan, np.float32)
    for begin, found, *_ in scored_samples(job_of(reel, chosen)):
        scores[begin : begin + len(found)] = found
    return reel, scores


class Told(list):
    """Records, as (kind, facts)."""

    def write(self, kind: str, facts: dict, keep: bool = True) -> None:
        self.append((kind, facts))


def live_parts(chosen: Config, path: Path) -> tuple[SeriesRows, SeriesScores]:
    trained_on = quiet_ranges(run_of(chosen))[0].reel
    form = SeriesForm.of(trained_on, chosen.prep)
    kept = KeptSamples("live", path.parent, form)
    job = job_of(kept.as_reel(), chosen)
    reach = checked_reach(job.scorer, job.settings)
    source = GrowingTable(path, form.rows, 0.0, is_json=path.suffix == ".jsonl")
    rows = SeriesRows(source, Sampling(form, patience_of(reach)), kept, Told())
    return rows, SeriesScores(job, kept, reach)


def in_pieces(path: Path, content: bytes, cuts: list[int], chosen: Config) -> tuple[SeriesRows, np.ndarray]:
    """The scores (n,) of a table that comes in pieces."""
    path.write_bytes(b"")
    rows, scores = live_parts(chosen, path)
    found = []
    for begin, end in zip([0, *cuts], [*cuts, len(content)], strict=True):
        with path.open("ab") as stream:
            stream.write(content[begin:end])
        while (part := rows.source.poll()) is not None:
            rows.take(part)
            found += [scored.scores for scored in scores.new(0.0)]
    rows.finish()
    found += [scored.scores for scored in scores.new(0.0)]
    rows.source.close()
    return rows, np.concatenate(found)
