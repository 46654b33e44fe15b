"""Evaluations that several test modules look at, each made once a session."""

import gc
import os
import sys
from contextlib import nullcontext
from multiprocessing import resource_tracker

import numpy as np
import pytest
import torch
from hypothesis import settings

from data.messages import show
from data.reel.stretch import Stretch
from inference.evaluate import evaluate
from inference.fit import calibrate_run
from tests.support.drawing import painted, unpainted
from tests.support.examples import lessen
from tests.support.once import SHARED
from tests.support.reels import drifting_blobs, make_reel
from tests.support.spent import pytest_runtest_makereport, pytest_terminal_summary  # noqa: F401
from tests.support.trainings import small_config
from tests.support.turns import in_turn
from training.train import train

# How fast an example runs is the benchmarks' affair. Of the examples a third are tried; all: --thorough
# The examples are the same each time: what is red is the change's fault. Others: --hypothesis-profile=random
settings.register_profile("same", deadline=None, max_examples=50, derandomize=True)
settings.register_profile("random", settings.get_profile("same"), derandomize=False)
settings.load_profile("same")

FLASH = range(120, 123)  # planted; shorter than half a window
GAP_FROM, GAP_S = 150, 3600.0  # an hour's gap, with too short a stretch behind it
CATALOG = """start,peak,end,class
2012-07-19T00:23:40,2012-07-19T00:24:10,2012-07-19T00:25:00,M1.0
2012-07-19T00:05:00,2012-07-19T00:06:00,2012-07-19T00:07:00,C2.0
"""


def pytest_addoption(parser):
    told = "the tests of each module in reverse: one that fails then relies on their order"
    parser.addoption("--backwards", action="store_true", help=told)
    told = "as many examples of each property as its test asks for; else a third of them"
    parser.addoption("--thorough", action="store_true", help=told)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers():
    """Three for two processors: a sixth of a run goes by in waiting for processes, time-outs and the disk."""
    return (os.cpu_count() or 1) * 3 // 2


def pytest_collection_modifyitems(config, items):
    if not config.getoption("--thorough"):
        lessen(items)
    items[:] = in_turn(items, config.getoption("--backwards"))


def pytest_collection_finish():
    """What the libraries have made stays to the end: without this, garbage is looked for in it again and again. Nor is
    it looked for every 700 objects, of which a table makes more."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000)


@pytest.fixture(scope="session", autouse=True)
def tracker_of_shared_memory():
    """A pool of processes starts it in the folder of its test, and may be done before it runs: where the folder is gone
    by then it dies (Python 3.13), and the next pool, of another test, finds it dead.
    """
    if sys.platform != "win32":
        resource_tracker.ensure_running()


@pytest.fixture(scope="session", autouse=True)
def nothing_waits_for_the_disk():
    """Only a power failure shows what `fsync` is for, and a test of prep has 20 to 60 of them. A handle that is none
    is still an error. Processes that a test starts wait for it as ever.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda handle: os.fstat(handle) and None)
        yield


@pytest.fixture(scope="session", autouse=True)
def _made_once(tmp_path_factory):
    """All processes of a session share a folder; each of several has one of its own within it."""
    own = tmp_path_factory.getbasetemp()
    SHARED[:] = [(own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "made_once"]


@pytest.fixture(scope="module", autouse=True)
def _few_paint(request):
    """A page of a reel takes 0.4 s, its preview 0.3 s: only modules marked `pictures` have more of them than a name."""
    with nullcontext() if request.node.get_closest_marker("pictures") else unpainted():
        yield


@pytest.fixture(autouse=True)
def messages_are_shown():
    """As main.py shows them: on stderr."""
    show("info")


@pytest.fixture(scope="module")
def one_thread():
    """Several threads add up in any order, so only one gives the same bits twice; and small models are faster on it."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def evaluated_movie(tmp_path_factory):
    """Results of a movie with a labelled flash, a gap, FITS row order and a catalogue: a folder with report.html."""
    folder = tmp_path_factory.mktemp("evaluated")
    frames = np.clip(drifting_blobs(155, 24, 24) * 0.5, 0, 1)
    frames[list(FLASH), :, 4:9, 14:19] += 0.45
    times = 12.0 * np.arange(155)
    times[GAP_FROM:] += GAP_S
    labels = np.isin(np.arange(155), FLASH).astype(float)
    meta = {"origin": "lower"}
    make_reel(folder / "reels" / "cam", frames, times_s=times, labels=labels, channels=["193"], meta=meta)
    (folder / "flares.csv").write_text(CATALOG)
    excluded = [["2012-07-19T00:22:00", "2012-07-19T02:00:00"]]
    settings = {"eval__catalog": str(folder / "flares.csv"), "eval__catalog_tolerance_min": 0.5, "eval__stride": 4}
    return run(folder, train__exclude_utc=excluded, eval__false_alarms_per_day=20.0, **settings)


@pytest.fixture(scope="session")
def evaluated_series(tmp_path_factory):
    """Results of a series of three variables with a spike, in units of its own."""
    folder = tmp_path_factory.mktemp("evaluated_series")
    t = np.arange(600)
    values = np.stack([np.sin(t / 5), np.cos(t / 7), np.sin(t / 3) * np.sin(t / 50)], axis=1)
    values += 0.02 * np.random.default_rng(0).standard_normal(values.shape)
    values[300:303, 1] += 4
    scale = [Stretch("affine", -10.0, 30.0)] * 3
    stored = np.stack([s.forward(v) for s, v in zip(scale, (10 * values).T, strict=True)], axis=1)[:, :, None, None]
    make_reel(folder / "reels" / "pump", stored, cadence_s=60.0, channels=["flow", "heat", "noise"], stretch=scale,
              start_utc=None, meta={"unit": "as in the table"})  # fmt: skip
    model = {"patch": [1, 1, 1], "stages": [{"width": 8, "kernel": [3, 1, 1]}], "latent_channels": 2}
    return run(folder, model=model, eval__stride=4)


def run(folder, **settings):
    """Train on the reels of a folder, evaluate them, and return the only folder of results."""
    config = small_config(folder / "reels", folder / "run", **settings)
    calibrate_run(train(config), config)
    with painted():  # modules of both kinds may be the first to ask for it
        (results,) = evaluate(config)
    return results
