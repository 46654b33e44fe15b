"""SHA-256 of the program's own files, so that a flipped bit is found when they are opened.

Inside the file where it can be, for files are copied: an archive (.pt, .npz) has it as its comment, a JSON object as
its last entry. The arrays of a reel have theirs in its reel.json. Others have a file NAME.sha256 beside them, as
`sha256sum -c` reads it. What was written before there were digests has none and is taken as it is.
"""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

WRONG = "its content is not what was written: SHA-256 differs"
EDITED = "whoever changed it by hand takes the entries files and sha256 out of reel.json"
KEY = "sha256"  # of a JSON object
MARK = b"sha256:"
SEAL_BYTES = len(MARK) + 64


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sealed(content: bytes) -> bytes:
    """An archive (ZIP) without a comment, with its own digest as one; every reader of archives passes over it."""
    assert content[-2:] == b"\0\0"  # the length of its comment
    with_length = content[:-2] + SEAL_BYTES.to_bytes(2, "little")
    return with_length + MARK + hashlib.sha256(with_length).hexdigest().encode()


def check_sealed(content: bytes) -> bool:
    """Whether an archive has a digest. Raises ValueError for one that differs from what it was made of."""
    body, seal = content[:-SEAL_BYTES], content[-SEAL_BYTES:]
    is_sealed = seal.startswith(MARK) or body[-2:] == SEAL_BYTES.to_bytes(2, "little")
    if is_sealed and seal != MARK + hashlib.sha256(body).hexdigest().encode():
        raise ValueError(WRONG)
    return is_sealed


def with_digest(value: dict[str, Any]) -> dict[str, Any]:
    """A JSON object with its digest as last entry."""
    plain = json.loads(json.dumps({name: entry for name, entry in value.items() if name != KEY}, allow_nan=False))
    return plain | {KEY: _sha256_of(plain)}


def check_json(value: dict[str, Any]) -> None:
    """Raise ValueError for an object that differs from what its digest was made of."""
    if KEY in value and value[KEY] != _sha256_of({name: entry for name, entry in value.items() if name != KEY}):
        raise ValueError(f"{WRONG}; whoever changed it by hand takes out its entry {KEY}")


def _sha256_of(plain: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def files_of(folder: Path, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """{name: size in bytes and digest} of those files that are there, of folders all files within."""
    paths = [path for name in names for path in (folder / name, *sorted((folder / name).rglob("*"))) if path.is_file()]
    about = [(path, path.relative_to(folder).as_posix()) for path in paths]
    return {name: {"bytes": path.stat().st_size, "sha256": file_sha256(path)} for path, name in about}


def check_file(path: Path, known: dict[str, Any] | None, most_bytes: float = float("inf")) -> None:
    """Raise ValueError where the size of a reel's file differs from what its reel.json tells, or its content.

    A file of more than `most_bytes` is judged by its size alone.
    """
    if known is None:
        return
    if (size := path.stat().st_size) != known["bytes"]:
        raise ValueError(f"it has {size} bytes where {known['bytes']} were written; {EDITED}")
    if size <= most_bytes and file_sha256(path) != known["sha256"]:
        raise ValueError(f"{WRONG}; {EDITED}")


def beside(path: Path) -> Path:
    """The file with the digest of a file that can't hold one."""
    return path.with_name(f"{path.name}.sha256")


def check_beside(path: Path) -> None:
    """Raise ValueError where a file differs from what the digest beside it was made of."""
    if beside(path).is_file() and beside(path).read_text(encoding="utf-8").partition(" ")[0] != file_sha256(path):
        raise ValueError(f"{WRONG} from {beside(path).name}")
