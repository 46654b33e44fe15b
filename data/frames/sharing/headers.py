"""Headers that shards read together: what one of them has read is there for the others, and for their joining.

Every shard has to know all headers. Read by each, those of a year of frames would be read as often as there are
shards. Here the candidates of some inputs are one file, whose name stands for those inputs as they are now; shards
begin at different inputs, so that those which run at one time read different ones.
"""

import json
import math
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from fractions import Fraction
from pathlib import Path
from typing import Any

from config import PrepConfig
from data.disk.damage import Damaged, read_json
from data.disk.files import write_json
from data.sky.wcs import FrameWcs
from data.sources.archive_file.inner import is_inner
from data.sources.base import Candidate, Input, sha256

FIELDS = [field.name for kind in (Candidate, FrameWcs) for field in fields(kind)]  # as this program has them
DEFAULTS = {field.name: field.default for field in fields(Candidate)}  # MISSING equals no value


@dataclass(frozen=True)
class SharedHeaders:
    """A folder of headers, and where among all inputs its reader begins, as a share of them."""

    folder: Path
    begins: Fraction = Fraction(0)

    def in_turn(self, count: int) -> Iterator[int]:
        """The numbers of so many chunks of inputs, from where this reader begins on."""
        first = math.floor(self.begins * count)
        yield from range(first, count)
        yield from range(first)

    def read(self, inputs: Sequence[Input], root: Path, prep: PrepConfig) -> list[Candidate] | None:
        """The candidates of inputs, where they have been read as they are now."""
        try:
            kept = read_json(self._place(inputs, root, prep), "")["candidates"]
        except (OSError, Damaged):  # of another shard whose machine went down: they are read again
            return None
        return [_candidate(values) for values in kept]

    def keep(self, inputs: Sequence[Input], root: Path, prep: PrepConfig, candidates: Sequence[Candidate]) -> None:
        """Have the candidates of inputs for others, where JSON can hold them; else each shard reads these by itself.

        What had no header that could be read, for whatever lasts a moment too, is read again by each.
        """
        if not all(type(candidate) is Candidate for candidate in candidates):
            return  # of a source that has a kind of its own
        if any(candidate.reason and not any(candidate.shape) and not is_inner(candidate) for candidate in candidates):
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        with suppress(ValueError):  # a number that is none, where there is one by default
            write_json(self._place(inputs, root, prep), {"candidates": [_values(c) for c in candidates]})

    def _place(self, inputs: Sequence[Input], root: Path, prep: PrepConfig) -> Path:
        """A file named by all that candidates depend on and hold. Raises OSError for an input that is gone."""
        told: list = [FIELDS, str(root), asdict(prep)]
        told += [[item.source.name, str(item.path), _states(item)] for item in inputs]
        return self.folder / f"{sha256(json.dumps(told, default=str).encode())}.json"


def _states(item: Input) -> list[tuple[str, int, int]]:
    """What tells that a file has changed, of all files that an input is read from, and whose names matter to it."""
    paths = {*item.files, *item.among, *item.source.sidecars(item.path)}
    return [(str(path), (at := path.stat()).st_size, at.st_mtime_ns) for path in sorted(paths)]


def _values(candidate: Candidate) -> dict[str, Any]:
    """What is not as it is by default, so that there is no NaN among it."""
    values = {name: value for name, value in vars(candidate).items() if _unlike(value, DEFAULTS[name])}
    return values | ({"wcs": asdict(candidate.wcs)} if candidate.wcs else {})


def _unlike(value: Any, default: Any) -> bool:
    return value != default and not (value != value and default != default)  # two NaN are alike


def _candidate(values: dict[str, Any]) -> Candidate:
    found = {"shape": (0, 0), "aside": (), "wcs": None} | values
    shape, aside = tuple(found["shape"]), tuple(tuple(pair) for pair in found["aside"])
    wcs = FrameWcs(**found["wcs"]) if found["wcs"] else None
    return Candidate(**found | {"shape": shape, "aside": aside, "wcs": wcs})
