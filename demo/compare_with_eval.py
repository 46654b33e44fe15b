"""Compare the events that a bundle told of a reel with those that eval found in it.

    python demo/compare_with_eval.py EVENTS_JSONL EVENTS_CSV

EVENTS_JSONL: what `python -m inference.runner` told of the reel; EVENTS_CSV: events.csv of eval. Two events are the
same where their frames, their box and their level are.
"""

import argparse

import pandas as pd

SAME = ("frame_start", "frame_peak", "frame_end", "x0", "y0", "x1", "y1", "level")


def same_events(ours: pd.DataFrame, theirs: pd.DataFrame) -> pd.DataFrame:
    """The events that are in both tables: what makes them the same, and the peak score of each."""
    columns = [*SAME, "peak_score"]
    return ours[columns].merge(theirs[columns], on=list(SAME), suffixes=("", "_eval"))


def report(ours: pd.DataFrame, theirs: pd.DataFrame) -> str:
    """What a reader wants to know, in a line."""
    same = same_events(ours, theirs)
    text = f"{len(same)} events are the same, of {len(ours)} of the bundle and {len(theirs)} of eval"
    if not len(same):
        return text
    apart = (same["peak_score"] / same["peak_score_eval"] - 1).abs().max()
    return f"{text}; their peak scores differ by at most {apart:.2%}"


def main(argv: list[str] | None = None) -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("bundle", help="events of the bundle, JSON lines")
    p.add_argument("eval", help="events.csv of eval")
    arguments = p.parse_args(argv)
    ours = pd.read_json(arguments.bundle, lines=True)
    print(report(ours if len(ours) else pd.DataFrame(columns=[*SAME, "peak_score"]), pd.read_csv(arguments.eval)))


if __name__ == "__main__":
    main()
