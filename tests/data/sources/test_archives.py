"""Archives in every form that people have give the files that were packed, and name what they leave out."""

import bz2
import gzip
import hashlib
import io
import lzma
import subprocess
import tarfile
import warnings
import zipfile

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from config import PrepConfig
from data.sources import SOURCES
from data.sources.archive_file.members import REPLACED
from data.sources.arrays.numpy_arrays import ArraySource
from data.sources.base import FrameError, TableError
from tests.support import frames
from tests.support.fits_files import counts, fits_bytes, header, write_tar
from tests.support.videos import picture

PREP = PrepConfig()


def arrow(name):
    return lambda payload: pa.compress(payload, name, asbytes=True)


PACKED = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress, "zst": arrow("zstd"), "lz4": arrow("lz4")}


def payload_of(i):
    return fits_bytes(counts(i), header(12.0 * i))


def png(i):
    stream = io.BytesIO()
    Image.fromarray(picture(i)).save(stream, "png")
    return stream.getvalue()


def read_all(folder, prep=PREP):
    """Pixels by member; every candidate must be good."""
    candidates = frames.scan(folder, prep)
    assert [c.reason for c in candidates if c.reason] == []
    read = frames.read(candidates)
    assert not [str(raw) for _, raw in read if isinstance(raw, FrameError)]
    return {candidate.member: raw.pixels for candidate, raw in read}


# Sparse members and hostile archives: tarfile alone knows where the bytes of a member are


def holes_of(payload):
    """(offset, bytes) of the stretches of a payload that are stored: what is 0 in whole blocks is a hole."""
    stored = [(at, payload[at : at + 512]) for at in range(0, len(payload), 512) if payload[at : at + 512].strip(b"\0")]
    return [*stored, (len(payload), b"")]


def old_gnu(name, payload):
    """A sparse member as GNU tar -S writes it by default: the map in its header and in blocks behind it."""
    stored = holes_of(payload)
    places = [b"%011o\0%011o\0" % (at, len(part)) for at, part in stored]
    info = tarfile.TarInfo(name)
    info.size, info.type = sum(len(part) for _, part in stored), b"S"
    head = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    more, blocks = places[4:], b""
    head[386:482] = b"".join(places[:4]).ljust(96, b"\0")
    head[482], head[483:495] = bool(more), b"%011o\0" % len(payload)
    while more:
        block, more = more[:21], more[21:]
        blocks += b"".join(block).ljust(504, b"\0") + bytes([bool(more)]) + bytes(7)
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    data = b"".join(part for _, part in stored)
    return bytes(head) + blocks + data + bytes(-len(data) % 512)


