"""Quality that a table tells beside its values, in columns of its own: words (Good, Bad), OPC's codes, flags.

A value that is called bad is missing, whatever number stands in its cell: historians write 0, or the last one.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from config import PrepConfig
from data.messages import amount
from data.sources.tables.forms.long_table import VALUE_NAMES
from data.sources.tables.text_table import TextTable
from data.sources.times.column import is_text

_WORDS = (
    r"(?:opc[\s_.-]?)?(?:data[\s_.-]?)?(?:quality|qual)(?:[\s_.-]?(?:flags?|code))?|status(?:[\s_.-]?code)?"
    r"|validity|data[\s_]?integrity|qc|dqf|q?flags?"
)
_BEHIND = re.compile(
    rf"(?P<stem>.*?)(?:^|[\s_./:|-]|(?-i:(?<=[a-z0-9])(?=[A-Z])))(?:{_WORDS})(?: \(\d+\))?$", re.IGNORECASE
)
_BEFORE = re.compile(rf"(?:{_WORDS})[\s_./:|-](?P<stem>.+)$", re.IGNORECASE)
_VALUE = re.compile(r"[\s_./:|-](?:value|val|pv)(?:[\s_.(\[].*)?$|\s*[(\[].*$", re.IGNORECASE)
_KNOWN = re.compile(r"(?P<good>good|ok\b|valid)|(?P<uncertain>uncertain)|(?:bad|invalid)", re.IGNORECASE)
# Of BACnet and Niagara: {ok}, {fault}, {ok,alarm}; an alarm and a value that was overridden are told of good ones.
_IN_BRACES = re.compile(r"\{\s*(?P<good>(?:ok|alarm|unacked\w*|overridden)\b)?[^{}]*\}", re.IGNORECASE)
# OPC's codes, without their two last bits, which tell limits.
GOOD, UNCERTAIN, BAD = (192, 216), (64, 68, 80, 84, 88), (0, 4, 8, 12, 16, 20, 24, 28, 32)
# Status codes of OPC UA hold it in their two highest bits: 0 good, 1 uncertain, 2 and 3 bad.
_UA_CODE, UA_SHIFT, UA_BAD, UA_LEAST, UA_LARGEST = re.compile(r"0[xX][0-9A-Fa-f]{8}"), 30, 2, 2**30, 2**32
MOST_FLAGS = 32  # of one column


def without_bad(read: TextTable, prep: PrepConfig) -> TextTable:
    """A table whose values of bad quality are missing; the columns that told it, and flags beside values, are gone."""
    table, told = masked(read.table, prep)
    return replace(read, table=table, told=(*read.told, *told)) if told else read


def masked(
    table: pd.DataFrame, prep: PrepConfig, variables: Sequence[str] = ()
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The same of a table alone, and what to say of it. variables: columns that are known to be such."""
    given = {prep.label_column, prep.time_column, *prep.value_columns, *variables}
    told, gone = [], []
    for name in [name for name in table.columns if name not in given]:
        about = _values_beside(table, str(name))
        if not about:
            continue
        bad = _bad(table[name], str(name))
        if bad is not None:
            for other in about if bad.any() else ():
                table = table.assign(**{str(other): table[other].mask(bad)})
            what = f"{amount(int(bad.sum()), 'value')} of bad quality taken as missing" if bad.any() else "none is bad"
        elif "status" not in str(name).lower() and (usual := _usual_flag(table[name])) is not None:
            count = int((table[name].fillna(usual) != usual).sum())
            what = f"flags, not {usual} in {amount(count, 'row')}; their values are kept"
        else:
            continue
        gone.append(name)
        some = ", ".join(map(str, about[:3])) + (" ..." if len(about) > 3 else "")
        told.append(f"{name} is the quality of {some}: {what} (prep.value_columns takes it)")
    return table.drop(columns=gone), tuple(told)


