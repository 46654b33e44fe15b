"""JPEG 2000 files with the header of a FITS file in an XML box, as Helioviewer hands them out."""

import io
import zipfile
from dataclasses import replace
from xml.sax.saxutils import escape

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from config import Config, PrepConfig
from data.live.live_reel import Form
from data.prepare_data import prep
from data.reel.reel import Reel
from data.sky.wcs import from_row
from data.sources.fits import candidates_of
from data.sources.images import ImageSource
from data.sources.picture_file.jp2_header import header_of
from tests.support.fits_files import SKY, fits_bytes, header, write_tar
from tests.support.paths import SHARED

OBSERVED = SKY | {"DSUN_OBS": 1.52e11, "HGLN_OBS": 0.0, "HGLT_OBS": 5.0, "CRPIX1": 20.0, "CRPIX2": 15.0}
HELIOVIEWER = SHARED / "data" / "solar" / "aia171_jp2"
SETTINGS = PrepConfig(clip_length=2, stride=1, resize=None, register="off")


def xml_of(head, before="<meta>", behind="</meta> "):
    cards = "".join(f"<{name}>{escape(str(value))}</{name}>\n" for name, value in head.items() if name != "COMMENT")
    return f'<?xml version="1.0" encoding="UTF-8"?>{before}<fits>{cards}</fits>{behind}'.encode()


def box(kind, content):
    return (8 + len(content)).to_bytes(4) + kind + content


