"""Frames from the Virtual Solar Observatory: which times are wanted, which records match them, and their download.

Level 1 is asked of the VSO (https://docs.virtualsolar.org), the synoptic level "1.5s" of JSOC, both through sunpy's
`Fido`. Every wanted time ends as downloaded, "no observation" (the archive answered, and has none within half a
cadence) or "failed" with a reason; `manifest.csv` beside the files says which. Running again fetches what is missing.
"""

import hashlib
import time
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from config import Config, VsoConfig
from data.download.http import Outcome, Patience, Transfer, download
from data.download.manifest import DOWNLOADED, FAILED, NO_OBSERVATION, Manifest, Row, wanted_times
from data.messages import logger, progress
from data.sources.times.utc import iso_ms

log = logger(__name__)

# Whole files, Rice-compressed where possible; sunpy's other methods give tars of several frames.
METHODS = ["URL-FILE_Rice", "URL-FILE", "URL"]
SAVE_EVERY_SEC = 5.0

Search = Callable[..., Iterable]  # sunpy's attributes -> tables of records, as `Fido.search`


@dataclass(frozen=True)
class _Record:
    """One observation in a table of answers."""

    time: np.datetime64
    name: str  # the archive's own, unique there
    table: Any  # sunpy's QueryResponseTable
    index: int


class _QueryError(Exception):
    """The archive could not be asked."""


def fetch(config: Config, search: Search | None = None, patience: Patience | None = None) -> str:
    """Download what `config.prep.vso` wants into `<data_raw>/<instrument>_<wavelength>/`.

    Returns what failed as a text for people, '' when nothing did or `allow_partial` accepts it. `search` stands in for
    `Fido.search`. Raises OSError when all failed, ValueError when nothing was observed or a manifest does not fit.
    """
    vso = config.prep.vso
    patience = patience or Patience(vso.retries, vso.timeout_sec, vso.connections)
    assert vso.start  # PrepConfig asks for both
    assert vso.end
    times = wanted_times(vso.start, vso.end, vso.cadence_sec)
    manifests = []
    for wavelength in config.prep.wavelengths:
        folder = Path(config.data_raw) / f"{vso.instrument.lower()}_{wavelength}"
        manifest = Manifest(folder, wavelength, vso.level, times)
        _Channel(manifest, wavelength, vso, search or _search, patience).fetch()
        manifests.append(manifest)
    return _verdict(manifests, vso)


def _verdict(manifests: list[Manifest], vso: VsoConfig) -> str:
    counts = {status: sum(m.count(status) for m in manifests) for status in (DOWNLOADED, NO_OBSERVATION, FAILED)}
    for m in manifests:
        listing = ", ".join(f"{m.count(status)} {status}" for status in counts)
        log.info(f"{m.folder.name}: {len(m.rows)} times wanted: {listing} ({m.path})")
    failed = [row for m in manifests for row in m.rows if row.status == FAILED]
    if not failed and not counts[DOWNLOADED]:
        raise ValueError(
            f"{vso.instrument} observed nothing from {vso.start} to {vso.end} within half of prep.vso.cadence_sec "
            f"{vso.cadence_sec:g} of a wanted time; change prep.vso or prep.wavelengths"
        )
    message = ""
    if failed:
        reasons = "\n".join(sorted({row.reason for row in failed})[:5])
        message = (
            f"{len(failed)} of {sum(len(m.rows) for m in manifests)} wanted times could not be had:\n{reasons}\n"
            "run the same command again to fetch only these, or accept it with --allow-partial"
        )
        if not counts[DOWNLOADED]:
            raise OSError(message)
    return "" if vso.allow_partial else message


