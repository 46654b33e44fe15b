"""By how much the excess of quiet places differs from 0: by place, by brightness, and in its highest values."""

import cv2
import numpy as np
from scipy import ndimage

from inference.calibration.noise import MAD_TO_STD

SMOOTH_PX, WIDER_PX = 7, 5  # of the map of spreads: its median filter, and then its maximum filter
RARE_PX = 3  # of the median filter of rare changes: they are small, and a single pixel is none
SHARES = np.array([*np.linspace(0, 0.95, 20), 0.97, 0.985, 0.995, 1.0])  # of pixels by brightness: edges of its groups
NOISE_REACH = 4 / 3  # sigmas of the smoothing, within which noise comes from
TAIL, LEAST_FRAMES = 0.9, 10  # which of the highest of quiet frames tell the tail of a background, and of how many
PRIOR_FRAMES = 20
CURVE_PIXELS = 400_000  # at most twice as many tell the spread by brightness
TINY = 1e-6  # of a channel's scale: no spread is smaller


def gains(highest: np.ndarray) -> np.ndarray:
    """By how much each of K excesses in spreads is raised (K,) float32, from the highest of quiet frames (K, n).

    The highest of a quiet frame is many spreads where places flicker, and few where they do not, so the largest of all
    would hear the nearest background alone. Raised to the tail of that one, the first, but by the root of what it
    takes: a far background has few independent quiet frames. With few frames it is nearer to 1, as if PRIOR_FRAMES
    more had all the same tail; 1 where there are fewer than LEAST_FRAMES, and never less.
    """
    counts = np.count_nonzero(highest > 0, axis=1)
    tails = [
        np.quantile(k[k > 0], TAIL) if count >= LEAST_FRAMES else np.nan
        for k, count in zip(highest, counts, strict=True)
    ]
    ratio = np.nan_to_num(np.maximum(tails[0] / np.array(tails), 1), nan=1.0)
    return (ratio ** (0.5 * counts / (counts + PRIOR_FRAMES))).astype(np.float32)


def strangeness(known: np.ndarray, strange: np.ndarray) -> np.ndarray:
    """By how much the spread of a place that nothing is known of is wider (K,) than its brightness tells.

    From the highest of quiet frames (K, n) in spreads that know the places and in those that do not: what is rare at
    strange places then reaches as high as at known ones. 1 where nothing is known, and never less.
    """
    tails = [[np.quantile(k[k > 0], TAIL) if (k > 0).any() else np.nan for k in of] for of in (known, strange)]
    return np.nan_to_num(np.maximum(np.divide(tails[1], tails[0]), 1), nan=1.0).astype(np.float32)


def typical_of(maps: np.ndarray) -> np.ndarray:
    """The typical MAD (C, 1, 1) of quiet excess maps (n, C, H, W) about 0, see `usual_of`; NaN where no frame has a
    background."""
    if not np.isfinite(maps).any():
        return np.full((maps.shape[1], 1, 1), np.nan)
    return _typical_of(usual_of(maps))


def _typical_of(usual: np.ndarray) -> np.ndarray:
    """The typical one (C, 1, 1) of the MADs of places (C, H, W), NaN unknown; at least TINY."""
    known = [c[np.isfinite(c)] for c in usual]
    return np.array([max(np.median(c), TINY) if c.size else TINY for c in known])[:, None, None]


