"""Folders named by a date, a clock or DCF's numbers: their pictures are one reel, with the times of their paths."""

import shutil
from datetime import date, datetime, timedelta
from pathlib import Path, PurePath

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image

from config import PrepConfig
from data.sources.picture_folder.dated import clock_of_path, in_months, joined
from data.sources.picture_folder.day_folders import YearLast
from data.sources.times.in_names.names import times_in_names
from data.sources.video_file.starts import starts_of
from tests.support import frames

FORMS = [
    "%Y/%m/%d/%H/%M%S",
    "%Y%m%d/%H/%M/%S",
    "%Y-%m-%d/%H/%M-%S",
    "%Y/%Y-%m/%Y-%m-%d/%H/%M%S",
    "%Y-%m-%d/%H/%H-%M-%S",
]
FORMS += ["%Y/%m/%d/%H-%M-%S", "%Y/%m/%d/%H%M%S", "%Y_%m/%d_%H/%M/%S", "%Y-%m-%d/Hour%H/Min%M/%S", "%Y%m%d%H/%M/%S"]
FORMS += ["%Y/%m/%d/Corridor1_%H-%M-%S", "%Y-%m-%d/%H/img_%M_%S", "%Y/%m/%d/%H/img_%M-%S"]  # motionEye, Foscam
FORMS += ["%Y/%m%d/%H%M/%S", "%Y/%m/%d/%H/%Y%m%d_%H%M%S", "%Y-%m-%d/%Hh/%Mm/%Ss"]


@settings(max_examples=40)
@given(
    st.datetimes(datetime(1990, 1, 1), datetime(2030, 1, 1)),
    st.sampled_from(FORMS),
    st.sampled_from(["", "[R][0@0][0]", "_gray"]),
    st.sampled_from([((), ()), (("cam1",), ()), (("normal", "site 2"), ()), ((), ("001", "jpg"))]),
    st.integers(601, 4000),
)
def test_any_split_of_a_date_and_clock_into_folders_tells_what_the_flat_name_does(begin, form, rest, cameras, step_s):
    moments = [begin.replace(microsecond=0) + timedelta(seconds=step_s * i) for i in range(60)]
    before, between = cameras
    paths = []
    for moment in moments:
        day, *others = moment.strftime(form).split("/")
        between = between if len(form.split("/")[0]) > 4 else ()
        paths.append(PurePath(*before, day, *between, *others[:-1], f"{others[-1]}{rest}.jpg"))
    found = joined(paths)
    assert {home for home, _ in found.values()} == {PurePath(*before, *between)}
    told = times_in_names([found[path][1] for path in paths], PrepConfig())
    assert told == [moment.isoformat(timespec="milliseconds") for moment in moments]


def numbered(form, first, count):
    return [form.format(i) for i in range(first, first + count)]


@pytest.mark.parametrize(
    "names",
    [
        [f"cam1/2024-01-0{d}/12-00-{s:02d}.jpg" for d in (1, 2) for s in range(0, 60, 10)],  # a day is a reel
        [f"2024/01/20240101_12{i:02d}00.jpg" for i in range(5)],
        numbered("2024-01-01/12/{:02d}.jpg", 0, 20),  # which may be a count
        numbered("2024/01/01/12/{:04d}.jpg", 1, 40),
        numbered("20240101/{:06d}.jpg", 100, 40),
        numbered("2024-01-01/12/IMG_{:04d}.jpg", 3000, 40),
        numbered("2024-01-01/cam1/{:05d}.jpg", 0, 40),
        numbered("2024/01/31/31/{:02d}.jpg", 20, 30),
        numbered("2023/02/30/12/{:02d}.jpg", 10, 40),  # of no month
        numbered("1999/frame_{}.jpg", 0, 9),
        numbered("class_a/{:03d}/img_0001.jpg", 1, 9),
        ["100CANON/IMG_0001.JPG", "103CANON/IMG_0002.JPG"],
        ["100CANON/IMG_0001.JPG", "101NIKON/IMG_0002.JPG"],
        ["100CANON/IMG_0001.JPG", "101CANON/DSC_0002.JPG"],
    ],
)
def test_what_tells_no_times_or_enough_of_them_stays_as_it_is(names):
    assert joined([PurePath(name) for name in names]) == {}


def test_a_number_below_a_day_whose_names_have_clocks_is_a_camera():
    paths = [PurePath(f"2024-01-0{d}/0{c}/{h:02d}-30-00.jpg") for d in (1, 2) for c in (1, 2) for h in range(24)]
    assert {home for home, _ in joined(paths).values()} == {PurePath("01"), PurePath("02")}


