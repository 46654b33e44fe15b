"""The nets that lie in the folder of a bundle."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inference.runner.engines.engine import Engine, engine_of

NET, PART = "net", "net-{}"  # the names of their files without suffix: of the only one, or of one of several
BEFORE = "onnx"  # what bundles run by that don't say


@dataclass(frozen=True)
class Nets:
    """The nets of a bundle, by name, and what runs them. threads: 0, one for a core."""

    folder: Path
    engine: type[Engine]
    precision: str
    threads: int

    @classmethod
    def of(cls, folder: Path, about: dict[str, Any], threads: int = 0) -> "Nets":
        """about: what bundle.json says. Raises ConfigError where the engine's package is not installed."""
        return cls(folder, engine_of(about.get("engine", BEFORE)), about["precision"], threads)

    def path(self, name: str) -> Path:
        return self.folder / f"{name}{self.engine.suffix}"

    def __contains__(self, name: str) -> bool:
        return self.path(name).is_file()

    def write(self, name: str, graph: bytes) -> None:
        """Write a net, a graph of ONNX, as the engine runs it."""
        self.engine.write(graph, self.path(name))

    def opened(self, name: str) -> Engine:
        return self.engine(self.path(name), self.precision, self.threads)
