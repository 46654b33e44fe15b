"""Videos as people have them: damaged, joined, cut, turned, with several streams, under any name."""

import gc
import io
import os
import random
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from config import PrepConfig
from data import sources
from data.sources.video import FROM_START
from data.sources.video_file.decoding import decoded
from data.sources.video_file.packets import open_video
from tests.support import frames
from tests.support.videos import SHAPE, decode_all, number_of, picture, pictures_read, write_video, written

PREP = PrepConfig()


# Damage


def textured(i):
    """A camera that pans over a texture: every frame needs the one before it."""
    texture = np.random.default_rng(5).integers(0, 256, (24, 60), dtype=np.uint8).repeat(8, 0).repeat(8, 1)
    return np.stack([texture[40:168, 3 * i : 3 * i + 192]] * 3, axis=-1)


def write_pan(path, codec="libx264", n=80, options=None):
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=10, options=options or {"g": "40", "bf": "2", "sc_threshold": "0"})
        stream.height, stream.width, stream.pix_fmt = 128, 192, "yuv420p"
        for i in range(n):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(textured(i)), format="rgb24")
            frame.pts = i
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


TS_BYTES = 188  # of a packet of a transport stream


def packets_of(path):
    with av.open(str(path)) as container:
        return [(p.pos, p.size, p.is_keyframe) for p in container.demux(video=0) if p.size]


