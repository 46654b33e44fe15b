"""Every campaign runs shortened: it counts runs, and none of what ought not to be."""

import pytest

from tests.support.paths import ROOT
from tests.support.runner import Runner

FOLDER = ROOT / "tests" / "campaigns"
CAMPAIGNS = sorted(path.stem for path in FOLDER.glob("*.py"))
KEYS = {"runs", "lost", "mixed", "tracebacks", "silent", "peak_mb"}


@pytest.fixture(scope="module")
def runner(tmp_path_factory):
    made = Runner(FOLDER, tmp_path_factory.mktemp("campaigns"))
    yield made
    made.end()


@pytest.mark.parametrize("name", CAMPAIGNS)
def test_a_quick_campaign_finds_nothing(name, runner):
    counts = runner.figures(name)
    assert set(counts) == KEYS
    assert counts["runs"] > 0
    assert {kind: counts[kind] for kind in ("lost", "mixed", "tracebacks", "silent")} == dict.fromkeys(
        ("lost", "mixed", "tracebacks", "silent"), 0
    )


def test_every_campaign_is_in_the_readme():
    told = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert [name for name in CAMPAIGNS if f"`{name}.py`" not in told] == []
