"""Events in the pixels of the files that their frames came from."""

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from astropy.io import fits

from config import PrepConfig
from data.disk.files import write_csv
from data.reel.reel import Reel
from data.sources import source_of
from data.sources.base import FrameSource, RawFrame
from inference.report_page.pictures import encoded
from inference.results.native import LEAST_PX, NotShown, crop_of, draw_native, frame_of, path_of, picture_of, read_notes
from tests.support.fits_files import header
from tests.support.reels import make_reel

SIDE = 256
AT = 200, 40  # column and row of the flare, row 0 below


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A folder of FITS files, and a reel of them, shrunk four times."""
    folder = tmp_path_factory.mktemp("native")
    (folder / "raw").mkdir()
    counts = np.random.default_rng(0).poisson(200, (3, SIDE, SIDE)).astype(np.int16)
    counts[1, AT[1] - 2 : AT[1] + 3, AT[0] - 2 : AT[0] + 3] += 5000
    rows = []
    for i, image in enumerate(counts):
        path = folder / "raw" / f"frame_{i}.fits"
        fits.PrimaryHDU(image, header(12.0 * i)).writeto(path)
        reader = source_of(path, [])
        assert isinstance(reader, FrameSource)
        ((_, frame),) = reader.read(reader.scan(path, folder / "raw", PrepConfig()))
        assert isinstance(frame, RawFrame)
        rows.append((path.name, frame.sha256))
    small = counts.reshape(3, 1, SIDE // 4, 4, SIDE // 4, 4).mean(axis=(3, 5)) / 6000
    facts = {"origin": "lower", "source_shape": [SIDE, SIDE]}
    reel = make_reel(folder / "aia_171", small, meta=facts, clip_length=None)
    table = reel.candidates.assign(source=[r[0] for r in rows], sha256=[r[1] for r in rows])
    write_csv(reel.path / "frames.csv", table)
    return folder, Reel(reel.path)


def events_of(**changes):
    x, y = AT
    box = {"source_x0": x - 4, "source_y0": y - 4, "source_x1": x + 5, "source_y1": y + 5}
    return pd.DataFrame([{"event": 1, "frame_peak": 1, "peak_score": 9.0, "instrument": "", **box} | changes])


def test_the_picture_is_the_files_own_pixels_first_row_on_top(work, tmp_path):
    folder, reel = work
    notes = draw_native(tmp_path, events_of(), reel, str(folder / "raw"))
    assert read_notes(tmp_path) == notes
    x0, y0 = min(AT[0] - 32, SIDE - LEAST_PX), AT[1] - 32
    assert notes["1"].startswith(f"frame_1.fits, columns {x0} to {x0 + LEAST_PX - 1}, rows {y0} to {y0 + LEAST_PX - 1}")
    picture = cv2.imread(str(path_of(tmp_path, 1))).astype(int).sum(axis=-1)
    assert picture.shape == (LEAST_PX, LEAST_PX)
    rows, columns = np.nonzero(picture >= picture.max())
    assert (round(columns.mean()), LEAST_PX - 1 - round(rows.mean())) == (AT[0] - x0, AT[1] - y0)
    assert encoded(cv2.imread(str(path_of(tmp_path, 1)))).startswith("data:image")


def test_a_folder_may_be_relative(work, monkeypatch):
    folder, _ = work
    monkeypatch.chdir(folder)
    assert frame_of("frame_1.fits", "", Path("raw")).shape == (SIDE, SIDE)


def test_large_events_are_shrunk_and_the_cameras_have_none(work, tmp_path):
    folder, reel = work
    large = {"source_x0": 0, "source_y0": 0, "source_x1": SIDE, "source_y1": SIDE}
    picture, _ = picture_of(events_of(**large).to_dict("records")[0], reel, folder / "raw")
    assert picture.shape == (SIDE, SIDE, 3)
    assert draw_native(tmp_path, events_of(instrument="missing data"), reel, str(folder / "raw")) == {}
    assert not list((tmp_path / "native").iterdir())


def test_what_is_gone_changed_or_elsewhere_is_a_plain_note(work, tmp_path):
    folder, reel = work
    notes = draw_native(tmp_path, events_of(), reel, str(tmp_path))
    assert "frame_1.fits is not in" in notes["1"]
    assert "name the folder that prep was given" in notes["1"]
    with pytest.raises(NotShown, match="is not the file any more that prep read"):
        frame_of("frame_1.fits", "0" * 64, folder / "raw")
    for outside in ("../secret.fits", "/etc/passwd", "clip.mp4#3"):
        with pytest.raises(NotShown, match="only files of one frame"):
            frame_of(outside, "", folder / "raw")
    (tmp_path / "cut.fits").write_bytes((folder / "raw" / "frame_1.fits").read_bytes()[:4000])
    with pytest.raises(NotShown, match=r"cut.fits can't be read"):
        frame_of("cut.fits", "", tmp_path)
    no_place = events_of().drop(columns="source_x0")
    assert "does not know the place" in draw_native(tmp_path, no_place, reel, str(folder / "raw"))["1"]


def test_a_crop_lies_in_the_frame():
    assert crop_of([0, 0, 4, 4], (100, 50)) == (0, 0, 50, LEAST_PX)
    assert crop_of([90, 10, 100, 20], (200, 100)) == (36, 0, 100, 64)
    assert crop_of([10, 10, 110, 60], (400, 400)) == (0, 0, 200, 200)
