"""Folders of matrices as text: pictures of thermal cameras, and what are series all the same."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config import PrepConfig
from data import sources
from data.sources.base import RawFrame
from tests.support import frames


def scene(number: int, height: int = 18, width: int = 24) -> np.ndarray:
    rows, columns = np.mgrid[:height, :width]
    return 20 + 5 * np.sin(rows / 4 + number) + 3 * np.cos(columns / 5)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
@given(
    st.integers(16, 30), st.integers(16, 30), st.sampled_from([";", ",", "\t", " "]), st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(["", "sign"]), st.booleans(), st.sampled_from([".csv", ".txt", ".asc"]), st.booleans(),
    st.sampled_from(["", "Datei{0}C:\\x.seq\nParameter:\nEmissivität:{0}0,95\n\n", "# 2024-03-05\nRefl. Temp. [°C]\n"]),
)  # fmt: skip
def test_each_matrix_is_a_frame(
    tmp_path_factory, height, width, sign, end, at_end, has_comma, suffix, is_indented, above
):
    """FLIR's have lines about the camera above them, and an empty cell before each row: each was a series."""
    folder = tmp_path_factory.mktemp("text")
    for i in range(4):
        cells = [[f"{value:.2f}" for value in row] for row in scene(i, height, width)]
        begin = sign if is_indented and sign != " " else ""
        text = "".join(begin + sign.join(row) + (sign if at_end and sign != " " else "") + end for row in cells)
        text = text.replace(".", ",") if has_comma and sign != "," else text
        (folder / f"Record_{i:03d}{suffix}").write_text(
            above.format(sign).replace("\n", end) + text, encoding="utf-8", newline=""
        )
    candidates = frames.scan(folder, PrepConfig())
    assert [(c.shape, c.reason) for c in candidates] == [((height, width), "")] * 4
    for (_, raw), i in zip(frames.read(candidates), range(4), strict=True):
        assert isinstance(raw, RawFrame)
        np.testing.assert_allclose(raw.pixels, scene(i, height, width), atol=0.0051)


@pytest.mark.parametrize(
    "text",
    [
        "\n".join(",".join(f"{v:.3f}" for v in row) for row in scene(0) * 10.0 ** np.arange(24)),  # other units
        ",".join(f"v{i}" for i in range(24)) + "\n" + "\n".join(",".join(map(str, row)) for row in scene(0)),
        "\n".join(",".join(map(str, row)) for row in scene(0, 200, 24)),  # long and thin
        "\n".join(",".join(map(str, row)) for row in scene(0, 40, 8)),
    ],
)
def test_what_are_series_stay_series(tmp_path, text):
    for i in range(4):
        (tmp_path / f"run{i}.csv").write_text(text)
    found = sources.discover(tmp_path)
    assert (len(found.frames), len(found.series)) == (0, 4)


def test_one_by_itself_and_a_broken_one(tmp_path):
    np.savetxt(tmp_path / "a0.csv", scene(0), delimiter=",")
    assert len(sources.discover(tmp_path).series) == 1
    for i in range(4):
        np.savetxt(tmp_path / f"a{i}.csv", scene(i), delimiter=",")
    (tmp_path / "a3.csv").write_text("1,2,3\n4,5\n")
    assert [bool(c.reason) for c in frames.scan(tmp_path, PrepConfig())] == [False, False, False, True]
