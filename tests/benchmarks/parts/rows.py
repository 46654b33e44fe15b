"""Rows of figures, each made in a folder of its own, so many at a time in other processes, or one by one in this.

No entry point.
"""

import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pandas as pd
from parts.common import quiet, told


def rows_of(calls: list[tuple], jobs: int) -> pd.DataFrame:
    """The rows of all calls (function, arguments), so many at a time, printed as they come."""
    rows = []
    for row in in_parallel(calls, jobs) if jobs > 1 else (quietly(*call) for call in calls):
        print(told(row), flush=True)
        rows.append(row)
    return pd.DataFrame(rows)


def in_parallel(calls: list[tuple], jobs: int) -> Iterator[dict]:
    with ProcessPoolExecutor(jobs) as pool:
        for waiting in [pool.submit(quietly, *call) for call in calls]:
            try:
                yield waiting.result()
            except BaseException:
                pool.shutdown(cancel_futures=True)  # no hours of work after a failure
                raise


def quietly(measure: Callable, *arguments) -> dict:
    """One row, made in a folder that is removed, without what the program prints, on one thread."""
    import torch

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder, quiet():
        return measure(*arguments, Path(folder))
