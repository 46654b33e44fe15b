"""What several test modules of training learn from."""

from pathlib import Path

import pytest

from tests.support.trainings import small_reel


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    small_reel(folder / "sun")
    return folder
