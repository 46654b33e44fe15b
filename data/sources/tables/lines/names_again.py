"""Names of columns that come again among the rows, as loggers write them at each start, maybe of other columns."""

import itertools
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from data.sources.times.column import is_text

MOST_COMMENTS = 0.1  # of the rows; where more begin so, it is no comment


def in_first_order(table: pd.DataFrame, names_of: Callable) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """A table whose rows are all in the order of its first names, and what to say of it.

    Rows of names are empty in it. Where other names come, the rows below them are empty too. names_of: gives unlike
    names of cells.
    """
    if not all(is_text(table[name]) or table[name].isna().all() for name in table.columns):
        return table, ()  # numbers alone in a column: no row of names was read with them
    names, told = [str(name) for name in table.columns], []
    may_be = _first_cells(table).isin(names).to_numpy(bool)
    starts = [int(at) for at in np.flatnonzero(may_be) if _are_names(table.iloc[int(at)], names)]
    for at, end in itertools.pairwise([*starts, len(table)]):
        cells = names_of([str(cell) for cell in table.iloc[at].fillna("")])
        order = order_of(cells, names)
        if order is None and at == 0 and sum(cell in names for cell in cells) >= len(names) / 2:
            pass  # units below the names, where there is one
        elif order is None:
            told.append(f"from row {at + 1} on its columns have other names, as {_others(cells, names)}: left out")
            table.iloc[at:end] = None
        elif order != list(range(len(names))):
            told.append(f"from row {at + 1} on its columns are in another order, and put into the first")
            table.iloc[at + 1 : end] = table.iloc[at + 1 : end, order].to_numpy()
        table.iloc[at] = None
    return table, tuple(told)


def without_comments(table: pd.DataFrame, signs: tuple[str, ...]) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """A table whose few rows that begin with a sign of comments are empty, and what to say of it."""
    if not is_text(table.iloc[:, 0]):
        return table, ()
    found = table.iloc[:, 0].astype("string").str.strip().str.startswith(signs).fillna(False).to_numpy(bool)
    if not found.any() or found.sum() > MOST_COMMENTS * len(found):
        return table, ()
    table.loc[found] = None
    return table, (f"{found.sum()} comments among its rows left out",)


def _first_cells(table: pd.DataFrame) -> pd.Series:
    """The first cell of each row, or the second where that is empty, as an index without a name has it."""
    first = table.iloc[:, 0].astype("string").str.strip()
    return first.fillna(table.iloc[:, 1].astype("string").str.strip()) if table.shape[1] > 1 else first


def order_of(cells: Sequence[str], names: Sequence[str]) -> list[int] | None:
    """The place among cells of each of the names; None where they are other ones."""
    return [cells.index(name) for name in names] if sorted(cells) == sorted(names) else None


def _are_names(row: pd.Series, names: list[str]) -> bool:
    """Whether the cells of a row are names, none a number: at least half of them those of the table, or the first that
    of its first column and all unlike, as those of another table below it.
    """
    cells = row.dropna().astype(str).str.strip()
    is_other = len(cells) > 1 and cells.iloc[0] == names[0] and cells.is_unique
    is_known = is_other or cells.isin(names).sum() >= len(names) / 2
    return bool(is_known and pd.to_numeric(cells, errors="coerce").isna().all())


def _others(cells: Sequence[str], names: Sequence[str]) -> str:
    return ", ".join(sorted(set(cells) - set(names))[:3]) or "fewer"
