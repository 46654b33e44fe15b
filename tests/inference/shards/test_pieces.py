"""A long reel in pieces of its timeline: every bit of what one process finds, over the seams too."""

import re
import shutil
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import models
from config import EvalConfig
from data.frames.sharing.shard import Shard
from data.reel.reel import Reel
from inference import evaluate as evaluation
from inference.calibration.quiet.ranges import QuietRange
from inference.evaluate import evaluate
from inference.fit import calibrate_run
from inference.methods import METHODS
from inference.scorers.load import load_scorer
from inference.scorers.nets.latents import LatentScorer, Mahalanobis
from inference.scorers.nets.net import Detector
from inference.shards.plan import of_shard, pieces_of
from tests.support.reels import drifting_blobs, make_reel
from tests.support.trainings import SMALL_MODEL, fitting, model_config, small_config
from training.train import train

CPU, LENGTH, T = torch.device("cpu"), 8, 120
METHODS_IN_PARTS = sorted(name for name, known in METHODS.items() if known.in_parts)
NETS = ("autoencoder", "prediction", "latents")
BROKEN, LASTS, GAP_AT = 70, range(92, 100), 150
MEASURED = re.compile(rb'"(seconds|frames_per_s)": ?[\d.]+|in [\d.]+ s, [\d.]+ frames/s')  # of the run itself


@pytest.fixture(scope="module")
def reel(tmp_path_factory, one_thread):
    frames = drifting_blobs(T, 16, 20, C=2, seed=1)
    masks = np.zeros((T, 16, 20), np.uint8)
    masks[60:66, 3:6, 2:5] = 1
    return make_reel(tmp_path_factory.mktemp("reel") / "cam", frames, masks=masks)


def net(reel, name):
    torch.manual_seed(0)
    model = models.build(model_config(**fitting(name, SMALL_MODEL)), 2, LENGTH).eval()
    return Detector(model, scaling_of(reel), LENGTH, CPU)


def scaling_of(reel):
    return dict(zip(reel.channels, reel.stretches, strict=True))


def scorer_of(reel, name):
    if name == "latents":
        detector = net(reel, "autoencoder")
        codes = np.random.default_rng(0).standard_normal((200, 4)).astype(np.float32)
        return LatentScorer(detector, Mahalanobis(codes))
    if name in NETS:
        return net(reel, name)
    method = METHODS[name](small_config(reel.path, None, model__name=name).model, {}, scaling_of(reel), LENGTH)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("inference.methods.motion.looks.STEPS", 5)
        method.fit([QuietRange(reel, 0, 80, "train"), QuietRange(reel, 80, T, "val")], seed=0)
    return method


def bits(frame):
    expected = b"" if frame.reconstruction is None else frame.reconstruction.tobytes()
    return frame.index, frame.frame.tobytes(), expected, frame.residual.tobytes(), frame.valid.tobytes(), frame.common


@pytest.mark.parametrize("name", [*NETS, *METHODS_IN_PARTS])
def test_parts_between_any_cuts_are_the_very_frames_of_the_whole(reel, name):
    scorer = scorer_of(reel, name)

    @settings(max_examples=4)
    @given(st.data(), st.integers(1, 4), st.sampled_from(["mean", "max", "percentile"]), st.sampled_from([0, 5]))
    def check(data, batch_size, overlap, begin):
        asked = EvalConfig(batch_size=batch_size, overlap=overlap, stride=3)
        end = T - begin
        known = scorer.cuts(reel, begin, end, asked)
        assert known
        chosen = sorted(data.draw(st.sets(st.sampled_from(known), min_size=1, max_size=4)))
        whole = [bits(f) for f in scorer.frames(reel, begin, end, asked)]
        parts = []
        for first, last in pairwise([begin, *chosen, end]):
            found = list(scorer.part(reel, begin, end, first, last, asked))
            assert all(first <= f.index < last for f in found)
            parts += [bits(f) for f in found]
        assert parts == whole
        frame, valid = scorer.shown(reel, whole[50][0])
        assert (frame.tobytes(), valid.tobytes()) == (whole[50][1], whole[50][4])

    check()


