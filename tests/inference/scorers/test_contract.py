"""What `Scorer` tells of every scorer as a fact is one in all of them."""

import inspect
from collections.abc import Iterator

import pytest

import inference.scorers.load  # noqa: F401  all kinds of scorers
from inference.methods import METHODS
from inference.scorers.base import Scorer
from inference.tasks.classify import Classifier


def kinds(of: type = Scorer) -> Iterator[type]:
    """The classes of scorers, those of methods among them, which are imported when they are asked for."""
    for kind in of.__subclasses__():
        yield kind
        yield from kinds(kind)


def facts(kind: type) -> dict[str, object]:
    """The class's own values that callers read: no methods, and nothing that needs an object."""
    return {
        name: value
        for name, value in inspect.getmembers_static(kind)
        if not name.startswith("_") and isinstance(value, bool | int | str)
    }


@pytest.mark.parametrize("name", facts(Scorer))
def test_no_scorer_has_something_else_under_its_name(name):
    assert [*METHODS.values()]
    told = {kind.__name__: inspect.getattr_static(kind, name) for kind in kinds()}
    assert len(told) > len(METHODS)
    kind = type(facts(Scorer)[name])
    assert {of: value for of, value in told.items() if not isinstance(value, kind | property)} == {}


def test_windows_of_all_reels_together_are_judged_by_classifiers_alone():
    assert [kind for kind in kinds() if kind.judges_reels_together] == [Classifier]
