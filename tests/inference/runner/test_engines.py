"""Engines: whatever net they are given they answer alike, and what one can't do is told before any work."""

import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx.helper import make_graph, make_model, make_node, make_opsetid, make_tensor_value_info

from config import ConfigError
from inference.runner.engines.engine import FILES, engine_of
from inference.runner.net import Net
from inference.runner.nets import NET, Nets
from tests.support.bundles import REQUIREMENTS
from tests.support.rounding import rounding

KINDS = ("Conv", "Gelu", "Sigmoid", "Softmax", "Twice", "Mean")
CHANNELS, SIDE = 4, 6


def net_of(kinds: list[str], seed: int, is_free: bool) -> bytes:
    """A net of ONNX of such layers for pictures of CHANNELS, any number of them or one."""
    random, nodes, weights, name = np.random.default_rng(seed), [], [], "windows"
    for number, kind in enumerate(kinds):
        before, name = name, f"layer{number}"
        if kind == "Conv":
            drawn = random.normal(0, 0.3, (CHANNELS, CHANNELS, 3, 3)).astype(np.float32)
            weights.append(onnx.numpy_helper.from_array(drawn, f"weight{number}"))
            nodes.append(make_node(kind, [before, f"weight{number}"], [name], pads=[1] * 4))
        elif kind == "Twice":
            nodes.append(make_node("Add", [before, "windows"], [name]))
        elif kind == "Mean":
            nodes.append(make_node("AveragePool", [before], [name], kernel_shape=[3, 3], pads=[1] * 4))
        else:
            nodes.append(make_node(kind, [before], [name]))
    shape = ["B" if is_free else 1, CHANNELS, SIDE, SIDE]
    given, made = (make_tensor_value_info(n, onnx.TensorProto.FLOAT, shape) for n in ("windows", name))
    return make_model(
        make_graph(nodes, "net", [given], [made], weights), opset_imports=[make_opsetid("", 20)], ir_version=10
    ).SerializeToString()


def run_by(name: str, graph: bytes, precision: str, folder: Path) -> Net:
    engine = engine_of(name)
    engine.write(graph, path := folder / f"net{engine.suffix}")
    return Net(engine(path, precision, 1))


@given(st.lists(st.sampled_from(KINDS), min_size=1, max_size=6), st.integers(0, 99), st.booleans(), st.integers(1, 3))
def test_all_engines_answer_alike_in_float32(kinds, seed, is_free, count):
    x = np.random.default_rng(seed).normal(0, 1, (count, CHANNELS, SIDE, SIDE)).astype(np.float32)
    graph = net_of(kinds, seed, is_free)
    with tempfile.TemporaryDirectory() as folder:
        first, *others = (run_by(name, graph, "fp32", Path(folder))(x) for name in FILES)
    assert first.shape == x.shape
    for found in others:
        np.testing.assert_allclose(found, first, rtol=0, atol=rounding(100, np.abs(first).max()))


def test_bfloat16_rounds_more_and_float32_does_not(tmp_path):
    engine = engine_of("openvino")
    if lacking := engine.lacks("bf16"):
        pytest.skip(lacking)
    graph = net_of(["Conv", "Gelu", "Conv"], 0, True)
    x = np.random.default_rng(1).normal(0, 1, (2, CHANNELS, SIDE, SIDE)).astype(np.float32)
    exact, short = (run_by("openvino", graph, precision, tmp_path)(x) for precision in ("fp32", "bf16"))
    assert 2**-12 < np.abs(short - exact).max() / exact.std() < 2**-5  # numbers of 8 bits, a few times rounded


def test_a_processor_without_bfloat16_computes_in_float32_and_says_so(tmp_path, monkeypatch, caplog):
    engine, graph = engine_of("openvino"), net_of(["Conv", "Sigmoid"], 0, True)
    monkeypatch.setattr(engine, "lacks", staticmethod(lambda precision: "this processor has no bfloat16"))
    x = np.random.default_rng(1).normal(0, 1, (1, CHANNELS, SIDE, SIDE)).astype(np.float32)
    found = run_by("openvino", graph, "bf16", tmp_path)(x)
    assert "no bfloat16; the net is computed in float32 here" in caplog.text
    np.testing.assert_array_equal(found, run_by("openvino", graph, "fp32", tmp_path)(x))


def test_onnx_runtime_has_no_bfloat16_and_names_the_way_out():
    assert "choose --format openvino, or --precision fp32 or int8" in engine_of("onnx").lacks("bf16")
    assert not any(engine_of(name).lacks(precision) for name in FILES for precision in ("fp32", "int8"))


def test_a_net_that_openvino_does_not_know_is_refused_with_the_way_out(tmp_path):
    strange = onnx.load_from_string(net_of(["Conv"], 0, True))
    strange.graph.node[0].domain = "nobody"
    strange.opset_import.append(make_opsetid("nobody", 1))
    with pytest.raises(ValueError, match=r"OpenVINO can't run this net \(.+\); choose --format onnx"):
        engine_of("openvino").write(strange.SerializeToString(), tmp_path / "net.xml")
    assert not list(tmp_path.iterdir())


def test_an_engine_that_is_not_installed_or_not_known_is_told(monkeypatch):
    monkeypatch.delitem(sys.modules, "inference.runner.engines.openvino_ir", raising=False)
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(ConfigError, match=r"not installed; pip install -r inference/runner/requirements-openvino.txt"):
        engine_of("openvino")
    assert REQUIREMENTS.with_name("requirements-openvino.txt").is_file()
    with pytest.raises(ConfigError, match=r"no engine for the format 'tflite'; there are onnx and openvino"):
        engine_of("tflite")


def test_a_bundle_of_before_is_run_by_onnx_runtime(tmp_path):
    nets = Nets.of(tmp_path, {"precision": "fp32"}, threads=1)
    assert (nets.engine, NET in nets) == (engine_of("onnx"), False)
    nets.write(NET, net_of(["Conv"], 0, True))
    assert (NET in nets, [path.name for path in tmp_path.iterdir()]) == (True, ["net.onnx"])