@given(st.integers(1, 40), st.integers(30, T), st.integers(1, 9))
def test_the_pieces_of_all_shards_are_the_whole_once_in_about_equal_shares(reel, shards, end, batch_size):
    class Cut:
        clip_length = LENGTH

        def cuts(self, reel, begin, end, settings):
            return list(range(begin + batch_size, end, batch_size))

    shares = pieces_of(reel, Cut(), shards, EvalConfig())
    edges = [(piece.first, piece.last) for share in shares for piece in share]
    assert [first for first, _ in edges] == [0, *(last for _, last in edges[:-1])]
    assert edges[-1][1] == T
    assert len(shares) == shards
    assert max(sum(p.last - p.first for p in share) for share in shares) <= T / shards + batch_size


@pytest.fixture(scope="module")
def trained(tmp_path_factory, one_thread):
    """A run, and a reel with a broken frame, something that lasts over the seam, and a gap."""
    folder = tmp_path_factory.mktemp("trained")
    frames = np.clip(drifting_blobs(200, 24, 24, seed=4) * 0.5, 0, 1)
    frames[BROKEN] = 0
    frames[list(LASTS), :, 4:9, 14:19] += 0.45
    times = 12.0 * np.arange(200)
    times[GAP_AT:] += 3600
    make_reel(folder / "reels" / "cam", frames, times_s=times)
    excluded = [["2012-07-19T00:13:00", "2012-07-19T00:28:00"]]
    config = small_config(folder / "reels", folder / "run", train__exclude_utc=excluded, eval__stride=4,
                          eval__batch_size=3, eval__false_alarms_per_day=20.0)  # fmt: skip
    calibrate_run(train(config), config)
    return config


def contents(config):
    """Results byte for byte, but for how long they took."""
    folder = Reel(f"{config.data_clips}/cam").path.parents[1] / "run" / "eval"
    assert sorted(path.name for path in folder.iterdir()) == ["cam"]
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return {str(p.relative_to(folder)): MEASURED.sub(b"", p.read_bytes()) for p in files}


@pytest.fixture(scope="module")
def alone(trained):
    """Results of one process."""
    evaluate(trained)
    return contents(trained)


def test_joined_results_are_those_of_one_process_with_an_event_over_the_seam(trained, alone, monkeypatch):
    run = Reel(f"{trained.data_clips}/cam").path.parents[1] / "run"
    scorer, _ = load_scorer(run, "cpu", trained.eval)
    reel = Reel(f"{trained.data_clips}/cam")
    whole, cut = of_shard(Shard(1, 2), [reel], scorer, trained.eval)
    assert (whole, cut) == ([], [reel])
    seam = pieces_of(reel, scorer, 2, trained.eval)[0][-1].last
    events = pd.read_csv(run / "eval" / "cam" / "events.csv")
    assert ((events["frame_start"] < seam) & (events["frame_end"] >= seam)).any()
    assert BROKEN in set(events.loc[events["instrument"].notna(), "frame_start"])

    shutil.rmtree(run / "eval")
    scored = []
    score = evaluation.score_piece
    monkeypatch.setattr(evaluation, "score_piece", lambda *given: scored.append(given[1]) or score(*given))
    (place,) = evaluate(replace(trained, shard="2/2"))
    with pytest.raises(ValueError, match=r"1 of 1 reels have no results .*: cam; run -m eval --shard I/N for every I"):
        evaluate(replace(trained, join=True))
    made = {path: path.stat().st_mtime_ns for path in place.rglob("*.npy")}
    evaluate(replace(trained, shard="2/2"))
    assert {path: path.stat().st_mtime_ns for path in place.rglob("*.npy")} == made
    (first,) = evaluate(replace(trained, shard="1/2"))
    shutil.rmtree(next(first.iterdir()))  # as a shard leaves it that was killed in this piece
    with pytest.raises(ValueError, match="1 of 1 reels have no results"):
        evaluate(replace(trained, join=True))
    evaluate(replace(trained, shard="1/2"))
    other = replace(trained, eval=replace(trained.eval, batch_size=4), join=True)
    with pytest.raises(ValueError, match="1 of 1 reels have no results"):
        evaluate(other)
    evaluate(replace(trained, join=True))
    assert contents(trained) == alone


def test_a_damaged_piece_is_told_with_the_way_out(trained):
    run = Reel(f"{trained.data_clips}/cam").path.parents[1] / "run"
    shutil.rmtree(run / "eval")
    for number in (1, 2):
        (place,) = evaluate(replace(trained, shard=f"{number}/2"))
    path = next(place.rglob("residual.npy"))
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"is damaged .*SHA-256 differs.*; remove it, and run -m eval --shard I/N"):
        evaluate(replace(trained, join=True))
    shutil.rmtree(run / "eval" / ".shards")
