"""Whether two folders hold the same bytes."""

import hashlib
from pathlib import Path


def digests(out: Path) -> dict[str, str]:
    """SHA-256 of everything in a folder, hidden leftovers included, but who owns it; by path within."""
    files = sorted(p for p in out.rglob("*") if p.is_file() and not p.name.startswith(".lock"))
    return {p.relative_to(out).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}
