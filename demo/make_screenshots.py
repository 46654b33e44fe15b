"""docs/*.webp: screenshots of the review page and of the report, from the demo's own results.

    ./demo/run.sh && .venv/bin/python demo/make_screenshots.py demo/work docs

Needs Chromium ($CHROMIUM, or chromium on the PATH) and the package playwright. The reel is judged on a copy.
"""

import argparse
import io
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, ViewportSize, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from data.disk.files import replacing

ROOT = Path(__file__).resolve().parent.parent
SIZE: ViewportSize = {"width": 1280, "height": 860}


@contextmanager
def review_page(reels: Path) -> Iterator[str]:
    """The address of a review page over a copy of the reels."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(reels, Path(folder, "reels"))
        command = [sys.executable, str(ROOT / "main.py"), "-m", "review", "--serve", "--port", "0"]
        command += ["--data-clips", str(Path(folder, "reels"))]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            try:
                assert server.stdout  # a pipe, as asked for
                line = next(text for text in server.stdout if text.startswith("review page: "))
                yield line.split()[2]
            finally:
                server.terminate()


def save(page: Page, path: Path, **options) -> None:
    """What the page shows now as WebP, a tenth of a PNG."""
    image = Image.open(io.BytesIO(page.screenshot(**options)))
    with replacing(path) as part:
        image.save(part, quality=82, method=6)


def show_review(page: Page, address: str, out: Path) -> None:
    """The grid with two verdicts, then the first outlier in detail."""
    page.goto(address)
    page.locator(".cell video, .cell img").first.wait_for()
    page.locator("#scroller").focus()
    for key in ("n", "x", "n", "k", "n"):
        page.keyboard.press(key)
    page.wait_for_timeout(3_000)  # clips are encoded when they are asked for
    save(page, out / "review_grid.webp")
    page.keyboard.press("Enter")
    page.locator("dialog[open] video").first.wait_for()
    page.wait_for_timeout(3_000)
    save(page, out / "review_detail.webp")


def show_report(page: Page, report: Path, out: Path) -> None:
    """The report with its strongest event chosen."""
    page.goto(report.resolve().as_uri())
    page.keyboard.press("n")
    page.wait_for_function("!document.getElementById('movie').seeking")
    page.wait_for_timeout(500)
    save(page, out / "report.webp", full_page=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("work", type=Path, help="the demo's folder of results")
    parser.add_argument("out", type=Path, help="where the pictures go")
    arguments = parser.parse_args()
    browser_path = os.environ.get("CHROMIUM") or shutil.which("chromium")
    (report,) = (arguments.work / "run" / "eval").glob("*/report.html")
    with sync_playwright() as driver, review_page(arguments.work / "reels") as address:
        browser = driver.chromium.launch(executable_path=browser_path, args=["--disable-gpu"])
        page = browser.new_page(viewport=SIZE)
        show_review(page, address, arguments.out)
        show_report(page, report, arguments.out)
        browser.close()


if __name__ == "__main__":
    main()
