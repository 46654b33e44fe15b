"""Which reels of a folder a model scores, looked at before the first of them is."""

from pathlib import Path
from typing import Any

from config import EvalConfig
from data.messages import logger
from data.reel.contract import items_of
from data.reel.reel import Reel, find_reels
from inference.scorers.base import Scorer, check_reel, for_model
from inference.scorers.nets.windows import scored_stretches

log = logger(__name__)


def checked_reels(clips: str | Path, scorer: Scorer, facts: dict[str, Any], settings: EvalConfig) -> list[Reel]:
    """The reels in a folder that are long enough for the model; all of them are looked at before hours of work on the
    first. facts: of what the model was trained on.

    Raises ValueError where one does not fit the model, two have one name, or none is long enough.
    """
    reels = find_reels(clips)
    check_names(reels)
    long_enough = []
    for reel in (for_model(reel, facts, scorer) for reel in reels):
        opened = reel.closed()
        check_reel(opened, facts, scorer, settings)
        if scored_stretches(opened, scorer.clip_length):
            long_enough.append(reel)
        else:
            log.warning(f"{too_short(reel, scorer)}; left out")
    if not long_enough:
        raise ValueError(f"no reel in {clips} is long enough for windows of {scorer.clip_length} frames")
    return long_enough


def checked_reel(reel: Reel, scorer: Scorer, facts: dict[str, Any], settings: EvalConfig) -> Reel:
    """A reel as the model takes it. Raises ValueError for one that does not fit it, or is too short."""
    reel = for_model(reel, facts, scorer)
    check_reel(reel, facts, scorer, settings)
    if not scored_stretches(reel, scorer.clip_length):
        raise ValueError(too_short(reel, scorer))
    return reel


def too_short(reel: Reel, scorer: Scorer) -> str:
    """Why a reel gets no score."""
    return f"{reel.name}: no stretch without a gap holds the {scorer.clip_length} {items_of(reel)} of a window"


def check_names(reels: list[Reel]) -> None:
    """Raise ValueError where two reels have one name, and so one folder of results."""
    places: dict[str, Reel] = {}
    for reel in reels:
        if (other := places.setdefault(reel.name.casefold(), reel)) is not reel:
            raise ValueError(f"{other.path} and {reel.path} are both called {reel.name}; move one of them away")
