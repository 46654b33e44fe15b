"""A net in integers: its blocks and nothing else, nearly the same answers, and thresholds that quiet frames keep to."""

import functools
import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch

import models
from data.reel.reel import Reel
from inference.calibration.calibrate import kept_calibration
from inference.calibration.quiet.ranges import QuietRange
from inference.export import export as exporting
from inference.export import quantize
from inference.export.exported import Exported
from inference.export.integer_graph import MOVING
from inference.export.onnx_file import as_onnx, quietly
from inference.export.quantize import integer_weights, quantized
from inference.runner.bundle import Bundle
from inference.runner.engines.engine import engine_of
from inference.runner.net import Net
from inference.runner.run import Runner
from inference.scorers.nets.net import MOST_WINDOWS, quiet_windows
from models.video_model import VideoModel
from tests.inference.export.test_export import certificate
from tests.support.bundles import exported, run_without_torch, trained_on_video
from tests.support.reels import drifting_blobs, make_reel
from tests.support.streams import FLASH, FPS, scenes, settings, write
from tests.support.trainings import fitting, model_config
from tests.support.variants import SMALL

pytestmark = pytest.mark.usefixtures("one_thread")
SHAPE = (1, 8, 24, 32)


def some_net(name: str) -> VideoModel:
    torch.manual_seed(0)
    settings = fitting(name, SMALL | {"mask_fraction": 0.5})  # a trace of two turns is half as long as of four
    net = models.build(model_config(**settings), 1, SHAPE[1]).eval()
    with torch.no_grad():
        for weight in net.parameters():
            weight += 0.02 * torch.randn_like(weight)
    return net


@functools.cache
def traced(name: str) -> tuple[torch.nn.Module, bytes]:
    """Some net as it is exported, and its file in float32: tracing takes the time of these tests."""
    net = some_net(name).portable()
    return net, as_onnx(net, SHAPE)


def net_at(path: Path) -> Net:
    return Net(engine_of("onnx")(path, "int8", 1))


def windows(count: int) -> np.ndarray:
    return drifting_blobs(count * SHAPE[1], *SHAPE[2:]).reshape(count, SHAPE[1], 1, *SHAPE[2:]).swapaxes(1, 2)


@pytest.mark.parametrize("name", ["autoencoder", "prediction", "masked"])
def test_blocks_and_strides_alone_are_in_integers_and_the_net_answers_nearly_the_same(tmp_path, name):
    net, plain = traced(name)
    seen, new = windows(12)[:8], windows(12)[8:]
    small = quantized(plain, integer_weights(net), iter(seen[:, None].astype(np.float32)))
    (tmp_path / "plain.onnx").write_bytes(plain)
    (tmp_path / "small.onnx").write_bytes(small)
    model = onnx.load_from_string(small)
    shorter = [v.name for v in model.graph.initializer if v.data_type == onnx.TensorProto.INT8]
    assert {n.removesuffix("_quantized") for n in shorter if n.endswith("_quantized")} == integer_weights(net)
    theirs, ours = (net_at(tmp_path / f"{kind}.onnx")(new) for kind in ("plain", "small"))
    convolved = {n for n, p in net.named_parameters() if p.ndim > 1}
    kept = {"embed.project.weight", "backbone.layers.2.skip.weight"}  # the bottleneck is computed in the block before
    assert kept == {n for n in convolved - integer_weights(net) if not n.startswith("decoder")}
    # Steps of an activation are 1/255 of its range, and a block's share of the output is a part of the whole.
    assert 0 < np.abs(ours - theirs).max() < 0.05 * theirs.std()


def test_what_is_repeated_is_rounded_before_and_gives_the_same(tmp_path, monkeypatch):
    (net, plain), shown = traced("autoencoder"), windows(8)[:, None].astype(np.float32)
    found = {}
    for kind in ("before", "behind"):
        (tmp_path / f"{kind}.onnx").write_bytes(quantized(plain, integer_weights(net), iter(shown)))
        model = onnx.load(tmp_path / f"{kind}.onnx")
        onnx.checker.check_model(model, full_check=True)
        made = {node.output[0]: node for node in model.graph.node}
        expanded = {name for name, node in made.items() if node.op_type == "Expand"}
        whole = {name for name in expanded if behind(made[name], made, "QuantizeLinear")}
        found[kind] = net_at(tmp_path / f"{kind}.onnx")(windows(12)[8:]), whole
        monkeypatch.setattr(quantize, "repeated_in_integers", lambda model: model)
    assert len(found["before"][1]) == 2  # what a block repeats in space, and in time
    assert not found["behind"][1]
    np.testing.assert_array_equal(found["before"][0], found["behind"][0])


