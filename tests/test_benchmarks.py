"""Every benchmark runs at its smallest size, on data it makes itself, and writes the figures that it says it writes."""

import ast
import importlib.util
import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.browser import has_browser
from tests.support.paths import ROOT

FOLDER = ROOT / "tests" / "benchmarks"
ENTRY_POINTS = (
    "calibrate", "decision_picture", "ped2", "planted", "prep", "promises", "report_page", "review_page", "rocket",
    "series", "synthetic_pictures", "train_eval", "vus", "weak", "weak_demo", "zero_shot",
)  # fmt: skip
NEEDS = {"rocket": "aeon"}  # a package that goes with an environment of its own


def documented_keys(name: str) -> dict[str, bool]:
    """Regular expression of each key in the docstring -> whether every run has it; the others are in brackets there."""
    text = ast.get_docstring(ast.parse((FOLDER / f"{name}.py").read_text(encoding="utf-8")))
    listed = re.sub(r"\([^)]*\)", "", text.split("--json keys:")[1].split("\n\n")[0])
    keys = re.findall(r"\[?[\w<>]+\]?", listed)
    return {re.sub(r"<\w+>", r"[\\w.]+", key.strip("[]")): not key.startswith("[") for key in keys}


class Runner:
    """Runs benchmarks with `--quick`, each once, in processes of their own; see tests/support/preloaded.py."""

    def __init__(self, folder: Path):
        self.folder, self.known = folder, {}
        environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "TMPDIR": str(folder)}
        command = [sys.executable, str(ROOT / "tests" / "support" / "preloaded.py")]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen(command, cwd=folder, env=environment, **pipes)

    def figures(self, name: str) -> dict:
        """What it writes; fails with what it said last."""
        if name in NEEDS and importlib.util.find_spec(NEEDS[name]) is None:
            pytest.skip(f"{NEEDS[name]} is not installed")
        if name not in self.known:
            written, said = self.folder / f"{name}.json", self.folder / f"{name}.txt"
            asked = [str(FOLDER / f"{name}.py"), ["--quick", "--json", str(written)], str(said)]
            self.process.stdin.write(json.dumps(asked) + "\n")
            self.process.stdin.flush()
            status = self.process.stdout.readline().strip()
            assert status == "0", f"exit status {status}: {said.read_text(encoding='utf-8')[-3000:]}"
            self.known[name] = json.loads(written.read_text(encoding="utf-8"))
        return self.known[name]


@pytest.fixture(scope="module")
def runner(tmp_path_factory):
    made = Runner(tmp_path_factory.mktemp("benchmarks"))
    yield made
    made.process.communicate()


def test_every_entry_point_is_in_the_list_and_in_the_readme():
    found = sorted(path.stem for path in FOLDER.glob("*.py"))
    assert found == list(ENTRY_POINTS), "what is no entry point goes to tests/benchmarks/parts"
    told = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert [name for name in found if f"`{name}.py`" not in told] == []


@pytest.mark.parametrize("name", ENTRY_POINTS)
def test_a_quick_run_writes_the_documented_figures(name, runner):
    figures, keys = runner.figures(name), documented_keys(name)
    missing = [key for key, always in keys.items() if always and not any(re.fullmatch(key, k) for k in figures)]
    unknown = [key for key in figures if not any(re.fullmatch(known, key) for known in keys)]
    assert (missing, unknown) == ([], [])
    assert {k: v for k, v in figures.items() if not math.isfinite(v)} == {}


def test_the_report_is_measured_in_a_browser(runner):
    if not has_browser():
        pytest.skip("no browser: Chromium or Playwright is not installed")
    figures = runner.figures("report_page")
    assert figures["report_open_s"] > 0
    assert figures["report_heap_over_file"] > 0


def test_the_review_page_says_whether_a_browser_opened_it(runner):
    assert runner.figures("review_page")["in_browser"] == has_browser()
