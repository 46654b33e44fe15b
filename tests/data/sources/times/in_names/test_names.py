"""Times in the names of files, as cameras, phones, scripts and archives write them."""

from contextlib import suppress
from datetime import date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config import PrepConfig
from data.sources.base import TableError
from data.sources.times.in_names.elapsed_names import seconds_in_names
from data.sources.times.in_names.names import times_in_names, times_with_folder

QUARTERS = ["2012-07-19T07:30:00.000", "2012-07-19T07:30:00.250", "2012-07-19T07:30:00.500", "2012-07-19T07:30:00.750"]
SECONDS = [f"2012-07-19T07:30:0{i}.000" for i in range(4)]
MINUTES = [f"2012-07-19T07:3{i}:00.000" for i in range(4)]


def found(form: str, *values, **settings) -> list[str]:
    return times_in_names([form.format(value) for value in values], PrepConfig(**settings))


@pytest.mark.parametrize(
    "form",
    [
        "cam_20120719_073000_{}.png", "2012-07-19T07-30-00.{}.png", "PXL_20120719_073000{}.jpg", "1342683000.{}.png",
        "2012_07_19__07_30_00_{}__AIA.jp2",
        "vlcsnap-2012-07-19-07h30m00s{}.png", "yourcamera.1342683000.{}00.jpg",
        "19-07-2012_07.30.00.{}.jpg", "1342683000{}.jpg", "x1342683000{}000000.tif",
    ],
)  # fmt: skip
def test_milliseconds(form):
    assert found(form, "000", "250", "500", "750") == QUARTERS


@pytest.mark.parametrize(
    "form",
    [
        "IMG_20120719_07300{}.jpg", "aia.lev1.2012-07-19T07300{}Z.171.image.png", "cam_19-07-2012_07-30-0{}.png",
        "WhatsApp Image 2012-07-19 at 07.30.0{}.jpeg", "Screenshot 2012-07-19 at 7.30.0{} AM.png", "134268300{}.png",
        "2012-07-19T09300{}+0200.png", "2012-07-19_07h30m0{}s.png", "cam-19072012-07300{}.jpg", "20120719T07:30:0{}.a",
        "201220107300{}.jpg", "cam_20120719_07300{}_0001.png", "0001_2012.07.19_07.30.0{}.png",
        "cam_2012-7-19_7-30-{}.png", "2012 07 19 07 30 0{}.png", "2012_201_07_30_0{}.png", "f_2012-201T07-30-0{}.png",
        "19Jul2012_07300{}.png", "Jul 19 2012 07-30-0{}.png", "July 19, 2012 07.30.0{}.png", "19-JUL-2012 07.30.0{}.a",
        "2012-07-19 09_30_0{} (UTC+2).png", "2012-07-19_13-00-0{}_GMT+5:30.png", "2012-07-19_07-30-0{}_GMT.png",
        "2012-07-18_21-30-0{}_UTC-10.png", "2012年7月19日7時30分{}秒.png", "x_2012年07月19日07时30分0{}秒.png",
        "n015-2012-07-19-06-22-45__CAM_FRONT__134268300{}000000.jpg", "Rec_20120719_07300{}_073009_0_1.jpg",
        "２０１２０７１９＿０７３００{}.png", "7-19-2012, 07.30.0{} GMT.jpg",
        "Capture d’écran 2012-07-19 à 07.30.0{}.png", "Captura 2012-07-19 a las 7.30.0{}.png",
        "Skärmavbild 2012-07-19 kl. 07.30.0{}.png", "19.Juli.2012_07-30-0{}.jpg", "19-juil.-2012_07-30-0{}.jpg",
        "19_julio_2012_07-30-0{}.jpg", "19 luglio 2012 07.30.0{}.png",
    ],
)  # fmt: skip
def test_seconds(form):
    assert found(form, *"0123") == SECONDS


@pytest.mark.parametrize(
    "form",
    [
        "20120719_073{}.png", "2012-07-19 07:3{}.png", "19.07.2012 07.3{}.png", "2012201073{}_GOES.jpg",
        "A1_2012y07m19d_07h3{}m.tif",
    ],
)  # fmt: skip
def test_minutes(form):
    assert found(form, *range(4)) == MINUTES


