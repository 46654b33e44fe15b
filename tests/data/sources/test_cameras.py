"""Pictures of several cameras in one folder are never frames of one reel, and those of one camera always are."""

import unicodedata
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from config import PrepConfig
from data.sources.picture_folder.cameras import cameras_of
from data.sources.picture_folder.order import natural_key
from data.sources.picture_folder.taken import places_of
from tests.support import frames

NUMBERED = {
    "counter": lambda i: f"{i:04d}",
    "plain counter": lambda i: str(i + 1),
    "date and clock": lambda i: f"20240301_12{i // 60:02d}{i % 60:02d}",
    "UNIX": lambda i: f"{1305031102.175304 + i * 0.0333:.6f}",  # TUM's RGB-D: each of its seconds was a reel
    "UNIX ns": lambda i: f"{1403636579763555584 + i * 50_000_000}",
    "seconds and ms": lambda i: f"yourcamera.{1512579138.00433 + i * 0.7:.5f}",  # Home Assistant's
    "year of two digits": lambda i: f"210705_14{29 + i // 20:02d}{i * 3 % 60:02d}",
    "VLC": lambda i: f"vlcsnap-2021-07-05-14h29m{i // 2:02d}s{123 + 500 * (i % 2)}",  # was a reel for each fraction
    "Axis": lambda i: f"image21-07-05_14-29-{i // 4:02d}-{i % 4 * 25:02d}",  # and this one
    "ISO": lambda i: f"2024-03-01T12-{i // 60:02d}-{i % 60:02d}.250",
}
numbered, counts = st.sampled_from(list(NUMBERED)), st.integers(3, 40)
SIDES = (
    ("cam1_{}", "cam2_{}", "cam10_{}"),
    ("left-{}", "right-{}"),
    ("{}", "{}_mask"),
    ("{}_a", "{}_b"),
    ("ir {}", "vis {}"),
    ("img_{}_DAPI_000", "img_{}_GFP_000"),  # Micro-Manager's: channels alternated in one reel
    ("plate_A01_T{}F001L01", "plate_A02_T{}F001L01", "plate_B01_T{}F001L01"),
    ("{}_c1", "{}_c2", "{}_c3"),
    ("img_channel000_time{}_z000", "img_channel000_time{}_z001", "img_channel001_time{}_z000"),
    ("20240301_cam1_{}", "20240301_cam2_{}"),
)


@given(st.sampled_from(SIDES), numbered, st.lists(counts, min_size=3, max_size=3), st.randoms())
def test_what_goes_on_side_by_side_is_a_reel_each(sides, form, lengths, random):
    wanted = {
        side.format(NUMBERED[form](i)) + ".jpg": side for side, n in zip(sides, lengths, strict=False) for i in range(n)
    }
    names = list(wanted)
    random.shuffle(names)
    found = cameras_of(names)
    assert found.keys() == wanted.keys()
    pairs = {(found[name], wanted[name]) for name in names}
    assert len(pairs) == len({camera for camera, _ in pairs}) == len(sides)


@given(numbered, counts, st.integers(0, 12), st.sampled_from([(".jpg", ".TIF"), (".png", ".jpg")]))
def test_pictures_in_two_forms_are_a_reel_each(form, count, missing, suffixes):
    """A camera's TIFF and JPEG of each exposure: every frame was there twice."""
    first, second = ({NUMBERED[form](i) + suffix: suffix for i in range(count)} for suffix in suffixes)
    second = dict(list(second.items())[: max(3, count - missing)])
    found = cameras_of([*first, *second])
    assert found == {name: suffix.lower()[1:] for name, suffix in (first | second).items()}


@given(numbered, st.integers(6, 40), st.integers(1, 5))
def test_those_that_go_on_in_another_form_are_one(form, count, others):
    names = [NUMBERED[form](i) + (".png" if i < others else ".jpg") for i in range(count)]
    assert set(cameras_of(names).values()) == {""}


@given(numbered, counts, st.sampled_from(["{}", "img_{}", "192.168.1.64_01_{}_MOTION", "cam1_{}", "{}_1"]))
def test_frames_of_one_camera_stay_together(form, count, name):
    names = [name.format(NUMBERED[form](i)) + ".png" for i in range(count)]
    assert set(cameras_of(names).values()) == {""}


