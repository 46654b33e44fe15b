"""Following a table while it grows: eval's scores and events, however its rows come."""

import json
import signal
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

import main
from inference.evaluate import evaluate
from inference.follow.records import parts
from inference.scorers.load import load_scorer
from tests.support.live_series import (
    CADENCE_S,
    QUIET,
    WATCHED,
    in_pieces,
    live_parts,
    offline,
    sensors,
    settings,
    trained,
    watched,
)
from tests.support.streams import followed
from tests.support.warm import warm_main


@pytest.fixture(scope="module")
def work(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("series")
    trained(folder)
    watched().to_csv(folder / "watched.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def whole(work):
    """Config, content of the table, and the scores that eval gives it."""
    chosen = settings(work)
    return chosen, (work / "watched.csv").read_bytes(), offline(work / "watched.csv", work / "offline", chosen)


def assert_as_eval(found: np.ndarray, scores: np.ndarray):
    """Sums over other blocks of windows are rounded otherwise."""
    np.testing.assert_allclose(found, scores, rtol=1e-5, atol=1e-5)


def told_of(rows) -> list:
    return list(rows.records)


def take(rows):
    part = rows.source.poll()
    assert part is not None
    rows.take(part)


def lines(path: Path) -> list[dict]:
    (folder,) = path.glob("*/events.jsonl") if path.name == "follow" else [path / "events.jsonl"]
    return [json.loads(line) for part in parts(folder) for line in part.read_text().splitlines()]


@hypothesis_settings(max_examples=8, deadline=None)
@given(cuts=st.lists(st.integers(1, 30_000), max_size=12, unique=True))
def test_scores_are_those_of_eval_however_the_table_comes(work, whole, cuts):
    chosen, content, (reel, scores) = whole
    rows, found = in_pieces(work / "grows.csv", content, sorted(c for c in cuts if c < len(content)), chosen)
    assert len(reel) == WATCHED
    assert not rows.left_out
    assert_as_eval(found, scores)


def test_a_table_that_comes_row_by_row_has_the_scores_of_eval(work, whole):
    chosen, content, (_, scores) = whole
    ends = [i + 1 for i, byte in enumerate(content[:9000]) if byte == 10]
    assert_as_eval(in_pieces(work / "row.csv", content, ends, chosen)[1], scores)


@pytest.mark.parametrize(
    "name", ["kmeans", "window_pca", "matrix_profile", "patches", "iforest", "auto", "trailing_mean"]
)
def test_every_method_for_series_follows(work, name):
    trained(work, name)
    chosen = settings(work, name)
    content = (work / "watched.csv").read_bytes()
    _, scores = offline(work / "watched.csv", work / f"offline_{name}", chosen)
    found = in_pieces(work / "grows.csv", content, [4000, 4001, 12_345, 20_000], chosen)[1]
    assert_as_eval(found, scores)


def test_a_net_follows(work):
    keys = {"train__epochs": 1, "train__warmup_epochs": 0.5, "eval__stride": 4}
    trained(work, "tvnet", **keys)
    chosen = settings(work, "tvnet", **keys)
    _, scores = offline(work / "watched.csv", work / "offline_tvnet", chosen)
    content = (work / "watched.csv").read_bytes()
    assert_as_eval(in_pieces(work / "grows.csv", content, [4000, 4001, 12_345, 20_000], chosen)[1], scores)


def test_a_clock_that_is_set_back_is_told_and_a_file_that_is_written_anew_is_not(work, caplog):
    """Rows that a clock tells twice are left out; which time it has to pass is in the warning."""
    table, path = watched()[:60], work / "clock.csv"
    table.to_csv(path, index=False)
    rows, _ = live_parts(settings(work), path)
    take(rows)
    table.to_csv(path.with_suffix(".new"), index=False)
    path.with_suffix(".new").replace(path)
    take(rows)
    assert rows.source.restarts == 1
    assert sum(rows.left_out.values()) == 60
    assert "set back" not in caplog.text
    more = watched()[60:62]
    pd.concat([more, table[30:45]]).to_csv(path, mode="a", index=False, header=False)
    take(rows)
    rows.source.close()
    assert sum(rows.left_out.values()) == 75
    assert f"was set back; they are left out until it has passed {more['time'].iloc[-1]}.000 again" in caplog.text


def test_gaps_part_what_is_followed_as_they_part_a_reel(work, whole):
    chosen, _, _ = whole
    table = watched().drop(index=[*range(100, 104), *range(109, 140), 300])
    table.to_csv(work / "gaps.csv", index=False)
    reel, scores = offline(work / "gaps.csv", work / "gaps", chosen)
    found = in_pieces(work / "grows.csv", (work / "gaps.csv").read_bytes(), [7000, 7100, 15_000], chosen)[1]
    assert len(reel.gaps) == 2
    assert np.isnan(scores).sum() == 5
    assert_as_eval(found, scores)


def test_events_and_thresholds_are_those_of_eval(work, whole):
    chosen, _, (reel, _) = whole
    (made,) = evaluate(replace(chosen, data_clips=str(reel.path)))
    expected = json.loads((made / "events.json").read_text())
    folder = followed(settings(work, eval__follow=str(work / "watched.csv")))
    told = lines(folder)
    closed = [line for line in told if line["type"] == "closed"]
    assert len(closed) == len(expected["events"]) >= 3
    first_boxes = pd.read_csv(made / "boxes.csv").groupby("parent")["frame"].min()
    starts = pd.read_csv(made / "events.csv").set_index("event")["frame_start"]
    assert (starts > first_boxes).sum() >= 2  # they are placed where their causes are
    for mine, its in zip(closed, expected["events"], strict=True):
        for key, value in its.items():
            if key in ("reel", "config"):  # identities
                continue
            assert mine[key] == (pytest.approx(value, rel=1e-5) if isinstance(value, float) else value), key
        assert mine["variables"]
        assert mine["threshold_low"] == pytest.approx(expected["threshold_low"], rel=1e-5)
    assert [line["event"] for line in told if line["type"] == "open"] == [line["event"] for line in closed]
    assert told[0]["looks_ahead_samples"] == 70
    assert told[0]["looks_ahead_s"] == 70 * CADENCE_S


def test_late_double_and_broken_rows_are_counted_with_their_reasons(work, whole):
    chosen, content, _ = whole
    text = content.decode().splitlines()
    odd = [text[5], "2020-01-01T00:00:00,1,2,3", text[0], "what is this,1,2,3", "1,2,3,4,5,6,7", ""]
    mixed = "\n".join([*text[:200], *odd, *text[200:]]) + "\n"
    rows, found = in_pieces(work / "odd.csv", mixed.encode(), [300, 9000], chosen)
    assert_as_eval(found, whole[2][1])
    assert sum(rows.left_out.values()) == 5
    assert rows.read == WATCHED + 5
    reasons = " ".join(rows.left_out)
    assert "late" in reasons
    assert "names of the columns again" in reasons
    assert "time is missing" in reasons
    assert [kind for kind, _ in told_of(rows)] == ["left_out"] * 5


def test_of_two_rows_of_one_time_the_first_counts(work, whole):
    chosen, content, (_, scores) = whole
    text = content.decode().splitlines()
    doubled = "\n".join([*text[:100], text[99].rsplit(",", 1)[0] + ",99", *text[100:]]) + "\n"
    rows, found = in_pieces(work / "double.csv", doubled.encode(), [6000], chosen)
    assert dict(rows.left_out) == {"same time as another sample": 1}
    assert_as_eval(found, scores)


def test_a_table_that_is_replaced_is_read_to_its_end_and_the_next_from_its_begin(work, whole):
    chosen, content, (_, scores) = whole
    text, path = content.decode().splitlines(keepends=True), work / "rotated.csv"
    path.write_text("".join(text[:250]))
    rows, made = live_parts(chosen, path)
    first = rows.source.poll()
    with path.open("a") as stream:  # its end is written after the last look, and then it is moved away
        stream.write("".join(text[250:300]))
    path.rename(work / "rotated.1.csv")
    path.write_text("".join([text[0], *text[300:]]))
    assert first is not None
    rows.take(first)
    found = list(made.new(0.0))
    for _ in range(4):
        if (part := rows.source.poll()) is not None:
            rows.take(part)
        found += made.new(0.0)
    assert rows.source.restarts == 1
    assert not rows.left_out
    rows.finish()
    rows.source.close()
    found += made.new(0.0)
    assert_as_eval(np.concatenate([part.scores for part in found]), scores)


def test_a_table_that_is_cut_short_begins_anew(work, whole):
    chosen, content, _ = whole
    path = work / "cut.csv"
    path.write_bytes(content)
    rows, _ = live_parts(chosen, path)
    take(rows)
    path.write_text(sensors(40, QUIET + WATCHED).to_csv(index=False))
    take(rows)
    rows.source.close()
    assert rows.source.restarts == 1
    assert rows.read == WATCHED + 40
    assert not rows.left_out


def test_resampled_rows_have_the_scores_of_eval(tmp_path):
    trained(tmp_path, prep__resample_sec=120.0)
    table = watched().drop(index=[50, 51, 52, 53, 90, 91])
    table.to_csv(tmp_path / "watched.csv", index=False)
    chosen = settings(tmp_path, prep__resample_sec=120.0)
    reel, scores = offline(tmp_path / "watched.csv", tmp_path / "offline", chosen)
    content = (tmp_path / "watched.csv").read_bytes()
    found = in_pieces(tmp_path / "grows.csv", content, [5000, 5050, 5100, 16_000], chosen)[1]
    assert len(reel) == WATCHED // 2
    assert_as_eval(found, scores)


def test_who_starts_again_goes_on_where_he_stopped(work, whole):
    _, content, _ = whole
    path = work / "again.csv"
    path.write_bytes(content)
    at_once = lines(followed(settings(work, eval__follow=str(path))))
    path = work / "stops.csv"
    told = []
    for end in (9000, 16_000, len(content)):
        path.write_bytes(content[:end])
        folder = followed(settings(work, eval__follow=str(path)))
        told = lines(folder)
    expected = {line["event"]: line["t_peak"] for line in at_once if line["type"] == "closed"}
    assert {line["event"]: line["t_peak"] for line in told if line["type"] == "closed"} == expected
    assert [line["goes_on_at"] for line in told if line["type"] == "started"][1] > 0
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["rows_read"] == WATCHED
    assert summary["rows_left_out"] == 0


def test_a_model_that_looks_at_a_series_as_a_whole_is_refused_before_the_work(tmp_path, capsys):
    table = tmp_path / "t.csv"
    watched().to_csv(table, index=False)
    where = f"data_clips={tmp_path / 'reels'}", f"model_path={tmp_path / 'run'}"
    code = main.main(
        ["-m", "eval", "-c", "demo/zero_shot.yaml", "--follow", str(table), "--set", where[0], "--set", where[1]]
    )
    assert code != 0
    assert "can't follow" in capsys.readouterr().err
    assert not (tmp_path / "run" / "follow").exists()


def test_variables_that_a_table_lacks_are_named(work, capsys):
    path = work / "other.csv"
    pd.DataFrame({"time": ["2026-03-01T00:00:00"] * 30, "pressure": range(30)}).to_csv(path, index=False)
    code = main.main(["-m", "eval", "-c", str(work / "sub_pca.yaml"), "--follow", str(path)])
    told = capsys.readouterr().err
    assert code != 0
    assert "temperature" in told
    assert "pressure" in told


def test_parts_of_a_long_stretch_are_small(work):
    scorer, _ = load_scorer(work / "sub_pca", "cpu")
    reach = scorer.reach(settings(work).eval)
    assert reach is not None
    assert reach.before == reach.after == 70
    alone = scorer.reach(settings(work, eval__plain_evidence=0.0).eval)
    assert alone is not None
    assert alone.before == alone.after == 15


def test_stand_ins_for_missing_values_are_those_that_prep_found(tmp_path):
    quiet = sensors(QUIET)
    quiet["vibration"] = quiet["vibration"].where(np.arange(QUIET) % 100 != 7, -999.0)
    quiet.to_csv(tmp_path / "quiet.csv", index=False)
    trained(tmp_path)
    table = watched()
    table["vibration"] = table["vibration"].where(~np.isin(np.arange(WATCHED), [33, 150, 151, 400]), -999.0)
    table.to_csv(tmp_path / "watched.csv", index=False)
    chosen = settings(tmp_path)
    _, scores = offline(tmp_path / "watched.csv", tmp_path / "offline", chosen)
    found = in_pieces(tmp_path / "grows.csv", (tmp_path / "watched.csv").read_bytes(), [2000, 9000], chosen)[1]
    assert_as_eval(found, scores)
    assert scores[33] < 3 * np.median(scores[:80])


def jsonl(table: pd.DataFrame) -> bytes:
    """Lines of JSON objects, which hold what was measured."""
    rows = ({k: v for k, v in row.items() if v == v} for row in table.to_dict("records"))
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


@pytest.mark.parametrize("cuts", [[], [500, 501, 30_000]])
def test_json_lines_have_the_scores_of_a_table(work, whole, cuts):
    chosen, _, (_, scores) = whole
    rows, found = in_pieces(work / f"{len(cuts)}.jsonl", jsonl(watched()), cuts, chosen)
    assert_as_eval(found, scores)
    assert not rows.left_out


def test_lines_that_are_no_json_are_counted(work, whole):
    chosen, _, (_, scores) = whole
    text = jsonl(watched()).splitlines(keepends=True)
    content = b"".join([*text[:50], b"what?\n", b"[1, 2]\n", b'{"time": {"a": 1}, "vibration": [2]}\n', *text[50:]])
    rows, found = in_pieces(work / "odd.jsonl", content, [4000], chosen)
    assert_as_eval(found, scores)
    assert sum(rows.left_out.values()) == 3


def test_standard_input_has_the_events_of_the_table(work, whole):
    settings(work)
    words = ["-m", "eval", "-c", str(work / "sub_pca.yaml"), "--follow", "-"]
    done = warm_main().run(*words, given=jsonl(watched()))
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    expected = lines(followed(settings(work, eval__follow=str(work / "watched.csv"))))
    peaks = [[line["t_peak"] for line in some if line["type"] == "closed"] for some in (found, expected)]
    assert peaks[0] == peaks[1]
    assert found[-1]["reason"] == "standard input ended"


def with_an_open_event(work, path):
    """A process that follows a table, as soon as it has told of an event, and the file of what else it says."""
    words = ["-m", "eval", "-c", str(work / "sub_pca.yaml"), "--follow", str(path), "--set", "eval.follow_idle_s=600"]
    said = work / "said.txt"
    with said.open("w") as errors:
        process = warm_main().start(*words, errors=errors.fileno())
    for line in process.stdout:
        if line.startswith("{") and json.loads(line)["type"] == "open":
            return process, said
    raise AssertionError(said.read_text())


def test_a_kill_loses_no_event(work, whole):
    _, content, _ = whole
    settings(work)
    path = work / "killed.csv"
    path.write_bytes(content[:17_000])
    process, _ = with_an_open_event(work, path)
    process.kill()
    process.communicate()
    path.write_bytes(content)
    told = lines(followed(settings(work, eval__follow=str(path))))
    expected = lines(followed(settings(work, eval__follow=str(work / "watched.csv"))))
    peaks = [{line["event"]: line["t_peak"] for line in some if line["type"] == "closed"} for some in (told, expected)]
    assert peaks[0] == peaks[1]


class Gauges(Collector):
    """A service with a sensor of each kind, whose samples go on each time that they are asked for."""

    def __init__(self, table: pd.DataFrame):
        self.rows = iter(table.to_dict("records"))

    def collect(self):
        row = next(self.rows)
        family = GaugeMetricFamily("temp_celsius", "of a place", labels=["zone", "at"])
        family.add_metric(["north", "in"], row["temperature"])
        family.add_metric(["north", "out"], 3.0)  # nobody was trained on it
        yield family
        yield GaugeMetricFamily("vibration", "of the pump", row["vibration"])


def test_the_metrics_of_a_service_are_followed(tmp_path):
    names = {"temperature": 'temp_celsius{at="in",zone="north"}'}
    quiet = sensors(QUIET).drop(columns="c, mixed").rename(columns=names)
    quiet["time"] = np.datetime64("2026-03-01") + np.arange(QUIET) * np.timedelta64(100, "ms")
    quiet.to_csv(tmp_path / "quiet.csv", index=False)
    keys = {"eval__plain_evidence": 0.0, "prep__gap_threshold": 50.0}  # a busy machine asks late
    trained(tmp_path, "window_pca", **keys)
    table = watched()[["temperature", "vibration"]].ffill()
    registry = CollectorRegistry(auto_describe=False)
    table["temperature"] += 50.0 * np.isin(np.arange(WATCHED), [20, 21, 22])
    registry.register(Gauges(table.iloc[:60]))
    server, thread = start_http_server(0, "127.0.0.1", registry)
    address = f"http://127.0.0.1:{server.server_port}/metrics"
    keys |= {"eval__follow": address, "eval__follow_idle_s": 3.0}
    folder = followed(settings(tmp_path, "window_pca", **keys))
    server.shutdown()
    server.server_close()
    thread.join()
    told = lines(folder)
    assert told[-1]["rows_read"] == 60
    opened = [line for line in told if line["type"] == "open"]
    assert opened
    assert opened[0]["variables"].startswith("temp_celsius")


def test_an_interrupt_leaves_what_is_open_to_the_next_start(work, whole):
    _, content, _ = whole
    settings(work)
    path = work / "interrupted.csv"
    path.write_bytes(content[:19_000])
    process, said = with_an_open_event(work, path)
    process.send_signal(signal.SIGINT)
    rest = process.communicate()
    assert json.loads(rest.splitlines()[-1])["reason"] == "interrupted", said.read_text()
    path.write_bytes(content)
    told = lines(followed(settings(work, eval__follow=str(path))))
    expected = lines(followed(settings(work, eval__follow=str(work / "watched.csv"))))
    peaks = [[line["t_peak"] for line in some if line["type"] == "closed"] for some in (told, expected)]
    assert sorted(peaks[0]) == sorted(set(peaks[1]))


def drifting() -> pd.DataFrame:
    """All three sensors drift on, slowly; two faults are no drift."""
    table = sensors(3 * WATCHED, QUIET)
    table.iloc[:, 1:] += np.linspace(0, 1, len(table))[:, None] ** 1.5 * [8, 0.6, 1.2]
    for at in (700, 1300):
        table.loc[at : at + 4, "c, mixed"] -= 9
    return table


def test_a_new_level_is_told_once_and_is_what_eval_tells(work, caplog):
    path = work / "drifts.csv"
    drifting().to_csv(path, index=False)
    chosen = settings(work)
    reel, _ = offline(path, work / "drifting", chosen)
    caplog.set_level("INFO")
    (made,) = evaluate(replace(chosen, data_clips=str(reel.path)))
    summary, events = (json.loads((made / name).read_text()) for name in ("summary.json", "events.json"))
    level, scores = summary["new_level"], pd.read_csv(made / "scores.csv")["max"]
    assert f"a new level since {level['t_start']}" in caplog.text
    assert level["threshold_low"] > summary["threshold_low"]
    assert level["samples"] > 0.5 * (scores > summary["threshold_low"]).sum() > 50
    told = lines(followed(settings(work, eval__follow=str(path))))
    new_levels = [line for line in told if line["type"] == "new_level"]
    assert new_levels[0]["frame"] == level["frame_start"]
    lows = [line["threshold_low"] for line in new_levels]
    assert all(later >= 2 * low for low, later in pairwise(lows))
    closed = [(line["t_start"], line["t_peak"]) for line in told if line["type"] == "closed"]
    assert closed == [(event["t_start"], event["t_peak"]) for event in events["events"]]
    for at in (700, 1300):
        assert any(event["frame_start"] - 8 <= at <= event["frame_end"] + 8 for event in events["events"])


def test_a_new_level_is_not_told_again_by_who_goes_on(work):
    path = work / "drifts_and_stops.csv"
    content = drifting().to_csv(index=False).encode()
    for end in (len(content) * 2 // 3, len(content)):
        path.write_bytes(content[:end])
        folder = followed(settings(work, eval__follow=str(path)))
    path = work / "drifts_at_once.csv"
    path.write_bytes(content)
    at_once = followed(settings(work, eval__follow=str(path)))
    told, expected = ([line["type"] for line in lines(of)].count("new_level") for of in (folder, at_once))
    assert told == expected >= 1
