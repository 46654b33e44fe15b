"""Pass 1 of prep: from candidates to a plan, one per reel, in which every frame has its row or its reason."""

import hashlib
import json
import re
from collections import Counter
from dataclasses import asdict, dataclass, replace
from itertools import chain, count
from typing import Any

import numpy as np

from config import PrepConfig
from data.frames.aia_corrections import correct_rows
from data.frames.earth_view import sky_rows
from data.frames.registration import register_rows
from data.sources.base import RGB, UNKNOWN, Candidate

# Settings that change only the window index or what is drawn, or whose content is told by the candidates or `given`.
_NOT_IDENTITY = (
    *("clip_length", "stride", "movie_only", "times_csv", "labels_csv", "stretch", "stretch_from"),
    *("source", "vso", "degradation_table", "pointing_table"),
    *("colour", "fit_fraction", "light_curves", "classes"),
)

Checked = dict[str, tuple[list[Candidate], list[Candidate]]]  # reel name -> accepted in time order, rejected


@dataclass(frozen=True)
class ReelPlan:
    """What one reel will hold: `rows[t][c]` is the candidate of frame t and channel c, in time order."""

    name: str
    channels: tuple[str, ...]
    rows: tuple[tuple[Candidate, ...], ...]
    rejected: tuple[Candidate, ...]
    source_shape: tuple[int, int]

    @property
    def is_counts(self) -> bool:
        return bool(self.rows) and self.rows[0][0].is_counts

    def identity(self, prep: PrepConfig, given: Any = None) -> str:
        """SHA-256 of everything that decides the frames: inputs as their headers tell, settings, and files `given`.

        The place of the input is left out, so that a folder may be moved or named by another path.
        """
        settings = {k: v for k, v in asdict(prep).items() if k not in _NOT_IDENTITY}
        inputs = [_facts(c) for row in self.rows for c in row]
        facts = [settings, given, self.name, self.channels, inputs]
        return hashlib.sha256(json.dumps(facts, default=str, sort_keys=True).encode()).hexdigest()


def _facts(candidate: Candidate) -> dict[str, Any]:
    """What decides a frame, without where its input folder lies."""
    facts = asdict(replace(candidate, path=""))
    del facts["home"], facts["is_counts"]  # which its kind decides
    return facts


def plan_reels(candidates: list[Candidate], prep: PrepConfig) -> list[ReelPlan]:
    """Group candidates into reels, sort them by time, reject duplicates with a reason, and find them on the sky.

    Raises ValueError when prep.sky or a table of corrections can't be applied.
    """
    # Workers report in any order; this one is the same every time.
    candidates = sorted(candidates, key=lambda c: (c.source, c.position))
    checked = {name: _checked(group) for name, group in _grouped(_adopted(candidates)).items()}
    plans = []
    if prep.channels == "stack":
        wavelengths = {name: lists for name, lists in checked.items() if any(c.is_counts for c in chain(*lists))}
        plans += [_stacked(wavelengths, prep)] if wavelengths else []
        checked = {name: lists for name, lists in checked.items() if name not in wavelengths}
    plans += [_separate(name, accepted, rejected) for name, (accepted, rejected) in checked.items()]
    return [_on_the_sky(plan, prep) for plan in plans]


def _on_the_sky(plan: ReelPlan, prep: PrepConfig) -> ReelPlan:
    """The plan with what its frames can know only together: their common place on the sky, and tables' corrections.

    Raises ValueError when a table or prep.sky can't be applied.
    """
    rows = sky_rows(plan.name, correct_rows(plan.rows, prep), prep.sky)
    return replace(plan, rows=register_rows(rows, plan.source_shape, prep))


def _adopted(candidates: list[Candidate]) -> list[Candidate]:
    """Unreadable FITS join the reel that most frames of their folder or archive belong to, else most frames at all."""
    homes: dict[str, Counter] = {}
    for c in candidates:
        if c.is_counts and c.reel != UNKNOWN:
            homes.setdefault(c.home, Counter())[c.reel] += 1
    everywhere = sum(homes.values(), Counter())
    if not everywhere:
        return candidates
    home = {place: _most_common(counts) for place, counts in homes.items()}
    default = _most_common(everywhere)
    return [replace(c, reel=home.get(c.home, default)) if c.reel == UNKNOWN else c for c in candidates]


def _most_common(counts: Counter) -> Any:
    """The most frequent key; the larger one on a tie."""
    return max(counts, key=lambda key: (counts[key], key))


def _grouped(candidates: list[Candidate]) -> dict[str, list[Candidate]]:
    """Candidates by reel. Counts of one channel meet from everywhere; a video or folder of images is one by itself."""
    groups: dict[tuple[str, str], list[Candidate]] = {}
    for candidate in candidates:
        own = "" if candidate.is_counts else candidate.home
        groups.setdefault((_folder_name(candidate.reel), own), []).append(candidate)
    named: dict[str, list[Candidate]] = {}
    for name, own in sorted(groups):
        numbered = (f"{name}_{n}" for n in count(2))
        unique = name if name not in named else next(other for other in numbered if other not in named)
        named[unique] = groups[name, own]
    return named