@pytest.mark.parametrize(
    "names",
    [
        [f"day1_{i:03d}.png" for i in range(9)] + [f"day2_{i:03d}.png" for i in range(9, 18)],  # the count goes on
        [f"20240301_1200{i:02d}_{burst}.jpg" for i in range(9) for burst in (1, 2, 3)],
        [f"front-17092944{i:02d}.123456-{i:x}c.jpg" for i in range(40)],
        [f"{i:02d}.png" for i in range(9)] + ["plot.png", "map.png"],
        [f"{i}_{j}.png" for i in range(30) for j in range(3)],
        [f"f_{i:04d}_c{7 * i % 5}.png" for i in range(30)],  # what was seen, or how much of it
        [f"IMG_20231115_1704{i:02d}{end}.jpg" for i in range(9) for end in ("", " (1)", " (2)")[: 1 + i % 3]],
        [f"IMG_20231115_1704{i:02d}{end}.jpg" for i in range(9) for end in ("", "_1")],
        [f"cam 2024-03-05 {(8 + i) % 12 + 1:02d}-59-50 {'AP'[i > 2]}M.jpg" for i in range(9)],
        [f"2024-03-31_0{i}-30-00_{zone}.jpg" for i, zone in enumerate(["CET"] * 3 + ["CEST"] * 4)],
        [f"{100 + i // 8}RECNX_IMG_{i % 8:04d}.JPG" for i in range(24)],  # each folder of a camera from 0 on
        ["plot.png"], [],
    ],
)  # fmt: skip
def test_parts_bursts_and_single_pictures_are_no_cameras(names):
    assert set(cameras_of(names).values()) <= {""}


@pytest.mark.parametrize("packed", [False, True])
def test_each_camera_has_its_own_times(tmp_path, packed):
    names = [f"cam{camera}_{i:03d}.png" for i in range(4) for camera in (1, 2)]
    for name in names:
        Image.new("L", (8, 6), len(name)).save(tmp_path / name)
    if packed:
        with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
            for name in names:
                archive.write(tmp_path / name, name)
                (tmp_path / name).unlink()
    found = frames.scan(tmp_path, PrepConfig(sample_interval_sec=2.0))
    reels = {c.reel[-4:] for c in found}
    assert reels == {"cam1", "cam2"}
    for reel in reels:
        assert [c.time_s for c in found if c.reel.endswith(reel)] == [0.0, 2.0, 4.0, 6.0]


def test_a_times_csv_says_that_all_are_one(tmp_path):
    names = [f"cam{camera}_{i:03d}.png" for i in range(4) for camera in (1, 2)]
    for name in names:
        Image.new("L", (8, 6)).save(tmp_path / name)
    (tmp_path / "times.csv").write_text("file,time_s\n" + "".join(f"{name},{i}\n" for i, name in enumerate(names)))
    assert len({c.reel for c in frames.scan(tmp_path, PrepConfig())}) == 1


@given(st.sampled_from(["café_{}", "ähm{}", "{}ő", "한글 {}"]), st.integers(4, 20), st.randoms())
def test_letters_of_one_or_two_signs_are_the_same(form, count, random):
    """As macOS and others write names; such a folder was two reels, each with every other frame."""
    plain = [form.format(i) + ".png" for i in range(count)]
    names = [unicodedata.normalize(random.choice(["NFC", "NFD"]), name) for name in plain]
    shuffled = random.sample(names, count)
    assert set(cameras_of(shuffled).values()) == {""}
    assert sorted(shuffled, key=natural_key) == names
    assert places_of(names) == list(range(count))


@given(st.integers(6, 400), st.integers(2, 5), st.integers(0, 1), st.integers(4, 6), st.randoms())
def test_a_number_that_each_picture_has_all_values_of_is_that_of_a_band(pictures, bands, first, width, random):
    """IMG_0000_1 to IMG_0000_5 of a drone's camera: each picture was a reel of five frames, or all bands were one."""
    wanted = {f"IMG_{i:0{width}d}_{b}.tif": b for i in range(pictures) for b in range(first, first + bands)}
    names = random.sample([*wanted], len(wanted))
    found = cameras_of(names)
    pairs = {(found[name], wanted[name]) for name in names}
    assert len(pairs) == len({camera for camera, _ in pairs}) == bands


@pytest.mark.parametrize(
    ("behind", "labels"),
    [
        (["1024_0171", "1024_0304"], {"0171", "0304"}),  # SDO's pictures of two wavelengths
        (["aia094", "aia131", "aia4500"], {"aia094", "aia131", "aia4500"}),
        (["0", "1", "2", "3"], {""}),  # four pictures a second
        (["01", "02"], {""}),
        (["00", "25", "50", "75"], {""}),  # hundredths
        (["17", "19", "30"], {"17", "19", "30"}),
        (["GRE", "NIR", "RED"], {"GRE", "NIR", "RED"}),
    ],
)
def test_numbers_behind_times_are_cameras_or_counts_of_one_second(behind, labels):
    names = [f"20120719_0730{second:02d}_{end}.jpg" for second in range(6) for end in behind]
    assert set(cameras_of(names).values()) == labels
    found = cameras_of([name[2:].replace("12", "21", 1) for name in names])  # years of two digits
    assert len(set(found.values())) == len(labels)


