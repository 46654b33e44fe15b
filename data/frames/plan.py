"""Pass 1 of prep: from candidates to a plan, one per reel, in which every frame has its row or its reason."""

import hashlib
import json
from collections import Counter
from dataclasses import asdict, dataclass, is_dataclass, replace
from itertools import chain
from typing import Any

import numpy as np

from config import PrepConfig
from data.disk.files import folder_name, unlike
from data.frames.aia_corrections import correct_rows
from data.frames.editions import edition_of, of_one_level
from data.frames.grid.common_shape import without_mixed_sizes
from data.frames.grid.crop import beyond, corner_of, crop_sky, cropped_shape
from data.frames.grid.earth_view import sky_rows
from data.frames.grid.letterbox import inner_shape, to_source
from data.frames.grid.placement import Placed, Row
from data.frames.grid.registration import Common, register_rows
from data.frames.grid.to_grid import unit_of
from data.frames.grid.transfer import is_undone, step_of
from data.frames.kinds import told_apart
from data.messages import logger
from data.sources.base import LEVEL, MOSAIC, RGB, UNKNOWN, Candidate

log = logger(__name__)

# Settings that change only the window index or what is drawn, or whose content is told by the candidates or `given`.
_NOT_IDENTITY = (
    *("clip_length", "stride", "movie_only", "times_csv", "labels_csv", "stretch", "stretch_from"),
    *("source", "vso", "degradation_table", "pointing_table"),
    *("colour", "fit_fraction", "light_curves", "classes", "max_input_mb", "aspect", "repeats", "crop"),
    *("transfer", "transfer_range", "colormap", "verify", "store", "start_from"),
)

Checked = dict[str, tuple[list[Placed], list[Placed]]]  # reel name -> accepted in time order, rejected


@dataclass(frozen=True)
class ReelPlan:
    """What one reel will hold: `rows[t][c]` is what is placed at frame t and channel c, in time order."""

    name: str
    channels: tuple[str, ...]
    rows: tuple[Row, ...]
    rejected: tuple[Placed, ...]
    source_shape: tuple[int, int]

    @property
    def is_counts(self) -> bool:
        return bool(self.rows) and self.rows[0][0].candidate.is_counts

    def unit(self, prep: PrepConfig) -> str:
        """The unit of its values."""
        return unit_of(self.rows[0][0], prep) if self.is_counts else LEVEL

    def stored_shape(self, prep: PrepConfig) -> tuple[int, int, int, int]:
        """(T, C, H, W) of the reel, if every frame can be decoded."""
        return len(self.rows), len(self.channels), *(prep.resize or self.cropped_shape(prep))

    def cropped_shape(self, prep: PrepConfig) -> tuple[int, int]:
        """The part (H, W) of the sources' frames that is used."""
        return cropped_shape(self.source_shape, prep.crop)

    def inner_shape(self, prep: PrepConfig) -> tuple[int, int]:
        """The part (H, W) of the stored frames that the sources' fill."""
        shape = self.cropped_shape(prep)
        pixel_aspect = self.rows[0][0].candidate.pixel_aspect if self.rows else 1.0
        return inner_shape(shape, prep.resize or shape, prep, self.is_counts, pixel_aspect)

    def to_source(self, prep: PrepConfig, frame: Placed | None = None) -> np.ndarray:
        """Where the reel's pixels lie in the sources' frames: see `letterbox.to_source`. frame: one that was moved."""
        grid, moved = self.stored_shape(prep)[2:], frame.to_source if frame else ()
        return to_source(self.cropped_shape(prep), grid, self.inner_shape(prep), corner_of(prep.crop), moved)

    @property
    def is_moved(self) -> bool:
        """Whether any of its frames was registered, so that not all of them share one map to the sources'."""
        return any(row[0].to_source for row in self.rows)

    def identity(self, prep: PrepConfig, given: Any = None) -> str:
        """SHA-256 of everything that decides the frames: inputs as their headers tell, settings, and files `given`.

        The place of the input is left out, so that a folder may be moved or named by another path.
        """
        settings = {k: v for k, v in asdict(prep).items() if k not in _NOT_IDENTITY}
        inputs = [frame.facts() for row in self.rows for frame in row]
        facts = [settings, given, self.name, self.channels, inputs]
        grid = self.stored_shape(prep)[2:]
        facts += [inner] if (inner := self.inner_shape(prep)) != grid else []
        facts += ["repeats kept"] if prep.repeats == "keep" else []
        facts += [asdict(prep.crop)] if prep.crop else []
        facts += [step_of(prep)] if is_undone(prep) and not self.is_counts else []
        return hashlib.sha256(json.dumps(facts, default=_told, sort_keys=True).encode()).hexdigest()


