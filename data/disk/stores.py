"""Where the large arrays of a reel lie: each in a .npy that is mapped, or in chunks for storage of objects.

A store is chosen by `prep.store` and named in reel.json. Both give the same values; digests of all their files are in
reel.json. In `zarr` (version 3, https://zarr-specs.readthedocs.io) a chunk is a frame, compressed and with a checksum
of its own, and a shard, which is one object or file, holds as many as have about SHARD_BYTES.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from data.disk.heads import READING

SHARD_BYTES = 2**25  # before compression
INSTALL = "pip install -r data/disk/requirements-zarr.txt"


class Store(Protocol):
    """How an array is kept under a name, without its suffix."""

    suffix: str

    def check(self) -> None:
        """Raise ValueError where the store can't be used here."""
        ...

    def keep(self, folder: Path, name: str) -> None:
        """Have this store's form of an array, in place of the NAME.npy that is there."""
        ...

    def open(self, path: Path) -> Any:
        """The array, read where it is asked for."""
        ...

    def open_at(self, address: str) -> Any:
        """The same where it lies at an address. Raises ValueError where the store has none, OSError."""
        ...

    def rows(self, array: Any, start: int, stop: int) -> np.ndarray:
        """Rows [start, stop), read rather than mapped."""
        ...


class Npy:
    """One file, in C order."""

    suffix = ".npy"

    def check(self) -> None:
        return

    def keep(self, folder: Path, name: str) -> None:
        return

    def open(self, path: Path) -> np.memmap:
        with READING:
            array = np.load(path, mmap_mode="r", allow_pickle=False)
        if not array.flags.c_contiguous:
            raise ValueError("it is not in C order")
        return array

    def open_at(self, address: str) -> np.memmap:
        raise ValueError(f"{address} is an address, where only reels of prep.store zarr can lie; copy it, or mount it")

    def rows(self, array: np.memmap, start: int, stop: int) -> np.ndarray:
        assert array.filename is not None  # it maps a file of the reel
        row_items = int(np.prod(array.shape[1:]))
        offset = array.offset + start * row_items * array.dtype.itemsize
        flat = np.fromfile(array.filename, array.dtype, count=(stop - start) * row_items, offset=offset)
        return flat.reshape(stop - start, *array.shape[1:])


class Chunked:
    """A zarr array as one of NumPy, of which only what is asked for is read."""

    def __init__(self, array: Any):
        self.array, self.shape, self.dtype, self.ndim = array, array.shape, array.dtype, array.ndim

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> np.ndarray:
        return np.asarray(self.array[key])

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[i] for i in range(len(self)))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self[:].astype(dtype or self.dtype, copy=False)


class Zarr:
    """A folder of shards."""

    suffix = ".zarr"

    def check(self) -> None:
        _zarr()

    def keep(self, folder: Path, name: str) -> None:
        source = folder / f"{name}.npy"
        given = np.load(source, mmap_mode="r", allow_pickle=False)
        chunk = (1, *given.shape[1:])
        frames = max(1, min(SHARD_BYTES // max(given[0].nbytes, 1), len(given)))
        zarr = _zarr()
        made = zarr.create_array(
            zarr.storage.LocalStore(folder / f"{name}{self.suffix}"),
            shape=given.shape,
            dtype=given.dtype,
            chunks=chunk,
            shards=(frames, *chunk[1:]),
            compressors=[zarr.codecs.ZstdCodec(level=3), zarr.codecs.Crc32cCodec()],
            fill_value=0,
            config={"write_empty_chunks": True},  # what is not there is lost, and not black
        )
        for first in range(0, len(given), frames):
            made[first : first + frames] = given[first : first + frames]
        del given  # some systems remove no file that is mapped
        source.unlink()

    def open(self, path: Path) -> Chunked:
        zarr = _zarr()
        array = zarr.open_array(zarr.storage.LocalStore(path, read_only=True), mode="r")
        found, needed = sum(file.is_file() for file in (path / "c").rglob("*")), -(-array.shape[0] // array.shards[0])
        if found != needed:  # of a shard that is not there zeros would be read
            raise ValueError(f"it has {found} of {needed} shards")
        return Chunked(array)

    def open_at(self, address: str) -> Chunked:
        _zarr()
        from data.disk.remote import open_at  # late: it needs zarr

        return Chunked(open_at(address))

    def rows(self, array: Chunked, start: int, stop: int) -> np.ndarray:
        return array[start:stop]


def _zarr() -> Any:
    try:
        import zarr
    except ImportError as error:
        raise ValueError(f"prep.store zarr needs the package zarr; {INSTALL}, or use store: npy") from error
    return zarr


STORES: dict[str, Store] = {"npy": Npy(), "zarr": Zarr()}