def brightest_near(background: np.ndarray, blur_px: float) -> np.ndarray:
    """The brightest within 2 px of every place (H, W), or as far as noise is smoothed; NaN is unknown, and 0."""
    reach = max(WIDER_PX // 2, round(NOISE_REACH * blur_px))
    return cv2.dilate(np.nan_to_num(background), np.ones((2 * reach + 1, 2 * reach + 1), np.uint8))


def interpolated(brightness: np.ndarray, known: np.ndarray, spreads: np.ndarray) -> np.ndarray:
    """The spread (H, W) of what is as bright as told (H, W), from that of known brightness (B,).

    Beyond the brightest quiet place it goes on in proportion.
    """
    beyond = np.maximum(brightness / known[-1], 1) if known[-1] > 0 else 1
    return np.interp(brightness, known, spreads) * beyond


def spread_of(maps: np.ndarray) -> np.ndarray:
    """The spread (C, H, W) of quiet excess maps (n, C, H, W) about 0: a MAD or the standard deviation, the larger one,
    smooth, and at least the typical MAD.

    Where something flares up now and then, the MAD knows nothing of it, and such places alone would make the threshold
    of all others. A loop that flickers has moved by some pixels when its spread is used, and a dark place that hardly
    changes in the quiet data would else turn any spark into an event. NaN where no frame has a background.
    """
    if not np.isfinite(maps).any():
        return np.full(maps.shape[1:], np.nan)
    usual = usual_of(maps)
    typical = _typical_of(usual)
    smooth = [
        np.stack([ndimage.maximum_filter(ndimage.median_filter(c, size), WIDER_PX) for c in filled])
        for size, spread in ((SMOOTH_PX, usual), (RARE_PX, _deviation_of_known(maps)))
        for filled in [np.where(np.isfinite(spread), spread, typical)]
    ]
    return np.maximum(np.maximum(*smooth), typical)


def _deviation_of_known(maps: np.ndarray) -> np.ndarray:
    """The standard deviation about 0 (...) of maps (n, ...) at every place, NaN unknown, and NaN where never known."""
    total, count = np.zeros(maps.shape[1:]), np.zeros(maps.shape[1:])
    for one in maps:
        total += np.square(np.nan_to_num(one), dtype=np.float64)
        count += np.isfinite(one)
    return np.sqrt(np.where(count > 0, total, np.nan) / np.maximum(count, 1))


def usual_of(maps: np.ndarray) -> np.ndarray:
    """The MAD (C, H, W) of maps (n, C, H, W) about 0 at every place, NaN where none is known, or none but 0.

    What is 0 to the last bit has not been seen anew: a coded movie repeats what hardly changes, for minutes of the Sun
    at low quality, and the median of that would be no noise at all. Of what a detector measured hardly a value is.
    """
    sizes = np.abs(maps)
    sizes[sizes == 0] = np.nan
    return MAD_TO_STD * _median_of_known(sizes)


def _median_of_known(maps: np.ndarray) -> np.ndarray:
    """The median (...) of maps (n, ...) at every place, NaN unknown, and NaN where never known.

    Most places are known in all frames that are known at all, and to sort is slow.
    """
    values = maps[np.isfinite(maps).reshape(len(maps), -1).any(axis=1)].reshape(-1, maps[0].size)
    count = np.isfinite(values).sum(axis=0)
    whole = (count == len(values)) & (count > 0)
    found = np.full(values.shape[1], np.nan, values.dtype)
    if whole.any():
        found[whole] = np.median(values[:, whole], axis=0, overwrite_input=True)
    partly = ~whole & (count > 0)
    ordered, middle = np.sort(values[:, partly], axis=0), count[partly]  # unknown ones come last
    lower, upper = (np.take_along_axis(ordered, k[None], axis=0)[0] for k in ((middle - 1) // 2, middle // 2))
    found[partly] = (lower + upper) / 2
    return found.reshape(maps.shape[1:])


def brightness_curve(background: np.ndarray, excess: np.ndarray) -> np.ndarray:
    """The robust spread of quiet excess by the brightness before it, maps (n, H, W): brightness and spread (2, B).

    What is brighter never has a smaller one, and what is 0 is none, see `usual_of`. All 0 but the brightness where
    nothing is known.
    """
    known = np.isfinite(background) & np.isfinite(excess) & (excess != 0)
    if known.sum() < len(SHARES):
        return np.stack([np.arange(1.0, len(SHARES)), np.zeros(len(SHARES) - 1)])
    step = max(1, np.count_nonzero(known) // CURVE_PIXELS)
    values, sizes = background[known][::step], np.abs(excess[known][::step])
    edges = np.quantile(values, SHARES)
    group = np.searchsorted(edges[1:-1], values, side="right")
    of_group = [(group == g) for g in range(len(SHARES) - 1)]
    spread = [MAD_TO_STD * np.median(sizes[some]) if some.any() else 0.0 for some in of_group]
    return np.stack([(edges[:-1] + edges[1:]) / 2, np.maximum.accumulate(spread)])
