"""The flares of the HEK, asked once and kept as a CSV, as those of `read_catalog`."""

import re
from collections.abc import Callable, Iterator
from http.client import HTTPException
from pathlib import Path

import numpy as np
import pandas as pd

from data.disk.files import write_text
from data.labels.sun.catalog import NAMES, CatalogError, as_table, flare_of, read_catalog
from data.messages import logger

log = logger(__name__)

_ASKED = re.compile(r"^# HEK GOES flares of (\S+) \.\. (\S+) UTC$")
DAYS_A_QUERY = 30  # the HEK is slow or silent when asked for many months at once (sunpy issue 2434)


def load_catalog(catalog: str, first: np.datetime64, last: np.datetime64, cache: str | Path) -> pd.DataFrame:
    """The flares of `eval.catalog`: a CSV's path, or "hek" for those of [first, last] UTC, kept in the CSV `cache`."""
    return fetch_hek(first, last, cache) if catalog == "hek" else read_catalog(catalog)


def fetch_hek(
    first: np.datetime64, last: np.datetime64, cache: str | Path, search: Callable | None = None
) -> pd.DataFrame:
    """GOES flares of [first, last] UTC that the HEK knows, as `read_catalog` gives them.

    The answer is kept in the CSV `cache`; while that covers the times asked for, nothing is asked again.
    search: takes sunpy.net attributes and returns the response, default sunpy.net.Fido.search (needs the network).
    Positions are the HEK's; it gives them for the flare's start, at most some 10 arcsec an hour from the peak's.
    Raises ConnectionError when the HEK can't be asked, CatalogError when `cache` is damaged.
    Source: Hurlburt et al. (2012, Solar Physics 275, 67).
    """
    cache = Path(cache)
    first, last = first.astype("datetime64[s]"), last.astype("datetime64[s]") + np.timedelta64(1, "s")
    if not _covers(cache, first, last):
        rows = [row for raw in _responses(first, last, cache, search) for row in raw]
        table = hek_rows(rows)
        write_text(cache, f"# HEK GOES flares of {first} .. {last} UTC\n{table.to_csv(index=False)}")
    return read_catalog(cache)


def _covers(cache: Path, first: np.datetime64, last: np.datetime64) -> bool:
    if not cache.is_file():
        return False
    with cache.open(encoding="utf-8") as stream:
        asked = _ASKED.match(stream.readline().rstrip("\n"))
    if not asked:
        raise CatalogError(f"{cache} is no answer of the HEK kept by this program; name it in eval.catalog, or move it")
    return bool(np.datetime64(asked[1]) <= first and last <= np.datetime64(asked[2]))


def _responses(first: np.datetime64, last: np.datetime64, cache: Path, search: Callable | None) -> Iterator:
    """Raw tables of the HEK, one for each DAYS_A_QUERY days."""
    # Imported late: sunpy.net costs seconds, and is needed only when the HEK is asked.
    from sunpy.net import Fido
    from sunpy.net import attrs as a

    step = np.timedelta64(DAYS_A_QUERY, "D")
    for start in np.arange(first, last, step):
        end = min(start + step, last)
        try:
            span = a.Time(str(start), str(end))
            found = (search or Fido.search)(span, a.hek.EventType("FL"), a.hek.OBS.Observatory == "GOES")
        except (OSError, HTTPException) as error:
            raise ConnectionError(
                f"the HEK can't be asked for the flares of {start} .. {end} ({error}); run once with a network, the "
                f"answer is then kept in {cache}, or name a CSV of flares in eval.catalog"
            ) from error
        yield found["hek"].raw


def hek_rows(rows: list) -> pd.DataFrame:
    """Rows of raw HEK responses, mappings by column name, in the general form; what is no whole flare is left out.

    The HEK lists some flares twice (sunpy issue 758): of those with the same times and class one is kept, rather one
    with a position. Stonyhurst (0, 0) stands for an unknown position (sunpy issue 2673).
    """
    keys = ("start", "peak", "end", "class", "x", "y", "id")
    column = {key: NAMES[key][-1] for key in keys if key not in "xy"} | {"x": "hpc_x", "y": "hpc_y"}
    flares = []
    for row in rows:
        cells = {name: _text(row[name]) for name in column.values()}
        if all(_text(row[name]) in ("0", "0.0", "-0.0") for name in ("hgs_x", "hgs_y")):
            cells |= {"hpc_x": "", "hpc_y": ""}
        try:
            flares.append(flare_of(cells, column))
        except ValueError:
            continue
    if len(flares) < len(rows):
        log.warning(f"HEK: {len(rows) - len(flares)} of {len(rows)} rows lack a class or ordered times, left out")
    table = as_table(flares).drop(columns="flux_w_m2")
    table = table.rename(columns={"goes_class": "class", "x_arcsec": "x", "y_arcsec": "y"})
    table = table.sort_values("x", na_position="last", kind="stable").drop_duplicates(["start", "peak", "end", "class"])
    for name in ("start", "peak", "end"):
        table[name] = np.datetime_as_string(table[name].to_numpy(), unit="ms")
    return table.sort_values("start", kind="stable")[list(keys)]


def _text(value: object) -> str:
    return "" if value is None or value is np.ma.masked else str(value).strip()
