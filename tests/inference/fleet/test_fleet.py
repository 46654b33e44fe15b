"""A model for each of many reels: as one by one, whatever fails, however often it is stopped; the worst comes first."""

import contextlib
import json
import re
import shutil
import sys
import threading
from concurrent.futures import BrokenExecutor, ThreadPoolExecutor
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pytest
import torch

from config import ConfigError, load
from data.disk.lock import LOCK, owned
from data.reel.reel import Reel
from inference.evaluate import evaluate
from inference.fit import fit
from inference.fleet import members
from inference.fleet import train as fleet_training
from inference.fleet.evaluate import by_severity, evaluate_each, evaluate_member
from inference.fleet.members import find_fleet, one_thread, rows_of
from inference.fleet.page import page
from inference.fleet.train import train_each, train_member
from tests.support import deaths
from tests.support.deaths import DEADLY
from tests.support.reels import make_reel
from tests.support.warm import warm_main
from training.checkpoint import load as load_checkpoint
from training.places import path_of

pytestmark = pytest.mark.pictures

SPIKES = {"pump_1": 0.0, "pump_2": 8.0, "pump 3": 3.0}  # how far out a value lies, late in the series
SAMPLES, SPIKE = 600, 570
MEASURED = re.compile(rb'"(seconds|frames_per_s)": ?[\d.]+|in [\d.]+ s, [\d.]+ frames/s')  # of the run itself


