"""Labels as subtitles and audio editors write them: SRT, WebVTT, ASS, MicroDVD, and Audacity's tracks of labels, one
file a clip.
"""

import re
from itertools import pairwise
from pathlib import Path

import pandas as pd

_CLOCK = r"(?:\d+:)?[0-5]?\d:[0-5]\d(?:[.,]\d{1,3})?"
_CAPTION = re.compile(rf"^[ \t]*({_CLOCK})[ \t]*-->[ \t]*({_CLOCK})[^\n]*\n?((?:[^\n]*\S[^\n]*\n?)*)", re.MULTILINE)
_LABEL = re.compile(r"(\d+[.,]\d+)\t(\d+[.,]\d+)(?:\t(.*))?")
_ASS = re.compile(
    rf"^Dialogue:[^,\n]*,[ \t]*({_CLOCK})[ \t]*,[ \t]*({_CLOCK})[ \t]*,(?:[^,\n]*,){{6}}(.*)$", re.MULTILINE
)
_OF_ASS = re.compile(r"\s*\[Script Info\]")
_MICRO_DVD = re.compile(r"^\s*\{(\d+)\}\{(\d+)\}(.*)$", re.MULTILINE)  # frames
_STYLE = re.compile(r"\{[^}]*\}|\\[Nnh]")  # within texts of ASS and MicroDVD
_OF_SPECTRUM = "\\\t"  # begins Audacity's lines of frequencies
OF_EVERY_FRAME = 10  # captions or more that follow each other without a gap, as drones write them


def captions_in(path: Path, text: str) -> pd.DataFrame | None:
    """The cells clip, start, end and label of a file that is called as its clip; None of a text of another form.

    Raises ValueError that names the file, of captions that go on without a gap: those tell of every frame.
    """
    if _MICRO_DVD.match(text):
        return _of_frames(path, text)
    rows = _of_ass(text) if _OF_ASS.match(text) else _of_subtitles(text) if "-->" in text else _of_audacity(text)
    if not rows:
        return None
    follow = sum(one[1] == later[0] for one, later in pairwise(rows))
    if len(rows) >= OF_EVERY_FRAME and follow == len(rows) - 1:
        raise ValueError(f"{path} has {len(rows)} captions without a gap, as of a drone for its frames: no labels")
    named = any(label for *_, label in rows)
    cells = [(path.stem, start, end, label or "label") for start, end, label in rows]
    table = pd.DataFrame(cells, columns=["clip", "start", "end", "label"], dtype=object)
    return table if named else table.drop(columns="label")


def are_captions(text: str) -> bool:
    """Whether a text that begins with a bracket is one of subtitles, and no JSON."""
    return bool(_OF_ASS.match(text) or _MICRO_DVD.match(text))


def _of_frames(path: Path, text: str) -> pd.DataFrame:
    found = [(first, last, " ".join(_STYLE.sub(" ", label).split())) for first, last, label in _MICRO_DVD.findall(text)]
    cells = [(path.stem, first, last, label or "label") for first, last, label in found if (first, last) != ("1", "1")]
    return pd.DataFrame(cells, columns=["clip", "start_frame", "end_frame", "label"], dtype=object)


def _of_ass(text: str) -> list[tuple[str, str, str]]:
    found = _ASS.findall(text.replace("\r\n", "\n"))
    return [(start, end, " ".join(_STYLE.sub(" ", label).split())) for start, end, label in found]


def _of_subtitles(text: str) -> list[tuple[str, str, str]]:
    found = _CAPTION.findall(text.replace("\r\n", "\n"))
    return [(start.replace(",", "."), end.replace(",", "."), " ".join(label.split())) for start, end, label in found]


def _of_audacity(text: str) -> list[tuple[str, str, str]]:
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith(_OF_SPECTRUM)]
    found = [_LABEL.fullmatch(line) for line in lines]
    if not found or None in found:
        return []
    return [(m[1].replace(",", "."), m[2].replace(",", "."), (m[3] or "").strip()) for m in found if m]
