"""Pictures of events on the Sun: one of each of the strongest, and a sheet of them, with grid, limb and box."""

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import sunpy.map
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from data.disk.files import replacing
from data.pictures.plain import plain
from data.pictures.png import write_png
from data.reel.mask_bits import INVALID
from data.reel.reel import Reel
from data.sky.instruments import GRAY, colours_of, instrument_of
from data.sky.wcs import from_row
from data.sky.wcs_header import R_SUN_M

SHOWN = 12  # strongest events that get a picture; each costs half a second


def draw_sheet(out: Path, events: pd.DataFrame, reel: Reel) -> None:
    """sky/event_<n>.png for the strongest events and sky.png, the sheet of them. Nothing without events."""
    folder = out / "sky"
    folder.mkdir(exist_ok=True)
    for old in folder.glob("event_*.png"):
        old.unlink()
    (out / "sky.png").unlink(missing_ok=True)
    strongest = events.sort_values("peak_score", ascending=False).head(SHOWN).to_dict("records")
    if not strongest:
        return
    for event in strongest:
        figure = _figure(1, 1, (7, 6))
        draw_event(figure, (1, 1, 1), event, reel)
        _save(figure, folder / f"event_{event['event']:04d}.png")
    columns = min(4, len(strongest))
    rows = -(-len(strongest) // columns)
    figure = _figure(rows, columns, (4.6, 4.3))
    for place, event in enumerate(strongest, 1):
        draw_event(figure, (rows, columns, place), event, reel)
    _save(figure, out / "sky.png")


def draw_event(figure: Figure, place: tuple[int, int, int], event: dict, reel: Reel) -> None:
    """One event in the frame of its peak: box, heliographic grid and limb on axes in arcsec."""
    frame, instrument = map_of(reel, event["frame_peak"]), instrument_of(reel.name, reel.meta)
    colours = ListedColormap(colours_of(instrument.colormap if len(reel.channels) == 1 else GRAY) / 255)
    axes = figure.add_subplot(*place, projection=frame)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # contours of a grid that lies outside a cut-out are empty
        frame.plot(axes=axes, cmap=colours, vmin=0, vmax=1, title="", autoalign=False)
        frame.draw_limb(axes=axes, color="white", linewidth=0.8)
        frame.draw_grid(axes=axes, color="white", linewidth=0.3, annotate=False, system="stonyhurst")
    width, height = event["x1"] - event["x0"], event["y1"] - event["y0"]
    colour = "#8fb4d9" if event["instrument"] else "#ff7a28"
    corner = event["x0"] - 0.5, event["y0"] - 0.5
    axes.add_patch(Rectangle(corner, width, height, fill=False, edgecolor=colour, linewidth=1.6))
    where = f"({event['hpc_x_arcsec']:.0f}, {event['hpc_y_arcsec']:.0f}) arcsec, score {event['peak_score']:.3g}"
    region = f"NOAA {event['noaa_region']}" if event.get("noaa_region") else ""
    kind = ", ".join(filter(None, [event["instrument"] or event.get("kind", ""), region, where]))
    title = " ".join(filter(None, [instrument.title, event["t_peak"][:19]]))
    axes.set_title(plain(f"event {event['event']}: {title}\n{kind}"), fontsize=9)
    for coordinate, name in zip(axes.coords, "xy", strict=True):  # set_xlabel would work out all ticks, each time
        coordinate.set_axislabel(f"helioprojective {name}", minpad=1, fontsize=8)
    axes.tick_params(labelsize=7)
    if reel.meta["origin"] == "upper":  # stored as pictures are, top row first: show solar north up
        axes.invert_yaxis()


def map_of(reel: Reel, index: int) -> sunpy.map.GenericMap:
    """One frame, channels averaged and invalid pixels NaN, as a sunpy map with its observer."""
    wcs, row = from_row(reel.table.iloc[index]), reel.table.iloc[index]
    assert wcs  # the sheet is only drawn for a reel whose frames all have one
    stored, bits = reel.read(index, index + 1)
    image = np.where(bits[0] & INVALID, np.nan, stored[0].astype(np.float64).mean(axis=0))
    header = dict(wcs.astropy.to_header())
    header |= {"date-obs": row["time_utc"], "hgln_obs": wcs.hgln_deg, "hglt_obs": wcs.hglt_deg, "dsun_obs": wcs.dsun_m}
    header |= {"rsun_ref": R_SUN_M, "rsun_obs": wcs.rsun_arcsec}
    return sunpy.map.Map(image, header)


def _figure(rows: int, columns: int, cell_inch: tuple[float, float]) -> Figure:
    """One with room for so many axes and what is written around them; to measure that takes as long as to draw it."""
    width, height = cell_inch
    left, right, bottom, top = 0.95, 0.2, 0.6, 0.5  # inch
    figure = Figure(figsize=(width * columns, height * rows))
    edges = {"left": left / (width * columns), "right": 1 - right / (width * columns)}
    edges |= {"bottom": bottom / (height * rows), "top": 1 - top / (height * rows)}
    between = {"wspace": (left + right) / (width - left - right), "hspace": (bottom + top) / (height - bottom - top)}
    figure.subplots_adjust(**edges, **between)
    return figure


def _save(figure: Figure, path: Path) -> None:
    with replacing(path) as part:
        write_png(part, figure, 110)
