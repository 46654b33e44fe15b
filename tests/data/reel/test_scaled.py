"""A model takes the variables of a series by their names and in its own units, however their table was written."""

import pickle
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.reel.reel import Reel
from data.reel.scaled import in_one_order, read_scaled, target_stretches, units_told, with_variables
from data.reel.stretch import Stretch, restretch
from data.units import in_unit, name_and_unit
from tests.support.series_signals import reel_of

NAMES = ["a", "b", "c"]
SAMPLES = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
SCALING = {name: Stretch("affine", float(n), n + 2.0) for n, name in enumerate(NAMES)}


@pytest.fixture
def reel(tmp_path) -> Reel:
    return reel_of(tmp_path / "r", SAMPLES, channels=NAMES, stretch=[SCALING[name] for name in NAMES])


def test_variables_are_taken_by_name(reel):
    picked = with_variables(reel, ["c", "a"])
    for found in (picked, pickle.loads(pickle.dumps(picked)), picked.closed()):
        assert found.channels == ["c", "a"]
        assert found.shape == (20, 2, 1, 1)
        values, _ = read_scaled(found, 3, 9, SCALING)
        np.testing.assert_array_equal(values[:, :, 0, 0], SAMPLES[3:9][:, [2, 0]])
        np.testing.assert_array_equal(found.frames[:], reel.frames[:][:, [2, 0]])
        np.testing.assert_array_equal(found.missing, reel.missing[:, [2, 0]])


def test_a_variable_that_lacks_is_named_and_unlike_names_are_told(reel, caplog):
    with pytest.raises(ValueError, match=r"lacks d of the variables .* and has b, c"):
        with_variables(reel, ["a", "d"])
    assert with_variables(reel, ["x", "y", "z"]) is reel
    assert "none of its variables (a, b, c) has a name" in caplog.text


def test_series_that_train_together_have_one_order(reel):
    other = with_variables(reel, ["b", "c", "a"])
    assert [r.channels for r in in_one_order([other, reel])] == [["b", "c", "a"]] * 2


@given(st.permutations(NAMES), st.integers(0, 3))
def test_a_training_takes_no_variable_for_another_of_the_same_table(order, renamed):
    """Whatever their order: columns that some tables have under another name would stand for others, silently."""
    names = [f"new {name}" if NAMES.index(name) < renamed else name for name in order]
    first, later = (SimpleNamespace(is_series=True, channels=c, name=n) for n, c in (("jan", NAMES), ("aug", names)))
    picked = patch("data.reel.scaled.SomeVariables", lambda reel, columns: [reel.channels[c] for c in columns])
    if 0 < renamed < len(NAMES):
        with pytest.raises(ValueError, match=r"reel aug has new .* where reel jan has .*: one model"):
            in_one_order([first, later])
    elif renamed or list(order) == NAMES:
        assert in_one_order([first, later]) == [first, later]
    else:
        with picked:
            assert in_one_order([first, later])[1] == NAMES


def test_series_that_train_together_have_one_unit(tmp_path):
    scale = {"stretch": [Stretch("affine", 0.0, 10.0)]}
    celsius = reel_of(tmp_path / "jan", SAMPLES[:, :1], channels=["temp [degC]"], **scale)
    fahrenheit = reel_of(tmp_path / "aug", SAMPLES[:, :1] * 1.8, channels=["temp [degF]"], **scale)
    converted = in_one_order([celsius, fahrenheit])[1]
    assert converted.channels == ["temp [degC]"]
    inside = read_scaled(converted, 0, 20, {"temp [degC]": celsius.stretches[0]})[0][:, 0, 0, 0]
    np.testing.assert_allclose(inside, (18 * SAMPLES[:, 0] - 32) / 18, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        *(("temp [degC]", ("temp", "degC")), ("mem (MiB)", ("mem", "MiB")), ("Temp, °C", ("Temp", "°C"))),
        *(("T / K", ("T", "K")), ("rate (x)", ("rate (x)", "")), ("a, b", ("a, b", "")), ("temp", ("temp", ""))),
        *(
            ("[V]", ("[V]", "")),
            ("x (k)", ("x (k)", "")),
            ("rx, B/s", ("rx", "B/s")),
            ("rx B/s", ("rx B/s", "")),
            ("Read (disk) [MB/s]", ("Read (disk)", "MB/s")),
        ),
    ],
)
def test_units_behind_names(name, expected):
    assert name_and_unit(name) == expected