def _told(value: Any) -> Any:
    """What JSON has no form for: of a WCS its fields (`asdict` would copy all, frame by frame), else its text."""
    return vars(value) if is_dataclass(value) else str(value)


def plan_reels(candidates: list[Candidate], prep: PrepConfig) -> list[ReelPlan]:
    """Group candidates into reels, sort them by time, reject duplicates with a reason, and find them on the sky.

    Raises ValueError when prep.sky or a table of corrections can't be applied.
    """
    # Workers report in any order; this one is the same every time.
    frames = [Placed.of(c) for c in sorted(candidates, key=lambda c: (c.source, c.position))]
    groups = _grouped(told_apart(_adopted(frames)))
    checked = {name: _of_one_unit(*_checked(group), prep) for name, group in groups.items()}
    plans = []
    if prep.channels == "stack":
        wavelengths = {
            name: lists for name, lists in checked.items() if any(f.candidate.is_counts for f in chain(*lists))
        }
        plans += [_stacked(wavelengths, prep)] if wavelengths else []
        checked = {name: lists for name, lists in checked.items() if name not in wavelengths}
    plans += [_separate(name, accepted, rejected, prep) for name, (accepted, rejected) in checked.items()]
    plans = [on_the_sky(_croppable(plan, prep), prep) for plan in plans]
    for plan in plans:
        _tell_without_sky(plan.name, plan.rows)
        _tell_mosaics(plan.name, plan.rows)
    return plans


def _croppable(plan: ReelPlan, prep: PrepConfig) -> ReelPlan:
    """The plan, or one of rejected frames alone where prep.crop does not lie inside them."""
    reason = beyond(plan.source_shape, prep.crop)
    if not reason:
        return plan
    frames = [frame for row in plan.rows for frame in {frame.candidate.place: frame for frame in row}.values()]
    return replace(plan, rows=(), rejected=(*plan.rejected, *(replace(frame, reason=reason) for frame in frames)))


def on_the_sky(plan: ReelPlan, prep: PrepConfig, common: Common | None = None) -> ReelPlan:
    """The plan with what its frames can know only together: their common place on the sky, and tables' corrections.

    common: what the frames of another reel were registered to, for frames that are to lie as those do.
    Raises ValueError when a table or prep.sky can't be applied.
    """
    rows = sky_rows(plan.name, correct_rows(plan.rows, prep), prep.sky)
    rows = crop_sky(rows, prep.crop)
    return replace(plan, rows=register_rows(rows, plan.source_shape, prep, common))


def _tell_without_sky(name: str, rows: tuple[Row, ...]) -> None:
    """One line about frames whose headers do not say where they lie on the sky, and why."""
    reasons = Counter(frame.candidate.no_sky for row in rows for frame in row if frame.wcs is None)
    del reasons[""]
    if reasons:
        why, count = reasons.most_common(1)[0]
        others = f" ({len(reasons) - 1} other reasons)" if len(reasons) > 1 else ""
        log.info(f"{name}: {reasons.total()} frames have no place on the sky; {count} x {why}{others}")


