"""What eval leaves on disk for one reel: tables first, then what is drawn from them."""

import hashlib
import json
import platform
from dataclasses import asdict
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from data.disk.files import write_csv, write_json
from data.messages import amount, logger
from data.sky.instruments import instrument_of
from inference.calibration.promise import duration
from inference.camera.watch import BROKEN
from inference.events.export import write_ecsv, write_voevents
from inference.events.facts import describe, told_variables
from inference.events.instrument import camera_frames
from inference.events.matching import Observed
from inference.events.tables import in_order, write_events
from inference.metrics.frame import average_precision, event_metrics, false_alarms_per_hour, frame_auc, runs
from inference.metrics.series import series_metrics
from inference.metrics.vus import period_of
from inference.results.collected import Collected
from inference.results.native import draw_native
from inference.solar.columns import with_solar_columns
from inference.solar.confirm import compare
from inference.solar.coronagraph.changes import compare_ejections, with_cme_columns
from inference.solar.hek import write_hek
from inference.solar.regions import with_regions
from inference.units import DAY_S
from inference.zones import rates_of

log = logger(__name__)

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


class Results(Collected):
    """What was collected of a reel, and at the end its events, tables, pictures and measures on disk."""

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
        found |= self.new_level(low)
        write_json(out / "summary.json", facts | found | self.cost(seconds))
        self.tell(events, low, high, beyond.get("promises_per_day"))
        for line in told_comparisons(found):
            log.info(f"  {line}")

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

    def draw_timeline(self, out: Path, events: pd.DataFrame, low: float, high: float) -> None:
        """timeline.png: the largest score of every frame, with thresholds, events, gaps and labels."""
        from inference.results.timeline import timeline  # late: a runner draws nothing, and needs no Matplotlib

        times = self.reel.times_s if self.reel.times_utc is None else self.reel.times_utc
        peaks = self.statistics[:, 1]
        about = {"gaps": self.reel.gaps, "title": self.reel.name, "panels": self.panels}
        timeline(out / "timeline.png", peaks, low, high, events, times, self.reel.labels, **about)

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

    def new_level(self, low: float) -> dict:
        """Since when scores have risen so slowly that thresholds went along, up to what, and how many samples above the
        low threshold are no alarms by that; nothing where there are none."""
        peaks = np.nan_to_num(self.statistics[:, 1])
        spared = np.flatnonzero((peaks > low) & (peaks <= low + self.raised))
        if not len(spared):
            return {}
        first, utc = int(spared[0]), self.reel.times_utc
        when = {"t_start": "" if utc is None else str(utc[first]), "time_start_s": float(self.reel.times_s[first])}
        raised = low + float(self.raised[spared].max())
        return {"new_level": when | {"frame_start": first, "threshold_low": raised, "samples": len(spared)}}

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
        found = compare(events, self.known, observed, *limits, self.sky)
        write_csv(out / "matches.csv", found.matches)
        return found.events, {"catalog": found.summary}

    def cost(self, seconds: float) -> dict:
        rate = round(len(self.reel) / seconds, 1)
        return {"seconds": round(seconds, 3), "frames_per_s": rate, "versions": dict(versions())}

    def tell(self, events: pd.DataFrame, low: float, high: float, promises: dict[str, Any] | None) -> None:
        """Print what a user wants to know first. promises: false events a day, by level, as in the summary."""
        counts, events = self.counts(events), scene_events(events)
        camera = f" and {more} more of the camera" if (more := counts["events_instrument"]) else ""
        unit = "samples" if self.reel.is_series else "frames"
        found = f"{amount(counts['events'], 'event')} ({counts['events_high']} high){camera}"
        allowed = self.allowed(counts["frames_scored"], promises) if promises else ""
        log.info(f"{self.reel.name}: {found}, thresholds {low:.3g} / {high:.3g}{allowed}")
        for name, rate in self.zone_rates(events).get("zones", {}).items():
            log.info(f"  zone {name}: {amount(rate['events'], 'event')}, {rate['events_per_hour']:.3g} an hour")
        if level := self.new_level(low).get("new_level"):
            since = level["t_start"] or f"sample {level['frame_start']}"
            log.info(
                f"  scores rose slowly: a new level since {since}, where thresholds go up to "
                f"{level['threshold_low']:.3g} and {amount(level['samples'], 'sample')} above {low:.3g} are no alarms; "
                "if that is usual by now, train on newer quiet data"
            )
        if counts["frames_not_scored"]:
            log.info(f"  {counts['frames_not_scored']} {unit} lie in stretches shorter than a window and have no score")
        strongest = events.sort_values("peak_score", ascending=False).head(10)
        for e in strongest.itertuples():
            when = f"{e.t_start} .. {e.t_end}" if e.t_start else f"{unit} {e.frame_start} .. {e.frame_end}"
            what = f", {found}" if (found := told_kind(e)) else ""
            log.info(f"  event {e.event}: {when}{_clock(e)}{what}, peak {e.peak_score:.3g}{self.place(e)}, {e.level}")

    def allowed(self, scored: int, promises: dict[str, Any]) -> str:
        """How many of the events may be false by what the thresholds stand for, in so many frames."""
        span_s = scored * self.reel.cadence_s
        low, high = (promises[level]["used"] * span_s / DAY_S for level in ("low", "high"))
        low = round(low) if low >= 10 else low
        return f" (for {amount(low, 'false alarm', '.2g' if low < 10 else 'd')} in {duration(span_s)}, {high:.2g} high)"

    def place(self, event: Any) -> str:
        """Where a row of the events table is, for people: in which variables of a series of several."""
        if self.reel.is_series:
            named = told_variables(event._asdict()) if len(self.reel.channels) > 1 else ""
            return f" in {named}" if named else ""
        source = f" (source {event.source_x:.0f}, {event.source_y:.0f})" if hasattr(event, "source_x") else ""
        zone = f" in {event.zone}" if getattr(event, "zone", "") else ""
        return f" at x {event.x:.1f}, y {event.y:.1f} px{source}{told_sky(event)}{zone}"


def told_comparisons(summary: dict[str, Any]) -> list[str]:
    """What a summary says of flares, ejections and labels that events were compared with, for people: a line each."""
    lines = []
    if flares := summary.get("catalog"):
        confirmed, without = flares["events_confirmed"], flares["events_unconfirmed"]
        of_events = f"{without} of {amount(confirmed + without, 'event')} without one"
        lines.append(f"catalogue: {flares['found']} of {amount(flares['observed'], 'flare')} found, {of_events}")
    if cmes := summary.get("cmes"):
        of_ours = f"{cmes['ejections_unconfirmed']} of {amount(cmes['ejections'], 'ejection')} without one"
        lines.append(f"catalogue: {cmes['found']} of {amount(cmes['cmes'], 'CME')} found, {of_ours}")
    if labels := summary.get("metrics"):
        known, false = labels["event_n_truth"], labels["event_n_events"] - labels["event_n_right"]
        found = (
            f"{labels['event_n_found']} of {amount(known, 'labelled event')} found" if known else "labelled as quiet"
        )
        auc = "" if labels["frame_auc"] is None else f"; AUC of frames {labels['frame_auc']:.3g}"
        lines.append(f"{found}, {amount(false, 'event')} where none is labelled{auc}")
    return lines


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
