"""Exposures that lie as an array beside frames: values are taken as they are, so that changes of these are told."""

import re
from collections.abc import Iterable

import numpy as np

from data.messages import logger

log = logger(__name__)

_CALLED = re.compile(
    r"(?:.*[_-])?(?:exp(?:osure)?[_-]?times?|exposures?|t_?exp)(?:[_-]?(?:s|ms|us|sec\w*))?", re.IGNORECASE
)


def is_exposure(name: str) -> bool:
    """Whether an array with a number for each frame is called as exposures are."""
    return _CALLED.fullmatch(name) is not None


def tell_exposures(where: str, found: Iterable[tuple[str, np.ndarray]]) -> None:
    """Say which exposures (T,), by their names, change from frame to frame, and what to do."""
    for name, exposures in found:
        known = exposures[np.isfinite(exposures)] if exposures.dtype.kind in "iuf" else np.zeros(0)
        if known.size and np.ptp(known) > 0:
            log.warning(
                f"{where}: {name} changes from frame to frame and is not used, so the light seems to: divide by it, or "
                "write the frames as FITS with EXPTIME"
            )
