"""Windows judged as a whole by what a net gets wrong in them: against slow oracles, and outside of PyTorch."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import config
import main
from config import EvalConfig
from inference.scorers.load import Opened
from inference.scorers.nets.whole_windows import WholeWindowScorer, power_of, usual_of
from inference.scorers.nets.windowed import WindowScorer
from tests.support.bundles import exported, run_without_torch
from tests.support.reels import make_reel

LENGTH, FAULT = 24, slice(300, 330)
STAGES = [{"width": 8, "dilation": d, "kernel": [3, 1, 1]} for d in (1, 2)]
PLACE = ("frame_start", "frame_peak", "frame_end", "level")


class Still(WindowScorer):
    """A net that rebuilds every sample as 0."""

    answers = slice(0, LENGTH)

    def reconstruct(self, batch):
        return np.zeros_like(batch.transpose(0, 2, 1, 3, 4))


def power_by_hand(error: np.ndarray) -> list[float]:
    """Of one window (T,): the sums of a discrete Fourier transform, written out."""
    T, n = len(error), np.arange(len(error))
    faded = error * (0.5 - 0.5 * np.cos(2 * np.pi * n / (T - 1)))
    return [abs(sum(faded * np.exp(-2j * np.pi * k * n / T))) ** 2 for k in range(T // 2 + 1)]


@given(st.integers(0, 10_000), st.integers(4, 40))
def test_power_is_that_of_a_transform_by_hand(seed, T):
    errors = np.random.default_rng(seed).standard_normal((2, 3, T))
    expected = [[power_by_hand(error) for error in window] for window in errors]
    np.testing.assert_allclose(power_of(errors), expected, rtol=1e-9, atol=1e-9 * T)


@pytest.mark.parametrize("judged_by", ["time", "spectrum", "product"])
def test_errors_are_in_units_of_quiet_ones_by_variable_and_frequency(judged_by):
    """Ten times the error is ten times the score, in both ways; a variable ten times as uneven has the same scores."""
    quiet = np.random.default_rng(0).standard_normal((400, 2, LENGTH)) * np.array([[1.0], [10.0]])
    usual = usual_of(quiet)
    scorer = WholeWindowScorer(Still(LENGTH, {}), judged_by, lambda: usual)
    found = scorer.of_windows(quiet)
    parts = {
        "time": (quiet**2).mean(axis=2) / (quiet**2).mean(axis=(0, 2)),
        "spectrum": (power_of(quiet) / power_of(quiet).mean(axis=0)).mean(axis=2),
    }
    expected = np.prod([part for name, part in parts.items() if judged_by in (name, "product")], axis=0)
    np.testing.assert_allclose(found**2, expected, rtol=2e-3)  # LEAST_POWER of the mean is added to each frequency
    np.testing.assert_allclose(found.mean(axis=0), 1, atol=0.1)
    times = 100 if judged_by == "product" else 10
    np.testing.assert_allclose(scorer.of_windows(10 * quiet), times * found, rtol=1e-5)


def test_a_frequency_that_quiet_errors_lack_stands_out_in_the_spectrum():
    n, random = np.arange(LENGTH), np.random.default_rng(0)
    phases = random.uniform(0, 2 * np.pi, (300, 1, 1))
    quiet = np.sin(2 * np.pi * n / 12 + phases) + 0.01 * random.standard_normal((300, 1, LENGTH))
    strange = quiet[:1] + 0.2 * (-1.0) ** n
    scores = {}
    for judged_by in ("time", "spectrum"):
        scorer = WholeWindowScorer(Still(LENGTH, {}), judged_by, lambda: usual_of(quiet))
        scores[judged_by] = scorer.of_windows(strange)[0, 0] / scorer.of_windows(quiet).max()
    assert scores["spectrum"] > 3 > 1.5 > scores["time"]


@pytest.mark.parametrize("length", [1, 2, 3, 4])
def test_the_shortest_windows_have_a_spectrum_too(length):
    assert (power_of(np.ones((1, 1, length))).sum(axis=2) > 0).all()


@pytest.mark.parametrize("name", ["tvnet", "timesnet", "dual"])
def test_a_run_tells_by_which_errors_it_is_judged_and_one_from_before_the_choice_by_samples(name):
    def judged_by(task: str, **told: str) -> str:
        saved = {"model": {"name": name, "task": task, **told}}
        opened = Opened(Path(), config.from_dict(saved, "run"), {"config": saved}, torch.device("cpu"), EvalConfig())
        return opened.judged_by

    assert judged_by("anomaly") == "samples"
    assert [judged_by("anomaly", judged_by=way) for way in ("spectrum", "samples")] == ["spectrum", "samples"]
    if name != "dual":
        assert judged_by("forecast") == judged_by("impute") == "samples"


@pytest.fixture(scope="module")
def work(tmp_path_factory, one_thread):
    """A folder with a run, its settings, its bundle, and a new series that eval has looked at."""
    folder, random = tmp_path_factory.mktemp("dual"), np.random.default_rng(0)
    shown = {"cadence_s": 60.0, "channels": ["a", "b"], "clip_length": LENGTH, "stride": 4}
    for place, fault in (("reels/quiet", 0), ("new/unseen", 0.3)):
        wave = 0.5 + 0.2 * np.sin(2 * np.pi * np.arange(600)[:, None] / np.array([12, 16]))
        values = wave + 0.01 * random.standard_normal(wave.shape)
        values[FAULT, 1] += fault * random.standard_normal(FAULT.stop - FAULT.start)
        make_reel(folder / place, values[:, :, None, None].astype(np.float32), **shown)
    settings = {
        "data_clips": str(folder / "reels"), "model_path": str(folder / "run"), "device": "cpu", "workers": 0,
        "model": {"name": "dual", "stages": STAGES},
        "train": {"loss": "mse", "epochs": 4, "warmup_epochs": 0.0, "batch_size": 16, "lr": 3e-3},
        "eval": {"stride": 4, "false_alarms_per_day": 20.0},
    }  # fmt: skip
    (folder / "settings.yaml").write_text(json.dumps(settings))
    for words in (["train"], ["eval", "--data-clips", str(folder / "new")]):
        assert main.main(["-m", words[0], "-c", str(folder / "settings.yaml"), *words[1:]]) == 0
    exported(folder / "run", folder / "settings.yaml")
    return folder


def test_the_program_finds_the_fault_and_its_variable(work):
    events = json.loads((work / "run" / "eval" / "unseen" / "events.json").read_text())["events"]
    strongest = max(events, key=lambda event: event["peak_score"])
    assert strongest["frame_start"] < FAULT.stop
    assert strongest["frame_end"] >= FAULT.start
    assert next(iter(strongest["variables"])) == "b"


def test_without_pytorch_it_finds_the_events_of_eval(work):
    found = json.loads((work / "run" / "export" / "certificate.json").read_text())
    assert found["holds"]
    done = run_without_torch(work / "run" / "export", work / "new", "--threads", "1")
    assert done.returncode == 0, done.stderr
    ours = [json.loads(line) for line in done.stdout.splitlines()]
    theirs = json.loads((work / "run" / "eval" / "unseen" / "events.json").read_text())["events"]
    assert [[event[name] for name in PLACE] for event in ours] == [[event[name] for name in PLACE] for event in theirs]
