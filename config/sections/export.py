"""What the mode export makes: section `export`."""

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from config.fields import STRICT, Fraction, PositiveInt


@dataclass(frozen=True, config=STRICT)
class ExportConfig:
    """The bundle that `export` writes: precision, how much is pruned away, and what of detection it may cost."""

    format: Literal["onnx"] = "onnx"
    precision: Literal["fp32", "int8"] = "fp32"
    prune: Annotated[float, Field(ge=0, lt=1)] = 0.0
    prune_epochs: PositiveInt | None = None
    auc_lost: Fraction = 0.01
    to: str | None = None
