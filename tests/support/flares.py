"""Flares and events of a day, in minutes from its noon."""

import numpy as np
import pandas as pd
import pytest

from data.labels.sun.catalog import COLUMNS, flux_of_class
from inference.events.matching import Observed, match_flares
from tests.support.paths import SHARED

FOLDER = SHARED / "data/solar/2012-07-19"
needs_shared = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"the catalogue of July 2012 is not in {FOLDER}")
MINUTE = np.timedelta64(60_000, "ms")
NOON = np.datetime64("2012-07-19T12:00:00.000")


def at(minutes):
    """UTC so many minutes after NOON."""
    return NOON + np.round(60_000 * np.asarray(minutes)).astype("timedelta64[ms]")


def flares_at(*rows):
    """Flares of (start, peak, end in minutes, class, x, y)."""
    table = pd.DataFrame(rows, columns=["start", "peak", "end", "goes_class", "x_arcsec", "y_arcsec"])
    for name in ("start", "peak", "end"):
        table[name] = at(table[name].to_numpy(float))
    table["flux_w_m2"] = [flux_of_class(c) for c in table["goes_class"]]
    table["id"] = [f"F{i}" for i in range(len(table))]
    return table[list(COLUMNS)]


def events_at(*rows, **columns):
    """Events of (start, peak, end in minutes, peak_score), and more columns."""
    table = pd.DataFrame(rows, columns=["t_start", "t_peak", "t_end", "peak_score"])
    for name in ("t_start", "t_peak", "t_end"):
        table[name] = at(table[name].to_numpy(float)).astype(str)
    table.insert(0, "event", np.arange(1, len(table) + 1))
    return table.assign(**columns)


def watched(first=-600, last=600, cadence=1.0):
    return Observed.of(at(np.arange(first, last + cadence / 2, cadence)), 60 * cadence, 3.0)


def match(events, flares, observed=None, tolerance_min=15.0, distance_arcsec=250.0):
    return match_flares(events, flares, observed or watched(), tolerance_min, distance_arcsec)
