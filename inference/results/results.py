"""What eval leaves on disk for one reel: tables first, then what is drawn from them."""

import hashlib
import json
import platform
from collections.abc import Sequence
from dataclasses import asdict
from functools import cache, partial
from importlib.metadata import version
from itertools import compress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from config import EvalConfig
from data.disk.files import write_csv, write_json
from data.messages import amount, logger
from data.reel.reel import Reel
from data.reel.windows import stretches
from data.sky.instruments import instrument_of
from inference.camera.watch import BROKEN, CLOUDS
from inference.events.boxes import WEAK, Box
from inference.events.companions import Reach, with_companions
from inference.events.events import CAMERA, Event, EventLinker, in_order, write_events
from inference.events.export import write_ecsv, write_voevents
from inference.events.facts import Named, describe, told_variables
from inference.events.grouping import grouped
from inference.events.instrument import camera_frames
from inference.events.matching import Observed
from inference.events.sky import Sky, shifts
from inference.events.source_place import source_columns
from inference.metrics.frame import average_precision, event_metrics, false_alarms_per_hour, frame_auc, runs
from inference.metrics.series import series_metrics
from inference.metrics.vus import period_of
from inference.results.native import draw_native
from inference.results.score_maps import BOX_COLUMNS
from inference.results.signals import panels_of
from inference.results.timeline import timeline
from inference.solar.clouds import without_clouds
from inference.solar.columns import measured, with_solar_columns
from inference.solar.confirm import Known, compare
from inference.solar.corona import compare_ejections, with_cme_columns, with_ejections
from inference.solar.hek import write_hek
from inference.solar.kinds import ALONE, ENDS, TOGETHER
from inference.solar.polar import occulted_rsun
from inference.solar.regions import with_regions
from inference.zones import rates_of

log = logger(__name__)

NAMED_VARIABLES = 3
TEXTS = 65_536  # made at a time
# All that eval may leave of a reel; what else is there is somebody's own.
MADE = (
    *("config.yaml", "summary.json", "scores.csv", "scores.f16", "boxes.csv", "matches.csv", "hek_flares.csv"),
    "cme_matches.csv",
    "native",
    "native.json",
    *(
        "events.csv",
        "events.json",
        "events.hek.json",
        "events.ecsv",
        "voevents",
        "timeline.png",
        "sky",
        "sky.png",
        "anomaly.mp4",
    ),
    *(
        "anomaly.mp4",
        "report.html",
        "windows.csv",
        "forecast.csv",
        "forecasts.npz",
        "forecasts.png",
        "filled.csv",
        "filled.png",
    ),
)


