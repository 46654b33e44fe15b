"""Videos, tables and archives in archives are read like the files they are; none decides where it is unpacked."""

import errno
import io
import os
import tarfile
import zipfile

import h5py
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from config import Config, PrepConfig
from data import sources
from data.prepare_data import UNPACKED, prep
from data.reel.reel import Reel
from data.sources.archive_file.inner import unpack
from data.sources.zip import ZipSource
from tests.support import frames
from tests.support.fits_files import counts, fits_bytes, header
from tests.support.videos import write_video

N = 40
TABLE = "time,v\n" + "".join(f"2012-07-19T07:{i:02d}:01,{i % 7}\n" for i in range(N))
FITS = {f"{i}.fits": fits_bytes(counts(i), header(12.0 * i)) for i in range(3)}


def zipped(members):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, payload in members.items():
            archive.writestr(name, payload)
    return stream.getvalue()


def tarred(members, mode="w"):
    """members: payloads by name, or pairs of both where a name comes twice."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as archive:
        for name, payload in members.items() if isinstance(members, dict) else members:
            info = tarfile.TarInfo(name)
            info.size = len(payload)
            archive.addfile(info, io.BytesIO(payload))
    return stream.getvalue()


def film(tmp_path, n=12):
    return write_video(tmp_path / "film" / "v.mp4", n).read_bytes()


def made(tmp_path, name, payload, **settings):
    """The reels by name."""
    (tmp_path / "in").mkdir(exist_ok=True)
    (tmp_path / "in" / name).write_bytes(payload)
    chosen = PrepConfig(clip_length=2, stride=1, resize=None, **settings)
    config = Config(data_raw=str(tmp_path / "in"), data_clips=str(tmp_path / "out"), workers=0, prep=chosen)
    try:
        return {path.name: Reel(path) for path in prep(config)}
    finally:
        assert not (tmp_path / "out" / UNPACKED).exists()


ARCHIVES = {
    "tar in zip": ("a.zip", zipped({"x/b.tar": tarred(FITS)})),
    "zip in tar": ("a.tar", tarred({"x/b.zip": zipped(FITS)})),
    "tar.gz in tar": ("a.tar", tarred({"b.tar.gz": tarred(FITS, "w:gz")})),
    "tar.xz in tar.gz": ("a.tgz", tarred({"b.tar.xz": tarred(FITS, "w:xz")}, "w:gz")),
    "tar in tar in zip": ("a.zip", zipped({"b.tar": tarred({"c.tar": tarred(FITS)})})),
    "beside frames": ("a.zip", zipped({"0.fits": FITS["0.fits"], "b.tar": tarred({**FITS, "0.fits": b""})})),
}


@pytest.mark.parametrize("kind", ARCHIVES)
def test_archives_in_archives(tmp_path, kind):
    reel = made(tmp_path, *ARCHIVES[kind])["aia_171"]
    assert len(reel) == 3
    values = np.asarray(reel.physical(0, 3))[:, 0]
    np.testing.assert_allclose(values, [counts(i) / 2 for i in range(3)], rtol=1e-4)


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_a_video_with_its_times(tmp_path, pack):
    times = "frame,time\n" + "".join(f"{i},2012-07-19T07:30:{i:02d}\n" for i in range(12))
    name = "a.zip" if pack is zipped else "a.tar"
    (reel,) = made(tmp_path, name, pack({"cam/v.mp4": film(tmp_path), "cam/v.csv": times.encode()})).values()
    assert (len(reel), str(reel.times_utc[3])) == (12, "2012-07-19T07:30:03.000")
    assert reel.candidates["source"].iloc[3] == f"{name}/cam/v.mp4#3"


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_tables_are_series(tmp_path, pack):
    name = "a.zip" if pack is zipped else "a.tar"
    payload = pack({"d/north.csv": TABLE.encode(), "d/south.csv": TABLE.encode()})
    shapes = {"north": (N, 1, 1, 1), "south": (N, 1, 1, 1)}
    assert {reel: found.shape for reel, found in made(tmp_path, name, payload).items()} == shapes
    assert set(made(tmp_path, name, payload)) == set(shapes)  # kept, as of the same input


def test_a_table_beside_frames_is_about_them(tmp_path, caplog):
    assert set(made(tmp_path, "a.zip", zipped({**FITS, "list.csv": TABLE.encode()}))) == {"aia_171"}
    assert "members left out: 1 .csv" in caplog.text


NAMES = ["../../e.mp4", "/etc/e.mp4", "a/../../../e.mp4", "a\\..\\e.mp4", "C:\\e.mp4", "a/b/../e.mp4"]
NAMES += [300 * "x" + ".mp4", 90 * "\u9fa0" + ".mp4", "con.mp4", "a\nb.mp4", "$(x).mp4", "e.mp4/e.mp4"]


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_no_name_leads_out_of_the_folder(tmp_path, pack):
    members = {name: str(i).encode() for i, name in enumerate(NAMES)}
    name = "a.zip" if pack is zipped else "a.tar"
    (tmp_path / name).write_bytes(pack(members))
    candidates = frames.scan(tmp_path, PrepConfig())
    assert unpack(candidates, sources.archives(), tmp_path / "deep" / "er", PrepConfig()) == []
    found = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != name]
    assert all(path.is_relative_to(tmp_path / "deep" / "er" / name) and path.suffix == ".mp4" for path in found)
    assert sorted(path.read_bytes() for path in found) == sorted(members.values())


def test_members_of_one_name_are_both_read(tmp_path):
    payload = tarred([("v.mp4", film(tmp_path, 12)), ("v.mp4", film(tmp_path, 7))])
    assert sorted(len(reel) for reel in made(tmp_path, "a.tar", payload).values()) == [7, 12]


def test_what_is_not_unpacked_is_a_row(tmp_path):
    deep = tarred(FITS)
    for _ in range(5):
        deep = tarred({"b.tar": deep})
    frames = {name: FITS[name] for name in ("0.fits", "1.fits")}
    members = {"big.mp4": bytes(2_000_000), "odd.7z": b"x", "deep.tar": deep, **frames}
    (reel,) = made(tmp_path, "a.zip", zipped(members), max_input_mb=1.0).values()
    reasons = dict(zip(reel.candidates["source"], reel.candidates["reason"], strict=True))
    assert "prep.max_input_mb 1 MB once unpacked" in reasons["a.zip::big.mp4"]
    assert "an archive of a kind that is not read" in reasons["a.zip::odd.7z"]
    assert any("an archive in an archive" in str(reason) for reason in reasons.values())
    assert reel.candidates["accepted"].sum() == 2


def test_a_member_that_is_not_what_its_name_says_is_a_row(tmp_path):
    with pytest.raises(ValueError, match="can be used"):
        made(tmp_path, "a.zip", zipped({"v.mp4": b"no film"}))
    (table,) = (pd.read_csv(path) for path in (tmp_path / "out").glob("*.rejected.csv"))
    assert "not readable as video" in table["reason"].iloc[0]


SHOWN = np.stack([np.full((20, 24), 40 + 30 * i, np.uint8) for i in range(5)])


def stack_of(kind):
    """The same frames in a file of each kind that has to be unpacked."""
    stream = io.BytesIO()
    if kind == "npy":
        np.save(stream, SHOWN)
    elif kind == "npz":
        np.savez(stream, frames=SHOWN)
    elif kind == "h5":
        with h5py.File(stream, "w") as file:
            file["frames"] = SHOWN
    else:
        first, *others = map(Image.fromarray, SHOWN)
        first.save(stream, {"tif": "TIFF", "gif": "GIF"}[kind], save_all=True, append_images=others)
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["npy", "npz", "h5", "tif", "gif"])
def test_stacks_in_archives_are_reels(tmp_path, kind):
    """Of a TIFF the first page alone was read, and the others were refused."""
    (reel,) = made(tmp_path, "a.zip", zipped({f"run/s.{kind}": stack_of(kind)})).values()
    values = np.asarray(reel.frames)[:, 0].mean(axis=(1, 2))
    assert len(values) == 5
    assert (np.diff(values) > 0).all()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EMFILE])
def test_a_full_disk_is_no_fault_of_the_files(tmp_path, monkeypatch, number):
    """Members were rejected rows, and the reel was made without them."""

    def fails(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("data.sources.archive_file.inner.shutil.copyfileobj", fails)
    with pytest.raises(OSError, match=os.strerror(number)):
        made(tmp_path, "a.zip", zipped({"a.npy": b"x" * 200}))
    (item,) = sources.discover(tmp_path / "in").frames
    candidates = sources.scan(item, tmp_path / "in", PrepConfig())
    monkeypatch.setattr(ZipSource, "scan_all", fails)
    with pytest.raises(OSError, match=os.strerror(number)):
        sources.scan(item, tmp_path / "in", PrepConfig())
    monkeypatch.setattr(ZipSource, "read", fails)
    with pytest.raises(OSError, match=os.strerror(number)):
        list(sources.read(item.source, candidates))
