"""prep.transfer and prep.colormap: what a movie made of light is undone, and only of pictures of 8 bits."""

import cv2
import matplotlib
import numpy as np
import pytest

from config import PrepConfig
from data.frames.grid.transfer import LUMA, is_undone, light_of_levels, step_of, to_light
from data.reel.stretch import Stretch
from data.sources.base import FrameError
from tests.support.telemetry import only, prepared


@pytest.mark.parametrize(("transfer", "shown"), [("log", lambda v: np.log(v)), ("sqrt", np.sqrt)])
def test_levels_become_proportional_to_light(transfer, shown):
    light = np.geomspace(1, 300, 50)
    scaled = (shown(light) - shown(light[0]) * (transfer == "log")) / shown(light[-1])
    levels = np.rint(255 * scaled).astype(np.uint8)
    found = to_light(levels[None], PrepConfig(transfer=transfer))[0]
    expected = light - 1 if transfer == "log" else light
    ratio = found[levels > 20] / expected[levels > 20]
    assert ratio.max() / ratio.min() < 1 + 2 * 0.5 / 20 * np.log(
        300
    )  # half a level, of 20 at least, up to the log's slope


@pytest.mark.parametrize("line", [94, 131, 171, 193, 211, 304, 335, 1600])
def test_a_colour_table_is_undone_to_half_a_level(line):
    import sunpy.visualization.colormaps  # noqa: F401

    index = np.arange(256)
    gray = np.rint(matplotlib.colormaps[f"sdoaia{line}"](index, bytes=True)[:, :3] @ LUMA).astype(np.uint8)
    found = light_of_levels("linear", 300.0, f"sdoaia{line}")[gray]
    steepest = np.diff(
        np.interp(np.arange(256), matplotlib.colormaps[f"sdoaia{line}"](index, bytes=True)[:, :3] @ LUMA, index)
    ).max()
    assert np.abs(found - index).max() <= 0.5 * steepest + 0.5


def test_light_never_falls_and_fills_the_scale():
    for transfer in ("linear", "log", "sqrt"):
        light = light_of_levels(transfer, 300.0, None)
        assert (np.diff(light) >= 0).all()
        assert (light[0], light[-1]) == (0.0, pytest.approx(255.0))


def test_unknown_and_ambiguous_tables_and_deep_pixels_are_refused():
    with pytest.raises(ValueError, match="no colour table"):
        light_of_levels("log", 300.0, "sdoaia999")
    with pytest.raises(ValueError, match="not always brighter"):
        light_of_levels("log", 300.0, "hsv")
    with pytest.raises(FrameError, match="8 bits"):
        to_light(np.zeros((2, 2), np.uint16), PrepConfig(transfer="log"))


def test_a_colour_table_is_not_undone_from_colours():
    with pytest.raises(ValueError, match="leave colour at gray"):
        PrepConfig(colormap="sdoaia171", colour="rgb")


def test_nothing_is_undone_by_default():
    assert not is_undone(PrepConfig())
    assert step_of(PrepConfig(transfer="log", colormap="sdoaia171")).startswith("colour table sdoaia171 undone")


def test_through_prep_a_flare_is_as_large_on_a_bright_loop_as_on_a_dark_place(tmp_path):
    light = np.ones((4, 16, 16))
    light[:, :, 8:] = 60.0
    light[3, 4:8, 2:6] += 100
    light[3, 4:8, 10:14] += 100
    (tmp_path / "raw").mkdir()
    for t, frame in enumerate(light):
        cv2.imwrite(str(tmp_path / "raw" / f"{t}.png"), np.rint(255 * np.log(frame) / np.log(300)).astype(np.uint8))
    reel = only(prepared(tmp_path / "raw", tmp_path / "reels", transfer="log", resize=None, repeats="keep"))
    added = reel.physical(3, 4)[0, 0] - reel.physical(2, 3)[0, 0]
    assert added[5, 11] == pytest.approx(added[5, 3], rel=0.05)
    assert reel.stretches[0].kind == "asinh"
    assert "levels taken for the log of light over a range of 300" in reel.meta["calibration"]
    plain = only(prepared(tmp_path / "raw", tmp_path / "plain", resize=None, repeats="keep"))
    assert plain.stretches == [Stretch("linear", 1.0, 255.0)]
    assert plain.meta["identity"] != reel.meta["identity"]
