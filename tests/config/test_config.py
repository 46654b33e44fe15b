"""Settings are loaded strictly: what is misspelt, mistyped or impossible is named with its key and file."""

import dataclasses
import json
import math
import re

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from config import Config, ConfigError, as_dict, dump, from_dict, json_schema, known_keys, load
from tests.support.paths import ROOT


def write(tmp_path, text):
    path = tmp_path / "my.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_config_yaml_holds_every_key_with_its_default():
    assert load(ROOT / "config.yaml") == Config()

    def keys(values, prefix=""):
        for key, value in values.items():
            yield prefix + key
            if isinstance(value, dict) and key != "stretch":
                yield from keys(value, f"{prefix}{key}.")

    shipped = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    assert list(keys(shipped)) == list(keys(as_dict(Config())))


def test_what_is_done_to_values_stays_with_those_who_read_them(tmp_path):
    path = write(tmp_path, "prep: {resize: [8, 8]}\n")
    assert load(path, {"prep.clip_length": 4}).prep.clip_length == 4
    assert load(path).prep == dataclasses.replace(Config().prep, resize=(8, 8))


def test_nothing_given_means_defaults():
    assert load(None) == Config()


def test_an_empty_file_is_refused_as_is_a_list(tmp_path):
    for text in ("", "- 1\n", "just text"):
        with pytest.raises(ConfigError, match=r"my\.yaml: expected sections of settings"):
            load(write(tmp_path, text))


@pytest.mark.parametrize("section", ["prep", "review", "model", "train", "eval", "export"])
def test_a_section_with_comments_alone_says_nothing(tmp_path, section):
    path = write(tmp_path, f"workers: 1\n{section}:\n  # nothing here\n")
    assert load(path) == load(None, {"workers": 1}) == load(path, {}, [f"{section}=null"])
    assert load(path, {}, ["prep.clip_length=16"]).prep.clip_length == 16