def jp2(pixels, *boxes):
    """A file with further boxes before its picture."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG2000")
    whole = stream.getvalue()
    at = whole.index(b"jp2c") - 4
    return whole[:at] + b"".join(boxes) + whole[at:]


def scene(seed, shape=(24, 32)):
    return np.random.default_rng(seed).integers(0, 250, shape, np.uint8)


def solar(seed=0, seconds=0.0, **cards):
    return jp2(scene(seed), box(b"xml ", xml_of(header(seconds, **OBSERVED | cards))))


def made(folder, settings=SETTINGS):
    config = Config(data_raw=str(folder / "in"), data_clips=str(folder / "out"), workers=1, prep=settings)
    return {path.name: Reel(path) for path in prep(config)}


def test_it_goes_by_its_header_as_the_fits_file_would(tmp_path):
    (tmp_path / "a.jp2").write_bytes(solar(NAXIS1=32, NAXIS2=24))
    (found,) = ImageSource().scan(tmp_path / "a.jp2", tmp_path, SETTINGS)
    head = header(**OBSERVED)
    base = {"source": "a.jp2", "path": found.path, "kind": "image", "reel": "", "home": found.home, "size": found.size}
    (expected,) = candidates_of(io.BytesIO(fits_bytes(scene(0).astype(np.int16), head, "primary")), base, SETTINGS)
    assert found.wcs is not None
    assert (found.reel, found.time_utc, found.exptime_s) == ("aia_171", "2012-07-19T07:30:02.000", 2.0)
    changed = replace(found, unit="DN", is_exposed=True, saturation=expected.saturation)
    assert repr(changed) == repr(expected)  # where NaN is like itself


def test_its_levels_stay_as_they_are_with_the_south_first(tmp_path):
    (tmp_path / "in").mkdir()
    for i in range(3):
        (tmp_path / "in" / f"b{i}.jp2").write_bytes(solar(i, 12.0 * i))
        (tmp_path / "in" / f"c{i}.jp2").write_bytes(solar(i, 12.0 * i, WAVELNTH=304))
    reels = made(tmp_path)
    assert sorted(reels) == ["aia_171", "aia_304"]
    reel = reels["aia_171"]
    np.testing.assert_allclose(reel.frames[1, 0], scene(1)[::-1] / 255, atol=1e-6)
    assert (reel.meta["unit"], reel.meta["origin"], reel.cadence_s) == ("level", "lower", 12.0)
    sky = from_row(reel.table.iloc[0])
    assert sky is not None
    assert sky.sun_centre_px == (19.0, 14.0)
    with pytest.raises(ValueError, match="holds no video"):
        Form.of(reel, Config())


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_in_an_archive_it_is_the_same(tmp_path, kind):
    members = {f"x/b{i}.jp2": solar(i, 12.0 * i) for i in range(2)}
    (tmp_path / "in").mkdir()
    if kind == "tar":
        write_tar(tmp_path / "in" / "a.tar", members)
    else:
        with zipfile.ZipFile(tmp_path / "in" / "a.zip", "w") as archive:
            for name, payload in members.items():
                archive.writestr(name, payload)
    reel = made(tmp_path)["aia_171"]
    np.testing.assert_allclose(reel.frames[1, 0], scene(1)[::-1] / 255, atol=1e-6)


@pytest.mark.parametrize(
    "boxes",
    [
        [],
        [box(b"xml ", b"<meta><fits><T_OBS>2012")],
        [box(b"xml ", b"<gml>no header</gml>")],
        [box(b"xml ", b"\xff\xfe")],
        [(2**32 - 1).to_bytes(4) + b"free"],
        [(1).to_bytes(4) + b"free" + (2**63).to_bytes(8)],
        [(4).to_bytes(4) + b"free"],
    ],
    ids=["none", "torn", "another", "no text", "beyond the end", "far beyond", "too small"],
)
def test_without_a_header_it_is_a_picture(boxes):
    assert header_of(io.BytesIO(jp2(scene(0), *boxes))) == {}


@pytest.mark.parametrize("wide", [False, True])
def test_other_boxes_and_long_ones_are_passed_over(wide):
    xml = xml_of(header(), "", "")
    own = (1).to_bytes(4) + b"xml " + (16 + len(xml)).to_bytes(8) + xml if wide else box(b"xml ", xml + b"\0\0")
    cards = header_of(io.BytesIO(jp2(scene(0), box(b"xml ", b"<x/>"), box(b"uuid", b"xml "), own)))
    assert (cards["WAVELNTH"], cards["EXPTIME"], cards["TELESCOP"]) == (171, 2.0, "SDO/AIA")


@pytest.mark.parametrize("told", ["made by A & co", "rate < 5", "R&D, a<=b, a &b; &amp;", "&"])
def test_signs_that_a_comment_holds_as_they_are_lose_no_header(told):
    """Such a picture had the time of its name, and no instrument, place or QUALITY."""
    plain = header_of(io.BytesIO(jp2(scene(0), box(b"xml ", xml_of(header(**OBSERVED))))))
    behind = f"<helioviewer><HV_COMMENT>{told}</HV_COMMENT></helioviewer></meta>"
    assert header_of(io.BytesIO(jp2(scene(0), box(b"xml ", xml_of(header(**OBSERVED), behind=behind))))) == plain
    assert len(plain) > 10


@given(st.binary(max_size=60), st.integers(0, 400))
def test_damage_never_does_more_than_lose_the_header(noise, at):
    """Either no card is read, or all that lie before and behind the damage are as they were."""
    payload, behind = solar(), at + len(noise)
    found = header_of(io.BytesIO(payload[:at] + noise + payload[behind:]))
    untouched = {
        name: value
        for name, value in header_of(io.BytesIO(payload)).items()
        if payload.index(f"<{name}>".encode()) >= behind
        or payload.index(f"</{name}>".encode()) + len(f"</{name}>") <= at
    }
    assert len(untouched) > 10
    assert untouched.items() <= found.items() if found else noise


def test_the_place_of_another_size_is_not_known(tmp_path):
    (tmp_path / "a.jp2").write_bytes(solar(NAXIS1=64, NAXIS2=48))
    (found,) = ImageSource().scan(tmp_path / "a.jp2", tmp_path, SETTINGS)
    assert found.wcs is None
    assert found.no_sky == "a picture of 24x32 px whose header is of 48x64 px"
    assert not found.reason


@pytest.mark.parametrize(
    ("cards", "reason"),
    [
        ({"QUALITY": 1 << 31}, "QUALITY bit 31"),
        ({"WAVELNTH": 94}, "among prep.wavelengths"),
        ({"EXPTIME": 0.0}, ""),
    ],
)
def test_it_is_refused_as_its_header_asks(tmp_path, cards, reason):
    (tmp_path / "a.jp2").write_bytes(solar(**cards))
    (found,) = ImageSource().scan(tmp_path / "a.jp2", tmp_path, replace(SETTINGS, wavelengths=(171,)))
    assert reason in found.reason
    assert bool(found.reason) == bool(reason)


@pytest.mark.skipif(not HELIOVIEWER.is_dir(), reason=f"needs {HELIOVIEWER}")
def test_helioviewers_own(tmp_path):
    candidates = [c for path in HELIOVIEWER.glob("*.jp2") for c in ImageSource().scan(path, HELIOVIEWER, SETTINGS)]
    assert {c.reel for c in candidates} == {"aia_171"}
    assert sorted(c.time_utc for c in candidates) == ["2017-08-07T23:59:46.350", "2017-08-08T00:59:46.350"]
    assert all(c.wcs and c.shape == (4096, 4096) and not c.reason for c in candidates)


def test_names_without_times_are_no_matter_where_the_header_has_one(tmp_path, caplog):
    (tmp_path / "in").mkdir()
    for i in range(3):
        (tmp_path / "in" / f"frame{i}.jp2").write_bytes(solar(i, 12.0 * i))
    with caplog.at_level("INFO"):
        found = ImageSource().scan_all(sorted((tmp_path / "in").iterdir()), tmp_path, PrepConfig())
    assert all(c.time_utc for c in found)
    assert "apart" not in caplog.text
