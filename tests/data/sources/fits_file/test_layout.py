"""Where the images of FITS files are: HDUs, cubes, inherited keywords, compressed files; nothing is left out unsaid."""

import bz2
import gzip
import io
import itertools
import lzma
import tracemalloc
import zipfile

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st

from config import PrepConfig
from data.sources.fits import candidates_of
from data.sources.fits_file.layout import layout_of
from tests.support import frames
from tests.support.fits_files import BLANK, SKY, counts, fits_bytes, header, utc


def scan(folder):
    return frames.scan(folder, PrepConfig())


def pixels_of(candidates):
    return {c.source: raw.pixels for c, raw in frames.read(candidates)}


@pytest.mark.parametrize("kind", [fits.ImageHDU, fits.CompImageHDU])
def test_every_image_of_a_file_that_has_a_time_of_its_own_is_a_frame(tmp_path, kind):
    hdus = [kind(counts(i), header(12.0 * i)) for i in range(4)]
    fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(tmp_path / "all.fits")
    candidates = scan(tmp_path)
    assert [(c.source, c.reel, c.time_utc) for c in candidates] == [
        (f"all.fits[{i + 1}]", "aia_171", utc(12.0 * i + 1)) for i in range(4)
    ]
    read = pixels_of(candidates[::-1])
    for i in range(4):
        np.testing.assert_array_equal(read[f"all.fits[{i + 1}]"], counts(i))


def test_images_of_several_wavelengths_in_one_file_are_frames_of_their_reels(tmp_path):
    hdus = [fits.ImageHDU(counts(i), header(0, wavelength=w)) for i, w in enumerate((171, 193))]
    fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(tmp_path / "all.fits")
    assert [c.reel for c in scan(tmp_path)] == ["aia_171", "aia_193"]


def test_what_belongs_to_an_image_is_no_frame_and_is_told(tmp_path):
    """As SUVI's data quality flags, or errors and masks."""
    quality = fits.ImageHDU(np.zeros((24, 32), np.uint8), name="DQF")
    fits.HDUList([fits.PrimaryHDU(counts(1), header()), quality]).writeto(tmp_path / "a.fits")
    (candidate,) = scan(tmp_path)
    assert candidate.source == "a.fits"
    assert candidate.flags == "HDU 1 (DQF) 24x32 is not read: no time of its own"
    np.testing.assert_array_equal(pixels_of([candidate])["a.fits"], counts(1))


@pytest.mark.parametrize(
    "order", [*itertools.permutations(["SCI", "ERR", "DQ"]), ("MASK", "image"), ("Background", "SCI")]
)
@pytest.mark.parametrize("kind", [fits.ImageHDU, fits.CompImageHDU])
def test_errors_and_quality_of_an_image_are_no_frame_wherever_they_stand(tmp_path, order, kind):
    """Hubble's files and CCDData: the keywords are in the primary HDU, and so every image has the same time."""
    images = {name: counts(i) for i, name in enumerate(order)}
    hdus = [kind(image, name=name) for name, image in images.items()]
    fits.HDUList([fits.PrimaryHDU(header=header()), *hdus]).writeto(tmp_path / "a.fits")
    (candidate,) = scan(tmp_path)
    (wanted,) = (name for name in order if name in ("SCI", "image"))
    assert candidate.hdu == order.index(wanted) + 1
    assert candidate.flags.count("is not read: no time of its own") == len(order) - 1
    np.testing.assert_array_equal(pixels_of([candidate])[candidate.source], images[wanted])


@pytest.mark.parametrize(
    ("name", "time"),
    [
        ("halpha_20210601_100005.fits", "2021-06-01T10:00:05.000"),
        ("kanz_halph_fr_20210601_100005.fts", "2021-06-01T10:00:05.000"),
        ("2021-06-01T10-00-05.250Z.fits", "2021-06-01T10:00:05.250"),
        ("frame_0001.fits", ""),
        ("sun_20210601.fits", ""),
        ("05-06-2021_10-00-05.fits", ""),  # of May or of June
    ],
)
def test_a_header_without_a_time_goes_by_the_name_of_its_file(tmp_path, name, time):
    (tmp_path / name).write_bytes(fits_bytes(counts(1), header(T_OBS=None, DATE_OBS_=None), "primary"))
    (candidate,) = scan(tmp_path)
    assert candidate.time_utc == time
    assert ("that of the file's name" in candidate.flags) == bool(time)
    assert bool(candidate.reason) == (not time)


