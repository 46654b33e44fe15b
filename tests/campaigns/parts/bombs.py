"""Small files that unpack to gigabytes, claim to hold them, never end or name themselves: {name: what writes it}."""

import bz2
import gzip
import io
import json
import lzma
import os
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from parts import inputs

from tests.support.fits_files import counts, fits_bytes, header

SIDE = 60_000  # pixels of a square of 7.2 GB as int16
LENGTH = 2 * SIDE**2
BLOCK = 8 * 2**20  # packed once and repeated: streams that are joined end to end are one
TIMES_BLOCK = LENGTH // BLOCK
PACKED: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": lambda content: pa.compress(content, "zstd", asbytes=True),
    "lz4": lambda content: pa.compress(content, "lz4", asbytes=True),
}
ROW = b"2012-07-19T07:30:01,1\n"
Write = Callable[[Path], object]


def fits_head() -> bytes:
    """The header of a FITS file of SIDE x SIDE pixels."""
    small = fits_bytes(np.zeros((24, 24), np.int16), header(), "primary")[:-2880]
    for axis in b"12":
        card, told = b"NAXIS%c  = %20d" % (axis, 24), b"NAXIS%c  = %20d" % (axis, SIDE)
        small = small.replace(card, told)
    return small


def packed(path: Path, pack: Callable[[bytes], bytes], head: bytes, block: bytes, times: int = TIMES_BLOCK) -> None:
    """What a head and many times a block are packed to."""
    again = pack(block)
    with path.open("wb") as file:
        file.write(pack(head))
        for _ in range(times):
            file.write(again)


def tar_head() -> bytes:
    """What a tar archive begins with: one large FITS file."""
    info = tarfile.TarInfo("a.fits")
    info.size = len(fits_head()) + LENGTH
    return info.tobuf() + fits_head()


def deflated(head: bytes, times: int = TIMES_BLOCK) -> bytes:
    """DEFLATE of a head and so many blocks of zeros: after a full flush a block is packed to the same bytes again."""
    engine = zlib.compressobj(9, zlib.DEFLATED, -15)
    begin = engine.compress(head) + engine.flush(zlib.Z_FULL_FLUSH)
    block = engine.compress(bytes(BLOCK)) + engine.flush(zlib.Z_FULL_FLUSH)
    return begin + block * times + engine.flush()


def zip_of(path: Path, name: str, head: bytes, told: int = LENGTH) -> None:
    """An archive with one member, which is said to hold `told` bytes."""
    content, coded = deflated(head), name.encode()
    length = min(told, 2**32 - 2)
    facts = struct.pack("<5H3L2H", 20, 0, 8, 0, 33, 0, len(content), length, len(coded), 0)
    local = b"PK\3\4" + facts + coded + content
    central = b"PK\1\2" + struct.pack("<H", 20) + facts + bytes(14) + coded
    end = b"PK\5\6" + struct.pack("<4H2LH", 0, 0, 1, 1, len(central), len(local), 0)
    path.write_bytes(local + central + end)


def npy_head(shape: tuple[int, ...]) -> bytes:
    """The header of an .npy file."""
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "<f8", "fortran_order": False, "shape": shape})
    return stream.getvalue()


