"""Which arrays of a file are frames, and which are about them: masks, errors and weights."""

from collections.abc import Sequence
from typing import Any

from data.sources.fits_file.layout import is_name_of_others


def own_frames(stacks: Sequence[Any]) -> list[Any]:
    """Those of stacks, each with its `name` and `shape` (T, ...), that are not called as what is about others.

    One that holds more frames than these have is about none of them, as Tierpsy's `mask`; where all are, all are taken.
    """
    frames = [stack for stack in stacks if not is_name_of_others(stack.name.rpartition("/")[2])]
    most = max((stack.shape[0] for stack in frames), default=0)
    return [stack for stack in stacks if stack in frames or stack.shape[0] > most]
