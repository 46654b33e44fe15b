"""What the axes of an array in a file are called, and which of them can't be the times of frames."""

import re
from collections.abc import Sequence
from typing import Any

from data.sources.stacks.numpy_stacks import sides_of

_DEPTHS = (  # of volumes and models, and their runs
    r"z|zspace|depths?|lev|(?:\w+_)?levels?|plev|isobaric\w*|pressures?|heights?|alt|altitudes?|layers?(?: \w)?|"
    r"members?|ensembles?|realizations?"
)
_PLACES = r"[xy]|[xy]space|rows?|cols?|columns?|lat|lon|(?:lati|longi)tudes?"
_SPECTRA = r"c|bands?|channels?|wavelengths?|frequenc(?:y|ies)"
DEPTH = re.compile(_DEPTHS, re.IGNORECASE)
NO_TIME = re.compile(f"{_DEPTHS}|{_PLACES}|{_SPECTRA}", re.IGNORECASE)


def axes_of(item: Any) -> tuple[str, ...]:
    """What the axes of an array, of h5py or of `groups`, are called; "" where that is not told."""
    names = (axis.label or next((scale.name for scale in axis.values()), "") for axis in item.dims)
    return tuple(name.rpartition("/")[2] for name in names)


def no_frames(shape: tuple[int, ...], axes: Sequence[str], is_timed: bool) -> str:
    """Why an array holds no frames in time by the names of its axes; "" where it may.

    is_timed: whether somebody says how long a step of its first axis takes, and so that it is one.
    """
    first, *others = axes or ("",)
    if NO_TIME.fullmatch(first) and not is_timed:
        told = f"its first axis is called {first}, and counts no times"
        return f"{told}; save what is to be watched as (time, H, W), or say with prep.frames_per_second that it does"
    is_second = shape[2:] == sides_of(shape) and shape[1] > 1  # as colours may be
    if is_second and others and DEPTH.fullmatch(others[0]):
        return f"{shape[1]} frames for each time, along {others[0]}; save one of them as (time, H, W)"
    return ""
