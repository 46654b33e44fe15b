"""Times of pictures whose names hold none: of their EXIF data, else of their count, with what it leaves out."""

import itertools
from datetime import datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from config import PrepConfig
from data.sources.picture_folder.order import in_order
from data.sources.picture_folder.taken import (
    EXIF_IFD,
    FRACTION,
    GPS_CLOCK,
    GPS_DATE,
    GPS_IFD,
    MADE,
    OFFSET,
    TAKEN,
    places_of,
)
from data.sources.times.in_names.elapsed_names import seconds_in_names
from tests.support import frames

START = datetime(2024, 3, 1, 12)


def write(folder, steps_s, tags=None, name="GOPR{:04d}.JPG"):
    for i, seconds in enumerate(steps_s):
        image, exif = Image.new("L", (16, 12), 10 * i), Image.Exif()
        own = exif.get_ifd(EXIF_IFD)
        if seconds is not None:
            own |= {TAKEN: f"{START + timedelta(seconds=int(seconds)):%Y:%m:%d %H:%M:%S}"} | (tags or {})
            if seconds % 1:
                own[FRACTION] = f"{seconds % 1:.3f}"[2:]
        image.save(folder / name.format(i + 1), exif=exif)


def scanned(folder, **settings):
    return frames.scan(folder, PrepConfig(**settings))


@pytest.mark.parametrize(
    ("steps_s", "tags", "settings", "ahead_h"),
    [
        ([0, 60, 120, 600], {}, {}, 0),
        ([0, 60, 120, 600], {OFFSET: "+02:00"}, {}, 2),
        ([0, 60, 120, 600], {}, {"time_zone": "Europe/Zurich"}, 1),
        ([0, 0.25, 0.5, 1.125], {}, {}, 0),
    ],
)
def test_pictures_whose_names_are_counts_have_the_times_of_their_exif_data(tmp_path, steps_s, tags, settings, ahead_h):
    write(tmp_path, steps_s, tags)
    found = scanned(tmp_path, **settings)
    expected = [START + timedelta(seconds=s) - timedelta(hours=ahead_h) for s in steps_s]
    assert [c.time_utc for c in found] == [time.isoformat(timespec="milliseconds") for time in expected]


@pytest.mark.parametrize(
    ("form", "ahead_h"),
    [
        ("", 0),  # a TIFF
        ("%Y-%m-%dT%H:%M:%SZ", 0),
        ("%Y:%m:%d %H:%M:%S", 0),
        ("%a, %d %b %Y %H:%M:%S +0200", 2),
        ("%Y-%m-%d %H:%M:%S-05:00", -5),
    ],
)
def test_tiff_and_png_tell_when_they_were_made(tmp_path, form, ahead_h):
    """They were counted, 1 s apart."""
    moments = [START + timedelta(seconds=s) for s in (0, 60, 61, 600)]
    for i, moment in enumerate(moments):
        image, text = Image.new("L", (16, 12), 10 * i), PngImagePlugin.PngInfo()
        text.add_text("Creation Time", moment.strftime(form))
        own: dict = {"pnginfo": text} if form else {"tiffinfo": {MADE: f"{moment:%Y:%m:%d %H:%M:%S}"}}
        image.save(tmp_path / f"f{i}.{'png' if form else 'tif'}", **own)
    expected = [(moment - timedelta(hours=ahead_h)).isoformat(timespec="milliseconds") for moment in moments]
    assert [c.time_utc for c in scanned(tmp_path)] == expected


@pytest.mark.parametrize(
    ("steps_s", "settings"),
    [
        ([0, 0, 0, 1, 1, 1], {}),  # coarser than the pictures follow each other
        ([0, 60, 120, 180], {"frames_per_second": 1.0}),
        ([0, 60, 120, 180], {"sample_interval_sec": 1.0}),
        ([None, None, None], {}),
    ],
)
def test_they_are_counted_where_exif_data_tell_less_or_the_settings_more(tmp_path, steps_s, settings):
    write(tmp_path, steps_s)
    found = scanned(tmp_path, **settings)
    assert [c.time_s for c in found] == list(range(len(steps_s)))
    assert not any(c.time_utc for c in found)


