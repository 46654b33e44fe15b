"""A Dask cluster as a user has one: a scheduler and workers, processes of their own that know nothing of a test."""

import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager, suppress

from tests.support.paths import ROOT

# A setting of Dask's: workers are forked from a process that has loaded it, which takes each a second or two else.
FORKED = "DASK_DISTRIBUTED__WORKER__MULTIPROCESSING_METHOD"


class UsersCluster:
    """A scheduler, which has not the program, and workers that are started on demand; all end with `end`."""

    def __init__(self, folder):
        self.folder, self.file, self.processes = folder, folder / "scheduler.json", []
        folder.mkdir(parents=True, exist_ok=True)
        self.scheduler = self.start("dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard",
                                    "--scheduler-file", str(self.file), PYTHONPATH="")  # fmt: skip

    def wait_for_scheduler(self):
        """Return once the scheduler's file is whole."""
        while True:
            assert self.scheduler.poll() is None, "the scheduler has ended; its log is beside its file"
            with suppress(OSError, ValueError):
                json.loads(self.file.read_text())
                return
            time.sleep(0.05)

    def start(self, program, *arguments, **environment):
        """A process of Dask's, which is told of in a log file."""
        known = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        known |= {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), FORKED: "forkserver"} | environment
        command = [sys.executable, "-P", "-m", f"distributed.cli.{program}", *arguments]
        with (self.folder / f"{program}.{len(self.processes)}.log").open("w") as log:
            process = subprocess.Popen(command, cwd=self.folder, env=known, stdout=log, stderr=log)
        self.processes.append(process)
        return process

    def add_workers(self, count, **environment):
        """Worker processes, each started again by its nanny where it dies."""
        return self.start("dask_worker", "--scheduler-file", str(self.file), "--nworkers", str(count), "--nthreads",
                          "1", "--no-dashboard", "--local-directory", str(self.folder), **environment)  # fmt: skip

    def end(self):
        for process in reversed(self.processes):
            process.terminate()
        for process in self.processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def users_cluster(folder, workers):
    """Yield a cluster with so many workers."""
    made = UsersCluster(folder)
    try:
        made.wait_for_scheduler()
        if workers:
            made.add_workers(workers)
        yield made
    finally:
        made.end()
