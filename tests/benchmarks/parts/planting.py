"""Clips composed of a scene's own walkers (walkers.py), sparse or crowded, with planted anomalies.

No entry point. All clips are composed alike: the ground of a real clip, walkers who walk where and as fast as they
really did and come and go at the borders, and the camera's own noise. So an anomaly differs from what is usual by
nothing but itself: not by the crowd, the brightness, the contrast or the noise.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import cv2
import numpy as np
from parts.walkers import Cut, is_outside, speed_of

Plan = dict[int, list["Sprite"]]  # frame -> what is pasted into it
FADE_S = 0.4
SPARSE, CROWDED = 1, 8  # walkers at a time
LEAST_S = 2.0  # of a composed clip
VISIBLE = 0.3


class Sprite(NamedTuple):
    """What is pasted: float32 image (h, w, C), bool mask (h, w), where the mask's centre goes (x, y), opacity, and row.

    The centre of what is seen, not that of its box: a step forward moves the box, and the body would swing with it.
    """

    image: np.ndarray
    mask: np.ndarray
    centre: np.ndarray
    strength: float = 1.0
    depth: float | None = None  # the lowest in the picture comes last; None: the lower edge

    @property
    def foot(self) -> float:
        return self.centre[1] + len(self.mask) / 2 if self.depth is None else self.depth


class Stage(NamedTuple):
    """What clips are composed of: ground (H, W, C) float32, its noise (H, W, C), walkers' tracks, frames a second."""

    ground: np.ndarray
    noise: np.ndarray
    tracks: list[list[Cut]]
    fps: float


def lasting(stage: Stage, most: int) -> int:
    """Frames that a composed clip may have, at most so many: a crowd's worth of tracks have to last as long.

    Raises ValueError where that is too short to show anything.
    """
    lives = sorted((len(track) for track in stage.tracks), reverse=True)[:CROWDED]
    if lives[-1] < min(most, LEAST_S * stage.fps):
        raise ValueError(
            f"{len(lives)} walkers are followed for {lives[-1] / stage.fps:.1f} s or longer, and a composed clip takes "
            f"{LEAST_S:g} s at least: give longer clips, or such that people walk in alone"
        )
    return min(most, lives[-1])


def usual(stage: Stage, at_once: int, frames: int, random: np.random.Generator) -> Plan:
    """Walkers as they walked, so many at a time where as many are known, each at most once.

    None begins or ends within the picture but with the clip: who was not seen to enter is there from the first frame
    on, and who was not seen to leave stays to the last.
    """
    plan: Plan = {}
    left = [stage.tracks[i] for i in random.permutation(len(stage.tracks))]
    for _ in range(at_once):
        t = 0
        while t < frames and (track := _following(left, t, frames, stage)) is not None:
            left = [other for other in left if other is not track]
            begin = max(t, _earliest(track, t, frames, stage))
            if not t and begin == 0:  # it may have been here before
                begin = int(random.integers(_earliest(track, t, frames, stage), 1))
            for i, cut in enumerate(track, begin):
                plan.setdefault(i, []).append(Sprite(cut.image.astype(np.float32), cut.mask, cut.centre))
            t = begin + len(track)
    return plan


def _following(tracks: Sequence[list[Cut]], t: int, frames: int, stage: Stage) -> list[Cut] | None:
    """The first track that may begin at frame t, or else the one that may soonest after it."""
    shape = stage.ground.shape[:2]
    may = [of for of in tracks if is_outside(of[0], shape) or (not t and _earliest(of, t, frames, stage) <= 0)]
    return min(may, key=lambda of: max(t, _earliest(of, t, frames, stage)), default=None)


