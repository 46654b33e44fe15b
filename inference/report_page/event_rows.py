"""Rows of the report's tables: events and the catalogue's flares."""

import numpy as np
import pandas as pd

from inference.events.facts import told_variables
from inference.report_page.plots import seconds_of
from inference.solar.hek import ejected

MOST_EVENTS = 2_000  # rows in the page, the strongest; events.csv has all


def movie_positions(scores: np.ndarray) -> np.ndarray:
    """Number of the movie's picture that shows each frame (T,): only frames with a score are in it."""
    return np.maximum(np.cumsum(np.isfinite(scores)) - 1, 0)


def strongest(events: pd.DataFrame, count: int) -> pd.DataFrame:
    """The `count` events with the highest peak scores, the scene's before the camera's."""
    ranked = events.assign(camera=events["instrument"] != "")
    ranked = ranked.sort_values(["camera", "peak_score"], ascending=[True, False], kind="stable")
    return events.loc[ranked.index[:count]]


def event_rows(
    events: pd.DataFrame,
    clock: np.ndarray,
    shown: np.ndarray,
    summary: dict,
    matches: pd.DataFrame | None,
    pictures: dict[int, str],
) -> list[dict]:
    """One object an event in the order of start, the strongest MOST_EVENTS of many. pictures: thumbnails by event."""
    flares_of = summary.get("catalog", {}).get("flares_by_event", {})
    classes = {} if matches is None else dict(zip(matches["flare"], matches["goes_class"], strict=True))
    rows = []
    for event in strongest(events, MOST_EVENTS).sort_index().to_dict("records"):
        frames = [event[f"frame_{moment}"] for moment in ("start", "peak", "end")]
        rows.append({
            "event": event["event"],
            "times": [round(float(clock[frame]), 3) for frame in frames],
            "frames": frames,
            "shown": [int(shown[frame]) for frame in frames],
            "score": float(f"{event['peak_score']:.5g}"),
            "severity": float(f"{event['severity']:.4g}"),
            "level": event["level"],
            "instrument": event["instrument"],
            "saturated": bool(event["saturated"]),
            "area_px": event["area_px"],
            "pixel": [round(event["x"], 1), round(event["y"], 1)],
            "variables": told_variables(event),
            "zone": zone if isinstance(zone := event.get("zone"), str) else "",
            **_sky(event),
            "flares": [classes.get(flare, flare) for flare in flares_of.get(str(event["event"]), [])],
            "picture": pictures.get(event["event"]),
            **_solar(event),
        })  # fmt: skip
    return rows


def _solar(event: dict) -> dict:
    """Kind, what confirms it, and the GOES class of the X-ray flux as an interval; nothing of what is unknown."""
    found = {name: event[name] for name in ("kind", "confirmed_by") if isinstance(event.get(name), str)}
    if np.isfinite(event.get("noaa_distance_deg", np.nan)):
        found["region"] = [int(event["noaa_region"]), event["noaa_distance_deg"]]
    if np.isfinite(event.get("cme_speed_km_s", np.nan)):
        found["motion"] = ejected(event | {"cme_halo": event["cme_halo"] if isinstance(event["cme_halo"], str) else ""})
    if isinstance(event.get("xrs_class"), str):
        found["goes"] = f"{event['xrs_class_low']}–{event['xrs_class']}"
    return found


def _sky(event: dict) -> dict:
    """Helioprojective arcsec, and Stonyhurst longitude and latitude in degrees on the disc; none without a WCS."""
    if np.isnan(event.get("hpc_x_arcsec", np.nan)):
        return {"hpc": None, "hgs": None}
    on_disk = not np.isnan(event.get("hgs_lon_deg", np.nan))
    hgs = [round(event[f"hgs_{axis}_deg"], 1) for axis in ("lon", "lat")] if on_disk else None
    return {"hpc": [round(event["hpc_x_arcsec"]), round(event["hpc_y_arcsec"])], "hgs": hgs}


def flare_rows(matches: pd.DataFrame | None) -> list[dict]:
    """The flares of the catalogue near the reel's time: their class, start, peak and end in seconds, and status."""
    if matches is None:
        return []
    times = {m: seconds_of(pd.to_datetime(matches[m]).to_numpy()) for m in ("start", "peak", "end")}
    return [
        {"class": row["goes_class"], "status": row["status"], "times": [float(times[m][i]) for m in times]}
        for i, row in enumerate(matches.to_dict("records"))
    ]