def _stem(name: str) -> str | None:
    """What the name of a column of quality says whose it is, "" nothing; None of other columns."""
    found = _BEHIND.match(name) or _BEFORE.match(name)
    return found["stem"].strip(" _./:|-").lower() if found else None


def _values_beside(table: pd.DataFrame, name: str) -> list[str]:
    """The columns whose quality a column tells by its name; of one that is called quality alone the values of its row,
    or what stands before it where there are several.
    """
    stem = _stem(name)
    if stem is None:
        return []
    others = [str(other) for other in table.columns if _stem(str(other)) is None]
    if stem:
        exact = [other for other in others if _VALUE.sub("", other).lower() == stem or other.lower() == stem]
        return exact or [other for other in others if re.match(rf"{re.escape(stem)}[\s_./:|-]", other.lower())]
    columns = list(map(str, table.columns))
    if sum(_stem(column) == "" for column in columns) > 1:
        before = columns[columns.index(name) - 1] if columns[0] != name else ""
        return [before] if before in others else []
    named = [other for other in others if other.lower().strip("_ ") in VALUE_NAMES]
    return named or [other for other in others[1:] if not is_text(table[other])]


def _bad(column: pd.Series, name: str) -> np.ndarray | None:
    """Which cells (N,) call their values bad; None where the column holds no words or codes of quality."""
    if (codes := _codes_of_ua(column)) is not None:
        return codes >> UA_SHIFT >= UA_BAD
    if is_text(column):
        return _bad_words(column.astype("string").str.strip().fillna(""), "status" in name.lower())
    known = column.dropna()
    if column.dtype.kind not in "iuf" or not re.search("qual|integrity", name.lower()) or (known % 1).any():
        return None
    codes = column.fillna(GOOD[0]).astype(np.int64).to_numpy() & ~3
    is_opc = (codes == GOOD[0]).any() and np.isin(codes, GOOD + UNCERTAIN + BAD).all()
    return np.isin(codes, BAD) if is_opc else None


def _codes_of_ua(column: pd.Series) -> np.ndarray | None:
    """Status codes (N,) of OPC UA, missing ones good; None of other columns: as numbers all are 0 or beyond 30 bits."""
    known = column.dropna()
    if is_text(column):
        cells = known.astype("string").str.strip()
        if not len(cells) or not cells.str.fullmatch(_UA_CODE).all():
            return None
        return column.map(lambda cell: int(cell, 16), na_action="ignore").fillna(0).astype(np.int64).to_numpy()
    if column.dtype.kind not in "iuf" or not ((known == 0) | ((known >= UA_LEAST) & (known < UA_LARGEST))).all():
        return None
    return column.fillna(0).astype(np.int64).to_numpy() if (known > 0).any() and not (known % 1).any() else None


def _bad_words(words: pd.Series, is_status: bool) -> np.ndarray | None:
    """Of words: all that are neither good nor uncertain, where some are good. Other words than these in a column of a
    status are of a machine.
    """
    braced = {word: _IN_BRACES.fullmatch(word) for word in words.unique() if word}
    if braced and all(braced.values()):
        return words.isin([word for word, kind in braced.items() if kind and not kind["good"]]).to_numpy(bool)
    kinds = {word: _KNOWN.match(word) for word in words.unique() if word}
    if not any(kind and kind["good"] for kind in kinds.values()):
        return None
    if is_status and not all(kind and kind[0].lower() != "ok" for kind in kinds.values()):
        return None
    bad = [word for word, kind in kinds.items() if not (kind and (kind["good"] or kind["uncertain"]))]
    return words.isin(bad).to_numpy(bool)


def _usual_flag(column: pd.Series) -> int | None:
    """0 or 1, whichever most cells of a column hold that are whole numbers of few kinds; None of other columns."""
    if column.dtype.kind not in "iuf":
        return None
    known = column.dropna()
    if not len(known) or (known % 1).any() or known.nunique() > MOST_FLAGS:
        return None
    return next((usual for usual in (0, 1) if (known == usual).mean() > 0.5), None)
