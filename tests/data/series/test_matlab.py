"""Series in MATLAB's own files."""

import numpy as np
import pytest
from scipy.io import savemat

from config import PrepConfig
from data import sources
from data.sources.arrays.matlab_arrays import MatlabSource
from data.sources.base import TableError

T, X = np.arange(40) * 0.5, np.random.default_rng(0).normal(size=(40, 2))


def read(path, **given):
    return MatlabSource().read_series(path, PrepConfig(**given))


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("as_row", [False, True])
def test_variables_by_name(tmp_path, packed, as_row):
    path = tmp_path / "m.mat"
    time = T[None] if as_row else T[:, None]
    savemat(path, {"t": time, "x": X, "note": "a text", "few": np.arange(3)}, do_compression=packed)
    assert sources.source_of(path, []) is sources.SOURCES["matlab"]
    (series,) = read(path)
    assert series.channels == ("x_0", "x_1")
    np.testing.assert_array_equal(series.times_s, T)
    np.testing.assert_array_equal(series.values, X)


def test_the_fields_of_each_structure_are_a_series(tmp_path):
    savemat(tmp_path / "m.mat", {"pump": {"t": T[None], "x": X}, "fan": {"t": T[None], "y": X[:, 0][None]}})
    found = {series.name: series for series in read(tmp_path / "m.mat")}
    assert set(found) == {"m_pump", "m_fan"}
    np.testing.assert_array_equal(found["m_fan"].values[:, 0], X[:, 0])


def test_what_is_damaged_or_too_large_or_holds_no_numbers_is_refused(tmp_path):
    savemat(tmp_path / "m.mat", {"x": np.zeros((400, 400))}, do_compression=True)
    with pytest.raises(TableError, match="max_input_mb"):
        read(tmp_path / "m.mat", max_input_mb=1)
    content = (tmp_path / "m.mat").read_bytes()
    (tmp_path / "half.mat").write_bytes(content[: len(content) // 2])
    with pytest.raises(TableError, match="not readable as a file of MATLAB"):
        read(tmp_path / "half.mat")
    savemat(tmp_path / "text.mat", {"note": "a text"})
    with pytest.raises(TableError, match="none of its variables"):
        read(tmp_path / "text.mat")
