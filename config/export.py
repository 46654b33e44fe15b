"""What the mode export makes: section `export`."""

from typing import Literal

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class ExportConfig:
    format: Literal["onnx"] = "onnx"
    precision: Literal["fp32", "int8"] = "fp32"
    to: str | None = None
