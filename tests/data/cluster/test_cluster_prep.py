"""prep on a cluster: the bytes of one process, whatever happens to workers, and errors that say what to do."""

import contextlib
import json
import os
import secrets
import signal
import sys
import threading
import time
from types import SimpleNamespace

import dask
import pandas as pd
import psutil
import pytest
from distributed.comm import CommClosedError
from distributed.scheduler import KilledWorker

from config import Config, ConfigError, PrepConfig, as_dict, load
from data.cluster import executor
from data.cluster.worker import facts_of
from data.frames.workers.apart import BLOCKS, scan_apart
from data.frames.workers.pool import make_executor
from data.prepare_data import prep
from data.review_processed_data import review
from data.sources import all_kinds as sources
from tests.support.dask_cluster import users_cluster
from tests.support.deadly_source import DeadlySource, write_deadly
from tests.support.digests import digests
from tests.support.fits_files import broken_inside, write_frames, write_tar
from tests.support.streams import until
from tests.support.videos import write_video
from tests.support.warm import warm_main

pytestmark = [pytest.mark.pictures, pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")]
SETTINGS = PrepConfig(clip_length=4, stride=2, resize=(10, 14))


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with users_cluster(tmp_path_factory.mktemp("cluster"), workers=2) as made:
        yield made


@pytest.fixture
def deadly(monkeypatch):
    monkeypatch.setattr(sources, "SOURCES", dict(sources.SOURCES))
    sources.register(DeadlySource())


@pytest.fixture(autouse=True)
def _patient(monkeypatch):
    """A busy machine takes longer to start workers than a user would wait."""
    monkeypatch.setattr(executor, "WORKERS_S", 240.0)


def run(raw, out, cluster=None, workers=2):
    """Digests of everything in the reels that prep makes, hidden leftovers included."""
    prep(Config(data_raw=str(raw), data_clips=str(out), workers=workers, cluster=cluster, prep=SETTINGS))
    return digests(out)


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    """Frames, of which one is broken, a video that is decoded in one pass, and frames in an archive."""
    folder = tmp_path_factory.mktemp("raw")
    write_frames(folder / "frames", 13, shape=(24, 32))
    path = folder / "frames" / "frame_007.fits"
    path.write_bytes(broken_inside(path.read_bytes()))
    write_video(folder / "clip.mp4", 40)
    members = {f"in_{p.name}": p.read_bytes() for p in sorted((folder / "frames").iterdir())[:3]}
    write_tar(folder / "more.tar", members)
    return folder


@pytest.fixture(scope="module")
def alone(raw, tmp_path_factory):
    """What one process makes."""
    return run(raw, tmp_path_factory.mktemp("alone"), workers=1)


def test_a_cluster_of_this_machine_makes_the_same_bytes(raw, alone, tmp_path):
    """By a command of its own, which starts and ends the cluster."""
    given = {"data_raw": str(raw), "data_clips": str(tmp_path / "out"), "workers": 2, "cluster": "local"}
    (tmp_path / "settings.yaml").write_text(json.dumps(given | {"prep": as_dict(Config(prep=SETTINGS))["prep"]}))
    ended = warm_main().run("-m", "prep", "-c", str(tmp_path / "settings.yaml"))
    assert (ended.returncode, digests(tmp_path / "out")) == (0, alone), ended.stderr
    assert "dashboard: http://127.0.0.1:" in ended.stderr
    assert "decoding aia_171: 13/13 frame" in ended.stderr


def test_so_does_a_users_by_its_file_and_address_from_any_folder(raw, alone, cluster, tmp_path, monkeypatch):
    """Paths that are relative here are not so for workers, who were started elsewhere."""
    monkeypatch.chdir(raw.parent)
    assert run(raw.relative_to(raw.parent), tmp_path / "out", str(cluster.file)) == alone
    address = json.loads(cluster.file.read_text())["address"]
    assert run(raw, tmp_path / "again", address) == alone
    assert run(raw, tmp_path / "again", address) == alone  # finished reels are verified and kept


def test_review_finds_statistics_on_a_cluster(raw, cluster, tmp_path):
    """The verdicts of one process, by reels that workers open under their own paths."""
    found = []
    for where in (None, str(cluster.file)):
        out = tmp_path / ("here" if where is None else "there")
        run(raw / "clip.mp4", out)
        review(Config(data_clips=str(out), workers=1, cluster=where, prep=SETTINGS))
        table = pd.read_csv(out / "clip" / "windows.csv")
        assert table["change"].gt(0).any()
        found.append(table.drop(columns="at"))
    pd.testing.assert_frame_equal(*found, check_exact=True)


def test_a_worker_that_dies_is_replaced_and_its_task_done_again(cluster, deadly, tmp_path, capsys):
    write_deadly(tmp_path / "raw", 24)
    alone = run(tmp_path / "raw", tmp_path / "alone", workers=1)
    (tmp_path / "raw" / "lives").write_text("3")
    assert run(tmp_path / "raw", tmp_path / "out", str(cluster.file)) == alone
    assert len(list((tmp_path / "raw").glob("death.*"))) == 3


def test_a_task_that_kills_every_worker_ends_and_what_is_done_is_kept(cluster, deadly, tmp_path):
    write_deadly(tmp_path / "raw", 4)
    alone = run(tmp_path / "raw", tmp_path / "alone", workers=1)
    (tmp_path / "raw" / "lives").write_text("99")
    with pytest.raises(OSError, match=r"4 workers died of it, .* run the same command again"):
        run(tmp_path / "raw", tmp_path / "out", str(cluster.file))
    assert len(list((tmp_path / "raw").glob("death.*"))) == 4
    (tmp_path / "raw" / "lives").unlink()
    (tmp_path / "out" / ".cam.part" / BLOCKS / "0123.npy").write_bytes(b"half")  # as a killed worker leaves it
    assert run(tmp_path / "raw", tmp_path / "out", str(cluster.file)) == alone


def test_a_scheduler_that_dies_is_told_and_the_next_run_goes_on(deadly, tmp_path):
    write_deadly(tmp_path / "raw", 24)
    alone = run(tmp_path / "raw", tmp_path / "alone", workers=1)
    (tmp_path / "raw" / "wait").touch()
    with users_cluster(tmp_path / "cluster", workers=1) as own:

        def kill_once_it_works():
            while not (tmp_path / "raw" / "waiting").is_file():
                time.sleep(0.02)
            os.kill(own.scheduler.pid, signal.SIGKILL)

        killer = threading.Thread(target=kill_once_it_works, daemon=True)
        killer.start()
        with pytest.raises(OSError, match=r"the cluster was lost .* run the same command again"):
            run(tmp_path / "raw", tmp_path / "out", str(own.file))
        killer.join()
    (tmp_path / "raw" / "wait").unlink()
    assert run(tmp_path / "raw", tmp_path / "out", workers=1) == alone


def has_decoded(out):
    """Whether a journal tells of a frame; a journal goes when its reel is there."""
    with contextlib.suppress(FileNotFoundError):
        return any(b"row" in path.read_bytes() for path in out.glob("*/journal.jsonl"))
    return False


def test_a_command_that_is_killed_is_gone_on_with_and_its_cluster_stays(cluster, raw, alone, tmp_path):
    """By SIGKILL, as soon as its journal tells of frames; one that was faster finds its reels whole."""
    out = tmp_path / "out"
    words = ["-m", "prep", "--data-raw", raw, "--data-clips", out, "--cluster", cluster.file]
    words += ["--set", "prep.clip_length=4", "--set", "prep.stride=2", "--set", "prep.resize=[10, 14]"]
    killed = warm_main().start(*map(str, words))
    while not killed.has_ended() and not has_decoded(out):
        time.sleep(0.005)
    killed.kill()
    killed.wait()
    assert run(raw, out, str(cluster.file)) == alone


def test_a_file_that_a_worker_does_not_see_is_an_error_and_no_rejected_frame(cluster, raw, tmp_path):
    config = Config(data_raw=str(raw), prep=SETTINGS)
    (item, *_) = [i for i in sources.discover(raw).frames if i.path.is_file()]
    gone = type(item)(item.source, tmp_path / "gone.fits", [tmp_path / "gone.fits"])
    with (
        make_executor(1, str(cluster.file)) as workers,
        pytest.raises(FileNotFoundError, match=r"gone.fits is not seen on .*, a worker"),
    ):
        workers.submit(scan_apart, [gone], raw, config.prep).result()


def test_equal_calls_are_made_as_often_as_they_are_asked_for(cluster):
    """Also while the result of the first is held: a task writes files that are used once."""
    with make_executor(2, str(cluster.file)) as workers:
        made = [workers.submit(secrets.token_hex, 8) for _ in range(3)]
        assert len({future.result() for future in made}) == 3


def test_an_error_of_a_task_is_the_programs_own(cluster):
    with make_executor(1, str(cluster.file)) as workers, pytest.raises(ValueError, match="invalid literal"):
        workers.submit(int, "x").result()
    with make_executor(1, str(cluster.file)) as workers:
        until(lambda: workers.count() == 2, 0.5)  # one that has died may be on its way


def test_a_task_that_ends_its_workers_is_told_from_one_that_fails(cluster):
    with make_executor(1, str(cluster.file)) as workers:
        assert workers.died_of(KilledWorker("a task", cluster.scheduler, 3))
        assert not workers.died_of(workers.submit(int, "x").exception())


@pytest.mark.parametrize(
    ("cluster", "error", "told"),
    [
        ("tcp://127.0.0.1:9", OSError, r"no scheduler answers at tcp://127.0.0.1:9 within .*; start one with"),
        ("nowhere.json", ValueError, r"cluster 'nowhere.json': expected local, slurm, pbs, an address .* no such file"),
        (__file__, ValueError, r"can't be read as one"),
    ],
)
def test_who_does_not_answer_is_named(cluster, error, told, tmp_path, monkeypatch):
    monkeypatch.setattr(executor, "ANSWER_S", 0.5)
    write_frames(tmp_path / "raw", 1)
    with pytest.raises(error, match=told):
        run(tmp_path / "raw", tmp_path / "out", cluster)


def test_a_scheduler_that_dies_as_soon_as_it_was_found_is_a_cluster_that_was_lost(monkeypatch):
    class Lost:
        """A client whose scheduler is gone when it is first asked for anything."""

        scheduler = SimpleNamespace(address="tcp://127.0.0.1:9")

        @property
        def dashboard_link(self):
            raise CommClosedError("in <TCP (closed) ConnectionPool.identity>: Connection reset by peer")

    monkeypatch.setattr(executor, "_client", lambda cluster, workers: contextlib.nullcontext(Lost()))
    with (
        pytest.raises(OSError, match=r"the cluster was lost .* run the same command again"),
        executor.cluster_executor("tcp://127.0.0.1:9", 1),
    ):
        pass


def test_a_scheduler_without_workers_or_with_one_of_another_program_is_told(tmp_path, monkeypatch, raw):
    with users_cluster(tmp_path / "cluster", workers=0) as own:
        with monkeypatch.context() as hasty:
            hasty.setattr(executor, "WORKERS_S", 0.1)
            with pytest.raises(OSError, match=r"has had no worker for 0.1 s; start some with .PYTHONPATH=.* dask work"):
                run(raw, tmp_path / "out", str(own.file))
        own.add_workers(1, PYTHONPATH="")
        with pytest.raises(OSError, match=r"can't run the program .*; start it with PYTHONPATH"):
            run(raw, tmp_path / "out", str(own.file))


class DyingWorkers:
    """A client of workers of which one dies whenever they are asked, for so many times."""

    def __init__(self, deaths):
        self.deaths = deaths

    def nthreads(self):
        return {"one": 1}

    def run(self, ask, *given, on_error):
        self.deaths -= 1
        return (
            {"one": ask(*given), "other": CommClosedError("Stream is closed")}
            if self.deaths >= 0
            else {"one": ask(*given)}
        )


def test_a_worker_that_dies_while_it_is_asked_is_done_without(tmp_path):
    own = facts_of([str(tmp_path)])
    assert executor._asked(DyingWorkers(2), [str(tmp_path)], None) == {"one": own}
    with pytest.raises(OSError, match=r"worker other can't run the program \(Stream is closed\)"):
        executor._check(executor._asked(DyingWorkers(99), [], None), own)


def test_a_place_that_a_worker_does_not_see_is_named(cluster):
    with (
        pytest.raises(OSError, match="does not see /not/here; give a path that all machines have in common"),
        make_executor(1, str(cluster.file), "/not/here"),
    ):
        pass


def test_without_dask_it_is_told_how_to_have_it(monkeypatch, raw, tmp_path):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ValueError, match=r"needs the package distributed; pip install -r data/cluster/"):
        run(raw, tmp_path / "out", "local")
    monkeypatch.setitem(sys.modules, "dask_jobqueue", None)
    with pytest.raises(ValueError, match=r"cluster: slurm needs the package dask-jobqueue"):
        executor.jobs("slurm")