@settings(max_examples=30)
@given(st.datetimes(datetime(1990, 1, 1), datetime(2030, 1, 1)), st.sampled_from(FORMS), st.sampled_from(["", "site/"]))
def test_a_video_begins_at_the_date_and_clock_of_its_path(moment, form, before):
    assume("img_" not in form)  # of one alone it may as well be a camera and a count
    moment = moment.replace(microsecond=0)
    path = Path(f"/in/{before}{moment.strftime(form)}.mp4")
    told = starts_of(path, "", PrepConfig(), Path("/in"))["name"]
    assert datetime.fromisoformat(told) == moment


@pytest.mark.parametrize("path", ["2024/01/05.mp4", "12/30.mp4", "2024-01-01/gate.mp4", "2024-01-01/005.mp4"])
def test_a_path_without_an_hour_tells_no_start(path):
    assert clock_of_path(PurePath(path)) == ""


def write(root: Path, names):
    for i, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((16, 24), 40 + i, np.uint8)).save(root / name)


def test_hours_and_minutes_of_a_recorder_are_one_reel_a_camera(tmp_path, caplog):
    """Each minute was a reel of its own, whose times were counted."""
    clocks = ["12/59/58", "13/00/00", "13/00/02", "13/01/05"]
    write(tmp_path / "in", [f"2024-01-01/{c:03d}/jpg/{at}[R][0@0][0].jpg" for c in (1, 2) for at in clocks])
    write(tmp_path / "in", ["latest.jpg", "2024-01-01/001/jpg/latest.jpg", "plain/f1.jpg", "plain/f2.jpg"])
    found = frames.scan(tmp_path / "in", PrepConfig())
    reels = {reel: [c.time_utc[11:19] for c in found if c.reel == reel] for reel in sorted({c.reel for c in found})}
    times = [at.replace("/", ":") for at in clocks]
    assert reels == {"001/jpg": times, "002/jpg": times, "2024-01-01/001/jpg": [""], "in": [""], "plain": ["", ""]}
    assert "001/jpg: the pictures of 3 folders" in caplog.text
    assert all(not isinstance(raw, Exception) for _, raw in frames.read(found))


@pytest.mark.parametrize(
    "names",
    [
        [f"2024/01/01/{h}/59{s}.jpg" for h in (12, 13) for s in range(10, 40, 9)],
        [f"front/2024-01-0{d}/12-00-{s}.jpg" for d in (1, 2) for s in (10, 20, 30)],
        [f"2024-01-01/00{c}/jpg/12/{m}/{s}[R][0@0][0].jpg" for c in (1, 2) for m in (30, 31) for s in (10, 25)],
        ["DCIM/100CANON/IMG_9999.jpg", "DCIM/101CANON/IMG_0001.jpg", "DCIM/101CANON/IMG_0002.jpg"],
        ["a/f1.jpg", "a/f2.jpg", "b/f1.jpg", "b/f2.jpg"],
        ["x/rgb/1.jpg", "x/rgb/2.jpg", "x/rgb/3.jpg"],
        ["x/t0.5.jpg", "x/t0.75.jpg", "x/t1.0.jpg"],
    ],
)
def test_an_archive_tells_what_its_folders_do_unpacked(tmp_path, names):
    write(tmp_path / "in/cam", names)
    if (place := tmp_path / "in/cam/x").is_dir():
        lines = "".join(f"{1305031102 + 3 * i}.5 rgb/{i}.jpg\n" for i in (1, 2, 3))
        (place / "rgb.txt").write_text(f"# color images\n# timestamp filename\n{lines}")
    (tmp_path / "packed").mkdir()
    shutil.make_archive(str(tmp_path / "packed/cam"), "zip", tmp_path / "in/cam")

    def told(place):
        found = frames.scan(tmp_path / place, PrepConfig())
        return {(c.source.replace(".zip::", "/"), c.reel, c.time_utc, c.time_s) for c in found}

    assert told("packed") == told("in")


def test_a_times_csv_leaves_dated_folders_as_they_are(tmp_path):
    write(tmp_path, [f"2024/01/01/{h}/{m:02d}00.jpg" for h in (12, 13) for m in (10, 25, 50)])
    assert {c.reel for c in frames.scan(tmp_path, PrepConfig())} == {tmp_path.name}
    (tmp_path / "2024/01/01/12/times.csv").write_text("time\n" + "2020-01-01T00:00:00\n" * 3)
    begins = {c.reel: c.time_utc[:13] for c in frames.scan(tmp_path, PrepConfig())}
    assert begins == {
        "2024/01/01/12": "2020-01-01T00",
        "2024/01/01/13": "2024-01-01T13",
    }


