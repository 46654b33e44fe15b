"""Events are told by the rows of the table, whatever its steps."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import tests.benchmarks.parts.common  # noqa: F401  makes the benchmarks' modules known
from tests.benchmarks.first_tables import START, in_rows
from tests.benchmarks.parts.series_kinds_fast import FAST_KINDS


@pytest.mark.parametrize("step_s", [1e-4, 1e-3, 1.0, 60.0, 86_400.0])
def test_rows_of_events_are_those_of_the_table(step_s):
    """The reel lacks the first row; below a millisecond it knows seconds from the table's first time alone."""
    first, last = np.array([3, 700]), np.array([9, 701])
    seconds = {"time_start_s": first * step_s, "time_end_s": last * step_s}
    clocks = {name: [""] * 2 for name in ("t_start", "t_end")}
    if step_s >= 1e-3:
        seconds = {name: s - step_s for name, s in seconds.items()}
        starts, ends = (START + pd.to_timedelta(rows * step_s, unit="s") for rows in (first, last))
        clocks = {"t_start": starts.astype(str), "t_end": ends.astype(str)}
    events = pd.DataFrame({"frame_start": first - 1, "frame_end": last - 1} | seconds | clocks)
    kind = replace(FAST_KINDS["rotor"], step_s=step_s)
    found = in_rows(events, kind)
    assert found["frame_start"].tolist() == first.tolist()
    assert found["frame_end"].tolist() == last.tolist()