@pytest.mark.parametrize("sizes", [(8, 24, 6), (24, 8, 6), (6, 8, 24)])
def test_of_images_of_one_time_the_largest_is_the_frame(tmp_path, sizes):
    """A thumbnail may come before its image."""
    hdus = [fits.ImageHDU(counts(n, (n, n)), name=f"SIDE{n}") for n in sizes]
    fits.HDUList([fits.PrimaryHDU(header=header()), *hdus]).writeto(tmp_path / "a.fits")
    (candidate,) = scan(tmp_path)
    np.testing.assert_array_equal(pixels_of([candidate])["a.fits"], counts(24, (24, 24)))
    assert all(f"(SIDE{n}) {n}x{n} is not read" in candidate.flags for n in (6, 8))


@pytest.mark.parametrize(("inherit", "found"), [(None, True), (True, True), (False, False)])
def test_keywords_of_an_empty_primary_hdu_hold_for_its_images(tmp_path, inherit, found):
    image = fits.ImageHDU(counts(1))
    image.header["EXPTIME"] = 4.0  # its own counts more
    if inherit is not None:
        image.header["INHERIT"] = inherit
    fits.HDUList([fits.PrimaryHDU(header=header()), image]).writeto(tmp_path / "a.fits")
    (candidate,) = scan(tmp_path)
    assert (candidate.reel == "aia_171") == found
    assert candidate.exptime_s == 4.0
    assert (candidate.reason == "") == found


def test_zblank_marks_missing_pixels_of_compressed_integers(tmp_path):
    holed = counts(1).astype(np.int32)
    holed[2, 3] = -(2**31)
    (tmp_path / "a.fits").write_bytes(fits_bytes(holed, header(BLANK=-(2**31))))
    with fits.open(tmp_path / "a.fits", disable_image_compression=True, mode="update") as hdus:
        hdus[1].header["ZBLANK"] = -(2**31)
        del hdus[1].header["BLANK"]
    ((_, raw),) = frames.read(scan(tmp_path))
    assert np.argwhere(raw.pixels == raw.blank).tolist() == [[2, 3]]


# Cubes

CUBE = np.stack([counts(i) for i in range(5)])
BASE = {"path": "a.fits", "source": "a.fits", "kind": "fits", "reel": "unknown"}
TIME_AXIS = {"CTYPE3": "Time", "CUNIT3": "seconds", "CDELT3": 9.0}


def cube_hdu(kind, cards):
    return kind(CUBE.copy(), header(BLANK=None, **cards))


@pytest.mark.parametrize("kind", [fits.ImageHDU, fits.CompImageHDU])
@pytest.mark.parametrize(
    "cards", [TIME_AXIS, {"CUNIT3": "s", "CDELT3": 9.0}, TIME_AXIS | {"CUNIT3": "min", "CDELT3": 0.15}]
)
def test_planes_of_a_cube_in_time_are_frames(tmp_path, kind, cards):
    fits.HDUList([fits.PrimaryHDU(), cube_hdu(kind, cards)]).writeto(tmp_path / "a.fits")
    candidates = scan(tmp_path)
    assert [(c.source, c.time_utc) for c in candidates] == [(f"a.fits#{i}", utc(9.0 * i + 1)) for i in range(5)]
    read = pixels_of(candidates)
    for i in range(5):
        np.testing.assert_array_equal(read[f"a.fits#{i}"], CUBE[i])


@given(
    st.integers(1, 5),
    st.sampled_from([("s", 1.0), ("min", 60.0), ("ms", 1e-3), ("cs", 0.01), ("h", 3600.0)]),
    st.sampled_from([0.0, -2.0, 3.0, 1.7e9]),
)
def test_planes_count_from_the_headers_time_by_the_axis_of_the_standard(pixel, unit, planes_later):
    """CRVAL is the time of the pixel CRPIX: IRIS' is the middle of the cube. One beyond it counts from elsewhere."""
    name, unit_s = unit
    cards = {"CTYPE3": "TIME", "CUNIT3": name, "CDELT3": 9.0 / unit_s, "CRPIX3": pixel}
    cards["CRVAL3"] = planes_later * cards["CDELT3"]
    payload = fits_bytes(CUBE, header(BLANK=None, **cards), "primary")
    candidates = candidates_of(io.BytesIO(payload), BASE, PrepConfig())
    later = planes_later if abs(planes_later) <= len(CUBE) else 0.0
    assert [c.time_utc for c in candidates] == [utc(1 + 9.0 * (i + 1 - pixel + later)) for i in range(5)]


