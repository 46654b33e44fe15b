"""Labels by frames of clips and by pictures, as data sets of video and annotation tools write them."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.io import savemat

from data.labels.anomalies import Anomalies, Known, read_anomalies
from data.labels.by_frame.benchmark_lists import spans_of
from data.labels.by_frame.clips import clip_of, frame_numbers
from data.labels.by_frame.frame_labels import FrameLabels

FRAMES = 24
CLIPS = ["Test001", "Test002", "Test003"]
bits = st.lists(st.lists(st.booleans(), min_size=FRAMES, max_size=FRAMES).map(np.array), min_size=3, max_size=3)


def table(source: str, count: int = FRAMES) -> pd.DataFrame:
    sources = [source.format(i) for i in range(count)]
    return pd.DataFrame({"time_utc": None, "time_s": np.arange(count) / 10, "label": None, "source": sources})


def read(folder: Path, name: str, text: str) -> Known:
    (folder / name).write_text(text)
    return read_anomalies(str(folder / name), "prep.labels_csv")


def pairs(labels: np.ndarray, first: int = 0) -> list[tuple[int, int]]:
    return [(a + first, b + first) for a, b in spans_of(labels)]


def as_ucf(labels: dict) -> str:
    rows = ((clip, [*pairs(own), (-1, -1)]) for clip, own in labels.items())
    return "".join(f"{clip}.mp4  Abuse  {'  '.join(f'{a}  {b}' for a, b in spans)}  \n" for clip, spans in rows)


def as_xd(labels: dict) -> str:
    return "".join(f"{c} {' '.join(f'{a} {b}' for a, b in pairs(own) or [(-1, -1)])}\n" for c, own in labels.items())


def as_ucsd(labels: dict) -> str:
    lists = (", ".join(f"{a}:{b}" if b > a else f"{a}" for a, b in pairs(own, 1)) for own in labels.values())
    return "TestVideoFile = {};\n" + "".join(f"TestVideoFile{{end+1}}.gt_frame = [{one}];\n" for one in lists)


def as_intervals(labels: dict) -> str:
    rows = (f"sets/Test/{c}.avi,{a},{b}\n" for c, own in labels.items() for a, b in pairs(own) or [("", "")])
    return "Video,Start Frame,End Frame\n" + "".join(rows)


def as_rows(labels: dict) -> str:
    rows = (f"{c},{i},{'theft' if bit else 'normal'}\n" for c, own in labels.items() for i, bit in enumerate(own, 1))
    return "video_name,frame,label\n" + "".join(rows)


def as_bits(labels: dict) -> str:
    return json.dumps({clip: own.astype(int).tolist() for clip, own in labels.items()})


def as_timelines(labels: dict) -> str:
    def task(clip: str, own: np.ndarray) -> dict:
        ranges = [{"start": a, "end": b} for a, b in pairs(own, 1)]
        found = [{"type": "timelinelabels", "value": {"ranges": ranges, "timelinelabels": ["odd"]}}] if ranges else []
        return {"data": {"video": f"/data/upload/1/0a1b2c3d-{clip}.mp4"}, "annotations": [{"result": found}]}

    return json.dumps([task(clip, own) for clip, own in labels.items()])


def as_coco(labels: dict) -> str:
    keys = [(clip, i) for clip in labels for i in range(FRAMES)]
    images = [{"id": n, "file_name": f"{clip}/{i:03d}.tif"} for n, (clip, i) in enumerate(keys)]
    boxes = [{"image_id": n, "bbox": [1, 2, 3, 4]} for n, (clip, i) in enumerate(keys) if labels[clip][i]]
    return json.dumps({"images": images, "annotations": boxes})


def as_pictures(labels: dict) -> str:
    rows = (f"{clip}/{i:03d}.tif,{int(bit)}\n" for clip, own in labels.items() for i, bit in enumerate(own))
    return "filename,label\n" + "".join(rows)


def as_column(labels: dict) -> str:
    """Of the first clip alone, whose frames are as many as those of the others."""
    return "label\n" + "".join(f"{'theft' if bit else 'normal'}\n" for bit in next(iter(labels.values())))


def as_via(labels: dict) -> str:
    box = {"shape_attributes": {"name": "rect"}}
    keys = [(f"{clip}/{i:03d}.tif", bit) for clip, own in labels.items() for i, bit in enumerate(own)]
    found = {f"{name}12": {"filename": name, "size": 12, "regions": [box] * int(bit)} for name, bit in keys}
    return json.dumps({"_via_settings": {}, "_via_img_metadata": found} if labels[CLIPS[0]][0] else found)


def as_via_table(labels: dict) -> str:
    head = "#filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,region_attributes\n"
    rows = (
        f'{c}/{i:03d}.tif,12,"{{}}",{2 * bit},0,"{{}}","{{}}"\n'
        for c, own in labels.items()
        for i, bit in enumerate(own)
    )
    return head + "".join(rows)


def as_cvat(labels: dict) -> str:
    keys = [(f"{clip}/{i:03d}.tif", bit) for clip, own in labels.items() for i, bit in enumerate(own)]
    boxes = (f'<image name="{n}"><tag label="x"/>{"<box/>" if bit else ""}</image>' for n, bit in keys)
    return f'<?xml version="1.0" encoding="utf-8"?>\n<annotations>{"".join(boxes)}</annotations>'


FORMS = [
    as_via,
    as_via_table,
    as_cvat,
    as_ucf,
    as_xd,
    as_ucsd,
    as_intervals,
    as_rows,
    as_bits,
    as_timelines,
    as_coco,
    as_pictures,
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("labels")


@settings(max_examples=25)
@given(bits, st.sampled_from(FORMS))
def test_every_form_labels_the_frames_that_it_tells(folder, own, form):
    """All were refused, but for those that had been taken for something else."""
    own[0][3] = True  # a list of nothing tells no form
    labels = dict(zip(CLIPS, own, strict=True))
    known = read(folder, "labels", form(labels))
    for clip in CLIPS:
        found = known.of(f"Test_{clip}", table(f"Test/{clip}/{{:03d}}.tif"))
        assert found is not None
        assert found[0].tolist() == labels[clip].astype(float).tolist()
    assert known.of("Train_Train001", table("Train/Train001/{:03d}.png")) is None
    assert known.not_in({f"Test_{clip}": f"Test/{clip}/000.tif" for clip in CLIPS}) == []


@settings(max_examples=9)
@given(bits, st.sampled_from([as_column, "npz", 255]))
def test_labels_of_one_clip_or_packed(folder, own, form):
    own[0][:2] = True, False
    labels = dict(zip(CLIPS, own, strict=True))
    path = folder / ("l.npz" if form == "npz" else "l.npy" if form == 255 else "l.txt")
    if form == "npz":
        np.savez(path, **labels)
    elif form == 255:
        np.save(path, np.uint8(255) * own[0].astype(np.uint8))
    else:
        path.write_text(form(labels))
    found = read_anomalies(str(path), "prep.labels_csv").of("Test001", table("Test001.avi#{}"))
    assert found is not None
    assert found[0].tolist() == own[0].astype(float).tolist()


@settings(max_examples=20)
@given(bits, st.sampled_from([np.uint8, float, bool]), st.booleans())
def test_a_folder_of_arrays_labels_the_clips_that_these_are_called_as(tmp_path_factory, own, kind, is_masks):
    place = tmp_path_factory.mktemp("masks")
    for number, clip in enumerate(CLIPS):
        array = own[number][:, None, None] * np.eye(3) if is_masks else own[number]
        if number:
            np.save(place / f"{clip}.npy", array.astype(kind))
        elif is_masks:  # Avenue's
            cells = np.empty((1, FRAMES), object)
            cells[0] = [*array]
            savemat(place / f"{clip}_label.mat", {"volLabel": cells})
        else:
            savemat(place / f"{clip}.mat", {"gt": array.astype(float)})
    known = read_anomalies(str(place), "prep.labels_csv")
    for number, clip in enumerate(CLIPS):
        found = known.of(clip, table(f"{clip}.avi#{{}}"))
        assert found is not None
        assert found[0].tolist() == own[number].astype(float).tolist()
        assert known.of(clip, table(f"{clip}.avi#{{}}", FRAMES + 1)) is None


@given(st.permutations(range(12)), st.sets(st.integers(0, 11), max_size=4))
def test_rows_of_no_frame_have_no_label_and_order_has_no_say(order, lost):
    whole = table("v.mp4#{}", 12)
    shuffled = pd.concat([whole.iloc[order].drop(list(lost)), pd.DataFrame({"source": ["v.mp4"]})], ignore_index=True)
    numbers = frame_numbers(shuffled)
    assert numbers[:-1].tolist() == [i for i in order if i not in lost]
    assert np.isnan(numbers[-1])


@pytest.mark.parametrize(
    ("clip", "name", "source", "is_it"),
    [
        ("gate.mp4", "gate", "gate.mp4#0", True),
        (r"C:\films\GATE.MP4", "gate", "gate.mp4#0", True),
        ("Abuse/Abuse001_x264.mp4", "raw_Abuse_Abuse001_x264", "raw/Abuse/Abuse001_x264.mp4#7", True),
        ("Abuse001_x264", "Abuse_Abuse001_x264", "Abuse/Abuse001_x264.mp4#7", True),
        ("01", "cam_01", "set.zip::cam/01/0001.jpg", True),
        ("b/01.mp4", "a_01", "a/01.mp4#0", False),
        ("1", "01", "01.mp4#0", True),
        ("1", "11", "11.mp4#0", False),
        ("v1", "v01", "v01.mp4#0", False),
        ("late", "gate", "gate.mp4#0", False),
        ("row 7", "pump", "pump.csv row 7", False),
    ],
)
def test_a_clip_is_the_reel_of_its_file(clip, name, source, is_it):
    assert (clip_of(["other", clip], name, source) == clip) == is_it


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<annotations><meta/></annotations>", "is XML of no form that is read; write clip,start_frame,end_frame"),
        ("<annotations><track>", "is no whole XML"),
        ("<x><source>a.mp4</source><source>b.mp4</source></x>", "holds the boxes of 2 tasks: export each by itself"),
        ("start_frame,end_frame\n1,2\n", "needs a column clip beside start_frame and end_frame"),
        ("clip,start_frame,end_frame\na,5,1\n", "frames 5 to 1 of clip a"),
        ("clip,start_frame,end_frame\na,soon,1\n", "'soon' is no number of a frame"),
        ("frame,label\n5,1\n9,0\n", "names no clip, and its column frame does not count all frames"),
        ("clip,start,duration\na,5,1\n", "'duration' tells no unit"),
    ],
)
def test_what_is_not_read_is_said(folder, text, message):
    with pytest.raises(ValueError, match=message):
        read(folder, "l.txt", text)


@pytest.mark.parametrize(
    "text",
    [
        "clip,start_ms,end_ms\nv.mp4,500,900\n",
        "video_id,start_time_sec,end_time_sec\nv,0.5,0.9\n",
        "videoname,t_start,t_end\nv.mp4,0:00.5,0:00.9\n",
        "path,start,duration_s\nin/v.mp4,0.5,0.4\n",
        "v.mp4 0.5 0.9\n",
        "# clip start end class\nv.mp4 0.5 0.9 theft\n",
        "clip;start;end\nv.mp4;0,5 s;0,9 s\n",
        "Observation id,Observation date,Media file,Behavior,Start (s),Stop (s)\nx,2024-05-01,v.mp4,fall,0.5,0.9\n",
        "Observation id\tMedia file name\tBehavior\tStart (s)\tStop (s)\nx\tin/v.mp4\tfall\t0.5\t0.9\n",
        json.dumps({"database": {"v": {"annotations": [{"segment": [0.5, 0.9], "label": "x"}]}}}),
    ],
)
def test_seconds_of_a_clip_under_other_names(folder, text):
    found = read(folder, "l.txt", text).of("v", table("in/v.mp4#{}"))
    assert found is not None
    assert np.flatnonzero(found[0]).tolist() == [5, 6, 7, 8, 9]


spans_ms = st.lists(st.integers(1, 30_000), min_size=2, max_size=12).map(lambda steps: np.cumsum(steps).tolist())


def of_srt(spans: list[tuple[int, int]]) -> str:
    def clock(ms: int) -> str:
        return f"{ms // 3600000:02d}:{ms // 60000 % 60:02d}:{ms // 1000 % 60:02d},{ms % 1000:03d}"

    return "\r\n".join(f"{i}\r\n{clock(a)} --> {clock(b)}\r\nfall\r\nof two\r\n" for i, (a, b) in enumerate(spans, 1))


def of_vtt(spans: list[tuple[int, int]]) -> str:
    return "WEBVTT\n\n" + of_srt(spans).replace(",", ".").replace("\r\n", "\n")


def of_audacity(spans: list[tuple[int, int]]) -> str:
    return "".join(f"{a / 1000:.6f}\t{b / 1000:.6f}\tfall\n\\\t100.0\t200.0\n" for a, b in spans)


def of_ass(spans: list[tuple[int, int]]) -> str:
    def clock(ms: int) -> str:
        return f"{ms // 3600000}:{ms // 60000 % 60:02d}:{ms // 1000 % 60:02d}.{ms % 1000:03d}"

    lines = (f"Dialogue: 0,{clock(a)},{clock(b)},Default,,0,0,0,,{{\\i1}}fall, or so\\Nhard" for a, b in spans)
    return "[Script Info]\nTitle: x\n\n[Events]\nFormat: Layer, Start, End\n" + "\n".join(lines) + "\n"


@given(
    st.lists(st.integers(1, 500), min_size=2, max_size=12).map(lambda steps: np.cumsum(steps).tolist()), st.booleans()
)
def test_subtitles_of_micro_dvd_are_frames(tmp_path_factory, bounds, has_rate):
    """They were taken for JSON."""
    spans = [*zip(bounds[::2], bounds[1::2], strict=False)]
    text = "{1}{1}25.000\n" * has_rate + "".join(
        f"{{{a}}}{{{b}}}{{y:i}}fall|hard\n" for a, b in spans if (a, b) != (1, 1)
    )
    known = read(tmp_path_factory.mktemp("labels"), "gate.sub", text)
    assert isinstance(known, FrameLabels)
    labels = known.clips["gate"]
    assert {frame for first, last in labels for frame in range(first, last + 1)} == {
        frame for a, b in spans for frame in range(a, b + 1)
    }


@pytest.mark.parametrize("form", [of_srt, of_vtt, of_audacity, of_ass])
@given(spans_ms)
def test_subtitles_and_labels_of_audacity(tmp_path_factory, form, bounds):
    """They were refused; the file is called as its clip."""
    spans = list(zip(bounds[::2], bounds[1::2], strict=False))
    known = read(tmp_path_factory.mktemp("labels"), "gate.txt", form(spans))
    assert isinstance(known, Anomalies)
    assert list(known.clips) == ["gate"]
    np.testing.assert_allclose(known.clips["gate"], np.array(spans) / 1000)


@pytest.mark.parametrize("labels", ["[0, 0, 1, 1]", "[0,0,0,0]", "a, A, a a, a_a"])
def test_columns_of_one_name_end_in_no_fault_of_the_program(tmp_path, labels):
    """The list of a data set of crashes, whose labels are cells: pandas gave a table for a column."""
    with pytest.raises(ValueError, match="needs the columns start,end"):
        read(tmp_path, "Crash-1500.txt", f"000001,{labels},285,Day,Normal,Yes\n")


def test_a_label_that_is_called_normal_is_none(tmp_path):
    known = read(tmp_path, "gate.txt", "1.5\t2.5\tnormal\n3.0\t4.0\tfall\n")
    assert known == Anomalies(None, {"gate": ((3.0, 4.0),)})
    known = read(tmp_path, "gate.srt", "1\n00:00:01,500 --> 00:00:02,500\n")
    assert known == Anomalies(None, {"gate": ((1.5, 2.5),)})


def test_the_subtitles_of_a_drone_are_no_labels(tmp_path):
    with pytest.raises(ValueError, match="captions without a gap"):
        read(tmp_path, "DJI_0001.SRT", of_srt([(33 * i, 33 * (i + 1)) for i in range(40)]))


@pytest.mark.parametrize(
    ("name", "text"), [("a.txt", "0 0.5 0.5"), ("a.xml", "0 0.5"), ("a.json", "[1]"), ("a.png", "x"), ("a.md", "x")]
)
def test_a_folder_of_something_else_is_named(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    with pytest.raises(
        ValueError, match=r"write clip,start_frame,end_frame|as a mask|no whole XML|without .npy or .mat"
    ):
        read_anomalies(str(tmp_path), "prep.labels_csv")


def test_of_many_columns_the_first_are_shown(tmp_path):
    (tmp_path / "a.csv").write_text(",".join(f"name{i}" for i in range(500)) + "\n" + ",".join("a" * 500) + "\n")
    with pytest.raises(ValueError, match=r"it has name0, name1, .*name11 and 488 more; start"):
        read_anomalies(str(tmp_path / "a.csv"), "prep.labels_csv")


def as_tracks(own: np.ndarray, every: bool) -> str:
    """CVAT's, with a shape for each frame, or for the first one and that where it is gone."""
    spans = pairs(own)
    shapes = [(i, 0) for a, b in spans for i in (range(a, b + 1) if every else (a,))] + [(b + 1, 1) for _, b in spans]
    boxes = "".join(f'<box frame="{frame}" outside="{gone}" keyframe="1"/>' for frame, gone in sorted(shapes))
    meta = "<meta><task><source>in/gate.mp4</source></task></meta>"
    return f'<annotations>{meta}<track id="0">{boxes}</track></annotations>'


