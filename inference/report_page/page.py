"""report.html: what eval found on one reel, as one self-contained page with the movie beside it.

It is drawn from the tables that eval wrote and from the model, which is asked once more for the frames of the strongest
events. Everything is embedded: the page works from a disk, without a network.
"""

import base64
import json
from pathlib import Path

import numpy as np
import pandas as pd

from data.disk.files import write_text
from data.pictures.curves import CHARTS
from data.sky.instruments import instrument_of
from inference.job import Job
from inference.movie.movie import NAME as MOVIE
from inference.report_page.event_rows import event_rows, flare_rows, movie_positions
from inference.report_page.pictures import sheet, thumbnails
from inference.report_page.plots import clock_s, panel, timeline
from inference.report_page.quality import calibration, false_alarms, run_facts, tiles, training
from inference.results.results import labelled_intervals
from inference.results.signals import panels_of

NAME = "report.html"
STATIC = Path(__file__).with_name("static")
STYLES = ("uplot/uPlot.min.css", "report.css")
SCRIPTS = ("uplot/uPlot.iife.min.js", CHARTS, "events.js", "report.js")


def write_report(job: Job) -> None:
    """Write report.html beside the results of a job, which are complete."""
    write_text(job.out / NAME, page(job.reel.name, contents(job)))


def contents(job: Job) -> dict:
    """All that the page shows, as plain JSON-able data. Times are seconds: since 1970 UTC, or of the reel's clock."""
    reel, settings = job.reel, job.settings
    events = read_events(job.out)
    summary = json.loads((job.out / "summary.json").read_text(encoding="utf-8"))
    peaks = pd.read_csv(job.out / "scores.csv", usecols=["max"])["max"].to_numpy(np.float64)
    shown, clock = movie_positions(peaks), clock_s(reel)
    matches = read_matches(job.out)
    return {
        "reel": {"name": reel.name, "is_series": reel.is_series, "is_utc": reel.times_utc is not None}
        | {"instrument": instrument_of(reel.name, reel.meta).title},
        "movie": None if reel.is_series or not settings.movie else {"src": MOVIE, "fps": settings.fps},
        "thresholds": {"low": job.low, "high": job.high},
        "timeline": timeline(clock, peaks, shown, reel.gaps),
        "panels": [panel(p) for p in panels_of(reel, settings.xrs)],
        "labels": [] if reel.labels is None else labelled_intervals(reel.labels, clock).tolist(),
        "flares": flare_rows(matches),
        "total_events": len(events),
        "total_scene": int((events["instrument"] == "").sum()),
        "events": event_rows(events, clock, shown, summary, matches, thumbnails(reel, events)),
        "sheet": sheet(job, events),
        "calibration": calibration(job),
        "false_alarms": false_alarms(job, events, summary, int(np.isfinite(peaks).sum())),
        "training": training(job.run),
        "tiles": tiles(summary, reel.is_series),
        "first": task_pictures(job.out),
        "facts": run_facts(job, summary),
        "config": (job.out / "config.yaml").read_text(encoding="utf-8"),
    }


def task_pictures(out: Path) -> list[dict]:
    """What a task is about, if it is not events: forecasts, and filled values, as pictures."""
    known = {
        "forecasts.png": (
            "Forecasts",
            "some forecasts of samples and what really came; forecast.csv has what comes next",
        ),
        "filled.png": ("Filled values", "the variables with most missing values; filled.csv has all"),
    }
    return [
        {"title": title, "about": about, "picture": data_address((out / name).read_bytes(), "image/png")}
        for name, (title, about) in known.items()
        if (out / name).is_file()
    ]


def data_address(content: bytes, kind: str) -> str:
    """An address that holds the content itself, so that a page is one file. kind: MIME type."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def read_events(out: Path) -> pd.DataFrame:
    """events.csv; unknown numbers are NaN, and an empty reason stays empty."""
    table = pd.read_csv(out / "events.csv", dtype={"instrument": str}, keep_default_na=False, na_values=[""])
    return table.fillna({"instrument": ""})


def read_matches(out: Path) -> pd.DataFrame | None:
    """matches.csv of these results, None when nothing was compared."""
    path = out / "matches.csv"
    return pd.read_csv(path, keep_default_na=False) if path.is_file() else None


def page(title: str, values: dict) -> str:
    """The page with `values` embedded. No text of a reel or an event can end the element that holds it."""
    embedded = json.dumps(values, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
    parts = {
        "styles": "\n".join(f"<style>{read(name)}</style>" for name in STYLES),
        "data": f'<script id="data" type="application/json">{embedded}</script>',
        "scripts": "\n".join(f"<script>{read(name)}</script>" for name in SCRIPTS),
    }
    text = read("report.html")
    for name, part in parts.items():
        text = text.replace(f"<!-- {name} -->", part)
    return text


def read(name: str | Path) -> str:
    """A file of the page's own by its name, or a shared one by its path."""
    return (STATIC / name).read_text(encoding="utf-8")
