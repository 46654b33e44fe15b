"""eval on a cluster and in shards: the files of one process, also where a worker or a shard is killed."""

import contextlib
import hashlib
import os
import re
import shutil
import signal
import sys
import threading
import time
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
from distributed import Client

from config import dump
from data.disk.digests import file_sha256
from data.disk.lock import FolderInUse, last_owner, owned
from data.frames.workers.pool import _Inline
from inference.evaluate import evaluate
from inference.fit import calibrate_run
from inference.shards import apart
from inference.shards.apart import do_job_apart
from tests.support.dask_cluster import users_cluster
from tests.support.trainings import small_config, small_reel
from tests.support.warm import warm_main
from training.train import train

pytestmark = [pytest.mark.pictures, pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")]
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
    with contextlib.chdir(folder):
        paths = evaluate(config)
    assert [path.name for path in paths] == [f"cam{i}" for i in range(3)]
    return digests(folder)


def digests(folder):
    files = sorted(p for p in (folder / "run" / "eval").rglob("*") if p.is_file())
    return {p.relative_to(folder).as_posix(): hashlib.sha256(content(p)).hexdigest() for p in files}


def content(path):
    told = path.read_bytes()
    return MEASURED.sub(b"", told) if path.name in ("summary.json", "report.html") else told


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """One of a single worker, which is started again where it dies."""
    with users_cluster(tmp_path_factory.mktemp("cluster"), workers=1) as made:
        yield made


def test_a_cluster_makes_the_same_results_also_where_a_worker_is_killed(trained, alone, cluster, capsys):
    folder, config = trained
    shutil.rmtree(folder / "run" / "eval")
    with Client(scheduler_file=str(cluster.file), set_as_default=False) as client:
        client.wait_for_workers(1, timeout=120)
        (pid,) = client.run(os.getpid).values()

    def kill_once_it_works():
        while not (folder / "run" / "eval" / "cam0").exists():
            time.sleep(0.01)
        os.kill(pid, signal.SIGKILL)

    killer = threading.Thread(target=kill_once_it_works, daemon=True)
    killer.start()
    found = results_of(folder, replace(config, cluster=str(cluster.file)))
    killer.join()
    assert found == alone
    assert "evaluating: 3/3 reel" in capsys.readouterr().err


def test_an_evaluation_that_is_killed_is_gone_on_with(trained, alone, cluster, capsys):
    """By SIGKILL, as soon as one reel has its results; one that was faster has lost the last one's."""
    folder, config = trained
    given, results = replace(config, cluster=str(cluster.file)), folder / "run" / "eval"
    shutil.rmtree(results)
    (folder / "config.yaml").write_text(dump(given), encoding="utf-8")
    killed = warm_main().start("-m", "eval", "-c", "config.yaml", folder=folder)
    while not killed.has_ended() and not (results / "cam0").exists():
        time.sleep(0.005)
    killed.kill()
    killed.wait()
    shutil.rmtree(results / "cam2", ignore_errors=True)
    before = stamps(results / "cam0")
    assert results_of(folder, given) == alone
    assert stamps(results / "cam0") == before
    assert "evaluating: 3/3 reel" in capsys.readouterr().err


def stamps(folder):
    return {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in (folder, *folder.rglob("*"))}


def test_a_cluster_makes_what_is_missing_and_draws_all_movies_again(trained, alone, monkeypatch):
    folder, config = trained
    monkeypatch.setattr(apart, "make_executor", lambda *_: nullcontext(OneWorker()))
    given, results = replace(config, cluster="local"), folder / "run" / "eval"
    before = {name: stamps(results / name) for name in ("cam0", "cam1", "cam2")}
    (results / "cam1" / "summary.json").unlink()  # as where it was never whole
    assert results_of(folder, given) == alone
    left = {name for name, known in before.items() if stamps(results / name) == known}
    assert left == {"cam0", "cam2"}
    before = {name: stamps(results / name) for name in before}
    drawn = results_of(folder, replace(given, eval=replace(config.eval, movie_only=True)))
    assert {name for name in alone if drawn.get(name) != alone[name]} <= {
        f"run/eval/{name}/anomaly.mp4"
        for name in before  # heat of saved scores, which are rounded
    }
    assert all(stamps(results / name) != known for name, known in before.items())


def test_a_worker_that_goes_on_after_its_command_has_ended_replaces_no_results(trained, alone):
    """Those of the next command stay, which may have other settings."""
    folder, config = trained
    given, results = replace(config, cluster="local"), folder / "run" / "eval" / "cam0"
    with contextlib.chdir(folder), owned(folder / "run", "eval", "wait"):
        task = given, Path("run"), Path("reels/cam0"), file_sha256(Path("run/checkpoints/best.pt"))
        before = stamps(results)
        for former in (None, replace(last_owner(folder / "run"), pid=1)):
            with pytest.raises(FolderInUse, match=r"no longer that of .*; the results are thrown away"):
                do_job_apart(*task, former)
        assert stamps(results) == before
        do_job_apart(*task, last_owner(folder / "run"))
        assert stamps(results) != before
    assert not list(results.parent.glob(".cam0*"))


class OneWorker(_Inline):
    """Of a cluster, as far as a command sees: what it does is done here."""

    def count(self):
        return 1


def test_shards_in_any_order_make_the_same_results_and_do_none_twice(trained, alone):
    folder, config = trained
    shutil.rmtree(folder / "run" / "eval")
    with contextlib.chdir(folder):
        with pytest.raises(ValueError, match=r"3 of 3 reels have no results .*: cam0, cam1, cam2; run -m eval --shard"):
            evaluate(replace(config, join=True))
        (first,) = evaluate(replace(config, shard="2/2"))
        assert first.name == "cam1"  # the longest is in the first shard, and the shortest
        with pytest.raises(ValueError, match=r"2 of 3 reels have no results .*: cam0, cam2; run"):
            evaluate(replace(config, join=True))
        evaluate(replace(config, shard="1/2"))
        before = first.stat().st_ino
        evaluate(replace(config, shard="2/2"))
        assert first.stat().st_ino == before
        (folder / "run" / "eval" / "cam1" / "summary.json").unlink()  # as where it was never whole
        evaluate(replace(config, shard="2/2"))
        assert first.stat().st_ino != before
    assert results_of(folder, replace(config, join=True, workers=1)) == alone


def test_shards_of_other_settings_are_not_joined(trained, alone):
    folder, config = trained
    other = replace(config, eval=replace(config.eval, min_frames=3), join=True)
    with contextlib.chdir(folder), pytest.raises(ValueError, match=r"3 of 3 reels have no results by this model"):
        evaluate(other)
    with contextlib.chdir(folder), pytest.raises(ValueError, match=r"eval takes --shard or --cluster, not both"):
        evaluate(replace(config, shard="1/2", cluster="local"))


def test_a_shard_without_a_calibration_makes_it_and_others_take_it(trained, alone):
    folder, config = trained
    shutil.rmtree(folder / "run" / "eval")
    for path in (folder / "run" / "calibration").glob("*.npz"):
        path.unlink()
    with contextlib.chdir(folder):
        for shard in ("3/3", "2/3", "1/3"):
            evaluate(replace(config, shard=shard))
    assert results_of(folder, replace(config, join=True)) == alone
