"""Several processes train like one with the batch of all of them."""

import json
from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import config
from config import ConfigError
from inference.fit import fit
from tests.support import in_team
from tests.support.trainings import small_config, small_reel, weights_of
from tests.support.variants import VARIANTS, run_config
from tests.support.warm import warm_main
from training.checkpoint import load
from training.distributed import Batches, Processes, epoch_order
from training.engine import Trainer
from training.loader import open_data
from training.places import path_of
from training.train import train

SETTINGS = {"train__drop_last": False, "train__loss": "mse_ssim", "train__lr": 3e-3, "train__amp": "off"}


@given(
    n=st.integers(1, 200),
    batch_size=st.integers(1, 9),
    world=st.integers(1, 5),
    epoch=st.integers(0, 5),
    part_done=st.floats(0, 1),
)
def test_every_window_comes_once_an_epoch_over_all_processes(n, batch_size, world, epoch, part_done):
    team = [Batches(n, batch_size, 0, drop_last=False, rank=rank, world=world) for rank in range(world)]
    first = int(part_done * len(team[0]))
    for batches in team:
        batches.start(epoch, first=first)
    shares = [list(batches) for batches in team]
    order = epoch_order(n, 0, epoch)
    assert len({len(share) for share in shares}) == 1, "processes must step together"
    seen = []
    for i, parts in enumerate(zip(*shares, strict=True)):
        weights = [batches.shares(first + i) for batches in team]
        assert sum(mine for mine, _ in weights) == weights[0][1]
        kept = [part[:mine] for part, (mine, _) in zip(parts, weights, strict=True)]
        assert all(part for part in parts), "an empty share can't run"
        assert max(map(len, parts)) <= batch_size
        seen += chain.from_iterable(kept)
    assert seen == order[first * batch_size * world :].tolist()


@given(n=st.integers(1, 200), batch_size=st.integers(1, 9), world=st.integers(1, 5))
def test_drop_last_leaves_out_only_an_incomplete_batch(n, batch_size, world):
    if n < batch_size * world:
        with pytest.raises(ValueError, match=r"don't fill one batch .* set train.drop_last=false"):
            Batches(n, batch_size, 0, drop_last=True, world=world)
        return
    batches = Batches(n, batch_size, 0, drop_last=True, world=world)
    assert len(batches) == n // (batch_size * world)
    assert {len(part) for part in batches} == {batch_size}


def test_the_order_is_a_pure_function_of_seed_and_epoch():
    assert np.array_equal(epoch_order(50, 1, 2), epoch_order(50, 1, 2))
    orders = {tuple(epoch_order(50, seed, epoch)) for seed in range(4) for epoch in range(4)}
    assert len(orders) == 16
    assert {tuple(sorted(order)) for order in orders} == {tuple(range(50))}


def test_batch_normalisation_on_several_cpu_processes_is_refused():
    team = Processes(rank=0, world=2, device=torch.device("cpu"))
    with pytest.raises(ValueError, match=r"normalises over the batch.*train it in one process"):
        team.wrap(nn.Sequential(nn.Conv3d(1, 2, 1), nn.BatchNorm3d(2)))


def variant_config(folder: Path, run: str, name: str, batch_size: int) -> config.Config:
    asked = config.as_dict(run_config(folder / "few", folder / f"{name}_{run}", name))
    plain = {key.replace("__", "."): value for key, value in SETTINGS.items()}
    return config.load(None, asked | plain | {"train.batch_size": batch_size})


