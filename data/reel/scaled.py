"""Frames of a reel as arrays, in the intensity scaling that a model works in."""

import numpy as np

from data.reel.contract import AnyReel
from data.reel.mask_bits import INVALID
from data.reel.reel import Reel
from data.reel.stretch import Stretch, restretch


def read_clip(reel: Reel, start: int, length: int, scaling: dict[str, Stretch]) -> tuple[np.ndarray, np.ndarray]:
    """One window of a reel: frames (C, T, H, W) with invalid pixels 0, and valid pixels (1, T, H, W), both float32.

    Of a series the valid values are (C, T, 1, 1): those that were measured. The others are there, interpolated.
    """
    frames, usable = read_scaled(reel, start, start + length, scaling)
    x, valid = frames.transpose(1, 0, 2, 3), usable[None]  # (C, T, H, W), (1, T, H, W)
    x = np.ascontiguousarray(x * valid)
    if reel.is_series:
        valid = valid & ~reel.missing[start : start + length].T[:, :, None, None]  # (C, T, 1, 1)
    return x, valid.astype(np.float32)


def read_scaled(reel: Reel, start: int, stop: int, scaling: dict[str, Stretch]) -> tuple[np.ndarray, np.ndarray]:
    """Frames [start, stop) in a model's scaling, (n, C, H, W) float32, and valid pixels (n, H, W) bool.

    What invalid pixels hold means nothing.
    """
    stored, bits = reel.read(start, stop)
    frames = restretch(stored.astype(np.float32), reel.stretches, target_stretches(reel, scaling))
    return frames, (bits & INVALID) == 0


def target_stretches(reel: AnyReel, scaling: dict[str, Stretch]) -> list[Stretch]:
    """The stretch of each channel of a reel: the model's own for channels it knows, else the reel's."""
    pairs = zip(reel.channels, reel.stretches, strict=True)
    return [scaling.get(channel, stretch) for channel, stretch in pairs]
