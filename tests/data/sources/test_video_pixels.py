"""What of a video is kept and told: the proportion of its pixels, their depth, and the part that is shown."""

from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image

from config import Config, EvalConfig, PrepConfig
from data import sources
from data.live.live_reel import Form
from data.live.live_source import LiveSource
from data.prepare_data import prep
from data.reel.mask_bits import INVALID
from data.reel.reel import Reel
from data.sources.video import MIN_GROUP_FRAMES
from tests.support import frames
from tests.support.videos import SHAPE, number_of, picture, pictures_read, write_video, written

PREP = PrepConfig()


@pytest.mark.parametrize(("degrees", "aspect"), [(0, 2.0), (90, 0.5), (180, 2.0)])
def test_pixels_that_are_no_squares_keep_their_proportion(tmp_path, degrees, aspect):
    written(tmp_path / "v.mp4", sides=Fraction(2), degrees=degrees, n=4)
    shape = SHAPE if degrees != 90 else SHAPE[::-1]
    config = PrepConfig(clip_length=2, stride=2, resize=(96, 96))
    candidates = frames.scan(tmp_path, config)
    assert {(c.pixel_aspect, c.shape) for c in candidates} == {(aspect, shape)}
    assert all(f"pixels {aspect:g} times as wide as high" in c.flags for c in candidates)
    for settings in ({"aspect": "stretch"}, {"resize": None}):
        assert all("as square" in c.flags for c in frames.scan(tmp_path, replace(config, **settings)))
    (path,) = prep(Config(data_raw=str(tmp_path), data_clips=str(tmp_path / "out"), workers=0, prep=config))
    reel = Reel(path)
    filled = np.argwhere(reel.masks[0] & INVALID == 0)
    assert np.ptp(filled, axis=0).tolist() == ([31, 95] if degrees != 90 else [95, 31])  # 64 rows, 192 columns wide
    corner = reel.to_source[0] @ [filled[-1, 1] + 0.5, filled[-1, 0] + 0.5, 1]
    np.testing.assert_allclose(corner, (shape[1] - 0.5, shape[0] - 0.5), atol=1e-6)
    followed = EvalConfig(follow=str(tmp_path / "v.mp4"), follow_timeout_s=0.1)
    picture = next(LiveSource(followed, PrepConfig(), False).pictures())
    assert picture.pixel_aspect == aspect
    np.testing.assert_array_equal(Form.of(reel, Config()).frame(picture)[0], reel.frames[0])


def test_a_display_matrix_between_the_quarters_is_flagged(tmp_path):
    written(tmp_path / "v.mp4", degrees=45)
    (flags,) = {c.flags for c in frames.scan(tmp_path, PREP)}
    assert flags == "its display matrix is no turn by quarters, and left out"


@pytest.mark.parametrize(("first", "shown"), [(5, 25), (5, 8), (17, 20), (30, 10)])
def test_a_video_that_was_trimmed_by_its_edit_list_is_whole(tmp_path, first, shown):
    """As phones trim theirs: packets before the cut are there, for others are built on them, and are not shown.

    Of whole groups of pictures beyond it FFmpeg tells nothing, and the header counts them: no frame is missing.
    """
    path = write_video(tmp_path / "b_frames.mp4", 40)
    whole = bytearray(path.read_bytes())
    at = whole.index(b"elst") + 12  # duration in ms, and begin in ticks, of the first entry
    begin = int.from_bytes(whole[at + 4 : at + 8])
    with av.open(str(path)) as container:
        ticks = int(1 / (25 * container.streams.video[0].time_base))
    whole[at : at + 8] = (40 * shown).to_bytes(4) + (begin + first * ticks).to_bytes(4)
    path.write_bytes(whole)
    good, lost = pictures_read(tmp_path)
    assert lost == {}
    assert [number_of(good[i]) for i in sorted(good)] == list(range(first, first + shown))


@pytest.mark.parametrize("bits", [10, 12, 16])
def test_gray_of_more_than_8_bits_keeps_them(tmp_path, bits):
    values = np.random.default_rng(bits).integers(0, 2**bits, (3, *SHAPE), np.uint16)
    with av.open(str(tmp_path / "v.mkv"), "w") as container:
        stream = container.add_stream("ffv1", rate=10)
        (stream.height, stream.width), stream.pix_fmt = SHAPE, f"gray{bits}le"
        for i, picture_ in enumerate(values):
            frame = av.VideoFrame.from_ndarray(picture_, format=f"gray{bits}le")
            frame.pts = i
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    good, lost = pictures_read(tmp_path)
    np.testing.assert_array_equal([good[i] for i in range(3)], values)
    assert lost == {}


