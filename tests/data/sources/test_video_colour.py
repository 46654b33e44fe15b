"""Colour: pictures as three channels, told apart by their headers, and nothing changed for gray ones."""

from pathlib import Path

import av
import numpy as np
import pandas as pd
import pytest
from PIL import Image

import main
from config import PrepConfig, load
from data.frames.plan import plan_reels
from data.live.live_reel import Form
from data.live.live_source import LiveSource
from data.prepare_data import prep
from data.reel.reel import Reel
from data.sources.base import RGB
from tests.support import frames
from tests.support.trainings import SMALL_MODEL
from tests.support.videos import SHAPE, picture, write_video


def settings(folder: Path, **keys):
    keys = {"resize": None, "clip_length": 8, **keys}
    about = {"data_raw": str(folder), "data_clips": str(folder.parent / "reels"), "workers": 0}
    return load(None, about | {f"prep.{key}": value for key, value in keys.items()})


def blink(i: int) -> np.ndarray:
    """RGB (64, 96, 3): a square that is red in even frames and blue in odd ones, on gray."""
    frame = np.full((*SHAPE, 3), 60, np.uint8)
    frame[16:48, 32:64] = (200, 30, 30) if i % 2 == 0 else (30, 30, 200)
    return frame


def colour_video(path: Path, n: int = 24) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"g": "12", "bf": "2", "crf": "10"})
        stream.height, stream.width, stream.pix_fmt = *SHAPE, "yuv444p"
        for i in range(n):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(blink(i), format="rgb24")))
        container.mux(stream.encode(None))
    return path


def decoded_rgb(path: Path) -> np.ndarray:
    """The slow oracle: (T, 3, H, W)."""
    with av.open(str(path)) as container:
        return np.stack([f.to_ndarray(format="rgb24").transpose(2, 0, 1) for f in container.decode(video=0)])


def test_a_video_in_colour_has_three_channels_with_its_own_values(tmp_path):
    path = colour_video(tmp_path / "raw" / "cam.mp4")
    reel = Reel(prep(settings(path.parent, colour="rgb"))[0])
    assert reel.shape == (24, 3, *SHAPE)
    assert tuple(reel.channels) == RGB
    np.testing.assert_allclose(reel.frames[:], decoded_rgb(path) / 255, atol=1e-6)
    middle = reel.frames[:, :, 32, 48]
    assert (middle[::2, 0] > 0.7).all()
    assert (middle[1::2, 2] > 0.7).all()


def test_three_channels_survive_groups_workers_and_a_smaller_grid(tmp_path):
    path = write_video(tmp_path / "raw" / "b_frames.mkv", 110)  # several groups that are read apart
    config = settings(path.parent, colour="rgb", resize=[32, 48])
    reel = Reel(prep(config)[0])
    want = decoded_rgb(path).reshape(110, 3, 32, 2, 48, 2).mean(axis=(3, 5)) / 255
    np.testing.assert_allclose(reel.frames[:], want, atol=1e-5)
    assert list(reel.table["channel"].unique()) == ["red"]


def test_the_setting_makes_no_gray_reel_anew(tmp_path):
    write_video(tmp_path / "raw" / "intra.avi", 12)

    def plan_of(prep):
        found = frames.scan(tmp_path / "raw", prep)
        return plan_reels(found, prep)[0]

    gray, rgb = PrepConfig(), PrepConfig(colour="rgb")
    assert plan_of(gray).channels == ("gray",)
    assert plan_of(gray).identity(rgb) == plan_of(gray).identity(gray)  # the key is no part of it, the channels are
    assert plan_of(rgb).identity(rgb) != plan_of(gray).identity(gray)


def write_image(path: Path, i: int, mode: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture(i)).convert(mode).save(path)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
def test_images_in_colour(tmp_path, mode):
    for i in range(10):
        write_image(tmp_path / "raw" / f"frame{i}.png", i, mode)
    reel = Reel(prep(settings(tmp_path / "raw", colour="rgb"))[0])
    want = np.stack([np.asarray(Image.open(tmp_path / "raw" / f"frame{i}.png").convert("RGB")) for i in range(10)])
    np.testing.assert_allclose(reel.frames[:], want.transpose(0, 3, 1, 2) / 255, atol=1e-6)


def test_gray_pictures_stay_one_channel_when_colour_is_asked_for(tmp_path):
    for i in range(10):
        write_image(tmp_path / "raw" / f"frame{i}.png", i, "L")
    reel = Reel(prep(settings(tmp_path / "raw", colour="rgb"))[0])
    assert reel.channels == ["gray"]


def test_a_gray_picture_among_colours_is_rejected_with_the_way_out(tmp_path):
    for i in range(10):
        write_image(tmp_path / "raw" / f"frame{i}.png", i, "L" if i == 4 else "RGB")
    reel = Reel(prep(settings(tmp_path / "raw", colour="rgb"))[0])
    assert len(reel) == 9
    (lost,) = reel.candidates[~reel.candidates["accepted"]].itertuples()
    assert lost.source.endswith("frame4.png")
    assert "prep.colour gray takes both" in lost.reason


