"""The net of a bundle as a scorer, whichever engine runs it."""

from collections.abc import Sequence

import numpy as np

from data.reel.stretch import Stretch
from inference.runner.engines.engine import Engine
from inference.scorers.nets.windowed import WindowScorer


class Net:
    """A net with one input, for windows (B, C, T, H, W) float32."""

    def __init__(self, engine: Engine):
        self.engine = engine

    def __call__(self, windows: np.ndarray) -> np.ndarray:
        """Its only output, or the first one."""
        return self.of(windows)[0]

    def of(self, windows: np.ndarray, outputs: Sequence[str] | None = None) -> list[np.ndarray]:
        """Some of its outputs, by name; all of them if not given."""
        step, (name,) = self.engine.at_once or max(1, len(windows)), self.engine.inputs
        parts = [windows[i : i + step] for i in range(0, len(windows), step)]
        found = [self.engine.run({name: part}, outputs) for part in parts]
        return [np.concatenate(each) for each in zip(*found, strict=True)]


class NetScorer(WindowScorer):
    """A net that reconstructs windows. answers: the frames of a window that its output is about."""

    def __init__(self, net: Net, clip_length: int, scaling: dict[str, Stretch], answers: slice):
        super().__init__(clip_length, scaling)
        self.net, self._answers = net, answers

    @property
    def answers(self) -> slice:
        return self._answers

    def reconstruct(self, batch: np.ndarray) -> np.ndarray:
        """(B, C, T, H, W) float32 -> reconstruction (B, T, C, H, W) float32."""
        return self.net(np.ascontiguousarray(batch)).transpose(0, 2, 1, 3, 4)


class NetJudge:
    """A net that learnt from window labels, for `WeakScorer`."""

    def __init__(self, net: Net):
        self.net = net

    def logits(self, batch: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Of windows (B,) and of their frames (B, T)."""
        window, dense = self.net.of(np.ascontiguousarray(batch), ("window", "dense"))
        return window, dense

    def places(self, batch: np.ndarray) -> np.ndarray:
        """Of the places of every frame (B, T, H', W')."""
        (places,) = self.net.of(np.ascontiguousarray(batch), ("places",))
        return places
