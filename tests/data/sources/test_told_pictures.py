"""What files of pictures say of themselves beside their pixels: pages, steps, missing values, planes, their count."""

import io
import json
import struct
import zipfile
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, TiffImagePlugin

from config import PrepConfig
from data.sources import HIDDEN, discover, left_out, source_of
from data.sources.base import RawFrame
from data.sources.picture_file.pictures import NODATA
from data.sources.picture_file.stack_axes import DESCRIPTION, OF_MICRO_MANAGER, PLANES_BESIDE, steps_s
from data.sources.picture_folder.order import in_order, in_turn
from data.sources.picture_folder.taken import places_of
from tests.support import frames
from tests.support.videos import SHAPE, picture

PIXELS = np.random.default_rng(3).integers(1, 200, (6, 12, 20), np.uint8)


def write_tiff(path, pages, *tags):
    """A TIFF of these pages; tags: of each, or of the first alone."""
    first, *others = (Image.fromarray(page) for page in pages)
    for page, own in zip((first, *others), (*tags, *[{}] * (len(pages) - len(tags))), strict=True):
        info = TiffImagePlugin.ImageFileDirectory_v2()
        for tag, text in own.items():
            info[tag] = text
            info.tagtype[tag] = 2  # text
        page.encoderinfo = {"tiffinfo": info}
    first.save(path, tiffinfo=first.encoderinfo["tiffinfo"], save_all=True, append_images=others)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("told", ["7", "-9999", "nan", "none"])
def test_what_gdal_calls_no_data_is_none(tmp_path, dtype, told):
    pixels = PIXELS[0].astype(dtype)
    write_tiff(tmp_path / "a.tif", [pixels], {NODATA: told})
    ((_, raw),) = frames.read(frames.scan(tmp_path, PrepConfig()))
    assert isinstance(raw, RawFrame)
    missing = np.isnan(raw.pixels) if dtype == np.float32 else np.full(raw.pixels.shape, False)
    missing = raw.pixels == raw.blank if raw.blank is not None else missing
    np.testing.assert_array_equal(missing, pixels == (7 if told == "7" else -1))


@pytest.mark.parametrize(
    ("text", "step_s"),
    [
        ("ImageJ=1.53\nimages=6\nframes=6\nfinterval=0.5\n", 0.5),
        ("ImageJ=1.53\nimages=6\nframes=6\nfinterval=2.5e2\ntunit=ms\n", 0.25),
        ('<OME><Image><Pixels SizeT="6" TimeIncrement="3" TimeIncrementUnit="min"/></Image></OME>', 180.0),
        ('<OME><Image><Pixels SizeT="6" TimeIncrement="3"/></Image></OME>', 3.0),
        ("finterval=1\ntunit=moons\n", 1.0),  # which is the step of what is not told
        ("finterval=1.2.3\n", 1.0),
    ],
)
def test_pages_are_as_far_apart_as_their_file_says(tmp_path, text, step_s):
    write_tiff(tmp_path / "a.tif", PIXELS, {DESCRIPTION: text})
    candidates = frames.scan(tmp_path, PrepConfig())
    np.testing.assert_allclose([c.time_s for c in candidates], step_s * np.arange(6))


def test_images_that_imagej_wrote_without_pages_are_told(tmp_path):
    write_tiff(tmp_path / "a.tif", PIXELS[:1], {DESCRIPTION: "ImageJ=1.53\nimages=6\n"})
    (candidate,) = frames.scan(tmp_path, PrepConfig())
    assert candidate.reason.startswith("ImageJ wrote 6 images into it and a page for one")