def _folder_name(text: str) -> str:
    """A name for the reel's folder: no separators, not hidden, and short enough for suffixes."""
    return re.sub(r"[^\w.-]+", "_", text).lstrip(".")[:120] or "reel"


def _checked(group: list[Candidate]) -> tuple[list[Candidate], list[Candidate]]:
    """Accepted candidates in time order without duplicates, and the rejected ones."""
    rejected = [c for c in group if c.reason]
    accepted = sorted((c for c in group if not c.reason), key=_sort_key)
    kept: list[Candidate] = []
    for candidate in accepted:
        if kept and _sort_key(kept[-1])[:2] == _sort_key(candidate)[:2]:
            rejected.append(replace(candidate, reason=f"same time as {kept[-1].source}"))
        else:
            kept.append(candidate)
    return kept, rejected


def _sort_key(candidate: Candidate) -> tuple:
    time_s = candidate.time_s if not candidate.time_utc else 0.0
    return candidate.time_utc, time_s, candidate.source, candidate.position


def _common_shape(candidates: list[Candidate]) -> tuple[int, int]:
    """The shape most frames have; the larger one on a tie."""
    return _most_common(Counter(c.shape for c in candidates)) if candidates else (0, 0)


def _separate(name: str, accepted: list[Candidate], rejected: list[Candidate]) -> ReelPlan:
    accepted, odd = _of_one_colour(accepted)
    channels = (accepted[0].channel if accepted else "none",)
    rows = tuple((c,) for c in accepted)
    if channels == ("rgb",):
        channels, rows = RGB, tuple(tuple(replace(c, channel=name) for name in RGB) for c in accepted)
    return ReelPlan(name, channels, rows, (*rejected, *odd), _common_shape(accepted))


def _of_one_colour(accepted: list[Candidate]) -> tuple[list[Candidate], list[Candidate]]:
    """Pictures of the form that most have, gray or in colour, and the others, rejected with a reason."""
    kinds = Counter(c.channel for c in accepted)
    if "rgb" not in kinds or len(kinds) == 1:
        return accepted, []
    usual = _most_common(kinds)
    reason = f"{'gray' if usual == 'rgb' else 'in colour'}, unlike most of its folder; prep.colour gray takes both"
    odd = [replace(c, reason=reason) for c in accepted if c.channel != usual]
    return [c for c in accepted if c.channel == usual], odd


def _stacked(checked: Checked, prep: PrepConfig) -> ReelPlan:
    """One reel whose channels are the wavelengths, matched to the first one's times within the tolerance."""
    rejected = [c for _, lost in checked.values() for c in lost]
    accepted = {name: checked[name][0] for name in sorted(checked, key=_wavelength) if checked[name][0]}
    if not accepted:
        return ReelPlan("_".join(sorted(checked)), ("none",), (), tuple(rejected), (0, 0))
    names = list(accepted)
    reference, *others = accepted.values()
    matches = [_match(reference, other, prep.match_tolerance_sec) for other in others]
    rows, used = [], set()
    for i, candidate in enumerate(reference):
        partners = [match.get(i) for match in matches]
        if None in partners:
            missing = ", ".join(n for n, p in zip(names[1:], partners, strict=True) if p is None)
            rejected.append(replace(candidate, reason=f"no {missing} within {prep.match_tolerance_sec:g} s"))
        else:
            rows.append((candidate, *partners))
            used.update(id(partner) for partner in partners)
    lost = f"not in a complete set of channels within {prep.match_tolerance_sec:g} s"
    rejected += [replace(c, reason=lost) for other in others for c in other if id(c) not in used]
    channels = tuple(accepted[name][0].channel for name in names)
    channels = channels if len(set(channels)) == len(channels) else tuple(names)
    shape = _common_shape([c for row in rows for c in row])
    return ReelPlan("_".join(names), channels, tuple(rows), tuple(rejected), shape)


def _wavelength(name: str) -> tuple:
    """Sort key that puts aia_94 before aia_171."""
    return len(name), name


def _match(reference: list[Candidate], other: list[Candidate], tolerance_s: float) -> dict[int, Candidate]:
    """Nearest frame of `other` for each frame of `reference`; each is used once, closest pairs first."""
    a, b = (np.array([c.time_utc for c in side], "datetime64[ms]").astype(np.int64) for side in (reference, other))
    tolerance_ms = round(tolerance_s * 1000)
    pairs = []
    for i, time in enumerate(a):
        low, high = np.searchsorted(b, [time - tolerance_ms, time + tolerance_ms + 1])
        pairs += [(abs(int(b[j] - time)), i, j) for j in range(low, high)]
    matched: dict[int, Candidate] = {}
    taken: set[int] = set()
    for _, i, j in sorted(pairs):
        if i not in matched and j not in taken:
            matched[i] = other[j]
            taken.add(j)
    return matched
