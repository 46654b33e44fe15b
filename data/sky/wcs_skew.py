"""Axes that are not quite at right angles, as DKIST has them: the nearest that are, where that is within an arcsec."""

import math
from collections.abc import Mapping
from copy import copy
from typing import Any

import numpy as np

from data.sky.wcs_spelling import number_of

ARCSEC = {"arcsec": 1.0, "asec": 1.0, "deg": 3600.0, "degree": 3600.0}  # by CUNIT
SKEW_LIMIT = 1e-5  # of the matrix against a rotation; 0.02 px at the edge of 4096
LARGEST_SKEW_ARCSEC = 1.0  # at a corner of the frame
MATRICES = tuple(f"{kind}{i}_{j}" for kind in ("PC", "CD") for i in (1, 2) for j in (1, 2))


def without_skew(header: Mapping, shape: tuple[int, int]) -> tuple[Mapping, str]:
    """The header of a frame (H, W) with CDELT and CROTA2 in place of a skewed matrix, and a flag that says so.

    The middle of the frame stays where it is. The same header where nothing is skewed, or too much is.
    """
    matrix = matrix_of(header)
    if matrix is None:
        return header, ""
    with np.errstate(over="ignore", invalid="ignore"):  # an absurd card is beyond the limit, too
        nearest, turn = nearest_turned(matrix)
        apart = matrix - nearest
        unit_arcsec = ARCSEC.get(str(header.get("CUNIT1", "")).strip().lower(), math.nan)
        corner = np.array(shape[::-1]) / 2
        off_arcsec = unit_arcsec * max(np.hypot(*(apart @ (corner * sign))) for sign in ((1, 1), (1, -1)))
    if np.abs(apart).max() <= SKEW_LIMIT * np.abs(nearest).max() or not off_arcsec <= LARGEST_SKEW_ARCSEC:
        return header, ""
    middle = corner + 0.5
    reference = np.array([number_of(header, "CRPIX1"), number_of(header, "CRPIX2")])
    moved = middle - np.linalg.solve(nearest, matrix @ (middle - reference))
    upright: Any = copy(header)
    for name in MATRICES:
        upright.pop(name, None)
    scales = np.diag(_turned(-turn) @ nearest)
    names = ("CRPIX1", "CRPIX2", "CDELT1", "CDELT2", "CROTA2")
    for name, value in zip(names, (*moved, *scales, math.degrees(turn)), strict=True):
        upright[name] = float(value)
    return upright, f"skewed axes: places are within {off_arcsec:.2g} arcsec"


def matrix_of(header: Mapping) -> np.ndarray | None:
    """The CD matrix (2, 2) in the header's units; None where the header has no matrix, or a card of it is no number."""
    kind = next((k for k in ("CD", "PC") if any(f"{k}{i}_{j}" in header for i in (1, 2) for j in (1, 2))), "")
    if not kind:
        return None
    try:
        usual = np.zeros((2, 2)) if kind == "CD" else np.eye(2)
        matrix = [[number_of(header, f"{kind}{i}_{j}", usual[i - 1, j - 1]) for j in (1, 2)] for i in (1, 2)]
        steps = [1.0, 1.0] if kind == "CD" else [number_of(header, f"CDELT{i}") for i in (1, 2)]
    except KeyError:
        return None
    found = np.array(matrix) * np.array(steps)[:, None]
    return found if np.isfinite(found).all() and abs(np.linalg.det(found)) > 0 else None


def nearest_turned(matrix: np.ndarray) -> tuple[np.ndarray, float]:
    """Of all matrices that scale two axes and then turn them the nearest by the sum of squares, and its turn, radians.

    The scale of the first axis is positive.
    """
    (a, b), (c, d) = matrix
    turn = math.atan2(2 * (a * c - b * d), a * a - c * c + d * d - b * b) / 2
    turn += math.pi * (a * math.cos(turn) + c * math.sin(turn) < 0)
    return _turned(turn) @ np.diag(np.diag(_turned(-turn) @ matrix)), turn


def _turned(turn: float) -> np.ndarray:
    sin, cos = math.sin(turn), math.cos(turn)
    return np.array([[cos, -sin], [sin, cos]])