def damaged(path, seed, length):
    """Bytes of one packet of a video changed at random, behind its first dozen."""
    rng, whole = random.Random(seed), bytearray(path.read_bytes())
    position, size, _ = rng.choice(packets_of(path))
    begin = position + min(12, size // 2)
    for at in range(begin, min(begin + length, position + size)):
        whole[at] ^= rng.randrange(1, 256)
    return bytes(whole)


@pytest.mark.parametrize(("codec", "suffix"), [("libx264", "mp4"), ("libx264", "mkv"), ("mpeg4", "avi")])
def test_frames_accepted_of_a_damaged_video_are_those_of_the_whole_one(tmp_path, codec, suffix):
    """Decoders conceal damage, and what is built on it looks like a picture: no such frame may pass."""
    options = {"g": "40"} if codec == "mpeg4" else None
    path = write_pan(tmp_path / f"a.{suffix}", codec, options=options)
    clean = [pixels for _, pixels in decode_all(path)]
    payloads = [damaged(path, seed, 48) for seed in range(12)]
    rejected = 0
    for payload in payloads:
        path.write_bytes(payload)
        good, lost = pictures_read(tmp_path)
        assert len(good) + sum("#" in source for source in lost) == len(clean)
        wrong = [i for i, pixels in good.items() if not np.array_equal(pixels, clean[i])]
        assert wrong == []
        rejected += len(lost)
        assert len(good) >= len(clean) // 2  # the other group of pictures has no part in it
    assert rejected > 0


@pytest.mark.parametrize(("begin", "lost"), [(0.25, 5), (0.45, 3), (0.56, 5), (0.7, 4), (0.87, 5)])
def test_frames_behind_lost_packets_of_a_transport_stream_are_those_of_the_whole_one(tmp_path, begin, lost):
    """Whole frames may be lost, or two halves become one, and the decoder complains of neither."""
    path = write_video(tmp_path / "stream.ts", 60)
    clean, whole = [pixels for _, pixels in decode_all(path)], path.read_bytes()
    at = int(begin * len(whole) / TS_BYTES) * TS_BYTES
    path.write_bytes(whole[:at] + whole[at + lost * TS_BYTES :])
    good, _ = pictures_read(tmp_path)
    shown = {pixels.tobytes() for pixels in clean}
    assert len(good) >= 30
    assert all(pixels.tobytes() in shown for pixels in good.values())


def test_nothing_is_trusted_from_the_damage_to_the_next_key_frame(tmp_path):
    path = write_pan(tmp_path / "v.mp4", options={"g": "40", "bf": "0", "sc_threshold": "0"})
    whole, (position, size, _) = bytearray(path.read_bytes()), packets_of(path)[20]
    for at in range(position + 12, min(position + size, position + 60)):
        whole[at] ^= 0x55
    path.write_bytes(whole)
    good, lost = pictures_read(tmp_path)
    assert sorted(good) == [*range(20), *range(40, 80)]
    assert "nothing is trusted up to the next whole key frame" in lost["v.mp4#30"]


@pytest.mark.parametrize("text", ["export const a = 'ä€😀';\n" * 300, "<!DOCTYPE TS><TS version='2.1'/>", "<html>"])
def test_programs_and_translations_are_no_transport_streams(tmp_path, text):
    """TypeScript was a rejected video. A web page in place of a stream still is."""
    for cut in range(4):
        (tmp_path / "index.ts").write_text(" " * cut + text)
        unread: list = []
        source = sources.source_of(tmp_path / "index.ts", unread)
        assert (source is None, len(unread)) == ((False, 0) if text == "<html>" else (True, 1))


def test_a_recording_that_begins_between_key_frames_says_so(tmp_path):
    whole_clip = [pixels for _, pixels in decode_all(write_video(tmp_path / "stream.ts", 60))]
    whole = (tmp_path / "stream.ts").read_bytes()
    (tmp_path / "stream.ts").write_bytes(whole[188 * (len(whole) // 188 // 10) :])
    good, lost = pictures_read(tmp_path)
    reasons = set(lost.values())
    assert reasons == {"no key frame before it: the recording begins between key frames"}
    first = min(good)
    numbers = [number_of(good[i]) for i in sorted(good)]
    assert sorted(good) == list(range(first, first + len(good)))
    assert numbers == list(range(numbers[0], 60))
    np.testing.assert_array_equal(good[first], whole_clip[numbers[0]])


# Order


def test_joined_recordings_are_read_one_after_the_other(tmp_path, caplog):
    """As `cat *.ts` makes them: every part's time stamps begin again, so that they are no names for frames."""
    parts = [write_video(tmp_path / "stream.ts", 20, numbers=range(20 * k, 20 * k + 20)).read_bytes() for k in range(3)]
    (tmp_path / "stream.ts").write_bytes(b"".join(parts))
    candidates = frames.scan(tmp_path, PREP)
    assert {c.group for c in candidates} == {FROM_START}
    np.testing.assert_allclose([c.time_s for c in candidates], np.arange(60) / 25, atol=1e-4)
    good, lost = pictures_read(tmp_path)
    assert not lost
    assert len(good) == 60
    assert all(number_of(pixels) == i for i, pixels in good.items())
    assert "its time stamps begin again 2 times" in caplog.text


@pytest.mark.parametrize("suffix", ["h264", "m4v", "mpg"])
def test_streams_without_times_are_counted(tmp_path, suffix):
    codec = {"h264": "libx264", "m4v": "mpeg4", "mpg": "mpeg2video"}[suffix]
    path = tmp_path / f"raw.{suffix}"
    with av.open(str(path), "w", format="mpeg" if suffix == "mpg" else suffix) as container:
        stream = container.add_stream(codec, rate=25, options={"g": "12", "bf": "2"})
        stream.height, stream.width, stream.pix_fmt = *SHAPE, "yuv420p"
        for i in range(30):
            frame = av.VideoFrame.from_ndarray(picture(i), format="rgb24")
            frame.pts = i
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    good, lost = pictures_read(tmp_path)
    assert [number_of(good[i]) for i in sorted(good)] == list(range(30))
    assert lost == {}


def test_empty_chunks_of_an_avi_are_no_damage(tmp_path, caplog):
    """A frame grabber that repeats a frame writes an empty chunk."""
    with av.open(str(tmp_path / "drop.avi"), "w") as container:
        stream = container.add_stream("mjpeg", rate=10)
        stream.height, stream.width, stream.pix_fmt = *SHAPE, "yuvj420p"
        for i in set(range(40)) - {10, 11, 25}:
            frame = av.VideoFrame.from_ndarray(picture(i), format="rgb24")
            frame.pts, frame.time_base = i, Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    candidates = frames.scan(tmp_path, PREP)
    assert [c.reason for c in candidates] == [""] * 37
    np.testing.assert_allclose([10 * c.time_s for c in candidates], sorted(set(range(40)) - {10, 11, 25}), atol=1e-6)
    assert "3 empty packets stand for the frame before them" in caplog.text


class Pipe(io.RawIOBase):
    """Where nothing can be gone back in, as in the output of a program."""

    def __init__(self, path):
        self.path = path

    def writable(self):
        return True

    def write(self, content):
        with self.path.open("ab") as stream:
            return stream.write(content)


@pytest.mark.parametrize(("is_piped", "step_ms"), [(True, 1), (False, 6000)])
def test_what_an_avi_announces_beyond_its_frames_is_no_damage(tmp_path, is_piped, step_ms):
    """2**30 frames, where it was written into a pipe; one for each step of its clock that the last frame is shown."""
    path = tmp_path / "v.avi"
    with av.open(Pipe(path) if is_piped else str(path), "w", format="avi") as container:
        stream = container.add_stream("mjpeg", rate=10)
        stream.height, stream.width, stream.pix_fmt = *SHAPE, "yuvj420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for i in range(6):
            frame = av.VideoFrame.from_ndarray(picture(i), format="rgb24")
            frame.pts, frame.time_base = i * step_ms, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    candidates = frames.scan(tmp_path, PREP)
    assert [c.reason for c in candidates] == [""] * 6
    np.testing.assert_allclose([c.time_s for c in candidates], np.arange(6) * step_ms / 1000)


def test_frames_that_a_clock_is_too_coarse_for_are_all_there_in_their_order(tmp_path):
    """A Matroska counts milliseconds: of 4000 frames a second four have one stamp, and were disordered."""
    options = {"bf": "3", "g": "40", "x264-params": "b-adapt=0:scenecut=0"}
    with av.open(str(tmp_path / "v.mkv"), "w") as container:
        stream = container.add_stream("libx264", rate=4000, options=options)
        stream.height, stream.width, stream.pix_fmt = *SHAPE, "yuv420p"
        for i in range(60):
            frame = av.VideoFrame.from_ndarray(picture(i), format="rgb24")
            frame.pts = i
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    good, lost = pictures_read(tmp_path)
    assert [number_of(good[i]) for i in sorted(good)] == list(range(60))
    assert lost == {}
    np.testing.assert_allclose([c.time_s for c in frames.scan(tmp_path, PREP)], np.arange(60) / 4000, atol=1e-9)


@pytest.mark.parametrize("repeats", [(), (10, 11, 25)])
def test_h264_in_an_avi_comes_in_the_order_that_it_is_shown_in(tmp_path, repeats):
    """An AVI has no times of presentation, and FFmpeg stamps its frames in the order that they are stored in."""
    shown = sorted(set(range(40)) - {*repeats})
    with av.open(str(tmp_path / "a.avi"), "w") as container:
        stream = container.add_stream("libx264", rate=10, options={"g": "12", "bf": "3"})
        stream.height, stream.width, stream.pix_fmt = *SHAPE, "yuv420p"
        for i in shown:
            frame = av.VideoFrame.from_ndarray(picture(i), format="rgb24")
            frame.pts, frame.time_base = i, Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    good, lost = pictures_read(tmp_path)
    assert [number_of(good[i]) for i in sorted(good)] == shown
    assert lost == {}
    candidates = frames.scan(tmp_path, PREP)
    assert (np.diff([c.time_s for c in candidates]) > 0).all()
    assert len(candidates) == len(shown)


# Which way up, which stream, which name


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_a_video_is_shown_as_players_show_it(tmp_path, degrees, mirrored):
    plain, turned = tmp_path / "plain.mp4", tmp_path / "in" / "turned.mp4"
    turned.parent.mkdir()
    for path in (plain, turned):
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libx264", rate=25)
            stream.height, stream.width, stream.pix_fmt = *SHAPE, "yuv420p"
            if path == turned:
                stream.set_display_rotation(degrees, hflip=mirrored)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture(5), format="rgb24")))
            container.mux(stream.encode(None))
    stored = decode_all(plain)[0][1]
    expected = np.rot90(stored, degrees // 90)  # counter-clockwise
    expected = np.fliplr(expected) if mirrored else expected
    (candidate,) = frames.scan(turned.parent, PREP)
    assert candidate.shape == expected.shape
    assert bool(candidate.flags) == (degrees != 0 or mirrored)
    np.testing.assert_array_equal(pictures_read(turned.parent)[0][0], expected)


def test_the_best_of_several_streams_is_read_and_the_others_named(tmp_path, caplog):
    with av.open(str(tmp_path / "both.mkv"), "w") as container:
        sizes = [(64, 96), (128, 192)]
        streams = [container.add_stream("libx264", rate=10) for _ in sizes]
        for stream, (height, width) in zip(streams, sizes, strict=True):
            stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
        for i in range(10):
            for stream, size in zip(streams, sizes, strict=True):
                frame = av.VideoFrame.from_ndarray(np.full((*size, 3), 20 * i, np.uint8), format="rgb24")
                frame.pts = i
                container.mux(stream.encode(frame))
        for stream in streams:
            container.mux(stream.encode(None))
    candidates = frames.scan(tmp_path, PREP)
    (shape,) = {c.shape for c in candidates}
    left = next(size for size in sizes if size != shape)
    assert len(candidates) == 10
    assert f"2 with video is read, left out: #{sizes.index(left)} of {left[0]}x{left[1]}" in caplog.text
    assert pictures_read(tmp_path)[0][3].shape == shape


CONTAINERS = {
    "gif": ("gif", "gif", "rgb8"),
    "flv": ("flv", "flv1", "yuv420p"),
    "3gp": ("3gp", "mpeg4", "yuv420p"),
    "m2ts": ("mpegts", "libx264", "yuv420p"),
    "asf": ("asf", "mpeg4", "yuv420p"),
    "vob": ("vob", "mpeg2video", "yuv420p"),
    "y4m": ("yuv4mpegpipe", "wrapped_avframe", "yuv420p"),
    "ivf": ("ivf", "libvpx-vp9", "yuv420p"),
    "nothing": ("matroska", "libx264", "yuv420p"),
}


@pytest.mark.parametrize("suffix", CONTAINERS)
def test_a_video_is_told_by_its_content(tmp_path, suffix):
    form, codec, pixels = CONTAINERS[suffix]
    if codec not in av.codecs_available:
        pytest.skip(f"FFmpeg here has no {codec}")
    with av.open(str(tmp_path / f"v.{suffix}"), "w", format=form) as container:
        stream = container.add_stream(codec, rate=25)
        stream.height, stream.width, stream.pix_fmt = *SHAPE, pixels
        for i in range(12):
            frame = av.VideoFrame.from_ndarray(picture(i), format="rgb24")
            frame.pts, frame.time_base = i, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    good, lost = pictures_read(tmp_path)
    assert [number_of(good[i]) for i in sorted(good)] == list(range(12))
    assert lost == {}


@pytest.mark.parametrize(
    "text", ["#EXTM3U\n#EXTINF:1,\n{}\n", "ffconcat version 1.0\nfile '{}'\n", "{}\n", "<MPD>{}</MPD>", "RTSPtext\n{}"]
)
def test_a_list_of_other_files_is_no_video(tmp_path, text):
    """FFmpeg would open what a playlist names, on this machine or another."""
    video = write_video(tmp_path / "elsewhere" / "v.mp4", 3)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "list.xyz").write_text(text.format(video))
    with pytest.raises(FileNotFoundError, match="holds no file that can be read"):
        sources.discover(tmp_path / "in")


@pytest.mark.skipif(os.name == "nt", reason="not allowed in names there")
@pytest.mark.parametrize(
    "name", ["2012-07-19T07:30:01.mp4", "http:x.mp4", "pipe:0.mp4", "a%03d.mp4", "-i.mp4", "a?b#c.mp4", "b\udcff.mp4"]
)
@pytest.mark.parametrize("root", [".", "name"])
def test_any_name_is_a_file(tmp_path, monkeypatch, name, root):
    write_video(tmp_path / "v.mp4", 4).rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    good, lost = pictures_read(Path(name if root == "name" else root))
    assert [number_of(good[i]) for i in sorted(good)] == list(range(4))
    assert lost == {}


@pytest.mark.parametrize("name", ["cam.mjpeg", "cam.MJPG"])
def test_jpegs_one_after_the_other_are_a_video_and_no_picture(tmp_path, name):
    written(tmp_path / name, "mjpeg", form="mjpeg")
    good, lost = pictures_read(tmp_path)
    assert [number_of(good[i]) for i in sorted(good)] == list(range(6))
    assert lost == {}


def test_a_recording_that_was_never_finished_says_so(tmp_path):
    path = written(tmp_path / "v.mp4")
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.index(b"moov") - 4])
    (candidate,) = frames.scan(tmp_path, PREP)
    assert candidate.reason == "not readable as video: moov atom not found"