def test_a_camera_that_went_on_in_a_further_folder_has_one_reel(tmp_path):
    names = ["100GOPRO/GOPR9998.JPG", "100GOPRO/GOPR9999.JPG", "101GOPRO/GOPR0001.JPG", "101GOPRO/GOPR0002.JPG"]
    write(tmp_path, [f"DCIM/{name}" for name in names])
    found = frames.scan(tmp_path, PrepConfig())
    assert [c.source for c in found] == [f"DCIM/{name}" for name in names]
    assert ({c.reel for c in found}, [c.time_s for c in found]) == ({"DCIM"}, [0, 1, 2, 3])


@pytest.mark.parametrize(
    "form", ["%Y/%j/%H%M", "%Y/%j/%H/%M", "%Y%j/%H%M", "%Y-%j/%H%M", "%Y_%j/%H/%M", "day/%Y/%j/%H/%M"]
)
def test_days_of_the_year_are_dates(form):
    """2024/123/09/30.png was of September 30th, and other forms 1 s apart, a reel a day."""
    moments = [datetime(2024, 5, 2, 9, 30) + timedelta(hours=7 * i) for i in range(12)]
    paths = [PurePath(f"{moment:{form}}.png") for moment in moments]
    found = joined(paths)
    assert {home for home, _ in found.values()} == {PurePath("day" if form.startswith("day") else ".")}
    assert [found[path][1] for path in paths] == [f"{moment:%Y-%m-%d %H-%M-00}.png" for moment in moments]


@given(st.integers(1900, 2099), st.integers(0, 399), st.sampled_from(["", "-", "_", "."]))
def test_days_of_the_year_are_those_of_the_calendar(year, day, sign):
    try:
        date = datetime.strptime(f"{year} {day:03d}", "%Y %j")
    except ValueError:
        assert in_months((f"{year}", f"{day:03d}", "a")) == (f"{year}", f"{day:03d}", "a")
        return
    assert in_months(("cam", f"{year}", f"{day:03d}")) == ("cam", f"{year}", f"{date:%m}", f"{date:%d}")
    assert in_months((f"{year}{sign}{day:03d}", "123")) == (f"{date:%Y-%m-%d}", "123")


@pytest.mark.parametrize(
    "form", ["{:%YY%mM%dD%HH/%MM%SS}60", "{:%YY%mM%dD%HH}/{:%MM%SS}", "cam/{:%YY%mM%dD/%HH%MM%SS}"]
)
@given(st.datetimes(datetime(2012, 1, 1), datetime(2030, 1, 1)))
def test_letters_behind_the_numbers_of_a_date_and_clock(form, moment):
    """Yi's cameras call a clip 2021Y07M05D14H/22M37S23.mp4, with its length at the end: no start was found."""
    path = PurePath(form.format(moment, moment) + ".mp4")
    assert clock_of_path(path).startswith(f"{moment:%Y-%m-%d %H-%M-%S}")


@pytest.mark.parametrize("first", [0, 1])
def test_cameras_in_folders_of_hours_that_count_are_no_minutes(first):
    names = [
        f"2024-01-01/{hour}/img_{camera:02d}_{i:02d}.jpg"
        for hour in (12, 13)
        for camera in (1, 2)
        for i in range(first, 9)
    ]
    assert not joined([*map(PurePath, names)])


@given(
    st.dates(date(2000, 1, 1), date(2030, 1, 1)),
    st.integers(2, 40),
    st.sampled_from(["%d-%m-%Y", "%m-%d-%Y", "%d.%m.%Y", "%m_%d_%Y"]),
)
def test_days_with_the_year_last_are_read_where_they_tell_which_comes_first(begin, count, form):
    """motionEye's folders, as people set them: their pictures had clocks without a day, counted from each first one."""
    days = [begin + timedelta(days=i) for i in range(count)]
    folders = [f"{day:{form}}" for day in days]
    is_known = any(day.day > 12 for day in days)
    told = YearLast(folders)
    assert [told.turned(folder) for folder in folders] == [
        str(day) if is_known else folder for day, folder in zip(days, folders, strict=True)
    ]
    paths = [PurePath("cam", folder, f"{hour}/05-00.jpg") for folder in folders for hour in (12, 13)]
    called = joined(paths)
    assert {name for _, name in called.values()} == (
        {f"{day} {hour}-05-00.jpg" for day in days for hour in (12, 13)} if is_known else set()
    )


def test_clocks_in_folders_of_days_with_the_year_last(tmp_path):
    for day in ("30-10-2017", "01-11-2017"):
        for i in range(3):
            (tmp_path / day).mkdir(exist_ok=True)
            Image.fromarray(np.full((16, 16), i, np.uint8)).save(tmp_path / day / f"12-00-0{i}.jpg")
    found = {c.source: c.time_utc for c in frames.scan(tmp_path, PrepConfig())}
    assert found["30-10-2017/12-00-02.jpg"] == "2017-10-30T12:00:02.000"
    assert found["01-11-2017/12-00-00.jpg"] == "2017-11-01T12:00:00.000"
