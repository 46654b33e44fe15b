"""Frames in .npz files: which arrays they are, when they were taken, and which files stay series."""

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config import PrepConfig
from data import sources
from data.sources.base import FrameError, RawFrame
from tests.support import frames

STACK = np.random.default_rng(3).integers(1, 200, (4, 16, 24), np.uint8)
UNIX_S = 1342683000
DATES = np.datetime64(UNIX_S, "s") + np.arange(4) * np.timedelta64(10, "s")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(
    st.integers(3, 8),
    st.integers(16, 24),
    st.integers(16, 24),
    st.sampled_from(["u1", "<u2", ">u2", "<i4", ">f4", "<f8"]),
    st.sampled_from(["whole", "turned", "each"]),
    st.booleans(),
)
def test_frames_are_those_of_the_arrays(tmp_path, count, height, width, dtype, form, is_packed):
    stack = np.random.default_rng(count).integers(0, 250, (count, height, width)).astype(dtype)
    each = {f"frame_{number}": page for number, page in enumerate(stack)}
    arrays = {"whole": {"x": stack}, "turned": {"x": np.asfortranarray(stack)}, "each": each}[form]
    (np.savez_compressed if is_packed else np.savez)(tmp_path / "a.npz", **arrays, mask=np.zeros((height, width)))
    candidates = frames.scan(tmp_path, PrepConfig(frames_per_second=2.0))
    assert [c.time_s for c in candidates] == [i / 2 for i in range(count)]
    wanted = candidates[1:]
    found = frames.read(wanted[::-1])
    assert sorted(c.position for c, _ in found) == list(range(1, count))
    for candidate, raw in found:
        assert isinstance(raw, RawFrame)
        assert raw.pixels.dtype.isnative
        np.testing.assert_array_equal(raw.pixels, stack[candidate.position])


@pytest.mark.parametrize(
    ("beside", "expected"),
    [
        ({"times": DATES}, "utc"),
        ({"timestamps": UNIX_S + 10 * np.arange(4)}, "utc"),
        ({"stamped": DATES}, "utc"),
        ({"frame_times": DATES.astype(str)}, "utc"),
        ({"t": 10.0 * np.arange(4)}, "seconds"),
        ({"fps": np.array(0.1)}, "seconds"),
        ({"dt": np.array([10])}, "seconds"),
        ({"exposure": np.ones(4), "label": np.zeros(4)}, "counted"),
    ],
)
def test_times_are_those_of_the_file(tmp_path, beside, expected):
    np.savez(tmp_path / "a.npz", images=STACK, **beside)
    found = frames.scan(tmp_path, PrepConfig())
    assert not any(c.reason for c in found)
    if expected == "utc":
        assert [c.time_utc for c in found] == [f"{date}.000" for date in DATES.astype(str)]
    else:
        assert [c.time_s for c in found] == [i * (10.0 if expected == "seconds" else 1.0) for i in range(4)]


@pytest.mark.parametrize("suffix", ["npz", "npy"])
@pytest.mark.parametrize("colour", ["rgb", "gray"])
def test_colours_may_be_in_the_second_axis(tmp_path, colour, suffix):
    coloured = np.random.default_rng(1).integers(0, 256, (3, 3, 16, 24)).astype(np.uint8)
    np.savez(tmp_path / "a.npz", x=coloured) if suffix == "npz" else np.save(tmp_path / "a.npy", coloured)
    found = frames.scan(tmp_path, PrepConfig(colour=colour))
    assert [c.shape for c in found] == [(16, 24)] * 3
    for candidate, raw in frames.read(found):
        own = np.moveaxis(coloured[candidate.position], 0, -1)
        assert isinstance(raw, RawFrame)
        np.testing.assert_allclose(raw.pixels, own if colour == "rgb" else own @ [0.299, 0.587, 0.114], atol=1)


def test_each_array_of_frames_is_a_reel_but_for_what_is_about_another(tmp_path, caplog):
    np.savez(tmp_path / "a.npz", left=STACK, right=STACK + 1, error=STACK)
    assert {c.reel for c in frames.scan(tmp_path, PrepConfig())} == {"a_left", "a_right"}
    assert "left out, as by its name about other frames: error" in caplog.text


def test_an_array_called_as_a_mask_that_holds_more_frames_is_about_no_other(tmp_path):
    np.savez(tmp_path / "a.npz", mask=STACK, full_data=STACK[:2])  # Tierpsy's, masked where no worm is
    assert {c.reel for c in frames.scan(tmp_path, PrepConfig())} == {"a_mask", "a_full_data"}


