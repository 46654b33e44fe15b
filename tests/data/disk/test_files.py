"""Tables that are written: no cell of them is a formula."""

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from data.disk.files import FORMULA, harmless

CELLS = st.one_of(st.none(), st.floats(), st.integers(), st.text("=+-@\t\r\n1a.", max_size=5))


@given(st.lists(CELLS, max_size=8))
def test_no_cell_that_is_written_begins_as_a_formula_does_and_all_others_stay(cells):
    table = pd.DataFrame({"a": pd.Series(cells, dtype=object)})
    written = harmless(table)["a"].tolist()
    for before, after in zip(cells, written, strict=True):
        is_formula = isinstance(before, str) and FORMULA.match(before)
        assert after == f"'{before}" if is_formula else (after is before or after == before or after != after)