def write_gps(folder, utc, ahead_min):
    """Pictures whose local clock is so far ahead of the UTC of their GPS, which may be None."""
    for i, (time, minutes) in enumerate(zip(utc, ahead_min, strict=True)):
        exif = Image.Exif()
        exif.get_ifd(EXIF_IFD)[TAKEN] = f"{START + timedelta(seconds=60 * i, minutes=minutes):%Y:%m:%d %H:%M:%S}"
        if time is not None:
            exif.get_ifd(GPS_IFD).update(
                {GPS_DATE: f"{time:%Y:%m:%d}", GPS_CLOCK: (time.hour, time.minute, time.second)}
            )
        Image.new("L", (16, 12), 10 * i).save(folder / f"IMG_{i + 1:04d}.JPG", exif=exif)


@pytest.mark.parametrize("ahead_min", [120, -210, 345, 0])
@pytest.mark.parametrize("old", [(), (2,), (1, 3)])
def test_gps_tells_how_far_local_clocks_are_from_utc(tmp_path, ahead_min, old):
    """They were taken as UTC, hours off. Of some pictures it gives an old time, of others none."""
    utc = [START + timedelta(seconds=60 * i - 17 * 60 * (i in old)) for i in range(6)] + [None]
    write_gps(tmp_path, utc, [ahead_min] * 7)
    found = scanned(tmp_path)
    expected = [(START + timedelta(seconds=60 * i)).isoformat(timespec="milliseconds") for i in range(7)]
    assert [c.time_utc for c in found] == expected
    settled = scanned(tmp_path, time_zone="UTC")
    assert settled[0].time_utc == (START + timedelta(minutes=ahead_min)).isoformat(timespec="milliseconds")


def test_where_summer_time_ends_each_has_its_own(tmp_path):
    write_gps(tmp_path, [START + timedelta(seconds=60 * i) for i in range(6)], [120] * 3 + [60] * 3)
    assert [c.time_utc[14:16] for c in scanned(tmp_path)] == ["00", "01", "02", "03", "04", "05"]


def test_a_clock_that_was_set_is_told(tmp_path, caplog):
    write(tmp_path, [1000, 1060, 1120, 0, 60])
    scanned(tmp_path)
    assert "go back 1 times, first from GOPR0003.JPG of 2024-03-01T12:18:40.000 to GOPR0004.JPG of" in caplog.text
    assert "prep.sample_interval_sec" in caplog.text


@examples(max_examples=15)
@given(st.integers(2, 12), st.integers(2, 12), st.integers(2, 90), st.sampled_from([3600, 86_400, 250_000_000]))
def test_frames_stay_in_the_order_of_their_count_where_a_clock_was_set_back(
    tmp_path_factory, before, after, step_s, back_s
):
    """The later half was put before the earlier one, told in a line."""
    assume(4 * (before + after) > 20)
    folder = tmp_path_factory.mktemp("set")
    seconds = [step_s * i for i in range(before + after)]
    write(folder, [s if i < before else s - back_s for i, s in enumerate(seconds)])
    found = scanned(folder)
    assert [c.source for c in sorted(found, key=lambda c: c.time_utc)] == [c.source for c in found]
    assert [c.time_utc for c in found] == [f"{START + timedelta(seconds=s):%Y-%m-%dT%H:%M:%S}.000" for s in seconds]


def test_a_count_that_begins_elsewhere_says_nothing_of_a_clock(tmp_path):
    """Of DSC0001 to 5 and DSC9990 to 9994, the card was changed: EXIF has the order."""
    for first, start_s in ((1, 5000), (9990, 0)):
        write(tmp_path, [start_s + 60 * i for i in range(5)], name=f"x{first}_{{}}.jpg")
        for i in range(5):
            (tmp_path / f"x{first}_{i + 1}.jpg").rename(tmp_path / f"DSC{first + i:04d}.jpg")
    found = sorted(scanned(tmp_path), key=lambda c: c.time_utc)
    assert [c.source[3:7] for c in found] == [f"{i:04d}" for i in (*range(9990, 9995), *range(1, 6))]


def test_one_picture_without_a_time_among_many_is_rejected(tmp_path):
    write(tmp_path, [*range(0, 600, 60), None, 660])
    assert [c.reason for c in scanned(tmp_path) if c.reason] == [
        "no time in the EXIF data, unlike in most of its folder"
    ]


