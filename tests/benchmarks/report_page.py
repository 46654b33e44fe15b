"""Size and speed of the report of a long reel, in Chromium where there is one.

    python tests/benchmarks/report_page.py [--quick] [--json FILE]

A 30,000-frame reel of 112x112 is evaluated by `main.py -m eval` with so low a threshold that it has thousands of
events. Printed are the report's size beside its limit of 15 MB, what writing it adds to the evaluation, and in
Chromium the time until the page is drawn, beside its limit of 2 s, the delay from a click on an event to the movie's
picture, beside that of opening, and the memory, beside the report's size. In brackets: only with Chromium.

--json keys: frames, events, report_mb, report_mb_over_limit, report_write_over_eval, [report_open_s],
[report_open_over_limit], [report_click_s], [report_click_over_open], [report_heap_mb], [report_heap_over_file].
"""

import json
import tempfile
import time
from pathlib import Path

import pandas as pd
from parts.common import ROOT, parsed, parser, program, write
from parts.long_reel import reel_of, settings, trained

from config import load
from data.reel.reel import Reel
from inference.job import make_job
from inference.report_page.page import write_report
from inference.scorers.load import load_scorer
from tests.support.browser import chromium, has_browser, open_page, wait_until

LIMIT_MB, LIMIT_OPEN_S = 15.0, 2.0


def evaluate(work: Path, reel: Path, quick: bool) -> Path:
    """Results of `main.py -m eval` on a reel, with many false alarms allowed."""
    words = ["-m", "eval", "-c", ROOT / "config.yaml", "--data-clips", reel, "--model-path", work / "run"]
    program(*words, "--set", "eval.false_alarms_per_day=400", own_process=not quick)
    return work / "run" / "eval" / reel.name


def write_again(results: Path, work: Path, reel: Path) -> float:
    """Seconds that writing the report takes."""
    detector, _ = load_scorer(work / "run", "cpu")
    job = make_job(Reel(reel), work / "run", detector, "0" * 64, load(results / "config.yaml").eval)
    begun = time.perf_counter()
    write_report(job)
    return time.perf_counter() - begun


def browse(report: Path) -> dict[str, float]:
    """Opening, a click on an event, and memory in Chromium."""
    with chromium() as browser, open_page(browser) as page:
        begun = time.perf_counter()
        page.goto(report.as_uri())
        page.locator("#plots .uplot").last.wait_for()
        open_s = time.perf_counter() - begun
        wait_until(page, "document.getElementById('movie').readyState >= 1")
        begun = time.perf_counter()
        page.locator("#events tbody tr").nth(5).click()
        wait_until(page, "movie && video.currentTime > 0 && !video.seeking")
        click_s = time.perf_counter() - begun
        heap_mb = page.evaluate("performance.memory.usedJSHeapSize") / 1e6
    return {
        "report_open_s": open_s,
        "report_open_over_limit": open_s / LIMIT_OPEN_S,
        "report_click_s": click_s,
        "report_click_over_open": click_s / open_s,
        "report_heap_mb": heap_mb,
        "report_heap_over_file": heap_mb / (report.stat().st_size / 1e6),
    }


def measure(work: Path, quick: bool) -> dict[str, float]:
    """All figures, in the order they are printed."""
    frames, side, first = (300, 32, 150) if quick else (30_000, 112, 1_000)
    reel, short = reel_of(work / "reel", frames, side), reel_of(work / "short", first, side)
    trained(settings(work, short, 1, quick))
    results = evaluate(work, reel, quick)
    size_mb = (results / "report.html").stat().st_size / 1e6
    figures = {
        "frames": frames,
        "events": len(pd.read_csv(results / "events.csv")),
        "report_mb": size_mb,
        "report_mb_over_limit": size_mb / LIMIT_MB,
    }
    seconds = json.loads((results / "summary.json").read_text())["seconds"]
    figures["report_write_over_eval"] = write_again(results, work, reel) / seconds
    if has_browser():
        return figures | browse(results / "report.html")
    print("no browser: the page's own figures are left out")
    return figures


def main() -> None:
    options = parsed(parser(__doc__, "400 small frames, a narrow model"))
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder), options.quick)
    for name, value in figures.items():
        print(f"{name:30s} {value:10.3f}")
    write(figures, options.json)


if __name__ == "__main__":
    main()
