"""Made scenes of many kinds in small pictures: hours of quiet video in minutes, to see how high motion gets rarely.

No entry point.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

ROWS, COLUMNS, FPS = 48, 72, 10.0
WANDER_S = 2.0  # in which a pace forgets what it was
LIGHTS_S = 12.0  # of green, and of red
GUSTS_S = 8.0
BURSTS_S = 20.0
MARGIN = 8  # px beyond the picture, where things come from
EACH_S = 15.0  # one planted thing so often
FASTER = (1.8, 3.0)  # times what the quicker sixth of its kind goes


class Kind(NamedTuple):
    """What moves in a scene: things a second that come in, px a frame of a usual one, and how it differs.

    spread: of the logarithm of the pace, between things; wander: within one. size: (h, w) px. ways: to both "sides",
    to one ("right"), or from anywhere to "any". bursts: of the logarithm of the rate over time. halts: "lights" for
    all, "pauses" of each on its own. has_depth: whether what is low in the picture is large and fast. sway: px of the
    ground. hurried: share of things that go 1.6 times as fast. swings: whether one thing goes to and fro instead.
    """

    rate: float
    pace: float
    spread: float
    wander: float
    size: tuple[int, int]
    ways: str = "sides"
    bursts: float = 0.0
    halts: str = ""
    has_depth: bool = False
    sway: float = 0.0
    hurried: float = 0.0
    swings: bool = False


TUNED = {
    "street": Kind(0.12, 0.9, 0.15, 0.1, (12, 5), has_depth=True),
    "road": Kind(0.3, 2.0, 0.15, 0.05, (5, 9), bursts=1.0, has_depth=True),
    "trees": Kind(0.01, 0.9, 0.2, 0.1, (12, 5), sway=0.8),
    "bees": Kind(0.8, 1.2, 0.2, 0.4, (3, 3), "any"),
    "escalator": Kind(0.3, 0.7, 0.02, 0.0, (12, 5), "right", hurried=0.05),
    "playground": Kind(0.25, 0.9, 0.35, 0.35, (8, 4), "any", bursts=1.0),
}
FRESH = {
    "belt": Kind(0.12, 1.2, 0.01, 0.0, (8, 8), "right"),
    "plaza": Kind(0.3, 0.8, 0.25, 0.1, (10, 5), "any"),
    "crossing": Kind(0.3, 1.6, 0.15, 0.0, (5, 9), halts="lights", has_depth=True),
    "birds": Kind(0.02, 2.5, 0.3, 0.2, (3, 4), "any"),
    "harbour": Kind(0.03, 0.25, 0.4, 0.1, (6, 14), sway=0.4),
    "arm": Kind(0.0, 2.0, 0.1, 0.0, (9, 5), swings=True),
    "room": Kind(0.03, 0.8, 0.15, 0.3, (14, 6), halts="pauses"),
}


@dataclass
class Thing:
    """Something that moves: its middle (y, x), its way (y, x), its pace and its look."""

    place: np.ndarray
    way: np.ndarray
    pace: float
    look: np.ndarray
    wander: float = 0.0
    waits_s: float = 0.0
    is_planted: bool = False
    age_s: float = 0.0


class Made:
    """A scene of a kind, that goes on for as long as it is asked to."""

    def __init__(self, kind: Kind, seed: int):
        self.kind, self.random = kind, np.random.default_rng(seed)
        self.noise, self.night = self.random.uniform(0.5, 2.5), self.random.uniform(0.6, 1)
        self.ground = self._texture((ROWS, COLUMNS), self.random.uniform(8, 30), 1.5)
        self.things: list[Thing] = []
        self.busy, self.gust, self.time_s, self.phase, self.cycle = 0.0, 0.0, 0.0, 0.0, 1.0
        self.swinging = self._thing(np.array([ROWS / 2, COLUMNS / 2])) if kind.swings else None

    def frames(self, count: int, has_planted: bool = False) -> Iterator[tuple[np.ndarray, bool]]:
        """Grey frames (ROWS, COLUMNS) uint8, and whether something planted shows in each."""
        for number in range(count):
            if has_planted and number % round(EACH_S * FPS) == round(EACH_S * FPS / 3):
                self.things.append(self._planted())
            self._go_on()
            yield self._picture(), any(thing.is_planted and _is_inside(thing) for thing in self.things)

    def _go_on(self) -> None:
        kind, random = self.kind, self.random
        self.time_s += 1 / FPS
        self.busy = _wandered(self.busy, kind.bursts, BURSTS_S, random)
        self.gust = _wandered(self.gust, 0.5, GUSTS_S, random)
        if random.random() < kind.rate / FPS * np.exp(self.busy - kind.bursts**2 / 2):
            self.things.append(self._arriving(kind.ways))
        for thing in self.things:
            self._move(thing)
        self.things = [t for t in self.things if t.age_s < 1 or _is_near(t)]
        if self.swinging is not None:
            self._swing(self.swinging)

    def _move(self, thing: Thing) -> None:
        thing.age_s += 1 / FPS
        thing.wander = _wandered(thing.wander, self.kind.wander, WANDER_S, self.random)
        if self.kind.ways == "any" and not thing.is_planted:
            angle = self.random.normal(0, self.kind.wander / 3)
            thing.way = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) @ thing.way
        if self._waits(thing):
            return
        step = thing.pace * np.exp(thing.wander) * self._depth(thing.place[0])
        thing.place = thing.place + step * thing.way

    def _waits(self, thing: Thing) -> bool:
        if thing.is_planted:
            return False
        if self.kind.halts == "lights":
            return self.time_s % (2 * LIGHTS_S) < LIGHTS_S and not 0.4 < thing.place[1] / COLUMNS < 0.6
        if self.kind.halts == "pauses":
            if thing.waits_s <= 0 and self.random.random() < 0.2 / FPS:
                thing.waits_s = float(self.random.exponential(6))
            thing.waits_s -= 1 / FPS
            return thing.waits_s > 0
        return False

    def _swing(self, thing: Thing) -> None:
        before, reach = self.phase, COLUMNS / 4
        self.phase += self.cycle * self.kind.pace / reach
        if before // np.pi != self.phase // np.pi:
            self.cycle = float(np.exp(self.random.normal(0, self.kind.spread)))
        thing.place = np.array([ROWS / 2, COLUMNS / 2 + reach * np.sin(self.phase)])

    def _depth(self, row: float) -> float:
        return 0.6 + 0.8 * float(np.clip(row / ROWS, 0, 1)) if self.kind.has_depth else 1.0

    def _arriving(self, ways: str) -> Thing:
        random = self.random
        row = random.uniform(0.25, 0.9) * ROWS
        if ways == "any":
            angle = random.uniform(0, 2 * np.pi)
            way = np.array([np.sin(angle), np.cos(angle)])
            middle = np.array([ROWS, COLUMNS]) * random.uniform(0.3, 0.7, 2)
            thing = self._thing(middle, way)
            while _is_near(thing):
                thing.place = thing.place - way
            thing.place = thing.place + way
            return thing
        to_right = ways == "right" or random.random() < 0.5
        row = ROWS / 2 if ways == "right" else row
        place = np.array([row, 1 - MARGIN if to_right else COLUMNS + MARGIN - 1])
        return self._thing(place, np.array([0.0, 1.0 if to_right else -1.0]))

    def _planted(self) -> Thing:
        """One of the kind that goes past, too fast."""
        thing = self._arriving("sides")
        factor = self.random.uniform(*FASTER)
        thing.pace, thing.is_planted = factor * self.kind.pace * np.exp(self.kind.spread), True
        return thing

    def _thing(self, place: np.ndarray, way: np.ndarray | None = None) -> Thing:
        random, kind = self.random, self.kind
        pace = kind.pace * float(np.exp(random.normal(0, kind.spread)))
        pace *= 1.6 if random.random() < kind.hurried else 1.0
        scale = self._depth(place[0]) * random.uniform(0.85, 1.15)
        shape = [max(2, round(n * scale)) for n in kind.size]
        look = self._texture(shape, 18, 0.7) - 128 + self.random.choice([-1, 1]) * random.uniform(25, 60)
        return Thing(place, np.zeros(2) if way is None else way, pace, look.astype(np.float32))

    def _texture(self, shape, contrast: float, sigma: float) -> np.ndarray:
        smooth = cv2.GaussianBlur(self.random.normal(size=shape).astype(np.float32), (0, 0), sigma)
        return 128 + contrast * smooth / max(float(smooth.std()), 1e-6)

    def _picture(self) -> np.ndarray:
        picture = self._swayed() if self.kind.sway else self.ground.copy()
        for thing in self.things + ([self.swinging] if self.swinging else []):
            _draw(picture, thing)
        picture = self.night * picture + self.random.normal(0, self.noise, picture.shape)
        return np.clip(np.rint(picture), 0, 255).astype(np.uint8)

    def _swayed(self) -> np.ndarray:
        y, x = np.mgrid[:ROWS, :COLUMNS].astype(np.float32)
        reach = self.kind.sway * np.exp(self.gust)
        moved = reach * np.sin(2 * np.pi * 0.4 * self.time_s + y / 9 + x / 13)
        return cv2.remap(self.ground, x + moved.astype(np.float32), y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)


def _draw(picture: np.ndarray, thing: Thing) -> None:
    """Add a thing's look, its place to a part of a pixel."""
    h, w = thing.look.shape
    top, left = thing.place - np.array([h, w]) / 2
    y, x = int(np.floor(top)), int(np.floor(left))
    shift = np.array([[1, 0, left - x], [0, 1, top - y]], np.float32)
    look = cv2.warpAffine(thing.look, shift, (w + 1, h + 1))
    mask = cv2.warpAffine(np.ones((h, w), np.float32), shift, (w + 1, h + 1))
    y0, x0, y1, x1 = max(y, 0), max(x, 0), min(y + h + 1, ROWS), min(x + w + 1, COLUMNS)
    if y0 >= y1 or x0 >= x1:
        return
    own = slice(y0 - y, y1 - y), slice(x0 - x, x1 - x)
    part = picture[y0:y1, x0:x1]
    picture[y0:y1, x0:x1] = part * (1 - mask[own]) + 128 * mask[own] + look[own]


def _wandered(value: float, spread: float, forgets_s: float, random: np.random.Generator) -> float:
    """A step of a random walk that is drawn back to 0."""
    kept = float(np.exp(-1 / FPS / forgets_s))
    return kept * value + spread * float(np.sqrt(1 - kept**2)) * random.normal() if spread else 0.0


def _is_near(thing: Thing) -> bool:
    y, x = thing.place
    return -MARGIN < y < ROWS + MARGIN and -MARGIN < x < COLUMNS + MARGIN


def _is_inside(thing: Thing) -> bool:
    y, x = thing.place
    return 0 <= y < ROWS and 0 <= x < COLUMNS