@pytest.mark.parametrize(
    ("cards", "names"),
    [
        ({"CTYPE3": "STOKES", "CRPIX3": 1.0, "CRVAL3": 1.0, "CDELT3": 1.0}, "stokes_i stokes_q stokes_u stokes_v"),
        (
            {"CTYPE3": "STOKES", "CRPIX3": 1.0, "CRVAL3": -1.0, "CDELT3": -1.0},
            "stokes_rr stokes_ll stokes_rl stokes_lr",
        ),
        ({f"OBSLAYR{n + 1}": f"Polar_{name}" for n, name in enumerate("MZPQ")}, "polar_m polar_z polar_p polar_q"),
    ],
)
@pytest.mark.parametrize("errors", ["UNCERTAINTY ARRAY", "ANOTHER"])
def test_states_of_polarisation_are_reels_of_their_own(tmp_path, cards, names, errors):
    """Of one time; what lies behind them without a time of its own is none."""
    hdus = [fits.PrimaryHDU(), fits.ImageHDU(CUBE[:4], header(BLANK=None, **cards))]
    hdus.insert(1, fits.ImageHDU(CUBE[:4] * 0, header(BLANK=None, EXTNAME=errors, **cards)))
    if errors == "ANOTHER":
        hdus[1:] = hdus[:0:-1]
    fits.HDUList(hdus).writeto(tmp_path / "a.fits")
    candidates = scan(tmp_path)
    (base,) = {c.reel.removesuffix(f"_{name}") for c, name in zip(candidates, names.split(), strict=True)}
    assert [c.reel for c in candidates] == [f"{base}_{name}" for name in names.split()]
    assert {c.time_utc for c in candidates} == {utc(1)}
    assert all(f"({errors}) 4x24x32 is not read: no time of its own" in c.flags for c in candidates)
    for candidate, raw in frames.read(candidates):
        np.testing.assert_array_equal(raw.pixels, CUBE[candidate.plane])


def test_scaled_planes_have_their_scale_and_missing_pixels(tmp_path):
    """As IRIS stores them."""
    stored = CUBE.copy()
    stored[3, 2, 1] = BLANK
    payload = fits_bytes(stored, header(**TIME_AXIS, BLANK=BLANK), "primary")
    scaled = payload.replace(b"RSUN_OBS=                944.0", b"BSCALE  =                 0.25", 1)
    assert scaled != payload
    (tmp_path / "a.fits").write_bytes(scaled)
    raw = dict(frames.read(scan(tmp_path)))
    for candidate, frame in raw.items():
        expected = CUBE[candidate.plane] * np.float32(0.25)
        assert np.argwhere(np.isnan(frame.pixels)).tolist() == ([[2, 1]] if candidate.plane == 3 else [])
        np.testing.assert_array_equal(np.nan_to_num(frame.pixels, nan=expected[2, 1]), expected)


def test_the_table_beside_iris_cubes_gives_times_and_exposures(tmp_path):
    """And where each was pointed: the telescope follows the Sun, whose turn in an hour is 10 arcsec."""
    x = -398.3 + np.arange(5)
    table = np.column_stack([2.0 + np.array([0, 9.5, 19, 28, 40]), np.zeros(5), np.full(5, 2.5), x, np.full(5, 192.0)])
    columns = fits.Header([("TIME", 0), ("EXPTIMES", 2), ("XCENIX", 3), ("YCENIX", 4)])
    observer = {"HGLN_OBS": 0.0, "HGLT_OBS": 5.8, "DSUN_OBS": 1.52e11}
    hdus = [cube_hdu(fits.PrimaryHDU, TIME_AXIS | SKY | observer), fits.ImageHDU(table, columns)]
    fits.HDUList(hdus).writeto(tmp_path / "a.fits")
    candidates = scan(tmp_path)
    assert [c.time_utc for c in candidates] == [utc(1 + s) for s in (0, 9.5, 19, 28, 40)]
    assert {(c.exptime_s, c.flags) for c in candidates} == {(2.5, "")}
    assert [(c.wcs.crval1, c.wcs.crval2) for c in candidates if c.wcs] == [(place, 192.0) for place in x.tolist()]