class Results:
    """Collects per-frame scores and boxes, links events as frames arrive, and writes the tables at the end."""

    def __init__(
        self, reel: Reel, settings: EvalConfig, known: Known | None = None, regions: pd.DataFrame | None = None
    ):
        self.reel, self.settings, self.known, self.regions = reel, settings, known, regions
        self.statistics = np.full((len(reel), 3), np.nan)  # mean, max, std of the score map
        self.common = np.full(len(reel), np.nan)  # rms of the camera's part of the frame
        self.camera: dict[int, str] = {}  # frame -> what is wrong with it as a whole
        self.boxes: list[tuple[int, Box]] = []
        self.tracks: list[int] = []  # of each of the boxes
        self.variables: dict[int, list[Named]] = {}  # of a series, by sample: those that stand out
        self.events: list = []
        self.sky = Sky.of(reel)
        self.panels = panels_of(reel, settings.xrs)
        drift = partial(shifts, self.sky) if self.sky else None
        self.linker = EventLinker.of(reel, settings, drift)

    def add(self, index: int, score: np.ndarray, boxes: list[Box], common: float, camera: str = "") -> None:
        """Add one frame, in time order; a gap in time closes the open events. camera: see ScoredFrame."""
        if camera:
            self.camera[index] = camera
        self.statistics[index] = score.mean(), score.max(), score.std()
        self.common[index] = common
        self.add_boxes(index, boxes)

    def add_samples(self, first: int, scores: np.ndarray) -> None:
        """Add the scores (n,) of a stretch of a series, its boxes by `add_boxes`."""
        part = self.statistics[first : first + len(scores)]
        part[:] = scores[:, None]
        part[np.isfinite(scores), 2] = 0
        self.common[first : first + len(scores)] = 0

    def add_boxes(self, index: int, boxes: list[Box], parts: np.ndarray | None = None) -> None:
        """Add the boxes of one frame, in time order; of a sample of a series with its variables' parts (C,)."""
        if parts is not None and len(parts) == len(self.reel.channels) and self.settings.combine != "each":
            self.variables[index] = shares_of(self.reel.channels, parts)
        self.boxes += [(index, box) for box in boxes]
        self.events += self.linker.push(index, boxes, self.reel.times_s[index])
        self.tracks += self.linker.tracks_of_boxes

    @property
    def shown(self) -> list[Box]:
        """The boxes of the frame that was added last, without those that are of no event as yet."""
        last = self.boxes[len(self.boxes) - len(self.linker.tracks_of_boxes) :]
        pairs = zip(last, self.linker.events_of_boxes, strict=True)
        return [box for (_, box), is_event in pairs if is_event or box.level != WEAK]

    def settle(self) -> None:
        """Leave out the boxes below the threshold that no event has come of."""
        tracks = {track for event in self.events for track in event.tracks}
        kept = [track in tracks or box.level != WEAK for (_, box), track in zip(self.boxes, self.tracks, strict=True)]
        self.boxes, self.tracks = list(compress(self.boxes, kept)), list(compress(self.tracks, kept))

    @property
    def n_boxes(self) -> np.ndarray:
        """Boxes of the scene in every frame (T,)."""
        frames = [index for index, box in self.boxes if box.level != CAMERA]
        return np.bincount(np.array(frames, np.int64), minlength=len(self.reel))

    def write(self, out: Path, low: float, high: float, identity: dict, seconds: float, beyond: dict) -> None:
        """Write every table and picture.

        beyond: what else is to stand in the summary.
        """
        events = self.event_table(high, identity)
        scores, boxes = self.score_table(), self.box_table()
        events, comparison = self.compared(out, events)
        write_csv(out / "scores.csv", scores)
        write_csv(out / "boxes.csv", boxes)
        facts = {"reel": self.reel.name, "threshold_low": low, "threshold_high": high, "identity": identity}
        write_events(out, events, facts)
        write_ecsv(out / "events.ecsv", events, facts)
        write_voevents(out / "voevents", events, self.reel.name)
        if self.sky and self.reel.times_utc is not None:
            instrument = instrument_of(self.reel.name, self.reel.meta)
            write_hek(out, events, instrument, self.sky.pixel_arcsec)
        if self.sky:
            from inference.results.sky_plots import (
                draw_sheet,  # late: sunpy.map takes two seconds, and a video needs it not
            )

            draw_sheet(out, events, self.reel)
        if self.settings.sources and not self.reel.is_series:
            draw_native(out, events, self.reel, self.settings.sources)
        self.draw_timeline(out, events, low, high)
        found = self.counts(events) | self.zone_rates(events) | self.metrics(events, low) | comparison | beyond
        write_json(out / "summary.json", facts | found | self.cost(seconds))
        self.tell(events, low, high)

    def event_table(self, high: float, identity: dict) -> pd.DataFrame:
        """The events of all frames that were added, which are the last ones. high: the threshold."""
        self.events = in_order(self.found(high))
        self.settle()
        camera = camera_frames(self.common)
        events = describe(
            self.events, self.reel, self.sky, camera, high, short_identity(identity), self.named, self.settings.zones
        )
        if self.sky:
            events = with_solar_columns(events, self.events, self.reel)
        if self.sky and self.is_coronagraph:
            return with_cme_columns(events, self.events)
        if self.sky and self.regions is not None:
            return with_regions(events, self.regions, self.sky.surface)
        return events

    def found(self, high: float = 1.0) -> list[Event]:
        """All events, grouped; on the Sun each with its kind, of which some stay by themselves. high: the threshold."""
        tracks, alone_as_found = [*self.events, *self.linker.finish()], []
        if self.sky and self.is_coronagraph:
            tracks, alone_as_found = with_ejections(tracks, self.reel, self.sky, high)
        elif self.sky:
            clouded = [index for index, kind in self.camera.items() if kind == CLOUDS]
            tracks = without_clouds(tracks, clouded, self.reel, self.sky, self.linker.max_gap_frames)
            tracks = measured(tracks, self.reel, self.sky)
        distance_px, link, alone = self.settings.group_distance_px, self.linker, (*ALONE, CLOUDS)
        times = self.reel.times_s.item
        found = grouped(tracks, distance_px, link.max_gap_frames, alone, times, link.max_gap_s, ENDS)
        if self.sky:
            found = with_companions(found, self.sky, Reach.of(self.settings, self.reel.cadence_s), TOGETHER)
        return [*found, *alone_as_found]

    @property
    def is_coronagraph(self) -> bool:
        """Whether the disc is hidden, so that nothing is of it."""
        return occulted_rsun(self.reel) is not None

    def named(self, event: Event) -> list[Named]:
        """The variables of a series that an event is about, strongest first, with their shares at its peak."""
        if self.settings.combine == "each":
            return [Named(self.reel.channels[round(event.x)], 1.0)]
        return self.variables.get(event.frame_peak, [])

    def draw_timeline(self, out: Path, events: pd.DataFrame, low: float, high: float) -> None:
        """timeline.png: the largest score of every frame, with thresholds, events, gaps and labels."""
        times = self.reel.times_s if self.reel.times_utc is None else self.reel.times_utc
        peaks = self.statistics[:, 1]
        about = {"gaps": self.reel.gaps, "title": self.reel.name, "panels": self.panels}
        timeline(out / "timeline.png", peaks, low, high, events, times, self.reel.labels, **about)

    def score_table(self) -> pd.DataFrame:
        """scores.csv: one row a frame; empty scores where no window covers the frame."""
        table = pd.DataFrame({"frame": np.arange(len(self.reel)), "time_s": self.reel.times_s})
        table.insert(1, "time_utc", "" if self.reel.times_utc is None else as_texts(self.reel.times_utc))
        table[["mean", "max", "std"]] = self.statistics
        table["boxes"] = self.n_boxes
        if not self.reel.is_series:
            table["camera"] = [self.camera.get(index, "") for index in range(len(self.reel))]
        if self.reel.labels is not None:
            table["label"] = self.reel.labels
        return table

    def box_table(self) -> pd.DataFrame:
        """boxes.csv: one row a box, half-open bounds in reel pixels, and in the source's where the reel knows them.

        parent: the event that it belongs to, empty where its track was too short for one; part: the track's number.
        """
        utc = self.reel.times_utc
        rows = [
            (i, "" if utc is None else str(utc[i]), *(getattr(b, name) for name in BOX_COLUMNS[2:]))
            for i, b in self.boxes
        ]
        table = pd.DataFrame(rows, columns=BOX_COLUMNS)
        parents = {track: number for number, event in enumerate(self.events, 1) for track in event.tracks}
        table["parent"] = pd.array([parents.get(track) for track in self.tracks], dtype="Int64")
        table["part"] = self.tracks
        places = source_columns(table, table["frame"].to_numpy(np.int64), self.reel)
        return table if places is None else table.join(places)

    def frames_above(self) -> tuple[int, int]:
        """Frames that were scored, and those of them with a box of the scene."""
        return int(np.isfinite(self.statistics[:, 1]).sum()), int((self.n_boxes > 0).sum())

    def counts(self, events: pd.DataFrame) -> dict:
        scene, (scored, above) = scene_events(events), self.frames_above()
        return {
            "frames": len(self.reel),
            "frames_scored": scored,
            "frames_not_scored": len(self.reel) - scored,
            "frames_with_boxes": above,
            "boxes": int(self.n_boxes.sum()),
            "events": len(scene),
            "events_high": int((scene["level"] == "high").sum()),
            "events_instrument": len(events) - len(scene),
        }

    def zone_rates(self, events: pd.DataFrame) -> dict:
        """Events of the scene in each zone, and so many an hour of the frames that were scored."""
        watched_s = self.frames_above()[0] * self.reel.cadence_s
        if not self.settings.zones or self.reel.is_series or not watched_s:
            return {}
        return {"zones": rates_of(self.settings.zones, scene_events(events), watched_s)}

    def metrics(self, events: pd.DataFrame, low: float) -> dict:
        """Metrics against the reel's labels, raw: frame scores are the maxima of the score maps."""
        labels = self.reel.labels
        if labels is None:
            return {}
        peaks = self.statistics[:, 1].copy()
        peaks[[index for index, kind in self.camera.items() if kind in BROKEN]] = np.nan  # the camera's, as its events
        found = {"frame_auc": frame_auc(peaks, labels), "average_precision": average_precision(peaks, labels)}
        truth = labelled_intervals(labels, self.reel.times_s)
        intervals = scene_events(events)[["time_start_s", "time_end_s"]].to_numpy()
        matched = event_metrics(intervals, truth, tolerance_s=self.reel.cadence_s)
        watched, tolerance_s = self.watched(), self.reel.cadence_s
        found["false_alarms_per_hour"] = false_alarms_per_hour(intervals, truth, watched, tolerance_s)
        if self.reel.is_series:
            found |= series_metrics(peaks, labels, low, period_of(self.reel.signals()[:, 0]))
        return {"metrics": found | {f"event_{k}": v for k, v in asdict(matched).items()}}

    def watched(self) -> np.ndarray:
        """Intervals (N, 2) s in which frames have a score and a label; a frame lasts until the next one is due."""
        reel, labels = self.reel, self.reel.labels
        assert labels is not None  # there are no metrics without them
        known = np.isfinite(self.statistics[:, 1]) & np.isfinite(labels)
        ranges = stretches(reel.times_s, reel.cadence_s, reel.meta["gap_threshold"])
        first_last = np.concatenate([runs(known[begin:end]) + begin for begin, end in ranges]) - np.array([0, 1])
        return reel.times_s[first_last] + [0, reel.cadence_s]

    def compared(self, out: Path, events: pd.DataFrame) -> tuple[pd.DataFrame, dict]:
        """matches.csv, the events with what confirms them, and what a catalogue or the X-ray flux says, if any."""
        for name in ("matches.csv", "cme_matches.csv"):
            (out / name).unlink(missing_ok=True)  # of an earlier comparison
        if self.known is None:
            return events, {}
        if self.sky and self.is_coronagraph:  # flares are hidden from it
            if self.known.cmes is None:
                return events, {}
            matches, counts = compare_ejections(events, self.known.cmes, self.settings.catalog_tolerance_min)
            write_csv(out / "cme_matches.csv", matches)
            return events, {"cmes": counts}
        scored = np.isfinite(self.statistics[:, 1])
        assert self.reel.times_utc is not None  # nothing is known of a reel without UTC times
        observed = Observed.of(self.reel.times_utc[scored], self.reel.cadence_s, self.reel.meta["gap_threshold"])
        limits = self.settings.catalog_tolerance_min, self.settings.catalog_distance_arcsec
        found = compare(events, self.known, observed, *limits)
        write_csv(out / "matches.csv", found.matches)
        return found.events, {"catalog": found.summary}

    def cost(self, seconds: float) -> dict:
        rate = round(len(self.reel) / seconds, 1)
        return {"seconds": round(seconds, 3), "frames_per_s": rate, "versions": dict(versions())}

    def tell(self, events: pd.DataFrame, low: float, high: float) -> None:
        """Print what a user wants to know first."""
        counts, events = self.counts(events), scene_events(events)
        camera = "" if self.reel.is_series else f", {counts['events_instrument']} the camera's"
        unit = "samples" if self.reel.is_series else "frames"
        found = f"{amount(counts['events'], 'event')} ({counts['events_high']} high{camera})"
        log.info(f"{self.reel.name}: {found}, thresholds {low:.3g} / {high:.3g}")
        for name, rate in self.zone_rates(events).get("zones", {}).items():
            log.info(f"  zone {name}: {amount(rate['events'], 'event')}, {rate['events_per_hour']:.3g} an hour")
        if counts["frames_not_scored"]:
            log.info(f"  {counts['frames_not_scored']} {unit} lie in stretches shorter than a window and have no score")
        strongest = events.sort_values("peak_score", ascending=False).head(10)
        for e in strongest.itertuples():
            when = f"{e.t_start} .. {e.t_end}" if e.t_start else f"{unit} {e.frame_start} .. {e.frame_end}"
            what = f", {found}" if (found := told_kind(e)) else ""
            log.info(f"  event {e.event}: {when}{_clock(e)}{what}, peak {e.peak_score:.3g}{self.place(e)}, {e.level}")

    def place(self, event: Any) -> str:
        """Where a row of the events table is, for people: in which variables of a series of several."""
        if self.reel.is_series:
            named = told_variables(event._asdict()) if len(self.reel.channels) > 1 else ""
            return f" in {named}" if named else ""
        source = f" (source {event.source_x:.0f}, {event.source_y:.0f})" if hasattr(event, "source_x") else ""
        zone = f" in {event.zone}" if getattr(event, "zone", "") else ""
        return f" at x {event.x:.1f}, y {event.y:.1f} px{source}{told_sky(event)}{zone}"