def write_pump(path, spike, seed):
    t = np.arange(SAMPLES)
    values = np.stack([np.sin(t / 5 + seed), np.cos(t / 7)], axis=1) * 0.2 + 0.5
    values += 0.01 * np.random.default_rng(seed).standard_normal(values.shape)
    values[SPIKE, 1] += spike
    make_reel(path, values[:, :, None, None], cadence_s=60.0, channels=["flow", "heat"])


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Three pumps, a camera with its cap on, and a pump whose facts are damaged."""
    folder = tmp_path_factory.mktemp("fleet")
    for seed, (name, spike) in enumerate(SPIKES.items()):
        write_pump(folder / "reels" / name, spike, seed)
    make_reel(folder / "reels" / "still", np.full((SAMPLES, 1, 4, 4), 0.5))
    write_pump(folder / "reels" / "torn", 0.0, 9)
    (folder / "reels" / "torn" / "reel.json").write_text('{"name": "to')
    return folder


def settings_in(folder, **changes):
    chosen = {"data_clips": str(folder / "reels"), "model_path": str(folder / "fleet"), "workers": 0, "device": "cpu"}
    chosen |= {
        "model.name": "window_pca",
        "train.each_reel": True,
        "train.exclude_utc": [["2012-07-19T08:00", "2013-01-01"]],
    }
    return load(None, chosen | {key.replace("__", "."): value for key, value in changes.items()})


@pytest.fixture(scope="module")
def config(place):
    return settings_in(place)


@pytest.fixture(scope="module")
def fleet(config):
    """Trained and evaluated: its folder."""
    folder = train_each(config)
    evaluate_each(config, find_fleet(config))
    return folder


def contents(folder):
    """Digests of what is there, without how long it took and when it began."""
    found = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and not p.name.startswith(".lock")):
        if path.name not in ("run.json", "config.yaml", "report.html"):
            found[path.relative_to(folder).as_posix()] = MEASURED.sub(b"", path.read_bytes())
    return found


def test_one_that_fails_is_a_row_with_its_reason_and_the_others_are_trained(fleet):
    rows = pd.read_csv(fleet / "trained.csv", keep_default_na=False).set_index("reel")
    assert dict(rows["status"]) == dict.fromkeys(SPIKES, "trained") | {"still": "failed", "torn": "failed"}
    assert rows.loc["still", "reason"].startswith("nothing varies in still: all its ")
    assert "reel.json is damaged" in rows.loc["torn", "reason"]
    assert (rows.loc[list(SPIKES), "reason"] == "").all()


def test_the_table_has_the_worst_first_and_says_when_and_where(fleet):
    rows = pd.read_csv(fleet / "results.csv", keep_default_na=False)
    assert list(rows["reel"]) == ["pump_2", "pump 3", "pump_1", "still", "torn"]
    worst = rows.iloc[0]
    assert (worst["t_peak"][:19], worst["variables"].split(" ")[0]) == ("2012-07-19T09:30:00", "heat")
    severity = pd.to_numeric(rows["severity"])
    assert severity[0] > severity[1] > 1
    assert list(rows["status"]) == ["evaluated"] * 3 + ["failed"] * 2
    assert rows.iloc[3]["reason"].startswith("has no model; ")


class Links(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.found, self.cells, self.opened = [], [], False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.found += [value for name, value in attributes if tag == "a" and name == "href"]
        self.opened = tag == "td"

    def handle_data(self, data):
        self.cells += [data] if self.opened else []


def test_the_page_leads_to_every_report_and_tells_what_failed(fleet):
    shown = Links((fleet / "index.html").read_text(encoding="utf-8"))
    assert [unquote(link).split("/")[1] for link in shown.found] == ["pump_2", "pump 3", "pump_1"]
    assert all((fleet / unquote(link)).is_file() for link in shown.found)
    assert any("reel.json is damaged" in cell or "has no model" in cell for cell in shown.cells)


def test_names_and_reasons_are_text_in_the_page_whatever_they_are():
    bad = '<script>alert("1")</script><!-- failed -->'
    rows = [{"reel": bad, "status": "failed", "reason": bad, "warnings": ""}]
    rows += [{"reel": bad, "status": "evaluated", "events": 1, "events_high": 1, "severity": 2.0, "t_peak": bad,
              "time_peak_s": 0.0, "variables": bad, "doubt": bad, "warnings": bad, "reason": "",
              "report": f"members/{bad}"}]  # fmt: skip
    text = page(bad, by_severity(rows))
    assert "<script" not in text
    assert text.count("&lt;script&gt;") >= 8
    (link,) = Links(text).found
    assert unquote(link) == f"members/{bad}"


def test_a_member_is_what_training_and_evaluating_its_reel_alone_gives(place, config, fleet):
    """Byte for byte, at the same place: a checkpoint holds the settings, and so where it lay."""
    member = fleet / "members" / "pump_2"
    found = contents(member)
    member.rename(place / "aside")
    own = replace(config, train=replace(config.train, each_reel=False), model_path=str(member))
    own = replace(own, data_clips=str(place / "reels" / "pump_2"))
    with one_thread():
        fit(own)
        evaluate(own)
    alone = contents(member)
    shutil.rmtree(member)
    (place / "aside").rename(member)
    done = found.pop("done.json")
    assert json.loads(done)["reel"] == Reel(place / "reels" / "pump_2").meta["identity"]
    assert found == alone


def test_evaluating_again_keeps_what_is_there_and_makes_what_is_missing(config, fleet):
    reports = {name: fleet / "members" / name / "eval" / name.replace(" ", "_") for name in SPIKES}
    before = {name: path.stat().st_ino for name, path in reports.items()}
    table = (fleet / "results.csv").read_bytes()
    shutil.rmtree(reports["pump_1"])
    (reports["pump 3"] / "scores.f16").write_bytes(b"cut")
    evaluate_each(config, fleet)
    assert (fleet / "results.csv").read_bytes() == table
    assert reports["pump_2"].stat().st_ino == before["pump_2"]
    assert reports["pump 3"].stat().st_ino != before["pump 3"]


def test_training_that_is_stopped_is_gone_on_with_and_what_failed_is_tried_again(place, fleet, tmp_path, monkeypatch):
    shutil.copytree(place / "reels", tmp_path / "reels")
    config = settings_in(tmp_path)
    fitted, once = fleet_training.fit, []

    def stopped_at_the_second(config):
        if once:
            raise KeyboardInterrupt
        once.append(fitted(config))

    monkeypatch.setattr(fleet_training, "fit", stopped_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        train_each(config)
    monkeypatch.undo()
    with pytest.raises(FileExistsError, match="holds another fleet; continue it with --resume"):
        train_each(config)
    first = tmp_path / "fleet" / "members" / "pump 3" / "checkpoints" / "best.pt"
    before = first.stat().st_mtime_ns
    write_pump(tmp_path / "reels" / "torn", 0.0, 9)  # mended
    resumed = replace(config, train=replace(config.train, resume=True))
    assert train_each(resumed) == tmp_path / "fleet"
    assert first.stat().st_mtime_ns == before
    rows = pd.read_csv(tmp_path / "fleet" / "trained.csv").set_index("reel")
    assert dict(rows["status"]) == dict.fromkeys([*SPIKES, "torn"], "trained") | {"still": "failed"}
    for name in SPIKES:
        ours, theirs = (load_checkpoint(path_of(at / "members" / name, "best")) for at in (fleet, tmp_path / "fleet"))
        assert all(torch.equal(tensor, theirs["model"][key]) for key, tensor in ours["model"].items())
    write_pump(tmp_path / "reels" / "pump_1", 0.0, 77)
    train_each(resumed)
    rows = pd.read_csv(tmp_path / "fleet" / "trained.csv").set_index("reel")
    assert "was trained on other frames than" in rows.loc["pump_1", "reason"]
    with pytest.raises(ConfigError, match=r"was trained with other settings: seed 0 \(given 1\)"):
        train_each(replace(resumed, seed=1))


def test_a_member_that_a_worker_of_a_killed_command_is_still_at_is_waited_for(config, fleet, monkeypatch):
    asked = threading.Event()

    def owned_now(*given):
        asked.set()
        return owned(*given)

    monkeypatch.setattr(members, "owned", owned_now)
    for task in (train_member, evaluate_member):
        asked.clear()
        with ThreadPoolExecutor(1) as other:
            with owned(fleet / "members" / "pump_1", "the killed one", "wait"):
                row = other.submit(task, config, fleet, Path(config.data_clips, "pump_1"))
                asked.wait()
            assert row.result()["reason"] == ""


def test_a_member_that_was_begun_is_begun_anew_and_stays_owned(place, config, tmp_path, monkeypatch):
    """A method, whose half is thrown away; the lock in its folder is not."""
    reel = place / "reels" / "pump_1"
    begun = tmp_path / "members" / reel.name / "checkpoints" / "best.pt"
    begun.parent.mkdir(parents=True)
    begun.write_bytes(b"half")
    fitted = fleet_training.fit

    def fit_with_a_warning(config):
        fleet_training.log.warning("odd")
        return fitted(config)

    monkeypatch.setattr(fleet_training, "fit", fit_with_a_warning)
    with owned(tmp_path / "members" / reel.name, "train", "wait"):
        lock = (tmp_path / "members" / reel.name / LOCK).stat().st_ino
        row = train_member(config, tmp_path, reel)
        assert (row["status"], row["reason"], row["warnings"]) == ("trained", "", "odd")
        assert train_member(config, tmp_path, reel) == row  # it is there, and tells its warnings too
        assert (tmp_path / "members" / reel.name / LOCK).stat().st_ino == lock
    assert begun.stat().st_size > 4


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_workers_make_the_same_files_and_outlive_a_reel_that_ends_them(place, fleet, tmp_path):
    """By a command of its own, which starts and ends them."""
    given = {"data_clips": str(place / "reels"), "model_path": str(tmp_path / "fleet"), "workers": 2, "device": "cpu"}
    given |= {"model": {"name": "window_pca"}}
    given |= {"train": {"each_reel": True, "exclude_utc": [["2012-07-19T08:00", "2013-01-01"]]}}
    (tmp_path / "settings.json").write_text(json.dumps(given))
    ended = warm_main().run("-c", str(tmp_path / "settings.json"), program=deaths.__name__)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines() == [f"fleet: {tmp_path / 'fleet'}", f"index: {tmp_path / 'fleet' / 'index.html'}"]
    assert "3 of 5 reels trained" in ended.stderr
    assert "2 of 5 reels evaluated" in ended.stderr
    rows = pd.read_csv(tmp_path / "fleet" / "results.csv", keep_default_na=False).set_index("reel")
    assert rows.loc[DEADLY, "status"] == "failed"
    assert rows.loc[DEADLY, "reason"].startswith("ended the process that worked on it: ")
    assert list(rows.index) == ["pump_2", "pump 3", "pump_1", "still", "torn"]  # each once
    for name in ("members/pump_2/eval/pump_2/scores.csv", "members/pump 3/eval/pump_3/boxes.csv"):
        assert (tmp_path / "fleet" / name).read_bytes() == (fleet / name).read_bytes()


class Dying:
    """An executor whose workers live no longer than a task."""

    def submit(self, fn, /, *args, **kwargs):
        raise BrokenExecutor("A process in the process pool was terminated abruptly")

    def count(self):
        return 2

    def died_of(self, error):
        return False


def test_where_no_process_lives_it_is_not_taken_for_a_fault_of_thousands_of_reels(config, tmp_path, monkeypatch):
    asked = []

    @contextlib.contextmanager
    def dying(*given, **more):
        asked.append(given)
        yield Dying()

    monkeypatch.setattr(members, "make_executor", dying)
    with pytest.raises(OSError, match="a worker process died"):
        rows_of(evaluate_member, replace(config, workers=2), tmp_path, [tmp_path / f"{i:04}" for i in range(1000)], "")
    assert len(asked) < 40


def test_what_a_fleet_can_not_have_is_refused_before_any_work(place, config, fleet, tmp_path, monkeypatch):
    with pytest.raises(ValueError, match=r"one reel alone, .* leave val_reels out"):
        train_each(settings_in(place, train__val_reels=["a"]))
    with pytest.raises(ValueError, match=r"leave --shard, --join and eval\.joint out"):
        evaluate_each(replace(config, shard="1/2"), fleet)
    monkeypatch.setenv("RANK", "0")
    with pytest.raises(ValueError, match="start it without torchrun"):
        train_each(replace(config, model_path=str(tmp_path / "new")))
    monkeypatch.delenv("RANK")
    with contextlib.chdir(tmp_path), pytest.raises(FileNotFoundError, match="runs holds no fleet to resume"):
        train_each(replace(config, model_path=None, train=replace(config.train, resume=True)))
    still = replace(config, data_clips=str(place / "reels" / "still"), model_path=str(tmp_path / "new"))
    with pytest.raises(ValueError, match=r"none of 1 reels could be trained .*still: nothing varies"):
        train_each(still)
