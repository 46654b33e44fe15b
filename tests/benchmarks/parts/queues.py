"""A discrete-event model of a command that hands tasks out to workers: what waits for what, and for how long.

One process hands tasks out and takes what comes back, one after the other; workers read what a task needs from a common
storage over the link of their machine, and compute. At most two tasks a worker are under way, as in
`data/frames/workers/pool.py`. Queues are first come, first served.
"""

import heapq
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import count

UNDER_WAY = 2  # tasks a worker


@dataclass(frozen=True)
class Site:
    """Where the workers are. Rates in bytes/s: of the storage, and of the link of one machine."""

    workers: int
    per_machine: int
    storage: float = float("inf")
    link: float = float("inf")


@dataclass(frozen=True)
class Work:
    """What one command has to do; seconds are of one task, but for `before_s` and `after_s`, which nobody shares."""

    tasks: int
    hand_s: float  # to hand one out
    take_s: float  # to take what comes back
    compute_s: float  # on a worker whose machine has nothing else to do
    crowding: float = 1.0  # by what that grows on a machine whose workers are all at work
    bytes_read: float = 0.0
    before_s: float = 0.0
    after_s: float = 0.0


@dataclass(frozen=True)
class Outcome:
    """Seconds that the command takes, and the share of them that each is at work."""

    seconds: float
    shares: dict[str, float]

    @property
    def bottleneck(self) -> str:
        return max(self.shares, key=lambda name: self.shares[name])


class _Queue:
    """Some servers alike, before which one waits."""

    def __init__(self, later: Callable[[float, Callable[[], None]], None], servers: int):
        self.later, self.free, self.waiting, self.busy_s = later, servers, deque(), 0.0

    def __call__(self, seconds: float, then: Callable[[], None]) -> None:
        self.waiting.append((seconds, then))
        self._serve()

    def _serve(self) -> None:
        while self.free and self.waiting:
            self.free -= 1
            seconds, then = self.waiting.popleft()
            self.busy_s += seconds
            self.later(seconds, partial(self._done, then))

    def _done(self, then: Callable[[], None]) -> None:
        self.free += 1
        then()
        self._serve()


class _Run:
    """One command on one site."""

    def __init__(self, work: Work, site: Site):
        self.work, self.site = work, site
        self.now, self.events, self.order = 0.0, [], count()
        machines = -(-site.workers // site.per_machine)
        self.client, self.storage = _Queue(self.later, 1), _Queue(self.later, 1)
        self.links = [_Queue(self.later, 1) for _ in range(machines)]
        self.idle, self.ready = deque(range(site.workers)), 0
        self.at_work, self.computed_s = [0] * machines, 0.0
        self.left, self.under_way = work.tasks, 0

    def later(self, seconds: float, do: Callable[[], None]) -> None:
        heapq.heappush(self.events, (self.now + seconds, next(self.order), do))

    def hand_out(self) -> None:
        while self.left and self.under_way < UNDER_WAY * self.site.workers:
            self.left, self.under_way = self.left - 1, self.under_way + 1
            self.client(self.work.hand_s, self.arrive)

    def arrive(self) -> None:
        self.ready += 1
        self.start()

    def start(self) -> None:
        while self.ready and self.idle:
            self.ready -= 1
            worker = self.idle.popleft()
            machine = worker % len(self.links)
            self.at_work[machine] += 1
            link_s = self.work.bytes_read / self.site.link
            read = partial(self.links[machine], link_s, partial(self.compute, worker, machine))
            self.storage(self.work.bytes_read / self.site.storage, read)

    def compute(self, worker: int, machine: int) -> None:
        most = max(min(self.site.per_machine, self.site.workers) - 1, 1)
        crowd = (self.at_work[machine] - 1) / most
        seconds = self.work.compute_s * (1 + (self.work.crowding - 1) * crowd)
        self.computed_s += seconds
        self.later(seconds, partial(self.give_back, worker, machine))

    def give_back(self, worker: int, machine: int) -> None:
        self.at_work[machine] -= 1
        self.idle.append(worker)
        self.client(self.work.take_s, self.take)
        self.start()

    def take(self) -> None:
        self.under_way -= 1
        self.hand_out()

    def outcome(self) -> Outcome:
        self.hand_out()
        while self.events:
            self.now, _, do = heapq.heappop(self.events)
            do()
        alone_s = self.work.before_s + self.work.after_s
        seconds = self.now + alone_s
        busy = {"start and end": alone_s, "handing out": self.client.busy_s, "storage": self.storage.busy_s}
        busy["links"] = max(link.busy_s for link in self.links)
        busy["workers"] = self.computed_s / self.site.workers
        return Outcome(seconds, {name: taken / seconds for name, taken in busy.items()})


def simulated(work: Work, site: Site) -> Outcome:
    """How long a command takes on a site."""
    return _Run(work, site).outcome()