class _Channel:
    """The download of one wavelength."""

    def __init__(self, manifest: Manifest, wavelength: int, vso: VsoConfig, search: Search, patience: Patience):
        self.manifest, self.wavelength, self.vso = manifest, wavelength, vso
        self.search, self.patience = search, patience
        self.half = np.timedelta64(round(500 * vso.cadence_sec), "ms")
        self.saved_at, self.n_bytes = time.monotonic(), 0

    def fetch(self) -> None:
        """Ask and download day by day, so that no query is large and addresses are used while they are fresh."""
        missing = self.manifest.missing()
        if not missing:
            return
        try:
            with self._bar(missing) as bar:
                for _, day in groupby(missing, key=lambda row: row.wanted_utc[:10]):
                    rows = list(day)
                    self._download(self._find(rows), bar)
                    bar.update(sum(row.status != DOWNLOADED for row in rows))
        except _QueryError as error:  # what has come so far is kept and prepared
            for row in self.manifest.missing():
                row.status, row.reason = FAILED, row.reason or str(error)
        finally:
            self.manifest.write()

    def _bar(self, missing: list[Row]) -> tqdm:
        total = len(self.manifest.rows)
        return progress(total=total, initial=total - len(missing), desc=self.manifest.folder.name, unit="file")

    def _find(self, rows: list[Row]) -> list[Row]:
        """Give each row of a day its nearest record and address, or its status; returns the rows to download.

        The archive picks which records to give for a cadence. Only when one of all records is missing too, there is no
        observation.
        """
        errors: list[str] = []
        if self.vso.level == "1":
            errors = self._match(rows, sampled=True)
        if unmatched := [row for row in rows if not row.record]:
            errors += self._match(unmatched, sampled=False)
        for row in rows:
            if not row.record:
                row.status = FAILED if errors else NO_OBSERVATION
                row.reason = f"the archive answered: {errors[0]}" if errors else ""
        found = [row for row in rows if row.url]
        self.manifest.write()
        return found

    def _match(self, rows: list[Row], sampled: bool) -> list[str]:
        """Nearest records within half a cadence, written into the rows; returns the errors the archive told."""
        times = np.array([row.wanted_utc for row in rows], "datetime64[ms]")
        start = times[0] if sampled else times[0] - self.half  # samples are counted from the start, so on wanted times
        tables, errors = self._ask(_query(self.vso, self.wavelength, start, times[-1] + self.half, sampled))
        records = [record for table in tables for record in _records(table)]
        matches = nearest(times, records, self.half)
        urls = self._addresses([record for record in matches if record])
        for row, record in zip(rows, matches, strict=True):
            if record:
                row.record, row.record_utc = record.name, iso_ms(record.time)
                row.file = self._file_name(record)
                row.url = urls.get(record.name, "")
                if not row.url:
                    row.status, row.reason = FAILED, "the archive names the record and gives no address for it"
        return errors

    def _file_name(self, record: _Record) -> str:
        """A name that sorts by time; the digest keeps apart records that the archive would give one name."""
        digest = hashlib.sha1(record.name.encode(), usedforsecurity=False).hexdigest()[:8]
        moment = str(record.time.astype("datetime64[s]")).replace("-", "").replace(":", "")
        return f"{self.manifest.folder.name}_{moment}_{digest}.fits"

    def _ask(self, query: list) -> tuple[list, list[str]]:
        """Tables of records, and what the archive warned of. Raises _QueryError when every attempt failed."""
        return self._insist(lambda: _tables(self.search, query), "asked")

    def _addresses(self, records: list[_Record]) -> dict[str, str]:
        """Address by name of each record."""
        by_table = {id(record.table): record.table for record in records}
        urls: dict[str, str] = {}
        for key, table in by_table.items():
            chosen = table[sorted({record.index for record in records if id(record.table) == key})]
            urls |= self._insist(lambda chosen=chosen: _urls(chosen), "asked for addresses")
        return urls

    def _insist(self, call: Callable[[], Any], what: str) -> Any:
        for failures in range(self.patience.retries + 1):
            if failures:
                time.sleep(self.patience.pause(failures - 1))
            try:
                return call()
            except Exception as error:  # SOAP, HTTP and XML raise many kinds
                reason = f"{type(error).__name__}: {error}"
        raise _QueryError(f"the archive could not be {what} (attempts: {failures + 1}): {reason}")

    def _download(self, rows: list[Row], bar: tqdm) -> None:
        by_file: dict[str, list[Row]] = {}
        for row in rows:  # a coarse record may be the nearest of two wanted times
            by_file.setdefault(row.file, []).append(row)

        def on_done(outcome: Outcome) -> None:
            self._note(by_file[outcome.transfer.path.name], outcome)
            bar.update(len(by_file[outcome.transfer.path.name]) * (not outcome.reason))
            self.n_bytes += outcome.n_bytes
            bar.set_postfix_str(f"{self.n_bytes / 1e6 / max(bar.format_dict['elapsed'], 1e-3):.1f} MB/s")

        transfers = [Transfer(same[0].url, self.manifest.folder / file) for file, same in by_file.items()]
        download(transfers, self.patience, on_done)

    def _note(self, rows: list[Row], outcome: Outcome) -> None:
        for row in rows:
            row.status, row.reason = FAILED if outcome.reason else DOWNLOADED, outcome.reason
            if not outcome.reason:
                row.bytes, row.sha256 = str(outcome.n_bytes), outcome.sha256
        if time.monotonic() - self.saved_at > SAVE_EVERY_SEC:
            self.manifest.write()
            self.saved_at = time.monotonic()


