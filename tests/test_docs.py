"""What the pages say holds: the examples of docs/python.md run, every command is one that the program takes, every
setting exists and every link leads to something."""

import numpy as np
import pandas as pd
import pytest

import main
from config import load
from config.faults import known_keys
from tests.support.pages import commands, links, pages, python_blocks, recipes, settings_named, wrong_links
from tests.support.paths import ROOT

FLASH = {50, 51, 52}  # of the frames that the page's first block writes into `watched`


@pytest.fixture(scope="module")
def names(one_thread, tmp_path_factory):
    """The names that the blocks of docs/python.md have left, run in order in an empty folder."""
    page = ROOT / "docs" / "python.md"
    left: dict = {"__name__": "notebook"}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("notebook"))
        for number, block in enumerate(python_blocks(page), start=1):
            exec(compile(block, f"{page.name}, block {number}", "exec"), left)
    return left


def test_the_page_has_the_blocks():
    assert len(python_blocks(ROOT / "docs" / "python.md")) == 5


def test_the_modes_return_where_things_lie(names):
    assert [path.name for path in names["paths"]] == ["quiet", "watched"]
    assert names["results"] == names["run"] / "eval" / "watched"


def test_a_reel_is_what_was_put_in(names):
    reel = names["reel"]
    assert reel.frames.shape == (80, 1, 24, 24)
    assert len(reel.table) == len(names["met"]) == 80


def test_the_tables_name_the_flash(names):
    assert set(names["marked"]["frame"]) == FLASH
    strongest = names["strongest"]
    assert (strongest["frame_start"], strongest["frame_end"]) == (50, 52)
    assert strongest["t_start"] == pd.Timestamp("2024-05-01T00:00:50")


def test_so_do_thresholds_of_ones_own(names):
    assert set(names["mine"].index) == FLASH
    summary = names["summary"]
    assert (names["low"], names["high"]) == pytest.approx((summary["threshold_low"], summary["threshold_high"]))
    assert (names["loud"] <= names["scores"]["max"] * (1 + 1e-5)).all()  # which is written with six digits
    assert np.ptp(names["loud"]) > 0


PAGES_WITH_COMMANDS = [page for page in [*pages(), *recipes()] if commands(page)]


def in_root(page):
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES_WITH_COMMANDS, ids=in_root)
def test_the_program_takes_every_command(page, monkeypatch):
    monkeypatch.setenv("SUNPY", "/where/it/is")  # as the page has its reader set it
    for words in commands(page):
        arguments = main.parser().parse_args(words)
        recipe = arguments.config or "config.yaml"
        path = ROOT / recipe if recipe != "my.yaml" else None  # of the reader's own
        load(path, main.overrides(arguments), arguments.set)


def test_commands_are_found():
    assert sum(len(commands(page)) for page in PAGES_WITH_COMMANDS) > 60
    assert [
        "-m",
        "prep",
        "-c",
        "demo/video.yaml",
        "--data-raw",
        "quiet_clips",
        "--data-clips",
        "reels/quiet",
    ] in commands(ROOT / "docs" / "video.md")


@pytest.fixture(scope="module")
def keys():
    return set(known_keys())


@pytest.mark.parametrize("page", [*pages()[:2], *pages()[3:], *recipes()], ids=in_root)
def test_every_setting_that_is_named_exists(page, keys):
    """But those of the changelog, which were."""
    assert settings_named(page) <= keys


@pytest.mark.parametrize("page", pages(), ids=in_root)
def test_every_link_leads_to_a_file_and_a_heading(page):
    assert links(page)
    assert not wrong_links(page)


def test_a_link_to_nothing_is_found(tmp_path):
    page = tmp_path / "page.md"
    (tmp_path / "picture.png").touch()
    right = "[![a](picture.png)](page.md#a-picture-5) [site](https://example.org/none) `[code](none)`"
    wrong = "[gone](gone.md) [no heading](page.md#b) [none here](#c) [`code`](other.md)"
    page.write_text(f"# A *picture*, 5\n{right}\n{wrong}\n```\n# b\n[in code](none)\n```\n")
    assert wrong_links(page) == ["gone.md", "page.md#b", "#c", "other.md"]