def test_planes_of_16_bits_are_refused(tmp_path):
    """Pillow takes each byte of a plane for a pixel, OpenCV one plane for all."""
    height, width = 4, 6
    tags = [(256, width), (257, height), (259, 1), (262, 2), (277, 3), (278, height), (284, 2)]
    entries = {tag: (3, 1, struct.pack("<HH", value, 0)) for tag, value in tags}
    at = 8 + 2 + 12 * (len(entries) + 3) + 4
    lists = {258: ("<3H", 3, [16] * 3), 273: ("<3I", 4, [0] * 3), 279: ("<3I", 4, [2 * height * width] * 3)}
    start, behind = at + sum(struct.calcsize(form) for form, *_ in lists.values()), b""
    lists[273][2][:] = [start + 2 * height * width * i for i in range(3)]
    for tag, (form, kind, values) in lists.items():
        entries[tag] = (kind, 3, struct.pack("<I", at + len(behind)))
        behind += struct.pack(form, *values)
    ifd = b"".join(struct.pack("<HHI", tag, kind, n) + value for tag, (kind, n, value) in sorted(entries.items()))
    head = b"II*\0" + struct.pack("<IH", 8, len(entries)) + ifd + bytes(4)
    (tmp_path / "a.tif").write_bytes(head + behind + bytes(range(144)))
    (candidate,) = frames.scan(tmp_path, PrepConfig())
    assert candidate.reason.startswith("a TIFF of 3 planes of 16 bits is not read")


@given(st.integers(3, 4), st.integers(1, 90), st.integers(2, 90), st.integers(0, 1))
def test_a_counter_that_began_anew_goes_on(n_digits, before, behind, first):
    highest = 10**n_digits
    counts = [*range(highest - before, highest), *range(first, behind)]
    names = [f"DSC{count:0{n_digits}d}.jpg" for count in counts]
    assert in_turn(sorted(names)) == names
    assert places_of(names) == list(range(len(names)))


@given(st.sets(st.integers(0, 9998), min_size=1))
def test_other_counters_stay_as_they_are(counts):
    names = [f"DSC{count:04d}.jpg" for count in sorted(counts)]
    assert in_turn(names) == names


WAYS = {
    "signed": lambda n: f"frame_{n - 5:03d}.png",
    "signed, with +": lambda n: f"t{n - 5:+d}_a.png",
    "as text": lambda n: f"x={n - 5}.png",
    "decimals": lambda n: f"t={n * 0.125:g}.png".replace("=0.png", "=0.0.png"),
    "one second": lambda n: f"t0.{f'{n:03d}'.rstrip('0') or '0'}.png",
    "hexadecimal": lambda n: f"frame_{n:04x}.png",
    "hexadecimal in large letters": lambda n: f"{n:02X}.png",
    "powers": lambda n: f"u_{(n + 8) * 1e-3:.2e}.png",
    "powers in large letters": lambda n: f"{n + 1:.3E}K.png",
    "chapters": lambda n: f"1.{n}.png",
    "words": lambda n: f"take {n}.png",
}


@pytest.mark.parametrize("way", WAYS)
@given(st.data())
def test_numbers_of_names_are_in_order_whatever_way_they_are_written_in(way, data):
    """frame_-003 came behind frame_002, t0.25 behind t0.5, and 0a before 01."""
    least = {"signed": 3, "signed, with +": 3, "as text": 3, "decimals": 0}.get(way, 0)
    numbers = range(least, data.draw(st.integers(12, 200)))
    if way == "decimals":
        numbers = [n for n in numbers if n * 0.125 % 1]  # which all have a point
    names = [WAYS[way](n) for n in numbers]
    assert in_order(data.draw(st.permutations(names))) == names


MARKS = ["a1 - Copy.png", "Copy of a1.png", "a1 (1).png", "a1(2).png", "a1_copy.png", "a1 - Kopie (3).png"]
VERSIONS = ["a1 (Ann's conflicted copy 2024-03-05).png", "a1.sync-conflict-20240305-101500-ABC.png"]
VERSIONS += ["a1-edited.png", "a1-edited(2).png", "a1-bearbeitet.png", "a1-modifie\u0301.png"]  # macOS writes two signs


@pytest.mark.parametrize("name", [*MARKS, *VERSIONS[:2]])
@pytest.mark.parametrize("is_same", [True, False])
def test_a_copy_is_no_frame_unless_it_shows_something_else(tmp_path, name, is_same):
    """It moved all behind it by a step."""
    for place in range(4):
        Image.fromarray(PIXELS[place]).save(tmp_path / f"a{place}.png")
    Image.fromarray(PIXELS[1 if is_same else 5]).save(tmp_path / name)
    found = {c.source: c for c in frames.scan(tmp_path, PrepConfig())}
    version = "another version of a1.png, by its name" if name in VERSIONS else ""
    assert found[name].reason == ("a copy of a1.png, byte by byte" if is_same else version)
    if is_same or version:
        assert [found[f"a{place}.png"].time_s for place in range(4)] == [0, 1, 2, 3]


