"""The model of queues beside what can be reckoned without it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.benchmarks.parts.queues import Site, Work, simulated

SECONDS = st.floats(0.001, 2.0)


@given(tasks=st.integers(1, 60), hand_s=SECONDS, take_s=SECONDS, compute_s=SECONDS, workers=st.integers(1, 9))
def test_no_command_is_faster_than_its_busiest_part_nor_slower_than_all_in_turn(
    tasks, hand_s, take_s, compute_s, workers
):
    found = simulated(Work(tasks, hand_s, take_s, compute_s, before_s=1.0, after_s=2.0), Site(workers, 1))
    client, computing = tasks * (hand_s + take_s), tasks * compute_s
    assert found.seconds >= 3 + max(client, computing / workers) - 1e-9
    assert found.seconds <= 3 + client + computing + 1e-9
    assert max(found.shares.values()) <= 1 + 1e-9


def test_one_worker_computes_one_task_after_the_other():
    found = simulated(Work(5, 0.0, 0.0, 2.0), Site(1, 1))
    assert (found.seconds, found.bottleneck) == (10.0, "workers")


def test_neighbours_slow_each_other_down():
    crowded = Work(8, 0.0, 0.0, 1.0, crowding=1.5)
    assert simulated(crowded, Site(1, 2)).seconds == 8.0
    assert simulated(crowded, Site(2, 2)).seconds == pytest.approx(8 / 2 * 1.5, rel=0.15)  # the first starts alone
    assert simulated(crowded, Site(2, 1)).seconds == 4.0


@pytest.mark.parametrize(
    ("work", "site", "bottleneck", "seconds"),
    [
        (Work(100, 0.1, 0.1, 0.01), Site(50, 1), "handing out", 20.0),
        (Work(100, 0.0, 0.0, 0.01, bytes_read=10), Site(50, 1, storage=100.0), "storage", 10.0),
        (Work(100, 0.0, 0.0, 0.01, bytes_read=10), Site(50, 25, link=100.0), "links", 5.0),
        (Work(100, 0.0, 0.0, 0.01, before_s=50.0), Site(50, 1), "start and end", 50.0),
    ],
)
def test_what_all_wait_for_is_named(work, site, bottleneck, seconds):
    found = simulated(work, site)
    assert found.bottleneck == bottleneck
    assert found.seconds == pytest.approx(seconds, rel=0.02)