def _tell_mosaics(name: str, rows: tuple[Row, ...]) -> None:
    """One line about raw pictures of colour cameras."""
    count = sum(MOSAIC in frame.candidate.flags for row in rows for frame in row)
    if count:
        log.warning(
            f"{name}: of {count} frames {MOSAIC}: neighbouring pixels see other colours; develop them for colours"
        )


def _adopted(frames: list[Placed]) -> list[Placed]:
    """Unreadable frames join the reel that most of their folder or archive belong to, else most frames at all."""
    homes: dict[str, Counter] = {}
    for frame in frames:
        if frame.candidate.is_counts and frame.reel != UNKNOWN:
            homes.setdefault(frame.candidate.home, Counter())[frame.reel] += 1
    everywhere = sum(homes.values(), Counter())
    if not everywhere:
        return frames
    home = {place: _most_common(counts) for place, counts in homes.items()}
    default = _most_common(everywhere)
    return [replace(f, reel=home.get(f.candidate.home, default)) if f.reel == UNKNOWN else f for f in frames]


def _most_common(counts: Counter) -> Any:
    """The most frequent key; the larger one on a tie."""
    return max(counts, key=lambda key: (counts[key], key))


def _grouped(frames: list[Placed]) -> dict[str, list[Placed]]:
    """Frames by reel. Counts of one channel meet from everywhere; a video or folder of images is one by itself."""
    groups: dict[tuple[str, str, str], list[Placed]] = {}
    for frame in frames:
        own = "" if frame.candidate.is_counts else frame.candidate.home
        groups.setdefault((folder_name(frame.reel), own, frame.reel), []).append(frame)
    named: dict[str, list[Placed]] = {}
    for key in sorted(groups):
        named[unlike(key[0], named)] = groups[key]
    return named


def _checked(group: list[Placed]) -> tuple[list[Placed], list[Placed]]:
    """Accepted frames in time order without duplicates, and the rejected ones."""
    rejected = [frame for frame in group if frame.reason]
    accepted, odd = of_one_level(sorted((frame for frame in group if not frame.reason), key=_sort_key))
    rejected += odd
    kept: list[Placed] = []
    for frame in accepted:
        if kept and _sort_key(kept[-1])[:2] == _sort_key(frame)[:2]:
            rejected.append(replace(frame, reason=f"same time as {kept[-1].candidate.source}"))
        else:
            kept.append(frame)
    return kept, rejected


def _of_one_unit(accepted: list[Placed], rejected: list[Placed], prep: PrepConfig) -> tuple[list[Placed], list[Placed]]:
    """The frames of the unit that most have, and with the rejected ones those of another quantity."""
    units = Counter(unit_of(frame, prep) for frame in accepted)
    if len(units) < 2:
        return accepted, rejected
    usual = _most_common(units)
    odd = [frame for frame in accepted if unit_of(frame, prep) != usual]
    reason = "unit {} (BUNIT), where most of its reel have {}; prepare a folder of these alone"
    odd = [replace(frame, reason=reason.format(unit_of(frame, prep) or "1", usual or "1")) for frame in odd]
    return [frame for frame in accepted if unit_of(frame, prep) == usual], rejected + odd


def _sort_key(frame: Placed) -> tuple:
    """By time; of one time the frame to be taken first."""
    candidate = frame.candidate
    time_s = candidate.time_s if not candidate.time_utc else 0.0
    return candidate.time_utc, time_s, edition_of(candidate), candidate.source, candidate.position


def _common_shape(frames: list[Placed]) -> tuple[int, int]:
    """The shape most frames have; the larger one on a tie."""
    return _most_common(Counter(frame.candidate.shape for frame in frames)) if frames else (0, 0)


