"""What the modules of the tasks of series begin with."""

from pathlib import Path

import pytest

from tests.support.series_tasks import measured, worked, write_settings, write_table


@pytest.fixture(scope="module")
def table(tmp_path_factory) -> Path:
    """A prepared table of two variables."""
    folder = tmp_path_factory.mktemp("table")
    write_table(folder / "raw" / "pump.csv", measured())
    write_settings(folder, {})
    return worked(folder, "prep")
