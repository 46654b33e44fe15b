"""index.html: all reels of a fleet on one page, the strongest events first, with links to the reports."""

from html import escape
from pathlib import Path
from urllib.parse import quote

import pandas as pd

from data.disk.files import write_text
from inference.fleet.members import FAILED
from inference.report_page.page import STATIC as STYLES

NAME = "index.html"
STATIC = Path(__file__).with_name("static")
MOST_ROWS = 5_000  # of each table of the page; results.csv has all
HEADS = ("Reel", "Severity", "Events", "High", "Strongest at", "Variables", "Doubts and warnings")


def write_index(fleet: Path, table: pd.DataFrame) -> Path:
    """Write the page of a table of results beside it; returns its path."""
    write_text(fleet / NAME, page(fleet.name, table))
    return fleet / NAME


def page(title: str, table: pd.DataFrame) -> str:
    """The page. Nothing in the table can become more than text in it."""
    failed = table["status"] == FAILED
    done = table[~failed]
    counts = {"reels": len(table), "with events": int((done["events"] > 0).sum()), "failed": int(failed.sum())}
    parts = {
        "title": escape(title),
        "styles": f"<style>{(STYLES / 'report.css').read_text(encoding='utf-8')}</style>",
        "tiles": "".join(f"<li><b>{number}</b>{name}</li>" for name, number in counts.items()),
        "results": of_rows(HEADS, [result(row) for row in done[:MOST_ROWS].to_dict("records")], len(done)),
        "failed": of_rows(("Reel", "Why"), [fault(row) for row in table[failed][:MOST_ROWS].to_dict("records")],
                          int(failed.sum())),
    }  # fmt: skip
    text = (STATIC / NAME).read_text(encoding="utf-8")
    for name, part in parts.items():
        text = text.replace(f"<!-- {name} -->", part)
    return text


def of_rows(heads: tuple[str, ...], rows: list[str], total: int) -> str:
    """A table of rows; says so where it does not hold all of them."""
    if not rows:
        return '<p class="quiet">none</p>'
    left = f'<p class="quiet">{total - len(rows)} more are in results.csv</p>' if total > len(rows) else ""
    head = "".join(f"<th>{name}</th>" for name in heads)
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    return f'<div class="scroll">{table}</div>{left}'


def result(row: dict) -> str:
    """A reel that was evaluated."""
    link = f'<a href="{escape(quote(row["report"]))}">{escape(row["reel"])}</a>'
    has_events = row["events"] > 0
    level = ' class="high"' if row["events_high"] > 0 else ""
    severity = f"{row['severity']:.3g}" if has_events else ""
    when = (row["t_peak"] or f"{row['time_peak_s']:.6g} s") if has_events else ""
    notes = "; ".join(text for text in (row["doubt"], row["warnings"]) if text)
    cells = (str(row["events"]), str(row["events_high"]), when, row["variables"] if has_events else "")
    texts = "".join(f"<td>{escape(text)}</td>" for text in cells)
    return f'<tr><td>{link}</td><td{level}>{severity}</td>{texts}<td class="wide">{escape(notes)}</td></tr>'


def fault(row: dict) -> str:
    """A reel that was not."""
    return f'<tr><td>{escape(row["reel"])}</td><td class="wide bad">{escape(row["reason"])}</td></tr>'
