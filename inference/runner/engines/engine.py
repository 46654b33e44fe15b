"""What an engine is, and which one a bundle names."""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import ClassVar, Protocol

import numpy as np

from config import ConfigError

FILES = {"onnx": "onnx_runtime", "openvino": "openvino_ir"}  # by export.format
REQUIREMENTS = "inference/runner/requirements-{}.txt"  # of an engine that the program itself does not need


class Engine(Protocol):
    """A net in a file, run on the CPU. threads: 0, one for a core.

    suffix: of the file. package: what has to be installed. inputs: their names. at_once: how many windows it takes;
    None: any number.
    """

    suffix: ClassVar[str]
    package: ClassVar[str]
    inputs: list[str]
    at_once: int | None

    def __init__(self, path: Path, precision: str, threads: int): ...

    @staticmethod
    def lacks(precision: str) -> str:
        """Why it can't compute in a precision on this machine, with the way out; empty where it can."""
        ...

    @staticmethod
    def write(graph: bytes, path: Path) -> None:
        """Write a graph of ONNX as the file that it runs."""
        ...

    def run(self, given: dict[str, np.ndarray], outputs: Sequence[str] | None = None) -> list[np.ndarray]:
        """Some outputs, by name, of its inputs by name; all of them if not given."""
        ...


def engine_of(name: str) -> type[Engine]:
    """The engine of a format. Raises ConfigError for one that is not known, or whose package is not installed."""
    if name not in FILES:
        raise ConfigError(f"there is no engine for the format {name!r:.80}; there are {' and '.join(FILES)}")
    try:
        return import_module(f"inference.runner.engines.{FILES[name]}").Engine
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise ConfigError(
            f"the format {name} needs a package that is not installed; pip install -r {REQUIREMENTS.format(name)}"
        ) from None