@pytest.mark.parametrize(
    ("codec", "pixels", "options", "flag"),
    [
        ("libx264", "yuv420p10le", {}, "10 bits are read as 8"),
        ("mpeg2video", "yuv420p", {"flags": "+ildct+ilme"}, "interlaced: a frame shows two moments"),
        ("libx264", "yuv420p", {}, ""),
    ],
)
def test_what_a_frame_loses_is_flagged(tmp_path, codec, pixels, options, flag):
    with av.open(str(tmp_path / "v.mkv"), "w") as container:
        stream = container.add_stream(codec, rate=25, options=options)
        (stream.height, stream.width), stream.pix_fmt = SHAPE, pixels
        for i in range(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture(i), format="rgb24")))
        container.mux(stream.encode(None))
    assert {c.flags for c in frames.scan(tmp_path, PREP)} == {flag}


@pytest.mark.parametrize(
    ("codec", "suffix", "form"), [("qtrle", "mov", "argb"), ("ffv1", "mkv", "bgra"), ("png", "mov", "rgba")]
)
@pytest.mark.parametrize("colour", ["gray", "rgb"])
def test_what_is_transparent_is_black(tmp_path, codec, suffix, form, colour):
    """As in pictures: what is stored below is a program's, and nobody sees it."""
    with av.open(str(tmp_path / f"v.{suffix}"), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.height, stream.width, stream.pix_fmt = *SHAPE, form
        for i in range(3):
            pixels = np.dstack([picture(i), np.full(SHAPE, 255, np.uint8)])
            pixels[40:] = (250, 250, 250, 0 if i else 255)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgba").reformat(format=form)))
        container.mux(stream.encode(None))
    candidates = frames.scan(tmp_path, PrepConfig(colour=colour))
    raw = [frame.pixels for _, frame in frames.read(candidates)]
    assert [int(pixels[40:].min()) for pixels in raw] == [250, 0, 0]
    assert [int(pixels[40:].max()) for pixels in raw] == [250, 0, 0]
    assert raw[1][:40].max() > 100


def test_a_moving_gif_shows_no_color_that_is_transparent(tmp_path):
    shown = Image.fromarray(np.dstack([picture(1), np.full(SHAPE, 255, np.uint8)]), "RGBA")
    parts = [shown.copy() for _ in range(3)]
    for i, part in enumerate(parts):
        part.paste((0, 0, 0, 0), (0, 40, SHAPE[1], 41 + i))
    parts[0].save(tmp_path / "a.gif", save_all=True, append_images=parts[1:], duration=100, disposal=2)
    read = [frame.pixels for _, frame in frames.read(frames.scan(tmp_path, PrepConfig()))]
    assert [pixels[40].max() for pixels in read] == [0, 0, 0]  # FFmpeg has white there


@pytest.mark.parametrize("suffix", ["mjpeg", "avi"])
def test_a_stream_without_times_is_said_to_have_none(tmp_path, caplog, suffix):
    """Of a camera's .mjpeg: FFmpeg takes 25 a second, and nobody knew."""
    written(tmp_path / f"v.{suffix}", codec="mjpeg")
    frames.scan(tmp_path, PrepConfig())
    frames.scan(tmp_path, PrepConfig(frames_per_second=5))
    said = [r.getMessage() for r in caplog.records if "it tells no times" in r.getMessage()]
    assert len(said) == (suffix == "mjpeg")


@pytest.mark.parametrize(("codec", "form"), [("qtrle", "gray"), ("qtrle", "rgb24"), ("rawvideo", "gray")])
def test_levels_that_a_palette_gives_are_there_however_far_into_the_file_they_are_read(tmp_path, codec, form):
    """QuickTime's reader hands its palette out once: of a video that was entered again all frames were black."""
    n = 2 * MIN_GROUP_FRAMES + 8
    with av.open(str(tmp_path / "v.mov"), "w") as container:
        stream = container.add_stream(codec, rate=10, options={"g": "8"})
        stream.height, stream.width, stream.pix_fmt = *SHAPE, form
        for i in range(n):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture(i)[..., 0].copy(), format="gray")))
        container.mux(stream.encode(None))
    candidates = frames.scan(tmp_path, PREP)
    assert len(candidates) == n
    for group in {c.group for c in candidates}:
        own = [c for c in candidates if c.group == group]
        read = dict(sources.read(sources.frame_source("video"), own))
        for number, candidate in enumerate(own):
            expected = picture(int(candidate.source.partition("#")[2]))[..., 0].astype(int)
            assert np.abs(read[number].pixels.astype(int) - expected).max() <= 1
