"""Workers of a Dask cluster behind the same seam as those of this machine.

The cluster is the user's: an address or a scheduler file names one that runs already, and it is left as it was found.
`local`, `slurm` and `pbs` start one that ends with the command. Source: https://distributed.dask.org, dask-jobqueue.
"""

import json
import logging
import os
import pickle
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Executor, Future
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from data.cluster.worker import Facts, apply, facts_of, on_worker
from data.messages import logger, shown

log = logger(__name__)

PROGRAM = Path(__file__).resolve().parents[2]
INSTALL = "pip install -r data/cluster/requirements-cluster.txt"
ANSWER_S, WORKERS_S = 10.0, 60.0  # a scheduler answers, and has a worker, within so long
COUNT_EVERY_S = 2.0
ASKED = 5  # times, for their facts: more deaths at that moment are no chance
RETRIES = 2  # of a task that raised; one whose worker died goes to others as often as Dask's allowed-failures says, 3
JOBS = {"slurm": "SLURMCluster", "pbs": "PBSCluster"}
# Dask samples its workers' stacks, asks each event loop whether it is late and takes figures of its processes, up to a
# hundred times a second: 4 % of a core for each worker and 3 % for the scheduler, of a machine whose cores all work.
QUIET = {
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.system-monitor.interval": "2s",
}
ADDRESSES = ("tcp://", "tls://", "ucx://", "ws://", "wss://")


class ClusterExecutor(Executor):
    """Submits to the workers of a client; a task finds its process as a worker of this machine would be."""

    def __init__(self, client: Any):
        # Not pure: else equal calls are one task, and what it wrote for the first of them the second looks for in vain.
        self.client, self.tasks = client, client.get_executor(retries=RETRIES, pure=False)
        self.folder = str(Path.cwd())
        self.counted, self.counted_at = 1, -COUNT_EVERY_S

    def submit(self, fn: Callable, /, *args, **kwargs) -> Future:
        call = _Call(partial(on_worker, shown(), self.folder, fn, *args, **kwargs))
        return self.tasks.submit(pickle.loads, pickle.dumps(call))

    def count(self) -> int:
        """How many workers there were some seconds ago, but for none."""
        if (now := time.monotonic()) - self.counted_at > COUNT_EVERY_S:
            self.counted_at = now
            with suppress(OSError):  # of a scheduler that is lost, which its tasks tell
                self.counted = max(len(self.client.nthreads()), 1)
        return self.counted

    def died_of(self, error: BaseException) -> bool:
        return isinstance(error, _distributed().scheduler.KilledWorker)


class _Call:
    """A call that is made by whoever unpickles it. Dask's schedulers unpickle all that is submitted as it is, and need
    not have this program; they have `pickle.loads`.
    """

    def __init__(self, call: partial):
        self.call = call

    def __reduce__(self) -> tuple[Callable, tuple]:
        return apply, (self.call,)


@contextmanager
def cluster_executor(cluster: str, workers: int, *places: str) -> Iterator[ClusterExecutor]:
    """The workers of a cluster: `local`, `slurm`, `pbs`, an address, or the path of a scheduler file.

    workers: how many are started, where they are; places: files or folders that all of them must see.
    Raises ValueError where Dask is not installed and for a cluster of no kind that is known, OSError where no scheduler
    or worker answers, a worker lacks the program or a place, or the cluster is lost.
    """
    with ExitStack() as opened:
        seen = [os.path.abspath(place) for place in places]
        client = opened.enter_context(_client(cluster, max(workers, 1)))
        with _losses(_distributed(), OSError):  # the scheduler is asked for its dashboard
            log.info(f"cluster: {client.scheduler.address}, dashboard: {client.dashboard_link}")
        _check(_asked(client, seen, None if cluster in JOBS else WORKERS_S), facts_of(seen))
        with _losses(_distributed()):
            yield ClusterExecutor(client)


def _distributed() -> Any:
    try:
        import distributed
    except ImportError as error:
        raise ValueError(f"cluster needs the package distributed; {INSTALL}, or set cluster: null") from error
    if shown() != "debug":  # that a scheduler is lost is told here, in a line and with what to do
        logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
    return distributed


@contextmanager
def _client(cluster: str, workers: int) -> Iterator[Any]:
    """A client of the cluster; ends what was started for it."""
    distributed = _distributed()
    with ExitStack() as opened:
        if cluster == "local":
            found = opened.enter_context(cluster_here(workers))
        elif cluster in JOBS:
            found = opened.enter_context(jobs(cluster))
            found.scale(jobs=workers)
        elif cluster.startswith(ADDRESSES):
            found = cluster
        else:
            found = _address_in(cluster)
        try:
            client = distributed.Client(found, timeout=ANSWER_S, set_as_default=False)
        except (OSError, TimeoutError) as error:
            raise OSError(
                f"no scheduler answers at {found} within {ANSWER_S:g} s; start one with `dask scheduler` and workers "
                "with `dask worker ADDRESS`, or set cluster: local or null"
            ) from error
        opened.enter_context(client)
        yield client


