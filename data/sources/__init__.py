"""Sources turn files into frames or series. A new kind of input is one `Source` in one file, and one line in
`all_kinds.SOURCES`.

A source from outside this package takes part once it is registered: `sources.register(MySource())`.
"""

from importlib import import_module
from typing import Any


def __getattr__(name: str) -> Any:
    """What `all_kinds` has, which loads every kind of input (half a second): most that read one here need no other."""
    return getattr(import_module("data.sources.all_kinds"), name)
