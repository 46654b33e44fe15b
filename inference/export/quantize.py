"""A net of ONNX whose blocks and strides compute in 8-bit integers.

Weights have a scale for every output channel; activations one for all, from what they reach in quiet windows. What is
more than that is cut off there. Patches, bottleneck, decoder's widths and head stay in float32: they are few of the
sums, and most of what rounding does to a reconstruction goes through them (docs/results/export.md).
"""

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from torch import nn

from data.messages import progress
from inference.export.integer_graph import gelu_in_integers, moved_in_half, repeated_in_integers
from inference.export.onnx_file import quietly
from models.backbone3d import Backbone3D, Block

PRODUCTS = ("Conv", "Gemm", "MatMul")


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


def quantized(net: bytes, weights: set[str], windows: Iterator[np.ndarray], tables: bool = True) -> bytes:
    """The net with the products by these weights in integers. Raises ValueError where there are none.

    Weights have 7 bits: of 8, processors without AVX-512 VNNI would clip sums of products, and score otherwise. What is
    done between products is rewritten, see `integer_graph`; tables: whether GELU is one where it can be.
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
        return gelu_in_integers(moved_in_half(repeated_in_integers(onnx.load(path))), tables).SerializeToString()


class _Windows(CalibrationDataReader):
    """Windows, as what quantizes asks for them."""

    def __init__(self, windows: Iterable[np.ndarray], name: str):
        self.windows, self.name = iter(windows), name

    def get_next(self) -> dict[str, np.ndarray] | None:
        window = next(self.windows, None)
        return None if window is None else {self.name: window}