def png(path: Path) -> None:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">L", len(content)) + kind + content + struct.pack(">L", zlib.crc32(kind + content))

    shape = struct.pack(">2L5B", SIDE, SIDE, 8, 0, 0, 0, 0)
    body = b"\x78\x9c" + deflated(b"", SIDE**2 // BLOCK) + bytes(4)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", shape) + chunk(b"IDAT", body) + chunk(b"IEND", b""))


def patched(path: Path, kind: str, changes: dict[bytes, bytes]) -> None:
    """A good small file of a kind in which some bytes are others."""
    inputs.KINDS[kind](path)
    content = path.read_bytes()
    for old, new in changes.items():
        assert old in content
        content = content.replace(old, new)
    path.write_bytes(content)


def tif(path: Path) -> None:
    entries = [(256, 4, SIDE), (257, 4, SIDE), (258, 3, 8), (259, 3, 8), (262, 3, 1), (273, 4, 200), (278, 4, SIDE)]
    body = b"\x78\x9c" + deflated(b"", SIDE**2 // BLOCK) + bytes(4)
    entries.append((279, 4, len(body)))
    rows = b"".join(struct.pack("<2H2L", tag, kind, 1, value) for tag, kind, value in entries)
    table = struct.pack("<H", len(entries)) + rows
    path.write_bytes((b"II*\0\x08\0\0\0" + table + bytes(4)).ljust(200, b"\0") + body)


def gif(path: Path) -> None:
    """A hundred thousand frames of the largest size, each of one pixel."""
    frame = b"\x21\xf9\x04\0\x05\0\0\0\x2c" + struct.pack("<4HB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\0"
    path.write_bytes(
        b"GIF89a" + struct.pack("<2H3B", 65_535, 65_535, 0x80, 0, 0) + bytes(3) + b"\xff" * 3 + frame * 100_000 + b";"
    )


def repeated(write: Callable[[pa.Table], object], times: int) -> None:
    rows = pa.table({"time": np.zeros(1_000_000), "x": np.zeros(1_000_000)})
    for _ in range(times):
        write(rows)


def parquet(path: Path) -> None:
    with pq.ParquetWriter(path, pa.schema({"time": pa.float64(), "x": pa.float64()}), compression="zstd") as writer:
        repeated(writer.write_table, 150)


def feather(path: Path) -> None:
    schema = pa.schema({"time": pa.float64(), "x": pa.float64()})
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, schema, options=options) as writer:
        repeated(writer.write_table, 150)


def texts(path: Path) -> None:
    pd.DataFrame({"time": np.arange(40_000.0), "x": "x" * 100_000}).to_parquet(path)


def hdf5(path: Path, names: tuple[str, ...] = ("v", "w")) -> None:
    with h5py.File(path, "w") as file:
        for name in names:
            file.create_dataset(name, (10**11,), "f8", chunks=(1000,), compression="gzip")


def workbook(path: Path) -> None:
    """A sheet whose text is an entity of an entity of ... (a billion laughs)."""
    inputs.xlsx(path)
    with zipfile.ZipFile(path) as book:
        members = {name: book.read(name) for name in book.namelist()}
    laughs = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10 if i else "x" * 100}">' for i in range(10))
    sheet = members["xl/worksheets/sheet1.xml"].decode().replace("<t>v</t>", "<t>&l9;</t>")
    members["xl/worksheets/sheet1.xml"] = f"<!DOCTYPE x [{laughs}]>{sheet}".encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as book:
        for name, content in members.items():
            book.writestr(name, content)


def sparse_tar(path: Path) -> None:
    """A member of GNU's old sparse form that is said to be a hole of a terabyte."""
    info = tarfile.TarInfo("a.fits")
    info.type = tarfile.GNUTYPE_SPARSE
    block = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    block[386:410] = b"%011o\0%011o\0" % (0, 0)
    block[483:495] = b"\x80" + (10**12).to_bytes(11, "big")
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    path.write_bytes(bytes(block) + bytes(1024))


def members(path: Path) -> None:
    """Fifty thousand empty members."""
    with path.open("wb") as file:
        for i in range(50_000):
            file.write(tarfile.TarInfo(f"{i}.fits").tobuf())
        file.write(bytes(1024))


def nested(depth: int) -> bytes:
    return b'{"time": ' + b"[" * depth + b"]" * depth + b"}\n"


def ring(path: Path) -> None:
    """Folders that hold themselves, links in a ring, and a pipe that nobody writes into."""
    path.mkdir()
    (path / "again").symlink_to(path)
    (path / "a.fits").symlink_to(path / "b.fits")
    (path / "b.fits").symlink_to(path / "a.fits")
    os.mkfifo(path / "c.fits")
    os.mkfifo(path / "c.csv")


def _packings(suffix: str, head: Callable[[], bytes], block: bytes) -> Iterator[tuple[str, Write]]:
    for name, pack in PACKED.items():
        yield f"b.{suffix}.{name}", lambda path, pack=pack: packed(path, pack, head(), block)


INPUTS: dict[str, Write] = {
    "b.zip": lambda path: zip_of(path, "a.fits", fits_head()),
    "ring": ring,
    "far.h5": hdf5,
    "b.png": png,
    "rice.fits": lambda path: path.write_bytes(
        fits_bytes(counts(0), header()).replace(b"ZNAXIS1 =                   32", b"ZNAXIS1 =            900000000")
    ),
    "b.npz": lambda path: zip_of(path, "v.npy", npy_head((LENGTH // 8,))),
    **dict(_packings("fits", fits_head, bytes(BLOCK))),
    **dict(_packings("tar", tar_head, bytes(BLOCK))),
    **dict(_packings("csv", lambda: b"time,x\n", ROW * (BLOCK // len(ROW)))),
    **dict(_packings("jsonl", lambda: b"", b'{"time": 1, "x": 2}\n' * (BLOCK // 20))),
    "line.csv.gz": lambda path: packed(path, gzip.compress, b"time,x\n", b"1" * BLOCK),
    "lies.zip": lambda path: zip_of(path, "a.fits", fits_head(), 10),
    "pictures.zip": lambda path: zip_of(path, "a.png", inputs.picture(0, "png")),
    "lies.npz": lambda path: zip_of(path, "v.npy", npy_head((LENGTH // 8,)), 100),
    "claims.npy": lambda path: path.write_bytes(npy_head((10**6, 10**6)) + bytes(1000)),
    "claims.fits": lambda path: path.write_bytes(fits_head() + bytes(28800)),
    "endless.fits": lambda path: path.symlink_to("/dev/zero"),
    "endless.csv": lambda path: path.symlink_to("/dev/urandom"),
    "b.tif": tif,
    "b.gif": gif,
    "b.jp2": lambda path: patched(path, "jp2", {struct.pack(">2L", 12, 16): struct.pack(">2L", SIDE, SIDE),
                                                struct.pack(">2L", 16, 12): struct.pack(">2L", SIDE, SIDE)}),
    "b.bmp": lambda path: patched(path, "bmp", {struct.pack("<2L", 16, 12): struct.pack("<2L", SIDE, SIDE)}),
    "b.parquet": parquet,
    "texts.parquet": texts,
    "b.feather": feather,
    "laughs.xlsx": workbook,
    "zeros.xlsx": lambda path: zip_of(path, "xl/workbook.xml", b"<x>"),
    "sparse.tar": sparse_tar,
    "members.tar": members,
    "deep.jsonl": lambda path: path.write_bytes(nested(1_000_000) * 20),
    "wide.csv": lambda path: path.write_bytes(b"time" + b",x" * 2_000_000 + b"\n" + b"1" + b",1" * 2_000_000 + b"\n"),
}  # fmt: skip

ALIASES = "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9) if i else 'x'}]\n" for i in range(12))
SETTINGS = {
    "aliases.yaml": ALIASES,
    "nested.yaml": "a: " + "[" * 100_000,
    "long.yaml": "prep: {clip_length: " + "9" * 3_000_000 + "}\n",
}
OWN: dict[str, Callable[[bytes], bytes]] = {  # of a reel: what becomes of the file's content
    "reel.json": lambda content: json.dumps({"x": [0] * 30_000_000}).encode(),
    "frames.npy": lambda content: npy_head((10**6, 1, 1000, 1000)) + content,
}
