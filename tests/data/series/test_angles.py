"""Variables that go round, of which prep warns."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.series.angles import angles
from tests.data.series.test_tables import TIMES, WAVE, only, table

N = 600
RANDOM = np.random.default_rng(1)
WALK = np.cumsum(RANDOM.normal(0, 12, N))
TURN = 2 * np.pi


@pytest.mark.parametrize(
    ("column", "turn"),
    {
        "a rotor": (7.3 * np.arange(N) % 360, 360),
        "to both sides of north": ((7.3 * np.arange(N) + 180) % 360 - 180, 360),
        "radians": (0.1 * np.arange(N) % TURN, TURN),
        "whole degrees, 360 too": (np.round(7.3 * np.arange(N) % 360), 360),
        "mostly unknown": (np.where(np.arange(N) % 2, np.nan, 7.3 * np.arange(N) % 360), 360),
        "noise in the range of a turn": (RANDOM.uniform(0, 360, N), None),
        "a level that comes and goes": (np.where(np.arange(N) % 100 < 50, 5.0, 355.0), None),
        "a wave of 360 at most": (180 + 180 * np.sin(np.arange(N) / 9), None),
        "goes once through north": ((np.linspace(350, 700, N)) % 360, None),
        "a counter that begins anew at 4096": (40 * np.arange(N) % 4096, None),
        "per cent": (7.3 * np.arange(N) % 100, None),
        "constant": (np.full(N, 180.0), None),
        "unknown": (np.full(N, np.nan), None),
    }.values(),
)
def test_what_goes_round_is_known_from_what_jumps(column, turn):
    found = angles(np.column_stack([column, RANDOM.normal(size=N)]), ("x", "noise"))
    assert found == ({"x": turn} if turn else {})


@given(st.integers(0, 2**32 - 1), st.floats(1, 15), st.sampled_from([360.0, TURN]), st.booleans())
def test_a_heading_that_wanders_through_north_goes_round_and_its_cosine_does_not(seed, degrees, turn, is_both_sides):
    way = np.cumsum(np.random.default_rng(seed).normal(0.5, 1, N)) * degrees / 360 * turn
    way += np.linspace(0, 4 * turn, N)  # so that it passes north often enough
    shown = (way + turn / 2) % turn - turn / 2 if is_both_sides else way % turn
    assert angles(shown[:, None], ("x",)) == {"x": turn}
    assert angles(180 * np.cos(way / turn * TURN)[:, None], ("x",)) == {}


def test_prep_warns_of_it_with_the_way_out(tmp_path, caplog):
    heading = 35.0 * np.arange(len(TIMES)) % 360
    assert len(only(table(tmp_path, {"time": TIMES, "heading": heading, "v": WAVE})).channels) == 2
    assert "heading goes round at 360" in caplog.text
    assert "sine and cosine" in caplog.text
