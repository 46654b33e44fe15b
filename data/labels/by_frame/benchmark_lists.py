"""Labels of video as published data sets and annotation tools write them: by frames of a clip, or names of pictures.

Lists without names of columns: UCF-Crime's `name class start end start end` (-1 for none), XD-Violence's `name start
end ...`, THUMOS' `name start end`, with a word behind or without, in frames, or in seconds where numbers have decimals.
UCSD's `.m`. JSON: COCO, ActivityNet, timelines of Label Studio, 0 and 1 by clip.
"""

import json
import re
from typing import Any

import numpy as np

from data.labels.by_frame.frame_labels import FrameLabels, PictureLabels

Spans = dict[str, tuple[tuple[float, float], ...]]  # closed intervals, s, by clip
_LINE = re.compile(r"([^\s,;]+)[\s,;]+(?:([A-Za-z]\w*)[\s,;]+)?((?:-?\d+(?:\.\d+)?(?:[\s,;]+|$))+)(?:[A-Za-z]\w*)?")
_MATLAB = re.compile(r"gt_frame\s*=\s*\[([^\]]*)\]")
_UPLOADED = re.compile(r"^[0-9a-f]{8}-")  # what Label Studio puts before the name of a file


def of_lines(text: str) -> FrameLabels | Spans | None:
    """The labels of a list without names of columns; None of any other text."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if not lines or not _LINE.fullmatch(lines[0]):
        return None
    found = [_LINE.fullmatch(line) for line in lines]
    if None in found or any(re.fullmatch(r"[-\d.:T+Z/]+", match[1]) for match in found if match):
        return None  # a number or a time is no clip
    in_seconds = any("." in match[3] for match in found if match)
    clips: dict[str, list[tuple[float, float]]] = {}
    for match in (match for match in found if match):
        numbers = [float(number) for number in re.split(r"[\s,;]+", match[3].strip(" \t,;"))]
        pairs = list(zip(numbers[::2], numbers[1::2], strict=False))
        if len(numbers) % 2 or any(last < first for first, last in pairs):
            return None
        clips.setdefault(match[1], []).extend(pair for pair in pairs if pair[0] >= 0)
    if in_seconds:
        return {clip: tuple(pairs) for clip, pairs in clips.items()}
    return FrameLabels({clip: tuple((int(a), int(b)) for a, b in pairs) for clip, pairs in clips.items()})


def of_matlab(text: str) -> FrameLabels | None:
    """UCSD's list of the frames, counted from 1, of each test clip: Test001, Test002 ...; None of any other text."""
    clips = {}
    for number, inside in enumerate(_MATLAB.findall(text), 1):
        spans = [part.partition(":") for part in re.split(r"[\s,;]+", inside.strip()) if part]
        clips[f"Test{number:03d}"] = tuple((int(first) - 1, int(last or first) - 1) for first, _, last in spans)
    return FrameLabels(clips) if clips else None


def of_json(text: str) -> FrameLabels | PictureLabels | Spans | None:
    """COCO, ActivityNet or Label Studio's; None of any other text."""
    try:
        value = json.loads(text)
        if isinstance(value, list):
            return _of_tasks(value)
        if isinstance(value, dict) and isinstance(value.get("images"), list) and "annotations" in value:
            return _of_coco(value)
        if isinstance(value, dict) and value and all(map(_are_bits, value.values())):
            return of_bits({clip: np.array(own, bool) for clip, own in value.items()})
        clips = next((value[k] for k in ("database", "results") if isinstance(value.get(k), dict)), None)
        return None if clips is None else {str(clip): _segments(own) for clip, own in clips.items()}
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):  # of another form
        return None


def _are_bits(value: Any) -> bool:
    return isinstance(value, list) and len(value) > 1 and all(bit in (0, 1) for bit in value)


def _of_coco(value: dict) -> PictureLabels:
    """Pictures with an annotation are anomalous."""
    seen = {annotation["image_id"] for annotation in value["annotations"]}
    return PictureLabels({str(image["file_name"]): int(image["id"] in seen) for image in value["images"]})


def _segments(own: Any) -> tuple[tuple[float, float], ...]:
    annotations = own["annotations"] if isinstance(own, dict) else own
    return tuple((float(one["segment"][0]), float(one["segment"][1])) for one in annotations)


def _of_tasks(tasks: list) -> FrameLabels | None:
    """The ranges of Label Studio's timelines, which count frames from 1."""
    clips: dict[str, list[tuple[int, int]]] = {}
    for task in tasks:
        video = task.get("video") or task["data"]["video"]
        results = [one for found in task.get("annotations", ()) for one in found["result"]]
        ranges = [one["value"] for one in results if one["type"] == "timelinelabels"]
        ranges += [one for one in task.get("label", ()) if "ranges" in one]
        own = clips.setdefault(_UPLOADED.sub("", str(video).rsplit("/", 1)[-1]), [])
        own += [(int(span["start"]) - 1, int(span["end"]) - 1) for value in ranges for span in value["ranges"]]
    return FrameLabels({clip: tuple(own) for clip, own in clips.items()}) if any(clips.values()) else None


def of_bits(labels: dict[str, np.ndarray]) -> FrameLabels:
    """From which frames (T,) bool of each clip are anomalous."""
    return FrameLabels(
        {clip: spans_of(own) for clip, own in labels.items()}, {clip: len(own) for clip, own in labels.items()}
    )


def spans_of(labels: np.ndarray) -> tuple[tuple[int, int], ...]:
    """Closed intervals of the numbers of those that are set."""
    edges = np.flatnonzero(np.diff(np.r_[0, labels.astype(int), 0]))
    return tuple((int(first), int(end) - 1) for first, end in edges.reshape(-1, 2))