def told_kind(event: Any) -> str:
    """What a row of the events table is, for people: its kind on the Sun, else what changed; "" where nobody knows."""
    return getattr(event, "kind", "") or event.change or ""


def told_sky(event: Any) -> str:
    """Where a row of the events table is on the Sun, for people; "" of a reel that does not know."""
    if not np.isfinite(getattr(event, "hpc_x_arcsec", np.nan)):
        return ""
    on_disk = ""
    if np.isfinite(lon := event.hgs_lon_deg) and np.isfinite(lat := event.hgs_lat_deg):
        on_disk = f", {'NS'[lat < 0]}{abs(lat):02.0f}{'WE'[lon < 0]}{abs(lon):02.0f}"
    return f" ({event.hpc_x_arcsec:.0f}, {event.hpc_y_arcsec:.0f} arcsec{on_disk})"


@cache
def versions() -> dict[str, str]:
    """What was run by this process."""
    packages = ("torch", "numpy", "opencv-python-headless", "av")
    return {"python": platform.python_version()} | {p: version(p) for p in packages}


def shares_of(names: Sequence[str], parts: np.ndarray) -> list[Named]:
    """The NAMED_VARIABLES strongest of the variables of a sample by their parts (C,), with their share of all.

    A share is one of the squares, as scores are put together as rms: of many variables that do nothing, hardly any is
    left, and of two that do the same, a half each.
    """
    parts = np.nan_to_num(np.asarray(parts, np.float64))
    strongest = [int(c) for c in np.argsort(-parts, kind="stable")[:NAMED_VARIABLES]]
    largest = max(float(parts[strongest[0]]), 1e-300)  # else the squares of huge parts would overflow
    squares = np.square(np.maximum(parts, 0) / largest)
    return [Named(names[c], float(squares[c] / squares.sum())) for c in strongest if parts[c] > 0]


