import itertools
import math

import av
import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from data.pictures.movie import MovieWriter
from inference.events.boxes import Box
from inference.movie.canvas import yuv_of
from inference.movie.layout import LEVEL_COLOUR, NO_DATA, Layout, MovieStyle
from inference.movie.render import Composer


def style(**changes):
    settings = {"frame_range": (0, 1), "threshold_low": 0.2, "threshold_high": 0.5, "mode": "boxes", "scale_factor": 4}
    return MovieStyle(**settings | changes)


def panel(composer, name):
    """One panel (h, w, 3) of the last picture, RGB."""
    layout = composer.layout
    x, (width, height) = layout.panel_x[composer.style.panels.index(name)], layout.panel_size
    return composer.rgb()[layout.top : layout.top + height, x : x + width].astype(int)


def pixel(image, x, y, scale=4):
    """The colour in the middle of data pixel x, y, rows from the top."""
    return image[y * scale + scale // 2, x * scale + scale // 2]


def blocks(shape=(24, 32)):
    """Black with one bright patch of 6x6 in the first rows, left: different under every flip."""
    frame = np.zeros(shape, np.float32)
    frame[2:8, 4:10] = 1
    return frame


def show(frame, score_map=None, boxes=(), **changes):
    composer = Composer(frame.shape, style(**changes))
    extra = {"reconstruction": frame / 2, "residual": frame / 4} if changes.get("diagnostic") else {}
    composer.compose(frame, frame * 0 if score_map is None else score_map, 0.1, "frame 1", boxes, **extra)
    return composer


@pytest.mark.parametrize(("origin", "row"), [("upper", 4), ("lower", 24 - 1 - 4)])
@pytest.mark.parametrize("diagnostic", [False, True])
def test_rows_are_flipped_once_in_every_panel(origin, row, diagnostic):
    composer = show(blocks(), blocks(), mode="heatmap", origin=origin, diagnostic=diagnostic)
    for name in composer.style.panels:
        image = panel(composer, name)
        assert pixel(image, 6, row).sum() > pixel(image, 6, 24 - 1 - row).sum() + 60, name
        assert pixel(image, 6, row).sum() > pixel(image, 32 - 1 - 6, row).sum() + 60, name


@pytest.mark.parametrize(("origin", "rows"), [("upper", (12, 20)), ("lower", (4, 12))])
@pytest.mark.parametrize("level", ["low", "high"])
def test_a_box_is_drawn_where_it_is_and_in_its_colour(origin, rows, level):
    frame, box = np.full((24, 32), 0.2, np.float32), Box(6, 12, 16, 20, 10.0, 15.0, 0.9, 0.5, 40, level)
    plain, boxed = (panel(show(frame, boxes=b, origin=origin), "anomaly") for b in ((), [box]))
    changed = np.abs(plain - boxed).max(axis=-1) > 40
    near = np.zeros_like(changed)
    near[max(0, rows[0] * 4 - 18) : rows[1] * 4 + 2, 22 : 16 * 4 + 2] = True  # with the label above
    assert not changed[~near].any()
    for y, x in [(rows[0] * 4, 40), (rows[1] * 4 - 1, 40), (rows[0] * 4 + 12, 24), (rows[0] * 4 + 12, 63)]:
        assert np.abs(boxed[y, x] - LEVEL_COLOUR[level]).max() < 70, (y, x)
    assert not changed[rows[0] * 4 + 4 : rows[1] * 4 - 4, 28:60].any()  # the inside stays free


@pytest.mark.parametrize("box_y", [0, 9, 20])
def test_the_score_of_a_box_is_written_inside_the_panel(box_y):
    box = Box(28, box_y, 32, box_y + 4, 30.0, 2.0, 0.9, 0.5, 16, "high")
    plain, boxed = (show(np.zeros((24, 32), np.float32), boxes=b) for b in ((), [box]))
    plate = (np.abs(panel(boxed, "anomaly") - LEVEL_COLOUR["high"]).max(axis=-1) < 40).sum()
    assert plate > 300
    outside = np.abs(plain.rgb().astype(int) - boxed.rgb()).max(axis=-1)
    x, (width, height) = boxed.layout.panel_x[1], boxed.layout.panel_size
    outside[boxed.layout.top : boxed.layout.top + height, x : x + width] = 0
    assert outside.max() == 0


@pytest.mark.parametrize("weight", [0, 0.4, 1])
def test_heat_is_blended_by_its_weight(weight):
    frame, score = np.full((8, 8), 0.5, np.float32), np.full((8, 8), 1.0, np.float32)  # the hot end: twice the high
    shown = pixel(panel(show(frame, score, mode="heatmap", heat_weight=weight), "anomaly"), 4, 4)
    expected = (1 - weight) * 127.5 + weight * np.array([252, 255, 164])  # the last colour of inferno
    np.testing.assert_allclose(shown, expected, atol=6)


@settings(max_examples=20)
@given(values=arrays(np.float32, (6, 8), elements=st.floats(-1, 2, width=32)))
def test_panel_is_the_frame_on_its_fixed_scale(values):
    composer = Composer((6, 8), style(scale_factor=1))
    composer.compose(values, values, 0.1, "")
    np.testing.assert_allclose(panel(composer, "frame")[..., 1], np.clip(values, 0, 1) * 255, atol=4)


@pytest.mark.parametrize("mode", ["heatmap", "boxes"])
@given(colour=st.tuples(*[st.floats(0, 1, width=32)] * 3))
@settings(max_examples=10)
def test_frames_in_colours_are_shown_so_and_heat_lies_over_their_grey(mode, colour):
    frame, score = np.tile(np.float32(colour), (24, 32, 1)), np.zeros((24, 32), np.float32)
    frame[12:] = np.nan
    composer = Composer((24, 32), style(mode=mode, heat_weight=0.0))
    composer.compose(frame, score, 0.1, "")
    expected = 255 * np.array(colour)
    anomaly = expected if mode == "boxes" else np.full(3, expected.mean())
    for name, seen in (("frame", expected), ("anomaly", anomaly)):
        np.testing.assert_allclose(pixel(panel(composer, name), 16, 5), seen, atol=6)
        np.testing.assert_allclose(pixel(panel(composer, name), 16, 20), NO_DATA, atol=4)


def test_one_bright_pixel_does_not_dim_the_rest():
    calm, flare = np.full((2, 24, 32), 0.4, np.float32)
    flare[20:, 28:] = 50
    shown = [pixel(panel(show(frame), "frame"), 5, 5) for frame in (calm, flare)]
    np.testing.assert_array_equal(*shown)


@pytest.mark.parametrize("mode", ["heatmap", "boxes"])
def test_missing_pixels_look_like_no_score_at_all(mode):
    frame, score = np.full((2, 24, 32), 0.5, np.float32)
    score[:12] = np.nan
    frame[:12] = np.nan
    image = panel(show(frame, score, mode=mode), "anomaly")
    np.testing.assert_allclose(pixel(image, 5, 5), NO_DATA, atol=4)
    assert np.abs(pixel(image, 5, 20) - NO_DATA).max() > 20


def test_diagnostic_shows_frame_reconstruction_residual_and_anomaly():
    frame = np.full((24, 32), 0.8, np.float32)
    composer = show(frame, boxes=[], diagnostic=True, residual_max=0.2)
    grays = [pixel(panel(composer, name), 16, 12) for name in ("frame", "reconstruction", "anomaly")]
    np.testing.assert_allclose(grays, np.array([[0.8], [0.4], [0.8]]) * 255 * np.ones(3), atol=4)
    np.testing.assert_allclose(pixel(panel(composer, "residual"), 16, 12), [252, 255, 164], atol=6)
    with pytest.raises(ValueError, match="reconstruction has shape None"):
        composer.compose(frame, frame, 0.1, "")


def test_header_curve_and_lamp_follow_the_score():
    composer = Composer((24, 32), style())
    layout, frame = composer.layout, np.zeros((24, 32), np.float32)
    width, height = layout.curve_size

    def line_height(score):
        composer.compose(frame, frame, score, "")
        picture = composer.rgb()[layout.curve_y : layout.curve_y + height, layout.pad : layout.pad + width].astype(int)
        return height - int(np.argmax(picture[:, width - 2].min(axis=-1)))

    heights = [line_height(score) for score in (0.1, 0.2, 0.5, 5.0, 500.0)]
    assert heights == sorted(heights)
    assert heights[2] == pytest.approx(height / 2, abs=2)
    assert heights[-1] <= height

    def lamp(score):
        composer.compose(frame, frame, score, "")
        return composer.rgb()[layout.px(22), composer._score_x - layout.px(16)].astype(int)

    np.testing.assert_allclose(lamp(0.3), LEVEL_COLOUR["low"], atol=6)
    np.testing.assert_allclose(lamp(0.6), LEVEL_COLOUR["high"], atol=6)
    assert lamp(math.nan).max() < 60


def test_the_curve_breaks_where_there_is_no_score_and_rolls():
    composer = Composer((24, 32), style())
    layout, frame = composer.layout, np.zeros((24, 32), np.float32)
    for score in (0.4, math.nan, math.nan, math.nan, math.nan, math.nan, 0.4, 0.4):
        composer.compose(frame, frame, score, "")
    left = layout.pad + layout.curve_size[0]
    strip = composer.rgb()[layout.curve_y : layout.curve_y + layout.curve_size[1], left - 16 : left].astype(int)
    bright = (strip.min(axis=-1) > 120).any(axis=0)
    assert bright[-4:-2].any()
    assert not bright[4:-8].any()
    assert bright[:4].any()


def test_the_area_under_the_curve_is_filled_below_visible_thresholds():
    composer = Composer((24, 32), style())
    layout, frame = composer.layout, np.zeros((24, 32), np.float32)
    width, height = layout.curve_size
    for _ in range(width):  # more frames than the curve shows: it is full
        composer.compose(frame, frame, 1.0, "")
    strip = composer.rgb()[layout.curve_y : layout.curve_y + height, layout.pad : layout.pad + width].astype(int)
    assert (strip[-4:, 4:-4].mean(axis=-1) > strip[4, -4:].mean() + 8).all()
    for level, row in (("low", (height - 1) * 5 / 7), ("high", (height - 1) / 2)):
        line = strip[int(row) - 1 : int(row) + 2, 4:-4]
        nearest = np.abs(line - LEVEL_COLOUR[level]).max(axis=-1).min(axis=0)
        assert nearest.max() < 50, level


def test_caption_is_written_and_replaced():
    composer = Composer((24, 32), style())
    frame = np.zeros((24, 32), np.float32)
    pictures = []
    for caption in ("2012-07-19 05:58:00 UTC", "2012-07-19 05:58:12 UTC", "2012-07-19 05:58:00 UTC"):
        composer.compose(frame, frame, math.nan, caption)
        pictures.append(composer.rgb())
    np.testing.assert_array_equal(pictures[0], pictures[2])
    changed = np.argwhere((pictures[0] != pictures[1]).any(axis=-1))
    assert len(changed)
    assert changed[:, 0].max() < composer.layout.top - composer.layout.px(20)


@pytest.mark.parametrize("shape", [(1, 1), (7, 33), (112, 112), (500, 20), (600, 1000)])
@pytest.mark.parametrize("mode", ["heatmap", "boxes"])
@pytest.mark.parametrize("diagnostic", [False, True])
def test_nothing_overlaps_or_leaves_the_picture(shape, mode, diagnostic):
    layout = Layout(shape, style(mode=mode, diagnostic=diagnostic, scale_factor=1))
    panels = [(x, x + layout.panel_size[0]) for x in layout.panel_x]
    assert all(a[1] < b[0] for a, b in itertools.pairwise(panels))
    assert panels[-1][1] + layout.bar_width <= layout.width
    assert layout.top + layout.panel_size[1] < layout.curve_y
    assert layout.curve_y + layout.curve_size[1] < layout.height
    numbers = [layout.width, layout.height, layout.top, layout.curve_y, *layout.panel_x, *layout.panel_size]
    assert all(n % 2 == 0 for n in [*numbers, *layout.curve_size])


def test_a_movie_that_no_encoder_takes_is_refused_with_the_way_out():
    with pytest.raises(ValueError, match=r"have \d+ x \d+ px, .* 16384 at most: a lower eval\.scale_factor than 700"):
        Layout((24, 32), style(scale_factor=700))
    assert Layout((24, 32), style(scale_factor=100)).width < 16384


def test_yuv_equals_the_conversion_of_opencv():
    colours = np.random.default_rng(0).integers(0, 256, (50, 3)).astype(np.uint8)
    for colour in colours:
        planes = cv2.cvtColor(np.full((2, 2, 3), colour), cv2.COLOR_RGB2YUV_I420).ravel()
        np.testing.assert_allclose(yuv_of(colour).astype(int), planes[[0, 4, 5]].astype(int), atol=1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"mode": "both"},
        {"origin": "left"},
        {"frame_range": (1, 1)},
        {"threshold_low": 0.6},
        {"threshold_low": 0.0},
        {"heat_weight": 1.5},
        {"scale_factor": 0},
        {"heat_max": 0.0},
    ],
)
def test_impossible_styles_are_refused(wrong):
    with pytest.raises(ValueError, match=str(next(iter(wrong.values()))).strip("()")):
        style(**wrong)