def as_images_of_video(own: np.ndarray, _: bool) -> str:
    images = (
        f'<image id="{i}" name="frame_{i:06d}">{"<polygon/>" if bit else ""}</image>' for i, bit in enumerate(own)
    )
    return f"<annotations><source>gate.mp4</source>{''.join(images)}</annotations>"


def as_mot(own: np.ndarray, every: bool) -> str:
    rows = (
        f"{i},{k},10.5,1e1,20,20,{int(own[i - 1])},-1,-1,-1\n" for i in range(1, FRAMES + 1) for k in range(1 + every)
    )
    return "".join(rows)


@settings(max_examples=20)
@given(bits.map(lambda own: own[0]), st.booleans(), st.sampled_from([as_tracks, as_images_of_video, as_mot]))
def test_tracks_of_boxes_label_the_frames_that_have_one(folder, own, every, form):
    """They were refused."""
    own[2] = True
    found = read(folder, "gate.txt", form(own, every)).of("gate", table("in/gate.mp4#{}"))
    assert found is not None
    assert found[0].tolist() == own.astype(float).tolist()


def test_a_sequence_of_mot_is_its_folder_of_pictures(tmp_path):
    for name in ("MOT17-02/gt", "MOT17-02/img1"):
        (tmp_path / name).mkdir(parents=True)
    known = read(tmp_path / "MOT17-02/gt", "gt.txt", "2,1,10,10,20,20,1,1,1\n3,1,10,10,20,20,0,1,1\n")
    for source in ("MOT17-02/img1/{:06d}.jpg", "img1/{:06d}.jpg"):
        found = known.of("img1", table(source, 5))
        assert found is not None
        assert found[0].tolist() == [0, 1, 0, 0, 0]
    assert known.of("MOT17-04_img1", table("MOT17-04/img1/{:06d}.jpg", 5)) is None


