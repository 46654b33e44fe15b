"""Quiet series that never vary, or of which a variable does not: any change is an event, and nothing else is."""

import numpy as np
import pandas as pd
import pytest

from inference.evaluate import evaluate
from inference.fit import fit
from tests.support.reels import make_reel
from tests.support.series_signals import signals
from tests.support.trainings import small_config

QUIET, WATCHED, LENGTH = 600, 500, 16
AT = slice(200, 260)


def events_of(folder, name: str, quiet: np.ndarray, watched: np.ndarray) -> list[tuple[int, int]]:
    """First and last sample of each event in a watched table (n, C), by a method that a quiet one trained."""
    for part, values in (("quiet", quiet), ("watched", watched)):
        make_reel(folder / part / "it", values[:, :, None, None].astype(np.float32), clip_length=LENGTH, cadence_s=60.0)
    asked = {"model__name": name, "eval__link_gap_frames": 16, "eval__movie": False}
    run = fit(small_config(folder / "quiet", folder / "run", **asked))
    (out,) = evaluate(small_config(folder / "watched", run, **asked))
    table = pd.read_csv(out / "events.csv")
    return list(zip(table["frame_start"], table["frame_end"], strict=True))


@pytest.mark.parametrize("name", ["sub_pca", "patches", "difference"])
@pytest.mark.parametrize("change", [0.005, 3.0, -1e4])
def test_a_table_that_never_varies_trains_and_its_change_is_the_one_event(tmp_path, name, change):
    watched = np.full((WATCHED, 1), 0.5)
    watched[AT] += change
    ((first, last),) = events_of(tmp_path, name, np.full((QUIET, 1), 0.5), watched)
    assert AT.start - 2 * LENGTH <= first <= AT.start
    assert AT.stop - 1 <= last < AT.stop + 2 * LENGTH


@pytest.mark.parametrize("name", ["sub_pca", "difference"])
def test_a_variable_that_never_varied_is_seen_among_others_that_do(tmp_path, name):
    quiet, watched = signals(QUIET, 3), signals(WATCHED, 3, seed=1)
    quiet[:, 1] = watched[:, 1] = 0.5
    watched[AT, 1] += 0.02  # less than the noise of the others
    found = events_of(tmp_path, name, quiet, watched)
    assert any(first <= AT.start + 2 and last >= AT.stop - 2 for first, last in found)
