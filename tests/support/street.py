"""A street filmed by a camera that stands, shakes or turns: grey, textured, with noise and with objects that move."""

import cv2
import numpy as np

SHAPE = 72, 108
MARGIN = 12  # px of the street beyond the picture's edges


class Street:
    """Walkers of 8 x 5 px who cross at about 0.6 px a frame, to both sides, on a ground with texture.

    beat_px: so far they go, and back, instead of all across.
    """

    def __init__(self, seed: int = 0, walkers: int = 6, noise: float = 0.004, beat_px: float | None = None):
        self.random, self.noise, self.beat_px = np.random.default_rng(seed), noise, beat_px
        height, width = (n + 2 * MARGIN for n in SHAPE)
        self.ground = 0.5 + 0.5 * texture(self.random, height, width, 1.5)
        speeds = self.random.choice([-1, 1], walkers) * self.random.uniform(0.4, 0.8, walkers)
        rows = self.random.integers(MARGIN, height - MARGIN - 8, walkers).tolist()
        self.walkers = [
            (row, self.random.uniform(0, width), speed, self._look(8, 5))
            for row, speed in zip(rows, speeds.tolist(), strict=True)
        ]

    def _place(self, x: float, gone: float) -> float:
        return x + gone if self.beat_px is None else x + abs(gone % (2 * self.beat_px) - self.beat_px)

    def _look(self, height: int, width: int) -> np.ndarray:
        return self.random.choice([0.1, 0.9]) + 0.4 * texture(self.random, height, width, 0.7)

    def frames(self, cameras: np.ndarray, planted: tuple[float, int, int] | None = None) -> np.ndarray:
        """Frames (T, 1, H, W) float32 about 0..1 by cameras (T, 2, 3), see `shaking`.

        planted: speed px a frame, side px, and the frame from which an object of these crosses in the middle.
        """
        look = self._look(planted[1], planted[1]) if planted else None
        found = []
        for t, camera in enumerate(cameras):
            scene = self.ground.copy()
            for y, x, speed, walker in self.walkers:
                paste(scene, walker, y, self._place(x, speed * t) % (scene.shape[1] + 10) - 5)
            if look is not None and planted is not None and t >= planted[2]:
                paste(scene, look, MARGIN + (SHAPE[0] - planted[1]) // 2, MARGIN + planted[0] * (t - planted[2]))
            view = camera + np.array([[0, 0, MARGIN], [0, 0, MARGIN]])
            seen = cv2.warpAffine(scene, view, SHAPE[::-1], flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP)
            found.append(seen + self.noise * self.random.standard_normal(SHAPE))
        return np.array(found, np.float32)[:, None]


def texture(random: np.random.Generator, height: int, width: int, sigma: float) -> np.ndarray:
    """Smooth noise (height, width) of spread about 0.3."""
    smooth = cv2.GaussianBlur(random.standard_normal((height, width)), (0, 0), sigma)
    return 0.3 * smooth / smooth.std()


def paste(scene: np.ndarray, look: np.ndarray, y: int, x: float) -> None:
    """Put a picture into the scene at a whole row and a real-valued column, as far as it lies within."""
    first = int(np.floor(x))
    moved = cv2.warpAffine(
        look, np.array([[1, 0, x - first], [0, 1, 0]]), (look.shape[1], look.shape[0]), borderMode=cv2.BORDER_REPLICATE
    )
    left, right = max(first, 0), min(first + look.shape[1], scene.shape[1])
    if left < right:
        scene[y : y + look.shape[0], left:right] = moved[:, left - first : right - first]


def standing(frames: int) -> np.ndarray:
    """A camera that stands still: (T, 2, 3)."""
    return np.repeat(np.eye(2, 3)[None], frames, axis=0)


def shaking(frames: int, amplitude_px: float, seed: int = 0) -> np.ndarray:
    """A camera that is each frame up to `amplitude_px` from its place on either axis: (T, 2, 3)."""
    cameras = standing(frames)
    cameras[:, :, 2] = np.random.default_rng(seed).uniform(-amplitude_px, amplitude_px, (frames, 2))
    return cameras
