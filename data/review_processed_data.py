"""`review`: which windows are fit to train on. Statistics of every window, robust outliers, verdicts, pictures.

With a run (`--model-path`) the windows that stood out from its quiet data are rejected too.

A verdict is a row in windows.csv with who and when; nothing is deleted, and a verdict by hand is never overwritten.
Rejecting a window also keeps every window that shares frames with it out of training (`data.windows.usable`).
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from config import Config, ReviewConfig
from data.disk.damage import numbers, read_table, told, whole_numbers
from data.disk.files import write_csv
from data.disk.lock import owned_reel
from data.messages import amount, logger
from data.reel.reel import Reel, find_reels
from data.reel.windows import STATISTICS, read_windows, usable
from data.review.journal import settle
from data.review.states import LEAST_LEFT, is_gross, is_usual, left_beside, only_grossest

log = logger(__name__)
Asked = dict[tuple[str, int], str]  # verdicts by hand: what was said of a window of a reel
Statistics = Callable[[Reel, pd.DataFrame], np.ndarray]

FEWEST_TOLD = 0.01  # share of the windows

MIN_SCALE = 0.04
BY_STATISTICS, BY_USER = "statistics", "user"
STAY = "they stay (look at review_histograms.png)"
USUAL = f"so many are like this, or so long, that it is usual here: {STAY}"
USUAL_IN_SERIES = f"too many, or too little beyond the others, to be rejected: {STAY}"
NOT_QUIET = "not_quiet.csv"  # how the names of the lists end that training leaves in a run


def review(config: Config) -> None:
    """Review every reel in `config.data_clips`, or set the verdicts named by --keep, --reject and --undo."""
    reels = find_reels(config.data_clips)
    asked, not_quiet = hand_verdicts(config.review, reels), not_quiet_frames(config.model_path)
    if asked:
        for reel in reels:
            report(reel, _judged_by_hand(reel, asked))
        return
    from data.review.statistics import statistics_by  # train and eval read lists here, and have workers of their own

    with statistics_by(reels, config) as find:
        for reel in reels:
            report(reel, review_reel(reel, not_quiet[not_quiet["reel"] == reel.name], config.review, find))


def _judged_by_hand(reel: Reel, asked: Asked) -> pd.DataFrame:
    with owned_reel(reel.path, "review"):
        settle(reel)
        table = read_windows(reel)
        apply_verdicts(table, reel, asked)
        write_csv(reel.path / "windows.csv", table, durable=True)
    return table


def review_reel(reel: Reel, not_quiet: pd.DataFrame, settings: ReviewConfig, find: Statistics) -> pd.DataFrame:
    """Statistics, verdicts and pictures of one reel; returns its windows. find: see `window_statistics`.

    Others may save verdicts meanwhile: all that takes long comes before the reel is owned.
    """
    from data.review.pictures import pictures  # train and eval read lists here, and draw nothing

    before = read_windows(reel)
    statistics, usual = find(reel, before), list[str]()

    def judged(table: pd.DataFrame) -> pd.DataFrame:
        same = table[["start", "length"]].equals(before[["start", "length"]])  # not prepared with others meanwhile
        table[list(STATISTICS)] = statistics if same else find(reel, table)
        usual[:] = judge(table, settings.z_limit, reel.is_series)
        reject_not_quiet(table, not_quiet, reel)
        return table

    with pictures(reel, judged(read_windows(reel)), settings.contact_sheet), owned_reel(reel.path, "review"):
        settle(reel)
        table = judged(read_windows(reel))
        write_csv(reel.path / "windows.csv", table, durable=True)
    if usual:
        log.info(f"{reel.name}: {'; '.join(usual)} of the windows: {USUAL_IN_SERIES if reel.is_series else USUAL}")
    return table


def report(reel: Reel, table: pd.DataFrame) -> None:
    """Print how many windows are left, and the rejected ones with their reasons."""
    rejected = table[table["verdict"] == "reject"]
    left = int(usable(table).sum())
    log.info(f"{reel.name}: {amount(len(table), 'window')}, {len(rejected)} rejected, {left} left to train on")
    for row in rejected.head(20).itertuples():
        log.info(f"  window {row.window} at {row.time_utc or f'frame {row.start}'}: {row.reason} ({row.by})")
    if len(rejected) > 20:
        log.info(f"  and {len(rejected) - 20} more in {reel.path / 'windows.csv'}")


def robust_z(values: np.ndarray) -> np.ndarray:
    """Distance from the median in robust standard deviations (1.4826 MAD), both sides (Iglewicz and Hoaglin 1993).

    One standard deviation is at least MIN_SCALE of the median: windows of a steady scene are all but equal, and what
    differs by less is no reason to lose a window.
    """
    median = np.median(values)
    scale = max(1.4826 * np.median(np.abs(values - median)), MIN_SCALE * abs(median))
    return (values - median) / scale if scale > 0 else np.where(values == median, 0.0, np.copysign(np.inf, values))


def judge(table: pd.DataFrame, z_limit: float, is_series: bool = False) -> list[str]:
    """Set the statistical verdicts, in place; verdicts made by hand stay. Returns in words what is usual."""
    free = (table["by"] != BY_USER).to_numpy()
    table.loc[free, ["verdict", "reason", "by", "at"]] = ""
    z = np.column_stack([robust_z(table[name].to_numpy()) for name in STATISTICS]) if len(table) else np.empty((0, 5))
    is_far, usual = np.abs(z) > z_limit, []
    for far, name, sign in sides(z, is_far):
        k = STATISTICS.index(name)
        if (stays := _staying(sign * z[:, k], far, table, z_limit, is_series)).any():
            is_far[stays, k] = False
            usual.append(_told(name, sign, stays))
    usual += _leave_enough(table, z, is_far, free)
    for i in np.flatnonzero(free & is_far.any(axis=1)):
        causes = [f"{STATISTICS[k]} z={z[i, k]:+.1f}" for k in np.argsort(-np.abs(z[i])) if is_far[i, k]]
        table.loc[i, ["verdict", "reason", "by", "at"]] = ["reject", ", ".join(causes), BY_STATISTICS, _now()]
    return usual


def _leave_enough(table: pd.DataFrame, z: np.ndarray, is_far: np.ndarray, free: np.ndarray) -> list[str]:
    """Take back, in `is_far` (N, 5), what would leave less than LEAST_LEFT of the windows, the commonest first.

    A lamp that is switched each half hour changes the windows with it, or, where most have it, those without.
    """
    told: list[str] = []
    if not is_far.any():
        return told
    start, length = table["start"].to_numpy(), table["length"].to_numpy()
    by_cost = sorted(sides(z, is_far), key=lambda side: left_beside(side[0] & free, start, length))
    for far, name, sign in by_cost:
        if (left := left_beside(free & is_far.any(axis=1), start, length)) >= LEAST_LEFT:
            break
        off = sign * (table[name] - table[name].median()).to_numpy()  # a still picture has no scale to measure it by
        stays = far & ~only_grossest(off, far, start, length)
        is_far[stays, STATISTICS.index(name)] = False
        told.append(f"{_told(name, sign, stays)}, which would leave {left:.0%}")
    return told


def _told(name: str, sign: int, stays: np.ndarray) -> str:
    share = f"{stays.mean():.0%}" if stays.mean() >= FEWEST_TOLD else f"less than {FEWEST_TOLD:.0%}"
    return f"{name} {'above' if sign > 0 else 'below'} the usual in {share}"


def _staying(z: np.ndarray, far: np.ndarray, table: pd.DataFrame, z_limit: float, is_series: bool) -> np.ndarray:
    """Which of the windows `far` (N,) to one side, by distances z (N,), are usual, or in a series not grossly off."""
    start, length = table["start"].to_numpy(), table["length"].to_numpy()
    if is_usual(far, start, length, is_series):
        return far
    return far & ~is_gross(z, far, start, length, z_limit) if is_series else np.zeros_like(far)


def sides(z: np.ndarray, is_far: np.ndarray) -> Iterator[tuple[np.ndarray, str, int]]:
    """Which windows are far off to one side of one statistic. Little coverage is never usual."""
    for k, name in enumerate(STATISTICS):
        for sign in (1, -1):
            far = is_far[:, k] & (sign * z[:, k] > 0)
            if far.any() and name != "coverage":
                yield far, name, sign


def not_quiet_frames(run: str | None) -> pd.DataFrame:
    """What stood out from the quiet data of a run, a row an episode; see `inference.calibration.not_quiet`."""
    lists = [*Path(run).glob(NOT_QUIET), *sorted(Path(run).glob(f"calibration/[!.]*{NOT_QUIET}"))] if run else []
    return listed_episodes(lists)


def listed_episodes(paths: list[Path]) -> pd.DataFrame:
    """The episodes of such lists together."""
    tables = [_episodes(path) for path in paths]
    return pd.concat(tables) if tables else pd.DataFrame({"reel": []})


def _episodes(path: Path) -> pd.DataFrame:
    again = "move it away; nothing is rejected by it then"
    with told(path, again):
        needed = ("reel", "frame_start", "frame_peak", "frame_end", "time_s", "time_utc", "score")
        table = read_table(
            path,
            again,
            needed,
            dtype=dict.fromkeys(("reel", "time_utc", "start_utc", "end_utc"), str),
            keep_default_na=False,
        )
        for name in ("frame_start", "frame_peak", "frame_end"):
            table[name] = whole_numbers(table, name)
        for name in ("time_s", "score"):
            table[name] = numbers(table, name)
        for name in ("start_utc", "end_utc"):  # which lists from before there were any do not tell
            table[name] = table.get(name, table["time_utc"])
        return table


def reject_not_quiet(table: pd.DataFrame, episodes: pd.DataFrame, reel: Reel) -> None:
    """Reject the windows that hold a frame of an episode, in place; verdicts that are there stay.

    A reel that was prepared anew since has other frames by the same name: what was not at its time then is left alone.
    """
    free = ((table["verdict"] == "") & (table["by"] != BY_USER)).to_numpy(copy=True)
    start, stop = table["start"].to_numpy(), (table["start"] + table["length"]).to_numpy()
    for row in episodes.to_dict("records"):
        if not is_at(reel, row["frame_peak"], row["time_s"], row["time_utc"]):
            continue
        held = free & (start <= row["frame_end"]) & (stop > row["frame_start"])
        why = f"stands out from the quiet data of the last training, score {row['score']:.3g}"
        table.loc[held, ["verdict", "reason", "by", "at"]] = ["reject", why, BY_STATISTICS, _now()]
        free &= ~held


def is_at(reel: Reel, frame: int, time_s: float, time_utc: str) -> bool:
    """Whether a frame of a reel has the time that was written down for it."""
    if frame >= len(reel) or abs(reel.times_s[frame] - time_s) > 0.5 * reel.cadence_s:
        return False
    return reel.times_utc is None or str(reel.times_utc[frame]) == time_utc


def hand_verdicts(review: ReviewConfig, reels: list[Reel]) -> Asked:
    """{(reel, window): verdict} from REEL:WINDOW or, with one reel, WINDOW. Raises ValueError naming the ID."""
    asked: Asked = {}
    for verdict, ids in (("keep", review.keep), ("reject", review.reject), ("", review.undo)):
        for text in ids:
            name, _, window = text.rpartition(":")
            if not window.isdigit() or (not name and len(reels) > 1):
                raise ValueError(f"window {text!r}: expected REEL:WINDOW, with REEL among {[r.name for r in reels]}")
            asked[name or reels[0].name, int(window)] = verdict
    known = {(reel.name, window) for reel in reels for window in read_windows(reel)["window"]} if asked else set()
    unknown = [f"{name}:{window}" for name, window in asked if (name, window) not in known]
    if unknown:
        here = ", ".join(f"{reel.name} ({amount(len(read_windows(reel)), 'window')})" for reel in reels[:10])
        more = f" and {len(reels) - 10} more" if len(reels) > 10 else ""
        raise ValueError(f"no such window: {', '.join(unknown)}; there are {here}{more}, counted from 0")
    return asked


def apply_verdicts(table: pd.DataFrame, reel: Reel, asked: Asked) -> None:
    """Set hand-made verdicts of one reel in place; undo leaves the window without a verdict."""
    for (name, window), verdict in asked.items():
        if name == reel.name:
            entry = [verdict, "by hand", BY_USER, _now()] if verdict else ["", "", "", ""]
            table.loc[table["window"] == window, ["verdict", "reason", "by", "at"]] = entry


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