@given(
    st.lists(
        st.sampled_from(["94", "131", "171", "193", "211", "304", "335", "1600", "4500"]), min_size=2, unique=True
    ),
    st.integers(3, 9),
    st.integers(0, 3),
)
def test_wavelengths_that_take_turns_are_a_reel_each(waves, rounds, lost):
    """Helioviewer's names, of which no two are of one time: 171 and 304 were one reel, frame by frame."""
    times = [f"2024_05_10__06_{k // 60:02d}_{k % 60:02d}_{349 + k % 7}" for k in range(len(waves) * rounds)]
    names = [f"{time}__SDO_AIA_AIA_{waves[k % len(waves)]}.jp2" for k, time in enumerate(times)]
    names = names[min(lost, len(waves) * (rounds - 3)) :]
    assert set(cameras_of(names).values()) == {f"SDO_AIA_AIA_{wave}" for wave in waves}


@pytest.mark.parametrize(
    "behind",
    [
        lambda k: f"{20 + k // 8}C",  # a temperature, which drifts
        lambda k: f"{(k * k + 7) % 11}persons",
        lambda k: f"{k % 3}",  # three of a burst
    ],
)
def test_what_was_measured_beside_a_time_is_no_camera(behind):
    names = [f"2024-03-05_09-{k // 60:02d}-{k % 60:02d}_{behind(k)}.jpg" for k in range(48)]
    assert set(cameras_of(names).values()) == {""}


@pytest.mark.parametrize("end", ["", "-XY-Ha", "-S-AB"])
def test_tenths_of_minutes_are_no_cameras(end):
    """WinJUPOS' names; two pictures a minute were two reels."""
    names = [f"2024-05-10-08{30 + k // 2}_{5 * (k % 2)}{end}.png" for k in range(12)]
    assert set(cameras_of(names).values()) == {""}


@given(st.integers(3, 40), st.integers(100, 600), st.sampled_from(["UV - DAPI", "Cy5"]), st.randoms())
def test_two_numbers_that_go_on_together_tell_no_camera(count, step_ms, other, random):
    """IN Cell's time point and its milliseconds: each picture was of a form of its own, and two channels of a reel."""
    name = "A - 01(fld 1 wv {} time {} - {}ms).tif"
    wanted = {
        name.format(w, i + 1, i * step_ms + 7 * q): w for q, w in enumerate(("Blue", other)) for i in range(count)
    }
    names = [*wanted]
    random.shuffle(names)
    found = cameras_of(names)
    assert len({found[name] for name in names}) == 2
    assert len({(found[name], wanted[name]) for name in names}) == 2


@given(st.integers(3, 30), st.integers(1, 3), st.integers(5, 300), st.integers(9, 12))
def test_screenshots_of_further_displays_are_reels_of_their_own(count, further, step_s, hour):
    """macOS' ` (2)` at each time: the displays were woven into one reel, as bursts are, silently."""
    at = [3600 * hour + step_s * i for i in range(count)]
    stems = [f"Screen Shot 2021-07-05 at {s // 3600}.{s // 60 % 60:02d}.{s % 60:02d} PM" for s in at]
    wanted = {f"{stem}{f' ({n})' if n else ''}.png": n for stem in stems for n in (0, *range(2, 2 + further))}
    found = cameras_of([*wanted])
    assert len({(found[name], n) for name, n in wanted.items()}) == len(set(found.values())) == 1 + further


@pytest.mark.parametrize("step_min", [5, 15, 60, 90])
def test_clocks_without_a_day_at_any_step_are_one_camera(step_min):
    minutes = [(20 * 60 + step_min * k) % 1440 for k in range(14)]
    names = [f"{minute // 60:02d}-{minute % 60:02d}-00.jpg" for minute in sorted({*minutes})]
    assert set(cameras_of(names).values()) == {""}


def test_three_numbers_that_are_no_clock_tell_places():
    names = [f"{well:02d}-{place:02d}-{time:02d}.tif" for well in (1, 2) for place in (1, 2) for time in range(1, 9)]
    assert len(set(cameras_of(names).values())) > 1


@pytest.mark.parametrize(
    "form", ["img_{0:04d}_exp{1}ms.png", "{0:03d}_gain{1}.png", "f{0}_LED{1}.png", "a_{0}_iso{1}.jpg"]
)
def test_how_pictures_were_taken_tells_them_apart(form):
    """Exposures in turns were one reel."""
    names = [form.format(k, 10 + 30 * q) for k in range(1, 12) for q in (0, 1)]
    found = cameras_of(names)
    assert len(set(found.values())) == 2
    assert all(found[name] == found[names[k % 2]] for k, name in enumerate(names))
    assert set(cameras_of([form.format(7, k) for k in range(1, 12)]).values()) == {""}
