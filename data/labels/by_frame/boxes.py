"""Labels from what annotation tools draw into frames: one with a box, track, shape or mask is anomalous, another not.

CVAT's XML of videos and pictures, MOT's tracks, VIA's JSON and CSV, BDD's and Scalabel's JSON; and for each picture
VOC's XML, labelme's JSON, YOLO's text, or a mask.
"""

import csv
import json
import re
from collections.abc import Iterable
from pathlib import Path, PureWindowsPath
from typing import Any
from xml.etree import ElementTree

import numpy as np
from PIL import Image

from data.labels.by_frame.benchmark_lists import of_bits
from data.labels.by_frame.frame_labels import FrameLabels, PictureLabels
from data.labels.label_text import text_of
from data.messages import logger
from data.sources.picture_file.pictures import SUFFIXES as PICTURES
from data.sources.video import SUFFIXES as VIDEOS

log = logger(__name__)

ABOUT = re.compile(r"[-_ ](?:labels?|gt|masks?|truth|frame_mask)$", re.IGNORECASE)  # Avenue's 1_label.mat
WRITE = "write clip,start_frame,end_frame, or picture,label"
TEXTS = (".txt", ".xml", ".json")
_YOLO = re.compile(r"\d+(?:[ \t]+-?[\d.]+(?:e-?\d+)?){4,}")
_MOT = re.compile(r"\d+,-?\d+(?:,-?[\d.]+(?:e[-+]?\d+)?){4,8}", re.IGNORECASE)
_LOOKED_AT, _IS_COUNTED = 9, 6  # lines; the column that is 0 of tracks which do not count
_SHAPES = {"box", "polygon", "polyline", "points", "ellipse", "cuboid", "mask", "skeleton"}
NAMES = ("name", "image", "file_name", "filename", "img", "image_path", "path", "file")  # of a picture in JSON
DRAWN = ("labels", "objects", "annotations", "boxes", "bboxes", "shapes", "regions", "detections", "instances")
_OF_MOT = ("gt", "det")  # names that are no clip's


def of_boxes(text: str, path: Path) -> FrameLabels | PictureLabels | None:
    """The labels of a file of boxes; None of any other. Raises ValueError where they do not tell the frame."""
    start = text.lstrip("\ufeff \t\r\n")
    if start.startswith("<"):
        return _told(_of_xml(start, path), path)
    if start.startswith(("{", "[")):
        return _told(_of_json(start), path)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if lines and all(map(_MOT.fullmatch, lines[:_LOOKED_AT])):
        return _told(_of_tracks(lines, path), path)
    names = next(csv.reader(lines), [])
    if "region_shape_attributes" in names and "region_count" in names:
        rows = csv.DictReader(lines, [name.lstrip("#") for name in names])
        counts = {row["filename"]: row["region_count"] for row in list(rows)[1:]}
        return _told(PictureLabels({name: int(count != "0") for name, count in counts.items()}), path)
    return None


def of_folder(folder: Path) -> PictureLabels | None:
    """The labels of the pictures that a folder has text or a mask for; None of one without.

    Raises ValueError for text of another form.
    """
    paths = sorted(path for path in folder.rglob("*") if not path.name.startswith("."))
    texts = [path for path in paths if path.suffix.lower() in TEXTS and path.stem != "classes"]
    found: dict[str, int] = {}
    for path in texts:
        found |= {_below(folder, path, name): is_set for name, is_set in _of_one(path)}
    if not texts:
        masks = [path for path in paths if path.suffix.lower() in PICTURES]
        found = {_below(folder, path, path.stem): int(_is_any(path)) for path in masks}
    return _told(PictureLabels(found), folder) if found else None


def _told(labels: Any, path: Path) -> Any:
    """The same, once it is said what was made of them."""
    if isinstance(labels, PictureLabels):
        count, all_of = sum(labels.pictures.values()), len(labels.pictures)
        tell = log.warning if all_of > 1 and count in (0, all_of) else log.info
        tell(f"{path}: pictures with a box or mask are taken for anomalous, {count} of {all_of}; else {WRITE}")
    elif labels is not None:
        log.info(f"{path}: frames with a box are taken for anomalous; else {WRITE}")
    return labels


def _of_xml(text: str, path: Path) -> FrameLabels | PictureLabels:
    """CVAT's and VOC's. Raises ValueError for others."""
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise ValueError(f"{path} is no whole XML: {error}") from None
    if root.tag == "annotation":
        return PictureLabels({root.findtext("filename") or path.stem: int(root.find("object") is not None)})
    sources = [source.text or "" for source in root.iter("source")]
    clip = sources[0] if sources else root.findtext(".//task/name") or path.stem
    if len(sources) > 1:
        raise ValueError(f"{path} holds the boxes of {len(sources)} tasks: export each by itself, or {WRITE}")
    if tracks := root.findall("track"):
        return FrameLabels({clip: tuple(span for track in tracks for span in _spans(track))})
    images = {image: int(any(shape.tag in _SHAPES for shape in image)) for image in root.findall("image")}
    if not images:
        raise ValueError(f"{path} is XML of no form that is read; {WRITE}")
    if clip.lower().endswith(VIDEOS):
        return _of_numbers(clip, [int(image.get("id", 0)) for image, is_set in images.items() if is_set])
    return PictureLabels({image.get("name", ""): is_set for image, is_set in images.items()})