def _earliest(track: Sequence[Cut], t: int, frames: int, stage: Stage) -> int:
    """When a track may begin at the earliest in the place of one that is over at t, so that it does not end inside."""
    if not is_outside(track[-1], stage.ground.shape[:2]):
        return frames - len(track)
    return t if t else -(len(track) // 2)


def composed(stage: Stage, plans: Sequence[Plan], frames: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Frames (T, H, W, C) uint8 of the ground with all plans, and the visible share (T,) of the last plan's: what is in
    the picture, and behind nobody."""
    random, shown = np.random.default_rng(seed), np.zeros(frames)
    found = np.empty((frames, *stage.ground.shape), np.uint8)
    for t in range(frames):
        frame, seen = stage.ground.copy(), np.zeros((*stage.ground.shape[:2], 1), np.float32)
        sprites = [(s, k == len(plans) - 1) for k, plan in enumerate(plans) for s in plan.get(t, [])]
        for sprite, is_own in sorted(sprites, key=lambda of: of[0].foot):
            pasted(frame, sprite)
            if is_own or seen.any():
                pasted(seen, sprite._replace(image=np.full((*sprite.mask.shape, 1), is_own, np.float32)))
        shown[t] = seen.sum() / max((s.mask.sum() for s, is_own in sprites if is_own), default=1)
        noisy = frame + stage.noise * random.standard_normal(frame.shape, np.float32)
        found[t] = np.clip(np.rint(noisy), 0, 255)
    return found, shown


def pasted(frame: np.ndarray, sprite: Sprite) -> float:
    """Paste into a frame (H, W, C) float32, in place; returns which share is visible."""
    corner = sprite.centre - np.argwhere(sprite.mask).mean(axis=0)[::-1] - 3
    first = np.floor(corner).astype(int)
    move = np.array([[1, 0, corner[0] - first[0]], [0, 1, corner[1] - first[1]]])
    image = cv2.copyMakeBorder(sprite.image, 3, 4, 3, 4, cv2.BORDER_REPLICATE)
    soft = cv2.GaussianBlur(np.pad(sprite.mask.astype(np.float32), ((3, 4), (3, 4))), (0, 0), 0.5)
    image = cv2.warpAffine(image, move, image.shape[1::-1], flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    alpha = sprite.strength * cv2.warpAffine(soft, move, soft.shape[::-1])[..., None]
    image = image.reshape(*alpha.shape[:2], -1)
    (x, y), (rows, columns) = first, frame.shape[:2]
    inner = slice(max(-y, 0), max(rows - y, 0)), slice(max(-x, 0), max(columns - x, 0))
    alpha, image = alpha[inner], image[inner]
    if not alpha.size:
        return 0.0
    target = frame[max(y, 0) : max(y, 0) + alpha.shape[0], max(x, 0) : max(x, 0) + alpha.shape[1]]
    target += alpha * (image - target)
    return float(alpha.sum() / max(sprite.mask.sum(), 1))


# Anomalies -----------------------------------------------------------------------------------------------------------


class Cast(NamedTuple):
    """Who does it: a walker's track, its walking speed px a frame, the side it goes to, and from which frame."""

    stage: Stage
    track: list[Cut]
    walk: float
    side: int
    begin: int
    frames: int

    @property
    def middle(self) -> Cut:
        return self.track[len(self.track) // 2]


def sprite_of(cut: Cut, scale: float = 1.0, mirrored: bool = False, turned: bool = False) -> Sprite:
    """A walker's picture, enlarged, mirrored or lying; its grey levels stay what they are."""
    image, mask = cut.image.astype(np.float32), cut.mask.astype(np.uint8)
    if mirrored:
        image, mask = image[:, ::-1], mask[:, ::-1]
    if turned:
        image, mask = np.rot90(image), np.rot90(mask)
    size = [max(2, round(n * scale)) for n in mask.shape[::-1]]
    image = cv2.resize(np.ascontiguousarray(image), size, interpolation=cv2.INTER_LINEAR)
    mask = cv2.resize(np.ascontiguousarray(mask), size, interpolation=cv2.INTER_NEAREST) > 0
    return Sprite(image.reshape(*mask.shape, -1), mask, cut.centre)


def crossing(cast: Cast, looks: Sequence[Sprite], speed: float, y: float) -> Plan:
    """From edge to edge at a row, at so many px a frame, again and again until the clip ends."""
    width, plan = cast.stage.ground.shape[1], {}
    margin = looks[0].mask.shape[1] / 2
    for i in range(cast.frames - cast.begin):
        gone = (i * speed) % (width + 4 * margin) - margin
        x = gone if cast.side > 0 else width - gone
        plan[cast.begin + i] = [looks[i % len(looks)]._replace(centre=np.array([x, y]))]
    return plan


def stepping(cast: Cast, every: int = 1, scale: float = 1.0) -> list[Sprite]:
    """The walker's poses to and fro, facing where it goes."""
    to_and_fro = [*cast.track[::every], *cast.track[-2:0:-every]]
    mirrored = cast.side * speed_of(cast.track)[0] < 0
    return [sprite_of(cut, scale, mirrored) for cut in to_and_fro]


def staying(cast: Cast, sprite: Sprite, centre: np.ndarray) -> Plan:
    """Something that comes to be at a place, and stays until the clip ends."""
    plan, fade = {}, FADE_S * cast.stage.fps
    for i in range(cast.frames - cast.begin):
        plan[cast.begin + i] = [sprite._replace(centre=centre, strength=min(1.0, (i + 1) / fade))]
    return plan


def thing(cast: Cast, height: float, width: float, random: np.random.Generator) -> Sprite:
    """A textured box in px whose grey levels have the mean and the spread of the walker's."""
    own = cast.middle.image[cast.middle.mask].astype(np.float32)
    size = max(3, round(height)), max(3, round(width))
    texture = cv2.GaussianBlur(random.standard_normal(size).astype(np.float32), (0, 0), 1.5)
    texture = (texture - texture.mean()) / max(float(texture.std()), 1e-6)
    image = own.mean(axis=0) + texture[..., None] * own.std(axis=0)
    return Sprite(np.clip(image, 0, 255), np.ones(size, bool), cast.middle.centre)


def fast(cast: Cast, random: np.random.Generator) -> Plan:
    return crossing(cast, stepping(cast, every=2), cast.walk * random.uniform(1.8, 3.0), cast.middle.centre[1])


def glide(cast: Cast, random: np.random.Generator) -> Plan:
    """A bicycle: a still pose, faster than a walk."""
    return crossing(cast, stepping(cast)[:1], cast.walk * random.uniform(1.6, 2.8), cast.middle.centre[1])


def big(cast: Cast, random: np.random.Generator) -> Plan:
    looks = stepping(cast, scale=random.uniform(1.5, 2.2))
    return crossing(cast, looks, cast.walk * random.uniform(1.1, 1.9), cast.middle.centre[1])


def cart(cast: Cast, random: np.random.Generator) -> Plan:
    tall = len(cast.middle.mask)
    looks = [thing(cast, tall * random.uniform(0.8, 1.2), tall * random.uniform(1.2, 1.8), random)]
    return crossing(cast, looks, cast.walk * random.uniform(1.2, 2.0), cast.middle.centre[1])


def child(cast: Cast, random: np.random.Generator) -> Plan:
    looks = stepping(cast, every=2, scale=random.uniform(0.5, 0.65))
    return crossing(cast, looks, cast.walk * random.uniform(2.0, 3.0), cast.middle.centre[1])


def wrong_way(cast: Cast, random: np.random.Generator) -> Plan:
    """At the usual place and speed, to the side to which hardly anybody goes."""
    towards = -usual_side(cast.stage.tracks)
    cast = cast._replace(side=towards)
    return crossing(cast, stepping(cast), cast.walk, cast.middle.centre[1])


def cross(cast: Cast, random: np.random.Generator) -> Plan:
    """Up or down where all go to the sides."""
    rows, columns = cast.stage.ground.shape[:2]
    looks, x, plan = stepping(cast), random.uniform(0.2, 0.8) * columns, {}
    margin = len(looks[0].mask) / 2
    for i in range(cast.frames - cast.begin):
        gone = (i * cast.walk) % (rows + 2 * margin) - margin
        y = gone if cast.side > 0 else rows - gone
        plan[cast.begin + i] = [looks[i % len(looks)]._replace(centre=np.array([x, y]))]
    return plan


def still(cast: Cast, random: np.random.Generator) -> Plan:
    """One who stands where all walk."""
    return staying(cast, sprite_of(cast.middle), cast.middle.centre)


def abandoned(cast: Cast, random: np.random.Generator) -> Plan:
    """A bag that a walker leaves behind."""
    tall = len(cast.middle.mask)
    bag = thing(cast, 0.35 * tall, 0.4 * tall, random)
    return staying(cast, bag, cast.middle.centre + np.array([0, 0.3 * tall]))


def removed(cast: Cast, random: np.random.Generator) -> Plan:
    """A piece of the scene that is gone: its place looks like the ground beside it."""
    tall = len(cast.middle.mask)
    rows, columns = cast.stage.ground.shape[:2]
    detail = cv2.Laplacian(cast.stage.ground.mean(axis=2), cv2.CV_32F)
    spread = cv2.GaussianBlur(np.square(detail), (0, 0), tall / 4)
    half = min(tall, rows // 3, columns // 6) // 2
    inner = spread[half : rows - half, half : columns - 4 * half]
    y, x = np.unravel_index(int(inner.argmax()), inner.shape)
    x, y = int(x) + half, int(y) + half
    beside = cast.stage.ground[y - half : y + half, x + half : x + 3 * half]
    piece = Sprite(beside, np.ones(beside.shape[:2], bool), np.zeros(2), depth=-1.0)
    return staying(cast, piece, np.array([x, y]) - 0.5)


def fallen(cast: Cast, random: np.random.Generator) -> Plan:
    down = cast.middle.centre + np.array([0, len(cast.middle.mask) / 2 - len(cast.middle.mask[0]) / 2])
    return staying(cast, sprite_of(cast.middle, turned=True), down)


def throw(cast: Cast, random: np.random.Generator) -> Plan:
    """A ball that flies in a bow, every two seconds."""
    tall, plan, fps = len(cast.middle.mask), {}, cast.stage.fps
    ball = thing(cast, 0.25 * tall, 0.25 * tall, random)
    flight = round(0.8 * fps)
    for start in range(cast.begin, cast.frames, round(2 * fps)):
        for i in range(flight):
            u = i / flight
            place = cast.middle.centre + np.array([cast.side * 4 * tall * (u - 0.5), -2 * tall * u * (1 - u) * 2])
            plan[start + i] = [ball._replace(centre=place)]
    return plan


KINDS: dict[str, Callable[[Cast, np.random.Generator], Plan]] = {
    "fast": fast, "glide": glide, "big": big, "cart": cart, "child": child, "wrong": wrong_way, "cross": cross,
    "still": still, "abandoned": abandoned, "removed": removed, "fallen": fallen, "throw": throw,
}  # fmt: skip
STOPPED = "stopped"  # all stand still


def usual_side(tracks: Sequence[Sequence[Cut]]) -> int:
    """To which side at least nine in ten go: 1 right, -1 left; 0 where they go to both."""
    right = float(np.mean([speed_of(track)[0] > 0 for track in tracks]))
    return 1 if right >= 0.9 else -1 if right <= 0.1 else 0


def kinds_of(stage: Stage) -> list[str]:
    """The kinds of anomalies that are any in this scene."""
    return [kind for kind in (*KINDS, STOPPED) if kind != "wrong" or usual_side(stage.tracks)]


def planted(stage: Stage, kind: str, at_once: int, frames: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A clip (T, H, W, C) uint8 with so many walkers at a time and one anomaly, and which frames (T,) show it."""
    random, begin = np.random.default_rng(seed), round(0.3 * frames)
    plan = usual(stage, at_once, frames, random)
    if kind == STOPPED:
        halted = {t: plan.get(min(t, begin), []) for t in range(frames)}
        return composed(stage, [halted], frames, seed)[0], np.arange(frames) > begin + 0.5 * stage.fps
    track = stage.tracks[random.integers(len(stage.tracks))]
    walk, side = float(np.hypot(*speed_of(track))), int(random.choice([-1, 1]))
    cast = Cast(stage, track, walk, side, begin, frames)
    clip, visible = composed(stage, [plan, KINDS[kind](cast, random)], frames, seed)
    return clip, visible > VISIBLE


def pasted_into(frames: np.ndarray, stage: Stage, kind: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Real frames (T, H, W, C) uint8 with one anomaly of KINDS, and which frames (T,) show it."""
    random, length = np.random.default_rng(seed), len(frames)
    track = stage.tracks[random.integers(len(stage.tracks))]
    walk, side = float(np.hypot(*speed_of(track))), int(random.choice([-1, 1]))
    plan = KINDS[kind](Cast(stage, track, walk, side, round(0.3 * length), length), random)
    found, shown = frames.copy(), np.zeros(length)
    for t, frame in enumerate(frames.astype(np.float32)):
        shown[t] = max((pasted(frame, sprite) for sprite in plan.get(t, ())), default=0.0)
        found[t] = np.clip(np.rint(frame), 0, 255)
    return found, shown > VISIBLE