@pytest.mark.parametrize("start_ms", [0, 5000, 3_600_000])
def test_a_recording_whose_clock_does_not_begin_at_0_is_whole(tmp_path, start_ms):
    """A duration that counts from 0 announces nothing before the first frame; what is cut off is still told."""
    path = write_video(tmp_path / "b_frames.mkv", 48, [start_ms + 40 * i for i in range(48)])
    found = frames.scan(path, PrepConfig())
    assert len(found) == 48
    assert not [c.reason for c in found if c.reason]
    assert found[-1].time_s == pytest.approx(47 * 0.04, abs=0.01)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    assert any("it ends after" in c.reason for c in frames.scan(path, PrepConfig()))


@pytest.mark.parametrize(
    ("name", "made_at", "settings", "is_told"),
    [
        ("v", "2012-07-19T07:30:01.000000Z", {}, True),
        ("v", "2012-07-19T07:30:01.000000Z", {"start_utc": "2020-01-01"}, False),
        ("v", "1970-01-01T00:00:00.000000Z", {}, False),
        ("v", "", {}, False),
        ("cam_2012-07-19_07-30-01", "", {}, True),
        ("cam_2012-07-19_07-30-01", "", {"start_utc": "2020-01-01"}, False),
    ],
)
def test_the_time_that_a_file_tells_of_itself_is_offered_and_not_used(
    tmp_path, caplog, name, made_at, settings, is_told
):
    written(tmp_path / f"{name}.mp4", made_at=made_at)
    with caplog.at_level("INFO"):
        candidates = frames.scan(tmp_path, PrepConfig(**settings))
    assert ("prep.start_utc=2012-07-19T07:30:01" in caplog.text) == is_told
    assert {c.time_utc[:4] for c in candidates} == {settings.get("start_utc", "")[:4]}


