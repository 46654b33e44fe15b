"""The labelled series that series.py and zero_shot.py run on: values, labels and the length of the training part.

No entry point.

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
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

NAB_PROBATION = 0.15  # the first 15 %, of at most 5000 samples, are not scored there, and methods may learn from them
# The series of TSB-AD-M-Tuning.csv of these two sets; found by their length and first anomaly among the raw ones.
TUNING = {"MSL/T-12": 530, "MSL/P-10": 1525, "SMAP/G-3": 1976, "SMAP/E-12": 2128}

# TSB-AD-U took the first column of a spacecraft's series but for these two, and some of its UCR series have twins of
# the same length and labels. Both were found by the official VUS-PR of its spectral residual (SR), which has no seed:
# for the right one it agrees to 1e-15 (three to 3e-6), for others it is off by 5e-5 to 0.4. For 140_MSL_id_1, where
# rounding decides, those of IForest and LOF, which see but two values, agree to 1e-15.
COLUMNS = {"140_MSL_id_1": 54, "144_MSL_id_5": 13}
TWINS = {
    "311_UCR_id_9": "gaitHunt3",
    "315_UCR_id_13": "gaitHunt1",
    "326_UCR_id_24": "InternalBleeding16",
    "332_UCR_id_30": "ltstdbs30791ES",
    "339_UCR_id_37": "BIDMC1",
    "346_UCR_id_44": "DISTORTEDLab2Cmac011215EPG5",
    "361_UCR_id_59": "GP711MarkerLFM5z2",
    "369_UCR_id_67": "DISTORTEDBIDMC1",
    "373_UCR_id_71": "DISTORTEDTkeepForthMARS",
    "387_UCR_id_85": "CIMIS44AirTemperature4",
    "391_UCR_id_89": "DISTORTEDInternalBleeding20",
    "396_UCR_id_94": "DISTORTEDInternalBleeding14",
    "405_UCR_id_103": "TkeepForthMARS",
    "415_UCR_id_113": "DISTORTEDGP711MarkerLFM5z5",
    "417_UCR_id_115": "NOISEBIDMC1",
    "437_UCR_id_135": "DISTORTEDinsectEPG2",
    "449_UCR_id_147": "DISTORTEDTkeepSecondMARS",
    "493_UCR_id_191": "TkeepSecondMARS",
    "499_UCR_id_197": "CIMIS44AirTemperature2",
    "500_UCR_id_198": "PowerDemand2",
    "504_UCR_id_202": "DISTORTEDCIMIS44AirTemperature4",
    "506_UCR_id_204": "NOISECIMIS44AirTemperature4",
    "517_UCR_id_215": "PowerDemand4",
    "530_UCR_id_228": "gait1",
}


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


def tsb_evaluation(data: Path) -> Iterator[Case]:
    """The evaluation series of TSB-AD-U that are known to be one of the raw ones here, exactly as TSB-AD has them.

    "mapped" in `official`: 1 for those that length and first anomaly identify, 0 for those of TWINS. Raises ValueError
    where length, first anomaly or number of anomalous samples are not those of TSB-AD.
    """
    files = pd.read_csv(data / "tsb_ad" / "reconstruction_map.csv")
    files = files[(files["bench"] == "U") & (files["n_hits"] > 0)].set_index("file")
    official = pd.read_csv(data / "tsb_ad" / "uni_mergedTable_VUS-PR.csv").set_index("file")
    raw = {("UCR", c.name): c for c in ucr(data)} | {("NAB", c.name): _tsb_nab(c) for c in nab(data)}
    with np.load(data / "smap_msl.npz", allow_pickle=False) as stored:
        for file, ds, hits, source in files[["ds", "n_hits", "source"]].itertuples():
            source = source if hits == 1 else TWINS.get(_id(file))
            if ds in ("MSL", "SMAP"):
                raw[ds, source] = _tsb_telemetry(stored, ds, source, COLUMNS.get(_id(file), 0))
            if (ds, source) in raw:
                yield _checked(raw[ds, source], file, official.loc[file].to_dict() | {"mapped": float(hits == 1)})


def _id(file: str) -> str:
    return re.match(r"\d+_[A-Z]+_id_\d+", file).group()


def _tsb_nab(case: Case) -> Case:
    """As TSB-AD has it: without the first sample, and an anomaly begins behind the first sample of its window."""
    before = np.concatenate([[0], case.labels[:-1]])
    return replace(case, values=case.values[1:], labels=(case.labels * before)[1:])


def _tsb_telemetry(stored, spacecraft: str, source: str, column: int) -> Case:
    case = _telemetry_case(stored, spacecraft, source, 0, {})
    return replace(case, values=case.values[:, [column]])


def _checked(case: Case, file: str, official: dict[str, float]) -> Case:
    n_train, first = map(int, re.search(r"_tr_(\d+)_1st_(\d+)", file).groups())
    asked = [int(official["ts_len"]), first, int(official["anomaly_len"])]
    found = [len(case.values), int(case.labels.argmax()), int(case.labels.sum())]
    if asked != found:
        raise ValueError(f"{file}: [length, first anomaly, anomalous samples] {found} of {case.name} are not {asked}")
    return replace(case, name=f"{_id(file)} {case.name}", n_train=n_train, official=official)


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
    "mapped": tsb_evaluation,
}