def test_paths_begin_as_a_shell_gives_them(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("DATA", "/mnt/data")
    text = "data_raw: ~/raw\ndata_clips: $DATA/reels\nprep: {times_csv: '${DATA}/t.csv', value_columns: [$a$, ~b]}\n"
    found = load(write(tmp_path, text), {"model_path": "~/runs"})
    assert (found.data_raw, found.data_clips, found.model_path) == ("/home/me/raw", "/mnt/data/reels", "/home/me/runs")
    assert found.prep.times_csv == "/mnt/data/t.csv"
    assert found.prep.value_columns == ("$a$", "~b")
    with pytest.raises(ConfigError, match=r"data_clips '\$NOWHERE/x': NOWHERE is not set"):
        load(None, {"data_clips": "$NOWHERE/x"})


def test_a_file_holds_only_what_differs(tmp_path):
    config = load(write(tmp_path, "workers: 1\nprep: {clip_length: 16, mask: [[0, 985, 520, 1024]]}\n"))
    assert (config.workers, config.prep.clip_length, config.prep.stride) == (1, 16, 4)
    assert config.prep.mask == ((0, 985, 520, 1024),)
    assert config.train == Config().train


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("data_clips: s3://bucket/reels", "data_clips 's3://bucket/reels': files are read and written by paths"),
        ("model_path: file:///runs/a", "mount what file:// names"),
        ("prep: {clip_lenght: 16}", "unknown key prep.clip_lenght"),
        ("clip_length: 16", "unknown key clip_length"),
        ("prep: {clip_length: '16'}", "prep.clip_length '16'"),
        ("prep: {clip_length: 16.5}", "prep.clip_length 16.5"),
        ("prep: {clip_length: true}", "prep.clip_length True"),
        ("prep: {clip_length: 1}", "prep.clip_length 1"),
        ("prep: {stride: 0}", "prep.stride 0"),
        ("prep: {resize: [112]}", "prep.resize"),
        ("prep: {resize: [112, 0]}", "prep.resize"),
        ("prep: {precision: float64}", "prep.precision 'float64'"),
        ("prep: {gap_threshold: 1.0}", "prep.gap_threshold 1.0"),
        ("prep: {quality_reject: [32]}", "prep.quality_reject"),
        ("prep: {normalise_exposure: 1}", "prep.normalise_exposure 1"),
        ("prep: {normalise_exposure: 'yes'}", "prep.normalise_exposure 'yes'"),
        ("prep: {min_coverage: 1.5}", "prep.min_coverage 1.5"),
        ("prep: {match_tolerance_sec: -1.0}", "prep.match_tolerance_sec -1.0"),
        ("prep: {saturation_dn: .nan}", "prep.saturation_dn"),
        ("prep: {stretch: {'171': [0.0, 1.0]}}", "prep.stretch"),
        ("prep: {fit_exclude_utc: [[yesterday, today]]}", "prep.fit_exclude_utc"),
        ("prep: {fit_exclude_utc: [['2012-07-19 05:00', '2012-07-19 05:00']]}", "start before end"),
        ("prep: {start_utc: 19.07.2012}", "prep.start_utc"),
        ("prep: {start_utc: '2012-02-30'}", "prep.start_utc '2012-02-30'"),
        ("prep: {mask: [[10, 0, 10, 5]]}", "x0 < x1"),
        ("workers: -1", "workers -1"),
        ("device: gpu", "device 'gpu'"),
        ("train: {lr: 0}", "train.lr 0"),
        ("train: {lr: .inf}", "train.lr"),
        ("train: {weight_decay: 1.0e+300}", "weight_decay 1e+300 times lr 0.001 is 1 or more"),
        ("train: {eta_min: 1.0}", "eta_min 1.0 exceeds lr"),
        ("train: {loss: mae}", "train.loss 'mae'"),
        ("eval: {smooth_px: 1.0e+300}", "eval.smooth_px 1e+300"),
        ("eval: {fps: 1000000000}", "eval.fps 1000000000"),
        ("eval: {threshold_low: 0.1}", "both numbers or both auto"),
        ("eval: {threshold_low: 0.1, threshold_high: 0.05}", "threshold_low 0.1 exceeds threshold_high 0.05"),
        ("model: {stages: [{depth: 1}]}", "model.stages.0.width"),
        ("prep: [", "not valid YAML"),
        # What would fail late, or mean something else:
        ("prep.clip_length: 3", "unknown key prep.clip_length; in a file it is prep: {clip_length: ...}; the"),
        ("train.weak.labels: a", "in a file it is train: {weak: {labels: ...}}; the"),
        ("train: {weak.labels: a}", "in a file it is train: {weak: {labels: ...}}; the"),
        ("seed: 4294967296", "seed 4294967296: Input should be less than or equal to 4294967295"),
        ("workers: 99999999999999999999", "workers 99999999999999999999: Input should be less than or equal to 10000"),
        ("data_clips: ''", "data_clips '': is empty, which would be the folder you work in"),
        ("model_path: '  '", "model_path '  ': is empty"),
        ("train: {exclude_utc: [log.csv]}", "train.exclude_utc.0 'log.csv': Input should be a list"),
    ],
)
def test_impossible_settings_are_named_with_key_and_file(tmp_path, text, message):
    with pytest.raises(ConfigError) as caught:
        load(write(tmp_path, text))
    assert message in str(caught.value)
    assert "my.yaml" in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "train: {exclude_utc: [[2024-01-02, 2024-01-01]]}",
        "train: {exclude_utc: [[2024-01-02, 2024-01-03], 5]}",
        "train: {exclude_utc: [2024-01-02]}",
        "eval: {follow_alarms: [[]]}",
        "eval: {follow_alarms: [[5]]}",
    ],
)
def test_a_list_that_might_be_a_word_is_told_by_what_is_in_it(tmp_path, text):
    """And by no name that pydantic has for a type."""
    with pytest.raises(ConfigError) as caught:
        load(write(tmp_path, text))
    assert re.fullmatch(r"\S+: (train\.exclude_utc|eval\.follow_alarms)(\.\d+)+ [^\n]*", str(caught.value))
    assert not re.search(r"function|[Tt]uple|constrained", str(caught.value))


def test_all_faults_are_told_at_once(tmp_path):
    with pytest.raises(ConfigError) as caught:
        load(write(tmp_path, "prep: {stride: 0, clip_length: 1}\nworkers: -1\n"))
    assert len(str(caught.value).splitlines()) == 3


def test_numbers_and_times_are_read_as_people_write_them(tmp_path):
    text = """
    train: {lr: 1e-3, weight_decay: 1E-5, epochs: 100}
    prep: {fit_exclude_utc: [[2012-07-19 04:00, 2012-07-19T12:00:00.5]], start_utc: 2012-07-19}
    """
    config = load(write(tmp_path, text))
    assert (config.train.lr, config.train.weight_decay) == (1e-3, 1e-5)
    assert config.prep.fit_exclude_utc == (("2012-07-19 04:00", "2012-07-19T12:00:00.5"),)
    assert config.prep.start_utc == "2012-07-19"