def own_interface():
    """The name of the network interface by which this machine speaks to itself."""
    return next(name for name, found in psutil.net_if_addrs().items() if "127.0.0.1" in [a.address for a in found])


@pytest.mark.parametrize(("kind", "mark"), [("slurm", "#SBATCH"), ("pbs", "#PBS")])
def test_jobs_of_a_queue_are_what_the_users_file_says(kind, mark):
    """There is no queue here: the script that it would be given is looked at."""
    with pytest.raises(ValueError, match=rf"cluster: {kind}: .*jobqueue\.yaml does not say cores and memory of a job"):
        executor.jobs(kind)
    settings = f"jobqueue.{kind}"
    job = {
        "cores": 4,
        "processes": 4,
        "memory": "16GB",
        "queue": "night",
        "walltime": "02:00:00",
        "interface": own_interface(),
    }
    with dask.config.set({settings: dask.config.get(settings) | job}), executor.jobs(kind) as cluster:
        script = cluster.job_script()
    told = [line for line in script.splitlines() if line.startswith(mark)]
    assert any("night" in line for line in told)
    assert any("02:00:00" in line for line in told)
    assert {"--nthreads 1", "--nworkers 4"} <= {f"--{option.strip()}" for option in script.split("--")}


def test_the_setting_is_a_text_or_null():
    assert load(None, {"cluster": "local"}).cluster == "local"
    assert Config().cluster is None
    with pytest.raises(ConfigError, match="cluster ''"):
        load(None, {"cluster": ""})
