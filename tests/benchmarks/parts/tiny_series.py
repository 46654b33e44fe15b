"""A small set of the form that series_sets.py, series_tasks.py and weak.py read, made on the fly for --quick.

No entry point.
"""

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd

LENGTH, ETT_LENGTH = 500, 1500
FIRST, LAST = 380, 400  # of the anomalous samples
NAB_NAME = "realKnownCause/tiny.csv"
MULTI = {"MSL": "001_MSL_id_1_Sensor_tr_200_1st_380.csv", "SMAP": "002_SMAP_id_1_Sensor_tr_200_1st_380.csv"}
UNI = {
    "NAB": f"003_NAB_id_1_Facility_tr_75_1st_{FIRST}.csv",
    "MSL": f"004_MSL_id_9_Sensor_tr_200_1st_{FIRST}.csv",
    "SMAP": f"005_SMAP_id_9_Sensor_tr_200_1st_{FIRST}.csv",
    "UCR": f"006_UCR_id_999_Facility_tr_200_1st_{FIRST}.csv",
}
SOURCES = {"NAB": NAB_NAME, "MSL": "T-1", "SMAP": "P-1", "UCR": "tiny"}
MULTI_METHODS = ("KMeansAD", "PCA", "CNN", "AutoEncoder", "TimesNet")
UNI_METHODS = (
    "KMeansAD", "Sub-PCA", "MatrixProfile", "CNN", "AutoEncoder", "TimesNet", "Chronos", "TimesFM", "Lag-Llama",
    "MOMENT (ZS)", "KShapeAD",
)  # fmt: skip


def write_series(folder: Path) -> Path:
    """Everything that series.py and zero_shot.py read, the classification sets in `aeon`; returns the folder."""
    folder.mkdir(parents=True)
    _write_tables(folder / "tsb_ad")
    values, labels = _labelled(channels=3)
    spacecraft = {f"MSL/{SOURCES['MSL']}": 0, f"SMAP/{SOURCES['SMAP']}": 1}
    parts = {f"{name}/test": np.roll(values, i, axis=1) for name, i in spacecraft.items()}
    np.savez(folder / "smap_msl.npz", **parts, **{f"{name}/test_label": labels for name in spacecraft})
    tiny = SOURCES["UCR"]
    ucr = {f"{tiny}/x": values[:, 0], f"{tiny}/y": labels, f"{tiny}/split": np.array(200)}
    np.savez(folder / "ucr_anomaly_half.npz", **ucr)
    _write_nab(folder / "nab.zip", values[:, 0])
    _write_skab(folder / "skab.zip", values)
    _write_ett(folder / "ett.zip")
    _write_cases(folder / "aeon" / "GunPoint")
    return folder


def write_emg(folder: Path, length: int = 1500) -> Path:
    """emg.npz as weak.py reads it; returns the folder."""
    random, stored = np.random.default_rng(0), {}
    for part, records in (("train", 2), ("valid", 2), ("test", 1)):
        for i in range(records):
            labels = np.zeros(length, np.uint8)
            labels[650 + 40 * i : 750 + 40 * i] = 1
            noise = random.normal(0, 1, (length, 8)) * np.where(labels, 1.0, 0.1)[:, None]
            stored |= {f"{part}/{i}/x": noise.astype(np.float32), f"{part}/{i}/y": labels}
    folder.mkdir(parents=True)
    np.savez(folder / "emg.npz", **stored)
    return folder


def _labelled(channels: int) -> tuple[np.ndarray, np.ndarray]:
    """Values (T, C) of noisy periods, and labels (T,) of a stretch that is shifted."""
    t, random = np.arange(LENGTH)[:, None], np.random.default_rng(0)
    values = np.sin(2 * np.pi * t / (20 + 5 * np.arange(channels))) + random.normal(0, 0.1, (LENGTH, channels))
    labels = np.zeros(LENGTH, np.int8)
    labels[FIRST:LAST] = 1
    return values + 1.5 * labels[:, None], labels


def _write_tables(folder: Path) -> None:
    """The map of TSB-AD's series to raw ones, and its tables of official figures."""
    folder.mkdir()
    uni = [{"bench": "U", "file": file, "ds": ds, "source": SOURCES[ds]} for ds, file in UNI.items()]
    multi = [{"bench": "M", "file": file, "ds": ds, "source": SOURCES[ds]} for ds, file in MULTI.items()]
    listed = pd.DataFrame(uni + multi).assign(ts_len=LENGTH, n_hits=1)
    listed.to_csv(folder / "reconstruction_map.csv", index=False)
    for name, files, methods in (("multi", MULTI, MULTI_METHODS), ("uni", UNI, UNI_METHODS)):
        table = pd.DataFrame({"file": list(files.values())}).assign(**dict.fromkeys(methods, 0.1), ts_len=LENGTH)
        table["anomaly_len"] = LAST - FIRST
        is_nab = table["file"] == UNI["NAB"]  # series_sets.py gives it without its first sample
        table.loc[is_nab, "ts_len"] -= 1
        table.to_csv(folder / f"{name}_mergedTable_VUS-PR.csv", index=False)


def _csv_of(times: pd.DatetimeIndex, index: str, columns: dict, sep: str = ",") -> str:
    return pd.DataFrame({index: times, **columns}).to_csv(index=False, sep=sep)


def _write_nab(path: Path, values: np.ndarray) -> None:
    times = pd.date_range("2014-01-01", periods=LENGTH, freq="5min")
    window = [[str(times[FIRST]), str(times[LAST])]]
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("labels/combined_windows.json", json.dumps({NAB_NAME: window}))
        archive.writestr(f"data/{NAB_NAME}", _csv_of(times, "timestamp", {"value": values}))


def _write_skab(path: Path, values: np.ndarray) -> None:
    """One experiment, anomalous behind the 400 rows that are for training."""
    labels = (np.arange(LENGTH) >= 450).astype(float)
    columns = {f"sensor_{c}": values[:, c] + 2 * labels for c in range(values.shape[1])}
    times = pd.date_range("2020-03-09", periods=LENGTH, freq="s")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            "data/valve1/0.csv",
            _csv_of(times, "datetime", columns | {"anomaly": labels, "changepoint": 0.0 * labels}, sep=";"),
        )


def _write_ett(path: Path) -> None:
    t, random = np.arange(ETT_LENGTH), np.random.default_rng(1)
    times = pd.date_range("2016-07-01", periods=ETT_LENGTH, freq="h")
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("ETTh1", "ETTh2"):
            daily = {f"v{c}": np.sin(2 * np.pi * t / 24 + c) + random.normal(0, 0.2, len(t)) for c in range(7)}
            archive.writestr(f"{name}.csv", _csv_of(times, "date", daily))


def _write_cases(folder: Path) -> None:
    """Training and test cases of two classes, which differ in their period."""
    folder.mkdir(parents=True)
    random, t = np.random.default_rng(2), np.arange(40)
    for part, cases in (("TRAIN", 16), ("TEST", 6)):
        text = io.StringIO()
        text.write(f"@problemName {folder.name}\n@timeStamps false\n@univariate true\n@classLabel true 1 2\n@data\n")
        for i in range(cases):
            values = np.sin(2 * np.pi * t / (8 + 8 * (i % 2))) + random.normal(0, 0.1, len(t))
            text.write(",".join(f"{v:.4f}" for v in values) + f":{1 + i % 2}\n")
        (folder / f"{folder.name}_{part}.ts").write_text(text.getvalue(), encoding="utf-8")
