"""Worker processes behind one seam, and tasks that come back as they end."""

import multiprocessing
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager

from data.frames.decode import start_worker
from data.messages import shown


@contextmanager
def make_executor(workers: int) -> Iterator[Executor]:
    """The pool behind one seam: anything with `concurrent.futures.Executor`'s interface can take its place."""
    if workers <= 1:
        with _Inline() as executor:
            yield executor
        return
    methods = multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
    if "forkserver" in methods:
        context.set_forkserver_preload(["data.frames.decode"])
    with ProcessPoolExecutor(workers, mp_context=context, initializer=start_worker, initargs=(shown(),)) as executor:
        yield executor


class _Inline(Executor):
    """Runs each task at once in this process: one worker needs no second one."""

    def submit(self, fn, /, *args, **kwargs) -> Future:
        future: Future = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


def bounded(executor: Executor, fn, argument_lists: Iterable[tuple], limit: int) -> Iterator:
    """Results as they come, with at most `limit` tasks under way, so that memory does not grow with their number."""
    pending: set[Future] = set()
    for arguments in argument_lists:
        pending.add(executor.submit(fn, *arguments))
        if len(pending) >= limit:
            done, pending = wait(pending, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in done)
    while pending:
        done, pending = wait(pending, return_when=FIRST_COMPLETED)
        yield from (future.result() for future in done)
