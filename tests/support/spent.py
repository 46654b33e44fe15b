"""What the suite spends: seconds of the processor, by module, at the end of a long run.

Wall times say little where tests share the processor. Of processes that a test starts it counts those that have ended.
"""

import os
from collections import Counter

import pytest

LEAST_S, MOST_MODULES = 300, 25  # a run shorter than that is about something else


class Spent:
    """The processor's time of this process and its ended children, since it was last asked for."""

    def __init__(self) -> None:
        self.before_s = 0.0
        self.since_s()

    def since_s(self) -> float:
        now_s = sum(os.times()[:4])
        spent_s, self.before_s = now_s - self.before_s, now_s
        return spent_s


SPENT = Spent()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    """The part of a test that has just ended, with what its fixtures took; workers send it with their reports."""
    report = yield
    report.user_properties.append(("processor_s", SPENT.since_s()))
    return report


def by_module(reports) -> Counter[str]:
    """Processor's seconds of each module in the reports of tests."""
    found: Counter[str] = Counter()
    for report in reports:
        for name, value in getattr(report, "user_properties", ()):
            if name == "processor_s":
                found[report.nodeid.partition("::")[0]] += value
    return found


def pytest_terminal_summary(terminalreporter):
    found = by_module(report for reports in terminalreporter.stats.values() for report in reports)
    if found.total() < LEAST_S:
        return
    terminalreporter.section(f"{found.total():.0f} s of the processor in {len(found)} modules, most of it in")
    for module, seconds in found.most_common(MOST_MODULES):
        terminalreporter.write_line(f"{seconds:7.1f} s  {module}")