def read_movie(path):
    """All frames RGB, and what the file says of itself."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        facts = (stream.codec_context.name, stream.codec_context.pix_fmt, stream.width, stream.height)
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)], facts, stream.average_rate


@pytest.mark.parametrize(("size", "stored"), [((64, 48), (64, 48)), ((65, 47), (66, 48))])
@pytest.mark.parametrize("fps", [24, 12.5])
def test_movie_reads_back_with_its_frames(tmp_path, size, stored, fps):
    frames = [np.full((size[1], size[0], 3), (20 * i, 100, 200), np.uint8) for i in range(10)]
    with MovieWriter(tmp_path / "m.mp4", fps, size) as movie:
        for frame in frames:
            movie.write(frame)
    read, facts, rate = read_movie(tmp_path / "m.mp4")
    assert (len(read), facts, float(rate)) == (10, ("h264", "yuv420p", *stored), fps)
    np.testing.assert_allclose([f[20, 20] for f in read], [f[20, 20] for f in frames], atol=8)
    content = (tmp_path / "m.mp4").read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")  # a browser can start before it has everything


def test_composed_frames_read_back_as_they_were_composed(tmp_path):
    composer = Composer((24, 32), style(mode="heatmap", origin="lower"))
    pictures = []
    with MovieWriter(tmp_path / "m.mp4", 24, composer.size, crf=10) as movie:
        for i in range(5):
            movie.write_i420(composer.compose(blocks() * i / 4, blocks() * i / 4, i / 4, f"frame {i}"))
            pictures.append(composer.rgb())
    read, facts, _ = read_movie(tmp_path / "m.mp4")
    assert facts[2:] == composer.size
    for seen, drawn in zip(read, pictures, strict=True):
        assert np.abs(seen.astype(int) - drawn).mean() < 3


def test_a_movie_that_fails_leaves_nothing_but_the_old_one(tmp_path):
    path, frame = tmp_path / "m.mp4", np.zeros((48, 64, 3), np.uint8)
    path.write_bytes(b"old")
    with pytest.raises(KeyError), MovieWriter(path, 24, (64, 48)) as movie:
        movie.write(frame) or {}["stop after one frame"]
    with pytest.raises(ValueError, match=r"\(48, 60, 3\)"), MovieWriter(path, 24, (64, 48)) as movie:
        movie.write(frame[:, :60])
    with pytest.raises(ValueError, match="planes"), MovieWriter(path, 24, (64, 48)) as movie:
        movie.write_i420(np.zeros((48, 64), np.uint8))
    with pytest.raises(ValueError, match="no frame was written"), MovieWriter(path, 24, (64, 48)):
        pass
    assert [p.name for p in tmp_path.iterdir()] == ["m.mp4"]
    assert path.read_bytes() == b"old"