@pytest.mark.parametrize("mark", ["zarr.json", ".zarray", ".zgroup"])
@pytest.mark.parametrize("place", ["", "run/a.zarr"])
def test_arrays_of_zarr_are_told_and_not_their_files(tmp_path, mark, place):
    (tmp_path / place / "c/0").mkdir(parents=True)
    for name in (mark, "0.0.0", "c/0/0"):
        (tmp_path / place / name).write_bytes(b"{}")
    with pytest.raises(FileNotFoundError, match="1 of zarr, where arrays"):
        discover(tmp_path)


@pytest.mark.parametrize("folder", ["@eaDir", "#recycle", "$RECYCLE.BIN", "__MACOSX"])
def test_what_systems_keep_beside_pictures_is_hidden(tmp_path, folder):
    (tmp_path / folder / "a0.png").mkdir(parents=True)
    for path in (tmp_path / "a0.png", tmp_path / "a1.png"), (tmp_path / folder / "a0.png" / "THUMB_S.png",):
        for one in path:
            Image.fromarray(PIXELS[0]).save(one)
    found = discover(tmp_path)
    assert [len(item.files) for item in found.frames] == [2]
    assert [(item.path.name, item.reason) for item in found.unread] == [(folder, HIDDEN)]


@pytest.mark.parametrize("in_zip", [False, True])
def test_pictures_of_a_counter_that_began_anew_are_in_order(tmp_path, in_zip):
    for place, count in enumerate([9997, 9998, 9999, 1, 2]):
        Image.fromarray(PIXELS[place]).save(tmp_path / f"DSC{count:04d}.png")
    if in_zip:
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
            for path in sorted(tmp_path.glob("*.png")):
                archive.write(path, path.name)
                path.unlink()
    candidates = frames.scan(tmp_path, PrepConfig())
    read = {c.time_s: raw.pixels for c, raw in frames.read(candidates) if isinstance(raw, RawFrame)}
    np.testing.assert_array_equal([read[time_s] for time_s in range(5)], PIXELS[:5])


@pytest.mark.parametrize(("curve", "flag"), [(16, "HDR (PQ)"), (18, "HDR (HLG)"), (1, "")])
def test_a_video_of_hdr_says_so(tmp_path, curve, flag):
    with av.open(str(tmp_path / "a.mkv"), "w") as container:
        stream = container.add_stream("ffv1", rate=10)
        stream.height, stream.width, stream.pix_fmt = *SHAPE, "yuv420p"
        stream.codec_context.color_trc = curve
        container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((*SHAPE, 3), np.uint8), format="rgb24")))
        container.mux(stream.encode(None))
    (candidate,) = frames.scan(tmp_path, PrepConfig())
    assert candidate.flags == (f"its levels are of {flag}, darker than those of other videos" if flag else "")


def test_planes_that_metamorph_wrote_without_pages_are_not_lost_without_a_word(tmp_path):
    info: Any = TiffImagePlugin.ImageFileDirectory_v2()
    info[PLANES_BESIDE], info.tagtype[PLANES_BESIDE] = (1.0,) * 5, 5  # rationals
    Image.fromarray(PIXELS[0]).save(tmp_path / "a.stk", "TIFF", tiffinfo=info)
    (candidate,) = frames.scan(tmp_path, PrepConfig())
    assert candidate.reason.startswith("MetaMorph wrote 5 planes into it")


times = st.lists(st.integers(1, 5000), min_size=1, max_size=6).map(lambda steps_ms: np.cumsum([250, *steps_ms]) / 1000)


def of_ome(taken_s):
    planes = "".join(
        f'<Plane TheC="0" TheT="{i}" DeltaT="{1000 * s:.0f}" DeltaTUnit="ms"/>' for i, s in enumerate(taken_s)
    )
    text = f'<OME><Image><Pixels SizeT="{len(taken_s)}" TimeIncrement="9">{planes}</Pixels></Image></OME>'
    return [{DESCRIPTION: text}] + [{}] * (len(taken_s) - 1)


