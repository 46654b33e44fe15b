"""The review page in a real browser: verdicts by keyboard that outlive a killed server, ranges, zoom, focus."""

import re

import numpy as np
import pytest

from tests.support.browser import chromium, open_page, wait_until
from tests.support.reels import drifting_blobs, make_reel
from tests.support.review_server import verdicts_of

KILLED = r"Failed to load resource: net::ERR_"  # refused, empty or cut short: whatever the kill met on its way
STILL = {"reduced_motion": "reduce"}  # the page does not play by itself then: many movies keep a small machine busy


@pytest.fixture(scope="module")
def browser():
    with chromium() as found:
        yield found


def make_sun(folder):
    """A reel of 48 windows in two stretches, some of them outliers."""
    frames = drifting_blobs(200, 24, 24)
    frames[60:64] *= 2
    times_s = np.arange(200) * 12.0 + 3600 * (np.arange(200) >= 100)
    return make_reel(folder / "sun", frames, times_s=times_s, channels=["171"])


@pytest.fixture
def reel(tmp_path):
    return make_sun(tmp_path / "reels")


@pytest.fixture(scope="module")
def server(tmp_path_factory, serve):
    """For tests that do not care which verdicts there are: the reel of `make_sun`, and one of 1593 windows."""
    folder = tmp_path_factory.mktemp("reels")
    make_sun(folder)
    make_reel(folder / "whole_day", drifting_blobs(1600, 8, 8), stride=1)
    with serve(folder) as found:
        yield found


def visit(page, server, sort="time"):
    """Open the page; in time order a window's place in the grid is its number."""
    page.goto(server.address)
    page.wait_for_selector(".cell strong:not(:empty)")
    if sort != "outliers":
        page.select_option("select[name=sort]", sort)
        wait_until(page, "document.querySelector('.cell.current strong')?.textContent === '0'")
    page.focus("#scroller")


def press(page, *keys):
    for key in keys:
        page.keyboard.press(key)


def wait_for_status(page, text):
    wait_until(page, f"document.querySelector('.status').textContent.includes({text!r})")


def wait_for_badges(page, expected):
    """Wait until the first windows of the grid say this of themselves: cells are asked for after the status is said."""
    wait_until(page, f"{expected}.every((text, i) => document.querySelector(`#cell-${{i}} b`)?.textContent === text)")


def test_five_verdicts_by_keyboard_outlive_a_reload_and_a_killed_server(browser, reel, serve):
    expected = ["kept", "kept", "shares frames", "rejected", "rejected"]
    with serve(reel.path.parent) as server, open_page(browser, allow=KILLED, **STILL) as page:
        visit(page, server)
        press(page, "k", "k", "k", "x", "x")  # the next window is selected after each
        wait_for_status(page, "Window 4 rejected")
        wait_for_badges(page, expected)
        visit(page, server)
        wait_for_badges(page, expected)
        server.process.kill()
        server.process.wait()
        press(page, "x")
        wait_for_status(page, "not saved")
        with serve(reel.path.parent) as again:
            visit(page, again)
            wait_for_badges(page, expected)
    assert [v for w, v in sorted(verdicts_of(reel).items()) if w < 5] == ["keep"] * 3 + ["reject"] * 2


def test_range_is_judged_at_once_seen_by_others_and_taken_back(browser, reel, serve):
    with serve(reel.path.parent) as server, open_page(browser, **STILL) as page, open_page(browser, **STILL) as other:
        visit(page, server)
        visit(other, server)
        press(page, "ArrowRight", "Shift+ArrowRight", "Shift+ArrowRight", "k")
        wait_for_status(page, "3 windows kept")
        page.locator("#cell-5").click()
        page.locator("#cell-9").click(modifiers=["Shift"])
        assert "5 selected" in page.locator("#counts").text_content()
        press(page, "x")
        wait_for_status(page, "5 windows rejected")
        wait_for_badges(page, ["", "kept", "kept", "kept"])
        assert {w for w, v in verdicts_of(reel).items() if v == "reject"} >= {5, 6, 7, 8, 9}
        wait_until(other, "document.querySelector('#cell-9 b').textContent === 'rejected'")
        press(page, "u")
        wait_for_status(page, "5 windows taken back")
        press(page, "u")
        wait_for_status(page, "3 windows taken back")
        press(page, "Control+a", "k")
        wait_for_status(page, "48 windows kept")
        assert set(verdicts_of(reel).values()) == {"keep"}