def test_a_damaged_image_is_one_rejected_frame_in_all_channels(tmp_path):
    for i in range(10):
        write_image(tmp_path / "raw" / f"frame{i}.png", i, "RGB")
    damaged = tmp_path / "raw" / "frame3.png"
    damaged.write_bytes(damaged.read_bytes()[:-400])
    reel = Reel(prep(settings(tmp_path / "raw", colour="rgb"))[0])
    assert len(reel) == 9
    assert reel.candidates.set_index("source")["reason"].dropna().index.tolist() == ["frame3.png"]


def test_gray_and_colour_reels_do_not_mix_in_a_model(tmp_path, capsys):
    for i in range(10):
        write_image(tmp_path / "raw" / "a" / f"frame{i}.png", i, "L")
        write_image(tmp_path / "raw" / "b" / f"frame{i}.png", i, "RGB")
    prep(settings(tmp_path / "raw", colour="rgb"))
    arguments = ["--data-clips", str(tmp_path / "reels"), "--model-path", str(tmp_path / "run"), "--workers", "0"]
    assert main.main(["-m", "train", *arguments]) == 1
    told = capsys.readouterr().err
    assert "different numbers of channels" in told
    assert f"one reel, as --data-clips {tmp_path / 'reels' / 'a'}" in told


def test_a_change_of_colour_alone_is_found_from_prep_to_events(tmp_path):
    """The changed square is as bright in gray as before: only a reel in colour shows it."""
    raw, run, base, other = tmp_path / "raw", tmp_path / "run", (100, 80, 60), (60, 100, 65)
    tones = [Image.new("RGB", (1, 1), colour).convert("L").getpixel((0, 0)) for colour in (base, other)]
    assert tones[0] == tones[1]
    raw.mkdir()
    random = np.random.default_rng(0)
    for i in range(100):
        frame = np.broadcast_to(np.float64(base), (32, 40, 3)).copy()
        if i in (90, 91):
            frame[10:20, 12:22] = other
        noisy = np.clip(frame + random.normal(0, 2, (32, 40, 1)), 0, 255).astype(np.uint8)
        Image.fromarray(noisy).save(raw / f"{i:03d}.png")
    (tmp_path / "c.yaml").write_text(f"""
data_raw: {raw}
data_clips: {tmp_path / "reels"}
model_path: {run}
workers: 0
device: cpu
prep: {{colour: rgb, resize: null, clip_length: 8, start_utc: "2026-01-01T00:00:00"}}
model: {SMALL_MODEL}
train: {{epochs: 2, batch_size: 4, warmup_epochs: 1.0, loss: mse, exclude_utc: [["2026-01-01T00:01:20", "2026-01-02"]]}}
eval: {{stride: 4}}
""")
    for mode in ("prep", "train", "eval"):
        assert main.main(["-m", mode, "-c", str(tmp_path / "c.yaml")]) == 0
    scores = pd.read_csv(run / "eval" / "raw" / "scores.csv")["max"]
    assert scores[90:92].min() > 3 * scores[:80].max()
    assert (run / "eval" / "raw" / "anomaly.mp4").is_file()


@pytest.mark.parametrize(("colour", "precision"), [("rgb", "float16"), ("gray", "float16"), ("rgb", "auto")])
def test_a_stream_looks_like_the_reel_it_is_compared_with(tmp_path, colour, precision):
    path = colour_video(tmp_path / "raw" / "cam.mp4")
    look = {"resize": [30, 44], "mask": [[3, 3, 20, 11]], "field_circle": [50, 30, 45], "precision": precision}
    config = settings(path.parent, colour=colour, **look)
    reel = Reel(prep(config)[0])
    form = Form.of(reel, load(None))
    follow = load(None, {"eval.follow": str(path), "eval.follow_timeout_s": 0.1}).eval
    source = LiveSource(follow, config.prep, form.in_colour)
    frames, bits = zip(*(form.frame(picture) for picture in source.pictures()), strict=True)
    np.testing.assert_array_equal(np.stack(frames), reel.frames[:])
    np.testing.assert_array_equal(np.stack(bits), reel.masks[:])


def test_a_stream_without_colours_does_not_fit_a_model_of_colours(tmp_path):
    path = tmp_path / "gray.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.height, stream.width, stream.pix_fmt = *SHAPE, "gray"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(blink(0)[..., 0], format="gray")))
        container.mux(stream.encode(None))
    follow = load(None, {"eval.follow": str(path), "eval.follow_timeout_s": 0.1}).eval
    source = LiveSource(follow, load(None).prep, True)
    with pytest.raises(ValueError, match="has no colours"):
        next(source.pictures())
