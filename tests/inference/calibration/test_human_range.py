"""Whatever stands still: a score counts in grey levels there, so that thresholds are numbers a human can read."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config import EvalConfig
from data.reel.stretch import Stretch
from data.reel.views.common_mode import common_mode
from inference.calibration.calibrate import measure
from inference.calibration.quiet.ranges import QuietRange
from inference.camera.bounds import ALL_PASS
from inference.methods import FOR_SERIES, METHODS
from tests.support.reels import make_reel

LEVELS = Stretch("linear", 1.0, 255.0)
T, SIDE = 60, 20
MOST = 1e4  # all 255 levels at once, where the least spread is half of a twentieth of one
WITHOUT_A_NET = [name for name in METHODS if name not in (*FOR_SERIES, "expected")]


def screen(changes: int, seed: int) -> np.ndarray:
    """A picture (T, 1, SIDE, SIDE) of grey levels that stands still but for `changes` squares, each at some frames."""
    random = np.random.default_rng(seed)
    frames = np.repeat(random.integers(0, 256, (1, 1, SIDE, SIDE)), T, axis=0)
    for _ in range(changes):
        y, x, t = (int(random.integers(0, n)) for n in (SIDE - 4, SIDE - 4, T))
        frames[t : t + int(random.integers(1, 9)), :, y : y + 4, x : x + 4] = random.integers(0, 256)
    return (frames / 255).astype(np.float32)


def level_of(name: str, folder, frames: np.ndarray, wanted: EvalConfig) -> float:
    """The highest level of the quiet frames, and with it the threshold as far as it is no tail."""
    reel = make_reel(folder / "reel", frames, 0.1, stretch=[LEVELS], start_utc=None)
    quiet = [QuietRange(reel, 0, 40, "train"), QuietRange(reel, 40, T, "val")]
    method = METHODS[name](METHODS[name].Config(name), {}, {"intensity": LEVELS}, 8)
    method.fit(quiet, seed=0)
    made, _ = measure(method, quiet, method.settings_on(reel, wanted), folder, ALL_PASS)
    return max(float(made.levels.max()), made.thresholds(wanted)[1])


@pytest.mark.parametrize("common_mode", [True, False])
@pytest.mark.parametrize("name", [n for n in WITHOUT_A_NET if n not in ("flow", "objects", "excess")])
def test_thresholds_of_still_scenes_are_in_a_human_range(tmp_path, name, common_mode):
    for changes in (0, 3, 12):
        folder = tmp_path / str(changes)
        folder.mkdir()
        found = level_of(name, folder, screen(changes, changes), EvalConfig(common_mode=common_mode))
        assert 0 <= found < MOST


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([0.0, 1 / 255, 1 / 65535]), st.floats(0, 0.02))
def test_the_scatter_is_a_grey_level_at_least_and_otherwise_as_without(seed, quantum, noise):
    random = np.random.default_rng(seed)
    brightness, everywhere = random.random((24, 24)).astype(np.float32), np.ones((24, 24), bool)
    difference = (noise * random.standard_normal((24, 24))).astype(np.float32)
    (shared, scatter), (plain, usual) = (
        common_mode(difference, brightness, everywhere, quantum=q) for q in (quantum, 0)
    )
    np.testing.assert_array_equal(shared, plain)
    assert scatter.min() >= quantum * (1 - 1e-6)
    if usual.min() > 2 * quantum + 2 * np.abs(plain).max():  # it has no part in it
        np.testing.assert_array_equal(scatter, usual)


@pytest.mark.parametrize(
    ("stretch", "quantum"),
    [(LEVELS, 1 / 255), (Stretch("linear", 1.0, 65535.0), 1 / 65535), (Stretch("linear", 1.0, 1.0), 0.0),
     (Stretch("asinh", 3.0, 255.0), 0.0), (Stretch("affine", 0.0, 255.0), 0.0)],
)  # fmt: skip
def test_only_levels_have_a_quantum(stretch, quantum):
    assert stretch.quantum == quantum
