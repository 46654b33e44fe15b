"""A net of ONNX whose blocks and strides compute in 8-bit integers.

Weights have a scale for every output channel; activations one for all, from what they reach in quiet windows. What is
more than that is cut off there. Patches, bottleneck, decoder's widths and head stay in float32: they are few of the
sums, and most of what rounding does to a reconstruction goes through them (docs/results/export.md).
"""

import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from math import prod
from pathlib import Path

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from torch import nn

from data.messages import progress
from inference.export.onnx_file import quietly
from models.backbone3d import Backbone3D, Block

PRODUCTS = ("Conv", "Gemm", "MatMul")
ROW = 4  # values side by side, whose half floats have 8 bytes
MOVING = ("Reshape", "Transpose", "Expand")  # what gives the values that it is given, in other places or repeated


def integer_weights(net: nn.Module) -> set[str]:
    """The names of the weights that blocks convolve with, and the backbone from stage to stage."""
    found: set[str] = set()
    for name, module in net.named_modules():
        if isinstance(module, Block):
            found |= {f"{name}.{conv}.weight" for conv in ("space", "time")}
        if isinstance(module, Backbone3D):
            layers = module.layers.named_children()
            found |= {f"{name}.layers.{n}.weight" for n, layer in layers if not isinstance(layer, Block)}
    return found


def quantized(net: bytes, weights: set[str], windows: Iterator[np.ndarray]) -> bytes:
    """The net with the products by these weights in integers. Raises ValueError where there are none.

    Weights have 7 bits: of 8, processors without AVX-512 VNNI would clip sums of products, and score otherwise. What is
    rounded to 255 steps behind it, GELU, is computed by tanh: 5e-4 at most from what it is, in less time.
    """
    model = onnx.load_from_string(net)
    products = [node for node in model.graph.node if node.op_type in PRODUCTS]
    chosen = [node.name for node in products if node.input[1] in weights]
    if not chosen:
        raise ValueError("export.precision int8: the net has no blocks of convolutions to compute in it; choose fp32")
    shown = progress(windows, desc="looking at quiet windows", unit="window")
    with tempfile.TemporaryDirectory() as folder, quietly("root"):
        quantize_static(
            model, path := Path(folder) / "net.onnx", _Windows(shown, model.graph.input[0].name),
            quant_format=QuantFormat.QDQ, activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
            per_channel=True, reduce_range=True, nodes_to_quantize=chosen,
            op_types_to_quantize=list(PRODUCTS),  # of other nodes no ranges are asked: a masked net sorts NaN in some
        )  # fmt: skip
        return moved_in_half(repeated_in_integers(with_tanh(onnx.load(path)))).SerializeToString()


def with_tanh(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with every GELU by tanh."""
    for node in model.graph.node:
        if node.op_type == "Gelu":
            del node.attribute[:]
            node.attribute.append(onnx.helper.make_attribute("approximate", "tanh"))
    return model


def repeated_in_integers(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model in which values are rounded to integers before they are repeated, not each of the repeats."""
    graph = model.graph
    makers = {name: node for node in graph.node for name in node.output}
    readers = Counter(name for node in graph.node for name in node.input)
    for rounding in [node for node in graph.node if node.op_type == "QuantizeLinear"]:
        chain: list[onnx.NodeProto] = []  # from what is rounded, back to what is repeated
        name = rounding.input[0]
        while readers[name] == 1 and name in makers and makers[name].op_type in MOVING:
            chain.append(makers[name])
            name = makers[name].input[0]
        if any(node.op_type == "Expand" for node in chain):
            _round_before(graph, rounding, chain)
    del graph.value_info[:]  # what lies between is of another type now
    return model


def _round_before(graph: onnx.GraphProto, rounding: onnx.NodeProto, chain: list[onnx.NodeProto]) -> None:
    """Put a rounding before a chain of nodes (last one first) that it stands behind."""
    last, first, rounded = chain[0], chain[-1], rounding.output[0]
    for node in graph.node:
        node.input[:] = [last.output[0] if name == rounded else name for name in node.input]
    rounding.input[0], first.input[0] = first.input[0], rounded
    moved = onnx.NodeProto()
    moved.CopyFrom(rounding)
    graph.node.remove(rounding)
    graph.node.insert(next(i for i, node in enumerate(graph.node) if node is first), moved)


def moved_in_half(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model in which rows of pixels are moved as half floats where these have 8 bytes.

    ONNX Runtime moves what has up to 8 bytes by loads and stores, more by copying memory, which takes three times as
    long. What a half float rounds, 2^-12 of a deviation, is little beside what integers do.
    """
    graph = model.graph
    shapes = {v.name: v.type.tensor_type for v in onnx.shape_inference.infer_shapes(model).graph.value_info}
    for place, node in reversed(list(enumerate(graph.node))):
        if node.op_type == "Transpose" and _is_of_rows(node, shapes.get(node.input[0])):
            before, behind = node.input[0], node.output[0]
            node.input[0], node.output[0] = f"{before}_half", f"{behind}_half"
            for at, given, made, kind in (
                (place + 1, node.output[0], behind, onnx.TensorProto.FLOAT),
                (place, before, node.input[0], onnx.TensorProto.FLOAT16),
            ):
                graph.node.insert(at, onnx.helper.make_node("Cast", [given], [made], to=kind))
    return model


def _is_of_rows(node: onnx.NodeProto, moved: onnx.TypeProto.Tensor | None) -> bool:
    """Whether a Transpose takes floats elsewhere in rows of ROW."""
    if moved is None or moved.elem_type != onnx.TensorProto.FLOAT:
        return False
    axes, sizes = node.attribute[0].ints, [dim.dim_value for dim in moved.shape.dim]
    first = max((axis for axis, source in enumerate(axes) if axis != source), default=-1) + 1
    return first > 0 and prod(sizes[first:]) == ROW


class _Windows(CalibrationDataReader):
    """Windows, as what quantizes asks for them."""

    def __init__(self, windows: Iterable[np.ndarray], name: str):
        self.windows, self.name = iter(windows), name

    def get_next(self) -> dict[str, np.ndarray] | None:
        window = next(self.windows, None)
        return None if window is None else {self.name: window}
