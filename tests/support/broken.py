"""What a camera does to a frame: each kind of broken frame, planted into good ones (T, 1, H, W)."""

from collections.abc import Callable

import numpy as np

from inference.camera.watch import COVERED, CUT, FROZEN, MISSING, MOVED
from tests.support.street import Street, standing

Break = Callable[[np.ndarray, int, np.random.Generator], np.ndarray]


def mostly_black(frames: np.ndarray, at: int, random: np.random.Generator) -> np.ndarray:
    """Three quarters of the rows or columns are lost."""
    frame = frames[at].copy()
    turned = frame if random.random() < 0.5 else frame.swapaxes(1, 2)
    lost = round(0.75 * turned.shape[1])
    first = random.integers(0, turned.shape[1] - lost + 1)
    turned[:, first : first + lost] = 0
    return frame


def constant(frames: np.ndarray, at: int, random: np.random.Generator) -> np.ndarray:
    return np.full_like(frames[at], random.random())


def noise(frames: np.ndarray, at: int, random: np.random.Generator) -> np.ndarray:
    return random.random(frames[at].shape, np.float32)


def covered(frames: np.ndarray, at: int, random: np.random.Generator) -> np.ndarray:
    """A hand before the lens: dark, lighter to one side, nothing sharp in it."""
    x = np.linspace(*random.permutation([0.05, random.uniform(0.1, 0.3)]), frames.shape[3], dtype=np.float32)
    return np.broadcast_to(x, frames.shape[1:]) + 0.004 * random.standard_normal(frames.shape[1:], np.float32)


def another_scene(frames: np.ndarray, at: int, random: np.random.Generator) -> np.ndarray:
    return Street(int(random.integers(1000, 2000))).frames(standing(1))[0]


def repeated(frames: np.ndarray, at: int, random: np.random.Generator) -> np.ndarray:
    """Exactly, or but for what a codec does to a still picture."""
    return frames[at - 1] + np.float32(random.choice([0.0, 1e-4])) * random.standard_normal(
        frames[at].shape, np.float32
    )


def shifted(frames: np.ndarray, at: int, random: np.random.Generator) -> np.ndarray:
    dy, dx = random.choice([-1, 1], 2) * random.integers(2, 5, 2)
    padded = np.pad(frames[at, 0], 4, mode="edge")
    height, width = frames.shape[2:]
    return padded[None, 4 + dy : 4 + dy + height, 4 + dx : 4 + dx + width]


BREAKS: dict[str, tuple[Break, str]] = {
    "mostly black": (mostly_black, MISSING),
    "constant": (constant, MISSING),
    "noise": (noise, MISSING),
    "covered": (covered, COVERED),
    "another scene": (another_scene, CUT),
    "repeated": (repeated, FROZEN),
    "shifted": (shifted, MOVED),
}


def broken(frames: np.ndarray, how: str, at: int, count: int, seed: int) -> np.ndarray:
    """A copy of frames in which `count` frames from `at` on are broken."""
    spoilt, random = frames.copy(), np.random.default_rng(seed)
    for t in range(at, at + count):
        spoilt[t] = BREAKS[how][0](spoilt, t, random)
    return spoilt
