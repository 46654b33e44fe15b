"""Events that several wavelengths were asked for, one picture each: the same place and time in every channel."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from data.disk.files import replacing
from data.pictures.plain import plain
from data.reel.mask_bits import INVALID
from data.reel.reel import Reel
from data.sky.instruments import GRAY, colours_of, instrument_of
from inference.events.matching import BOX, times_of
from inference.events.sky import Sky, rotated_from_earth
from inference.results.native import BRIGHT, DARK
from inference.solar.joint import Channel

FOLDER = "joint"
SHOWN = 12  # events, those seen in most channels first
SIDE_PX, CAPTION_PX, BORDER_PX = 256, 20, 2
LEAST_PX, WIDER = 32, 3.0  # field: so many pixels of the coarsest reel at least, and so many times the box
NEAR_CADENCES = 1.5  # a frame farther in time is none of that time
FOUND_BGR, TEXT_BGR = (40, 122, 255), (230, 230, 230)


def draw_side_by_side(folder: Path, joint: pd.DataFrame, channels: Sequence[Channel]) -> None:
    """joint/event_<n>.png of the events that most channels saw: at the time of the peak the field around the place, in
    each channel with solar north up and in its colours; what a channel saw of it is framed. Old ones are taken away.

    joint: as `joint_events` makes it of these channels.
    """
    (folder / FOLDER).mkdir(exist_ok=True)
    for old in (folder / FOLDER).glob("event_*.png"):
        old.unlink()
    for event in joint.sort_values("n_channels", ascending=False, kind="stable").head(SHOWN).to_dict("records"):
        with replacing(folder / FOLDER / f"event_{event['event']:04d}.png") as part:
            part.write_bytes(cv2.imencode(".png", picture_of(event, channels))[1].tobytes())


def picture_of(event: dict, channels: Sequence[Channel]) -> np.ndarray:
    """Panels (h, w, 3) BGR of the channels, in the order of their peaks, then those that did not see it."""
    seen = event["channels"].split()
    ordered = sorted(channels, key=lambda c: seen.index(c.name) if c.name in seen else len(seen))
    boxes = {c.name: own_box(event, c) for c in channels}
    field = field_of(event, [box for box in boxes.values() if box is not None], channels)
    gap = np.zeros((SIDE_PX + CAPTION_PX, BORDER_PX, 3), np.uint8)
    panels = [part for c in ordered for part in (panel_of(event, c, field, boxes[c.name]), gap)]
    return np.concatenate(panels[:-1], axis=1)


def own_box(event: dict, channel: Channel) -> np.ndarray | None:
    """The box (4,) of all that a channel saw of it, in arcsec and carried to its peak by rotation; None of nothing."""
    names = set(event["events"].split())
    table = channel.events[[f"{channel.name}:{number}" in names for number in channel.events["event"]]]
    if not len(table):
        return None
    x, y = (table[name].to_numpy(float) for name in ("hpc_x_arcsec", "hpc_y_arcsec"))
    peak = np.repeat(times_of(pd.Series([event["t_peak"]])), len(table))
    new_x, new_y = rotated_from_earth(x, y, times_of(table["t_peak"]), peak)
    x0, y0, x1, y1 = (table[name].to_numpy(float) for name in BOX)
    dx, dy = new_x - x, new_y - y
    return np.array([(x0 + dx).min(), (y0 + dy).min(), (x1 + dx).max(), (y1 + dy).max()])


def field_of(event: dict, boxes: Sequence[np.ndarray], channels: Sequence[Channel]) -> np.ndarray:
    """Middle and side (x, y, side) in arcsec of the square that is shown."""
    x, y = event["hpc_x_arcsec"], event["hpc_y_arcsec"]
    reach = max(max(abs(box[[0, 2]] - x).max(), abs(box[[1, 3]] - y).max()) for box in boxes)
    skies = [sky for c in channels if c.reel is not None and (sky := Sky.of(c.reel))]
    coarsest = max((sky.pixel_arcsec for sky in skies), default=0.0)
    return np.array([x, y, max(WIDER * reach, LEAST_PX * coarsest)])


def panel_of(event: dict, channel: Channel, field: np.ndarray, box: np.ndarray | None) -> np.ndarray:
    """One channel (h, w, 3) BGR with its caption, black where its reel or a frame of that time is not there."""
    panel = np.zeros((SIDE_PX + CAPTION_PX, SIDE_PX, 3), np.uint8)
    told, sky = "reel not found", None if channel.reel is None else Sky.of(channel.reel)
    if channel.reel is not None and sky is not None:
        away = np.abs(channel.times - times_of(pd.Series([event["t_peak"]]))[0]) / np.timedelta64(1, "s")
        nearest = int(np.argmin(away))
        told = "no frame then"
        if away[nearest] <= NEAR_CADENCES * channel.cadence_s:
            panel[CAPTION_PX:] = shown(channel.reel, sky, nearest, field)
            told = str(channel.times[nearest])[11:19]
    if box is not None:
        (x0, y0), (x1, y1) = (np.rint(to_panel(field, *corner)).astype(int).tolist() for corner in (box[:2], box[2:]))
        cv2.rectangle(panel[CAPTION_PX:], (x0, y0), (x1, y1), FOUND_BGR, 1)
    caption = (
        plain(f"{channel.name} {told}{'' if box is not None else ', not seen'}").encode("ascii", "replace").decode()
    )
    cv2.putText(panel, caption, (4, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.38, TEXT_BGR, 1, cv2.LINE_AA)
    return panel


def to_panel(field: np.ndarray, x: float, y: float) -> np.ndarray:
    """Pixel (2,) of a panel, x and y down, where arcsec lie."""
    return (np.array([x - field[0], field[1] - y]) / field[2] + 0.5) * (SIDE_PX - 1)


def shown(reel: Reel, sky: Sky, index: int, field: np.ndarray) -> np.ndarray:
    """One frame around a place (SIDE_PX, SIDE_PX, 3) BGR, solar north up; black where nothing is known."""
    steps = (np.arange(SIDE_PX) / (SIDE_PX - 1) - 0.5) * field[2]
    tx, ty = np.meshgrid(field[0] + steps, field[1] - steps)
    x, y = sky.hpc_to_pixel(np.full(tx.shape, index), tx, ty)
    stored, bits = reel.read(index, index + 1)
    image = stored[0].astype(np.float32).mean(axis=0)
    known = ((bits[0] & INVALID) == 0) & np.isfinite(image)
    x, y = x.astype(np.float32), y.astype(np.float32)
    part = cv2.remap(np.where(known, image, 0), x, y, cv2.INTER_LINEAR)
    is_known = cv2.remap(known.astype(np.float32), x, y, cv2.INTER_LINEAR) > 0.99
    if not is_known.any():
        return np.zeros((SIDE_PX, SIDE_PX, 3), np.uint8)
    dark, bright = np.percentile(part[is_known], [DARK, BRIGHT])
    share = np.where(is_known, np.clip((part - dark) / max(bright - dark, 1e-6), 0, 1), 0)
    colours = colours_of(instrument_of(reel.name, reel.meta).colormap if len(reel.channels) == 1 else GRAY)
    return np.rint(colours[np.rint(255 * share).astype(np.uint8)]).astype(np.uint8)[..., ::-1]