WRITERS = {
    "OME": of_ome,
    "ScanImage": lambda taken_s: [{DESCRIPTION: f"frameNumbers = 1\nframeTimestamps_sec = {s:.6f}\n"} for s in taken_s],
    "older ScanImage": lambda taken_s: [{DESCRIPTION: f"Frame Timestamp(s) = {s:.6f}\n"} for s in taken_s],
    "Micro-Manager": lambda taken_s: [{OF_MICRO_MANAGER: json.dumps({"ElapsedTime-ms": 1000 * s})} for s in taken_s],
}


@pytest.mark.parametrize("key", ["SI.hChannels.channelSave", "state.acq.savedChannels", "scanimage.SI.channelSave"])
@pytest.mark.parametrize(("channels", "is_refused"), [("[1;2]", True), ("[1 3 4]", True), ("[2]", False), ("2", False)])
@pytest.mark.parametrize("tag", [DESCRIPTION, 305])
def test_channels_that_take_turns_in_pages_are_no_frames(tmp_path, key, channels, is_refused, tag):
    """ScanImage: both were woven into one reel, silently."""
    write_tiff(tmp_path / "a.tif", np.resize(PIXELS, (4, 12, 20)), *[{tag: f"frames\n{key} = {channels}\n"}] * 4)
    found = frames.scan(tmp_path, PrepConfig())
    assert any("channels" in c.reason for c in found) == is_refused
    assert len(found) == (1 if is_refused else 4)


@given(st.sampled_from(sorted(WRITERS)), times)
def test_pages_are_of_the_times_that_each_of_them_is_told_to_be_of(tmp_path_factory, who, taken_s):
    path = tmp_path_factory.mktemp("stack") / "a.tif"
    write_tiff(path, np.resize(PIXELS, (len(taken_s), 12, 20)), *WRITERS[who](taken_s))
    candidates = frames.scan(path.parent, PrepConfig())
    np.testing.assert_allclose([c.time_s for c in candidates], taken_s - taken_s[0], atol=2e-6)


@pytest.mark.parametrize(("settings", "times_s"), [({}, [0, 7, 90]), ({"sample_interval_sec": 2.0}, [0, 2, 4])])
def test_pages_are_as_far_apart_as_their_dates(tmp_path, settings, times_s):
    write_tiff(
        tmp_path / "a.tif", PIXELS[:3], *({306: f"2024:03:01 12:{s // 60:02d}:{s % 60:02d}"} for s in (0, 7, 90))
    )
    assert [c.time_s for c in frames.scan(tmp_path, PrepConfig(**settings))] == times_s


@pytest.mark.parametrize("steps", [[0.0, 0.0], [1.0, 0.5]])
def test_times_of_pages_that_do_not_go_on_are_none(steps):
    assert steps_s([0.0, *steps]) == []


@pytest.mark.parametrize(
    ("begin", "told"),
    [
        (b"\0\0\0\x18ftypheic", "HEIC"), (b"\0\0\0\x18ftypmif1\0\0\0\0heic", "HEIC"), (b"\xff\x0a", "JPEG XL"),
        (b"\0" * 128 + b"DICM", "DICOM"), (b"%PDF-1.7", "PDF"), (b"icns\0\0", "icon"),
        (b"7z\xbc\xaf\x27\x1c", "unpack it"),
    ],
)  # fmt: skip
def test_what_has_another_name_or_none_is_named_by_its_content(tmp_path, begin, told):
    """Phones' HEIC is often called .jpg, and DICOM nothing at all."""
    (tmp_path / "a1.jpg").write_bytes(begin.ljust(3000, b"\0"))
    (candidate,) = frames.scan(tmp_path, PrepConfig())
    assert told in candidate.reason
    (tmp_path / "a1.jpg").rename(tmp_path / "a1")
    with pytest.raises(FileNotFoundError, match=f"no suffix 1: .*{told}"):
        discover(tmp_path)


@pytest.mark.parametrize("begin", [b"%PDF-1.4\n", b"\0" * 128 + b"DICM", b"\0\0\0\x18ftypheic"])
def test_pictures_within_what_is_not_read_are_no_video(tmp_path, begin):
    """FFmpeg found the JPEG in a PDF: a reel of what it made of it."""
    stream = io.BytesIO()
    Image.fromarray(picture(5)).save(stream, "JPEG")
    (tmp_path / "a").write_bytes(begin + b"\n".join([stream.getvalue()] * 5))
    assert source_of(tmp_path / "a", []) is None


