"""Which part of the work a process does, where several do it that know nothing of each other."""

import re
from dataclasses import dataclass
from pathlib import Path

SHARDS = ".shards"  # folder of what they have made
NAME = re.compile(r"(\d+)-of-(\d+)")  # of the folder of one


@dataclass(frozen=True)
class Shard:
    """One of several parts of the work, counted from 1."""

    number: int
    of: int

    @classmethod
    def told(cls, text: str) -> "Shard":
        """Of a text i/n, which the settings have checked."""
        return cls(*map(int, text.split("/")))

    def folder(self, place: Path) -> Path:
        """Where its part of what is made in a folder lies."""
        return place / SHARDS / f"{self.number}-of-{self.of}"

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"
