"""Size and speed of the report of a long reel, in Chromium.

    python tests/benchmarks/report_page.py [--quick] [--json FILE]

A 30,000-frame reel of 112x112 is evaluated by `main.py -m eval` with so low a threshold that it has thousands of
events. Printed are the report's size beside its limit of 15 MB, what writing it adds to the evaluation, and in
Chromium the time until the page is drawn, the delay from a click on an event to the movie's picture, and the memory.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT)]

from benchmarks.train_eval import calibrated, reel_of, settings, train_speed  # noqa: E402

from tests.support.browser import chromium, open_page, wait_until  # noqa: E402

LIMIT_MB = 15.0


def evaluate(work: Path, reel: Path) -> Path:
    """Results of `main.py -m eval` on a reel, with many false alarms allowed."""
    command = [sys.executable, str(ROOT / "main.py"), "-m", "eval", "-c", str(ROOT / "config.yaml")]
    command += ["--data-clips", str(reel), "--model-path", str(work / "run"), "--set", "eval.false_alarms_per_day=400"]
    subprocess.run(command, capture_output=True, text=True, check=True, cwd=work)
    return work / "run" / "eval" / reel.name


def write_again(results: Path, work: Path, reel: Path) -> float:
    """Seconds that writing the report takes."""
    from config import load
    from data.reel.reel import Reel
    from inference.job import make_job
    from inference.report_page.page import write_report
    from inference.scorers.load import load_scorer

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
        figures = {"report_open_s": time.perf_counter() - begun}
        wait_until(page, "document.getElementById('movie').readyState >= 1")
        begun = time.perf_counter()
        page.locator("#events tbody tr").nth(5).click()
        wait_until(page, "movie && video.currentTime > 0 && !video.seeking")
        figures["report_click_s"] = time.perf_counter() - begun
        figures["report_heap_mb"] = page.evaluate("performance.memory.usedJSHeapSize") / 1e6
    return figures


def measure(work: Path, quick: bool) -> dict[str, float]:
    """All figures, in the order they are printed."""
    frames = 3_000 if quick else 30_000
    reel, short = reel_of(work / "reel", frames), reel_of(work / "short", 1_000)
    train_speed(work, short, 1)
    calibrated(work, settings(work, short, 1))
    results = evaluate(work, reel)
    size_mb = (results / "report.html").stat().st_size / 1e6
    figures = {
        "frames": frames,
        "events": len(pd.read_csv(results / "events.csv")),
        "report_mb": size_mb,
        "report_mb_over_limit": size_mb / LIMIT_MB,
    }
    seconds = json.loads((results / "summary.json").read_text())["seconds"]
    figures["report_write_over_eval"] = write_again(results, work, reel) / seconds
    return figures | browse(results / "report.html")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="3,000 frames")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder), arguments.quick)
    for name, value in figures.items():
        print(f"{name:30s} {value:10.3f}")
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
