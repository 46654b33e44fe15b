"""Quiet stretches of real series: what a year of water, a healthy rotor, spacecraft and machines give.

No entry point. Labels only choose the stretch. Series without a known cadence (the UCR archive) are taken as a sample
a minute, and gaps of a few samples are closed: each is an array of evenly spaced samples.
"""

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from parts.promises.sets import QuietSet, write_series

RECIPE = "demo/series.yaml"
SMAP, MSL = ("E-1", "P-3", "T-1"), ("P-10", "P-15", "F-8")
UCR = ("CIMIS44AirTemperature2", "PowerDemand2", "apneaecg", "gait1")
# The files of NAB whose first anomaly comes late, one of each kind, and their steps in seconds.
NAB = {
    "realKnownCause/cpu_utilization_asg_misconfiguration.csv": 300.0,
    "realKnownCause/nyc_taxi.csv": 1800.0,
    "realTweets/Twitter_volume_IBM.csv": 300.0,
    "realAWSCloudwatch/ec2_cpu_utilization_24ae8d.csv": 300.0,
    "artificialNoAnomaly/art_daily_small_noise.csv": 300.0,
}
LEAKING = r"attribute|Anomaly|-mode|Mode|Time|Freq"  # columns of the rotor that tell the truth, or the time


def quiet_series() -> list[QuietSet]:
    """All of them."""
    found = [
        _set("gecco_water", "series/gecco_water_2018_train", 60.0, _gecco),
        _set("rotor_healthy", "series/rosa_rotor_dev", 1 / 62, _rotor),
        _set("skab_free", "series/skab.zip", 1.0, _skab),
        _set("ett_h1", "series/ett.zip", 3600.0, lambda path: _ett(path, "ETTh1.csv")),
        _set("ett_h2", "series/ett.zip", 3600.0, lambda path: _ett(path, "ETTh2.csv")),
        _set("goes_quiet", "series/xrs_goes15", 2.048, _goes),
    ]
    for craft, names in (("SMAP", SMAP), ("MSL", MSL)):
        found += [_set(f"{craft.lower()}_{n}", "series/smap_msl.npz", 60.0, _telemetry(f"{craft}/{n}")) for n in names]
    found += [_set(f"ucr_{name}", "series/ucr_anomaly_half.npz", 60.0, _ucr(name)) for name in UCR]
    return found + [_set(f"nab_{Path(name).stem}", "series/nab.zip", step, _nab(name)) for name, step in NAB.items()]


def _set(name: str, needs: str, cadence_s: float, values: Callable[[Path], np.ndarray]) -> QuietSet:
    def write(data: Path, folder: Path) -> None:
        write_series(folder, values(data / needs))

    return QuietSet(name, "series", RECIPE, needs, write, {"prep.sample_interval_sec": cadence_s})


def _gecco(path: Path) -> np.ndarray:
    """The longest stretch without an event, two hours away from both."""
    table = pd.read_csv(path / "data" / "geccoIC2018Train.csv.gz")
    is_event = pd.read_csv(path / "labels" / "event_per_minute.csv.gz")["EVENT"].astype(bool).to_numpy()
    edges = np.concatenate([[-1], np.flatnonzero(is_event), [len(table)]])
    longest = int(np.argmax(np.diff(edges)))
    return table.drop(columns="Time").to_numpy(np.float64)[edges[longest] + 121 : edges[longest + 1] - 120]


def _rotor(path: Path) -> np.ndarray:
    table = pd.read_csv(path / "data" / "Healthy_Mode__merged_data105.csv")
    table = table.loc[:, ~table.columns.str.contains(LEAKING)]
    return table.apply(pd.to_numeric, errors="coerce").to_numpy(np.float64)


def _skab(path: Path) -> np.ndarray:
    with zipfile.ZipFile(path) as archive:
        table = pd.read_csv(archive.open("data/anomaly-free/anomaly-free.csv"), sep=";")
    return table.drop(columns="datetime").to_numpy(np.float64)


def _ett(path: Path, name: str) -> np.ndarray:
    with zipfile.ZipFile(path) as archive:
        return pd.read_csv(archive.open(name)).drop(columns="date").to_numpy(np.float64)


def _goes(path: Path) -> np.ndarray:
    """The second half of 2011-06-07, long after the day's only flare of class M."""
    table = pd.read_csv(path / "csv" / "goes15_xrs_20110607.csv.gz")
    return table[table["time_utc"] >= "2011-06-07T12:00"].drop(columns="time_utc").to_numpy(np.float64)


def _telemetry(name: str) -> Callable[[Path], np.ndarray]:
    def values(path: Path) -> np.ndarray:
        with np.load(path, allow_pickle=False) as stored:
            return stored[f"{name}/train"].astype(np.float64)

    return values


def _ucr(name: str) -> Callable[[Path], np.ndarray]:
    def values(path: Path) -> np.ndarray:
        with np.load(path, allow_pickle=False) as stored:
            return stored[f"{name}/x"][: int(stored[f"{name}/split"])].astype(np.float64).reshape(-1, 1)

    return values


def _nab(name: str) -> Callable[[Path], np.ndarray]:
    def values(path: Path) -> np.ndarray:
        with zipfile.ZipFile(path) as archive:
            inside = {Path(n).name: n for n in archive.namelist()}
            windows = json.loads(archive.read(inside["combined_windows.json"]))[name]
            table = pd.read_csv(io.BytesIO(archive.read(inside[Path(name).name])), parse_dates=["timestamp"])
        first = min((pd.Timestamp(begin) for begin, _ in windows), default=pd.Timestamp.max)
        return table.loc[table["timestamp"] < first, ["value"]].to_numpy(np.float64)

    return values
