"""Quiet data that the benchmark makes: minutes of a pump, clips of a conveyor.

No entry point.
"""

from pathlib import Path

import cv2
import numpy as np
from parts.promises.frames import VIDEO, write_images
from parts.promises.series import RECIPE
from parts.promises.sets import QuietSet, write_series
from scipy.signal import lfilter

DAY_MIN = 1440
HEIGHT, WIDTH, BELT = 120, 180, slice(40, 84)  # px
PER_SECOND, CLIP_S = 10.0, 20


def made_sets() -> list[QuietSet]:
    """All of them."""
    video, series = {"prep.frames_per_second": PER_SECOND}, {"prep.sample_interval_sec": 60.0}
    return [
        QuietSet("pump", "series", RECIPE, "", lambda data, folder: write_pump(folder), series),
        QuietSet("conveyor", "video", VIDEO, "", lambda data, folder: write_conveyor(folder), video),
    ]


def quick_sets() -> list[QuietSet]:
    """The same, of a size that takes seconds."""
    pump, conveyor = made_sets()
    small = conveyor.settings | {"prep.resize": [24, 36]}
    return [
        QuietSet("pump", "series", pump.recipe, "", lambda data, folder: write_pump(folder, 1200), pump.settings),
        QuietSet("conveyor", "video", VIDEO, "", lambda data, folder: write_conveyor(folder, (2, 1), 6), small),
    ]


def write_pump(folder: Path, minutes: int = 5 * DAY_MIN) -> None:
    """Pressure, flow, current and temperature of a pump that works by the hours of the day."""
    random, t = np.random.default_rng(17), np.arange(minutes)
    day = of_day(t)
    shared = drift(random, minutes, 0.95)
    columns = [
        5 + 0.6 * day + 0.1 * shared + 0.05 * random.normal(size=minutes),
        80 + 12 * day + 1.5 * shared + 0.8 * drift(random, minutes, 0.7),
        14 + 1.5 * day + 0.3 * shared + 0.2 * random.normal(size=minutes),
        60 + 3 * of_day(t - 90) + 0.5 * drift(random, minutes, 0.99) + 0.1 * random.normal(size=minutes),
    ]
    write_series(folder, np.stack(columns, axis=1))


def of_day(t_min: np.ndarray) -> np.ndarray:
    """How hard the pump works at so many minutes since midnight, about 0."""
    return np.sin(2 * np.pi * t_min / DAY_MIN) + 0.3 * np.sin(4 * np.pi * t_min / DAY_MIN + 1)


def drift(random: np.random.Generator, samples: int, memory: float) -> np.ndarray:
    """AR(1) noise of variance 1."""
    return lfilter([np.sqrt(1 - memory**2)], [1, -memory], random.normal(size=samples + 1000))[1000:]


def write_conveyor(folder: Path, clips: tuple[int, int] = (4, 3), seconds: int = CLIP_S) -> None:
    """Clips of a belt whose parcels come at random, of random size and brightness, but at one speed."""
    for number in range(sum(clips)):
        part = "train" if number < clips[0] else "watch"
        write_images(folder / part / f"{number:02d}", _belt(np.random.default_rng(number), round(seconds * PER_SECOND)))


def _belt(random: np.random.Generator, count: int, speed: float = 2.0) -> np.ndarray:
    """Frames (count, H, W) uint8."""
    still = cv2.GaussianBlur(np.random.default_rng(99).normal(0, 40, (HEIGHT, WIDTH)), (0, 0), 3) + 120
    length = round(count * speed) + WIDTH + 1
    belt = np.full((BELT.stop - BELT.start, length), 60.0) + cv2.GaussianBlur(
        random.normal(0, 30, (BELT.stop - BELT.start, length)), (0, 0), 2
    )
    place = int(random.integers(0, 40))
    while place < length - 40:
        width, height = random.integers(14, 30, 2).tolist()
        top = int(random.integers(2, len(belt) - height - 1))
        belt[top : top + height, place : place + width] = random.uniform(110, 220)
        place += width + int(random.integers(20, 90))
    frames = np.repeat(still[None], count, axis=0)
    for t in range(count):
        begin = round((count - t) * speed)
        frames[t, BELT] = belt[:, begin : begin + WIDTH]
    return np.clip(frames + random.normal(0, 2.0, frames.shape), 0, 255).astype(np.uint8)
