"""EnergyPlus' weather of a year (.epw): eight lines about the place, and rows without names.

Source: EnergyPlus, "Auxiliary Programs", Weather Data Format.
"""

import io
import re

import numpy as np
import pandas as pd

from data.sources.base import TableError
from data.sources.times.mended.typical_year import as_one_year

HEAD_LINES = 8
NAMES = (
    *("year", "month", "day", "hour", "minute", "source"),
    *("Dry bulb temperature [degC]", "Dew point temperature [degC]", "Relative humidity [%]", "Pressure [Pa]"),
    *("Extraterrestrial horizontal radiation", "Extraterrestrial direct normal radiation", "Horizontal infrared"),
    *("Global horizontal radiation", "Direct normal radiation", "Diffuse horizontal radiation"),
    *("Global horizontal illuminance", "Direct normal illuminance", "Diffuse horizontal illuminance"),
    *("Zenith luminance", "Wind direction", "Wind speed [m/s]", "Total sky cover", "Opaque sky cover"),
    *("Visibility [km]", "Ceiling height [m]", "Present weather observation", "Present weather codes"),
    *("Precipitable water [mm]", "Aerosol optical depth", "Snow depth [cm]", "Days since last snowfall", "Albedo"),
    *("Liquid precipitation depth [mm]", "Liquid precipitation quantity [h]"),
)
# Of missing values, by name; others have 9s that are told by their size.
MISSING = {"Dry bulb temperature [degC]": 99.9, "Dew point temperature [degC]": 99.9, "Relative humidity [%]": 999}
MISSING |= {"Wind direction": 999, "Wind speed [m/s]": 999, "Total sky cover": 99, "Opaque sky cover": 99}
MISSING |= {"Visibility [km]": 9999, "Ceiling height [m]": 99999, "Precipitable water [mm]": 999}
MISSING |= {"Aerosol optical depth": 0.999, "Snow depth [cm]": 999, "Days since last snowfall": 99, "Albedo": 999}
MISSING |= {"Liquid precipitation depth [mm]": 999, "Liquid precipitation quantity [h]": 99}
NO_VARIABLES = ("source", "Present weather observation", "Present weather codes")
_PLACE = re.compile(r"LOCATION,(?:[^,\r\n]*,){7}\s*(?P<zone_h>[-+]?\d+(?:\.\d+)?)\s*,")


def is_epw(text: str) -> bool:
    """Whether a text begins as EnergyPlus' weather does."""
    return bool(_PLACE.match(text)) and "\nDATA PERIODS," in text


def read_epw(text: str) -> tuple[pd.DataFrame, str]:
    """A row an hour (or a part of one), by its end in UTC; months of several years as one. Raises TableError for rows
    that are none."""
    place = _PLACE.match(text)
    rows = text.splitlines()[HEAD_LINES:]
    try:
        table = pd.read_csv(io.StringIO("\n".join(rows)), header=None, names=list(NAMES), index_col=False)
        days = pd.to_datetime(table[["year", "month", "day"]]).to_numpy().astype("datetime64[ms]")
        parts = table[["hour", "minute"]].to_numpy(np.int64)
    except ValueError as error:
        raise TableError(f"not readable as EnergyPlus' weather: {error}") from None
    per_hour = max(1, int(np.median(np.bincount(parts[: 24 * 60, 0])[1:])))
    minutes = 60 * (parts[:, 0] - 1) + np.where(per_hour > 1, parts[:, 1], 60)
    local = days + minutes.astype("timedelta64[m]")
    whole = as_one_year(local)
    zone_h = float(place["zone_h"]) if place else 0.0
    times = (local if whole is None else whole[0]) - np.timedelta64(round(3600 * zone_h), "s")
    values = table.drop(columns=[*NAMES[:5], *NO_VARIABLES])
    values = values.mask(pd.DataFrame({name: values[name] == MISSING.get(str(name), np.nan) for name in values}))
    told = f"EnergyPlus' weather, whose times are of UTC{zone_h:+g}; each hour by its end"
    values.insert(0, "time", times)
    return values.dropna(axis=1, how="all"), "; ".join([told, *([] if whole is None else [whole[1]])])
