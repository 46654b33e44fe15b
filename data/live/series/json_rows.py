"""Lines of JSON objects -> rows."""

import json
from collections.abc import Hashable, Iterator
from typing import Any

import numpy as np
import pandas as pd

from data.live.series.row_form import HEAD_ROWS, RowForm, Rows, head_before, in_halves, listed
from data.sources.base import TableError


class JsonRows:
    """Lines of JSON objects, by the names of variables; what a line does not hold is missing."""

    def __init__(self, form: RowForm):
        self.form, self.head, self.number = form, [], 0

    def read(self, lines: list[str]) -> Rows:
        """Rows of further lines. Raises TableError where none of the first ones holds any of the variables."""
        filled = [line for line in lines if line.strip()]
        where = [f"line {self.number + 1 + i}" for i in range(len(filled))]
        self.number += len(filled)
        found = [object_of(line) for line in filled]
        self._keep_head([one for one in found if isinstance(one, dict)])
        return self.form.joined([*self._parts(found, where)])

    def _parts(self, found: list[dict | str], where: list[str]) -> list[Rows]:
        """Objects that follow each other are read together; a text is the reason why a line is none."""
        parts, begin = [], 0
        for i, one in [*enumerate(found), (len(found), "")]:
            if isinstance(one, dict):
                continue
            parts.append(in_halves(found[begin:i], where[begin:i], self._rows, self.form))
            parts.append(self.form.nothing(where[i : i + 1], one))
            begin = i + 1
        return parts

    def _keep_head(self, found: list[dict]) -> None:
        if len(self.head) >= HEAD_ROWS or not found:
            return
        self.head = [*self.head, *found][:HEAD_ROWS]
        if not any(name in one for one in self.head for name in self.form.channels):
            raise TableError(f"none of {listed(list(self.head[0]))} is one of {', '.join(self.form.channels[:12])}")
        self.form.refuse_devices(pd.DataFrame.from_records(self.head).map(_hashable))

    def _rows(self, found: list[dict], where: list[str]) -> Rows:
        known = [*head_before(self.head, found), *found]
        table = pd.DataFrame.from_records(known)
        lacking = [name for name in self.form.channels if name not in table.columns]
        table = table.assign(**dict.fromkeys(lacking, np.nan))
        self.form = self.form.knowing(table)
        return self.form.rows(table, where, int(where[-1].split()[-1]))


def _hashable(cell: Any) -> Any:
    return cell if isinstance(cell, Hashable) else str(cell)


def object_of(line: str) -> dict[str, Any] | str:
    """The JSON object in a line, or why there is none."""
    try:
        found = json.loads(line)
        return dict(_flat(found, "")) if isinstance(found, dict) else "no JSON object"
    except (ValueError, RecursionError) as error:
        return f"no JSON: {str(error).splitlines()[0]}"


def _flat(found: dict[str, Any], above: str) -> Iterator[tuple[str, Any]]:
    """Values of objects in objects by the names that prep gives them: data.temp."""
    for name, value in found.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value