def behind(node: onnx.NodeProto, made: dict[str, onnx.NodeProto], kind: str) -> bool:
    """Whether nothing but moves lies between a node and one of this kind before it."""
    before = made.get(node.input[0])
    while before is not None and before.op_type in MOVING:
        before = made.get(before.input[0])
    return before is not None and before.op_type == kind


def test_what_quantizes_leaves_no_handler_that_would_repeat_our_messages(monkeypatch):
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    with quietly("root"):
        logging.warning("please consider to run pre-processing")  # as the library does
    assert logging.getLogger().handlers == []


def test_a_net_without_blocks_is_refused():
    with pytest.raises(ValueError, match="no blocks of convolutions to compute in it; choose fp32"):
        quantized(as_onnx(torch.nn.Identity(), SHAPE), set(), iter(()))


def test_windows_are_of_the_training_side_and_spread_over_it(tmp_path):
    reel: Reel = make_reel(tmp_path / "reel", np.arange(900, dtype=np.float32).reshape(900, 1, 1, 1))
    ranges = [QuietRange(reel, 0, 800, "train"), QuietRange(reel, 808, 900, "val")]
    found = [w.ravel() for w in quiet_windows(ranges, {"intensity": reel.stretches[0]}, 8)]
    assert len(found) <= MOST_WINDOWS
    starts = [w[0] for w in found]
    assert starts[0] == 0
    assert 780 <= found[-1][-1] < 800
    assert len(set(np.diff(starts).tolist())) == 1


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A folder with a run, its bundle in integers, and a video with a flash."""
    folder = tmp_path_factory.mktemp("int8")
    trained_on_video(folder)
    exported(folder / "run", folder / "base.yaml", "--precision", "int8")
    write(folder / "new.ts", scenes(120, FLASH))
    return folder


def test_the_certificate_tells_how_near_the_scores_are(work):
    found = json.loads((work / "run" / "export" / "certificate.json").read_text())
    assert found["holds"]
    planted = found["on"]["planted"]
    assert planted["score_difference_noise"] > planted["score_rms_noise"] > 0
    assert planted["planted_missed"] == 0
    assert planted["planted_found"][0] > 0
    assert abs(planted["auc"][0] - planted["auc"][1]) <= found["allowed"]["auc_lost"]


def kept_levels(work: Path) -> np.ndarray:
    run, config = work / "run", settings(work)
    return kept_calibration(run, Exported(run, config).scorer, ["intensity"], config.eval).levels


def test_its_thresholds_are_the_runs_where_quiet_frames_give_no_more_events(work):
    bundle, found = Bundle.open(work / "run" / "export"), certificate(work / "run" / "export")
    assert (bundle.about["precision"], bundle.about["thresholds_of"]) == ("int8", "run")
    theirs, ours = found["on"]["quiet"]["events"]
    assert ours <= theirs
    np.testing.assert_array_equal(bundle.calibration(["intensity"]).levels, kept_levels(work))


def test_where_quiet_frames_give_more_events_its_thresholds_are_of_its_own_scores(work, tmp_path, monkeypatch):
    certified = exporting.certified

    def more_at_first(folder: Path, *given: Any) -> dict[str, Any]:
        found = certified(folder, *given)
        if json.loads((folder / "bundle.json").read_text())["thresholds_of"] == "run":
            found["on"]["quiet"]["events"] = [3, 4]
        return found

    monkeypatch.setattr(exporting, "certified", more_at_first)
    to = f"export.to={tmp_path / 'bundle'}"
    exported(work / "run", work / "base.yaml", "--precision", "int8", "--set", to)
    bundle, kept = Bundle.open(tmp_path / "bundle"), kept_levels(work)
    assert bundle.about["thresholds_of"] == "bundle"
    assert certificate(tmp_path / "bundle")["on"]["quiet"]["events"] != [3, 4]
    own = bundle.calibration(["intensity"]).levels
    assert own.shape == kept.shape  # of the same frames
    assert 0 < np.abs(own - kept).max() < 0.25 * kept.max()


def test_without_pytorch_it_finds_the_flash(work):
    done = run_without_torch(work / "run" / "export", work / "new.ts", "--threads", "1")
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [r for r in told if r["type"] == "closed" and r["frame_start"] <= FLASH[0] + 1 <= r["frame_end"]]
    of_frames = list(Runner(work / "run" / "export", 1).of_frames(scenes(120, FLASH), FPS))
    assert any(r["type"] == "closed" and r["frame_start"] <= FLASH[0] + 1 <= r["frame_end"] for r in of_frames)