@pytest.fixture(scope="module")
def two_processes(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("distributed")
    small_reel(folder / "clips" / "sun", T=150)
    small_reel(folder / "few" / "sun", T=90)
    for name in VARIANTS:
        (folder / f"{name}.yaml").write_text(config.dump(variant_config(folder, "two", name, batch_size=4)))
    launch = ["--standalone", "--nproc-per-node", "2", "--module", in_team.__name__]
    arguments = [folder / "clips", folder / "two", folder / "read", json.dumps(SETTINGS)]
    arguments += [folder / f"{name}.yaml" for name in VARIANTS]
    done = warm_main().run(*launch, *map(str, arguments), program="torch.distributed.run")
    assert done.returncode == 0, done.stderr
    return folder


def test_two_processes_learn_like_one_with_the_doubled_batch(two_processes):
    asked = small_config(two_processes / "clips", two_processes / "one", train__batch_size=8, **SETTINGS)
    one, two = (pd.read_csv(run / "metrics.csv") for run in (train(asked), two_processes / "two"))
    for column, tolerance in {"step": 0, "lr": 0, "train_loss": 1e-3, "val_loss": 1e-3, "grad_norm": 1e-3}.items():
        assert two[column].to_numpy() == pytest.approx(one[column].to_numpy(), rel=tolerance), column
    weights = [load(path_of(two_processes / run, "last"))["model"] for run in ("one", "two")]
    for name, expected in weights[0].items():
        assert torch.allclose(weights[1][name], expected, rtol=1e-3, atol=1e-4), name


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_learns_in_two_processes_as_in_one(two_processes, name, one_thread):
    one = train(variant_config(two_processes, "one", name, batch_size=8))
    expected, found = (pd.read_csv(run / "metrics.csv") for run in (one, two_processes / f"{name}_two"))
    for column in ("train_loss", "val_loss", "grad_norm"):
        assert found[column].to_numpy() == pytest.approx(expected[column].to_numpy(), rel=1e-3), column


def test_every_window_is_read_once_an_epoch_by_one_of_two_processes(two_processes):
    data = open_data(small_config(two_processes / "clips", None))
    read = [[int(line) for line in (two_processes / f"read.{rank}").read_text().split()] for rank in (0, 1)]
    both = pd.Series(read[0] + read[1]).value_counts()
    assert len(data.train) % 8 not in (0, 1), "the last batch should be incomplete, and have a window for both"
    assert (both[data.train.windows.start] == 3).all()
    example = data.val.windows.start[0]
    assert (both[data.val.windows.start[1:]] == 3).all()
    assert both[example] == 6, "validated, and drawn, once an epoch"
    assert all(set(data.train.windows.start) & set(part) for part in read)


def test_only_the_main_process_writes(two_processes):
    run = two_processes / "two"
    assert len(list((run / "tensorboard").iterdir())) == 1
    assert sorted(p.name for p in (run / "checkpoints").iterdir()) == ["best.pt", "epoch_0002.pt", "last.pt"]


def test_resuming_with_another_number_of_processes_is_refused(two_processes):
    asked = small_config(two_processes / "clips", two_processes / "two", train__resume=True, **SETTINGS)
    with pytest.raises(ConfigError, match=r"was trained on 2 processes, not 1; resume it with torchrun"):
        train(asked)


def test_where_torchrun_may_restart_processes_a_named_run_is_begun_or_gone_on_with(tmp_path, monkeypatch):
    """Stopped in its second epoch and started by the same command, it ends with the weights of one that never was."""
    small_reel(tmp_path / "clips" / "cam", T=60)
    settings = {"train__epochs": 2, "train__amp": "off"}
    whole = fit(small_config(tmp_path / "clips", tmp_path / "whole", **settings))
    asked, saved = small_config(tmp_path / "clips", tmp_path / "stopped", **settings), Trainer.save

    def save_and_die(trainer, which):
        saved(trainer, which)
        if which == "last":
            raise KeyboardInterrupt

    monkeypatch.setenv("TORCHELASTIC_MAX_RESTARTS", "2")
    monkeypatch.setattr(Trainer, "save", save_and_die)
    with pytest.raises(KeyboardInterrupt):
        fit(asked)
    monkeypatch.undo()
    with pytest.raises(FileExistsError, match="holds the checkpoints of another run"):
        fit(asked)
    monkeypatch.setenv("TORCHELASTIC_MAX_RESTARTS", "2")
    assert torch.equal(weights_of(fit(asked)), weights_of(whole))
    assert len(pd.read_csv(tmp_path / "stopped" / "metrics.csv")) == 2
