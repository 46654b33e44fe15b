"""Files of the program's own, written with their digests; see `data/disk/digests.py`."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from data.disk.digests import beside, file_sha256, sealed, with_digest
from data.disk.files import replacing, write_json, write_text


def write_sealed(path: str | Path, content: bytes) -> None:
    """Write an archive (ZIP) with its digest, atomically, on the disk when it returns."""
    with replacing(path, durable=True) as part:
        part.write_bytes(sealed(content))


def write_arrays(path: Path, **arrays: Any) -> None:
    """Write an .npz with its digest, atomically, on the disk when it returns."""
    content = BytesIO()
    np.savez(content, allow_pickle=False, **arrays)
    write_sealed(path, content.getvalue())


def write_sealed_json(path: Path, value: dict[str, Any]) -> None:
    """Write a JSON object with its digest, atomically, on the disk when it returns."""
    write_json(path, with_digest(value), durable=True)


def write_with_digest(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` make a file under another name, which then takes its place, and keep its digest beside it."""
    with replacing(path, durable=True) as part:
        write(part)
        digest = file_sha256(part)
        beside(path).unlink(missing_ok=True)  # a kill from here on leaves a file without one, not with a wrong one
    write_text(beside(path), f"{digest}  {path.name}\n", durable=True)
