"""Every benchmark runs at its smallest size, on data it makes itself, and writes the figures that it says it writes.
Every campaign runs shortened: it counts runs, and none of what ought not to be. Both here, as what they are forked from
takes ten seconds to load.
"""

import ast
import importlib.util
import math
import re

import pytest

from tests.support.browser import has_browser
from tests.support.paths import ROOT
from tests.support.runner import Runner

FOLDER, CAMPAIGNS_FOLDER = ROOT / "tests" / "benchmarks", ROOT / "tests" / "campaigns"
ENTRY_POINTS = (
    "behaviour", "calibrate", "decision_picture", "disk", "eval_speed", "export", "first_tables", "fleet",
    "follow_series", "known_motion", "ped2", "perturbed", "planted", "prep", "promises", "report_page",
    "review_page", "rocket", "safety", "scale", "scale_model", "series", "series_scale", "short_quiet",
    "situations", "streams", "sun", "sun_fast", "sun_grouping", "sun_injected", "sun_kinds", "sun_sizes",
    "sun_turning", "synthetic_pictures", "train_eval", "video_picture", "video_tails", "vus",
    "weak", "weak_demo", "zero_shot",
)  # fmt: skip
PAINTERS = (  # the others are about figures
    "decision_picture", "report_page", "review_page", "synthetic_pictures", "video_picture",
)  # fmt: skip
CAMPAIGNS = sorted(path.stem for path in CAMPAIGNS_FOLDER.glob("*.py"))
COUNTS, NONE = {"runs", "lost", "mixed", "tracebacks", "silent", "peak_mb"}, ("lost", "mixed", "tracebacks", "silent")
NEEDS = {"rocket": "aeon"}  # a package that goes with an environment of its own


def documented_keys(name: str) -> dict[str, bool]:
    """Regular expression of each key in the docstring -> whether every run has it; the others are in brackets there."""
    text = ast.get_docstring(ast.parse((FOLDER / f"{name}.py").read_text(encoding="utf-8")))
    listed = re.sub(r"\([^)]*\)", "", text.split("--json keys:")[1].split("\n\n")[0])
    keys = re.findall(r"\[?[\w<>]+\]?", listed)
    return {re.sub(r"<\w+>", r"[\\w.]+", key.strip("[]")): not key.startswith("[") for key in keys}


@pytest.fixture(scope="module")
def runner(tmp_path_factory):
    made = Runner(tmp_path_factory.mktemp("quick"))
    yield made
    made.end()


def test_every_entry_point_is_in_the_list_and_in_the_readme():
    found = sorted(path.stem for path in FOLDER.glob("*.py"))
    assert found == list(ENTRY_POINTS), "what is no entry point goes to tests/benchmarks/parts"
    told = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert [name for name in found if f"`{name}.py`" not in told] == []


@pytest.mark.parametrize("name", ENTRY_POINTS)
def test_a_quick_run_writes_the_documented_figures(name, runner):
    if name in NEEDS and importlib.util.find_spec(NEEDS[name]) is None:
        pytest.skip(f"{NEEDS[name]} is not installed")
    figures, keys = runner.figures(FOLDER / f"{name}.py", name in PAINTERS), documented_keys(name)
    missing = [key for key, always in keys.items() if always and not any(re.fullmatch(key, k) for k in figures)]
    unknown = [key for key in figures if not any(re.fullmatch(known, key) for known in keys)]
    assert (missing, unknown) == ([], [])
    assert {k: v for k, v in figures.items() if not math.isfinite(v)} == {}


def test_the_report_is_measured_in_a_browser(runner):
    if not has_browser():
        pytest.skip("no browser: Chromium or Playwright is not installed")
    figures = runner.figures(FOLDER / "report_page.py")
    assert figures["report_open_s"] > 0
    assert figures["report_heap_over_file"] > 0


def test_the_review_page_says_whether_a_browser_opened_it(runner):
    assert runner.figures(FOLDER / "review_page.py")["in_browser"] == has_browser()


@pytest.mark.parametrize("name", CAMPAIGNS)
def test_a_quick_campaign_finds_nothing(name, runner):
    counts = runner.figures(CAMPAIGNS_FOLDER / f"{name}.py")
    assert set(counts) == COUNTS
    assert counts["runs"] > 0
    assert {kind: counts[kind] for kind in NONE} == dict.fromkeys(NONE, 0)


def test_every_campaign_is_in_the_readme():
    told = (CAMPAIGNS_FOLDER / "README.md").read_text(encoding="utf-8")
    assert [name for name in CAMPAIGNS if f"`{name}.py`" not in told] == []
