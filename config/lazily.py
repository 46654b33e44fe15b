"""What is known by name, and imported when it is asked for: nets bring torch, which takes seconds and half a GB."""

from collections.abc import Iterator, MutableMapping
from importlib import import_module
from typing import Generic, TypeVar

T = TypeVar("T")


class Lazily(MutableMapping[str, T], Generic[T]):
    """Objects by name, of which each may be given by its place, "package.module.Name", until one asks for it."""

    def __init__(self, places: dict[str, str]):
        self.places, self.loaded = dict(places), dict[str, T]()

    def __getitem__(self, name: str) -> T:
        if name not in self.loaded:
            module, _, own = self.places[name].rpartition(".")
            self.loaded[name] = getattr(import_module(module), own)
        return self.loaded[name]

    def __setitem__(self, name: str, known: T) -> None:
        self.places[name], self.loaded[name] = "", known

    def __delitem__(self, name: str) -> None:
        del self.places[name]
        self.loaded.pop(name, None)

    def __contains__(self, name: object) -> bool:
        return name in self.places

    def __iter__(self) -> Iterator[str]:
        return iter(self.places)

    def __len__(self) -> int:
        return len(self.places)