@contextmanager
def cluster_here(workers: int) -> Iterator[Any]:
    """A scheduler in this process, and worker processes that are started again where one dies.

    Raises OSError where they do not start.
    """
    distributed = _distributed()
    from dask import config as dask_config

    with ExitStack() as opened:
        opened.enter_context(dask_config.set(QUIET))
        try:
            found = opened.enter_context(
                distributed.LocalCluster(
                    n_workers=workers, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0"
                )
            )
        except RuntimeError as error:  # e.g. "Nanny failed to start"
            raise OSError(
                f"the workers of this machine did not start ({error}); run the same command again, or with fewer "
                "--workers"
            ) from error
        yield found


def jobs(kind: str) -> Any:
    """A scheduler in this process whose workers are jobs of a queue, as the user's dask/jobqueue.yaml describes them.

    Raises ValueError without dask-jobqueue, and where that file does not say what a job is.
    """
    try:
        import dask_jobqueue
        from dask import config as dask_config
    except ImportError as error:
        raise ValueError(f"cluster: {kind} needs the package dask-jobqueue; {INSTALL}") from error
    lacking = [name for name in ("cores", "memory") if not dask_config.get(f"jobqueue.{kind}.{name}")]
    if lacking:
        raise ValueError(
            f"cluster: {kind}: ~/.config/dask/jobqueue.yaml does not say {' and '.join(lacking)} of a job under "
            f"jobqueue: {kind}: (docs/scale.md has one)"
        )
    options = {"dashboard_address": ":0"} | (dask_config.get(f"jobqueue.{kind}.scheduler-options", None) or {})
    return getattr(dask_jobqueue, JOBS[kind])(scheduler_options=options)


def _address_in(path: str) -> str:
    """The address in a scheduler file. Raises ValueError where there is none."""
    try:
        return str(json.loads(Path(path).read_text(encoding="utf-8"))["address"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        known = f"local, {', '.join(JOBS)}, an address ({ADDRESSES[0]}HOST:PORT) or a scheduler file"
        fault = "is no such file" if isinstance(error, FileNotFoundError) else f"can't be read as one ({error!r})"
        raise ValueError(f"cluster {path!r}: expected {known}, and {path} {fault}") from None


def _has_worker(client: Any, most_s: float | None) -> bool:
    """Whether there is one, waiting for it so long."""
    if client.nthreads():
        return True
    log.info("waiting for the first worker")
    try:
        client.wait_for_workers(1, timeout=most_s)
    except TimeoutError:
        return False
    return True


def _asked(client: Any, places: list[str], most_s: float | None) -> dict[str, Facts | Exception]:
    """The facts of all workers, once there is one. Where one dies while it is asked, those that are there then are.

    Raises OSError where there is none within `most_s`.
    """
    found: dict[str, Facts | Exception] = {}
    for _ in range(ASKED):
        with _losses(_distributed(), OSError):
            has_worker = _has_worker(client, most_s)
            found = client.run(facts_of, places, on_error="return") if has_worker else {}
        if not has_worker:
            raise OSError(
                f"the scheduler at {client.scheduler.address} has had no worker for {WORKERS_S:g} s; start some with "
                f"`PYTHONPATH={PROGRAM} dask worker {client.scheduler.address} --nthreads 1`"
            )
        if found and not any(isinstance(facts, OSError) for facts in found.values()):  # Dask's for a lost connection
            break
    return found


def _check(found: dict[str, Facts | Exception], own: Facts) -> None:
    """Raise OSError for a worker that can't work; warn of one that may round otherwise."""
    for worker, facts in found.items():
        if isinstance(facts, Exception):
            raise OSError(
                f"worker {worker} can't run the program ({facts}); start it with PYTHONPATH={PROGRAM} (the program's "
                "folder there), in an environment that has what requirements.txt lists"
            )
        if facts.unseen:
            raise OSError(
                f"worker {worker} does not see {', '.join(facts.unseen)}; give a path that all machines have in common"
            )
        unlike = [f"{name} {there} (here {own.versions.get(name)})" for name, there in facts.versions.items()
                  if there != own.versions.get(name)]  # fmt: skip
        if unlike:
            log.warning(f"worker {worker} has {', '.join(unlike)}: its results may differ in their last bits")


@contextmanager
def _losses(distributed: Any, *beyond: type[Exception]) -> Iterator[None]:
    """Tell of workers and schedulers that were lost what an OSError can: what to do; beyond: what else tells of it."""
    try:
        yield
    except distributed.scheduler.KilledWorker as error:
        raise OSError(
            f"one task ended {distributed.scheduler.KilledWorker.__name__}: {error.allowed_failures + 1} workers died "
            "of it, for want of memory most likely (their logs tell); give workers more memory or use a smaller "
            "prep.resize, and run the same command again to go on"
        ) from error
    except (CancelledError, distributed.client.ClosedClientError, *beyond) as error:
        why = str(error) or type(error).__name__
        raise OSError(f"the cluster was lost ({why}); run the same command again to go on") from error
