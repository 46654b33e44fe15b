"""The report page in a real browser: movie, timeline and table move together, and nothing is logged as an error."""

import json
import re

import pytest

from inference.report_page.page import NAME
from tests.conftest import FLASH
from tests.support.browser import chromium, open_page, wait_until


@pytest.fixture(scope="module")
def browser():
    with chromium() as running:
        yield running


@pytest.fixture
def report(browser, evaluated_movie):
    with open_page(browser) as page:
        page.goto((evaluated_movie / NAME).as_uri())
        wait_until(page, "document.getElementById('movie').readyState >= 1")
        yield page


def data_of(page) -> dict:
    return json.loads(page.locator("#data").text_content())


def movie_s(page) -> float:
    wait_until(page, "!document.getElementById('movie').seeking")
    return page.evaluate("document.getElementById('movie').currentTime")


def strongest(page) -> dict:
    return max(data_of(page)["events"], key=lambda e: e["score"])


def test_a_click_on_an_event_moves_the_movie_to_its_peak(report):
    event = strongest(report)
    assert event["frames"][1] in FLASH
    report.locator(f"tr[data-event='{event['event']}'] td").last.click()
    assert movie_s(report) == pytest.approx((event["shown"][1] + 0.5) / 24, abs=0.01)
    assert "2012-07-19 00:2" in report.locator("#moment").inner_text()
    report.get_by_title(re.compile(f"^event {event['event']}: start")).click()
    assert movie_s(report) == pytest.approx((event["shown"][0] + 0.5) / 24, abs=0.01)


def test_a_click_on_the_timeline_moves_the_movie_there(report):
    chart = report.locator("#timeline .u-over")
    box = chart.bounding_box()
    chart.click(position={"x": box["width"] * 0.1, "y": 40})
    line = data_of(report)["timeline"]
    wanted = line["t"][0] + 0.1 * (line["t"][-1] - line["t"][0])
    shown = [(abs(t - wanted), s) for t, s in zip(line["t"], line["shown"], strict=True) if s is not None]
    assert movie_s(report) == pytest.approx((min(shown)[1] + 0.5) / 24, abs=2 / 24)


def test_pointing_at_the_timeline_tells_time_and_score(report):
    box = report.locator("#timeline .u-over").bounding_box()
    report.mouse.move(box["x"] + box["width"] * 0.05, box["y"] + 50)
    wait_until(report, "document.querySelector('#timeline .u-legend').innerText.includes('2012-07-19 00:0')")
    told = float(report.locator("#timeline .u-value").nth(1).inner_text())
    assert min(abs(told / s - 1) for s in data_of(report)["timeline"]["score"] if s) < 1e-3


def test_keys_go_from_event_to_event_in_the_order_of_the_table(report):
    rows = [int(r.get_attribute("data-event")) for r in report.locator("#events tbody tr").all()]
    for expected in rows[:2]:
        report.keyboard.press("n")
        assert report.locator("tr[aria-current=true]").get_attribute("data-event") == str(expected)
    report.keyboard.press("p")
    assert report.locator("tr[aria-current=true]").get_attribute("data-event") == str(rows[0])


def test_the_table_sorts_by_a_column_and_back(report):
    for label, direction in (("start", "ascending"), ("start", "descending"), ("score", "ascending")):
        head = report.locator("#events th", has_text=label)
        head.get_by_role("button").click()
        assert head.get_attribute("aria-sort") == direction
    shown = [int(r.get_attribute("data-event")) for r in report.locator("#events tbody tr").all()]
    score = {e["event"]: e["score"] for e in data_of(report)["events"]}
    assert shown == sorted(shown, key=lambda n: (score[n], n))


def test_a_drag_looks_closer_and_the_button_goes_back(report):
    box = report.locator("#timeline .u-over").bounding_box()
    whole = report.evaluate("charts[0].scales.x.max - charts[0].scales.x.min")
    report.mouse.move(box["x"] + 0.2 * box["width"], box["y"] + 60)
    report.mouse.down()
    report.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 60, steps=4)
    report.mouse.up()
    assert report.evaluate("charts[0].scales.x.max - charts[0].scales.x.min") < 0.2 * whole
    report.get_by_role("button", name="Whole time").click()
    wait_until(report, f"Math.abs(charts[0].scales.x.max - charts[0].scales.x.min - {whole}) < 1")


@pytest.mark.parametrize(("width", "scheme"), [(640, "light"), (1280, "dark")])
def test_it_fits_at_twice_the_size_and_in_the_dark(browser, evaluated_movie, width, scheme):
    with open_page(browser, width=width, height=400, color_scheme=scheme) as page:
        page.goto((evaluated_movie / NAME).as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.locator("#sheet img").first.evaluate("i => i.complete && i.naturalWidth > 0")
        page.keyboard.press("Tab")
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"


def test_a_missing_movie_is_said(browser, evaluated_movie, tmp_path):
    (tmp_path / NAME).write_bytes((evaluated_movie / NAME).read_bytes())
    with open_page(browser, allow="ERR_FILE_NOT_FOUND") as page:
        page.goto((tmp_path / NAME).as_uri())
        page.locator("#movie-missing").wait_for()
        assert "anomaly.mp4 could not be played" in page.locator("#movie-missing").inner_text()


def test_a_series_has_its_signals_instead_of_a_movie(browser, evaluated_series):
    with open_page(browser) as page:
        page.goto((evaluated_series / NAME).as_uri())
        assert page.locator("#panels .uplot").count() == 3
        assert not page.locator("#movie").is_visible()
        page.locator("#events tbody tr").first.click()
        assert page.locator("#moment").text_content().endswith(" s")
        assert page.locator("#sheet .uplot").count() >= 1
