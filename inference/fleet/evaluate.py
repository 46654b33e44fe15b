"""`eval` of a fleet: every reel by its own model, and all of them in one table, by severity."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import pandas as pd

from config import Config
from data.disk.damage import read_json
from data.disk.files import write_csv
from data.disk.lock import owned
from data.disk.places import refuse_links_out
from data.reel.reel import reel_paths
from inference.evaluate import do_missing, evaluate, look_before
from inference.events.facts import told_variables
from inference.fleet.members import (
    DONE,
    IN_USE,
    RESULTS,
    TRAINED,
    Row,
    attempted,
    member_of,
    owned_member,
    rows_of,
    tell,
)
from inference.fleet.page import write_index
from inference.report_page.page import NAME as REPORT
from inference.report_page.page import read_events
from inference.results.results import scene_events

COLUMNS = ("reel", "status", "severity", "events", "events_high", "t_peak", "time_peak_s", "variables")
COLUMNS += ("doubt", "warnings", "reason", "report")


def evaluate_each(config: Config, fleet: Path) -> Path:
    """Evaluate every reel in `config.data_clips` with the fleet's model of its name; returns the index page.

    Results that are there by the same models and settings are left as they are. Raises ValueError where no reel could
    be evaluated and for settings that a fleet can't have, FolderInUse while another process works with the fleet.
    """
    if config.shard or config.join or config.eval.joint:
        raise ValueError("a fleet is evaluated by --workers and --cluster: leave --shard, --join and eval.joint out")
    refuse_links_out(fleet)
    reels = reel_paths(config.data_clips)
    with owned(fleet, "eval", IN_USE):
        look_before(config.eval, config.data_clips)
        rows = rows_of(evaluate_member, config, fleet, reels, "evaluating")
        table = by_severity(rows)
        write_csv(fleet / RESULTS, table)
        index = write_index(fleet, table)
    tell(rows, "evaluated", fleet / RESULTS)
    return index


def by_severity(rows: list[Row]) -> pd.DataFrame:
    """One row a reel: the strongest events first, then reels without any, then those that failed; else by name."""
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    table[["events", "events_high"]] = table[["events", "events_high"]].astype("Int64")
    ranked = table.assign(failed=table["events"].isna())
    order = ranked.sort_values(["failed", "severity", "reel"], ascending=[True, False, True], kind="stable").index
    return table.loc[order].reset_index(drop=True)


def evaluate_member(config: Config, fleet: Path, reel: Path) -> Row:
    """One reel, in whatever process this is."""
    return attempted(reel, "evaluated", partial(_evaluate, config, fleet, reel))


def _evaluate(config: Config, fleet: Path, reel: Path) -> Row:
    run = member_of(fleet, reel)
    if not (run / DONE).is_file():
        raise ValueError(f"has no model; {fleet / TRAINED} says why if it was to have one (train --resume tries again)")
    own = replace(config, data_clips=str(reel), model_path=str(run), workers=0, cluster=None)
    with owned_member(fleet, reel, "eval"):
        (out,) = evaluate(own, do_missing)
        return facts_of(out) | {"report": (out / REPORT).relative_to(fleet).as_posix()}


def facts_of(out: Path) -> Row:
    """What the table tells of the results of a reel."""
    summary = read_json(out / "summary.json", f"remove {out}, and run it again")
    row = {name: summary[name] for name in ("events", "events_high")} | {"doubt": summary.get("doubt", "")}
    events = scene_events(read_events(out))
    if not len(events):
        return row
    strongest = events.sort_values("severity", ascending=False, kind="stable").iloc[0]
    when = strongest["t_peak"] if isinstance(strongest["t_peak"], str) else ""
    row |= {"severity": float(strongest["severity"]), "t_peak": when, "time_peak_s": strongest["time_peak_s"]}
    return row | {"variables": told_variables(strongest.to_dict())}
