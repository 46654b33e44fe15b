"""Variables that count up, of which prep warns."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.series.totals import running_totals
from tests.data.series.test_tables import TIMES, WAVE, only, table

N = 400
RANDOM = np.random.default_rng(1)
USED = RANDOM.poisson(3, N)


@pytest.mark.parametrize(
    ("column", "is_total"),
    {
        "meter": (1000 + np.cumsum(USED), True),
        "what is left": (5000 - np.cumsum(USED), True),
        "starts, now and then": (np.cumsum(np.arange(N) % 15 == 0), True),
        "one glitch": (np.where(np.arange(N) == 200, 0, np.cumsum(USED + 1)), False),
        "begins anew": (np.cumsum(USED) % 300, False),
        "began anew once, late": (np.cumsum(USED) - 900 * (np.arange(N) > 350), False),
        "set twice": (np.repeat([1.0, 2.0, 5.0], [200, 150, 50]), False),
        "drifts": (np.arange(N) + RANDOM.normal(0, 5, N), False),
        "constant": (np.full(N, 3.0), False),
        "mostly unknown": (np.where(np.arange(N) % 2, np.nan, np.cumsum(USED + 1)), True),
        "unknown": (np.full(N, np.nan), False),
    }.values(),
)
def test_what_counts_on_is_known_from_what_comes_back(column, is_total):
    found = running_totals(np.column_stack([column, RANDOM.normal(size=N)]), ("x", "noise"))
    assert found == (["x"] if is_total else [])


@given(st.integers(0, 2**32 - 1), st.floats(1e-3, 1e6), st.floats(-1e6, 1e6))
def test_unit_and_begin_do_not_matter(seed, unit, begin):
    used = np.random.default_rng(seed).uniform(0.1, 1, N)
    total, spent = np.cumsum(used)[:, None], used[:, None]
    assert running_totals(begin + unit * total, ("x",)) == ["x"]
    assert running_totals(begin + unit * spent, ("x",)) == []


def test_prep_warns_of_it_with_the_way_out(tmp_path, caplog):
    total = 100 + np.cumsum(1 + np.arange(len(TIMES)) % 3)
    assert len(only(table(tmp_path, {"time": TIMES, "kwh": total, "v": WAVE})).channels) == 2
    assert "kwh counts on all the time" in caplog.text
    assert "steps from row to row" in caplog.text
