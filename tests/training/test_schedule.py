"""The learning rate as a function of the step."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.schedule import lr_at


@st.composite
def schedules(draw):
    total = draw(st.integers(2, 2000))
    warmup = draw(st.integers(0, total - 1))
    lr = draw(st.floats(1e-6, 1.0))
    eta_min = draw(st.floats(0, 1)) * lr
    return {"total_steps": total, "warmup_steps": warmup, "lr": lr, "eta_min": eta_min}


@given(schedules())
def test_ends_exactly_at_eta_min(schedule):
    assert lr_at(schedule["total_steps"] - 1, **schedule) == schedule["eta_min"]


@given(schedules())
def test_warm_up_rises_evenly_from_near_zero_to_lr(schedule):
    warmup, lr = schedule["warmup_steps"], schedule["lr"]
    rates = [0.0, *(lr_at(step, **schedule) for step in range(warmup))]
    steps = [b - a for a, b in pairwise(rates)]
    assert steps == pytest.approx([lr / max(1, warmup)] * warmup)
    assert warmup == 0 or rates[-1] == lr


@given(schedules())
def test_falls_from_lr_after_the_warm_up(schedule):
    peak = max(schedule["warmup_steps"] - 1, 0)
    rates = [lr_at(step, **schedule) for step in range(peak, schedule["total_steps"])]
    assert rates[0] == pytest.approx(schedule["lr"])
    assert all(a >= b for a, b in pairwise(rates))


@pytest.mark.parametrize("warmup", [0, 1, 5])
def test_is_half_way_down_in_the_middle_of_what_the_warm_up_leaves(warmup):
    peak = max(warmup - 1, 0)
    assert lr_at(peak + 5, total_steps=peak + 11, warmup_steps=warmup, lr=1.0, eta_min=0.2) == pytest.approx(0.6)


def test_a_run_that_is_all_warm_up_ends_at_lr():
    assert [lr_at(step, 4, 4, 1.0, 0.0) for step in range(4)] == [0.25, 0.5, 0.75, 1.0]
