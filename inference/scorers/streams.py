"""A scorer on a stretch that may still grow."""

from collections.abc import Iterator

from config import EvalConfig
from data.live.open_end import StretchEnded
from data.reel.reel import Reel
from inference.scorers.base import Scorer
from inference.scorers.nets.residual import ScoredFrame


def to_the_end(scorer: Scorer, reel: Reel, begin: int, end: int, settings: EvalConfig) -> Iterator[ScoredFrame]:
    """Every frame of the stretch [begin, end), whose end may come while it is read.

    Then a method that reads block by block begins anew for what is left, with what it looks back at.
    """
    following = begin
    try:
        for scored in scorer.frames(reel, begin, end, settings):
            following = scored.index + 1
            yield scored
    except StretchEnded as stretch:
        first = max(begin, following - scorer.looks_back)
        if following < stretch.end:
            rest = scorer.frames(reel, first, stretch.end, settings)
            yield from (scored for scored in rest if scored.index >= following)
