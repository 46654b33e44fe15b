"""`vetime` in a bundle: its nets apart, rows and chunks of any size, and a whole run without PyTorch."""

import json

import numpy as np
import pytest
import torch

import main
from config import EvalConfig
from data.reel.reel import find_reels
from inference.export.onnx_file import part_as_onnx
from inference.runner.engines.engine import FILES
from inference.runner.nets import PART, Nets
from inference.runner.run import Runner
from inference.runner.zero_shot import Views
from inference.scorers.load import load_scorer
from inference.scorers.zero_shot.scorer import ZeroShotScorer
from inference.scorers.zero_shot.torch_net import TorchJudge, ZeroShotDetector
from models import vetime
from models.parts.separate import separate
from models.vetime import VeTime
from tests.support.bundles import run_without_torch
from tests.support.nets import with_open_head
from tests.support.reels import make_reel
from tests.support.rounding import rounding

pytestmark = pytest.mark.usefixtures("one_thread")
CPU, CHUNK = torch.device("cpu"), 128


def waves(n: int, variables: int, seed: int = 0) -> np.ndarray:
    """Noisy waves (n, variables) of periods of their own, with a gap, a step, a huge spike and a constant."""
    random, t = np.random.default_rng(seed), np.arange(n)[:, None]
    values = np.sin(2 * np.pi * t / random.uniform(6, 40, variables)) + random.normal(0, 0.1, (n, variables))
    values[n // 3 : n // 3 + n // 20, 0] = np.nan
    values[n // 2 :, -1] += 2
    values[n // 4, -1] = 1e4
    values[:, 2::3] = 7.0
    return values


def bumpy(seed: int = 1, n: int = 2600) -> np.ndarray:
    """Two waves with noise, of which one stands still, goes on elsewhere, and has a spike."""
    values = waves(n, 2, seed)
    values[1500:1560, 1] = values[1500, 1]
    values[2000:2060, 0] = values[2000:2060, 0][::-1] * 2
    return values


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """The weights that come with the program as a run and as a bundle, and a reel that eval has looked at."""
    folder = tmp_path_factory.mktemp("zero_shot")
    values = bumpy()
    reel = make_reel(folder / "new" / "pump", values[:, :, None, None], cadence_s=60.0, channels=["flow", "heat"])
    np.save(reel.path / "missing.npy", np.isnan(values))
    settings = {"model": {"name": "vetime"}, "model_path": str(folder / "run"), "device": "cpu", "workers": 0,
                "data_clips": str(folder / "new"), "eval": {"false_alarms_per_day": 10.0, "movie": False}}  # fmt: skip
    (folder / "settings.yaml").write_text(json.dumps(settings))
    for mode in ("eval", "export"):
        assert main.main(["-m", mode, "-c", str(folder / "settings.yaml")]) == 0
    return folder


@pytest.fixture(scope="module")
def of_the_past(tmp_path_factory):
    """Scorers, by PyTorch and by each engine, of a small net of one view that is scaled by the past alone."""
    torch.manual_seed(0)
    with pytest.MonkeyPatch.context() as few:  # every layer more costs a second of tracing
        few.setattr(vetime, "DILATIONS", (1, 2))
        net = with_open_head(VeTime(16, "temporal", context=CHUNK // 2)).eval()
    found = {"pytorch": ZeroShotDetector(net, CPU, CHUNK, np.empty(0))}
    graphs = {PART.format(name): part_as_onnx(part) for name, part in separate(net).items()}
    for engine in FILES:
        nets = Nets.of(tmp_path_factory.mktemp("nets"), {"engine": engine, "precision": "fp32"}, threads=1)
        for name, graph in graphs.items():
            nets.write(name, graph)
        found[engine] = ZeroShotScorer(Views(nets, net.context), CHUNK, np.empty(0))
    return found


@pytest.fixture(scope="module")
def shipped(work):
    """Scorers by PyTorch and by ONNX Runtime of the shipped weights."""
    return {"pytorch": load_scorer(work / "run", "cpu")[0], "onnx": Runner(work / "run" / "export", 1).scorer}


@pytest.fixture(params=[("of_the_past", "onnx"), ("of_the_past", "openvino"), ("shipped", "onnx")], ids="-".join)
def pair(request):
    name, engine = request.param
    found = request.getfixturevalue(name)
    return found["pytorch"], found[engine]


def test_a_series_of_any_length_and_number_of_variables_scores_as_in_pytorch(pair):
    theirs, ours = pair
    for n, variables in ((64, 1), (90, 2), (CHUNK, 1), (1027, 3), (2 * CHUNK, 40)):
        values = waves(n, variables)
        expected = theirs.of_net(values)
        assert expected.std() > 1e-3
        # Sums of some thousand products in float32, in another order, through some ten layers.
        np.testing.assert_allclose(ours.of_net(values), expected, rtol=0, atol=rounding(100, np.abs(expected).max()))
        # What is beside the net is the same code: nothing of it differs by more than the net does.
        found, whole = ours.logits(values), theirs.logits(values)
        np.testing.assert_allclose(found, whole, rtol=0, atol=rounding(100, np.abs(whole).max()))


def test_what_is_not_there_is_absent_and_scales_are_the_same(pair):
    theirs, ours = pair
    x = np.float32(np.stack([waves(CHUNK, 3, seed).T for seed in range(3)]))
    x[0, 1], x[2] = np.nan, np.nan
    expected, found = theirs.net(x), ours.net(x)
    np.testing.assert_array_equal(found.center, expected.center)
    np.testing.assert_array_equal(found.spread, expected.spread)
    np.testing.assert_array_equal(found.logits == vetime.ABSENT, expected.logits == vetime.ABSENT)
    assert (found.logits[2] == vetime.ABSENT).all()
    nothing = np.full((1, 2, 64), np.nan, np.float32)
    np.testing.assert_array_equal(ours.net(nothing).logits, TorchJudge(theirs.model, CPU)(nothing).logits)


def test_its_certificate_is_from_a_synthetic_series_and_holds(work):
    found = json.loads((work / "run" / "export" / "certificate.json").read_text())
    assert found["holds"]
    assert found["on"]["quiet"]["frames"] == found["on"]["planted"]["frames"] == 4 * 1024
    assert 0 < found["score_difference"] < 1e-5
    assert found["on"]["planted"]["events"][0] == found["on"]["planted"]["events"][1] > 0


def test_without_pytorch_the_shipped_weights_find_the_events_of_eval(work):
    done = run_without_torch(work / "run" / "export", work / "new", "--threads", "1")
    assert done.returncode == 0, done.stderr
    ours = [json.loads(line) for line in done.stdout.splitlines()]
    theirs = json.loads((work / "run" / "eval" / "pump" / "events.json").read_text())["events"]
    names = ("frame_start", "frame_peak", "frame_end", "level", "variables")
    assert [[event[n] for n in names] for event in ours] == [[event[n] for n in names] for event in theirs]
    assert ours
    for our, their in zip(ours, theirs, strict=True):
        assert our["peak_score"] == pytest.approx(their["peak_score"], rel=1e-5)


@pytest.mark.parametrize("combine", ["max", "each"])
def test_each_sample_of_each_variable_scores_as_by_the_checkpoint(work, shipped, combine):
    (reel,), settings = find_reels(work / "new"), EvalConfig(combine=combine)
    expected, ours = (scorer.samples(reel, 0, len(reel), settings) for scorer in shipped.values())
    assert ours.residual.shape[1] == (2 if combine == "each" else 1)
    np.testing.assert_allclose(ours.residual, expected.residual, rtol=0, atol=rounding(100, expected.residual.max()))
    np.testing.assert_array_equal(ours.valid, expected.valid)


def test_in_integers_it_is_refused_before_any_work(work, capsys):
    given = ["-m", "export", "-c", str(work / "settings.yaml"), "--precision", "int8", "--check"]
    assert main.main(given) == 2
    assert "has a net that is exported in float32 alone; choose fp32" in capsys.readouterr().out


def test_the_net_that_comes_trained_can_be_checked_and_nothing_is_written(tmp_path, capsys):
    given = ["-m", "export", "--set", "model.name=vetime", "--model-path", str(tmp_path / "run"), "--check"]
    assert main.main(given) == 0
    told = capsys.readouterr().out
    assert "vetime.safetensors, 3 nets for series of any length" in told
    assert f"bundle: {tmp_path / 'run' / 'export'}" in told
    assert not (tmp_path / "run").exists()