@pytest.mark.parametrize(
    "arrays",
    [
        {"x": np.zeros((50, 3)), "y": np.zeros(50)},
        {"windows": np.zeros((50, 128, 9)), "y": np.zeros(50)},
        {"frames": STACK, "sensors": np.zeros((50, 30))},
        {"run_1": np.zeros((500, 20)), "run_2": np.zeros((500, 20)), "run_3": np.zeros((500, 20))},
        {"trial_1": np.zeros((64, 64)), "trial_2": np.zeros((64, 64)), "trial_3": np.zeros((64, 64))},
        {"a": np.zeros((20, 20)), "b": np.zeros((20, 20)), "c": np.zeros((20, 20))},
    ],
)
def test_files_of_series_stay_such(tmp_path, arrays):
    np.savez(tmp_path / "a.npz", **arrays)
    assert [item.source.name for item in sources.discover(tmp_path).series] == ["array"]


def test_a_damaged_array_is_a_reason_and_a_damaged_frame_costs_itself(tmp_path):
    stack = np.random.default_rng(4).integers(0, 200, (4, 80, 96), np.uint8)
    np.savez(tmp_path / "one.npz", x=stack)
    np.savez(tmp_path / "each.npz", **{f"img{n}": page for n, page in enumerate(stack)})
    for path in tmp_path.iterdir():
        content = bytearray(path.read_bytes())
        content[content.index(stack[2].tobytes()) + 5000] ^= 8
        path.write_bytes(content)
    by_file: dict[str, list] = {}
    for candidate in frames.scan(tmp_path, PrepConfig()):
        by_file.setdefault(candidate.path, []).append(candidate)
    one, each = (frames.read(by_file[str(tmp_path / name)]) for name in ("one.npz", "each.npz"))
    assert all(isinstance(raw, FrameError) for _, raw in one)
    assert [c.position for c, raw in each if isinstance(raw, FrameError)] == [2]


@pytest.mark.parametrize("turn", [np.ascontiguousarray, np.asfortranarray])
def test_what_has_to_be_held_whole_keeps_to_the_limit(tmp_path, turn):
    """Frames in Fortran's order lie through each other, so that all of an array is in memory for one of them."""
    np.savez(tmp_path / "a.npz", images=turn(np.zeros((40, 64, 128), np.float64)))
    reasons = {c.reason for c in frames.scan(tmp_path, PrepConfig(max_input_mb=1))}
    if turn is np.ascontiguousarray:
        assert reasons == {""}
    else:
        assert len(reasons) == 1
        assert "prep.max_input_mb 1 MB" in reasons.pop()


@given(st.lists(st.booleans(), min_size=3, max_size=12), st.sampled_from(["label", "y", "Labels", "frame_label"]))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
def test_labels_beside_frames_are_theirs(tmp_path, labels, name):
    """They were about frames, and left out without a word."""
    frames = np.zeros((len(labels), 16, 20), np.uint8)
    np.savez(tmp_path / "a.npz", **{"clip": frames, name: np.array(labels, int)})
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["clip"], file[name] = frames, np.array(labels, np.uint8)
    for path in (tmp_path / "a.npz", tmp_path / "b.h5"):
        (item,) = sources.discover(path).frames
        assert [c.label for c in sources.scan(item, tmp_path, PrepConfig())] == labels


@pytest.mark.parametrize(
    ("cells", "told", "expected"),
    [
        ([0, 1, 2, 3], {}, None),
        ([0, 1, 2, 0], {"label_column": "labels"}, [0, 1, 1, 0]),
        ([3, 3, 7, 3], {"label_column": "labels", "label_normal": ["3"]}, [0, 0, 1, 0]),
        (["normal", "fall", "normal", "normal"], {}, [0, 1, 0, 0]),
        ([-1, 1, 1, 1], {}, None),
        ([0, 1, 1, 1], {"label_column": "other"}, None),
    ],
)
def test_classes_are_labels_where_the_settings_say_so(tmp_path, cells, told, expected, caplog):
    np.savez(tmp_path / "a.npz", clip=np.zeros((4, 16, 20), np.uint8), labels=np.array(cells))
    (item,) = sources.discover(tmp_path / "a.npz").frames
    with caplog.at_level("INFO"):
        found = [c.label for c in sources.scan(item, tmp_path, PrepConfig(**told))]
    assert found == expected if expected else np.isnan(found).all()
    assert ("prep.label_normal" in caplog.text) == (expected is None and not told)


def test_labels_are_of_the_frames_in_their_folder(tmp_path):
    own = {"a": [0, 1, 1, 0], "b": [1, 1, 0, 0]}
    arrays = {f"{cam}/clip": np.zeros((4, 16, 20), np.uint8) for cam in own}
    np.savez(tmp_path / "a.npz", **arrays, **{f"{cam}/label": np.array(labels) for cam, labels in own.items()})
    with h5py.File(tmp_path / "b.h5", "w") as file:
        for cam, labels in own.items():
            file[f"{cam}/clip"], file[f"{cam}/label"] = arrays[f"{cam}/clip"], labels
    for path in (tmp_path / "a.npz", tmp_path / "b.h5"):
        (item,) = sources.discover(path).frames
        assert [c.label for c in sources.scan(item, tmp_path, PrepConfig())] == own["a"] + own["b"]
