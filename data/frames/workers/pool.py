"""Worker processes behind one seam, here or on a cluster, and tasks that come back as they end."""

import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from data.frames.workers.fork_server import context_with
from data.messages import logger, shown

log = logger(__name__)


class Workers(Protocol):
    """The seam: anything with `concurrent.futures.Executor`'s `submit` that knows how many work at a time."""

    def submit(self, fn, /, *args, **kwargs) -> Future[Any]:
        """Have `fn(*args, **kwargs)` run by a worker."""
        ...

    def count(self) -> int:
        """How many workers there are now."""
        ...

    def died_of(self, error: BaseException) -> bool:
        """Whether an error tells that this one task ends its workers, and the others have not suffered."""
        ...


@contextmanager
def make_executor(
    workers: int, cluster: str | None = None, *places: str, preload: str = "data.frames.workers.decode"
) -> Iterator[Workers]:
    """So many workers of this machine, or those of a cluster that all must see the places; see `cluster_executor`.

    preload: the module of the tasks, which is loaded once for all workers of this machine, where the system can, unless
    others have been loaded so before. A script that would run again in each of them gets none.
    """
    if cluster:
        from data.cluster.executor import cluster_executor  # late, as most commands have none

        with cluster_executor(cluster, workers, *places) as executor:
            yield executor
        return
    if workers > 1 and (script := unguarded_script()):
        log.warning(
            f"{script} would run as a whole in each process that it starts, so one does all: for {workers}, put "
            'its own lines under `if __name__ == "__main__":`'
        )
        workers = 1
    if workers <= 1:
        with _Inline() as executor:
            yield executor
        return
    from data.frames.workers.decode import start_worker  # late: it loads every kind of input

    context, told = context_with(preload), (shown(),)
    with _Processes(workers, mp_context=context, initializer=start_worker, initargs=told) as executor:
        yield executor


def unguarded_script() -> str:
    """The user's own script that is run, where it does not ask for its `__name__`; else ''.

    Processes that are not copies of this one import it, for what may be defined there, and would do all of it again.
    """
    path = getattr(sys.modules["__main__"], "__file__", None)
    try:
        return path if path and "__name__" not in Path(path).read_text("utf-8") else ""
    except (OSError, ValueError):
        return ""  # of a notebook, an archive or a compiled program: they start processes as they can


class _Processes(ProcessPoolExecutor):
    """Processes of this machine."""

    def __init__(self, workers: int, **settings: Any):
        super().__init__(workers, **settings)
        self.workers = workers

    def count(self) -> int:
        return self.workers

    def died_of(self, error: BaseException) -> bool:
        return False  # a worker that dies takes the pool with it, and nobody knows whose task it was


class _Inline(Executor):
    """Runs each task at once in this process: one worker needs no second one."""

    def submit(self, fn, /, *args, **kwargs) -> Future:
        future: Future = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future

    def count(self) -> int:
        return 1

    def died_of(self, error: BaseException) -> bool:
        return False


def bounded(workers: Workers, fn, argument_lists: Iterable[tuple], each: int = 2) -> Iterator:
    """Results as they come; at most `each` tasks a worker are under way, so that memory does not grow with their
    number."""
    yield from (future.result() for _, future in settled(workers, fn, argument_lists, each))


def settled(workers: Workers, fn, argument_lists: Iterable[tuple], each: int = 2) -> Iterator[tuple[tuple, Future]]:
    """The same, as (arguments, future that is done), whatever became of it."""
    pending: dict[Future, tuple] = {}
    for arguments in argument_lists:
        pending[workers.submit(fn, *arguments)] = arguments
        if len(pending) >= each * workers.count():
            yield from _taken(pending)
    while pending:
        yield from _taken(pending)


def _taken(pending: dict[Future, tuple]) -> Iterator[tuple[tuple, Future]]:
    """Those that are done, taken out, once there is one."""
    done, _ = wait(pending, return_when=FIRST_COMPLETED)
    yield from [(pending.pop(future), future) for future in done]
