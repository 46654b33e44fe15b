"""Who evaluates what: whole reels, and of a reel that is more than one shard's share a contiguous part of its time.

A stretch without a gap is cut where its scorer says that pieces give the very frames of the whole (`Scorer.cuts`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from config import EvalConfig
from data.frames.sharing.shard import Shard
from data.reel.reel import Reel
from inference.scorers.base import Scorer
from inference.scorers.nets.windows import scored_stretches


@dataclass(frozen=True)
class Piece:
    """The frames [first, last) of the stretch [begin, end) of a reel."""

    begin: int
    end: int
    first: int
    last: int


def by_length(reels: Sequence[Reel]) -> list[Reel]:
    """The longest first."""
    return sorted(reels, key=lambda reel: (-len(reel), reel.name))


def is_cut(reel: Reel, frames: int, scorer: Scorer, shards: int, settings: EvalConfig) -> bool:
    """Whether a reel is evaluated in pieces: one of more than one and a half shares of all `frames`, if it can be.

    What can be cut of a smaller one gains less than joining it costs. A series is evaluated in no time.
    """
    if reel.is_series or 2 * len(reel) * shards < 3 * frames:
        return False
    return any(scorer.cuts(reel, *stretch, settings) for stretch in scored_stretches(reel, scorer.clip_length))


def pieces_of(reel: Reel, scorer: Scorer, shards: int, settings: EvalConfig) -> list[list[Piece]]:
    """The pieces of each shard, in the order of time, of about as many frames each; all together are the whole."""
    atoms = []
    for begin, end in scored_stretches(reel, scorer.clip_length):
        edges = [begin, *scorer.cuts(reel, begin, end, settings), end]
        atoms += [Piece(begin, end, *pair) for pair in pairwise(edges)]
    shares: list[list[Piece]] = [[] for _ in range(shards)]
    done, total = 0, sum(atom.last - atom.first for atom in atoms)
    for atom in atoms:
        size = atom.last - atom.first
        share = shares[min(int((done + size / 2) * shards / total), shards - 1)]
        if share and (share[-1].begin, share[-1].last) == (atom.begin, atom.first):
            atom = Piece(atom.begin, atom.end, share.pop().first, atom.last)
        share.append(atom)
        done += size
    return shares


def of_shard(
    shard: Shard, reels: Sequence[Reel], scorer: Scorer, settings: EvalConfig
) -> tuple[list[Reel], list[Reel]]:
    """The reels that a shard evaluates as wholes, and those of which all shards have a part."""
    frames = sum(map(len, reels))
    cut = [reel for reel in by_length(reels) if is_cut(reel, frames, scorer, shard.of, settings)]
    whole = [reel for reel in by_length(reels) if reel not in cut]
    return whole[shard.number - 1 :: shard.of], cut
