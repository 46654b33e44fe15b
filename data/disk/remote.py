"""Arrays in zarr at an address (`https://`, `s3://`, whatever fsspec knows), read-only; what is lost is never zeros.

A store that lacks a shard has zarr give zeros for it; and a network fails for a moment now and then. Both are told
here: the first is damage, the second is tried again and then an error that says which address did not answer.
Source: https://filesystem-spec.readthedocs.io, https://zarr.readthedocs.io/en/stable/user-guide/storage.html
"""

import asyncio
import errno
from typing import Any

import zarr
from zarr.errors import ArrayNotFoundError
from zarr.storage import FsspecStore, WrapperStore

TRIES, WAIT_S = 3, 1.0
CHUNKS = "c/"  # how the keys of what holds values begin in zarr 3


class Whole(WrapperStore):
    """A store whose chunks all have to be there."""

    async def get(self, key: str, prototype: Any, byte_range: Any = None) -> Any:
        """As zarr asks for it. Raises ValueError for what is not there, OSError where the address does not answer."""
        found = None
        for number in range(TRIES):
            try:
                found = await self._store.get(key, prototype, byte_range)
                break
            except Exception as error:  # of whichever library speaks to the address
                if number == TRIES - 1:
                    why = f"{self._store.path}/{key} can't be read ({type(error).__name__}: {error})"
                    raise OSError(errno.EIO, f"{why}; see that the address answers, and run it again") from error
                await asyncio.sleep(WAIT_S)
        if found is None and key.startswith(CHUNKS):
            raise ValueError(f"{key} is not there")
        return found


def open_at(address: str) -> Any:
    """The zarr array at an address.

    Raises ValueError where fsspec lacks what speaks to it, FileNotFoundError where no array is there, OSError where it
    does not answer.
    """
    try:
        store = FsspecStore.from_url(address, read_only=True)
    except (ImportError, ValueError) as error:
        raise ValueError(f"{address} can't be opened ({error})") from error
    try:
        return zarr.open_array(Whole(store), mode="r")
    except ArrayNotFoundError as error:
        raise FileNotFoundError(errno.ENOENT, "no array in zarr is there", address) from error
