"""Events in the form of the Heliophysics Event Knowledgebase: events.hek.json, one object an event by its field names.

Source: Hurlburt et al. (2012, Solar Physics 275, 67); names and what each type of event must have, as sunpy lists them.
"""

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from data.disk.files import write_text
from data.sky.instruments import Instrument
from data.version import program_version
from inference.solar.kinds import (
    AWAY,
    BIPOLE,
    BRIGHTENING,
    CHANGE,
    DARKENING,
    DIMMING,
    EJECTION,
    EMERGENCE,
    ERUPTION,
    FADING,
    FRONT,
    LIMB,
    NEARER,
    OF_FIELD,
    RECOVERY,
    WITH_DIMMING,
)

NAME = "events.hek.json"
TYPES = {BRIGHTENING: "FL", LIMB: "FL", DIMMING: "CD", FRONT: "CW", ERUPTION: "ER", DARKENING: "OT", RECOVERY: "OT"}
TYPES |= dict.fromkeys(WITH_DIMMING.values(), "FL")
TYPES |= {EJECTION: "CE", CHANGE: "OT", EMERGENCE: "EF", BIPOLE: "EF", FADING: "OT", OF_FIELD: "OT"}
TYPES |= {AWAY: "OT", NEARER: "OT"}
FINDER, UNKNOWN = "anomaly detector", "unknown"  # whoever publishes puts in their own institute, contact and address


def write_hek(folder: Path, events: pd.DataFrame, instrument: Instrument, pixel_arcsec: float) -> None:
    """events.hek.json of the events of the Sun (those of the camera are none), with UTC times."""
    now = datetime.now(UTC).isoformat(timespec="seconds").removesuffix("+00:00")
    scene = events[events["instrument"] == ""].to_dict("records")
    result = [hek_event({str(k): v for k, v in row.items()}, instrument, pixel_arcsec, now) for row in scene]
    write_text(folder / NAME, json.dumps({"result": result}, indent=2, allow_nan=False) + "\n")


def hek_event(event: dict, instrument: Instrument, pixel_arcsec: float, now: str) -> dict:
    """One row of the events table by the HEK's names; what is not known is null.

    Start and end are those of the table, the start back-dated; the place is that of the peak, helioprojective as seen
    by the observer, its uncertainty a pixel of the reel.
    """
    kind = TYPES[event["kind"]]
    found = {"event_type": kind} | _when_and_where(event, pixel_arcsec) | _what(event)
    found |= _seen_by(event, instrument) | _found_by(event, now) | OF_TYPE.get(kind, lambda _: {})(event)
    return {name: plain(value) for name, value in found.items()}


def _when_and_where(event: dict, pixel_arcsec: float) -> dict:
    return {
        "event_starttime": event["t_start"],
        "event_peaktime": event["t_peak"],
        "event_endtime": event["t_end"],
        "event_coordsys": "UTC-HPC-TOPO",
        "event_coordunit": "arcsec",
        "event_coord1": event["hpc_x_arcsec"],
        "event_coord2": event["hpc_y_arcsec"],
        "event_c1error": pixel_arcsec,
        "event_c2error": pixel_arcsec,
        "hpc_x": event["hpc_x_arcsec"],
        "hpc_y": event["hpc_y_arcsec"],
        "hgs_x": event["hgs_lon_deg"],
        "hgs_y": event["hgs_lat_deg"],
        "boundbox_c1ll": event["hpc_x0_arcsec"],
        "boundbox_c2ll": event["hpc_y0_arcsec"],
        "boundbox_c1ur": event["hpc_x1_arcsec"],
        "boundbox_c2ur": event["hpc_y1_arcsec"],
        "ar_noaanum": int(event.get("noaa_region") or 0) or None,
    }


def _what(event: dict) -> dict:
    return {
        "area_raw": event["area_arcsec2"],
        "area_unit": "arcsec2",
        "event_npixels": event["area_px"],
        "event_description": described(event),
    }


def _seen_by(event: dict, instrument: Instrument) -> dict:
    return {
        "obs_observatory": instrument.observatory or UNKNOWN,
        "obs_instrument": instrument.name or UNKNOWN,
        "obs_channelid": event["channel"] if np.isnan(instrument.wavelength) else f"{instrument.wavelength:g}",
        "obs_meanwavel": instrument.wavelength,
        "obs_wavelunit": "Angstrom",
    }


def _found_by(event: dict, now: str) -> dict:
    return {
        "frm_name": FINDER,
        "frm_identifier": FINDER,
        "frm_institute": UNKNOWN,
        "frm_contact": UNKNOWN,
        "frm_url": UNKNOWN,
        "frm_humanflag": "F",
        "frm_daterun": now,
        "frm_versionnumber": program_version(),
        "frm_paramset": f"model {event['model']}, reel {event['reel']}, config {event['config']}",
        "frm_specificid": f"{event['reel']}_{event['config']}_{event['event']}",
    }


def described(event: dict) -> str:
    """An event in words: kind, speed of a front, and what confirms it."""
    speed = f", {event['front_km_s']:.0f} km/s on the plane of the sky" if event["kind"] == FRONT else ""
    if event["kind"] == EJECTION:
        speed = f", {ejected(event)} on the plane of the sky"
    by = f"; confirmed by {event['confirmed_by']}" if event.get("confirmed_by") else ""
    return f"{event['kind']}{speed}, peak score {event['peak_score']:.4g}{by}"


def flare(event: dict) -> dict:
    """A class only where an X-ray flux told it: none is guessed from images."""
    return {"fl_goescls": event.get("xrs_class") or None}


def dimming(event: dict) -> dict:
    """The area on the surface in thousandths of a hemisphere, foreshortening undone up to ten times."""
    radius = event["radius_rsun"]
    rsun_arcsec = np.hypot(event["hpc_x_arcsec"], event["hpc_y_arcsec"]) / radius if radius else np.nan
    slant = max(np.sqrt(max(1 - radius**2, 0.0)), 0.1)
    area = 1000 * event["area_arcsec2"] / (2 * np.pi * rsun_arcsec**2) / slant
    return {"cd_area": float(f"{area:.4g}"), "cd_areaunit": "millihemisphere"}


def ejection(event: dict) -> dict:
    """Speed by a straight line, on the plane of the sky, and angular width."""
    low, high = event["cme_speed_low_km_s"], event["cme_speed_high_km_s"]
    return {
        "cme_radiallinvel": event["cme_speed_km_s"],
        "cme_radiallinveluncert": (high - low) / 2,
        "cme_radiallinvelmin": low,
        "cme_radiallinvelmax": high,
        "cme_radiallinvelstddev": (high - low) / 4,
        "cme_radiallinvelunit": "km/s",
        "cme_angularwidth": event["cme_width_deg"],
        "cme_angularwidthunit": "deg",
    }


def ejected(event: dict) -> str:
    """An ejection's motion in words."""
    low, high = event["cme_speed_low_km_s"], event["cme_speed_high_km_s"]
    told = f"{event['cme_speed_km_s']:.0f} ({low:.0f} to {high:.0f}) km/s, {event['cme_width_deg']:.0f} deg wide"
    return (
        f"{event['cme_halo']}, {told}"
        if event["cme_halo"]
        else (f"{told} at position angle {event['cme_position_angle_deg']:.0f} deg")
    )


OF_TYPE = {"FL": flare, "CD": dimming, "CE": ejection}


def plain(value):
    """A value for JSON: null for what is unknown."""
    value = value.item() if isinstance(value, np.generic) else value
    return None if value == "" or (isinstance(value, float) and not np.isfinite(value)) else value
