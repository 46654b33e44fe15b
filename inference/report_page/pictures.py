"""Pictures of the report: a thumbnail an event, and for the strongest what the model saw, said and left over."""

import base64
from collections.abc import Iterator

import cv2
import numpy as np
import pandas as pd

from data.pictures.curves import decimate
from data.reel.mask_bits import INVALID
from data.reel.reel import Reel
from data.reel.scaled import target_stretches
from data.sky.instruments import GRAY, colours_of, instrument_of
from inference.events.sky import Sky
from inference.job import Job
from inference.movie.movie import is_in_colour, residual_limit, shown
from inference.report_page.event_rows import strongest
from inference.report_page.plots import clock_s, rounded
from inference.results.native import crop_of
from inference.results.native import path_of as native_path
from inference.results.score_maps import saved_frame
from inference.scorers.nets.residual import ScoredFrame
from inference.solar.place.measure import excess_curve

SHEET_EVENTS = 12
THUMBNAILS = 300
THUMBNAIL_PX, WHOLE_PX, CROP_PX = 64, 224, 128
SMALLEST_CROP_PX = 32
SHEET_POINTS, SHEET_WINDOWS = 400, 6  # of a series: points of a curve, and windows around an event at most
SHEET_VARIABLES = 3
BOX_BGR = (40, 122, 255)

Bounds = tuple[int, int, int, int]  # x0, y0, x1, y1, half-open reel pixels


def thumbnails(reel: Reel, events: pd.DataFrame) -> dict[int, str]:
    """By event: its place in the frame of its peak as a data address, of the strongest THUMBNAILS; none of a series."""
    if reel.is_series:
        return {}
    found, colours = {}, colours_of_reel(reel)
    for event in strongest(events, THUMBNAILS).to_dict("records"):
        frame, bits = reel.read(event["frame_peak"], event["frame_peak"] + 1)
        image = shown(frame[0].astype(np.float32), (bits[0] & INVALID) == 0, is_in_colour(reel))
        part = cropped(upright(image, reel), crop_of(upright_box(event, reel), image.shape, SMALLEST_CROP_PX))
        found[event["event"]] = encoded(coloured(shrunk(grey(part), THUMBNAIL_PX), colours))
    return found


def sheet(job: Job, events: pd.DataFrame) -> list[dict]:
    """The strongest events of the scene, each with its pictures, or of a series with its curves."""
    chosen = strongest(events[events["instrument"] == ""], SHEET_EVENTS)
    show = series_curves if job.reel.is_series else pictures
    return [{"event": event["event"], **show(job, event)} for event in chosen.to_dict("records")]


def scored_between(job: Job, first: int, last: int) -> tuple[Iterator[ScoredFrame], bool]:
    """The frames first..last again as eval scored them, and whether they have the model's residuals.

    If not, they come from the saved score maps, without what was expected, and their residuals are scores.
    """
    again = job.scorer.again(job.reel, first, last, job.settings)
    if again is not None:
        return again, True
    return (saved_frame(job.out, job.reel, index) for index in range(first, min(last + 1, len(job.reel)))), False


def pictures(job: Job, event: dict) -> dict:
    """The whole frame of the peak with the event's box; frame, reconstruction and residual around the box."""
    frames, has_residuals = scored_between(job, event["frame_peak"], event["frame_peak"])
    scored = next(frames)
    box = upright_box(event, job.reel)
    in_colour = is_in_colour(job.reel)
    frame = upright(shown(scored.frame, scored.valid, in_colour), job.reel)
    crop = crop_of(box, frame.shape, SMALLEST_CROP_PX)
    colours = colours_of_reel(job.reel)
    part = shrunk(grey(cropped(frame, crop)), CROP_PX)
    found = {"whole": encoded(boxed(frame, box, colours)), "frame": encoded(coloured(part, colours))}
    if scored.reconstruction is not None:
        part = cropped(upright(shown(scored.reconstruction, scored.valid, in_colour), job.reel), crop)
        found["reconstruction"] = encoded(coloured(shrunk(grey(part), CROP_PX), colours))
    name, limit = ("residual", residual_limit(job.calibration.noise)) if has_residuals else ("score", 2 * job.high)
    residual = cropped(upright(scored.residual, job.reel), crop) / limit
    found[name] = encoded(cv2.applyColorMap(shrunk(grey(residual), CROP_PX), cv2.COLORMAP_INFERNO))
    if (native := native_path(job.out, event["event"])).is_file():
        found["as in the file"] = "data:image/png;base64," + base64.b64encode(native.read_bytes()).decode()
    return {"pictures": found, **light_curve(job.reel, event)}


