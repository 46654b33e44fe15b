"""What the camera's rules call clouds is no quiet sample, nor what lies beside it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.calibration.quiet.ranges import QuietRange
from inference.camera.clear import clear_frames
from tests.support.reels import make_reel
from tests.support.sun_events import solar_reel

SIDE, FRAMES, CLIP, CADENCE_S = 32, 80, 4, 60.0
ROWS, COLUMNS = np.mgrid[:SIDE, :SIDE]


def sun(clouds=(), black=(), seed=0):
    """A mottled disc (T, H, W); clouds: (first, last, share of the light that they take), which come and go within a
    frame in which they cover a quarter of the disc at the most."""
    random = np.random.default_rng(seed)
    disc = np.where(np.hypot(ROWS - 15.5, COLUMNS - 15.5) < 13, 200.0, 20.0) * random.uniform(0.8, 1.2, (SIDE, SIDE))
    flux = disc * (1 + 0.01 * random.standard_normal((FRAMES, SIDE, SIDE)))
    for first, last, depth in clouds:
        flux[first : last + 1] *= 1 - depth
        flux[[first - 1, last + 1], :, :10] *= 1 - depth
    flux[list(black)] = 0
    return flux.astype(np.float32)


def quiet_of(reel):
    return [QuietRange(reel, 0, 60, "train", reel.name), QuietRange(reel, 60, FRAMES, "val", reel.name)]


def frames_of(ranges):
    return {index for r in ranges for index in range(r.begin, r.end)}


@settings(max_examples=4)
@given(first=st.integers(10, 50), lasts=st.integers(1, 6), depth=st.floats(0.15, 0.9), seed=st.integers(0, 9))
def test_clouds_and_their_edges_are_no_quiet_frames(tmp_path_factory, first, lasts, depth, seed):
    reel = solar_reel(
        tmp_path_factory.mktemp("r") / "r", sun([(first, first + lasts - 1, depth)], seed=seed), CADENCE_S, 50.0
    )
    left = frames_of(clear_frames(quiet_of(reel), {}, CLIP))
    assert left.isdisjoint(range(first - 2, first + lasts + 2))
    assert left >= set(range(first - 12)) | set(range(first + lasts + 12, FRAMES))


def test_a_clear_sun_is_quiet_throughout(tmp_path):
    reel = solar_reel(tmp_path / "r", sun(), CADENCE_S, 80.0)
    assert clear_frames(quiet_of(reel), {}, CLIP) == quiet_of(reel)


def test_lost_frames_are_none_and_what_lies_beside_them_is(tmp_path):
    reel = solar_reel(tmp_path / "r", sun(black=[40]), CADENCE_S, 80.0)
    assert frames_of(clear_frames(quiet_of(reel), {}, CLIP)) == set(range(FRAMES)) - {40}


def test_where_clouds_are_usual_they_count_and_that_is_said(tmp_path, capfd):
    clouds = [(first, first + 2, 0.5) for first in range(4, 76, 12)]
    reel = solar_reel(tmp_path / "r", sun(clouds), CADENCE_S, 80.0)
    assert clear_frames(quiet_of(reel), {}, CLIP) == quiet_of(reel)
    assert "they count as quiet" in capfd.readouterr().err


def test_of_what_is_no_disc_or_seen_too_rarely_nothing_is_asked(tmp_path, monkeypatch):
    monkeypatch.setattr("inference.camera.clear.learn", lambda *_: pytest.fail("looked at the frames"))
    clouded = sun([(40, 44, 0.5)])
    for reel in (solar_reel(tmp_path / "a", clouded, 900.0, 80.0), make_reel(tmp_path / "b", clouded[:, None], 60.0)):
        assert clear_frames(quiet_of(reel), {}, CLIP) == quiet_of(reel)
