"""What the mode export makes: section `export`."""

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from config.fields import STRICT, Fraction, PositiveInt


@dataclass(frozen=True, config=STRICT)
class ExportConfig:
    """The bundle that `export` writes.

    What runs its net (ONNX Runtime or OpenVINO), in which precision, how much is pruned away, what of detection it may
    cost.
    """

    format: Literal["onnx", "openvino"] = "onnx"
    precision: Literal["fp32", "bf16", "int8"] = "fp32"
    prune: Annotated[float, Field(ge=0, lt=1)] = 0.0
    prune_epochs: PositiveInt | None = None
    auc_lost: Fraction = 0.01
    to: str | None = None