@pytest.mark.parametrize(
    ("own", "unit", "trained", "kept", "factor", "offset"),
    [
        ("t [degF]", "", "t [degC]", "", 5 / 9, -160 / 9),
        ("t", "°F", "t [degC]", "", 5 / 9, -160 / 9),
        ("t [degF]", "", "t", "°C", 5 / 9, -160 / 9),
        ("t (GiB)", "", "t, MiB", "MiB", 1024.0, 0.0),
        ("t [degC]", "K", "t [degC]", "", 1.0, -273.15),
    ],
)
def test_a_unit_in_the_name_is_one_as_good_as_in_cells(tmp_path, own, unit, trained, kept, factor, offset):
    """What the model gets are the values in its own unit, whatever unit the table's names, cells or rows tell."""
    facts = {"channels": ["b", own], "stretch": [SCALING["b"], Stretch("affine", 10.0, 90.0, unit)]}
    reel, scaling = reel_of(tmp_path / "r", SAMPLES[:, :2], **facts), Stretch("affine", 5.0, 25.0, kept)
    known = {"b": SCALING["b"], trained: scaling}
    picked = with_variables(reel, [trained, "b"])
    values, _ = read_scaled(picked, 0, 20, known)
    written = 10.0 + 80.0 * SAMPLES[:, 1].astype(np.float64)
    expected = (factor * written + offset - 5.0) / 20.0
    # One rounding to float32 of what is stored, scaled and shifted.
    bound = 4 * np.finfo(np.float32).eps * (np.abs(SAMPLES[:, 1]).max() * 80 * factor + abs(offset) + 300) / 20
    np.testing.assert_allclose(values[:, 0, 0, 0], expected, rtol=0, atol=bound)
    assert picked.channels == [trained, "b"]
    units_told(picked, known)


def test_units_behind_names_that_have_nothing_in_common_are_refused(tmp_path):
    reel = reel_of(tmp_path / "r", SAMPLES[:, :1], channels=["u (V)"], stretch=[SCALING["a"]])
    with pytest.raises(ValueError, match=r"u \(V\) is in V, and was in W"):
        with_variables(reel, ["u (W)"])
    assert with_variables(reel, ["u [V]"]).channels == ["u [V]"]


def one_variable(stretch: Stretch) -> Any:
    return SimpleNamespace(name="r", channels=["v"], stretches=[stretch])


PAIRS = [("GiB", "MiB", 1.0, 1024.0), ("ms", "s", 250.0, 0.25), ("°F", "°C", 212.0, 100.0), ("K", "degC", 300.0, 26.85)]
PAIRS += [("Fahrenheit", "K", 32.0, 273.15), ("F", "C", -40.0, -40.0), ("kW", "W", 1.5, 1500.0), ("°C", "C", 7.0, 7.0)]


@pytest.mark.parametrize(("old", "new", "number", "expected"), PAIRS)
def test_what_a_number_is_in_another_unit(old, new, number, expected):
    a, b = in_unit(old, new) or (np.nan, np.nan)
    assert a * number + b == pytest.approx(expected, rel=1e-12)
    c, d = in_unit(new, old) or (np.nan, np.nan)
    assert c * expected + d == pytest.approx(number, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize(("old", "new"), [("V", "°C"), ("B", "s"), ("", "MiB"), ("mbar", "hPa"), ("c", "k")])
def test_units_that_have_nothing_in_common(old, new):
    assert in_unit(old, new) is None


@given(st.sampled_from(PAIRS), st.floats(-100, 100), st.floats(0.1, 100))
def test_scores_depend_on_no_unit(pair, x0, width):
    """The same measurements written in two units are the same values to a model."""
    old, new, *_ = pair
    a, b = in_unit(old, new) or (np.nan, np.nan)
    trained = Stretch("affine", x0, x0 + width, new)
    written = Stretch("affine", (x0 - b) / a, (x0 + 2 * width - b) / a, old)
    values = np.linspace(x0 - width, x0 + 3 * width, 7)
    stored = written.forward((values - b) / a).reshape(-1, 1, 1, 1)
    of_reel = one_variable(written)
    found = restretch(stored, [written], target_stretches(of_reel, {"v": trained}))
    # Two conversions of numbers as large as the largest offset, in units of the width that they are divided by.
    scale = max(map(abs, (*values, b, *(values - b) / a * a))) / width
    np.testing.assert_allclose(found[:, 0, 0, 0], trained.forward(values), atol=32 * np.finfo(float).eps * (scale + 4))
    assert units_told(of_reel, {"v": trained})[0].startswith(f"v: {old}, converted to {new}")


def test_units_that_can_t_be_brought_together_are_refused():
    of_reel = one_variable(Stretch("affine", 0, 1, "V"))
    with pytest.raises(ValueError, match=r"v is in V, and was in °C where the model was trained"):
        target_stretches(of_reel, {"v": Stretch("affine", 0, 1, "°C")})
    told = units_told(of_reel, {"v": Stretch("affine", 0, 1)})
    assert told == ["v: V in its cells, no unit in those of the training, taken as the same"]
