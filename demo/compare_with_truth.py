"""Compare the events that the pipeline reported with the transients that make_sequence.py put into the frames.

    python demo/compare_with_truth.py EVENTS TRUTH_CSV REEL_DIR [--json FILE]

EVENTS: events.csv of eval, or a .jsonl of what `python -m inference.runner` tells of a reel.

An event matches a transient when the two overlap in time and the event's centre at its peak lies in the transient's
box, each with a tolerance. An event that matches several transients counts for the nearest one; several events may
match one transient: it is found once, and none of them is a false alarm.
"""

import argparse
import json
import os
from pathlib import Path

import numpy as np
import pandas as pd

EVENT_COLUMNS = ("event", "t_start", "t_end", "x", "y", "peak_score")
TRUTH_COLUMNS = ("event", "kind", "start_utc", "end_utc", "x_px", "y_px", "width_px", "height_px")
MEASURES = ("delay_frames", "distance_px", "distance_reel_px")


def read_table(path: str | Path, columns: tuple[str, ...], times: tuple[str, ...]) -> pd.DataFrame:
    """A table, CSV or JSON lines, with its times parsed as UTC. Raises ValueError that names the columns it lacks."""
    table = pd.read_json(path, lines=True) if Path(path).suffix == ".jsonl" else pd.read_csv(path)
    missing = [name for name in columns if name not in table]
    if missing:
        raise ValueError(f"{path} lacks the columns {missing}; it has {list(table)}")
    for name in times:
        table[name] = pd.to_datetime(table[name], utc=True, format="ISO8601")
    return table


def pixel_factor(reel: dict) -> np.ndarray:
    """Source pixels per reel pixel along (x, y), from the contents of reel.json."""
    (height, width), (source_height, source_width) = reel["shape"][-2:], reel["source_shape"]
    return np.array([source_width / width, source_height / height])


def offsets_px(events: pd.DataFrame, truth: pd.DataFrame, factor: np.ndarray) -> np.ndarray:
    """From each transient's centre to each event's centre in source pixels, (events, transients, 2).

    Pixel centres lie on integers in both grids, so that a reel pixel x is at (x + 0.5) * factor - 0.5 in the source.
    """
    found = (events[["x", "y"]].to_numpy(float) + 0.5) * factor - 0.5  # (E, 2)
    return found[:, None] - truth[["x_px", "y_px"]].to_numpy(float)[None]  # (E, N, 2)


def overlap(events: pd.DataFrame, truth: pd.DataFrame, tolerance_s: float) -> np.ndarray:
    """Whether each event overlaps each transient in time, (events, transients) bool."""
    tolerance = pd.Timedelta(seconds=tolerance_s)
    begin, end = (truth["start_utc"] - tolerance).to_numpy(), (truth["end_utc"] + tolerance).to_numpy()
    return (events["t_start"].to_numpy()[:, None] <= end) & (events["t_end"].to_numpy()[:, None] >= begin)


def assign(
    events: pd.DataFrame, truth: pd.DataFrame, factor: np.ndarray, tolerance_s: float, tolerance_px: float
) -> np.ndarray:
    """The transient (row of `truth`) that each event belongs to, -1 for a false alarm, (events,) int."""
    offset = offsets_px(events, truth, factor)
    reach = truth[["width_px", "height_px"]].to_numpy(float) / 2 + tolerance_px * factor  # (N, 2)
    matching = overlap(events, truth, tolerance_s) & (np.abs(offset) <= reach).all(-1)
    distance = np.where(matching, np.hypot(*np.moveaxis(offset, -1, 0)), np.inf)
    return np.where(matching.any(1), distance.argmin(1), -1)


def describe(transient: pd.Series, events: pd.DataFrame, factor: np.ndarray, cadence_s: float) -> dict:
    """One row of the comparison: the transient's first event gives the delay, its strongest one the distance."""
    row = {"event": transient["event"], "kind": transient["kind"], "found": len(events) > 0, "detections": len(events)}
    if not len(events):
        return row | dict.fromkeys(MEASURES)
    delay_s = (events["t_start"].min() - transient["start_utc"]).total_seconds()
    strongest = events.loc[[events["peak_score"].idxmax()]]
    offset = offsets_px(strongest, transient.to_frame().T, factor)[0, 0]
    return row | {
        "delay_frames": round(delay_s / cadence_s, 2),
        "distance_px": round(float(np.hypot(*offset)), 2),
        "distance_reel_px": round(float(np.hypot(*(offset / factor))), 2),
    }


def compare(
    events: pd.DataFrame, truth: pd.DataFrame, reel: dict, tolerance_frames: float = 2.0, tolerance_px: float = 3.0
) -> dict:
    """The comparison: a row per transient, and recall, precision, median delay and distance (None where undefined).

    `distance_px` is in pixels of the FITS array, `distance_reel_px` and `tolerance_px` in pixels of the reel; both are
    centre to centre, also for a front, whose centre is where it began.
    """
    factor, cadence_s = pixel_factor(reel), float(reel["cadence_s"])
    belongs_to = assign(events, truth, factor, tolerance_frames * cadence_s, tolerance_px)
    rows = [describe(truth.loc[i], events[belongs_to == n], factor, cadence_s) for n, i in enumerate(truth.index)]
    found = [row for row in rows if row["found"]]
    return {
        "transients": rows,
        "false_alarms": events["event"][belongs_to < 0].tolist(),
        "recall": len(found) / len(rows) if rows else None,
        "precision": float((belongs_to >= 0).mean()) if len(events) else None,
    } | {f"median_{key}": float(np.median([row[key] for row in found])) if found else None for key in MEASURES}


def report(result: dict) -> str:
    """The comparison as text: a table of the transients and the totals."""
    table = pd.DataFrame(result["transients"])
    table["found"] = np.where(table["found"], "found", "MISSED")
    lines = [table.to_string(index=False, na_rep="-"), ""]
    for key in ("recall", "precision", *(f"median_{measure}" for measure in MEASURES)):
        lines.append(f"{key:24}{'-' if result[key] is None else format(result[key], '.2f')}")
    lines.append(f"{'false alarms':24}{', '.join(map(str, result['false_alarms'])) or 'none'}")
    return "\n".join(lines)


def write_json(path: Path, result: dict) -> None:
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(result, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    os.replace(part, path)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("events_csv", type=Path)
    parser.add_argument("truth_csv", type=Path)
    parser.add_argument("reel_dir", type=Path)
    parser.add_argument("--tolerance-frames", type=float, default=2.0, help="slack in time, frames (default: 2)")
    parser.add_argument("--tolerance-px", type=float, default=3.0, help="slack in place, reel pixels (default: 3)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the comparison to this file")
    args = parser.parse_args(argv)
    events = read_table(args.events_csv, EVENT_COLUMNS, ("t_start", "t_end"))
    truth = read_table(args.truth_csv, TRUTH_COLUMNS, ("start_utc", "end_utc"))
    reel = json.loads((args.reel_dir / "reel.json").read_text(encoding="utf-8"))
    result = compare(events, truth, reel, args.tolerance_frames, args.tolerance_px)
    print(report(result))
    if args.json:
        write_json(args.json, result)


if __name__ == "__main__":
    main()
