"""The net of a bundle as a scorer, run by ONNX Runtime."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime

from data.reel.stretch import Stretch
from inference.scorers.nets.windowed import WindowScorer


def session_of(path: Path, threads: int) -> onnxruntime.InferenceSession:
    """A file of ONNX on the CPU. threads: 0, one for a core."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


class OnnxNet:
    """A file of ONNX, run on the CPU, for windows (B, C, T, H, W) float32. threads: 0, one for a core."""

    def __init__(self, path: Path, threads: int = 0):
        self.session = session_of(path, threads)
        self.name, of_one = self.session.get_inputs()[0].name, self.session.get_inputs()[0].shape[0]
        self.at_once = of_one if isinstance(of_one, int) else None  # windows; None: any number

    def __call__(self, windows: np.ndarray) -> np.ndarray:
        """Its only output, or the first one."""
        return self.of(windows)[0]

    def of(self, windows: np.ndarray, outputs: Sequence[str] | None = None) -> list[np.ndarray]:
        """Some of its outputs, by name; all of them if not given."""
        step = self.at_once or max(1, len(windows))
        parts = [windows[i : i + step] for i in range(0, len(windows), step)]
        found = [self.session.run(outputs, {self.name: part}) for part in parts]
        return [np.concatenate(each) for each in zip(*found, strict=True)]


class OnnxScorer(WindowScorer):
    """A net of ONNX that reconstructs windows. answers: the frames of a window that its output is about."""

    def __init__(self, net: OnnxNet, clip_length: int, scaling: dict[str, Stretch], answers: slice):
        super().__init__(clip_length, scaling)
        self.net, self._answers = net, answers

    @property
    def answers(self) -> slice:
        return self._answers

    def reconstruct(self, batch: np.ndarray) -> np.ndarray:
        """(B, C, T, H, W) float32 -> reconstruction (B, T, C, H, W) float32."""
        return self.net(np.ascontiguousarray(batch)).transpose(0, 2, 1, 3, 4)


class OnnxJudge:
    """A net of ONNX that learnt from window labels, for `WeakScorer`."""

    def __init__(self, net: OnnxNet):
        self.net = net

    def logits(self, batch: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Of windows (B,) and of their frames (B, T)."""
        window, dense = self.net.of(np.ascontiguousarray(batch), ("window", "dense"))
        return window, dense

    def places(self, batch: np.ndarray) -> np.ndarray:
        """Of the places of every frame (B, T, H', W')."""
        (places,) = self.net.of(np.ascontiguousarray(batch), ("places",))
        return places