def test_small_copies_of_videos_beside_them_are_named_and_left_out(tmp_path):
    """As drones and cameras write them for their displays; one alone is a video as any other."""
    large = {"DJI_0001.MP4", "GX010002.MP4", "DJI_0003.mp4", "VID_20240101_120000_00_001.insv"}
    small = {"DJI_0001.LRF", "GL010002.LRV", "LRV_20240101_120000_01_001.lrv", "LRV_20240101_120000_11_001.insv"}
    alone = {"DJI_0009.LRF", "LRV_20240101_130000_11_002.insv"}
    for name in large | small | alone:
        written(tmp_path / name, form="mp4")
    found = sources.discover(tmp_path)
    assert {item.path.name for item in found.frames} == large | alone
    assert {u.path.name for u in found.unread if u.reason == sources.COPY} == small
    told = "4 stills or smaller copies of videos beside them, or films of the pictures there (.lrv 2, .lrf 1, .insv 1)"
    assert told in sources.left_out(found.unread)
    assert [item.path.name for item in sources.discover(tmp_path / "DJI_0001.LRF").frames] == ["DJI_0001.LRF"]


@pytest.mark.parametrize(
    ("numbers", "form", "is_film"),
    [
        (range(12), "mp4", True),
        (range(12), "avi", True),
        (range(12), "matroska", True),
        (range(1, 12), "mp4", True),  # begun after the first picture
        (range(100, 112), "mp4", False),  # of something else
        (range(24), "mp4", False),
        ([*range(11), 200], "mp4", False),  # that ends otherwise
    ],
)
def test_a_film_of_the_pictures_beside_it_is_no_reel(tmp_path, numbers, form, is_film):
    """Allsky and motionEye make one of each night: every frame was there twice, at two rates."""
    for i in range(12):
        Image.fromarray(picture(i)).save(tmp_path / f"image-2021070522{i:02d}00.png")
    write_video(tmp_path / f"allsky.{'mkv' if form == 'matroska' else form}", len(numbers), numbers=[*numbers])
    found = sources.discover(tmp_path)
    assert len(found.frames) == 2 - is_film
    assert ("films of the pictures there" in sources.left_out(found.unread)) == is_film