@pytest.mark.parametrize("written", ["off", "OFF", '"off"'])
def test_off_is_the_word_that_the_settings_have(tmp_path, written):
    """YAML reads it as false, as it reads it where a switch is meant."""
    text = f"prep: {{register: {written}, movie_only: off}}\ntrain: {{amp: {written}}}\n"
    config = load(write(tmp_path, text))
    assert (config.prep.register, config.prep.movie_only, config.train.amp) == ("off", False, "off")
    assert load(None, {}, ["prep.register=off"]).prep.register == "off"
    with pytest.raises(ConfigError, match="'auto' or 'off'"):
        load(None, {}, ["prep.register=on"])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("train.lr=1e-4", lambda c: c.train.lr == 1e-4),
        ("prep.mask=[[0, 1, 2, 3]]", lambda c: c.prep.mask == ((0, 1, 2, 3),)),
        ("prep.resize=null", lambda c: c.prep.resize is None),
        ("prep.normalise_exposure=false", lambda c: c.prep.normalise_exposure is False),
        ("eval.mode=heatmap", lambda c: c.eval.mode == "heatmap"),
        ("workers=0", lambda c: c.workers == 0),
        ("prep.stretch={'171': [200.0, 7000.0]}", lambda c: c.prep.stretch == {"171": (200.0, 7000.0)}),
        (" seed = 7 ", lambda c: c.seed == 7),
    ],
)
def test_set_is_typed_like_the_yaml(text, value):
    assert value(load(ROOT / "config.yaml", set_=[text]))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("train.lr", r"expected section\.key=value"),
        ("train.speed=1", r"unknown key train\.speed"),
        ("train.lr=fast", r"train\.lr 'fast'"),
        ("seed.deep=1", r"seed is a value, not a section"),
        ("train.lr=[", r"--set train\.lr=\[: not valid YAML"),
    ],
)
def test_wrong_set_is_an_error(text, message):
    with pytest.raises(ConfigError, match=message):
        load(ROOT / "config.yaml", set_=[text])


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("epochs: 3", "train.epochs"),
        ("training: {epochs: 3}", "train"),
        ("prep: {clip_lenght: 16}", "prep.clip_length"),
        ("train: {clip_lenght: 16}", "prep.clip_length"),
        ("eval: {stide: 4}", "eval.stride"),
        ("sed: 1", "seed"),
        ("prep: {sky: {pixel_arsec: 1.0, disc_centre_px: [1, 1]}}", "prep.sky.pixel_arcsec"),
        ("model: {stages: [{widht: 8, width: 8}]}", "model.stages.width"),
        ("model: {kl_weigth: 1.0}", "model.kl_weight"),
        ("clip_length: 8\nstride: 4", "prep.stride or model.stages.stride or eval.stride"),
    ],
)
def test_an_unknown_key_names_the_nearest_known_one(tmp_path, text, meant):
    with pytest.raises(ConfigError) as caught:
        load(write(tmp_path, text))
    assert f"did you mean {meant}" in str(caught.value)


def test_a_key_like_no_other_is_just_unknown(tmp_path):
    with pytest.raises(ConfigError) as caught:
        load(write(tmp_path, "zzzzqqqq: 1"))
    assert "did you mean" not in str(caught.value)


KEYS = known_keys()


@settings(max_examples=25)
@given(st.data())
def test_a_key_with_one_letter_left_out_is_found(data):
    key = data.draw(st.sampled_from([key for key in KEYS if "." in key and len(key.rpartition(".")[2]) > 6]))
    at = data.draw(st.integers(len(key) - 5, len(key) - 1))
    misspelt = key[:at] + key[at + 1 :]
    if misspelt in KEYS or "stages." in key or "zones." in key or key.startswith("prep.sky."):
        return
    with pytest.raises(ConfigError) as caught:
        load(None, set_=[f"{misspelt}=1"])
    assert key in str(caught.value).partition("did you mean ")[2]


def test_every_fault_names_where_it_was_given(tmp_path):
    path = write(tmp_path, "prep: {stride: 0}\ntrain: {eta_min: 2.0}\n")
    with pytest.raises(ConfigError) as caught:
        load(path, {"seed": -1}, ["prep.clip_length=1", "train.lr=1.5", "workers=two"])
    lines = str(caught.value).splitlines()
    assert f"{path}: prep.stride 0: Input should be greater than 0" in lines
    assert "--set prep.clip_length=1: prep.clip_length 1: Input should be greater than or equal to 2" in lines
    assert "command line: seed -1: Input should be greater than or equal to 0" in lines
    assert "--set workers=two: workers 'two': Input should be a valid integer" in lines
    assert f"{path}, --set train.lr=1.5: train: eta_min 2.0 exceeds lr 1.5" in lines


