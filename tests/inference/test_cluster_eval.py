"""eval on a cluster: the files of one process, also where a worker is killed."""

import hashlib
import os
import re
import signal
import sys
import threading
import time
from dataclasses import replace

import pytest
from distributed import Client

from inference.evaluate import evaluate
from inference.fit import calibrate_run
from tests.support.dask_cluster import users_cluster
from tests.support.trainings import small_config, small_reel
from training.train import train

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
# Of the run itself, in summary.json and in the report.
MEASURED = re.compile(rb'"(seconds|frames_per_s)": ?[\d.]+|in [\d.]+ s, [\d.]+ frames/s')


@pytest.fixture(scope="module")
def trained(tmp_path_factory, one_thread):
    """A run, and a config that evaluates three reels with it, their paths relative to a folder."""
    folder = tmp_path_factory.mktemp("trained")
    for i in range(3):
        small_reel(folder / "reels" / f"cam{i}", T=60 + i, seed=i)
    config = small_config(folder / "reels", folder / "run", eval__stride=4, train__epochs=1)
    calibrate_run(train(config), config)
    return folder, replace(config, data_clips="reels", model_path="run")


@pytest.fixture(scope="module")
def alone(trained):
    return results_of(*trained)


def results_of(folder, config):
    """Digests of all results, made anew in a folder; without how long they took."""
    before = os.getcwd()
    os.chdir(folder)
    try:
        paths = evaluate(config)
    finally:
        os.chdir(before)
    assert [path.name for path in paths] == [f"cam{i}" for i in range(3)]
    files = sorted(p for p in (folder / "run" / "eval").rglob("*") if p.is_file())
    return {p.relative_to(folder).as_posix(): hashlib.sha256(content(p)).hexdigest() for p in files}


def content(path):
    told = path.read_bytes()
    return MEASURED.sub(b"", told) if path.name in ("summary.json", "report.html") else told


def test_a_cluster_makes_the_same_results_also_where_a_worker_is_killed(trained, alone, tmp_path, capsys):
    folder, config = trained
    begun = folder / "run" / "eval" / "cam0"
    before = begun.stat().st_ino
    with users_cluster(tmp_path / "cluster", workers=1) as cluster:
        with Client(scheduler_file=str(cluster.file), set_as_default=False) as client:
            client.wait_for_workers(1, timeout=120)
            (pid,) = client.run(os.getpid).values()

        def kill_once_it_works():
            while begun.exists() and begun.stat().st_ino == before:  # until the first results are exchanged
                time.sleep(0.01)
            os.kill(pid, signal.SIGKILL)

        killer = threading.Thread(target=kill_once_it_works, daemon=True)
        killer.start()
        found = results_of(folder, replace(config, cluster=str(cluster.file)))
        killer.join()
    assert found == alone
    assert "evaluating: 3/3 reel" in capsys.readouterr().err