@pytest.mark.parametrize(
    ("name", "scale", "n_pages", "is_still"),
    [
        ("12-30-00.jpg", 1, 1, True),
        ("12-30-00.mp4.thumb", 0.5, 1, True),
        ("12-30-00-poster.png", 1, 1, True),
        ("12-30-00.tif", 1, 3, False),  # a stack that a movie was made of
        ("12-30-00.jpg", 2, 1, False),  # a phone's picture with its short video
        ("12-31-00.jpg", 1, 1, False),
    ],
)
def test_stills_of_videos_beside_them_are_no_reel(tmp_path, name, scale, n_pages, is_still):
    """A recorder's day of videos had a reel of its stills, which training took too."""
    written(tmp_path / "12-30-00.mp4")
    size = (int(SHAPE[1] * scale), int(SHAPE[0] * scale))
    form = {"save_all": True, "append_images": [Image.new("L", size)] * (n_pages - 1)} if n_pages > 1 else {}
    Image.new("L", size).save(tmp_path / name, "TIFF" if n_pages > 1 else "JPEG", **form)
    found = sources.discover(tmp_path)
    assert len(found.frames) == 2 - is_still
    assert [u.path.name for u in found.unread if u.reason == sources.COPY] == ([name] if is_still else [])
    assert len(sources.discover(tmp_path / name).frames) == 1