@settings(max_examples=25)
@given(
    st.lists(st.integers(1, 90_000), min_size=1, max_size=20),
    st.sampled_from(
        [
            "t{s:.3f}",
            "frame_{i:04d}_t={s:.2f}",
            "{s:.3f}s",
            "{ms}ms",
            "a {h}h{m:02d}m{r:06.3f}s",
            "{d:02d}d{q:02d}h{m:02d}m{r:06.3f}s",
            "{c}",
        ]
    ),
)
def test_seconds_since_a_start(steps, form):
    elapsed_s = np.cumsum([0, *steps]) / 10
    names = []
    for i, s in enumerate(elapsed_s.tolist()):
        h, m, r = int(s // 3600), int(s % 3600 // 60), round(s % 60, 1)
        clock = f"{h:02d}-{m:02d}-{r:06.3f}" if elapsed_s[-1] < 360_000 else f"{s:.3f}s"
        names.append(form.format(i=i, s=s, ms=round(1000 * s), d=h // 24, q=h % 24, h=h, m=m, r=r, c=clock) + ".png")
    np.testing.assert_allclose(seconds_in_names(names), elapsed_s, atol=1e-6)


@pytest.mark.parametrize("form", ["f{:03d}", "t{:03d}", "exp10s_{:02d}", "01_02_{:02d}", "s{}", "{}m", "v1.{}"])
def test_other_numbers_tell_no_seconds(form):
    assert seconds_in_names([f"{form.format(i)}.png" for i in range(12)]) == []


def test_seconds_that_do_not_rise_are_something_else():
    assert seconds_in_names([f"{i:03d}_{(1, 4)[i % 2]}s.png" for i in range(8)]) == []


def test_days():
    assert found("2012-07-1{}.png", 1, 2)[1] == "2012-07-12T00:00:00.000"
    assert found("cam_2012-07-19_{}.png", "a", "b") == ["", ""]  # a day of many frames is no time of any


@pytest.mark.parametrize("form", ["cam_20120719_073000_{:03d}.png", "20120719_073000-{:03d}.jpg"])
def test_a_counter_behind_a_time_is_no_fraction(form):
    assert set(found(form, *range(20))) == {"2012-07-19T07:30:00.000"}


@pytest.mark.parametrize(
    "form", ["cam_2012-07-19_{:04d}.png", "20120719_{:06d}.png", "cam_{:08d}.png", "{}.png", "13426830{:04d}x.png"]
)
def test_a_counter_is_no_time(form):
    assert set(found(form, *range(90))) == {""}


def test_order_of_day_and_month_is_asked_for():
    with pytest.raises(TableError, match=r"prep\.time_format says which"):
        found("cam_05-07-2012_07-30-0{}.png", *range(4))
    assert found("cam_07-05-2012_07-30-0{}.png", 1, time_format="month first") == ["2012-07-05T07:30:01.000"]


def test_a_format_of_the_settings_and_local_time():
    form = "%Y_%j_%H_%M_%S"
    assert found("cam_2012_201_07_30_0{}.png", *range(4), time_format=form) == SECONDS
    assert found("IMG_20120719_09300{}.jpg", *range(4), time_zone="Europe/Zurich") == SECONDS


@given(st.lists(st.text(st.sampled_from("0123456789-_.TZ:+ apm")), max_size=6))
def test_no_names_whatever_are_too_odd(names):
    with suppress(TableError):  # of dates that can be read in several ways
        assert len(times_in_names(names, PrepConfig())) == len(names)


@given(
    st.integers(2, 25),
    st.integers(2, 8),
    st.sampled_from(["%Y%m%d%H%M%S-{:02d}", "01-%Y%m%d%H%M%S-{:02d}", "plain_{}", "plain ({})"]),
)
def test_pictures_that_a_second_counts_are_apart_in_it(rate, seconds, form):
    """As motion names them, and as programs do that find a name taken: each gets its part of the second, in order."""
    start = datetime(2012, 7, 19, 7, 30, 1)
    names, expected = [], []
    for number in range(rate * seconds):
        time, count = start + timedelta(seconds=number // rate), number % rate
        plain = f"cam_%Y%m%d_%H%M%S{form[5:].format(count) if count else ''}"
        names.append(f"{time.strftime(plain if form.startswith('plain') else form.format(count))}.jpg")
        expected.append(np.datetime64(time, "ms") + np.timedelta64(1000 * count // rate, "ms"))
    found = times_in_names(names, PrepConfig())
    assert [np.datetime64(text) for text in found] == expected


@given(st.integers(2, 9), st.integers(2, 8))
def test_counts_right_behind_a_clock_are_parts_of_its_second(rate, seconds):
    """D-Link's, which begin at 01: nothing parts them from the clock, as a camera's number would be."""
    names = [f"DCS-932L20210705142{900 + k // rate}{k % rate + 1:02d}.jpg" for k in range(rate * seconds)]
    found = np.array(times_in_names(names, PrepConfig()), "datetime64[ms]")
    expected = [1000 * (k // rate) + 1000 * (k % rate) // rate for k in range(rate * seconds)]
    assert (found - found[0]).astype(int).tolist() == expected


@given(st.lists(st.integers(0, 86_400 * 365 * 10), min_size=2, max_size=9, unique=True))
def test_tenths_of_a_second_behind_a_day_of_the_year_count(tenths):
    """The begin of GOES' scans, before their end and the time when they were made."""
    moments = [datetime(2017, 1, 1) + timedelta(milliseconds=100 * tenth) for tenth in sorted(tenths)]
    names = [f"OR_ABI-M6C13_G16_s{m:%Y%j%H%M%S}{m.microsecond // 100_000}_e20993651439516.png" for m in moments]
    assert [np.datetime64(told) for told in times_in_names(names, PrepConfig())] == [np.datetime64(m) for m in moments]


@pytest.mark.parametrize("ends", [["_1", "_2"], ["", "_b"], ["_front", "_rear"]])
def test_what_may_be_cameras_or_copies_is_not_spread(ends):
    names = [f"cam_20120719_07300{second}{end}.jpg" for second in range(5) for end in ends]
    found = times_in_names(names, PrepConfig())
    assert [text[17:] for text in found] == [f"0{second}.000" for second in range(5) for _ in ends]


@given(st.lists(st.integers(0, 10**5), min_size=2, max_size=9, unique=True), st.integers(2, 6))
def test_seconds_since_1970_with_any_fraction(steps, digits):
    """As programs for robots name pictures, some without the zeros at the end of a fraction."""
    moments = [datetime(2011, 5, 10) + timedelta(milliseconds=10 * step, microseconds=7) for step in sorted(steps)]
    names = [f"rgb/{(m - datetime(1970, 1, 1)).total_seconds():.{digits}f}.png" for m in moments]
    told = [np.datetime64(told) for told in times_in_names(names, PrepConfig())]
    assert max(abs(a - np.datetime64(b)) for a, b in zip(told, moments, strict=True)) <= np.timedelta64(6, "ms")


@settings(max_examples=20)
@given(
    st.datetimes(datetime(1990, 1, 1), datetime(2030, 1, 1)),
    st.sampled_from("-_:.h"),
    st.sampled_from(["", "cam ", "IMG_"]),
)
def test_a_clock_in_a_name_is_of_the_day_in_its_folders_name(moment, sign, before):
    moments = [moment.replace(microsecond=0, hour=moment.hour % 23) + timedelta(seconds=30 * i) for i in range(5)]
    names = [f"{before}{m:%H}{sign}{m:%M}{'m' if sign == 'h' else sign}{m:%S}.jpg" for m in moments]
    for form in ("%Y-%m-%d", "cam1_%Y%m%d"):
        told = times_with_folder(moment.strftime(form), names, PrepConfig())
        assert told == [m.isoformat(timespec="milliseconds") for m in moments]
    assert not any(times_with_folder("2012-07", names, PrepConfig()))
    assert not any(times_with_folder("2012-07-19", ["000100.jpg", "000110.jpg", "000120.jpg"], PrepConfig()))


@pytest.mark.parametrize("half", ["PM", "pm", "p.m.", "p. m.", "\u202fPM", "\u202fp.\u00a0m."])
@pytest.mark.parametrize("sign", [" ", ""])
def test_halves_of_the_day_however_they_are_written(half, sign):
    """macOS writes a narrow blank before PM: its pictures were twelve hours early, silently."""
    assert found(f"Screenshot 2012-07-18 at 7.30.0{{}}{sign}{half}.png", 1) == ["2012-07-18T19:30:01.000"]


def test_am_of_an_hour_behind_noon_is_a_word():
    assert found("2012-07-19 13.30.0{} am See.png", 1) == ["2012-07-19T13:30:01.000"]


@settings(max_examples=25)
@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2035, 1, 1)),
    st.integers(1, 90_000),
    st.sampled_from(
        [
            "{:%Y_%m%d_%H%M%S}_000F",
            "EVENT{:%Y-%m%d-%H%M%S}",
            "{:%Y-%m-%d+%H-%M-%S}",
            "{:%Y-%m-%dT%H%%3A%M%%3A%S}",
            "{:%Y-%m-%d_%H;%M;%S}",
            "{:%Y-%m-%d %H\ua789%M\ua789%S}",
            "{:%a %b %d %H:%M:%S %Y}",
            "{:%a_%b_%d_%H_%M_%S_UTC_%Y}",
            "x {:%a %b %d %H-%M-%S +0000 %Y}",
        ]
    ),
)
def test_dates_as_dashcams_browsers_and_c_write_them(start, step_s, form):
    """They were counted, 1 s apart; C's, with the year behind the clock, were sorted by the clock over midnight."""
    start = start.replace(hour=max(1, start.hour), microsecond=0)  # what counts up from midnight may as well be numbers
    times = [start + timedelta(seconds=step_s * i) for i in range(6)]
    told = times_in_names([form.format(time).replace("%%", "%") + ".png" for time in times], PrepConfig())
    assert told == [f"{time:%Y-%m-%dT%H:%M:%S}.000" for time in times]


@given(
    st.dates(date(1990, 1, 1), date(2034, 12, 1)), st.sampled_from(["{:%d-%b-%Y}", "{:%b %d, %Y}", "x_{:%d.%m.%Y}_a"])
)
def test_dates_alone_with_the_year_last(start, form):
    """They were sorted by their days, over the end of a year too, and 1 s apart."""
    days = [start + timedelta(days=12 * i) for i in range(4)]
    told = times_in_names([form.format(day) + ".png" for day in days], PrepConfig())
    assert told == [f"{day}T00:00:00.000" for day in days]
    assert times_in_names([form.format(start) + f"{i}.png" for i in range(4)], PrepConfig()) == [""] * 4


@given(st.lists(st.integers(0, 10**7), min_size=2, max_size=9, unique=True), st.integers(1, 3))
def test_seconds_since_1970_as_python_prints_them(steps, digits):
    """Those with one decimal lost it: all frames of a second but one were rejected."""
    times = sorted(1714557600 + round(step / 10**digits, digits) for step in steps)
    told = times_in_names([f"cam_{time}.png" for time in times], PrepConfig())
    passed_ms = [(np.datetime64(one) - np.datetime64(0, "ms")).astype(int) for one in told]
    assert passed_ms == pytest.approx([1000 * time for time in times], abs=1, rel=0)


def test_an_offset_behind_a_date_is_no_clock():
    assert times_in_names([f"2012-07-1{day}+0200.png" for day in range(4)], PrepConfig()) == [
        f"2012-07-1{day}T00:00:00.000" for day in range(4)
    ]


@given(
    st.datetimes(datetime(2021, 1, 1), datetime(2035, 12, 30)),
    st.integers(1, 40),
    st.sampled_from(["{:%y%m%d%H%M%S}", "c1_{:%y%m%d_%H%M%S}_x", "mh{:%y%m%d.%H%M%S}", "{:%y-%m-%d %H.%M.%S}"]),
)
def test_years_of_two_digits(start, step_s, form):
    times = [start.replace(hour=max(1, start.hour), microsecond=0) + timedelta(seconds=step_s * i) for i in range(30)]
    names = [form.format(time) + ".png" for time in times]
    is_either = "-" in form and any(15 <= time.day <= 35 for time in times)  # 24-03-25 may be of 2025
    expected = ["" if is_either else f"{time:%Y-%m-%dT%H:%M:%S}.000" for time in times]
    assert times_in_names(names, PrepConfig()) == expected


@given(
    st.integers(0, 9),
    st.integers(6, 90),
    st.sampled_from(["{:%Y-%m-%d-%H%M}_{tenth}-Mars", "{:%Y-%m-%d-%H%M_%S}-Moon_{i}"]),
)
def test_tenths_of_minutes_and_seconds_behind_a_sign(tenth, step, form):
    start = datetime(2012, 7, 19, 7, 30) + timedelta(seconds=6 * tenth)
    times = [start + timedelta(seconds=6 * step * i) for i in range(20)]
    names = [form.format(time, tenth=time.second // 6, i=i) + ".png" for i, time in enumerate(times)]
    if len({name[16:18] for name in names}) > 1:  # else that number may be anything
        assert times_in_names(names, PrepConfig()) == [f"{time:%Y-%m-%dT%H:%M:%S}.000" for time in times]


@given(st.lists(st.integers(1, 12), min_size=2, max_size=6), st.sampled_from([0, 1]))
def test_what_counts_anew_each_minute_is_no_second(lengths, first):
    names = [f"2012-07-19_07{30 + m}_{n + first:02d}.png" for m, length in enumerate(lengths) for n in range(length)]
    assert {text[16:19] for text in times_in_names(names, PrepConfig())} == {":00"}


def test_the_day_of_a_swath_comes_before_that_of_its_processing():
    names = ["MOD13.A2012201.h18v04.061.2012215041623.png", "MOD13.A2012209.h18v04.061.2012217041600.png"]
    assert times_in_names(names, PrepConfig()) == ["2012-07-19T00:00:00.000", "2012-07-27T00:00:00.000"]
    assert times_in_names(["M.A2012201.0730.061.2012215041623.png"], PrepConfig()) == ["2012-07-19T07:30:00.000"]


def test_short_names_of_zones_are_asked_for():
    """They were passed over: pictures were an hour or more off, silently."""
    with pytest.raises(TableError, match=r"prep\.time_zone says which"):
        found("cam_2012-07-19_09-30-0{}_CEST.png", *range(4))
    assert found("cam_2012-07-19_09-30-0{}_CEST.png", *range(4), time_zone="Europe/Paris") == SECONDS
    assert found("2012-07-19_07-30-0{}_RGB.png", *range(4)) == SECONDS


@given(
    st.integers(0, 86_000),
    st.integers(2, 50),
    st.sampled_from(["Jup_{:%H%M%S}_g4_{i:04d}", "{:%H.%M.%S}-{:%H.%M.%S}[M]", "c {:%H_%M_%S}", "{:%m%d%H%M%S}"]),
)
def test_clocks_without_a_day_that_go_on_over_the_minute(start_s, step_s, form):
    times = [datetime(2012, 7, 19) + timedelta(seconds=start_s % 80_000 + step_s * i) for i in range(90)]
    names = [form.format(time, time, i=i) + ".png" for i, time in enumerate(times)]
    assert seconds_in_names(names) == [step_s * i for i in range(90)]


@given(st.integers(0, 100_000), st.integers(1, 7), st.sampled_from(["f{:06d}", "{:010d}", "01_02_{:02d}"]))
def test_counts_are_no_clocks(first, step, form):
    assert seconds_in_names([form.format(first + step * i) + ".png" for i in range(150)]) == []


AXIS = ("image21-07-05_07-30-{:02d}-{:02d}.jpg", "cam_20210705_0730{:02d}.{:02d}.png")


@given(st.integers(2, 20), st.integers(2, 9), st.sampled_from(AXIS), st.integers(0, 3))
def test_hundredths_of_a_second_part_it(rate, seconds, form, late):
    """As Axis writes them: each second was one time, or its pictures a reel for each hundredth."""
    hundredths = [100 * i // rate + late for i in range(rate * seconds)]
    parts = [divmod(count, 100) for count in hundredths if count < 100 * seconds]
    names = [form.format(*part) for part in parts]
    assert times_in_names(names, PrepConfig()) == [f"2021-07-05T07:30:{s:02d}.{part:02d}0" for s, part in parts]


@given(st.integers(2, 20), st.integers(2, 9), st.sampled_from([0, 1]))
def test_two_digits_that_count_the_pictures_of_a_second_are_no_hundredths(rate, seconds, first):
    names = [f"cam_20120719_0730{s:02d}-{first + i:02d}.png" for s in range(seconds) for i in range(rate)]
    found = times_in_names(names, PrepConfig())
    assert {time[:19] for time in found} == {f"2012-07-19T07:30:{s:02d}" for s in range(seconds)}
    even = [f"{1000 * i // rate:03d}" for i in range(rate)]
    assert [time[20:] for time in found[:rate]] == (even if first == 0 else ["000"] * rate)


@pytest.mark.parametrize("size", ["256", "512", "1024", "2048", "4096"])
@pytest.mark.parametrize("product", ["0171", "1700", "4500", "HMIB"])
def test_the_size_in_the_names_of_sdos_pictures_is_no_clock(size, product):
    assert found(f"20240510_{size}_{product}{{}}.mp4", "") == found("20240510{}.mp4", "")
    assert found(f"20240510_06300{{}}_{size}_{product}.jpg", "5") == ["2024-05-10T06:30:05.000"]


@given(
    st.integers(1_600_000_000, 1_900_000_000),
    st.sampled_from([(9, 33_333_000), (9, 50_000_000), (9, 33_366_700), (6, 33_330), (6, 40_000)]),
    st.integers(0, 999),
    st.sampled_from(["image_raw_{}.{}.png", "{}.{}.jpg"]),
)
def test_seconds_and_what_is_behind_them_as_ros_prints_both(second, unit, first, form):
    """1738133056.9658000 is 9658000 ns behind the second, and was read as .9658: frames were woven into each other."""
    digits, step = unit
    at = [first * 1000 + i * step for i in range(61)]
    names = [form.format(second + one // 10**digits, one % 10**digits) for one in at]
    told = times_in_names(names, PrepConfig())
    passed_s = [(np.datetime64(one) - np.datetime64(second, "s")) / np.timedelta64(1, "s") for one in told]
    assert passed_s == pytest.approx([one / 10**digits for one in at], abs=0.002)


def test_nanoseconds_behind_a_line():
    at = [9_658_000 + i * 33_333_000 for i in range(45)]
    told = times_in_names([f"{1738133056 + one // 10**9}_{one % 10**9}.png" for one in at], PrepConfig())
    assert told == sorted(told)
    assert len({*told}) == 45
    seconds = times_in_names([f"1738133056_{i}.png" for i in range(12)], PrepConfig())
    assert seconds == ["2025-01-29T06:44:16.000"] * 12, "a count is no fraction"


@given(
    st.datetimes(datetime(2004, 10, 1), datetime(2004, 12, 28)), st.sampled_from([2, 5, 7, 10, 15, 20, 30, 60, 90, 300])
)
def test_months_days_and_clocks_are_no_seconds_since_1970(start, step_s):
    """rpicam's --datetime writes 1223033452 for 3:34:52 on 23 December; it was taken for the year 2008."""
    times = [start + timedelta(seconds=step_s * i) for i in range(40)]
    names = [f"car-{time:%m%d%H%M%S}.jpg" for time in times]
    assert times_in_names(names, PrepConfig()) == [""] * 40
    assert seconds_in_names(names) == [step_s * i for i in range(40)]


@given(st.integers(10**9, 1_999_990_000), st.sampled_from([1, 2, 5, 10, 30]))
def test_seconds_since_1970_are_no_clocks(first, step_s):
    names = [f"car-{first + step_s * i}.jpg" for i in range(70)]
    assert times_in_names(names, PrepConfig())[0] == f"{np.datetime64(first, 's')}.000"


@settings(max_examples=20)
@given(st.sets(st.sampled_from(["094", "131", "171", "193", "211", "304"]), min_size=1), st.sampled_from("_-"))
def test_a_line_of_the_sun_behind_a_clock_is_no_fraction(lines, sign):
    names = [f"aia_20120719_07300{i}{sign}{line}.png" for i in range(4) for line in sorted(lines)]
    assert times_in_names(names, PrepConfig()) == [time for time in SECONDS for _ in lines]
    read = times_in_names(["a_20120719_073000_171.png", "a_20120719_073000_421.png"], PrepConfig())
    assert [time[-4:] for time in read] == [".171", ".421"]
    assert found("a_20120719_073000.{}.png", "171") == ["2012-07-19T07:30:00.171"]


@pytest.mark.parametrize("count", [2, 30])
def test_a_begin_in_all_names_that_may_be_of_two_months_asks_nothing_where_frames_are_counted(count):
    """Spinnaker's names hold the begin of a recording, month first, and a count: all pictures were refused."""
    names = [f"BFS-U3-13Y3M-20123456-05012023100000-{i}.jpg" for i in range(count)]
    if count < 3:
        with pytest.raises(TableError, match="several ways"):
            times_in_names(names, PrepConfig())
        return
    assert times_in_names(names, PrepConfig()) == [""] * count
    assert times_in_names(names, PrepConfig(time_format="month first"))[0] == "2023-05-01T10:00:00.000"
