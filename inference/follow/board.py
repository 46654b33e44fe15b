"""The health of the streams that are followed, as Prometheus text on this machine's own address."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from data.messages import logger

log = logger(__name__)

LOOPBACK = "127.0.0.1"
PREFIX = "reelwatch"
COUNTERS = {  # of a status; all other numbers are gauges
    "frames_read": "Frames that came",
    "frames_scored": "Frames that were scored",
    "frames_dropped": "Frames that nobody has looked at, because the machine could not keep up",
    "frames_damaged": "Pictures that could not be used",
    "frames_left_out": "Files that were not used",
    "rows_read": "Rows of a series that came",
    "rows_left_out": "Rows of a series that were not used",
    "samples_scored": "Samples of a series that were scored",
    "reconnects": "Times that frames came again from a stream that had broken off",
    "alarms_delivered": "Alarms that were delivered",
    "alarms_lost": "Alarms that were given up or refused",
    "events_opened": "Events that have opened, with those that turned out to be parts of others",
}
GAUGES = {
    "delay_s": ("delay_seconds", "From the arrival of the last scored frame to its score"),
    "frames_per_s": ("frames_per_second", "Frames scored in a second, since it began"),
    "samples_waiting": ("samples_waiting", "Samples of a series that wait for those behind them"),
    "events_open": ("events_open", "Events that are open"),
    "threshold_low": ("threshold_low", "Threshold in force"),
    "threshold_high": ("threshold_high", "Threshold of strong events in force"),
    "alarms_waiting": ("alarms_waiting", "Alarms that are not delivered yet"),
}
Health = Callable[[], dict[str, Any]]


class Board(Collector):
    """Healths by stream, asked when somebody looks."""

    def __init__(self) -> None:
        self.streams: dict[str, Health] = {}

    def show(self, stream: str, health: Health) -> None:
        self.streams[stream] = health

    def collect(self) -> Iterator[Metric]:
        told = {stream: health() for stream, health in list(self.streams.items())}
        for name, about in COUNTERS.items():
            yield filled(CounterMetricFamily(f"{PREFIX}_{name}", about, labels=["stream"]), name, told)
        for name, (shown, about) in GAUGES.items():
            yield filled(GaugeMetricFamily(f"{PREFIX}_{shown}", about, labels=["stream"]), name, told)


def filled(family: Any, name: str, told: dict[str, dict[str, Any]]) -> Metric:
    """A family with the value of every stream that tells it."""
    for stream, facts in told.items():
        if name in facts:
            family.add_metric([stream], facts[name])
    return family


@contextmanager
def shown_on(port: int | None) -> Iterator[Board]:
    """A Board that is served on a port of this machine, or nowhere. Raises OSError where the port is taken."""
    board = Board()
    if port is None:
        yield board
        return
    registry = CollectorRegistry()
    registry.register(board)
    server, thread = start_http_server(port, LOOPBACK, registry)
    log.info(f"health of the streams: http://{LOOPBACK}:{server.server_port}/metrics")
    try:
        yield board
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
