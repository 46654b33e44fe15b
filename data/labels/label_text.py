"""The text of a file of labels or events, in whatever encoding."""

from pathlib import Path

from data.sources.tables.lines.encodings import FALLBACK, encoding_of


def text_of(path: Path) -> str:
    """Raises OSError."""
    content = path.read_bytes()
    try:
        return content.decode(encoding_of(content)).removeprefix("\ufeff")
    except UnicodeDecodeError:
        return content.decode(FALLBACK, "replace")