def posix(version):
    """A sparse member as GNU tar --format=posix writes it: the map in records before it (0.1), or in its data (1.0)."""

    def member(name, payload):
        stored = holes_of(payload)
        flat = [number for at, part in stored for number in (at, len(part))]
        data = b"".join(part for _, part in stored)
        records = {"GNU.sparse.name": name, "GNU.sparse.numblocks": str(len(stored))}
        if version == "1.0":
            records |= {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": str(len(payload))}
            lines = "".join(f"{number}\n" for number in (len(stored), *flat)).encode()
            data = lines + bytes(-len(lines) % 512) + data
        else:
            records |= {"GNU.sparse.size": str(len(payload)), "GNU.sparse.map": ",".join(map(str, flat))}
        info = tarfile.TarInfo(f"GNUSparseFile.0/{name}")
        info.size, info.pax_headers = len(data), records
        return info.tobuf(tarfile.PAX_FORMAT) + data + bytes(-len(data) % 512)

    return member


def plain(format):
    def member(name, payload):
        info = tarfile.TarInfo(name)
        info.size = len(payload)
        return info.tobuf(format) + payload + bytes(-len(payload) % 512)

    return member


MEMBERS = {
    "old gnu": old_gnu,
    "pax 1.0": posix("1.0"),
    "pax 0.1": posix("0.1"),
    "gnu": plain(tarfile.GNU_FORMAT),
    "pax": plain(tarfile.PAX_FORMAT),
    "long name": lambda name, payload: plain(tarfile.GNU_FORMAT)("deep/" * 40 + name, payload),
    "long pax name": lambda name, payload: plain(tarfile.PAX_FORMAT)("d\u00e9ep/" * 40 + name, payload),
}
END = bytes(1024)


def with_holes(i):
    pixels = counts(i, (64, 64))
    pixels[8:40] = 0
    return pixels


@pytest.mark.parametrize("packed", ["", "gz"])
@pytest.mark.parametrize("kind", MEMBERS)
def test_sparse_members_are_read_as_the_files_were(tmp_path, kind, packed):
    parts = [MEMBERS[kind](f"{i}.fits", fits_bytes(with_holes(i), header(12.0 * i), "primary")) for i in range(5)]
    whole = b"".join(parts) + END
    (tmp_path / "a.tar").write_bytes(PACKED[packed](whole) if packed else whole)
    read = [pixels for _, pixels in read_all(tmp_path).items()]
    assert len(read) == 5
    for i, pixels in enumerate(read):
        np.testing.assert_array_equal(pixels, with_holes(i))


@given(
    kinds=st.lists(st.sampled_from(sorted(MEMBERS)), min_size=1, max_size=5),
    flips=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), max_size=4),
    joined=st.booleans(),
)
def test_members_are_what_tarfile_reads_in_damaged_archives_too(tmp_path_factory, kinds, flips, joined):
    """One library, one map: the bytes of each member that tarfile finds are those that are read, by any way in."""
    path = tmp_path_factory.mktemp("tar") / "a.tar"
    content = [bytes(1500) + bytes([i + 1]) * 700 + bytes(2000) for i in range(len(kinds))]
    parts = [MEMBERS[kind](f"{i}.fits", content[i]) for i, kind in enumerate(kinds)]
    whole = bytearray((END if joined else b"").join(parts) + END)
    for place, change in flips:
        whole[int(place * len(whole))] ^= change
    path.write_bytes(whole)
    try:
        with tarfile.open(path, "r:") as tar:
            expected = {m.offset: (m.name, tar.extractfile(m).read()) for m in tar if m.isreg()}
    except tarfile.TarError:
        expected = {}
    for source in (SOURCES["tar"], SOURCES["tar.gz"]):
        walked, entered = {}, {}
        try:
            for m in source.members(path):
                if not m.problem:
                    walked[m.position] = (m.name, m.open().read())
        except Exception:  # a damaged rest, which the scan makes a row
            pass
        else:
            assert flips or [data for _, data in walked.values()] == content
        assert walked.items() >= expected.items()
        if walked:
            entered = {m.position: (m.name, m.open().read()) for m in source.members(path, [*walked])}
        assert entered == walked


# Compressions and kinds


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz", "a.tgz", "a.tar.xz", "archive", "a.dat"])
@pytest.mark.parametrize("packed", ["", *PACKED])
def test_a_tar_is_told_by_its_first_bytes(tmp_path, name, packed):
    whole = write_tar(tmp_path / "x", {f"{i}.fits": payload_of(i) for i in range(3)}).read_bytes()
    (tmp_path / "x").unlink()
    (tmp_path / name).write_bytes(PACKED[packed](whole) if packed else whole)
    read = read_all(tmp_path)
    assert list(read) == ["0.fits", "1.fits", "2.fits"]
    for member, pixels in read.items():
        np.testing.assert_array_equal(pixels, counts(int(member[0])))


@pytest.mark.parametrize("packed", ["", *PACKED])
def test_joined_archives_are_read_to_the_end(tmp_path, packed):
    """As `cat` joins them: tarfile stops at the first end mark, and some unpackers at the first stream's end."""
    pack = PACKED.get(packed, bytes)
    parts = [write_tar(tmp_path / "x", {f"{i}.fits": payload_of(i)}).read_bytes() for i in range(3)]
    (tmp_path / "x").unlink()
    (tmp_path / "a.tar").write_bytes(b"".join(pack(part) for part in parts))
    assert sorted(read_all(tmp_path)) == ["0.fits", "1.fits", "2.fits"]


