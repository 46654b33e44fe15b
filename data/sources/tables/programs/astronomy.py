"""Tables of astronomers in columns of fixed widths: CDS's and the AAS' (machine readable), and IPAC's."""

import re
import warnings

import pandas as pd

from data.sources.base import TableError
from data.units import is_unit, time_unit

_BYTES = re.compile(r"^Byte-by-byte Description of file", re.MULTILINE | re.IGNORECASE)
_IPAC = re.compile(r"(?:\\[^\r\n]*\r?\n)*\|[^\r\n]*\|[ \t]*\r?\n(?:\|[^\r\n]*\|[ \t]*\r?\n){0,3} [^\r\n|]*\r?\n")


def is_of_astronomers(text: str) -> bool:
    """Whether a text describes its columns as these do."""
    return bool(_IPAC.match(text) or _BYTES.search(text[:20000]))


def read_of_astronomers(text: str) -> tuple[pd.DataFrame, str]:
    """Its columns, with units where these are known. Raises TableError where they are not as it describes them."""
    from astropy.io import ascii as reader  # late: it takes a while

    form, told = ("ipac", "a table of IPAC's form") if _IPAC.match(text) else ("mrt", "a table as CDS and AAS have it")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of units that astropy does not know
            found = reader.read(text, format=form)
    except Exception as error:  # it raises many kinds
        raise TableError(f"not readable as {told}: {type(error).__name__}: {error}") from None
    units = {name: str(found[name].unit or "") for name in found.colnames}
    names = {name: f"{name} [{unit}]" for name, unit in units.items() if is_unit(unit) and not time_unit(unit)}
    return found.to_pandas().rename(columns=names), told
