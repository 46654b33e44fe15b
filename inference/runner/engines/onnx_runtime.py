"""ONNX Runtime, which runs a file of ONNX as it is."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime


class Engine:
    """See `engine.Engine`."""

    suffix, package = ".onnx", "onnxruntime"

    def __init__(self, path: Path, precision: str, threads: int):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self.inputs, count = [each.name for each in self.session.get_inputs()], self.session.get_inputs()[0].shape[0]
        self.at_once = count if isinstance(count, int) else None

    @staticmethod
    def lacks(precision: str) -> str:
        """It has no convolution and no product of matrices in bfloat16."""
        way_out = "choose --format openvino, or --precision fp32 or int8"
        return f"ONNX Runtime has no bfloat16 on CPUs; {way_out}" if precision == "bf16" else ""

    @staticmethod
    def write(graph: bytes, path: Path) -> None:
        path.write_bytes(graph)

    def run(self, given: dict[str, np.ndarray], outputs: Sequence[str] | None = None) -> list[np.ndarray]:
        return self.session.run(outputs, given)
