"""Common mode, smoothing and the residual stream, each against what it must and must not remove."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import models
from config import load
from data.reel.mask_bits import INVALID
from data.reel.stretch import Stretch
from data.reel.views.common_mode import common_mode, most_explained
from inference.scorers.nets.net import Detector
from inference.scorers.nets.residual import clean_residual
from inference.scorers.nets.windowed import score_frames, through
from inference.scorers.nets.windows import Window, covering_windows, first_answered, windows_over
from models.video_model import PixelModel
from tests.support import oracles
from tests.support.reels import drifting_blobs, make_reel
from tests.support.rounding import rounding
from tests.support.trainings import SMALL_MODEL, fitting, model_config

CPU = torch.device("cpu")


def eval_settings(**keys):
    return load(None, {f"eval.{k}": v for k, v in keys.items()}).eval


class Blur(PixelModel):
    """A reconstruction without training: the mean of each pixel over the window."""

    def forward(self, x):
        return x.mean(dim=2, keepdim=True).expand_as(x)


def detector(reel, length=8):
    return Detector(Blur(), dict(zip(reel.channels, reel.stretches, strict=True)), length, CPU)


def scene(seed=0):
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:64, :64]
    brightness = np.exp(-((y - 32) ** 2 + (x - 32) ** 2) / 500).astype(np.float32)
    return brightness, rng.normal(0, 0.002, (64, 64)).astype(np.float32)


@pytest.mark.parametrize("seed", range(4))
def test_common_mode_equals_its_definition(seed):
    rng = np.random.default_rng(seed)
    brightness = (1.5 * rng.random((48, 56)) ** 3 - 0.1).astype(np.float32)  # some beyond 0 and 1
    difference = rng.normal(0, 0.01 + 0.1 * np.abs(brightness)).astype(np.float32)
    valid = rng.random((48, 56)) > 0.1 * seed
    for fast, slow in zip(
        common_mode(difference, brightness, valid), oracles.common_mode(difference, brightness, valid), strict=True
    ):
        np.testing.assert_allclose(fast, slow, rtol=1e-5, atol=1e-7)


CAMERAS = [lambda b: 0.1 * b, lambda b: 0.05 * np.exp(-((b / 0.2) ** 2)), lambda b: 0.03 + 0 * b]


@pytest.mark.parametrize("camera", CAMERAS, ids=["gain", "noise floor", "offset"])
def test_common_mode_takes_out_what_the_camera_does(camera):
    brightness, noise = scene()
    difference = noise + camera(brightness)
    shared, scatter = common_mode(difference, brightness, np.ones((64, 64), bool))
    assert np.sqrt(np.mean((difference - shared) ** 2)) < 1.6 * noise.std()
    assert (np.abs(difference - shared) / scatter).mean() < 1.0


def test_scatter_is_the_noise_of_each_brightness():
    brightness = scene()[0]
    spread = 0.001 + 0.02 * brightness
    difference = np.random.default_rng(1).normal(0, 1, (64, 64)) * spread
    _, scatter = common_mode(difference.astype(np.float32), brightness, np.ones((64, 64), bool))
    np.testing.assert_allclose(np.median(scatter / spread), 1.0, atol=0.15)


def test_clipped_pixels_are_judged_together_wherever_they_are():
    brightness = np.zeros((64, 64), np.float32)
    brightness[:32] += np.linspace(0.2, 0.8, 64)
    lifted = np.zeros((64, 64), np.float32)
    lifted[32:] = np.linspace(0, 0.05, 32)[:, None]  # the dark half, lifted more and more towards its edge
    shared, scatter = common_mode(lifted, brightness, np.ones((64, 64), bool))
    assert (np.abs(lifted - shared) / scatter)[32:].max() < 1.5


@given(share=st.floats(0.1, 0.95), seed=st.integers(0, 2**16))
def test_what_is_lost_is_not_explained_away(share, seed):
    brightness, noise = scene()
    lost = np.random.default_rng(seed).permutation(64) < round(share * 64)  # rows
    difference = np.where(lost[:, None], -brightness, noise)
    scores = []
    for case in (noise, difference):
        everywhere = np.ones((64, 64), bool)
        shared, scatter = common_mode(case, brightness, everywhere, most_explained(brightness, everywhere))
        scores.append((np.abs(case - shared) / scatter).mean())
    assert scores[1] > 1.2 * scores[0]


@given(side=st.integers(2, 30), seed=st.integers(0, 2**16), sign=st.sampled_from([-1, 1]))
def test_a_stronger_event_never_scores_less(side, seed, sign):
    brightness, noise = scene()
    y, x = np.random.default_rng(seed).integers(0, 64 - side, 2)
    peaks = []
    for sigmas in (3, 10, 30, 1e2, 1e3, 1e6):
        case = noise.copy()
        case[y : y + side, x : x + side] += sign * sigmas * noise.std()
        shared, scatter = common_mode(case, brightness, np.ones((64, 64), bool))
        peaks.append((np.abs(case - shared) / scatter)[y : y + side, x : x + side].max())
    assert all(after >= before for before, after in pairwise(peaks))


def test_common_mode_leaves_a_local_event_alone():
    brightness, noise = scene()
    event = np.zeros_like(noise)
    event[20:28, 30:38] = 0.3
    shared, scatter = common_mode(noise + event, brightness, np.ones((64, 64), bool))
    assert (noise + event - shared)[20:28, 30:38].min() > 0.25
    assert ((noise + event - shared) / scatter)[20:28, 30:38].min() > 20


def test_invalid_pixels_neither_count_nor_show():
    brightness, noise = scene()
    valid = np.ones((64, 64), bool)
    valid[:10] = False
    spoiled = noise.copy()
    spoiled[~valid] = 1e3
    for spoilt, clean in zip(*(common_mode(d, brightness, valid) for d in (spoiled, noise)), strict=True):
        np.testing.assert_array_equal(spoilt[valid], clean[valid])
    residual, _ = clean_residual((brightness + spoiled)[None], brightness[None], valid, eval_settings())
    assert (residual[~valid] == 0).all()
    assert residual.max() < 10  # in scatters


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("share", [0.0, 0.9, 1.0])
@pytest.mark.parametrize("chosen", [{}, {"score": "residual"}, {"common_mode": False}])
def test_a_clean_residual_is_the_one_that_is_written_plainly(channels, share, chosen):
    """To the bit, by the plain difference and by an error in its place, and what it is made of stays as it was."""
    rng, settings = np.random.default_rng(channels), eval_settings(smooth_px=0.0, **chosen)
    brightness = np.stack([scene()[0] for _ in range(channels)])
    frame = brightness + rng.normal(0, 0.02, brightness.shape).astype(np.float32)
    valid, error, before = rng.random((64, 64)) < share, rng.random((64, 64), np.float32), frame.copy()
    shared, scatter = np.zeros_like(frame), np.ones_like(frame)
    if settings.common_mode:
        for k in range(channels):
            most = most_explained(brightness[k], valid) if share else np.inf
            shared[k], scatter[k] = common_mode(frame[k] - brightness[k], brightness[k], valid, most)
    scatter = scatter if settings.score == "standardised" else np.ones_like(frame)
    plain = (np.abs(frame - brightness - shared) / scatter).mean(axis=0)
    of_error = np.maximum(error - np.abs(shared).mean(axis=0), 0) / scatter.mean(axis=0)
    common = float(np.sqrt(np.mean(shared[:, valid] ** 2))) if share else 0.0
    for given_error, expected in ((None, plain), (error, of_error)):
        found, rms = clean_residual(frame, brightness, valid, settings, given_error)
        np.testing.assert_array_equal(found, np.where(valid, expected, 0))
        assert rms == common
    np.testing.assert_array_equal(frame, before)


def test_only_the_standardised_score_is_in_units_of_the_frames_scatter():
    brightness, noise = scene()
    frame, valid = (brightness + noise)[None], np.ones((64, 64), bool)
    shared, scatter = common_mode(frame[0] - brightness, brightness, valid)
    left = np.abs(frame[0] - brightness - shared)
    for score, expected in (("residual", left), ("standardised", left / scatter)):
        found, _ = clean_residual(frame, brightness[None], valid, eval_settings(score=score, smooth_px=0.0))
        np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert np.abs(scatter - 1).min() > 0.5  # so that the two differ


def test_stream_gives_every_covered_frame_once_and_its_residual(tmp_path):
    frames = drifting_blobs(60)
    times = np.arange(60) * 12.0
    times[30:] += 600  # a gap
    times[53:] += 600  # and a stretch shorter than a window
    reel = make_reel(tmp_path / "r", frames, times_s=times)
    plain = eval_settings(common_mode=False, smooth_px=0.0, stride=3)
    starts = covering_windows(reel, 8, 3)
    found = {f.index: f for f in score_frames(detector(reel), reel, starts, plain)}
    assert sorted(found) == list(range(53))
    recon = {t: [] for t in found}
    for start, _ in starts:
        for t in range(start, start + 8):
            recon[t].append(frames[start : start + 8, 0].mean(axis=0))
    for t, frame in found.items():
        expected = np.abs(frames[t, 0] - np.mean(recon[t], axis=0))
        # A mean over the 8 frames of a window, one over the 3 windows of a frame, and the difference.
        np.testing.assert_allclose(frame.residual, expected, atol=rounding(8 + 3 + 1, frames.max()))


@pytest.mark.parametrize("how", ["max", "percentile"])
def test_other_folds_use_every_windows_own_error(tmp_path, how):
    frames = drifting_blobs(24)
    reel = make_reel(tmp_path / "r", frames)
    keys = {"overlap": how, "overlap_percentile": 100.0, "stride": 2, "common_mode": False, "smooth_px": 0.0}
    starts = covering_windows(reel, 8, 2)
    scored = list(score_frames(detector(reel), reel, starts, eval_settings(**keys)))
    assert [f.index for f in scored] == list(range(24))
    for f in scored:
        errors = [
            np.abs(frames[f.index, 0] - frames[s : s + 8, 0].mean(axis=0)) for s, _ in starts if s <= f.index < s + 8
        ]
        np.testing.assert_allclose(f.residual, np.max(errors, axis=0), atol=rounding(8 + 1, frames.max()))


def test_batch_size_does_not_change_the_scores(tmp_path):
    reel = make_reel(tmp_path / "r", drifting_blobs(40))
    starts = covering_windows(reel, 8, 4)
    one, many = (
        [f.residual for f in score_frames(detector(reel), reel, starts, eval_settings(batch_size=b))] for b in (1, 5)
    )
    np.testing.assert_allclose(one, many, atol=1e-6)


@given(windows=st.integers(1, 12), batch=st.integers(1, 4), fails=st.one_of(st.none(), st.integers(0, 11)))
def test_what_is_read_ahead_comes_in_order_and_no_more_than_two_batches(windows, batch, fails):
    """And where reading fails, what was read before it comes first, and nothing is read behind it."""
    taken, given_out = [], []

    class Reel:
        stretches, channels, is_series = [Stretch("affine", 0.0, 1.0)], ["intensity"], False

        def read(self, start, stop):
            if start == fails:
                raise OSError("the disk is gone")
            return np.full((stop - start, 1, 2, 2), start, np.float32), np.zeros((stop - start, 2, 2), np.uint8)

    def asked():
        for start in range(windows):
            taken.append(start)
            assert start < batch * (len(given_out) + 3)
            yield Window(start)

    reader = Detector(Blur(), {}, 4, CPU)
    stream = through(lambda b: b[:, 0, 0, 0, 0].tolist(), reader, Reel(), asked(), batch)
    try:
        for part, _, found in stream:
            assert found == [float(w.start) for w in part]
            given_out.append(part)
        assert fails is None or fails >= windows
    except OSError:
        assert max(taken) < batch * (fails // batch + 1)
    seen = [w.start for part in given_out for w in part]
    whole = windows if fails is None or fails >= windows else fails // batch * batch
    assert seen == list(range(whole))


def test_a_reel_in_another_scaling_scores_the_same(tmp_path):
    frames = np.clip(drifting_blobs(24), 0, None)
    a, b = Stretch("asinh", 100.0, 5000.0), Stretch("asinh", 300.0, 9000.0)
    ours = make_reel(tmp_path / "a", frames, channels=["171"], stretch=[a])
    theirs = make_reel(tmp_path / "b", b.forward(a.inverse(frames)), channels=["171"], stretch=[b])
    starts = covering_windows(ours, 8, 4)
    one, two = ([f.residual for f in score_frames(detector(ours), r, starts, eval_settings())] for r in (ours, theirs))
    # Frames go through asinh and back, which grows what was rounded by up to asinh(50) = 4.6; then come means over 8
    # frames and 3 windows, and the difference.
    np.testing.assert_allclose(one, two, atol=rounding(2 * 5 + 8 + 3 + 1, frames.max()))


def test_masked_pixels_are_valid_false(tmp_path):
    masks = np.zeros((16, 24, 24), np.uint8)
    masks[:, :5] = INVALID
    reel = make_reel(tmp_path / "r", drifting_blobs(16), masks=masks)
    scored = list(score_frames(detector(reel), reel, covering_windows(reel, 8, 4), eval_settings()))
    assert len(scored) == 16
    for f in scored:
        assert not f.valid[:5].any()
        assert f.valid[5:].all()


@given(st.data())
def test_windows_answer_for_every_frame_they_can_and_in_order(data):
    length = data.draw(st.integers(2, 9))
    count = data.draw(st.integers(1, length))
    answers, begin = slice(length - count, length), data.draw(st.integers(0, 5))
    end, stride = begin + data.draw(st.integers(length, 40)), data.draw(st.integers(1, 12))
    windows = windows_over(begin, end, length, stride, answers)
    firsts = [first_answered(w, length, answers) for w in windows]
    assert firsts == sorted(set(firsts))
    assert all(begin <= w.start <= end - length for w in windows)
    covered = {f for first in firsts for f in range(first, first + count)}
    # A frame can be answered for when enough frames lie on one side of it.
    known = length - count
    possible = {f for f in range(begin, end) if f - begin >= known or end - 1 - f >= known}
    assert covered == possible


@pytest.mark.parametrize("name", ["autoencoder", "masked", "prediction", "yan2020"])
def test_by_2d_convolutions_a_net_answers_as_it_was_trained(name):
    torch.manual_seed(0)
    model = models.build(model_config(**fitting(name, SMALL_MODEL)), 1, 8).eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight += 0.02 * torch.randn_like(weight)
    found, x = Detector(model, {}, 8, CPU), np.random.default_rng(0).random((2, 1, 8, 16, 16), np.float32)
    found.amp = "off"
    with torch.no_grad():
        expected = model(torch.from_numpy(x)).numpy().swapaxes(1, 2)
    # Sums of at most some thousand products in float32, in another order.
    np.testing.assert_allclose(found.reconstruct(x), expected, rtol=0, atol=1e-5 * np.abs(expected).max())
    assert found.net_for(x, torch.float32) is not model
    assert found.model is model  # whose weights have the names that checkpoints know
    assert found.net_for(x, torch.bfloat16) is model  # in which 3D convolutions are as fast
    assert found.net_for(x[..., :1, :1], torch.float32) is model


class Echo(PixelModel):
    """Predicts the last two frames as copies of the third last."""

    def answers(self, T):
        return slice(T - 2, T)

    def forward(self, x):
        return torch.cat([x[:, :, :-2], x[:, :, -3:-2].expand(-1, -1, 2, -1, -1)], dim=2)


def test_a_prediction_is_compared_where_it_was_made_and_backwards_at_the_start(tmp_path):
    reel = make_reel(tmp_path / "r", drifting_blobs(20, 16, 16))
    echo = Detector(Echo(), dict(zip(reel.channels, reel.stretches, strict=True)), 6, CPU)
    plain = eval_settings(score="residual", common_mode=False, smooth_px=0.0, stride=2)
    found = {f.index: f for f in echo.frames(reel, 0, 20, plain)}
    assert list(found) == list(range(20))
    frames = reel.frames[:]
    for index, copied in ((0, 2), (1, 2), (2, 4), (3, 4), (4, 3), (5, 3), (10, 9), (11, 9), (19, 17)):
        expected = np.abs(frames[index, 0] - frames[copied, 0])
        np.testing.assert_allclose(found[index].residual, expected, atol=rounding(2, frames.max()))
