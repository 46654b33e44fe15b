"""A small set of the form of UCSD Ped2, made on the fly for --quick: walkers, and in the test clips a cart.

No entry point.
"""

import json
from pathlib import Path

import cv2
import numpy as np

HEIGHT, WIDTH, FRAMES = 96, 144, 56
TRAIN, TEST = ("01", "02", "03"), ("01", "02")
LANES = (26, 68)  # px, rows that walkers walk along
CART = (20, 32)  # px, height and width


def write_ped2(folder: Path) -> Path:
    """train/NN/*.jpg, test/NN/*.jpg, test_frame_labels.json and test_masks_packbits.npz; returns the folder."""
    for i, name in enumerate(TRAIN):
        _write_clip(folder / "train" / name, _walkers(i))
    labels, masks = {}, {}
    for i, name in enumerate(TEST):
        frames, shown = _with_cart(_walkers(10 + i))
        _write_clip(folder / "test" / name, frames)
        labels[name] = shown.any((1, 2)).astype(int).tolist()
        masks[name] = np.packbits(shown, axis=-1)
    (folder / "test_frame_labels.json").write_text(json.dumps(labels), encoding="utf-8")
    np.savez(folder / "test_masks_packbits.npz", **masks)
    return folder


def _walkers(seed: int) -> np.ndarray:
    """Frames (T, H, W) uint8 of one walker a lane, over a ground with texture."""
    random = np.random.default_rng(seed)
    ground = cv2.GaussianBlur(np.random.default_rng(0).normal(0, 40, (HEIGHT, WIDTH)), (0, 0), 3) + 130
    frames = np.repeat(ground[None], FRAMES, axis=0)
    for y in LANES:
        speed, start, side = random.uniform(0.7, 0.9), random.uniform(8, 30), random.choice([-1, 1])
        for t in range(FRAMES):
            x = start + speed * t
            _draw_walker(frames[t], round(x if side > 0 else WIDTH - x), y, t)
    noisy = frames + random.normal(0, 1.5, frames.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)


def _draw_walker(frame: np.ndarray, x: int, y: int, t: int) -> None:
    """A dark body with legs that step."""
    cv2.ellipse(frame, (x, y), (5, 12), 0, 0, 360, 30.0, -1)
    cv2.line(frame, (x, y + 8), (x + round(3 * np.sin(t / 3)), y + 14), 20.0, 2)


def _with_cart(frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Frames with a bright cart that crosses fast from the middle of the clip on, and where it is (T, H, W)."""
    shown, (height, width) = np.zeros(frames.shape, bool), CART
    top = (HEIGHT - height) // 2
    for t in range(FRAMES // 2, FRAMES):
        left = 4 * (t - FRAMES // 2) - width
        part = slice(top, top + height), slice(max(left, 0), max(left + width, 0))
        shown[t][part] = True
        frames[t][part] = 220
    return frames, shown


def _write_clip(folder: Path, frames: np.ndarray) -> None:
    folder.mkdir(parents=True)
    for i, frame in enumerate(frames):
        cv2.imwrite(str(folder / f"{i:03d}.jpg"), frame)
