"""Records of a stream, from whoever writes them to whoever takes them."""

from typing import Any


class Told:
    """Records of a stream, until they are taken."""

    def __init__(self, name: str):
        self.name, self._records = name, []

    def write(self, kind: str, facts: dict[str, Any], keep: bool = True) -> None:
        self._records.append({"type": kind, "stream": self.name, **facts})

    def taken(self) -> list[dict[str, Any]]:
        found, self._records = self._records, []
        return found
