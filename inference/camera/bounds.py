"""How far whole frames of a camera may go, learnt from its quiet ones: no level of grey is built in.

A camera that repeats every frame nine times, shakes, sleeps at night or shows a still screen does so in quiet data too,
and then it is not broken.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

from data.disk.damage import AGAIN, arrays_of
from data.disk.sealing import write_arrays
from data.messages import progress
from data.reel.mask_bits import INVALID
from data.reel.scaled import read_scaled
from data.reel.stretch import Stretch
from inference.calibration.noise import MAD_TO_STD
from inference.calibration.quiet.ranges import QuietRange, quiet_ranges
from inference.camera.blocks import LEAST_PX, Blocks
from inference.camera.light import Transmission, disc_parts, light_of, sky_of
from inference.camera.looks import Alone, Look, Pair, alone, pair
from inference.metrics.frame import runs
from training.run import owned_run

MOST_FRAMES, PIECE_FRAMES = 1_200, 60  # that bounds are learnt from, in pieces of consecutive ones
LEAST_FRAMES = 16  # fewer say nothing
RARE = 0.05  # share of the quiet frames that may be broken themselves
LOST = 1 / 3  # what is left of the smoothness or the edges of quiet frames where they are lost
LEAST_LEVEL = 0.3  # of both; where quiet frames have less, there is nothing to lose
LEAST_DETAIL = 1 / 256  # the same of detail
BLURRED, UNSHARP = 0.5, 0.75  # what is left of the detail, and of it beside the contrast, where it is out of focus
LIT, LEAST_LIT, ALL_LIT = 2.0, 0.08, 0.01  # times the jump of light in all but this share of quiet pairs; at least
FILLED, SCATTERS = 0.25, 5.0  # share of a picture that is filled in, and times that the share at one value scatters
MOVED, LEAST_MOVED_PX = 1.5, 0.15  # times the quiet motion; less is no event, however still the camera stood
CLOUDED, LEAST_CLOUDED = 8.0, 0.05  # spreads of the light that is missing on quiet days, and share of it; less is none
BLOCK_TIMES = 2.0  # times the largest block of quiet frames
SMALL_CHANGE, LARGE_CHANGE = 0.25, 0.1  # of the smallest and of the largest quiet changes: below, a frame is a repeat


class Repeats(NamedTuple):
    """A frame that changes by at most `change` repeats the last one; so many in a row are more than quiet data have."""

    change: float
    most: float


@dataclass(frozen=True)
class Bounds:
    """What frames of one camera are held against; see `Alone` and `Pair`. The defaults let everything pass."""

    valid: float = 0.0  # at least
    quiet_flat: float = 1.0  # what quiet frames have
    flat: float = np.inf  # more is a fill
    brightest: float = np.inf  # of quiet frames
    smooth: float = -np.inf  # at least
    kept: float = -np.inf  # at least
    moved_px: float = np.inf  # at most
    small_change: float = 0.0
    small_repeats: float = np.inf
    large_change: float = 0.0
    large_repeats: float = np.inf
    block_px: float = np.inf  # a block is at least so large; see `Blocks`
    lost_light: float = np.inf  # share, at most; see `Transmission`
    detail: float = -np.inf  # at least, or nothing is seen
    blurred: float = -np.inf  # at least, or it is out of focus where `sharp` says so
    sharp: float = -np.inf  # at least
    lit: float = np.inf  # at most

    @property
    def repeats(self) -> tuple[Repeats, Repeats]:
        return Repeats(self.small_change, self.small_repeats), Repeats(self.large_change, self.large_repeats)


ALL_PASS = Bounds()


def kept_bounds(run: Path, channels: Sequence[str], scaling: dict[str, Stretch]) -> Bounds:
    """The bounds of a run for reels of these channels; learnt now from its quiet frames if they are missing.

    Channels that the run has no quiet frames of are held against all that it has. A run without any lets all pass.
    """
    if not (run / "calibration" / "quiet" / "ranges.csv").is_file():
        return ALL_PASS
    name = hashlib.sha256("+".join(channels).encode()).hexdigest()[:16]
    path = run / "calibration" / f"camera-{name}.npz"
    if not path.is_file():
        with owned_run(run, "calibration"):
            ranges = quiet_ranges(run)
            found = learn([r for r in ranges if list(r.reel.channels) == list(channels)] or ranges, scaling)
            write_bounds(path, found)
    return read_bounds(path)


def write_bounds(path: Path, bounds: Bounds) -> None:
    """Write bounds of whole frames for `read_bounds`."""
    write_arrays(path, **{name: np.array(value) for name, value in asdict(bounds).items()})


def read_bounds(path: Path) -> Bounds:
    """What `write_bounds` has written; what runs from before did not learn lets all pass."""
    with arrays_of(path, AGAIN) as saved:
        return Bounds(**{field.name: float(saved[field.name]) for field in fields(Bounds) if field.name in saved})


def learn(ranges: Sequence[QuietRange], scaling: dict[str, Stretch]) -> Bounds:
    """Bounds from at most about MOST_FRAMES quiet frames, evenly over time; none for a series, which has no camera."""
    if ranges[0].reel.is_series:
        return ALL_PASS
    pieces = [piece for r in ranges for piece in r.pieces(PIECE_FRAMES)]
    step = max(1, -(-sum(map(len, pieces)) // MOST_FRAMES))
    singles: list[Alone] = []
    pairs: list[list[Pair]] = []
    lost: list[float] = []
    blocks: list[int] = []
    for piece in progress(pieces[::step], desc="learning what the camera does", unit="piece"):
        looks = list(_looks(piece, scaling))
        singles += [alone(look) for look in looks]
        pairs.append([pair(now, before) for before, now in pairwise(looks)])
        lost += lost_light(piece)
        blocks += largest_blocks(piece, scaling)
    least_px = smallest_block(np.array(blocks))
    return replace(bounds_of(singles, pairs), lost_light=most_lost(np.array(lost)), block_px=least_px)


def _looks(piece: QuietRange, scaling: dict[str, Stretch]) -> Iterator[Look]:
    for index in range(piece.begin, piece.end):
        frames, valid = read_scaled(piece.reel, index, index + 1, scaling)
        yield Look.of(frames[0] * valid, valid[0])


def lost_light(piece: QuietRange) -> list[float]:
    """How much of the light of the solar disc is missing in the frames of a range, but the first; of others nothing."""
    parts = disc_parts(piece.reel)
    if not parts.any():
        return []
    transmission, reel = Transmission(), piece.reel
    frames = (reel.read(i, i + 1) for i in range(piece.begin, piece.end))
    light = [light_of(frame[0], (bits[0] & INVALID) == 0, reel.stretches, parts) for frame, bits in frames]
    return [transmission.lost(of_frame) for of_frame in light][1:]


def largest_blocks(piece: QuietRange, scaling: dict[str, Stretch]) -> list[int]:
    """Pixels of the largest block that seems lost in each frame of a range of the Sun; of others nothing."""
    if sky_of(piece.reel) is None:
        return []
    seen = Blocks(LEAST_PX)
    frames = (read_scaled(piece.reel, i, i + 1, scaling) for i in range(piece.begin, piece.end))
    return [seen.lost(frame[0], valid[0])[1] for frame, valid in frames]


def smallest_block(quiet: np.ndarray) -> float:
    """How large a block is at least, px: coded movies have flat places that come and go in quiet frames (n,) too."""
    if len(quiet) < LEAST_FRAMES:
        return np.inf
    return max(float(LEAST_PX), BLOCK_TIMES * float(np.quantile(quiet, 1 - RARE)))


def most_lost(quiet: np.ndarray) -> float:
    """The share of the light that may be missing, from quiet frames (n,).

    Far from the bulk of them, or as of motion beyond nearly all: the air above a telescope is not the same all day.
    """
    if len(quiet) < LEAST_FRAMES:
        return np.inf
    usual = float(np.median(quiet))
    far = usual + CLOUDED * MAD_TO_STD * float(np.median(np.abs(quiet - usual)))
    return max(LEAST_CLOUDED, min(far, MOVED * float(np.quantile(quiet, 1 - RARE))))


def bounds_of(singles: Sequence[Alone], pairs: Sequence[Sequence[Pair]]) -> Bounds:
    """Bounds from the facts of quiet frames, and of the pairs in pieces of consecutive ones."""
    together = [facts for piece in pairs for facts in piece]
    if len(together) < LEAST_FRAMES:
        return ALL_PASS
    valid, flat, level, smooth, detail, sharp = np.array(singles).T
    _, kept, moved_px, lit = np.array(together).T
    changes = [np.array([facts.change for facts in piece]) for piece in pairs]
    usual, most = np.quantile(flat, [0.5, 1 - RARE])
    small, large = repeats_of(changes)
    return Bounds(
        valid=float(np.quantile(valid, RARE)) / 2,
        quiet_flat=float(most),
        flat=float(max(most + FILLED * (1 - most), most + SCATTERS * (most - usual))),
        brightest=float(level.max()),
        smooth=_lost(smooth),
        kept=_lost(kept),
        detail=_lost(detail, LEAST_DETAIL),
        blurred=_lost(detail, LEAST_DETAIL, BLURRED),
        sharp=UNSHARP * float(np.quantile(sharp, RARE)),
        lit=max(LEAST_LIT, LIT * float(np.quantile(lit, 1 - ALL_LIT))),
        moved_px=max(LEAST_MOVED_PX, MOVED * float(np.quantile(moved_px, 1 - RARE))),
        small_change=small.change,
        small_repeats=small.most,
        large_change=large.change,
        large_repeats=large.most,
    )


def _lost(quiet: np.ndarray, least_level: float = LEAST_LEVEL, left: float = LOST) -> float:
    least = float(np.quantile(quiet, RARE))
    return left * least if least >= least_level else -np.inf


def repeats_of(changes: Sequence[np.ndarray]) -> tuple[Repeats, Repeats]:
    """From quiet changes, pieces of consecutive frames each: how little a repeat changes, and how many come in a row.

    Against the smallest changes, a single repeat shows where noise never rests; against the largest, a standstill does
    where frames are repeated anyway, as a slower film is for a faster screen. Twice the longest quiet row passes, and
    any where such rows make up half of a piece: a still scene is no broken camera.
    """
    every = np.concatenate(changes)
    moving = every[every > 0]
    if not len(moving):
        return Repeats(0.0, np.inf), Repeats(0.0, np.inf)
    found = []
    for change in (SMALL_CHANGE * np.quantile(moving, RARE), LARGE_CHANGE * np.quantile(every, 0.95)):
        rows = [int(np.diff(runs(piece <= change), axis=1).max(initial=0)) for piece in changes]
        is_still = any(2 * row > len(piece) for row, piece in zip(rows, changes, strict=True))
        found.append(Repeats(float(change), np.inf if is_still else 2.0 * max(rows)))
    return found[0], found[1]