def _spans(track: ElementTree.Element) -> Iterable[tuple[int, int]]:
    """The frames of one of CVAT's tracks: a shape stays until the next one, or until it is told to be outside."""
    shapes = sorted((int(shape.get("frame", 0)), shape.get("outside") == "1") for shape in track if shape.get("frame"))
    ends = [frame - 1 for frame, _ in shapes[1:]] + [shapes[-1][0] if shapes else 0]
    return [(frame, end) for (frame, is_outside), end in zip(shapes, ends, strict=True) if not is_outside]


def _of_json(text: str) -> PictureLabels | None:
    """VIA's, labelme's, BDD's and Scalabel's."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if found := _of_pictures(value.get("frames") if isinstance(value, dict) else value):
        return found
    if not isinstance(value, dict):
        return None
    if isinstance(value.get("shapes"), list) and "imagePath" in value:
        return PictureLabels({PureWindowsPath(str(value["imagePath"])).name: int(bool(value["shapes"]))})
    pictures = value.get("_via_img_metadata", value)
    own = list(pictures.values()) if isinstance(pictures, dict) else []
    if not own or not all(isinstance(one, dict) and {"filename", "regions"} <= one.keys() for one in own):
        return None
    return PictureLabels({str(one["filename"]): int(bool(one["regions"])) for one in own})


def _of_pictures(value: Any) -> PictureLabels | None:
    """Of a list of pictures, each with its name and a list of what is drawn in it, which may be empty or none."""
    if not isinstance(value, list) or not value or not all(isinstance(one, dict) for one in value):
        return None
    name = next((key for key in NAMES if all(str(one.get(key)).lower().endswith(PICTURES) for one in value)), None)
    drawn = next((key for key in DRAWN if any(isinstance(one.get(key), list) for one in value)), None)
    if name is None or drawn is None or not all(isinstance(one.get(drawn), list | None) for one in value):
        return None
    return PictureLabels({PureWindowsPath(str(one[name])).name: int(bool(one.get(drawn))) for one in value})


def _of_tracks(lines: list[str], path: Path) -> FrameLabels:
    """MOT's, whose frames count from 1: `SEQUENCE/gt/gt.txt`, a file called as its clip, or else of every reel."""
    rows = [line.split(",") for line in lines]
    numbers = [int(row[0]) for row in rows if len(row) <= _IS_COUNTED or float(row[_IS_COUNTED]) != 0]
    from_one = min((int(row[0]) for row in rows), default=1) > 0
    clip = path.stem if path.stem not in _OF_MOT else ""
    if path.stem in _OF_MOT and path.parent.name in _OF_MOT:
        sequence = path.parents[1]
        clip = f"{sequence.name}/img1" if Path(sequence, "img1").is_dir() else sequence.name
    return _of_numbers(clip, [number - from_one for number in numbers])


def _of_numbers(clip: str, numbers: list[int]) -> FrameLabels:
    is_set = np.zeros(max(numbers, default=-1) + 1, bool)
    is_set[numbers] = True
    return FrameLabels(of_bits({clip: is_set}).clips)


def _of_one(path: Path) -> list[tuple[str, int]]:
    """The pictures that a file for one tells, and whether it holds a box. Raises ValueError for one of another form."""
    text = text_of(path)
    if path.suffix.lower() == ".txt":
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        if not all(map(_YOLO.fullmatch, lines)):
            raise ValueError(f"{path} holds no boxes as YOLO writes them (class x y width height); {WRITE}")
        return [(path.stem, int(bool(lines)))]
    found = _of_xml(text.lstrip("\ufeff \t\r\n"), path) if path.suffix.lower() == ".xml" else _of_json(text)
    if not isinstance(found, PictureLabels):
        raise ValueError(f"{path} holds no boxes of one picture (VOC, labelme); {WRITE}")
    return list(found.pictures.items())


def _below(folder: Path, path: Path, name: str) -> str:
    """What a picture is called by its file of labels: the folders that lie between, and its name."""
    parts = path.relative_to(folder).parts[:-1]
    return "/".join(ABOUT.sub("", part) or part for part in (*parts, name))


def _is_any(path: Path) -> bool:
    """Whether any pixel of a mask is set. Raises ValueError for what is no picture."""
    try:
        with Image.open(path) as image:
            return bool(np.any(np.asarray(image.convert("RGB") if "A" in image.mode else image)))
    except Exception as error:  # Pillow raises many kinds on damaged files
        raise ValueError(f"{path} is not readable as a mask: {error}") from None