@given(st.integers(0, 10**6), st.integers(1, 100), st.integers(12, 60), st.data())
def test_what_a_count_leaves_out_is_missing(first, step, count, data):
    lost = data.draw(st.sets(st.integers(1, count - 2), max_size=count // 12))
    left = [i for i in range(count) if i not in lost]
    assert places_of([f"f{first + step * i:05d}.png" for i in left]) == left


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=30, unique=True))
def test_any_other_count_is_just_an_order(numbers):
    numbers.sort()
    steps = {b - a for a, b in itertools.pairwise(numbers)}
    places = places_of([f"{n}.png" for n in numbers])
    assert places[0] == 0
    assert all(b > a for a, b in itertools.pairwise(places))
    if len(steps) > 1 and len(numbers) < 6:
        assert places == list(range(len(numbers)))


def test_missing_frames_are_a_gap(tmp_path):
    for i in (*range(1, 13), *range(20, 30)):
        Image.new("L", (16, 12), i).save(tmp_path / f"f{i:03d}.png")
    found = scanned(tmp_path, start_utc="2024-03-01")
    assert [c.time_s for c in found] == [*range(12), *range(19, 29)]
    assert found[12].time_utc == "2024-03-01T00:00:19.000"


@given(st.integers(2, 10), st.integers(0, 9), st.integers(3, 5), st.booleans())
@examples(max_examples=15)
def test_several_pictures_a_second_are_even_parts_of_it_apart(tmp_path_factory, rate, late, n_seconds, has_zeros):
    """GoPro's time lapses of half a second: EXIF data have whole seconds, and they were taken as 1 s apart."""
    folder = tmp_path_factory.mktemp("frames")
    moments = [number / rate for number in range(late % rate, rate * n_seconds)]
    write(folder, [int(moment) for moment in moments], {FRACTION: "00"} if has_zeros else None)
    told = [(datetime.fromisoformat(c.time_utc) - START).total_seconds() for c in scanned(folder)]
    assert told == pytest.approx(moments, abs=1e-3)


@pytest.mark.parametrize("seconds", [[0, 1, 0, 2, 1, 3], [0] * 6, [0, 0, 0, 1, 1, 1]])
def test_times_that_tell_no_pictures_apart_are_passed_over_and_told(tmp_path, seconds, caplog):
    write(tmp_path, seconds)
    with caplog.at_level("INFO"):
        assert [c.time_s for c in scanned(tmp_path)] == list(range(6))
    assert "that do not tell them apart" in caplog.text


def test_files_that_were_made_in_seconds_tell_no_rate(tmp_path):
    for number in range(12):
        made = {MADE: f"{START + timedelta(seconds=number // 3):%Y:%m:%d %H:%M:%S}"}
        Image.new("L", (16, 12), number).save(tmp_path / f"{number:02d}.tif", tiffinfo=made)
    assert [c.time_s for c in scanned(tmp_path)] == list(range(12))


@given(st.lists(st.integers(0, 2000), min_size=2, max_size=30, unique=True), st.sampled_from([" ", "_"]))
def test_numbers_that_are_filled_with_blanks_are_numbers(numbers, blank):
    """As %5d writes them: frame   10 stood before frame    9."""
    names = [f"frame{number:5d}.png".replace(" ", blank) for number in sorted(numbers)]
    assert in_order(names) == names
    assert places_of(names) == places_of([f"frame_{number:05d}.png" for number in sorted(numbers)])


@given(st.integers(18 * 3600, 86_000), st.integers(1, 900), st.sampled_from(["Jup_{:%H%M%S}", "{:%H-%M-%S}_g"]))
@examples(max_examples=40)
def test_clocks_of_one_night_are_in_its_order(start_s, step_s, form):
    """Those behind midnight came first, most of a day before the others."""
    count = min(300, 1 + (86_400 + 6 * 3600 - start_s) // step_s)
    moments = [datetime(2024, 1, 1) + timedelta(seconds=start_s + step_s * i) for i in range(count)]
    names = [form.format(moment) + ".png" for moment in moments]
    before = sum(moment.day == 1 for moment in moments)
    if before == len(moments) or before > 1:
        assert in_order(reversed(names)) == names
    if 1 < before < len(moments):
        assert seconds_in_names(names) == [step_s * i for i in range(count)]


def test_clocks_of_one_day_stay_as_they_are():
    morning_and_evening = [f"{hour:02d}0000.png" for hour in (6, 7, 8, 9, 18, 19, 20, 21)]
    assert in_order(morning_and_evening) == morning_and_evening
    whole_day = [f"{hour:02d}0000.png" for hour in range(24)]
    assert in_order(whole_day) == whole_day
