"""The weights of models/weights as a user meets them: a CSV, prep, eval, and no training."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.special import softplus
from sklearn.metrics import average_precision_score

import config
import main
import models
from data.synthetic.series import make_series
from inference.scorers.load import load_scorer
from inference.scorers.zero_shot.levels import MOST_EVENTS, event_levels
from inference.scorers.zero_shot.scorer import LONGER
from inference.scorers.zero_shot.torch_net import MOST_CLEAN, ZeroShotDetector
from tests.support.baselines import moving_z
from tests.support.paths import ROOT
from tests.support.trainings import model_config
from training.shipped import LEVELS, WEIGHTS, read_weights, shipped_run
from training.synthetic_data import FIRST_VALIDATION

pytestmark = pytest.mark.usefixtures("one_thread")

SETTINGS = ROOT / "demo" / "zero_shot.yaml"
MOST_BYTES = 6_000_000
HELD_OUT_SEED = 777  # no series of it was ever trained or validated on
HIDDEN = slice(2100, 2180)  # samples of the table at the end in which a cycle and a half goes backwards


@pytest.fixture(scope="module")
def scorer(tmp_path_factory) -> ZeroShotDetector:
    return load_scorer(shipped_run(str(tmp_path_factory.mktemp("run"))), "cpu")[0]


def test_they_are_small_and_say_where_they_come_from():
    assert WEIGHTS.stat().st_size <= MOST_BYTES
    tensors, about = read_weights(WEIGHTS)
    assert all(tensor.isfinite().all() for tensor in tensors.values())
    assert tensors[LEVELS].shape == (MOST_CLEAN, MOST_EVENTS)
    card = (WEIGHTS.parent / "README.md").read_text()
    assert f"{about['steps']:,} steps" in card
    assert f"seed {about['config']['seed']}" in card


def test_their_levels_are_those_of_the_code_as_it_is(scorer):
    """Of some of the clean series again: a change of the scale or of the scores needs new levels."""
    clean = replace(read_config().train.synthetic, clean_fraction=1.0, length=LONGER * scorer.chunk)
    for i in (0, 100, 200):
        values = make_series(0, FIRST_VALIDATION + i, clean.length, clean).values
        np.testing.assert_allclose(scorer.quiet[i], event_levels(softplus(scorer.scores(values))), rtol=0.02)


def read_config() -> config.Config:
    return config.from_dict(read_weights(WEIGHTS)[1]["config"], "")


def test_training_would_make_them_again():
    """What the weights were trained with is what `-m train -c demo/zero_shot.yaml` does by now."""
    trained, now = config.as_dict(read_config()), config.as_dict(config.load(SETTINGS))
    assert {name: trained[name] for name in ("seed", "model", "train")} == {
        name: now[name] for name in ("seed", "model", "train")
    }


def test_held_out_series_are_told_better_than_by_an_untrained_copy_or_moving_z_scores(scorer):
    torch.manual_seed(0)
    untrained = ZeroShotDetector(models.build(model_config("vetime"), 1).eval(), torch.device("cpu"), 1024,
                               np.empty(0))  # fmt: skip
    ways = {"shipped": scorer.scores, "moving_z": moving_z}
    ways |= {"net": lambda v: scorer.of_net(v)[:, 0], "untrained": lambda v: untrained.of_net(v)[:, 0]}
    found = {name: [] for name in ways}
    for index in range(24):
        made = make_series(HELD_OUT_SEED, index, 2000, config.SyntheticConfig())
        if made.labels.any():
            for name, scores in ways.items():
                found[name].append(average_precision_score(made.labels, scores(made.values.astype(np.float64))))
    means = {name: float(np.mean(values)) for name, values in found.items()}
    print(means)
    assert means["shipped"] > 0.4
    assert means["net"] > 2 * max(means["untrained"], means["moving_z"])
    assert means["shipped"] > means["net"]


def test_a_table_becomes_events_without_training(tmp_path):
    random, t = np.random.default_rng(3), np.arange(4000)
    pulses = np.exp(-((t % 53 - 15) ** 2) / 30) + 0.4 * np.exp(-((t % 53 - 35) ** 2) / 60)
    pulses[HIDDEN] = pulses[HIDDEN][::-1].copy()
    times = pd.Timestamp("2024-01-01") + pd.to_timedelta(t * 10, unit="s")
    table = pd.DataFrame({"time_utc": times, "level": 3 + 20 * (pulses + random.normal(0, 0.03, len(t)))})
    table.loc[700:703, "level"] = np.nan
    table.to_csv(tmp_path / "pump.csv", index=False)
    common = ["-c", str(SETTINGS), "--device", "cpu", "--data-clips", str(tmp_path / "reels")]
    assert main.main(["-m", "prep", *common, "--data-raw", str(tmp_path / "pump.csv")]) == 0
    assert main.main(["-m", "eval", *common, "--model-path", str(tmp_path / "run")]) == 0
    out = tmp_path / "run" / "eval" / "pump"
    events = pd.read_csv(out / "events.csv")
    print(events[["frame_start", "frame_peak", "frame_end", "peak_score"]])
    assert 1 <= len(events) <= 2
    highest = events.loc[events["peak_score"].idxmax()]
    assert HIDDEN.start - 53 < highest["frame_start"] < highest["frame_end"] < HIDDEN.stop + 53
    assert (events["peak_score"] > 0.5 * highest["peak_score"]).sum() == 1  # the other one is a faint one
    summary = json.loads((out / "summary.json").read_text())
    assert summary["frames"] == len(table)
