"""A plaza filmed by a camera that stands, at 10 frames a second: walkers on two one-way paths, and a belt that runs.

Each kind of behaviour that `objects` looks for can be planted into it. Walkers pause nowhere; what is planted begins at
frame `ONSET`.
"""

from collections.abc import Callable

import numpy as np

from tests.support.street import paste, texture

SHAPE, ONSET, CADENCE_S = (72, 108), 60, 0.1
PATHS = {14: 1, 34: -1}  # row of the walkers' heads: the way they go
BELT = slice(58, 70), slice(20, 88)
BELT_STEP = 1.5  # px a frame
SIDE = 5, 10  # width and height of a walker, px
KINDS = ("runs", "against", "stands", "left", "taken", "large", "off_path", "belt_stops")


def plaza(frames: int, seed: int, walkers: int = 4, planted: str = "", size: float = 1.0, step: int = 1) -> np.ndarray:
    """Frames (T, 1, H, W) float32 about 0..1. planted: of KINDS, "" nothing. size: of the anomaly, 1 is what its kind
    has by default. step: every how many frames is filmed."""
    random = np.random.default_rng(seed)
    scenery = np.random.default_rng(1)  # the same in all
    ground = 0.5 + 0.3 * texture(scenery, *SHAPE, 1.5)
    belt, post = 0.5 + 0.8 * texture(scenery, 12, 400, 1.5), look(scenery, 8, 8)
    belt = np.concatenate([belt, belt[:, ::-1]], axis=1)  # a loop without a seam
    people = [walker(random, k) for k in range(walkers)]
    odd = PLANTS.get(planted, lambda *_: lambda scene, t: None)(random, size)
    noise = np.random.default_rng(seed + 1000)
    found = []
    for t in range(frames):
        scene = ground.copy()
        still_since = ONSET if planted == "belt_stops" else frames
        scene[BELT] = np.roll(belt, -round(BELT_STEP * min(t, still_since)), axis=1)[:, :68]
        if planted != "taken" or t < ONSET:
            paste(scene, post, 48, 50.0)
        for row, x, speed, picture in people:
            paste(scene, picture, row, (x + speed * t) % (SHAPE[1] + 12) - 6)
        odd(scene, t - ONSET)
        if t % step == 0:
            found.append(scene + 0.008 * noise.standard_normal(SHAPE))
    return np.array(found, np.float32)[:, None]


def walker(random: np.random.Generator, k: int) -> tuple[int, float, float, np.ndarray]:
    """Row, first place, speed px a frame and look of one who walks."""
    row, way = list(PATHS.items())[k % 2]
    return row + int(random.integers(-1, 2)), random.uniform(0, 110), way * random.uniform(0.6, 1.0), look(random)


def look(random: np.random.Generator, height: int = SIDE[1], width: int = SIDE[0]) -> np.ndarray:
    return random.choice([0.05, 0.95]) + 0.25 * texture(random, height, width, 0.9)


Plant = Callable[[np.ndarray, int], None]


def crossing(row: int, speed: float, height: int = SIDE[1], width: int = SIDE[0]):
    """Of one who crosses on a row at a speed, px a frame."""

    def of(random: np.random.Generator, size: float) -> Plant:
        picture = look(random, height, width)

        def plant(scene: np.ndarray, t: int) -> None:
            if t >= 0:
                first = -6.0 if speed > 0 else SHAPE[1] + 1.0
                paste(scene, picture, row, first + size * speed * t)

        return plant

    return of


def stands(random: np.random.Generator, size: float) -> Plant:
    """Who walks in and stops."""
    picture = look(random)

    def plant(scene: np.ndarray, t: int) -> None:
        if t >= 0:
            paste(scene, picture, 34, max(SHAPE[1] - 0.8 * t, 85.0))

    return plant


def left(random: np.random.Generator, size: float) -> Plant:
    """A bag that lies there from one frame on."""
    picture = look(random, 6, 6)
    return lambda scene, t: paste(scene, picture, 19, 60.0) if t >= 0 else None


def large(random: np.random.Generator, size: float) -> Plant:
    side = round(16 * size)
    return crossing(8, 0.8, side, side + 6)(random, 1.0)


PLANTS = {
    "runs": crossing(14, 2.4),
    "against": crossing(14, -0.8),
    "stands": stands,
    "left": left,
    "large": large,
    "off_path": crossing(2, 0.8),
}
