"""The VSO's answers recorded by hand, and a config that asks for them."""

from collections import defaultdict
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
from astropy.time import Time
from sunpy.net.vso import VSOClient
from zeep import xsd

from config import Config, PrepConfig, VsoConfig
from data.sources.times.utc import iso_ms

START = np.datetime64("2012-07-19T07:30:01", "ms")  # of tests.fits_files
MS = np.timedelta64(1, "ms")


def soap(**fields):
    """A value as zeep, the SOAP library of sunpy, makes it from an answer."""
    elements = [xsd.Element(name, xsd.AnyType()) for name in fields]
    value = xsd.ComplexType(xsd.Sequence(elements))()
    for name, field in fields.items():
        value[name] = field
    return value


def record(seconds, wavelength=171, number=None):
    """A record of AIA level 1 with the fields of the VSO's data model, taken `seconds` after START."""
    moment = START + np.timedelta64(round(1000 * seconds), "ms")
    span = (moment, moment + np.timedelta64(1, "s"))
    stamp = [str(m.astype("datetime64[s]")).translate(str.maketrans("", "", "-:T")) for m in span]
    return soap(
        provider="JSOC",
        source="SDO",
        instrument="AIA",
        physobs="intensity",
        time=soap(start=stamp[0], end=stamp[1]),
        extent=soap(x="0.0", y="0.0", width="4096.0", length="4096.0", type="FULLDISK"),
        wave=soap(wavemin=str(wavelength), wavemax=str(wavelength), waveunit="Angstrom", wavetype="NARROW"),
        info="AIA level 1, 4096x4096 [2.000 exposure] [100.00 percentd]",
        fileid=f"aia__lev1:{wavelength}:{1121758235 + round(seconds) if number is None else number}",
        size=66200.0,
    )


class RecordedVso:
    """Recorded answers in place of the SOAP service behind sunpy's client. `base` is where the addresses lead."""

    def __init__(self, records, base="", faults=0, error=None):
        self.records, self.base, self.faults, self.error = records, base, faults, error
        self.queries, self.requests, self.without_address = [], [], set()
        types = {"VSO:QueryRequestBlock": lambda: defaultdict(lambda: None)}
        plain = lambda *args, **kwargs: args[0] if args else SimpleNamespace(**kwargs)  # noqa: E731
        self.api = SimpleNamespace(
            set_ns_prefix=lambda *_: None,
            get_type=lambda name: types.get(name, plain),
            service=SimpleNamespace(Query=self._query, GetData=self._get_data),
        )

    def search(self, *query):
        client = VSOClient.__new__(VSOClient)  # which would connect
        client.api = self.api
        return client.search(*query)

    def _query(self, request):
        block = request.block
        self.queries.append(block)
        if len(self.queries) <= self.faults:
            raise ConnectionError("no route to the VSO")
        start, end = block["time"]["start"], block["time"]["end"]
        found = [r for r in self.records if start <= r["time"]["start"] <= end]
        wave = str(round(block["wave"]["wavemin"]))
        found = [r for r in found if r["wave"]["wavemin"] == wave]
        if block["sample"]:
            found = sampled(found, block["sample"])
        return Answer([soap(error=self.error, provider="JSOC", record=soap(recorditem=found))])

    def _get_data(self, request):
        (item,) = request.request["datacontainer"]["datarequestitem"]
        fileids = item.fileiditem["fileid"]
        self.requests.append(fileids)
        data = [
            SimpleNamespace(
                url=f"{self.base}/{name.rpartition(':')[2]}/image.fits", fileiditem=SimpleNamespace(fileid=[name])
            )
            for name in fileids
            if name not in self.without_address
        ]
        method = SimpleNamespace(methodtype=["URL-FILE_Rice"])
        answer = SimpleNamespace(status=None, method=method, getdataitem=SimpleNamespace(dataitem=data))
        return SimpleNamespace(getdataresponseitem=[answer])


class Answer(list):
    """What the service's Query gives: iterable, and with the items as `provideritem`."""

    @property
    def provideritem(self):
        return list(self)


def sampled(records, step_sec):
    """The first record of every `step_sec` from the first one on."""
    times = [Time.strptime(r["time"]["start"], "%Y%m%d%H%M%S").unix for r in records]
    slots = [int((t - times[0]) // step_sec) for t in times]
    return [r for i, r in enumerate(records) if i == 0 or slots[i] != slots[i - 1]]


def config(folder, end_sec=108.0, cadence_sec=12.0, wavelengths=(171,), **vso):
    end = iso_ms(START + np.timedelta64(round(1000 * end_sec), "ms"))
    settings = VsoConfig(start=iso_ms(START), end=end, cadence_sec=cadence_sec, **vso)
    prep = PrepConfig(source="vso", vso=settings, wavelengths=wavelengths, clip_length=4, stride=1, resize=(16, 16))
    return Config(data_raw=str(folder / "raw"), data_clips=str(folder / "out"), workers=0, prep=prep)


def manifest(config, wavelength=171):
    path = Path(config.data_raw) / f"aia_{wavelength}" / "manifest.csv"
    return pd.read_csv(path, dtype=str, keep_default_na=False)