def test_what_may_be_this_or_that_is_one_fault(tmp_path):
    with pytest.raises(ConfigError) as caught:
        load(write(tmp_path, "eval: {threshold_low: much}"))
    (line,) = str(caught.value).splitlines()
    assert line.endswith("eval.threshold_low 'much': Input should be a valid number, or Input should be 'auto'")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "train:\n\tlr: 2\n",
            "line 2, column 1: not valid YAML: found character '\\t' that cannot start any token; indent",
        ),
        ("train:\n  lr 2\n  epochs: 7\n", "a colon may be missing in the line before"),
        ("train:\n  lr: 2\ntrain:\n  epochs: 7\n", "line 3, column 1: not valid YAML: train comes twice"),
    ],
)
def test_yaml_that_is_none_names_line_and_cure(tmp_path, text, message):
    with pytest.raises(ConfigError) as caught:
        load(write(tmp_path, text))
    assert message in str(caught.value)


@pytest.mark.parametrize("text", ["010", "1:30", "0o10", "0b1", "08"])
def test_what_yaml_reads_as_another_number_is_none(tmp_path, text):
    """In YAML 1.1 010 is 8 and 1:30 is 90: nobody who writes a setting means that."""
    with pytest.raises(ConfigError, match=f"prep.clip_length '{text}': Input should be a valid integer"):
        load(write(tmp_path, f"prep: {{clip_length: {text}}}"))
    with pytest.raises(ConfigError, match=f"prep.sample_interval_sec '{text}': Input should be a valid number"):
        load(write(tmp_path, f"prep: {{sample_interval_sec: {text}}}"))


def test_files_that_are_no_text_are_refused(tmp_path):
    (tmp_path / "my.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match=r"my\.yaml: no text in UTF-8"):
        load(tmp_path / "my.yaml")
    with pytest.raises(ConfigError, match="is no file"):
        load(tmp_path)


def test_known_keys_are_those_that_a_config_has():
    def keys(values, prefix=""):
        for key, value in values.items():
            yield prefix + key
            if isinstance(value, dict) and key not in ("stretch", "shapes", "sensors", "anomalies"):
                yield from keys(value, f"{prefix}{key}.")

    assert set(keys(as_dict(Config()))) <= set(known_keys())
    assert "model.kl_weight" in known_keys()  # of a model that is not the default


def test_the_schema_for_editors_is_up_to_date():
    kept = json.loads((ROOT / "docs" / "config.schema.json").read_text(encoding="utf-8"))
    assert kept == json_schema(), "refresh it with: python main.py --schema > docs/config.schema.json"


def test_the_last_word_is_the_override_then_set_then_the_file(tmp_path):
    path = write(tmp_path, "seed: 1\nworkers: 1\ntrain: {epochs: 30}\n")
    config = load(path, {"seed": 3}, ["seed=2", "workers=2"])
    assert (config.seed, config.workers, config.train.epochs) == (3, 2, 30)


def test_a_missing_file_says_how_to_give_one(tmp_path):
    with pytest.raises(ConfigError, match="-c/--config"):
        load(tmp_path / "none.yaml")


def test_settings_can_not_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Config().seed = 1


@settings(max_examples=20, deadline=None)
@given(
    st.fixed_dictionaries(
        {
            "seed": st.integers(0, 2**32 - 1),
            "prep": st.fixed_dictionaries(
                {
                    "clip_length": st.integers(2, 999),
                    "min_coverage": st.floats(0, 1),
                    "resize": st.none() | st.tuples(st.integers(1, 9), st.integers(1, 9)).map(list),
                    "wavelengths": st.lists(st.integers(1, 9999), max_size=4),
                    "stretch": st.dictionaries(st.text(max_size=5), st.just([1.5, 2e300]), max_size=3),
                    "start_utc": st.none() | st.just("2012-07-19 04:00"),
                }
            ),
        }
    )
)
def test_what_is_dumped_loads_to_the_same(tmp_path_factory, raw):
    config = from_dict(raw, "test")
    assert load(write(tmp_path_factory.mktemp("c"), dump(config))) == config
    assert from_dict(as_dict(config), "test") == config


def number_keys():
    """Settings of the sections that take numbers, alone or in lists."""
    schema = json_schema()
    for name, part in schema["properties"].items():
        section = schema["$defs"].get(part.get("$ref", "").split("/")[-1], {})
        for key, own in section.get("properties", {}).items():
            if '"number"' in json.dumps(own):
                yield f"{name}.{key}"


@pytest.mark.parametrize("key", sorted(number_keys()))
def test_no_setting_is_infinite_or_no_number(key):
    """JSON of reels and runs has neither, so a reel would fail when it is made."""
    for value in (math.inf, math.nan):
        for some in (value, [value], [value, 1.0, 1.0]):
            with pytest.raises(ConfigError):
                load(None, {key: some})
