"""The process that workers of this machine are forked from, where the system can fork: it loads once what they need."""

import multiprocessing
import os
from contextlib import contextmanager
from multiprocessing import forkserver
from multiprocessing.context import BaseContext
from pathlib import Path

PROGRAM = Path(__file__).resolve().parents[3]


def context_with(module: str) -> BaseContext:
    """How processes of this machine are started; the server, if there is one, runs from now on, with a module loaded.

    A server that runs already stays as it is. To have it load while this process has other things to do, call this
    early; workers that come too soon wait for it.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    forkserver.set_forkserver_preload([module])
    with _finding_the_program():
        forkserver.ensure_running()
    return multiprocessing.get_context("forkserver")


@contextmanager
def _finding_the_program():
    """The server looks for modules in the folder that one works in, and does not know where else (up to Python 3.13.0
    at least): a folder `data` of the user's was taken for the program's. For a moment the environment says otherwise.
    """
    old = {name: os.environ.get(name) for name in ("PYTHONPATH", "PYTHONSAFEPATH")}
    paths = (str(PROGRAM), old["PYTHONPATH"])
    os.environ |= {"PYTHONPATH": os.pathsep.join(path for path in paths if path), "PYTHONSAFEPATH": "1"}
    try:
        yield
    finally:
        for name, value in old.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