def _separate(name: str, accepted: list[Placed], rejected: list[Placed], prep: PrepConfig) -> ReelPlan:
    accepted, odd = _of_one_colour(accepted)
    accepted, mixed = without_mixed_sizes(accepted, _common_shape(accepted), prep.shape_tolerance_px)
    channels = (accepted[0].channel if accepted else "none",)
    rows = tuple((frame,) for frame in accepted)
    if channels == ("rgb",):
        channels, rows = RGB, tuple(tuple(replace(frame, channel=name) for name in RGB) for frame in accepted)
    return ReelPlan(name, channels, rows, (*rejected, *odd, *mixed), _common_shape(accepted))


def _of_one_colour(accepted: list[Placed]) -> tuple[list[Placed], list[Placed]]:
    """Pictures of the form that most have, gray or in colour, and the others, rejected with a reason."""
    kinds = Counter(frame.channel for frame in accepted)
    if "rgb" not in kinds or len(kinds) == 1:
        return accepted, []
    usual = _most_common(kinds)
    reason = f"{'gray' if usual == 'rgb' else 'in colour'}, unlike most of its folder; prep.colour gray takes both"
    odd = [replace(frame, reason=reason) for frame in accepted if frame.channel != usual]
    return [frame for frame in accepted if frame.channel == usual], odd


def _stacked(checked: Checked, prep: PrepConfig) -> ReelPlan:
    """One reel whose channels are the wavelengths, matched to the first one's times within the tolerance."""
    rejected = [frame for _, lost in checked.values() for frame in lost]
    accepted = {name: checked[name][0] for name in sorted(checked, key=_wavelength) if checked[name][0]}
    if not accepted:
        return ReelPlan("_".join(sorted(checked)), ("none",), (), tuple(rejected), (0, 0))
    names = list(accepted)
    reference, *others = accepted.values()
    matches = [_match(reference, other, prep.match_tolerance_sec) for other in others]
    rows: list[Row] = []
    used: list[set[int]] = [set() for _ in others]
    for i, frame in enumerate(reference):
        missing = ", ".join(name for name, match in zip(names[1:], matches, strict=True) if i not in match)
        if missing:
            rejected.append(replace(frame, reason=f"no {missing} within {prep.match_tolerance_sec:g} s"))
            continue
        partners = [match[i] for match in matches]
        rows.append((frame, *(other[j] for other, j in zip(others, partners, strict=True))))
        for taken, j in zip(used, partners, strict=True):
            taken.add(j)
    lost = f"not in a complete set of channels within {prep.match_tolerance_sec:g} s"
    unused = (f for other, taken in zip(others, used, strict=True) for j, f in enumerate(other) if j not in taken)
    rejected += [replace(frame, reason=lost) for frame in unused]
    channels = tuple(accepted[name][0].channel for name in names)
    channels = channels if len(set(channels)) == len(channels) else tuple(names)
    return ReelPlan(
        "_".join(names), channels, tuple(rows), tuple(rejected), _common_shape([f for r in rows for f in r])
    )


def _wavelength(name: str) -> tuple:
    """Sort key that puts aia_94 before aia_171."""
    return len(name), name


def _match(reference: list[Placed], other: list[Placed], tolerance_s: float) -> dict[int, int]:
    """Nearest frame of `other` for each frame of `reference`, by number; each is used once, closest pairs first."""
    times = ([frame.candidate.time_utc for frame in side] for side in (reference, other))
    a, b = (np.array(side, "datetime64[ms]").astype(np.int64) for side in times)
    tolerance_ms = round(tolerance_s * 1000)
    pairs = []
    for i, time in enumerate(a):
        low, high = np.searchsorted(b, [time - tolerance_ms, time + tolerance_ms + 1])
        pairs += [(abs(int(b[j] - time)), i, j) for j in range(low, high)]
    matched: dict[int, int] = {}
    taken: set[int] = set()
    for _, i, j in sorted(pairs):
        if i not in matched and j not in taken:
            matched[i] = j
            taken.add(j)
    return matched