@pytest.mark.parametrize("begin", [b"", b"II", b"\x89MCAP0\r\n", b"\x01\0\0\0"])
def test_zeros_are_no_video(tmp_path, begin):
    """FFmpeg took them for the graphics of karaoke: a black reel of thousands of frames."""
    (tmp_path / "a").write_bytes(begin.ljust(20_000, b"\0"))
    with pytest.raises(FileNotFoundError, match="1 of unknown kind"):
        discover(tmp_path)


def test_an_hour_that_comes_twice_says_so(tmp_path):
    for clock in ("010000", "023000", "040000", "050000"):
        Image.new("L", (24, 16)).save(tmp_path / f"20241027_{clock}.png")
    found = {c.source: c.reason for c in frames.scan(tmp_path, PrepConfig(time_zone="Europe/Berlin"))}
    assert [source for source, reason in found.items() if reason] == ["20241027_023000.png"]
    assert "an hour comes twice" in found["20241027_023000.png"]


@pytest.mark.parametrize(
    ("folder", "beside", "is_its"), [("data", "", True), ("data", "other", False), ("x", "", False)]
)
def test_times_beside_the_only_folder_of_pictures_are_its(tmp_path, folder, beside, is_its):
    """KITTI: image_00/timestamps.txt and image_00/data."""
    place = tmp_path / "image_00" / folder
    place.mkdir(parents=True)
    if beside:
        (tmp_path / "image_00" / beside).mkdir()
    for i in range(3):
        Image.fromarray(PIXELS[i]).save(place / f"{i:010d}.png")
    lines = "".join(f"2011-09-26 13:02:2{i}.364123789\n" for i in range(3))
    (tmp_path / "image_00/timestamps.txt").write_text(lines)
    times = [c.time_utc for c in frames.scan(tmp_path, PrepConfig())]
    assert times == ([f"2011-09-26T13:02:2{i}.364" for i in range(3)] if is_its else [""] * 3)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("bold.nii.gz", ".nii.gz 1: unpack and save as .npy (T, H, W)"),
        ("stack.npy.xz", ".npy.xz 1: unpack"),
        ("a.zip.001", ".001 1: join its parts and unpack them"),
        ("high_speed.mraw", ".mraw 1: save as TIFF with a page a frame"),
    ],
)
def test_what_is_not_read_is_named_with_what_to_do(tmp_path, name, told):
    (tmp_path / name).write_bytes(bytes(range(1, 200)))
    Image.fromarray(PIXELS[0]).save(tmp_path / "a.png")
    assert told in left_out(discover(tmp_path).unread)


@pytest.mark.parametrize(("channels", "count"), [(8, 8), (12, 12), (7, 1), (2, 1)])
def test_channels_that_imagej_could_not_show_are_frames(tmp_path, channels, count):
    """As tifffile writes a stack for ImageJ of which it was told no axes."""
    text = f"ImageJ=1.11a\nimages={channels}\nchannels={channels}\nhyperstack=true\n"
    write_tiff(tmp_path / "a.tif", [PIXELS[i % 6] for i in range(channels)], {DESCRIPTION: text})
    found = frames.scan(tmp_path, PrepConfig())
    assert [bool(c.reason) for c in found] == [count == 1] * count


@pytest.mark.parametrize("name", [*VERSIONS, "IMG_E0003.JPG"])
@pytest.mark.parametrize("is_there", [True, False])
def test_another_version_of_a_picture_is_no_moment_between_the_others(tmp_path, name, is_there):
    """Edited pictures and those of two machines were frames; without the one they are of, they are all there is."""
    original = "IMG_0003.png" if name.startswith("IMG") else "a1.jpg"
    others = [f"{original[:-5]}{number}{original[-4:]}" for number in (5, 6, 7)]
    for place, called in enumerate([*others, name, *([original] if is_there else [])]):
        Image.fromarray(PIXELS[place]).save(tmp_path / called)
    found = {c.source: c for c in frames.scan(tmp_path, PrepConfig())}
    assert found[name].reason == (f"another version of {original}, by its name" if is_there else "")
