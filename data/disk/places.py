"""Folders that hold what somebody else made: nothing is written through a link in them to another place."""

import os
from pathlib import Path


def refuse_links_out(folder: Path) -> None:
    """Raise OSError for a folder in `folder` that is a link to one outside: what is written would land there.

    Files may be links (annexes keep large ones so): they are read, and what is written takes their place.
    """
    inside = folder.resolve()
    for place, folders, _ in os.walk(folder):
        for path in (Path(place, name) for name in folders):
            if path.is_symlink() and not path.resolve().is_relative_to(inside):
                raise OSError(f"{path} is a link out of {folder}, where results would be written; put the folder there")