def test_hidden_members_are_left_out_and_others_named(tmp_path, caplog):
    members = {"./d/a.fits": payload_of(0), "d/._a.fits": b"attributes", "__MACOSX/d/b.fits": b"more", "v.csv": b"x"}
    write_tar(tmp_path / "a.tar", members)
    write_tar(tmp_path / "b.tar", {"b.fits": payload_of(1), "notes.txt": b"x", "c/.git/x.fits": b"x"})
    assert sorted(read_all(tmp_path)) == ["./d/a.fits", "b.fits"]
    assert "b.tar: members left out: 1 hidden, 1 .txt" in caplog.text
    assert "a.tar: members left out: 2 hidden, 1 .csv" in caplog.text


@pytest.mark.parametrize("suffix", ["tar", "tar.gz", "zip"])
def test_pictures_in_an_archive_are_reels_by_folder(tmp_path, suffix):
    members = {f"{folder}frame{i}.png": png(i) for folder in ("", "Test/01/") for i in (10, 9, 1)}
    path = tmp_path / f"a.{suffix}"
    if suffix == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name, payload in members.items():
                archive.writestr(name, payload)
    else:
        write_tar(path, members, "w:gz" if suffix.endswith("gz") else "w")
    candidates = frames.scan(tmp_path, PREP)
    assert {c.reel for c in candidates} == {"a", "a/Test/01"}
    whole = [c for c in candidates if c.reel == "a"]
    assert [(c.member, c.time_s) for c in whole] == [("frame1.png", 0), ("frame9.png", 1), ("frame10.png", 2)]
    for member, pixels in read_all(tmp_path).items():
        number = int(member.rpartition("frame")[2].removesuffix(".png"))
        np.testing.assert_array_equal(pixels, np.asarray(Image.fromarray(picture(number)).convert("L")))


@pytest.mark.parametrize("kind", ["w", "w:gz"])
@pytest.mark.parametrize(
    ("folder", "table", "counts_for"),
    [
        ("", "times.csv", True),
        ("", "a.csv", True),
        ("d/", "d/timestamps.csv", True),
        ("d/", "d.csv", True),
        ("d/", "times.csv", True),
        ("d/", "e.csv", False),
        ("d/", "e/times.csv", False),
    ],
)
def test_times_of_pictures_in_an_archive_come_from_a_csv_in_it(tmp_path, caplog, kind, folder, table, counts_for):
    """As beside a folder of pictures; they were counted a second apart, and the table was left out."""
    rows = "".join(f"frame{i}.png,2012-07-19T07:{30 + 2 * i}:01\n" for i in range(3))
    members = {f"{folder}frame{i}.png": png(i) for i in range(3)} | {table: f"file,time_utc\n{rows}".encode()}
    write_tar(tmp_path / "a.tar", members, kind)
    candidates = frames.scan(tmp_path, PREP)
    times = [f"2012-07-19T07:{30 + 2 * i}:01.000" for i in range(3)] if counts_for else [""] * 3
    assert [c.time_utc for c in candidates] == times
    assert ("members left out: 1 .csv" in caplog.text) == (not counts_for)


def test_a_table_of_times_in_an_archive_that_is_none_is_the_reason(tmp_path):
    write_tar(tmp_path / "a.tar", {"f0.png": png(0), "f1.png": png(1), "times.csv": b"a,b\nx,y\n"})
    reasons = [c.reason for c in frames.scan(tmp_path, PREP)]
    assert ["times.csv is not readable as times" in reason for reason in reasons] == [True, True]