def test_outliers_come_first_with_their_reason_and_filters_narrow(browser, server):
    with open_page(browser, **STILL) as page:
        visit(page, server, "outliers")
        wait_until(page, "document.querySelector('#cell-0 b').textContent === 'rejected'")
        assert "z=" in page.locator("#cell-0 p").text_content()
        page.select_option("select[name=verdict]", "reject")
        wait_until(page, "/of 48 shown/.test(document.querySelector('#counts').textContent)")
        page.click("button[type=reset]")
        wait_until(page, "/^48 windows/.test(document.querySelector('#counts').textContent)")
        box = page.locator("#timeline").bounding_box()
        page.mouse.move(box["x"] + 0.8 * box["width"], box["y"] + 5)
        page.mouse.down()
        page.mouse.move(box["x"] + 0.9 * box["width"], box["y"] + 5)
        page.mouse.up()
        wait_until(page, "/of 48 shown/.test(document.querySelector('#counts').textContent)")
        assert page.input_value("input[name=after]").startswith("2012-07-19T01:")


def test_detail_plays_steps_and_judges(browser, server):
    with open_page(browser) as page:
        visit(page, server)
        press(page, "Enter")
        wait_until(page, "document.querySelector('.this video')?.readyState >= 2")
        title = page.locator("#detail-title").text_content()
        assert re.fullmatch(r"Window 0 · 171 Å · 2012-07-19 00:00:00 to .* UTC", title)
        names = page.locator("#clips figcaption b").all_text_contents()
        assert names == ["this window", "after", "quiet one"]  # nothing lies before the first
        assert page.locator("#histograms figure").count() == 5
        assert "exposure" in page.locator("#exposure").text_content()
        assert page.locator("[data-key=' ']").first.text_content().startswith("Pause")
        wait_until(page, "document.querySelector('.this video').currentTime > 0.2")
        press(page, "Space")
        wait_until(page, """document.querySelector("[data-key=' ']").textContent.startsWith("Play")""")
        page.locator("#scrub").fill("3")
        wait_until(page, "document.querySelector('#moment').textContent.startsWith('2012-07-19 00:00:36 UTC')")
        page.locator("#detail").focus()
        press(page, ".")
        wait_until(page, "document.querySelector('#moment').textContent.startsWith('2012-07-19 00:00:48 UTC')")
        press(page, "x")
        wait_until(page, "document.querySelector('#verdict').textContent === 'rejected'")
        press(page, "n")
        wait_until(page, "document.querySelector('#detail-title').textContent.startsWith('Window 1 ')")
        press(page, "Escape")
        assert page.evaluate("document.activeElement.id") == "scroller"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_at_200_percent_nothing_scrolls_sideways_and_focus_is_seen(browser, server, scheme):
    outline = "getComputedStyle(document.querySelector('{}')).outlineStyle"
    narrow = "(e => e.scrollWidth <= e.clientWidth)(document.querySelector('{}'))"
    with open_page(browser, 640, 400, color_scheme=scheme, **STILL) as page:
        visit(page, server, "outliers")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert page.evaluate(narrow.format("main"))
        assert page.evaluate("document.querySelector('main').clientHeight >= 200")
        assert page.evaluate(outline.format(".cell.current")) == "solid"
        press(page, "ArrowDown", "ArrowDown")
        cell, grid = page.locator(".cell.current").bounding_box(), page.locator("main").bounding_box()
        assert cell["y"] + cell["height"] / 2 < grid["y"] + grid["height"]
        page.focus("#reel")
        press(page, "Tab")
        assert page.evaluate("document.activeElement.textContent").startswith("Keep")
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        page.focus("summary")
        press(page, "Enter")
        page.select_option("select[name=sort]", "time")
        page.focus("#scroller")
        press(page, "Enter")
        page.wait_for_selector("#detail[open] .this .picture")
        assert page.evaluate(narrow.format("#detail"))


def test_everything_in_the_page_has_a_name(browser, server):
    unnamed = """[...document.querySelectorAll('button, input, select, canvas, [role=listbox]')].filter((e) =>
        !e.labels?.length && !e.ariaLabel && !(e.tagName === 'BUTTON' && e.textContent.trim())).map((e) => e.outerHTML)
    """
    with open_page(browser, **STILL) as page:
        visit(page, server)
        assert page.evaluate(unnamed) == []


def test_number_of_elements_stays_bounded_while_scrolling(browser, server):
    with open_page(browser, **STILL) as page:
        visit(page, server)
        page.select_option("#reel", label="whole_day")
        wait_until(page, "document.querySelector('#counts').textContent.startsWith('1593 windows')")
        page.focus("#scroller")
        for _ in range(12):
            page.evaluate("document.querySelector('main').scrollBy(0, 5000)")
            assert page.locator(".cell").count() < 60
        press(page, "End")
        wait_until(page, "document.querySelector('.cell.current strong').textContent === '1592'")
        wait_until(page, "document.querySelector('.cell.current video')?.readyState >= 2")
