"""A network file system as two machines see one, each with its own pages in memory.

A machine that has opened a file works on its own copy of it. What it changed reaches the store in whole pages, when it
closes the file, and so do the bytes beside: nothing tells whether another machine has changed these. The store refuses
a page that two machines have changed since both last opened the file, where a real one keeps the last one's.
"""

import shutil
from pathlib import Path

PAGE = 4096


class Overlap(Exception):
    """Two machines have changed one page of a file."""


class Host:
    """A machine: its copy of a folder of the store, and what that was when it was opened."""

    def __init__(self, store: "PageStore", folder: Path):
        self.store, self.folder = store, folder
        shutil.copytree(store.folder, folder)
        self.opened = _files(folder)

    def close(self) -> None:
        """Bring the changed pages to the store, and new files."""
        for name, data in _files(self.folder).items():
            before = self.opened.get(name)
            self.store.take(self, name, data, before)


class PageStore:
    """The files as they are on the server."""

    def __init__(self, folder: Path):
        self.folder, self.changed = folder, {}

    def take(self, host: Host, name: str, data: bytes, before: bytes | None) -> None:
        """Write pages of a file that a host has changed. Raises Overlap."""
        pages = [i for i in range(0, len(data), PAGE) if before is None or data[i : i + PAGE] != before[i : i + PAGE]]
        for page in pages:
            if self.changed.setdefault((name, page), host) is not host:
                raise Overlap(f"two machines wrote bytes {page} to {page + PAGE} of {name}")
        place = self.folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if not place.exists():
            place.write_bytes(b"")
        with place.open("r+b") as file:
            for page in pages:
                file.seek(page)
                file.write(data[page : page + PAGE])


def _files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
