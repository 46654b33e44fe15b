"""Pass 1 of prep: from candidates to a plan, one per reel, in which every frame has its row or its reason."""

import hashlib
import json
import re
from collections import Counter
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from config import PrepConfig
from data.sources.base import Candidate

# Settings that change only the window index or what is drawn, not the frames.
_NOT_IDENTITY = ("clip_length", "stride", "movie_only")


@dataclass(frozen=True)
class ReelPlan:
    """What one reel will hold: `rows[t][c]` is the candidate of frame t and channel c, in time order."""

    name: str
    channels: tuple[str, ...]
    rows: tuple[tuple[Candidate, ...], ...]
    rejected: tuple[Candidate, ...]
    source_shape: tuple[int, int]

    def identity(self, prep: PrepConfig) -> str:
        """SHA-256 of everything that decides the frames: inputs as their headers tell, and settings."""
        settings = {k: v for k, v in asdict(prep).items() if k not in _NOT_IDENTITY}
        facts = [settings, self.name, self.channels, [asdict(c) for row in self.rows for c in row]]
        return hashlib.sha256(json.dumps(facts, default=str, sort_keys=True).encode()).hexdigest()


def plan_reels(candidates: list[Candidate], prep: PrepConfig) -> list[ReelPlan]:
    """Group candidates into reels, sort them by time, and reject duplicates and odd shapes with a reason."""
    checked = {name: _checked(group) for name, group in _grouped(candidates).items()}
    if prep.channels == "stack":
        return _stacked(checked, prep)
    return [_separate(name, accepted, rejected) for name, (accepted, rejected) in checked.items()]


def _grouped(candidates: list[Candidate]) -> dict[str, list[Candidate]]:
    """Candidates by reel. FITS of one channel meet from all over the input; each video and image folder is its own."""
    groups: dict[tuple[str, str], list[Candidate]] = {}
    for candidate in candidates:
        own = {"video": candidate.path, "image": str(Path(candidate.path).parent)}.get(candidate.kind, "")
        groups.setdefault((re.sub(r"[^\w.-]+", "_", candidate.reel), own), []).append(candidate)
    named: dict[str, list[Candidate]] = {}
    for name, own in sorted(groups):
        unique = name if name not in named else f"{name}_{len(named)}"
        named[unique] = groups[name, own]
    return named


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
    return candidate.time_utc, time_s, candidate.source


def _common_shape(candidates: list[Candidate]) -> tuple[int, int]:
    """The shape most frames have; the larger one on a tie."""
    counts = Counter(c.shape for c in candidates)
    return max(counts, key=lambda shape: (counts[shape], shape)) if counts else (0, 0)


def _separate(name: str, accepted: list[Candidate], rejected: list[Candidate]) -> ReelPlan:
    channels = (accepted[0].channel if accepted else "none",)
    return ReelPlan(name, channels, tuple((c,) for c in accepted), tuple(rejected), _common_shape(accepted))


def _stacked(checked: dict[str, tuple[list[Candidate], list[Candidate]]], prep: PrepConfig) -> list[ReelPlan]:
    """One reel whose channels are the wavelengths, matched to the first one's times within the tolerance."""
    checked = {name: lists for name, lists in checked.items() if lists[0]} or checked
    names = sorted(checked, key=lambda name: (len(name), name))
    rejected = [c for _, lost in checked.values() for c in lost]
    reference, *others = (checked[name][0] for name in names)
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
    rejected += [
        replace(c, reason=f"no {names[0]} frame takes it within {prep.match_tolerance_sec:g} s")
        for other in others
        for c in other
        if id(c) not in used
    ]
    channels = tuple(checked[name][0][0].channel if checked[name][0] else name for name in names)
    shape = _common_shape([c for row in rows for c in row])
    return [ReelPlan("_".join(names), channels, tuple(rows), tuple(rejected), shape)]


def _match(reference: list[Candidate], other: list[Candidate], tolerance_s: float) -> dict[int, Candidate]:
    """Nearest frame of `other` for each frame of `reference`; each is used once, closest pairs first."""
    a, b = (np.array([c.time_utc for c in side], "datetime64[ms]").astype(np.int64) / 1000 for side in (reference, other))
    pairs = []
    for i, time in enumerate(a):
        low, high = np.searchsorted(b, [time - tolerance_s, time + tolerance_s + 1e-9])
        pairs += [(abs(b[j] - time), i, int(j)) for j in range(low, high)]
    matched: dict[int, Candidate] = {}
    taken: set[int] = set()
    for _, i, j in sorted(pairs):
        if i not in matched and j not in taken:
            matched[i] = other[j]
            taken.add(j)
    return matched
