"""A training that is killed and resumed ends with the same weights, bit for bit, as one that never was."""

import os
import shutil
import signal
from pathlib import Path

import pandas as pd
import pytest
import torch

from tests.support import stepwise
from tests.support.trainings import small_config, small_reel
from tests.support.warm import warm_main
from training.checkpoint import load
from training.places import path_of
from training.train import train


class Worker:
    """A training in a process of its own that waits after each of its steps."""

    def __init__(self, folder: Path, *more: str):
        self.errors = folder / "stderr.txt"
        given, ours = os.pipe()
        self.stdin = os.fdopen(ours, "w", encoding="utf-8")
        with self.errors.open("wb") as errors:
            words = [str(folder / "clips"), str(folder / "killed"), *more]
            self.process = warm_main().start(*words, errors=errors.fileno(), given=given, program=stepwise.__name__)
        os.close(given)

    def wait_for_step(self, step: int) -> None:
        for line in self.process.stdout:
            if line.strip().isdigit():
                if int(line) == step:
                    return
                self.stdin.write("\n")
                self.stdin.flush()
        raise AssertionError(f"ended before step {step}: {self.errors.read_text(encoding='utf-8')}")

    def end(self, number: signal.Signals) -> tuple[int, str]:
        """Send a signal and let it go on; returns the exit code and what was said on stderr."""
        self.process.send_signal(number)
        self.stdin.close()
        return self.process.end(), self.errors.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Two runs of 15 steps in 3 epochs: `whole` was never interrupted, `killed` was, by SIGKILL and by Ctrl-C."""
    folder = tmp_path_factory.mktemp("kill")
    small_reel(folder / "clips" / "sun", T=114)

    worker = Worker(folder)
    worker.wait_for_step(3)
    assert worker.end(signal.SIGKILL)[0] == -signal.SIGKILL
    assert load(path_of(folder / "killed", "last"))["state"]["step"] == 3

    worker = Worker(folder, "resume")
    worker.wait_for_step(8)
    code, said = worker.end(signal.SIGINT)
    state = load(path_of(folder / "killed", "last"))["state"]
    assert code != 0
    assert f"KeyboardInterrupt: stopped after step {state['step']}; go on with --resume" in said
    assert state["step"] in (8, 9)  # the signal comes to the step that follows, or to the one that waits

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    train(small_config(folder / "clips", folder / "killed", train__resume=True))
    train(small_config(folder / "clips", folder / "whole"))
    torch.set_num_threads(threads)
    return folder


@pytest.mark.parametrize("which", ["last", "best", "epoch_0002"])
def test_weights_and_optimizer_are_the_same_bit_for_bit(folder, which):
    whole, killed = (load(path_of(folder / run, which)) for run in ("whole", "killed"))
    assert whole["state"]["step"] == killed["state"]["step"]
    for name, expected in whole["model"].items():
        assert torch.equal(killed["model"][name], expected), name
    for key, expected in whole["optimizer"]["state"].items():
        for moment, tensor in expected.items():
            assert torch.equal(killed["optimizer"]["state"][key][moment], tensor), (key, moment)


def test_metrics_are_the_same_and_no_epoch_is_told_twice(folder):
    tables = (pd.read_csv(folder / run / "metrics.csv") for run in ("whole", "killed"))
    whole, killed = (table.drop(columns="frames_per_s") for table in tables)
    pd.testing.assert_frame_equal(killed, whole, check_exact=True)
    assert whole["epoch"].tolist() == [1, 2, 3]


def test_the_run_tells_how_often_it_was_resumed(folder):
    facts = pd.read_json(folder / "killed" / "run.json", typ="series")
    first, second = (resumed["step"] for resumed in facts["resumed"])
    assert first == 3
    assert second in (8, 9)


def test_a_finished_run_resumed_again_stays_as_it_is(folder, tmp_path):
    run = shutil.copytree(folder / "killed", tmp_path / "run")  # which will tell of one more time
    before = path_of(run, "best").read_bytes()
    weights = load(path_of(run, "last"))["model"]
    train(small_config(folder / "clips", run, train__resume=True))
    assert path_of(run, "best").read_bytes() == before
    for name, tensor in load(path_of(run, "last"))["model"].items():
        assert torch.equal(tensor, weights[name])