def series_curves(job: Job, event: dict) -> dict:
    """Samples around an event and the model's reconstruction, in physical units, of the variables that differ most."""
    reach = SHEET_WINDOWS * job.scorer.clip_length // 2
    margin = max(event["frame_end"] - event["frame_start"], job.scorer.clip_length // 8)
    first = max(event["frame_start"] - margin, event["frame_peak"] - reach, 0)
    last = min(event["frame_end"] + margin, event["frame_peak"] + reach)
    scored = list(scored_between(job, first, last)[0])
    valid = np.array([f.valid[0, 0] for f in scored])
    lines = {"values": np.array([f.frame[:, 0, 0] for f in scored])}  # (n, C)
    modelled = [f.reconstruction[:, 0, 0] for f in scored if f.reconstruction is not None]
    if len(modelled) == len(scored):
        lines["model"] = np.array(modelled)
    difference = np.abs(lines["values"] - lines.get("model", np.median(lines["values"], axis=0)))
    differing = sorted(difference[valid].max(axis=0, initial=0).argsort()[::-1][:SHEET_VARIABLES].tolist())
    lines["values"][~valid] = np.nan
    stretches = target_stretches(job.reel, job.scorer.scaling)
    curves = {c: {n: stretches[c].inverse(v[:, c].astype(np.float64)) for n, v in lines.items()} for c in differing}
    kept = np.unique(np.concatenate([decimate(v, SHEET_POINTS) for line in curves.values() for v in line.values()]))
    clock = clock_s(job.reel)[[f.index for f in scored]]
    shown_curves = {job.reel.channels[c]: {n: rounded(v[kept]) for n, v in line.items()} for c, line in curves.items()}
    return {"t": rounded(clock[kept], 3), "curves": shown_curves}


def light_curve(reel: Reel, event: dict) -> dict:
    """The light of an event's place over that before it, in the reel's unit, from before its start to after its end; of
    a reel of the Sun, else nothing."""
    sky = Sky.of(reel)
    if sky is None:
        return {}
    frames, excess = excess_curve(event, reel, sky)
    kept = decimate(excess, SHEET_POINTS)
    name = f"excess, {reel.meta['unit']}"
    return {"t": rounded(clock_s(reel)[frames[kept]], 3), "curves": {name: {"values": rounded(excess[kept])}}}


def upright(image: np.ndarray, reel: Reel) -> np.ndarray:
    """An image (H, W) or (H, W, 3) with its first row on top, as it is shown."""
    return image[::-1] if reel.meta["origin"] == "lower" else image


def upright_box(event: dict, reel: Reel) -> Bounds:
    """The event's box in the picture as it is shown."""
    height = reel.shape[2]
    y0, y1 = event["y0"], event["y1"]
    rows = (height - y1, height - y0) if reel.meta["origin"] == "lower" else (y0, y1)
    return event["x0"], rows[0], event["x1"], rows[1]


def cropped(image: np.ndarray, crop: Bounds) -> np.ndarray:
    """The part of an image inside a crop."""
    x0, y0, x1, y1 = crop
    return image[y0:y1, x0:x1]


def grey(image: np.ndarray) -> np.ndarray:
    """0..1 as grey levels uint8; what is not known is black."""
    return np.rint(255 * np.clip(np.nan_to_num(image), 0, 1)).astype(np.uint8)


def shrunk(image: np.ndarray, side_px: int) -> np.ndarray:
    """The image at most `side_px` on a side; the browser enlarges small ones."""
    factor = side_px / max(image.shape[:2])
    if factor >= 1:
        return image
    size = [max(1, round(n * factor)) for n in image.shape[1::-1]]
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def colours_of_reel(reel: Reel) -> np.ndarray:
    """BGR (256, 3) uint8 that a reel is shown in: its instrument's, of several channels gray."""
    name = instrument_of(reel.name, reel.meta).colormap if len(reel.channels) == 1 else GRAY
    ramp = np.repeat(np.arange(256.0), 3).reshape(-1, 3)
    return np.rint(ramp if name == GRAY else colours_of(name))[:, ::-1].astype(np.uint8)


def coloured(image: np.ndarray, colours: np.ndarray) -> np.ndarray:
    """Grey levels (H, W) uint8 in colours (256, 3): (H, W, 3), blue first. Of levels with red first it keeps theirs."""
    return image[..., ::-1] if image.ndim == 3 else colours[image]


def boxed(image: np.ndarray, box: Bounds, colours: np.ndarray) -> np.ndarray:
    """The whole image, WHOLE_PX on its longer side, with a box drawn on it."""
    factor = WHOLE_PX / max(image.shape[:2])
    size = [max(1, round(n * factor)) for n in image.shape[1::-1]]
    picture = cv2.resize(grey(image), size, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_NEAREST)
    picture = np.ascontiguousarray(coloured(picture, colours))
    x0, y0, x1, y1 = (round(edge * factor) for edge in box)
    return cv2.rectangle(picture, (x0 - 1, y0 - 1), (x1, y1), BOX_BGR, 2)


def encoded(image: np.ndarray) -> str:
    """A picture, grey or BGR, as the data address of a WebP image."""
    done, data = cv2.imencode(".webp", np.ascontiguousarray(image), [cv2.IMWRITE_WEBP_QUALITY, 85])
    if not done:
        raise ValueError(f"a picture of shape {image.shape} could not be encoded as WebP")
    return "data:image/webp;base64," + base64.b64encode(data.tobytes()).decode()
