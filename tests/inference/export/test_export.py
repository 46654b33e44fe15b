"""A bundle scores as its checkpoint does, and is not written where it does not."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest

import main
from config import EvalConfig
from data.disk.damage import Damaged
from data.reel.reel import find_reels
from inference.calibration.noise import NoiseModel
from inference.calibration.thresholds import Calibration
from inference.export import export as exporting
from inference.export import parity
from inference.export.export import export
from inference.export.exported import Exported
from inference.export.parity import found_by
from inference.export.precision import SAME
from inference.job import Job
from inference.runner.bundle import Bundle
from inference.runner.run import Runner
from inference.scorers.nets.residual import Samples
from tests.support.bundles import exported, flash_reel, trained_on_video
from tests.support.reels import make_reel
from tests.support.streams import settings

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("video")
    trained_on_video(folder)
    flash_reel(folder)
    return folder / "run"


@pytest.fixture(scope="module")
def bundle(run):
    return exported(run, run.parent / "base.yaml")


def certificate(bundle) -> dict:
    return json.loads((bundle / "certificate.json").read_text())


def test_a_certificate_tells_of_quiet_and_planted_frames_that_all_is_the_same(bundle):
    found = certificate(bundle)
    assert found["holds"]
    assert 0 < found["score_difference"] <= found["allowed"]["score"]
    quiet, planted = found["on"]["quiet"], found["on"]["planted"]
    assert quiet["frames"] == planted["frames"] >= 16
    assert quiet["common_mode"]  # of pictures; see test_methods.py for one that takes none off
    assert planted["events"][0] == planted["events"][1] > 0
    assert planted["boxes"][0] > quiet["boxes"][0]


def test_a_bundle_finds_in_a_reel_what_the_checkpoint_finds(run, bundle):
    exact = Exported(run, settings(run.parent))
    exact.scorer.amp = "off"
    (reel,) = find_reels(run.parent / "new")
    theirs = found_by(exact.job(reel, exact.scorer)).events
    ours = Runner(bundle, threads=1).of_reel(reel)
    assert len(ours) == len(theirs) > 0
    for record, event in zip(ours, json.loads(theirs.to_json(orient="records")), strict=True):
        for name in ("frame_start", "frame_peak", "frame_end", "x0", "y0", "x1", "y1", "level", "model", "config"):
            assert record[name] == event[name], name
        assert record["peak_score"] == pytest.approx(event["peak_score"], rel=1e-3)


def test_a_bundle_of_a_series_scores_as_its_checkpoint(evaluated_series, tmp_path):
    run = evaluated_series.parent.parent
    found = certificate(exported(run, run / "config.yaml", "--set", f"export.to={tmp_path / 'b'}") and tmp_path / "b")
    assert found["holds"]
    assert found["on"]["planted"]["events"][0] > 0
    assert_placeless(tmp_path / "b", run)
    assert Bundle.open(tmp_path / "b").about["no_video"] == "the model was trained on a reel that holds no video"


def louder(file: bytes) -> bytes:
    """A net of ONNX whose answers are 2 % larger."""
    model = onnx.load_from_string(file)
    (answer,) = model.graph.output
    for node in model.graph.node:
        node.output[:] = ["quieter" if name == answer.name else name for name in node.output]
        node.input[:] = ["quieter" if name == answer.name else name for name in node.input]
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.float32(1.02), "factor"))
    model.graph.node.append(onnx.helper.make_node("Mul", ["quieter", "factor"], [answer.name]))
    return model.SerializeToString()


def test_a_net_that_scores_otherwise_is_not_written(run, bundle, tmp_path, monkeypatch):
    made = (bundle / "net.onnx").read_bytes()  # to trace the net again takes most of an export
    monkeypatch.setattr(exporting, "as_onnx", lambda net, *form: louder(made))
    config = settings(run.parent, export__to=str(tmp_path / "bundle"))
    with pytest.raises(ArithmeticError, match="does not score as the checkpoint does"):
        export(config)
    assert list(tmp_path.iterdir()) == []


def test_another_folder_is_not_replaced(run, tmp_path, capsys):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    given = ["-m", "export", "-c", str(run.parent / "base.yaml"), "--set", f"export.to={tmp_path / 'mine'}"]
    assert main.main([*given, "--check"]) == 2
    assert main.main(given) == 1
    assert "holds something else than a bundle; choose another folder with export.to" in capsys.readouterr().err
    assert (tmp_path / "mine" / "notes.txt").read_text() == "mine"


def test_it_can_be_checked_beforehand(run, capsys):
    assert main.main(["-m", "export", "-c", str(run.parent / "base.yaml"), "--check"]) == 0
    assert "windows of [channels, frames, height, width] [1, 8, 24, 32]" in capsys.readouterr().out


@pytest.mark.parametrize("score", ["mahalanobis", "mix"])
def test_scores_that_need_more_than_the_net_are_refused(run, score):
    config = settings(run.parent, eval__score=score)
    with pytest.raises(ValueError, match=rf"eval.score {score}; choose residual or standardised"):
        export(config)


@pytest.mark.parametrize("name", ["net.onnx", "calibration-0.npz", "camera-1.npz"])
def test_a_damaged_bundle_is_refused_by_name(bundle, tmp_path, name):
    copy = tmp_path / "bundle"
    copy.mkdir()
    for path in bundle.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    content = bytearray((copy / name).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / name).write_bytes(content)
    with pytest.raises(Damaged, match=rf"{name}.*export it again"):
        Bundle.open(copy)


def test_nothing_of_a_bundle_says_where_it_was_made(run, bundle):
    assert_placeless(bundle, run)


def assert_placeless(bundle: Path, run: Path):
    """No file of a bundle names the folder that its run lies in."""
    for path in bundle.iterdir():
        assert str(run.parent).encode() not in path.read_bytes()


def test_a_score_that_only_one_of_both_has_breaks_a_certificate(run, monkeypatch):
    exact = Exported(run, settings(run.parent))
    job = exact.job(find_reels(run.parent / "new")[0], exact.scorer)
    whole = found_by(job)
    for missing, broken in ((False, []), (True, ["there are places where only one of both has a score"])):
        scores = {i: score.copy() for i, score in whole.scores.items()}
        scores[max(scores)][0, 0] = np.nan if missing else scores[max(scores)][0, 0]
        both = iter((whole, whole._replace(scores=scores)))
        monkeypatch.setattr(parity, "found_by", lambda job, both=both: next(both))
        facts = parity.compared(parity.Pair(job, job, np.zeros(1, bool)), SAME)
        assert parity.beyond(facts, SAME) == broken


def series_job(folder: Path, scores: np.ndarray, low: float) -> Job:
    """A job on a made-up series with these scores (T, 1, 1), whose noise is 1."""
    reel = make_reel(folder / "series", np.zeros((len(scores), 1, 1, 1), np.float32), start_utc=None)
    identity = {"weights_sha256": "", "reel": "", "settings": {}}
    scorer: Any = SimpleNamespace(clip_length=8, samples=lambda *_: Samples(scores, np.ones(len(scores), bool)))
    made = Calibration(NoiseModel(np.zeros((1, 1), np.float32), np.ones((1, 1), np.float32)))
    return Job(reel, scorer, made, low, 2 * low, EvalConfig(score="residual"), identity, folder)


@pytest.mark.parametrize(("factor", "alike"), [(1 + 1e-6, True), (1.0, True), (1.05, False)])
def test_a_threshold_that_is_the_very_score_of_a_frame_breaks_no_certificate(tmp_path, factor, alike):
    """As of quiet data that give no more events than are allowed: it is the lowest of their levels."""
    scores = np.random.default_rng(0).random((60, 1, 1), np.float32)
    low = float(np.sort(scores, axis=None)[30])
    theirs, ours = (series_job(tmp_path, by * scores, low) for by in (1.0, factor))
    facts = parity.compared(parity.Pair(theirs, ours, np.zeros(1, bool)), SAME)
    assert facts["boxes"][0] > 10
    assert (facts["boxes_equal"] and facts["events_equal"]) == alike


@pytest.mark.parametrize(("apart", "holds"), [(0.0, True), (1e-6, True), (0.01, False)])
def test_quiet_data_that_never_scored_are_compared_in_units_of_the_noise(tmp_path, apart, holds):
    nothing = np.zeros((60, 1, 1), np.float32)
    theirs, ours = (series_job(tmp_path, nothing + by, low=0.0) for by in (apart, 0.0))
    facts = parity.compared(parity.Pair(theirs, ours, np.zeros(1, bool)), SAME._replace(events_equal=False))
    assert facts["score_difference"] == pytest.approx(apart)
    assert (parity.beyond(facts, SAME._replace(events_equal=False)) == []) == holds


@pytest.mark.parametrize(("common_mode", "jumps", "holds"), [
    (False, 0.0, True), (False, 1e-6, False), (True, 5e-4, True), (True, 6e-4, False),
])  # fmt: skip
def test_scores_may_jump_only_where_brightness_is_rounded(common_mode, jumps, holds):
    same = {"known_alike": True, "boxes_equal": True, "events_equal": True, "boxes": [1, 1], "events": [1, 1]}
    facts = same | {"common_mode": common_mode, "score_jumps": jumps, "score_difference": 0.01}
    assert (parity.beyond(facts, SAME) == []) == holds
