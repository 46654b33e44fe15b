"""On how many examples a property is tried: all that its test asks for with `--thorough`, else a third of them."""

from collections.abc import Iterable

import pytest
from hypothesis import is_hypothesis_test, settings

FEW = 10  # of so many or fewer each is dear, or was chosen


def lessen(items: Iterable[pytest.Item]) -> None:
    """Each property once, however many tests have it as theirs."""
    properties = {function for item in items if is_hypothesis_test(function := getattr(item, "function", None))}
    for function in properties:
        asked = function._hypothesis_internal_use_settings  # where Hypothesis's own plugin for pytest puts them, too
        function._hypothesis_internal_use_settings = settings(asked, max_examples=everyday(asked.max_examples))


def everyday(asked: int) -> int:
    """How many of so many examples a run of every day has."""
    return max(min(asked, FEW), asked // 3)
