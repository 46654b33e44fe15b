"""The demo's end with a bundle: its events beside those of eval, and the runner in an environment of its own."""

import json
import os
import subprocess
import sys

import pandas as pd
import pytest

from data.reel.reel import find_reels
from demo import compare_with_eval
from demo.compare_with_eval import SAME
from inference.runner.run import Runner
from tests.support.bundles import exported, flash_reel, trained_on_video
from tests.support.paths import ROOT

needs_a_shell = pytest.mark.skipif(sys.platform == "win32", reason="needs a shell")
EVENTS = pd.DataFrame([[3, 5, 9, 1, 2, 6, 7, 2], [20, 21, 22, 0, 0, 3, 3, 1]], columns=list(SAME))


def told(tmp_path, capsys, ours: pd.DataFrame, theirs: pd.DataFrame) -> str:
    (tmp_path / "events.jsonl").write_text(ours.to_json(orient="records", lines=True))
    theirs.to_csv(tmp_path / "events.csv", index=False)
    compare_with_eval.main([str(tmp_path / "events.jsonl"), str(tmp_path / "events.csv")])
    return capsys.readouterr().out


def test_the_same_events_are_counted_with_how_far_their_scores_are_apart(tmp_path, capsys):
    text = told(tmp_path, capsys, EVENTS.assign(peak_score=[10.2, 4.0]), EVENTS.assign(peak_score=[10.0, 4.0]))
    assert text.startswith("2 events are the same, of 2 of the bundle and 2 of eval;")
    assert text.strip().endswith("peak scores differ by at most 2.00%")


@pytest.mark.parametrize("name", SAME)
def test_an_event_that_differs_in_anything_is_another_one(tmp_path, capsys, name):
    known = EVENTS.assign(peak_score=1.0)
    other = known.assign(**{name: known[name] + [0, 1]})
    assert told(tmp_path, capsys, other, known).startswith("1 events are the same, of 2 of the bundle and 2 of eval")


def test_no_events_are_no_error(tmp_path, capsys):
    known = EVENTS.assign(peak_score=1.0)
    assert told(tmp_path, capsys, known[:0], known).strip() == "0 events are the same, of 0 of the bundle and 2 of eval"


@needs_a_shell
@pytest.mark.parametrize(("given", "why"), [
    (["--alone"], "--alone goes with --export"), (["int8"], "int8 goes with --export"),
    (["--export", "int4"], "unknown: int4; usage"),
])  # fmt: skip
def test_the_demo_refuses_what_it_does_not_know_before_any_work(given, why):
    done = subprocess.run([ROOT / "demo" / "run.sh", *given], capture_output=True, text=True)
    assert done.returncode == 2
    assert why in done.stderr


@needs_a_shell
@pytest.mark.timeout(1200)  # a network may be slow
@pytest.mark.skipif("NEW_ENVIRONMENT" not in os.environ, reason="downloads 300 MB; NEW_ENVIRONMENT=1 asks for it")
def test_a_bundle_scores_in_a_new_environment_without_pytorch(tmp_path):
    trained_on_video(tmp_path)
    bundle, reels = exported(tmp_path / "run", tmp_path / "base.yaml"), flash_reel(tmp_path)
    place = {"RUNNER_VENV": os.path.relpath(tmp_path / "venv", ROOT), "PYTHON_BASE": sys.executable}
    command = [ROOT / "demo" / "runner_alone.sh", bundle, reels]
    done = subprocess.run(command, env=os.environ | place, capture_output=True, text=True)
    if "ERROR: No matching distribution" in done.stderr:
        pytest.skip(f"pip can install nothing here: {done.stderr.splitlines()[-1]}")
    assert done.returncode == 0, done.stderr
    (reel,) = find_reels(reels)
    events = [{"type": "event", "stream": reel.name, **event} for event in Runner(bundle, 1).of_reel(reel)]
    assert [json.loads(line) for line in done.stdout.splitlines()] == events
    assert events
