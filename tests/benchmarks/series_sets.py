"""The labelled series that series.py runs on, each as values, labels and the length of its training part.

From a folder as TSB-AD, telemanom, the UCR anomaly archive, NAB and SKAB give them:

    tsb_ad/reconstruction_map.csv   which series of TSB-AD are which of the raw ones beside it
    tsb_ad/{multi,uni}_mergedTable_VUS-PR.csv   official figures, one row a series
    smap_msl.npz  ucr_anomaly_half.npz  nab.zip  skab.zip
"""

import io
import json
import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

NAB_PROBATION = 0.15  # the first 15 %, of at most 5000 samples, are not scored there, and methods may learn from them
# The series of TSB-AD-M-Tuning.csv of these two sets; found by their length and first anomaly among the raw ones.
TUNING = {"MSL/T-12": 530, "MSL/P-10": 1525, "SMAP/G-3": 1976, "SMAP/E-12": 2128}


@dataclass(frozen=True)
class Case:
    """A series (T, C) with labels (T,), of which the first n_train samples may be trained on; official: its row."""

    set: str
    name: str
    values: np.ndarray
    labels: np.ndarray
    n_train: int
    official: dict[str, float]


def telemetry(data: Path, spacecraft: str) -> Iterator[Case]:
    """The series of TSB-AD-M that are telemanom test series of MSL or SMAP."""
    listed = pd.read_csv(data / "tsb_ad" / "reconstruction_map.csv")
    listed = listed[(listed["bench"] == "M") & (listed["ds"] == spacecraft) & (listed["n_hits"] == 1)]
    official = pd.read_csv(data / "tsb_ad" / "multi_mergedTable_VUS-PR.csv").set_index("file")
    with np.load(data / "smap_msl.npz", allow_pickle=False) as stored:
        for row in listed.itertuples():
            n_train = int(re.search(r"_tr_(\d+)_", row.file).group(1))
            figures = official.loc[row.file].to_dict()
            yield _telemetry_case(stored, spacecraft, row.source, n_train, figures)


def tuning(data: Path) -> Iterator[Case]:
    """The series that settings may be chosen on."""
    with np.load(data / "smap_msl.npz", allow_pickle=False) as stored:
        for name, n_train in TUNING.items():
            spacecraft, source = name.split("/")
            yield _telemetry_case(stored, spacecraft, source, n_train, {})


def _telemetry_case(stored, spacecraft: str, source: str, n_train: int, figures: dict) -> Case:
    values, labels = (stored[f"{spacecraft}/{source}/{part}"].astype(np.float64) for part in ("test", "test_label"))
    return Case(spacecraft.lower(), source, values, labels, n_train, figures)


def ucr(data: Path) -> Iterator[Case]:
    """The series of the UCR anomaly archive, each with one anomaly behind its training part; two have no label."""
    official = univariate(data, "UCR")
    with np.load(data / "ucr_anomaly_half.npz", allow_pickle=False) as stored:
        for name in sorted({key.split("/")[0] for key in stored}):
            values, labels = stored[f"{name}/x"].astype(np.float64), stored[f"{name}/y"].astype(np.float64)
            if not labels.any():
                print(f"ucr {name}: left out, no sample is labelled")
                continue
            n_train, figures = int(stored[f"{name}/split"]), official.get(name, {})
            yield Case("ucr", name, values.reshape(len(values), -1), labels, n_train, figures)


def univariate(data: Path, name: str) -> dict[str, dict[str, float]]:
    """Official figures of the series of a set that are one of TSB-AD-U, and of no other."""
    listed = pd.read_csv(data / "tsb_ad" / "reconstruction_map.csv")
    listed = listed[(listed["ds"] == name) & (listed["n_hits"] == 1)].set_index("source")["file"]
    figures = pd.read_csv(data / "tsb_ad" / "uni_mergedTable_VUS-PR.csv").set_index("file")
    return {source: figures.loc[file].to_dict() for source, file in listed.items()}


def nab(data: Path) -> Iterator[Case]:
    """The files of NAB that have an anomaly window; labels are its windows."""
    official = univariate(data, "NAB")
    with zipfile.ZipFile(data / "nab.zip") as archive:
        names = archive.namelist()
        windows = json.loads(archive.read(next(n for n in names if n.endswith("combined_windows.json"))))
        for name, intervals in sorted(windows.items()):
            found = [n for n in names if n.endswith(name)]
            if not found or not intervals:
                continue
            table = pd.read_csv(io.BytesIO(archive.read(found[0])), parse_dates=["timestamp"])
            labels = np.zeros(len(table))
            for first, last in intervals:
                labels[table["timestamp"].between(pd.Timestamp(first), pd.Timestamp(last)).to_numpy()] = 1
            n_train = int(NAB_PROBATION * min(len(table), 5000))
            yield Case("nab", name, table[["value"]].to_numpy(np.float64), labels, n_train, official.get(name, {}))


def skab(data: Path) -> Iterator[Case]:
    """The 34 experiments of SKAB with anomalies; the first 400 rows of each are for training."""
    with zipfile.ZipFile(data / "skab.zip") as archive:
        for name in sorted(n for n in archive.namelist() if n.endswith(".csv") and "anomaly-free" not in n):
            table = pd.read_csv(io.BytesIO(archive.read(name)), sep=";")
            values = table.drop(columns=["datetime", "anomaly", "changepoint"]).to_numpy(np.float64)
            yield Case("skab", name.removeprefix("data/"), values, table["anomaly"].to_numpy(np.float64), 400, {})


SETS: dict[str, Callable[[Path], Iterator[Case]]] = {
    "tuning": tuning,
    "msl": lambda data: telemetry(data, "MSL"),
    "smap": lambda data: telemetry(data, "SMAP"),
    "ucr": ucr,
    "nab": nab,
    "skab": skab,
}