def nearest(times: np.ndarray, records: list[_Record], half: np.timedelta64) -> list[_Record | None]:
    """For each time `(N,)` the nearest record, the earlier of two as near, or None where none is within `half`."""
    records = sorted(records, key=lambda record: (record.time, record.name))
    if not records:
        return [None] * len(times)
    at = np.array([record.time for record in records], "datetime64[ms]")
    right = np.searchsorted(at, times).clip(1, len(at) - 1) if len(at) > 1 else np.zeros(len(times), int)
    left = np.maximum(right - 1, 0)
    best = np.where(times - at[left] <= at[right] - times, left, right)
    return [records[i] if abs(at[i] - t) <= half else None for i, t in zip(best, times, strict=True)]


def _query(vso: VsoConfig, wavelength: int, start: np.datetime64, end: np.datetime64, sampled: bool) -> list:
    """sunpy's attributes. Level 1 is not named: it is what the VSO holds of AIA, and other archives do not say it."""
    from astropy import units as u  # imported late, with the rest of sunpy.net: local prep needs none of it
    from sunpy.net import attrs as a

    query = [a.Time(str(start), str(end)), a.Instrument(vso.instrument), a.Wavelength(wavelength * u.angstrom)]
    if sampled:
        query.append(a.Sample(vso.cadence_sec * u.s))
    if vso.level != "1":
        query.append(a.Level(vso.level))
    if vso.provider:
        query.append(a.Provider(vso.provider))
    return query


def _search(*query) -> list:
    """`Fido.search`, which loses the VSO's errors with its empty table (sunpy 7.0.5): then the VSO is asked itself."""
    from sunpy.net import Fido
    from sunpy.net.vso import VSOClient

    return list(Fido.search(*query)) or [VSOClient().search(*query)]


def _tables(search: Search, query: list) -> tuple[list, list[str]]:
    """The tables that answer a query, and the errors of single providers, of which sunpy only warns.

    Raises what sunpy caught and left in a table.
    """
    from sunpy.util.exceptions import SunpyUserWarning

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        tables = list(search(*query))
    for error in (error for table in tables for error in getattr(table, "errors", [])):
        raise error
    return tables, [str(w.message) for w in caught if issubclass(w.category, SunpyUserWarning)]


def _records(table) -> list[_Record]:
    """The records of a table that tell their time."""
    if len(table) == 0:
        return []
    times = table["Start Time"]
    known = ~np.broadcast_to(np.asarray(times.mask), len(table))
    moments = times.utc.isot
    names = table["url" if "url" in table.colnames else "fileid"]
    return [_Record(np.datetime64(moments[i], "ms"), str(names[i]), table, i) for i in np.flatnonzero(known).tolist()]


def _urls(table) -> dict[str, str]:
    """Address by name of the records of a table: its own column, else the VSO's answer to a request for data."""
    if "url" in table.colnames:
        return {str(url): str(url) for url in table["url"]}
    addresses = _Addresses()
    table.client.fetch(table, path="{fileid}/{file}", methods=METHODS, downloader=addresses, wait=False, progress=False)
    return addresses.by_name


class _Addresses:
    """Stands where sunpy's clients hand addresses to a downloader, and notes whose they are."""

    def __init__(self):
        self.by_name: dict[str, str] = {}

    def enqueue_file(self, url: str, filename: Callable[[None, str], str], **_) -> None:
        """`filename` gives the path asked for, "{fileid}/{file}"."""
        self.by_name[str(filename(None, url)).rpartition("/")[0]] = url