def as_texts(times: np.ndarray) -> pd.Series:
    """UTC times (T,) as text; some at a time, because NumPy takes 112 bytes for each."""
    parts = [pd.Series(times[first : first + TEXTS].astype(str)) for first in range(0, len(times), TEXTS)]
    return pd.concat(parts, ignore_index=True)


def _clock(event: Any) -> str:
    """When a row of the events table is in the file of its video, for people; "" where there is none."""
    return f" ({event.clock_start} .. {event.clock_end} of the video)" if hasattr(event, "clock_start") else ""


def scene_events(events: pd.DataFrame) -> pd.DataFrame:
    """Without those that are taken for the camera's."""
    return events[events["instrument"] == ""]


def short_identity(identity: dict) -> dict[str, str]:
    """First 12 digits of the SHA-256 of model, reel and settings: enough to tell two results apart in a table."""
    settings = json.dumps(identity["settings"], sort_keys=True)
    found = {"model": identity["weights_sha256"], "reel": identity["reel"]}
    found["config"] = hashlib.sha256(settings.encode()).hexdigest()
    return {name: digest[:12] for name, digest in found.items()}


def labelled_intervals(labels: np.ndarray, times_s: np.ndarray) -> np.ndarray:
    """[start_s, end_s] of every run of frames labelled 1: (N, 2). labels: (T,)."""
    return times_s[runs(labels == 1) - np.array([0, 1])]