def test_zips_hold_fits_too_and_passwords_are_a_reason(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for i in range(70):
            archive.writestr(f"{i}.fits", payload_of(i % 3))
    read = read_all(tmp_path)
    assert len(read) == 70
    np.testing.assert_array_equal(read["68.fits"], counts(2))
    whole = bytearray((tmp_path / "a.zip").read_bytes())
    at = whole.index(b"PK\x01\x02")  # the first entry of the list of members
    whole[at + 8] |= 1
    (tmp_path / "a.zip").write_bytes(whole)
    assert frames.scan(tmp_path, PREP)[0].reason == "archive member has a password"


# Bombs


def test_a_member_beyond_the_limit_is_refused_unread(tmp_path):
    """Gigabytes of zeros pack into megabytes; here a limit of 1 MB stands for one of gigabytes."""
    bomb = fits_bytes(np.zeros((800, 800), np.int16), header(), "primary")
    members = {"bomb.fits": bomb, "bomb.png": bytes(2_000_000), "good.fits": payload_of(1)}
    write_tar(tmp_path / "a.tar.gz", members, "w:gz")
    with zipfile.ZipFile(tmp_path / "b.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, payload in members.items():
            archive.writestr(name, payload)
    found = frames.scan(tmp_path, PrepConfig(max_input_mb=1.0))
    refused = [c for c in found if c.reason]
    assert [c.member for c in refused] == ["bomb.fits", "bomb.png"] * 2
    assert {c.reason for c in refused} == {
        "it takes more than prep.max_input_mb 1 MB once unpacked; raise that where memory allows"
    }


def test_packed_arrays_beyond_the_limit_are_refused_unread(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", x=np.zeros(300_000))
    reason = "it takes more than prep.max_input_mb 1 MB once unpacked; raise that where memory allows"
    with pytest.raises(TableError, match=reason):
        ArraySource().read_series(tmp_path / "a.npz", PrepConfig(max_input_mb=1.0))
    (series,) = ArraySource().read_series(tmp_path / "a.npz", PrepConfig(max_input_mb=3.0))
    assert series.values.shape == (300_000, 1)


@pytest.mark.skipif(subprocess.run(["which", "tar"], capture_output=True).returncode != 0, reason="needs tar")
def test_what_tar_itself_makes_of_a_file_with_holes(tmp_path):
    payload = fits_bytes(with_holes(0), header(), "primary")
    with (tmp_path / "0.fits").open("wb") as stream:
        for at, part in holes_of(payload):
            stream.seek(at)
            stream.write(part)
        stream.truncate(len(payload))
    (tmp_path / "in").mkdir()
    subprocess.run(["tar", "-S", "-cf", "in/a.tar", "0.fits"], cwd=tmp_path, check=True)
    np.testing.assert_array_equal(read_all(tmp_path / "in")["0.fits"], with_holes(0))


@pytest.mark.parametrize("kind", ["tar", "tgz", "zip"])
@pytest.mark.parametrize("again", [(0,), (2,), (1, 3, 1)])
@pytest.mark.parametrize("suffix", ["fits", "png"])
def test_of_members_of_one_name_the_last_is_the_frame_as_it_is_once_unpacked(tmp_path, kind, again, suffix):
    members = []
    for n, i in enumerate([0, 1, 2, 3, *again]):
        members.append((f"f{i}.{suffix}", fits_bytes(counts(n), header(12.0 * i)) if suffix == "fits" else png(n)))
    _packed(tmp_path / f"a.{kind}", members)
    candidates = frames.scan(tmp_path, PREP)
    assert [c.reason for c in candidates if c.reason] == [REPLACED] * len(again)
    used = [c for c in candidates if not c.reason]
    assert [c.member for c in used] == [f"f{i}.{suffix}" for i in range(4)] or suffix == "fits"
    assert suffix == "fits" or [c.time_s for c in used] == [0, 1, 2, 3]
    for candidate, raw in frames.read(used):
        assert raw.sha256 == hashlib.sha256(dict(members)[candidate.member]).hexdigest()


def _packed(path, members):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zipfile's, of names that come again
        if path.suffix == ".zip":
            with zipfile.ZipFile(path, "w") as archive:
                for name, payload in members:
                    archive.writestr(name, payload)
            return
        with tarfile.open(path, "w:gz" if path.suffix == ".tgz" else "w") as archive:
            for name, payload in members:
                info = tarfile.TarInfo(name)
                info.size = len(payload)
                archive.addfile(info, io.BytesIO(payload))


def test_pictures_that_were_zipped_for_readers_of_comics_are_read(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.cbz", "w") as archive:
        for number in range(3):
            stream = io.BytesIO()
            Image.new("L", (24, 16), number).save(stream, "PNG")
            archive.writestr(f"f{number}.png", stream.getvalue())
    assert [c.source for c in frames.scan(tmp_path, PrepConfig())] == [f"a.cbz::f{number}.png" for number in range(3)]
