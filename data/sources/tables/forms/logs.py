"""Logs that look like tables and are none, as their lines are of several kinds or hold what has to be decoded first."""

import re

_LOGS = (
    (
        r"\(\d{9,}\.\d+\) +\S+ +[0-9A-Fa-f]{3,8}#",
        "it is candump's log of CAN frames: decode it with their DBC (cantools, asammdf) and write the signals as CSV",
    ),
    (
        r"date \w+ \w+ +\d+ .*\r?\n *base (?:hex|dec)",
        "it is Vector's log of CAN frames: decode it with their DBC (asammdf, python-can) and write the signals as CSV",
    ),
    (
        r"[$!][A-Z]{2}[A-Z]{3},[^\r\n]*\*[0-9A-Fa-f]{2}\s",
        "it holds sentences of NMEA 0183: write them as CSV first, e.g. with gpsbabel -i nmea -o unicsv",
    ),
    (
        r"Type,Local Number,Message,Field 1",
        "it is what FitCSVTool writes, messages of many kinds: write its records alone (--data record)",
    ),
    (
        r"(?:-- ?[^\r\n]*\r?\n|\s*\r?\n|/\*[^\r\n]*\r?\n)*(?:INSERT INTO|CREATE TABLE|DROP TABLE|SET \w+ ?="
        r"|COPY \S+ \()",
        "it is a dump of a database: export the table as CSV",
    ),
    (
        r"[A-Za-z_][\w.-]*(?:,[\w.-]+=[^\s,=]+)* [A-Za-z_][\w.-]*=[^\s,]+(?:,[\w.-]+=[^\s,]+)* \d{10,19}\s",
        "it is InfluxDB's line protocol: write it as annotated CSV, or JSON lines, with a column of times",
    ),
    (
        r"(?:# (?:HELP|TYPE|UNIT) [^\r\n]*\r?\n)*[a-zA-Z_:][\w:]*(?:\{[^\r\n}]*\})? [-+.\deE]+"
        r"(?: \d{10,13}(?:\.\d+)?)?\r?\n(?:# (?:HELP|TYPE|UNIT)|[a-zA-Z_:][\w:]*\{)",
        "it is text of Prometheus: write it as CSV or JSON lines with a column of times, or follow its address",
    ),
)
_FORMS = tuple((re.compile(form), told) for form, told in _LOGS)


def log_of(text: str) -> str:
    """What a text that begins so is, and what to do about it; "" of tables."""
    start = text.lstrip("\ufeff\r\n ")
    return next((told for form, told in _FORMS if form.match(start)), "")
