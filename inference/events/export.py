"""Events in the forms that astronomers exchange: ECSV with units, and VOEvent 2.0."""

import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pandas as pd

from data.disk.files import replacing
from inference.events.facts import printable

VOEVENT = "http://www.ivoa.net/xml/VOEvent/v2.0"
AUTHORITY = "ivo://anomaly.local/frames"  # IVOA asks for a registered authority; whoever publishes puts in their own
PACKETS = "event_[0-9]*.xml"
# The standard's schema knows no frame of the Sun: WhereWhen says when, and the place is among the Params.
FRAME = "UTC-ICRS-TOPO"
UNITS = {
    "time_start_s": "s", "time_peak_s": "s", "time_end_s": "s", "x": "pix", "y": "pix", "x0": "pix", "y0": "pix",
    "x1": "pix", "y1": "pix", "source_x": "pix", "source_y": "pix", "source_x0": "pix", "source_y0": "pix",
    "source_x1": "pix", "source_y1": "pix", "area_px": "pix2", "hpc_x_arcsec": "arcsec", "hpc_y_arcsec": "arcsec",
    "hpc_x0_arcsec": "arcsec", "hpc_y0_arcsec": "arcsec", "hpc_x1_arcsec": "arcsec", "hpc_y1_arcsec": "arcsec",
    "area_arcsec2": "arcsec2", "hgs_lon_deg": "deg", "hgs_lat_deg": "deg", "position_angle_deg": "deg",
    "radius_rsun": "solRad",
}  # fmt: skip


def write_ecsv(path: str | Path, events: pd.DataFrame, facts: dict) -> None:
    """The events table as astropy ECSV, with units; thresholds and identity are its meta data."""
    from astropy.table import Table  # late: it takes half a second, and what starts from here may tell of no event

    table = Table({name: _plain(events[name]) for name in events.columns})
    for name, unit in UNITS.items():
        if name in table.colnames:
            table[name].unit = unit
    table.meta = {key: value for key, value in facts.items() if key != "identity"} | {"origin": "main.py -m eval"}
    with replacing(path) as part:
        table.write(part, format="ascii.ecsv", overwrite=True)


def _plain(column: pd.Series) -> np.ndarray:
    return column.to_numpy(str) if column.dtype == object or pd.api.types.is_string_dtype(column) else column.to_numpy()


def write_voevents(folder: str | Path, events: pd.DataFrame, reel: str) -> None:
    """One VOEvent packet an event, <folder>/event_<n>.xml; a former run's packets are removed, and nothing else."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for packet in folder.glob(PACKETS):
        packet.unlink()
    for row in events.to_dict("records"):
        tree = ET.ElementTree(voevent(row, reel))
        ET.indent(tree)
        tree.write(folder / f"event_{row['event']:04d}.xml", encoding="utf-8", xml_declaration=True)


def voevent(event: dict, reel: str) -> ET.Element:
    """A VOEvent 2.0 packet (Seaman et al., IVOA Recommendation 2011) of one row of the events table.

    The time of the peak stands in WhereWhen, everything else, with the place on the Sun, as Params in What. Without UTC
    there is no WhereWhen: the standard lets it be absent.
    """
    ET.register_namespace("voe", VOEVENT)
    ivorn = f"{AUTHORITY}#{reel}_{event['model']}_{event['config']}_{event['event']}"
    root = ET.Element(f"{{{VOEVENT}}}VOEvent", version="2.0", role="observation", ivorn=ivorn)
    who = ET.SubElement(root, "Who")
    ET.SubElement(who, "AuthorIVORN").text = AUTHORITY
    if event["t_end"]:
        ET.SubElement(who, "Date").text = event["t_end"]
    what = ET.SubElement(root, "What")
    for name, value in event.items():
        if not _unknown(value):
            ET.SubElement(what, "Param", _param(name, value))
    if event["t_peak"]:
        root.append(_where_when(event))
    if event["instrument"]:
        ET.SubElement(ET.SubElement(root, "Why"), "Description").text = printable(event["instrument"])
    return root


def _param(name: str, value) -> dict[str, str]:
    kinds = {float: {"dataType": "float"}, int: {"dataType": "int"}}
    found = {"name": name, "value": printable(str(value))} | kinds.get(type(value), {})
    return found | ({"unit": UNITS[name]} if name in UNITS else {})


def _unknown(value) -> bool:
    return value == "" or (isinstance(value, float) and not np.isfinite(value))


def _where_when(event: dict) -> ET.Element:
    """The time of the peak. The observatory, which the standard asks for, is not told by a reel."""
    root = ET.Element("WhereWhen")
    location = ET.SubElement(root, "ObsDataLocation")
    ET.SubElement(location, "ObservatoryLocation")
    observation = ET.SubElement(location, "ObservationLocation")
    ET.SubElement(observation, "AstroCoordSystem", id=FRAME)
    coords = ET.SubElement(observation, "AstroCoords", coord_system_id=FRAME)
    instant = ET.SubElement(ET.SubElement(coords, "Time", unit="s"), "TimeInstant")
    ET.SubElement(instant, "ISOTime").text = event["t_peak"]
    if not _unknown(event.get("hpc_x_arcsec", "")):
        told = f"helioprojective {event['hpc_x_arcsec']:.3f}, {event['hpc_y_arcsec']:.3f} arcsec; see Params hpc_*"
        ET.SubElement(root, "Description").text = told
    return root
