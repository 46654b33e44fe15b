"""What is rewritten between integers gives what it gave, within the steps that these have."""

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import numpy_helper
from onnx.helper import make_graph, make_model, make_node, make_opsetid, make_tensor_value_info
from scipy.special import expit, ndtr

from inference.export.integer_graph import STEEP, gelu_in_integers, moved_in_half

FLOAT = onnx.TensorProto.FLOAT
VALUES = np.linspace(-8, 8, 4096, dtype=np.float32).reshape(2, 32, 64)
STEPS = st.tuples(st.floats(0.005, 0.05), st.integers(0, 255))


def between_integers(read: tuple[float, int], rounded: tuple[float, int], again: bool = False) -> onnx.ModelProto:
    """x in steps, moved, its GELU, moved back, in other steps; with `again` what is moved is read by another node too.

    read, rounded: size of a step and the integer of 0.
    """
    named = {"s": np.float32(read[0]), "z": np.uint8(read[1]), "t": np.float32(rounded[0]), "u": np.uint8(rounded[1])}
    nodes = [
        make_node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        make_node("DequantizeLinear", ["q", "s", "z"], ["read"]),
        make_node("Transpose", ["read"], ["moved"], perm=[2, 0, 1]),
        make_node("Gelu", ["moved"], ["gelu"]),
        make_node("Transpose", ["gelu"], ["back"], perm=[1, 2, 0]),
        make_node("QuantizeLinear", ["back", "t", "u"], ["p"]),
        make_node("DequantizeLinear", ["p", "t", "u"], ["y"]),
        *([make_node("Neg", ["moved"], ["negative"])] if again else []),
    ]
    outs = [make_tensor_value_info("y", FLOAT, VALUES.shape)]
    outs += [make_tensor_value_info("negative", FLOAT, [64, 2, 32])] if again else []
    kept = [numpy_helper.from_array(np.asarray(value), name) for name, value in named.items()]
    graph = make_graph(nodes, "steps", [make_tensor_value_info("x", FLOAT, VALUES.shape)], outs, kept)
    return make_model(graph, opset_imports=[make_opsetid("", 20)], ir_version=10)


def answer(model: onnx.ModelProto, x: np.ndarray = VALUES) -> np.ndarray:
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(["y"], {"x": x})[0]


@settings(max_examples=25)
@given(STEPS, STEPS)
def test_a_gelu_between_integers_is_a_table_and_a_product(read, rounded):
    found = gelu_in_integers(between_integers(read, rounded))
    assert [n.op_type for n in found.graph.node][1:4] == ["QLinearSigmoid", "QLinearMul", "DequantizeLinear"]
    (s, z), (t, u) = read, rounded
    seen = (np.clip(np.rint(VALUES / np.float32(s)) + z, 0, 255) - z) * s
    exact = seen * expit(STEEP * seen)
    assert np.abs(exact - seen * ndtr(seen)).max() < 0.0205  # what the program says of it
    # A step of the sigmoid is half a 255th of x; and one of the result may go either way.
    allowed = np.abs(seen) / 510 + 1.01 * t
    expected = np.clip(exact, -u * t, (255 - u) * t)
    assert np.all(np.abs(answer(found) - expected) <= allowed)


def test_a_gelu_whose_values_are_read_elsewhere_too_stays_in_floats():
    steps = (0.05, 128), (0.04, 10)
    found = gelu_in_integers(between_integers(*steps, again=True))
    (node,) = [node for node in found.graph.node if node.op_type == "Gelu"]
    assert node.attribute[0].s == b"tanh"
    np.testing.assert_allclose(answer(found), answer(between_integers(*steps)), atol=0.0401)  # at most a step


@pytest.mark.parametrize(
    ("form", "axes", "in_half"),
    [
        ((2, 3, 2, 4), (0, 2, 1, 3), True),
        ((2, 3, 2, 1, 4, 1), (0, 2, 1, 3, 4, 5), True),
        ((2, 3, 2, 2), (0, 2, 1, 3), False),  # rows that have 8 bytes as they are
        ((2, 3, 2, 12), (0, 2, 1, 3), False),
        ((2, 3, 4, 2), (0, 1, 3, 2), False),
    ],
)
def test_rows_of_four_pixels_are_moved_in_half_floats(form, axes, in_half):
    given, made = make_tensor_value_info("x", FLOAT, form), make_tensor_value_info("y", FLOAT, [form[a] for a in axes])
    nodes = [
        make_node("Neg", ["x"], ["negative"]),
        make_node("Transpose", ["negative"], ["moved"], perm=axes),
        make_node("Neg", ["moved"], ["y"]),
    ]
    versions = [make_opsetid("", 20)]
    found = moved_in_half(
        make_model(make_graph(nodes, "moves", [given], [made]), opset_imports=versions, ir_version=10)
    )
    assert ("Cast" in {node.op_type for node in found.graph.node}) is in_half
    x = np.random.default_rng(0).standard_normal(form).astype(np.float32)
    np.testing.assert_allclose(answer(found, x), x.transpose(axes), rtol=2**-11 if in_half else 0)
