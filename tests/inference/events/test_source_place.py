"""Places in source pixels: through resize, margins, crop and registration back to the file's; and its clock."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import Config, CropConfig, EvalConfig, PrepConfig
from data.disk.files import write_meta
from data.frames.grid.crop import corner_of, cropped_shape
from data.frames.grid.letterbox import inner_shape, to_source
from data.live.live_reel import Form
from data.prepare_data import prep
from data.reel.reel import Reel
from data.sky.wcs import from_row
from inference.events.boxes import Box
from inference.events.facts import CLOCK_COLUMNS
from inference.events.source_place import SOURCE_COLUMNS, file_clock, source_columns, source_px_per_px
from inference.results.results import Results
from inference.results.score_maps import read_boxes
from tests.support.fits_files import fits_bytes
from tests.support.reels import make_reel
from tests.support.solar_frames import rolled_frame, wcs_of
from tests.support.videos import write_video

SIDES = st.tuples(st.integers(1, 300), st.integers(1, 300))
IDENTITY = {"weights_sha256": "a" * 64, "reel": "b" * 64, "settings": {}}


def made(folder, **given):
    config = PrepConfig(**{"clip_length": 2, "stride": 1} | given)
    (path,) = prep(Config(data_raw=str(folder / "in"), data_clips=str(folder / "out"), workers=1, prep=config))
    return Reel(path)


def places(reel, frame, *bounds):
    x0, y0, x1, y1 = bounds
    box = {"x": (x0 + x1 - 1) / 2, "y": (y0 + y1 - 1) / 2, "x0": x0, "y0": y0, "x1": x1, "y1": y1}
    found = source_columns(pd.DataFrame([box]), np.array([frame]), reel)
    return None if found is None else found.iloc[0].to_dict()


@given(shape=SIDES, grid=SIDES, corner=SIDES, aspect=st.sampled_from(["keep", "stretch"]))
def test_the_part_that_is_filled_is_the_part_that_was_cropped(shape, grid, corner, aspect):
    y, x = (n % m for n, m in zip(corner, shape, strict=True))
    crop = CropConfig(x, y, shape[1] - x, shape[0] - y)
    settings = PrepConfig(crop=crop, aspect=aspect)
    used = cropped_shape(shape, crop)
    inner = inner_shape(used, grid, settings)
    matrix = to_source(used, grid, inner, corner_of(crop))
    top, left = ((m - n) // 2 for n, m in zip(inner, grid, strict=True))
    edges = matrix @ np.array([[left - 0.5, left + inner[1] - 0.5], [top - 0.5, top + inner[0] - 0.5], [1, 1]]) + 0.5
    np.testing.assert_allclose(edges, [[crop.x, shape[1]], [crop.y, shape[0]]], atol=1e-9)


def test_a_box_of_a_video_leads_back_to_its_pixels(tmp_path):
    write_video(tmp_path / "in" / "v.mp4", 4)  # of 64 rows and 96 columns
    reel = made(tmp_path, resize=(40, 38), crop=CropConfig(10, 4, 76, 60))  # 30 of 40 rows are filled, by half
    found = places(reel, 2, 3, 5, 8, 9)
    assert found == {
        **{"source_x": 20.5, "source_y": 7.5},
        **{"source_x0": 16, "source_y0": 4, "source_x1": 26, "source_y1": 12},
    }
    assert places(reel, 2, 0, 0, 38, 40) == pytest.approx(
        {**{"source_x": 47.5, "source_y": 33.5}, **{"source_x0": 10, "source_y0": 0, "source_x1": 86, "source_y1": 64}}
    )
    assert source_px_per_px(reel) == (2, 2)
    np.testing.assert_allclose(Form.of(reel, Config()).to_source((64, 96)), reel.to_source)


def test_a_registered_frame_leads_back_to_the_pixels_of_its_file(tmp_path):
    pixels, head = rolled_frame(128, roll_deg=20)
    star = (40, 84)  # x, y
    pixels[star[1] - 1 : star[1] + 2, star[0] - 1 : star[0] + 2] = 8000
    pixels[star[1], star[0]] = 16000
    (tmp_path / "in").mkdir()
    for second in range(2):
        head["T_OBS"] = f"2011-02-15T00:00:{second:02d}.34Z"
        (tmp_path / "in" / f"{second}.fits").write_bytes(fits_bytes(pixels, head, "primary"))
    reel = made(tmp_path, crop=CropConfig(20, 60, 70, 50), resize=(40, 60))
    y, x = np.unravel_index(int(reel.frames[1, 0].argmax()), (40, 60))
    found = places(reel, 1, x, y, x + 1, y + 1)
    assert found is not None
    assert found["source_x0"] <= star[0] < found["source_x1"]
    assert found["source_y0"] <= star[1] < found["source_y1"]
    assert found["source_x1"] - found["source_x0"] <= 4
    sky = from_row(reel.table.iloc[1])
    assert sky is not None
    there = wcs_of(head).pixel_to_hpc(found["source_x"], found["source_y"])
    np.testing.assert_allclose(there, sky.pixel_to_hpc(x, y), atol=0.2)  # 0.01 px
    assert json.loads((reel.path / "reel.json").read_text())["to_source"] is None


def finished(reel, out):
    results = Results(reel, EvalConfig())
    for frame in range(len(reel)):
        results.add(frame, np.ones(reel.shape[2:], np.float32), [Box(2, 3, 4, 5, 2.5, 3.5, 9.0, 8.0, 4, "high")], 0.0)
    results.draw_timeline = lambda *_: None
    out.mkdir()
    results.write(out, 1.0, 2.0, IDENTITY, 1.0, {})
    return pd.read_csv(out / "events.csv"), pd.read_csv(out / "boxes.csv")


def test_eval_tells_source_pixels_and_the_clock_of_the_file(tmp_path, caplog):
    write_video(tmp_path / "in" / "v.mp4", 6, times_ms=[0, 40, 80, 120, 160, 3_723_450], fps=25)
    settings = {"frames_per_second": 1.0, "start_utc": "2020-01-01"}  # other times than the file has
    reel = made(tmp_path, resize=(32, 48), **settings)
    events, boxes = finished(reel, tmp_path / "res")
    assert events[[*SOURCE_COLUMNS]].iloc[0].tolist() == [5.5, 7.5, 4, 6, 8, 10]
    assert events[[*CLOCK_COLUMNS]].iloc[0].tolist() == ["00:00.000", "00:00.000", "1:02:03.450"]
    assert boxes[[*SOURCE_COLUMNS]].drop_duplicates().to_numpy().tolist() == [[5.5, 7.5, 4, 6, 8, 10]]
    assert len(read_boxes(tmp_path / "res" / "boxes.csv")) == 6
    assert "(source 6, 8)" in caplog.text
    assert "(00:00.000 .. 1:02:03.450 of the video)" in caplog.text


def test_a_reel_from_before_leaves_them_out(tmp_path):
    write_video(tmp_path / "in" / "v.mp4", 4)
    reel = made(tmp_path, resize=(16, 24))
    assert source_px_per_px(reel) == (4, 4)
    table = reel.candidates.drop(columns="clock_s")
    table.to_csv(reel.path / "frames.csv", index=False)
    write_meta(reel.path, {key: value for key, value in reel.meta.items() if key not in ("to_source", "files")})
    old = Reel(reel.path)
    assert places(old, 0, 0, 0, 1, 1) is None
    assert source_px_per_px(old) == (4, 4)
    events, boxes = finished(old, tmp_path / "res")
    assert not {*SOURCE_COLUMNS, *CLOCK_COLUMNS} & {*events.columns, *boxes.columns}
    series = make_reel(tmp_path / "series", np.zeros((3, 2, 1, 1), np.float32))
    assert source_columns(pd.DataFrame(), np.empty(0, int), series) is None


@pytest.mark.parametrize(
    ("seconds", "told"), [(0, "00:00.000"), (59.9996, "01:00.000"), (125.34, "02:05.340"), (3600, "1:00:00.000")]
)
def test_a_clock_is_written_as_players_show_it(seconds, told):
    assert file_clock(seconds) == told