def as_yolo(path: Path, is_set: bool) -> None:
    path.with_suffix(".txt").write_text("0 0.5 0.5 0.1 0.1\n1 0.25 .5 1e-2 0.1 0.9\n" if is_set else "")


def as_voc(path: Path, is_set: bool) -> None:
    name = f"<filename>{path.name}.tif</filename>"
    path.with_suffix(".xml").write_text(f"<annotation>{name}{'<object/>' if is_set else ''}</annotation>")


def as_labelme(path: Path, is_set: bool) -> None:
    text = json.dumps({"imagePath": f"..\\{path.name}.tif", "shapes": [{"shape_type": "polygon"}] * int(is_set)})
    path.with_suffix(".json").write_text(text)


def as_mask(path: Path, is_set: bool) -> None:
    mask = Image.new("L", (4, 3))
    mask.putpixel((1, 1), 255 * is_set)
    mask.save(f"{path}_mask.png")


@settings(max_examples=16)
@given(bits, st.sampled_from([as_yolo, as_voc, as_labelme, as_mask]))
def test_a_folder_of_boxes_or_masks_labels_the_pictures_that_they_are_called_as(tmp_path_factory, own, form):
    place = tmp_path_factory.mktemp("boxes")
    (place / "classes.txt").write_text("person\n")
    for number, clip in enumerate(CLIPS[:2]):
        (place / f"{clip}_gt").mkdir()
        for i, bit in enumerate(own[number]):
            form(place / f"{clip}_gt" / f"{i:03d}", bool(bit))
    if form == as_mask:
        (place / "classes.txt").unlink()
    known = read_anomalies(str(place), "prep.labels_csv")
    for number, clip in enumerate(CLIPS[:2]):
        found = known.of(clip, table(f"in/{clip}/{{:03d}}.tif"))
        assert found is not None
        assert found[0].tolist() == own[number].astype(float).tolist()
    assert known.of(CLIPS[2], table(f"in/{CLIPS[2]}/{{:03d}}.tif")) is None


@pytest.mark.parametrize("drawn", ["labels", "annotations", "objects"])
@pytest.mark.parametrize("is_below", [True, False])
def test_pictures_of_bdd_and_scalabel_without_a_box_are_normal(tmp_path, drawn, is_below):
    rows = [{"name": f"gate-{k:03d}.jpg", "frameIndex": k, drawn: [{"category": "fight"}] * (k % 3)} for k in range(6)]
    rows[3][drawn] = None
    (tmp_path / "a.json").write_text(json.dumps({"frames": rows} if is_below else rows))
    known = read_anomalies(str(tmp_path / "a.json"), "prep.labels_csv")
    labels, _ = known.of("gate", table("gate/gate-{:03d}.jpg", 6))
    assert labels.tolist() == [0, 1, 1, 0, 1, 1]


def test_lists_that_may_be_empty_are_no_label_of_an_interval(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps([{"start": "2024-01-01", "end": "2024-01-02", "labels": []}]))
    with pytest.raises(ValueError, match="empty lists as 'labels'"):
        read_anomalies(str(tmp_path / "a.json"), "prep.labels_csv")
