"""What the suite spends: seconds of the processor, by module and by test, at the end of a long run.

Wall times say little where tests share the processor. Of processes that a test starts it counts those that have ended.
"""

import os
from collections import Counter

import pytest

LEAST_S, MOST_MODULES, MOST_TESTS = 300, 25, 40  # a run shorter than that is about something else


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


def by_test(reports) -> Counter[str]:
    """Processor's seconds of each test in their reports; the first that asks for a fixture pays for it."""
    found: Counter[str] = Counter()
    for report in reports:
        for name, value in getattr(report, "user_properties", ()):
            if name == "processor_s":
                found[report.nodeid] += value
    return found


def by_module(tests: Counter[str]) -> Counter[str]:
    """The same of each module."""
    found: Counter[str] = Counter()
    for test, seconds in tests.items():
        found[test.partition("::")[0]] += seconds
    return found


def pytest_terminal_summary(terminalreporter):
    tests = by_test(report for reports in terminalreporter.stats.values() for report in reports)
    if tests.total() < LEAST_S:
        return
    modules = by_module(tests)
    terminalreporter.section(f"{tests.total():.0f} s of the processor in {len(modules)} modules, most of it in")
    for name, seconds in [*modules.most_common(MOST_MODULES), *tests.most_common(MOST_TESTS)]:
        terminalreporter.write_line(f"{seconds:7.1f} s  {name}")
