"""ARFF of Weka: names in lines of their own above rows without any.

Source: University of Waikato, "Attribute-Relation File Format (ARFF)".
"""

import io
import re

import pandas as pd

from data.sources.base import TableError

_HEAD = re.compile(r"(?:\s*%[^\n]*\n|\s*\n)*\s*@relation\b", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"\s*@attribute\s+(?:'([^']*)'|\"([^\"]*)\"|(\S+))\s", re.IGNORECASE)
_DATA = re.compile(r"^\s*@data\b[^\n]*\n", re.IGNORECASE | re.MULTILINE)


def is_arff(text: str) -> bool:
    """Whether a text begins as these do."""
    return bool(_HEAD.match(text))


def read_arff(text: str) -> tuple[pd.DataFrame, str]:
    """Its columns. Raises TableError for sparse rows, and where nothing is behind the names."""
    begin = _DATA.search(text)
    names = ["".join(filter(None, found.groups())) for line in text.splitlines() if (found := _ATTRIBUTE.match(line))]
    rows = text[begin.end() :] if begin else ""
    if not names or not rows.strip():
        raise TableError("its ARFF has no @attribute, or no row behind @data")
    if rows.lstrip().startswith("{"):
        raise TableError("its ARFF is sparse (rows in braces): write all values of each row, or CSV")
    quote = "'" if "'" in rows and '"' not in rows else '"'
    stream, options = io.StringIO(rows), {"quotechar": quote, "comment": "%", "skipinitialspace": True}
    table = pd.read_csv(stream, header=None, index_col=False, na_values=["?"], low_memory=False, **options)
    if table.shape[1] != len(names):
        raise TableError(f"its ARFF has {len(names)} attributes, and rows of {table.shape[1]} values")
    return table.set_axis(names, axis=1), "ARFF"
