"""Nets as ONNX: every kind that gives windows back answers as in PyTorch, and the others say why they can't."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import models
from inference.export.onnx_file import (
    as_onnx,
    cummax_by_table,
    cummin_by_table,
    median_by_comparing,
    nanmedian_by_sorting,
    rfft_by_table,
)
from inference.runner.engines.engine import FILES, engine_of
from inference.runner.net import Net, NetJudge
from inference.scorers.nets.weak_net import OUTPUTS
from models.video_model import VideoModel
from tests.support.trainings import fitting, model_config
from tests.support.variants import SMALL, VARIANTS

PICTURES, SERIES = (1, 8, 13, 14), (3, 24, 1, 1)  # (C, T, H, W); no multiple of the strides
DOWN = [{"width": 8, "stride": [2, 2, 2]}]
HALVES = {"mask_fraction": 0.5}  # hidden in two turns instead of four
STRIDED = [{"width": 8, "stride": [1, 2, 2]}, {"width": 8, "kernel": [3, 1, 1], "activation": "gated"}]
# Each trace takes seconds. A plain autoencoder is that of the variants, and test_export.py exports one.
NETS = [
    *((name, PICTURES, HALVES if name == "masked" else {}) for name in VARIANTS),
    ("yan2020", (1, 8, 16, 16), {}),
]
# Two blocks: the exporter takes half a second for each, and they are all alike.
SHORT = {"stages": [{"width": 8, "kernel": [3, 1, 1]}, {"width": 12, "kernel": [3, 1, 1], "dilation": 4}]}
NETS += [
    ("tvnet", SERIES, SHORT),
    ("tvnet", SERIES, SHORT | {"task": "forecast"}),
    ("linear", SERIES, {"task": "forecast"}),
]
NETS += [("tvnet", SERIES, SHORT | {"task": "impute", "mask_block": [4, 1, 1], "mask_fraction": 0.5})]
# Several periods in one block, and several blocks of one: the default has both, six foldings that are all alike.
PERIODS, BLOCKS = (
    {"top_periods": 2, "stages": [{"width": 16}]},
    {"top_periods": 1, "stages": [{"width": 16, "depth": 2}]},
)
NETS += [("timesnet", SERIES, PERIODS), ("timesnet", SERIES, BLOCKS | {"mix_variables": False, "task": "forecast"})]
GATED = {"stages": [{"width": 8, "kernel": [3, 1, 1], "dilation": d, "activation": "gated"} for d in (1, 4)]}
WEAK = [(SERIES, GATED | {"members": 2, "pooling": "attention"}), (PICTURES, {"stages": STRIDED})]


def small_net(name: str, shape: tuple[int, ...], settings: dict) -> VideoModel:
    """A net with weights that show in its output."""
    torch.manual_seed(0)
    series = shape[2:] == (1, 1)
    own = fitting(name, ({} if series or name == "yan2020" else SMALL | {"stages": DOWN}) | settings)
    net = models.build(model_config(**own), shape[0], shape[1])
    with torch.no_grad():
        for weight in net.parameters():
            weight += 0.02 * torch.randn_like(weight)
    return net.eval()


@pytest.mark.parametrize(("name", "shape", "settings"), NETS)
def test_a_net_answers_as_in_pytorch_for_any_number_of_windows(tmp_path, name, shape, settings):
    net = small_net(name, shape, settings)
    runs = in_all_engines(as_onnx(net.portable(), shape), tmp_path)
    for count in (1, 3):
        x = torch.rand(count, *shape)
        with torch.no_grad():
            expected = net(x).numpy()
        assert expected.std() > 0.01
        for run in runs:
            # Sums of at most some thousand products in float32, in another order.
            np.testing.assert_allclose(run(x.numpy()), expected, rtol=0, atol=1e-5 * np.abs(expected).max())


def in_all_engines(graph: bytes, folder: Path) -> list[Net]:
    """A net of ONNX, run in float32 by all that can."""
    made = []
    for engine in map(engine_of, FILES):
        path = folder / f"net{engine.suffix}"
        engine.write(graph, path)
        made.append(Net(engine(path, "fp32", 1)))
    return made


@pytest.mark.parametrize(
    ("name", "shape", "settings", "why"),
    [
        ("timesnet", SERIES, {"task": "classify"}, "scores no frame"),
        ("tvnet", SERIES, {"task": "classify"}, "scores no frame"),
        ("vetime", SERIES, {}, "gives no windows back"),
    ],
)
def test_what_can_not_be_exported_says_why(name, shape, settings, why):
    net = models.build(model_config(**fitting(name, settings)), shape[0], shape[1], classes=2)
    with pytest.raises(ValueError, match=why):
        net.portable()


@pytest.mark.parametrize(("shape", "settings"), WEAK)
def test_a_net_of_window_labels_gives_logits_of_windows_frames_and_places(tmp_path, shape, settings):
    net = small_net("wetas", shape, settings)
    judges, x = map(NetJudge, in_all_engines(as_onnx(net.portable(), shape, OUTPUTS), tmp_path)), torch.rand(3, *shape)
    with torch.no_grad():
        expected = net(x)
        expected = (expected.window, expected.dense, net.places(x))
    for judge in judges:
        found = (*judge.logits(x.numpy()), judge.places(x.numpy()))
        for ours, theirs in zip(found, expected, strict=True):
            assert theirs.std() > 1e-3
            np.testing.assert_allclose(ours, theirs.numpy(), rtol=0, atol=1e-5 * theirs.abs().max().item())


VALUES = st.one_of(st.floats(-100, 100, width=32), st.just(float("nan")))


@given(st.lists(st.lists(VALUES, min_size=4, max_size=4), min_size=1, max_size=20), st.booleans())
def test_a_median_is_the_median(rows, keepdim):
    x = torch.tensor(rows)
    values, places = nanmedian_by_sorting(x, 0, keepdim)
    torch.testing.assert_close(values, x.nanmedian(0, keepdim).values, rtol=0, atol=0, equal_nan=True)
    known = x.nan_to_num(0.0)
    values, places = median_by_comparing(known, 0, keepdim)
    torch.testing.assert_close(values, known.median(0, keepdim).values, rtol=0, atol=0)
    torch.testing.assert_close(known.gather(0, places if keepdim else places[None])[0], values.reshape(4))


@given(st.integers(1, 300), st.integers(0, 99))
def test_a_transform_by_a_table_is_that_of_fourier(length, seed):
    x = torch.randn(2, length, generator=torch.Generator().manual_seed(seed))
    exact = torch.fft.rfft(x.double())
    torch.testing.assert_close(rfft_by_table(x, -1).to(exact.dtype), exact, rtol=0, atol=1e-6 * length)


@given(st.lists(st.lists(st.integers(-9, 9), min_size=3, max_size=3), min_size=1, max_size=9), st.sampled_from([0, 1]))
def test_running_extremes_by_a_table_are_those(rows, dim):
    x = torch.tensor(rows)
    for by_table, known in ((cummax_by_table, torch.cummax), (cummin_by_table, torch.cummin)):
        values, places = by_table(x, dim)
        assert torch.equal(values, known(x, dim).values)
        assert torch.equal(x.gather(dim, places), values)
