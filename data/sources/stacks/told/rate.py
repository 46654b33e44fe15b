"""How far apart frames of an array are, where a single number beside it tells that."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from config import PrepConfig
from data.messages import logger
from data.sources.arrays.numpy_arrays import INTERVALS, RATES

log = logger(__name__)

FRAME_RATES = re.compile(r"fps|frame_?rate|frames_?per_?s(?:ec(?:ond)?)?", re.IGNORECASE)
STEPS = re.compile(r"frame_?(?:time|period|interval)", re.IGNORECASE)
UNITS_S = {"": 1.0, "s": 1.0, "sec": 1.0, "seconds": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}


def at_rate(beside: Mapping[str, Any], where: str, prep: PrepConfig) -> PrepConfig:
    """The settings with the interval that a single number tells by its name, as fps or dt, if any does."""
    if prep.sample_interval_sec:
        return prep
    for names, power in ((FRAME_RATES, -1), (STEPS, 1), (RATES, -1), (INTERVALS, 1)):
        for name, value in beside.items():
            number = _number(value) if names.fullmatch(name) else 0.0
            if number > 0:
                log.info(f"{where}: {name} {number:g} tells how far apart its frames are")
                return replace(prep, sample_interval_sec=number**power)
    return prep


def _number(value: Any) -> float:
    """A single number, 0 of anything else."""
    array = np.asarray(value)
    if array.size != 1 or array.dtype.kind not in "iuf" or not np.isfinite(array).all():
        return 0.0
    return float(array.reshape(-1)[0])