@pytest.mark.parametrize("done", [1, 5, 12])
def test_each_frame_is_known_by_its_packet_whatever_other_decoders_do(tmp_path, done):
    """What PyAV keeps for one packet went with that of another decoder: good frames at the end of a raw stream were
    rows of damage, now and then."""
    path = write_pan(tmp_path / "v.h264", n=24)

    def decoding():
        container = open_video(path)
        opened = container.__enter__()
        return container, decoded(opened, opened.streams.video[0])

    (first, others), (second, own) = decoding(), decoding()
    numbers = [frame.number for frame in islice(own, done)]
    for _ in islice(others, done):
        pass
    others.close()
    first.__exit__(None, None, None)
    del first, others
    gc.collect()
    numbers += [frame.number for frame in own]
    second.__exit__(None, None, None)
    assert sorted(numbers, key=str) == sorted(range(24), key=str)


@pytest.mark.parametrize("form", ["mkv", "mp4", "ts"])
@pytest.mark.parametrize(("keys", "bf"), [((2,), 2), ((1, 2), 3), ((3, 4), 1), ((), 2)])
def test_a_key_frame_among_the_first_is_no_second_recording(tmp_path, form, keys, bf, caplog):
    """Of Matroska with B frames its time was taken to begin again there: a pause before it was lost."""
    stamps = [0, 1, 50, *range(51, 60)]
    with av.open(str(tmp_path / f"v.{form}"), "w", format="mpegts" if form == "ts" else None) as container:
        options = {"bf": str(bf), "b_strategy": "0", "forced-idr": "1", "sc_threshold": "0"}
        stream = container.add_stream("libx264", rate=10, options=options)
        (stream.height, stream.width), stream.pix_fmt = SHAPE, "yuv420p"
        for number, stamp in enumerate(stamps):
            frame = av.VideoFrame.from_ndarray(picture(number), format="rgb24")
            frame.pts, frame.time_base = stamp, Fraction(1, 10)
            frame.pict_type = 1 if number in keys else 0
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    found = frames.scan(tmp_path, PrepConfig())
    assert [c.time_s for c in found] == pytest.approx([stamp / 10 for stamp in stamps], abs=2e-3)
    assert "begin again" not in caplog.text
    good, lost = pictures_read(tmp_path)
    assert (sorted(good), lost) == ([*range(len(stamps))], {})
