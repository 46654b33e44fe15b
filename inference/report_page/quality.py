"""How far the results can be trusted: calibration, false alarms promised and seen, training, what was run."""

from pathlib import Path

import numpy as np
import pandas as pd

from config import load
from data.messages import amount
from inference.calibration.promise import CONFIDENCE
from inference.job import Job
from inference.metrics.frame import event_metrics
from inference.report_page.plots import rounded
from inference.results.results import labelled_intervals
from inference.units import DAY_S, HOUR_S
from training.run import read_metrics, read_run

BARS = 40
CURVE_POINTS = 300
FAST_CADENCE_S = 10.0  # below, rates are told by the hour


def calibration(job: Job) -> dict | None:
    """How high quiet frames reach: a histogram, and events a day over the threshold, counted and by the rule."""
    levels, events = job.calibration.levels, job.calibration.events
    if not len(levels) or not len(events.levels):
        return None
    counts, edges = np.histogram(levels, BARS)
    days, promises = events.span_s / DAY_S, job.calibration.promises(job.settings)
    rarest = events.levels.size / days if promises is None else promises[1].used
    rates = np.geomspace(len(events.levels) / days, min(rarest, 1 / days), CURVE_POINTS // 3)
    return {
        "frames": len(levels),
        "edges": rounded(edges),
        "counts": counts.tolist(),
        "counted": {"level": rounded(events.thresholds[::-1]), "per_day": rounded(events.totals[::-1] / days)},
        "fitted": {
            "level": rounded(np.array([events.threshold_for(rate) for rate in rates])),
            "per_day": rounded(rates),
        },
        "promised_per_day": None if promises is None else [promise.used for promise in promises],
    }


def false_alarms(job: Job, events: pd.DataFrame, summary: dict, frames_scored: int) -> list[dict]:
    """Promised and seen false alarms at both thresholds, one row a source; rates by the hour for fast reels."""
    unit_s, unit = (HOUR_S, "hour") if job.reel.cadence_s < FAST_CADENCE_S else (DAY_S, "day")
    quiet, watched = job.calibration.events, frames_scored * job.reel.cadence_s / unit_s
    alarms, about = unexplained(job, events, summary)
    rows = [[about, _rate(len(alarms), watched), _rate(int((alarms["level"] == "high").sum()), watched)]]
    if quiet.span_s:
        span = quiet.span_s / unit_s
        counted = (_rate(quiet.at_least(threshold), span) for threshold in (job.low, job.high))
        unit_name = "samples" if job.reel.is_series else "frames"
        rows.insert(
            0, [f"events of quiet {unit_name} ({len(job.calibration.levels)}, {amount(span, unit, '.3g')})", *counted]
        )
    rows = _promised(job, unit_s) + rows
    return [{"source": s, "unit": unit, "low": low, "high": high} for s, low, high in rows]


def _promised(job: Job, unit_s: float) -> list[list]:
    """What the settings ask for; where quiet data don't support it, what the thresholds are for; in which interval."""
    if (promises := job.calibration.promises(job.settings)) is None:
        return []
    per_unit = unit_s / DAY_S
    asked, used = ([getattr(p, name) * per_unit for p in promises] for name in ("asked", "used"))
    spans = [" to ".join(f"{rate * per_unit:.3g}" for rate in p.interval) for p in promises]
    rows = [["asked for by the settings", *asked]]
    if used != asked:
        rows.append(["promised: as few as the quiet data support", *used])
    return [*rows, [f"likely, from the quiet data ({CONFIDENCE:.0%})", *spans]]


def _rate(count: int, time: float) -> float | None:
    return float(f"{count / time:.4g}") if time else None


def unexplained(job: Job, events: pd.DataFrame, summary: dict) -> tuple[pd.DataFrame, str]:
    """Events of the scene that no label and no flare of a catalogue explains, and what that is called."""
    scene = events[events["instrument"] == ""]
    if job.reel.labels is not None:
        truth = labelled_intervals(job.reel.labels, job.reel.times_s)
        spans = scene[["time_start_s", "time_end_s"]].to_numpy(np.float64)
        right = [event_metrics(span[None], truth, job.reel.cadence_s).n_right for span in spans]
        return scene[np.array(right, bool) == 0], "events of this reel outside its labels"
    if "catalog" in summary:
        return scene[scene["event"].isin(summary["catalog"]["unconfirmed_events"])], "events without a flare"
    return scene, "events of this reel, true ones included: nothing is labelled"


def training(run: Path) -> dict | None:
    """Losses by epoch, None for what was fitted without."""
    if (table := read_metrics(run)) is None:
        return None
    return {"epoch": table["epoch"].tolist(), **{n: rounded(table[n].to_numpy()) for n in ("train_loss", "val_loss")}}


def tiles(summary: dict, is_series: bool) -> list[dict]:
    """The few numbers to read first: name, value, and what it means. Of a task that is no search, its errors first."""
    high, camera = summary["events_high"], summary["events_instrument"]
    camera_too = "" if is_series else f"; {camera} more are taken for the camera's"
    unit = "samples" if is_series else "frames"
    shown = [
        *(_tile(*row) for row in _task_tiles(summary)),
        _tile("events", summary["events"], f"{high} of them high{camera_too}"),
        _tile(f"{unit} scored", summary["frames_scored"], f"{summary['frames_not_scored']} lie in too short stretches"),
        _tile("thresholds", f"{summary['threshold_low']:.3g} / {summary['threshold_high']:.3g}", "low / high score"),
    ]
    if "doubt" in summary:
        shown.append(_tile("like the quiet data", "no", summary["doubt"]))
    shown += [_tile(*row) for row in _catalogue_tiles(summary.get("catalog"))]
    meanings = {
        "frame_auc": (f"{unit.removesuffix('s')} AUC", f"raw: one ROC over all {unit}"),
        "average_precision": ("average precision", f"over {unit}"),
        "event_recall": ("event recall", "labelled intervals that an event overlaps"),
        "event_precision": ("event precision", "events that overlap a labelled interval"),
        "event_median_delay_s": ("median delay, s", "from the labelled start"),
    }
    known = {key: value for key, value in summary.get("metrics", {}).items() if value is not None}
    return shown + [_tile(name, known[key], about) for key, (name, about) in meanings.items() if key in known]


def _task_tiles(summary: dict) -> list[tuple[str, object, str]]:
    """Of forecasts and of filled values: the errors beside naive ones, and of which samples they are."""
    rows: list[tuple[str, object, str]] = []
    if found := summary.get("forecast"):
        rows += [_error_tile("forecast error", found["errors"], "training spreads", found)]
    if found := summary.get("imputation"):
        rows += [("values filled", found["filled"], "that nobody has measured")]
        rows += [
            _error_tile(f"error, {float(rate):.0%} hidden", errors, "scaled units", found)
            for rate, errors in found["errors"].items()
        ]
    return rows


def _error_tile(name: str, errors: dict, unit: str, found: dict) -> tuple[str, object, str]:
    others = ", ".join(f"{other} {error['mae']:.3g}" for other, error in errors.items() if other != "model")
    about = f"mean absolute, in {unit}; {others}; of {found['windows_judged']} windows of {found['errors_of']}"
    return name, errors["model"]["mae"], about


def _catalogue_tiles(catalog: dict | None) -> list[tuple[str, object, str]]:
    if catalog is None:
        return []
    found = f"{catalog['found']} / {catalog['observed']}"
    unconfirmed = f"{catalog['events_unconfirmed_per_day']:.3g} a day"
    return [
        ("flares found", found, f"of the catalogue; {catalog['flares_without_frame']} of these have no frame at all"),
        ("unconfirmed events", catalog["events_unconfirmed"], f"{unconfirmed}; a catalogue is incomplete"),
    ]


def _tile(name: str, value: object, about: str) -> dict:
    return {"name": name, "value": f"{value:.3g}" if isinstance(value, float) else str(value), "about": about}


def run_facts(job: Job, summary: dict) -> list[list[str]]:
    """What was run, as pairs of name and value."""
    about = read_run(job.run)
    trained_on = ", ".join(r["name"] for r in about["reels"]) or "synthetic series"
    model, reel = load(job.run / "config.yaml").model, job.reel
    times = [f"{t:.2f} s" for t in reel.times_s[[0, -1]]]
    if reel.times_utc is not None:
        times = [f"{str(t)[:19].replace('T', ' ')} UTC" for t in reel.times_utc[[0, -1]]]
    frames = ("frames", f"{len(reel)} of {reel.shape[2]} x {reel.shape[3]}, channels {', '.join(reel.channels)}")
    if reel.is_series:
        frames = "samples", f"{len(reel)} of {amount(len(reel.channels), 'variable')}: {', '.join(reel.channels)}"
    facts = {
        "reel": f"{reel.name}, identity {reel.meta['identity'][:12]}",
        frames[0]: frames[1],
        "time": f"{times[0]} to {times[1]}, cadence {reel.cadence_s:g} s",
        "model": f"{model.name}, {about['parameters']:,} parameters, weights {job.identity['weights_sha256'][:12]}",
        "trained": f"{about['started_utc']}, seed {about['seed']}, on {trained_on}",
        "windows": f"{about['windows']['train']} to train, {about['windows']['val']} to validate",
        "program": f"commit {about['git_commit'] or 'unknown'}",
        "versions": ", ".join(f"{name} {number}" for name, number in summary["versions"].items()),
        "evaluated": f"in {summary['seconds']:.1f} s, {summary['frames_per_s']} {frames[0]}/s",
    }
    return [[name, value] for name, value in facts.items()]
