"""Whether planted anomalies rank the methods as labelled clips do."""

import json

import numpy as np
import pandas as pd
import pytest

from tests.benchmarks.parts import common  # noqa: F401  makes the benchmarks' modules known
from tests.benchmarks.planted import against, agreement

LABELLED = {"flow": 0.9, "difference": 0.7, "mutual": 0.6}


def test_a_kind_that_ranks_as_the_labels_do_is_told_from_one_that_does_not(tmp_path):
    (tmp_path / "ped2.json").write_text(json.dumps({f"raw_frame_auc_{n}": auc for n, auc in LABELLED.items()}))
    own = {"cart": [0.8, 0.6, 0.5, 0.9], "still": [0.4, 0.5, 0.6, 0.1], "macro": [0.7, 0.5, 0.6, 0.3]}
    table = pd.DataFrame(own | {"crowd": 0.5, "recall_default": 0.1}, index=[*LABELLED, "knn"])
    found = agreement(table, [tmp_path / "ped2.json"])  # that knows no knn
    assert found == pytest.approx(
        {"rank_correlation_cart": 1.0, "rank_correlation_still": -1.0, "rank_correlation": 0.5}
    )
    with pytest.raises(SystemExit, match="2 of the methods"):
        agreement(table.loc[["flow", "mutual"]], [tmp_path / "ped2.json"])


def test_a_score_that_follows_the_crowd_is_seen():
    sparse, crowded = np.arange(10.0), np.arange(10.0) + 20
    assert against(sparse, crowded) == 1.0
    assert against(sparse, sparse) == 0.5
