"""Chromium for tests of the pages, driven by Playwright; where there is none they are skipped, with the reason."""

import importlib.util
import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
# The rest of what keeps a browser quiet and offline, also --no-sandbox, is among Playwright's own arguments.
ARGUMENTS = ["--disable-gpu", "--disable-sync", "--mute-audio"]


def find_chromium() -> str | None:
    """Path of the browser: $CHROMIUM, else the first of NAMES that is installed."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


def has_browser() -> bool:
    """Whether `chromium` would find a browser and what drives it."""
    return find_chromium() is not None and importlib.util.find_spec("playwright") is not None


@contextmanager
def chromium() -> Iterator:
    """A headless browser (playwright Browser) for the fixture of a test module; skips the tests without one."""
    path = find_chromium()
    if path is None:
        pytest.skip(f"no browser: none of {', '.join(NAMES)} is installed and $CHROMIUM is not set")
    playwright = pytest.importorskip("playwright.sync_api", reason="no browser: pip install playwright")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def open_page(browser, width: int = 1280, height: int = 800, allow: str | None = None, **options) -> Iterator:
    """A page (playwright Page) in a context of its own, as another user's; `options` go to browser.new_context.

    Fails the test at the end when the page logged an error, threw one or asked for something that was refused, but
    for texts in which the regular expression `allow` is found.
    """
    problems: list[str] = []
    context = browser.new_context(viewport={"width": width, "height": height}, **options)
    try:
        page = context.new_page()
        page.set_default_timeout(120_000)
        page.on("console", lambda message: message.type in ("error", "warning") and problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(f"thrown: {error}"))
        yield page
    finally:
        context.close()
    told = [text for text in problems if not (allow and re.search(allow, text))]
    assert not told, f"the page logged {told}"


def wait_until(page, expression: str, timeout_s: float = 120) -> None:
    """Wait until a JavaScript expression is true in the page.

    Playwright's own wait_for_function evaluates text inside the page, which a Content-Security-Policy forbids.
    """
    end_s = time.monotonic() + timeout_s
    while not page.evaluate(expression):
        assert time.monotonic() < end_s, f"after {timeout_s:g} s still not: {expression}"
        page.wait_for_timeout(30)
