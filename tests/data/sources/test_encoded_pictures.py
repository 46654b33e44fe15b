"""Pictures that HDF5 holds as the bytes of their files."""

import io

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from config import PrepConfig
from data import sources
from data.sources.base import FrameError
from data.sources.picture_file.deep import LUMA
from tests.support import frames


def picture(number: int, in_colour: bool, sides=(24, 32)) -> np.ndarray:
    seed = np.random.default_rng(number).integers(0, 255, (4, 4, 3) if in_colour else (4, 4), np.uint8)
    return np.kron(
        seed, np.ones((sides[0] // 4, sides[1] // 4, 1) if in_colour else (sides[0] // 4, sides[1] // 4), np.uint8)
    )


def encoded(pixels: np.ndarray, kind: str) -> np.ndarray:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind)
    return np.frombuffer(stream.getvalue(), np.uint8)


def write(path, rows, form: str, **beside) -> None:
    """Rows of bytes: each as long as it is, filled up with zeros (ALOHA's), or an array for each picture."""
    with h5py.File(path, "w") as file:
        if form == "each":
            for number, row in enumerate(rows):
                file[f"images/{number}.jpg"] = row
        elif form == "filled":
            filled = [np.pad(row, (0, max(map(len, rows)) - len(row))) for row in rows]
            file["observations/images/top"] = np.array(filled)
        else:
            data = file.create_dataset("video0/video", (len(rows),), h5py.vlen_dtype(np.dtype(form)))
            for number, row in enumerate(rows):
                data[number] = row.view(form)
            file["video0/instances"] = np.zeros(3, [("frame", "i4"), ("score", "f4")])
        for name, values in beside.items():
            file[name] = values


def read_all(folder):
    return list(frames.read(frames.scan(folder, PrepConfig())))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(
    st.integers(3, 14),
    st.booleans(),
    st.sampled_from(["PNG", "JPEG"]),
    st.sampled_from(["int8", "uint8", "filled", "each"]),
    st.booleans(),
)
def test_frames_are_those_of_the_pictures(tmp_path_factory, count, in_colour, kind, form, is_timed):
    """They were a series of bytes, or of what stands beside them."""
    folder = tmp_path_factory.mktemp("in")
    shown = [picture(number, in_colour) for number in range(count)]
    beside = {"timestamps": 1342683000 + np.arange(count)} if is_timed else {}
    write(folder / "a.h5", [encoded(pixels, kind) for pixels in shown], form, **beside)
    found = read_all(folder)
    assert len(found) == count
    for number, (candidate, raw) in enumerate(found):
        gray = shown[number] @ LUMA if in_colour else shown[number]
        assert np.abs(raw.pixels.astype(float) - gray).mean() < (1 if kind == "PNG" else 8)
        assert candidate.time_utc == (f"{np.datetime64(1342683000 + number, 's')}.000" if is_timed else "")


@pytest.mark.parametrize("fault", ["cut", "of another size"])
def test_a_damaged_picture_costs_its_own_frame(tmp_path, fault):
    rows = [encoded(picture(number, False), "PNG") for number in range(5)]
    rows[2] = rows[2][:40] if fault == "cut" else encoded(picture(2, False, (32, 32)), "PNG")
    write(tmp_path / "a.h5", rows, "uint8")
    found = [raw for _, raw in read_all(tmp_path)]
    assert [isinstance(raw, FrameError) for raw in found] == [number == 2 for number in range(5)]


@pytest.mark.parametrize("form", ["each", "uint8"])
def test_bytes_that_are_no_pictures_stay_a_series(tmp_path, form):
    rows = [np.random.default_rng(number).integers(0, 255, 300, np.uint8) for number in range(4)]
    write(tmp_path / "a.h5", rows, form, value=np.arange(40.0))
    found = sources.discover(tmp_path)
    assert not found.frames
    assert [item.path.name for item in found.series] == ["a.h5"]
