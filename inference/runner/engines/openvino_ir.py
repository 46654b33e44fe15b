"""OpenVINO, which runs its own form of a net: NAME.xml, and NAME.bin with the weights."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import openvino

from data.messages import logger

log = logger(__name__)

TYPES = {"fp32": "f32", "bf16": "bf16", "int8": "f32"}  # of what is not in integers; by itself it would take bf16


class Engine:
    """See `engine.Engine`."""

    suffix, package = ".xml", "openvino"

    def __init__(self, path: Path, precision: str, threads: int):
        if lacking := self.lacks(precision):
            log.warning(f"{lacking}; the net is computed in float32 here, slower, with nearly the same scores")
        core = openvino.Core()
        model = core.read_model(path)
        self.inputs, free = [each.any_name for each in model.inputs], model.inputs[0].partial_shape
        self.at_once = None
        if len(self.inputs) == 1 and all(size.is_static for size in list(free)[1:]):
            model.reshape([1, *list(free)[1:]])  # a net whose shape is known takes four fifths of the time
            self.at_once = 1
        kind = TYPES["fp32" if lacking else precision]
        asked = {"INFERENCE_PRECISION_HINT": kind, "INFERENCE_NUM_THREADS": threads}
        asked |= {"PERFORMANCE_HINT": "LATENCY", "ENABLE_CPU_PINNING": False}
        self.net = core.compile_model(model, "CPU", asked)

    @staticmethod
    def lacks(precision: str) -> str:
        can = openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        return "this processor has no bfloat16" if precision == "bf16" and "BF16" not in can else ""

    @staticmethod
    def write(graph: bytes, path: Path) -> None:
        # Not by convert_model, which tells its maker of each use. By default weights would become half floats.
        try:
            openvino.save_model(openvino.Core().read_model(graph), path, compress_to_fp16=False)
        except RuntimeError as error:
            reason = [line.strip() for line in str(error).splitlines() if line.strip()][-1]
            raise ValueError(f"OpenVINO can't run this net ({reason}); choose --format onnx") from error

    def run(self, given: dict[str, np.ndarray], outputs: Sequence[str] | None = None) -> list[np.ndarray]:
        found = self.net(given)
        return [found[name] for name in outputs] if outputs else list(found.values())
