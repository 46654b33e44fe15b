"""What the noise of a camera does to measured motion: where the ground has no texture, dense flow finds motion in it.

A least-squares fit of a vector to a square of a picture has a standard error (Lucas and Kanade 1981; Simoncelli et al.
1991) that grows with the noise and falls with the texture. As the length of a vector is never negative, errors alone
give a speed; what they would give is taken off, as from magnitudes in noise (Gudbjartsson and Patz 1995).
"""

import cv2
import numpy as np

STANDARD_ERRORS = 4.0  # that a speed has to exceed to be all its own
LEFT = 0.1  # of a speed, whatever the noise: scenes that stand still differ by it, and have a threshold
WINDOW_PX = 7  # a side, about that which the flow fits a vector to
BY_CHANCE = 1.6  # times its variance: the texture that noise has in a hundredth of such squares
LEAST_TEXTURE = 0.05  # of that variance
LOWER_HALF = 0.3247  # the mean of the lower half of the magnitudes of standard normal numbers
SECOND_DIFFERENCE = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)  # its noise is 6 times a pixel's


def noise_of(before: np.ndarray, after: np.ndarray) -> float:
    """The standard deviation of the noise of two frames (h, w) uint8, in grey levels.

    Of what changed in time and of what differs in space (Immerkaer 1996) the lesser: motion of most of the picture is
    only in the first, and fine texture that stands only in the second.
    """
    change = after.astype(np.float32) - before
    in_time = _lower_half(change - np.median(change)) / np.sqrt(2)
    in_space = _lower_half(cv2.filter2D(after, cv2.CV_32F, SECOND_DIFFERENCE)) / 6
    return float(min(in_time, in_space)) / LOWER_HALF


def _lower_half(values: np.ndarray) -> float:
    """The mean of the lower half of magnitudes: few that are large don't count, and grey levels are whole numbers, of
    which a median is one."""
    half = values.size // 2
    return float(np.partition(np.abs(values), half, axis=None)[:half].mean())


def beyond_noise(speed: np.ndarray, before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Speeds (h, w) px from one frame (h, w) uint8 to another, without STANDARD_ERRORS of them, but LEFT at least."""
    variance = np.float32(noise_of(before, after) ** 2)
    if not variance:
        return speed
    grey = after.astype(np.float32)
    across, down = (cv2.Sobel(grey, cv2.CV_32F, *axis, ksize=1, scale=0.5) for axis in ((1, 0), (0, 1)))
    texture = cv2.blur(across * across + down * down, (WINDOW_PX, WINDOW_PX)) - np.float32(BY_CHANCE) * variance
    texture = np.maximum(texture, np.float32(LEAST_TEXTURE) * variance)
    noisy = variance / texture
    error = np.float32(2 / WINDOW_PX**2) * noisy * (1 + noisy)  # of a vector; the noise is in its gradients, too
    square = speed * speed
    return np.sqrt(np.maximum(square - np.float32(STANDARD_ERRORS**2) * error, np.float32(LEFT**2) * square))
