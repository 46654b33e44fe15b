"""Imports go one way, and a mode of the program loads at its start nothing slow that few of its runs need."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.support.paths import ROOT

ROOMS = {"config": 0, "data": 1, "models": 1, "training": 2, "inference": 3}
# Each takes up to a second or more of the processor to load, and stands inside of what needs it.
SLOW = (
    "sunpy",
    "aiapy",
    "sklearn",
    "scipy.signal",
    "scipy.stats",
    "matplotlib.pyplot",
    "torch.utils.tensorboard",
    "onnx",
)
STARTS = (
    "data.prepare_data",
    "data.review_processed_data",
    "training.train",
    "inference.evaluate",
    "inference.fleet.train",
)
ASKS = "config/registry.py"  # late, each model for the settings that it has


@cache
def file_of(module: str) -> Path | None:
    """The file of a module of the program; None where it is another's."""
    path = ROOT / module.replace(".", "/")
    return next((p for p in (path.with_suffix(".py"), path / "__init__.py") if p.is_file()), None)


def loading(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that loading a module runs, but for those of classes and functions."""
    for statement in body:
        if isinstance(statement, ast.If) and ast.unparse(statement.test) == "TYPE_CHECKING":
            continue
        yield statement
        for part in ("body", "orelse", "handlers", "finalbody"):
            if not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                yield from loading(getattr(statement, part, []))


def named(statements: Iterator[ast.AST]) -> set[str]:
    """Modules that import statements name, with the packages that they lie in."""
    found = set()
    for node in statements:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            inside = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {str(node.module)} | {name for name in inside if file_of(name)}
    return {".".join(name.split(".")[: n + 1]) for name in found for n in range(name.count(".") + 1)}


@cache
def loaded_by(module: str) -> set[str]:
    """What a module of the program imports as it is loaded."""
    path = file_of(module)
    return named(loading(ast.parse(path.read_text(encoding="utf-8")).body)) if path else set()


def chain_to(start: str, wanted: tuple[str, ...]) -> list[str]:
    """Modules from the start to the first that is wanted, each of which loads the next; none: []."""
    ways, waiting = {start: [start]}, [start]
    for module in waiting:
        if module in wanted:
            return ways[module]
        for name in sorted(loaded_by(module) - set(ways)):
            ways[name] = [*ways[module], name]
            waiting.append(name)
    return []


@pytest.mark.parametrize("start", STARTS)
def test_a_start_loads_nothing_slow_that_few_need(start):
    assert "numpy" in chain_to(start, ("numpy",)), "the way of looking finds nothing"
    assert chain_to(start, SLOW) == []


@pytest.mark.parametrize(
    "start", ["data.prepare_data", "data.review_processed_data", "inference.check", "inference.runner.__main__"]
)
def test_what_asks_no_net_starts_without_torch(start):
    assert chain_to(start, ("torch",)) == []
    assert chain_to("training.train", ("torch",)), "the way of looking finds nothing"


@pytest.mark.parametrize("start", ["inference.evaluate", "inference.fleet.members", "inference.report_page.page"])
def test_evaluating_a_reel_loads_no_kind_of_input_and_no_astronomy(start):
    unneeded = ("data.sources.all_kinds", "data.prepare_data", "data.live.live_reel", "data.labels.intervals")
    unneeded += ("astropy", "scipy.optimize", "scipy.sparse.csgraph")
    assert all(chain_to("inference.check", (name,)) for name in unneeded[:2]), "the way of looking finds nothing"
    assert [chain_to(start, (name,)) for name in unneeded] == [[]] * len(unneeded)


def test_a_runner_draws_nothing():
    assert chain_to("inference.evaluate_reel", ("cv2",)), "the way of looking finds nothing"
    assert chain_to("inference.runner.__main__", ("matplotlib",)) == []


def test_imports_go_one_way():
    wrong = []
    for room, height in ROOMS.items():
        for path in (ROOT / room).rglob("*.py"):
            body, own = ast.parse(path.read_text(encoding="utf-8")).body, path.relative_to(ROOT).as_posix()
            statements = loading(body) if own == ASKS else (node for part in body for node in ast.walk(part))
            wrong += [f"{own}: {name}" for name in named(statements) if ROOMS.get(name.split(".")[0], 0) > height]
    assert wrong == []
