"""What lies between products in integers, rewritten in a file of ONNX so that it takes less time."""

from collections import Counter
from math import prod
from typing import NamedTuple

import numpy as np
import onnx
from onnx import numpy_helper
from onnx.helper import make_node

MOVING = ("Reshape", "Transpose", "Expand")  # what gives the values that it is given, in other places or repeated
ROW = 4  # values side by side, whose half floats have 8 bytes
STEEP = 1.702  # the sigmoid of so many times x is nearest to what GELU multiplies x with
LIBRARY = "com.microsoft"  # where ONNX Runtime has operators on integers of its own


class Links(NamedTuple):
    """What makes and what reads each value of a graph, by its name."""

    makers: dict[str, onnx.NodeProto]
    readers: dict[str, list[onnx.NodeProto]]

    @classmethod
    def of(cls, graph: onnx.GraphProto) -> "Links":
        readers: dict[str, list[onnx.NodeProto]] = {}
        for node in graph.node:
            for name in node.input:
                readers.setdefault(name, []).append(node)
        return cls({name: node for node in graph.node for name in node.output}, readers)

    def maker(self, name: str, kind: str) -> onnx.NodeProto | None:
        """The node of this kind that a value is from, if it is but moved since, and nothing else reads it."""
        while name in self.makers and len(self.readers[name]) == 1:
            node = self.makers[name]
            if node.op_type not in MOVING:
                return node if node.op_type == kind else None
            name = node.input[0]
        return None

    def reader(self, name: str, kind: str) -> onnx.NodeProto | None:
        """The same, of what a value goes to."""
        while len(self.readers.get(name, ())) == 1:
            (node,) = self.readers[name]
            if node.op_type not in MOVING:
                return node if node.op_type == kind else None
            name = node.output[0]
        return None


def gelu_in_integers(model: onnx.ModelProto, tables: bool = True) -> onnx.ModelProto:
    """The model in which a GELU between integers is x sigmoid(1.702 x): a table of 256 values, a product of integers.

    That is 0.02 at most from what GELU is; the steps of integers are as large. Others, and without `tables` all, are
    computed by tanh: 5e-4 at most from what they are, in less time.
    Source: Hendrycks & Gimpel 2016 (arXiv 1606.08415), section 2.
    """
    graph, links = model.graph, Links.of(model.graph)
    for node in [node for node in graph.node if node.op_type == "Gelu"]:
        read, rounded = links.maker(node.input[0], "DequantizeLinear"), links.reader(node.output[0], "QuantizeLinear")
        if not tables or read is None or rounded is None:
            del node.attribute[:]
            node.attribute.append(onnx.helper.make_attribute("approximate", "tanh"))
            continue
        _look_up(graph, read, rounded, node.output[0])
        for other in links.readers[node.output[0]]:
            other.input[:] = [node.input[0] if name == node.output[0] else name for name in other.input]
        graph.node.remove(node)
        links = Links.of(graph)
    model.opset_import.append(onnx.helper.make_opsetid(LIBRARY, 1))
    return model


def _look_up(graph: onnx.GraphProto, read: onnx.NodeProto, rounded: onnx.NodeProto, name: str) -> None:
    """Let a node read what the table makes of its integers, in the steps that they are rounded to behind."""
    scale = next(numpy_helper.to_array(value) for value in graph.initializer if value.name == read.input[1])
    steps = {f"{name}_steep": np.float32(STEEP * scale), f"{name}_share": np.float32(1 / 255), f"{name}_0": np.uint8(0)}
    graph.initializer.extend(numpy_helper.from_array(np.asarray(value), key) for key, value in steps.items())
    (steep, share, zero), x, behind = steps, list(read.input), list(rounded.input[1:])
    sigmoid, product = f"{name}_sigmoid", f"{name}_product"
    nodes = [
        make_node("QLinearSigmoid", [x[0], steep, x[2], share, zero], [sigmoid], domain=LIBRARY),
        make_node("QLinearMul", [*x, sigmoid, share, zero, *behind], [product], domain=LIBRARY),
    ]
    place = next(i for i, node in enumerate(graph.node) if node is read)
    read.input[:] = [product, *behind]
    for node in reversed(nodes):
        graph.node.insert(place, node)


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
                graph.node.insert(at, make_node("Cast", [given], [made], to=kind))
    return model


def _is_of_rows(node: onnx.NodeProto, moved: onnx.TypeProto.Tensor | None) -> bool:
    """Whether a Transpose takes floats elsewhere in rows of ROW."""
    if moved is None or moved.elem_type != onnx.TensorProto.FLOAT:
        return False
    axes, sizes = node.attribute[0].ints, [dim.dim_value for dim in moved.shape.dim]
    first = max((axis for axis, source in enumerate(axes) if axis != source), default=-1) + 1
    return first > 0 and prod(sizes[first:]) == ROW