@pytest.mark.parametrize(
    ("shape", "cards", "reason"),
    [
        ((5, 24, 32), {}, "a cube of 5 images 24x32 is not read: no CTYPE3 says that they follow in time"),
        ((5, 24, 32), {"CTYPE3": "WAVE"}, "a cube of 5 images 24x32 is not read: CTYPE3 'WAVE' is no time"),
        (
            (5, 24, 32),
            {"CTYPE3": "STOKES", "CRVAL3": 1.0},
            "a cube of 5 images is not read: CRPIX3, CRVAL3 and CDELT3 tell no Stokes parameters",
        ),
        ((5, 24, 32), {"CTYPE3": "TIME"}, "a cube of 5 images is not read: CDELT3 is no step in time"),
        (
            (24, 32),
            {"CTYPE1": "Time [UT]", "CTYPE2": "Frequency [MHz]"},
            "an array of 24x32 along 'Time [UT]' and 'Frequency [MHz]' is no picture but a spectrum over time, and is "
            "not read; write it as a table with a row for each time and a column for each channel, which becomes a "
            "series",
        ),
        ((3, 400), {}, "an image of 3x400 is a list of numbers and no picture"),
        ((400, 2), {}, "an image of 400x2 is a list of numbers and no picture"),
        ((2, 5, 24, 32), {}, "an array of 2x5x24x32; images and cubes of them in time are read"),
    ],
)
def test_other_cubes_are_rows_that_say_what_they_are(tmp_path, shape, cards, reason):
    (tmp_path / "a.fits").write_bytes(fits_bytes(np.zeros(shape, np.int16), header(**cards), "primary"))
    assert [c.reason for c in scan(tmp_path)] == [reason]


# Compressed files


def zipped(payload):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.fits", payload)
    return stream.getvalue()


PACKERS = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress, "zip": zipped}


@pytest.mark.parametrize("packed", PACKERS)
@pytest.mark.parametrize("suffix", ["named", "fits"])
def test_compressed_files_are_told_by_their_first_bytes(tmp_path, packed, suffix):
    name = f"a.fits.{packed}" if suffix == "named" else "a.fits"
    (tmp_path / name).write_bytes(PACKERS[packed](fits_bytes(counts(3), header())))
    candidates = scan(tmp_path)
    assert [c.reason for c in candidates] == [""]
    (read,) = pixels_of(candidates).values()
    np.testing.assert_array_equal(read, counts(3))


@pytest.mark.parametrize("packed", ["gz", "bz2", "xz"])
def test_a_file_that_swells_is_refused_before_it_fills_the_memory(tmp_path, packed):
    payload = PACKERS[packed](fits_bytes(counts(3), header(), "primary") + bytes(30_000_000))
    assert len(payload) < 100_000
    (tmp_path / f"a.fits.{packed}").write_bytes(payload)
    tracemalloc.start()
    (candidate,) = frames.scan(tmp_path, PrepConfig(max_input_mb=2.0))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert candidate.reason.startswith("it takes more than prep.max_input_mb 2 MB once unpacked")
    assert peak < 20e6  # xz has a dictionary of 8 MB


@pytest.mark.parametrize("packed", PACKERS)
def test_a_damaged_compressed_file_has_a_reason(tmp_path, packed):
    whole = PACKERS[packed](fits_bytes(counts(3), header()))
    for i, payload in enumerate((whole[: len(whole) // 2], whole[:40] + bytes(40) + whole[80:])):
        (tmp_path / f"{i}.fits.{packed}").write_bytes(payload)
    assert all(c.reason for c in scan(tmp_path))
    assert len(scan(tmp_path)) == 2


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress])
@pytest.mark.parametrize("name", ["frame", "frame.img", "frame.gz", "f.fits.001"])
def test_a_file_is_known_by_its_content_under_any_name(tmp_path, name, pack):
    (tmp_path / name).write_bytes(pack(fits_bytes(counts(0), header(), "primary")))
    (candidate,) = scan(tmp_path)
    assert (candidate.kind, candidate.reel, candidate.reason) == ("fits", "aia_171", "")
    np.testing.assert_array_equal(pixels_of([candidate])[name], counts(0))


STRAY = ["CONTINUE  '&'", "CONTINUE  '' / x", "CONTINUE  / x", "CONTINUE  some text", "CONTINUE", "CONTINUE  'more&'"]


@settings(max_examples=40)
@given(st.integers(4, 12), st.lists(st.sampled_from(STRAY), min_size=1, max_size=3))
def test_what_continues_nothing_takes_no_card_away(place, lines):
    told = header(0)
    told["LONG"] = "of two cards " * 8
    whole = fits_bytes(counts(1), told, "primary")
    cards = [whole[i : i + 80] for i in range(0, 2880, 80)]
    begin = next(i for i in range(place, len(cards)) if not cards[i].startswith((b"CONTINUE", b"LONG", b" ")))
    stray = [line.ljust(80).encode() for line in lines]
    put = b"".join([*cards[:begin], *stray, *cards[begin:]])
    assert put[-80 * len(lines) :].strip() == b""
    damaged = put[:2880] + whole[2880:]
    (sound,), (found,) = (layout_of(io.BytesIO(data)).images for data in (whole, damaged))
    assert [*found.header.items()] == [*sound.header.items()]
    assert found.data_start == sound.data_start
