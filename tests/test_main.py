"""The command line: flags reach their settings, mistakes have an exit code and a message, shipped settings load."""

import json
import subprocess
import sys
import tomllib

import pytest

import main as program
from config import Config, load
from data.frames.workers import fork_server
from tests.support.paths import ROOT
from tests.support.reels import drifting_blobs, make_reel


def shipped_yaml():
    """Every YAML file that git tracks or that lies where git would track it."""
    try:
        command = ["git", "ls-files", "*.yaml", "*.yml"]
        listing = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        tracked = [ROOT / line for line in listing.stdout.splitlines()]
    except (OSError, subprocess.CalledProcessError):  # a source archive without git
        tracked = []
    found = [p for p in {*tracked, *ROOT.glob("*.yaml"), *ROOT.glob("demo/*.yaml")} if p.is_file()]
    return sorted(p for p in found if not p.relative_to(ROOT).parts[0].startswith("."))  # leave out those of tools


def test_there_are_shipped_settings():
    assert {"config.yaml", "demo/demo.yaml"} <= {p.relative_to(ROOT).as_posix() for p in shipped_yaml()}


@pytest.mark.parametrize("path", shipped_yaml(), ids=lambda p: p.relative_to(ROOT).as_posix())
def test_every_shipped_yaml_loads(path):
    assert isinstance(load(path), Config)


def config_of(*arguments):
    parsed = program.parser().parse_args(arguments)
    return load(ROOT / "config.yaml", program.overrides(parsed), parsed.set)


@pytest.mark.parametrize(
    ("arguments", "value"),
    [
        (["--data-raw", "in"], lambda c: c.data_raw == "in"),
        (["--data-clips", "out"], lambda c: c.data_clips == "out"),
        (["--model-path", "run"], lambda c: c.model_path == "run"),
        (["--workers", "0"], lambda c: c.workers == 0),
        (["-d", "cuda:1"], lambda c: c.device == "cuda:1"),
        (["--seed", "0"], lambda c: c.seed == 0),
        (["--resume"], lambda c: c.train.resume is True),
        (["--tensorboard"], lambda c: c.train.tensorboard is True),
        (["--eval-mode", "heatmap"], lambda c: c.eval.mode == "heatmap"),
        (["--eval-diagnostic"], lambda c: c.eval.diagnostic is True),
        (["--keep", "a:1", "b:2"], lambda c: c.review.keep == ("a:1", "b:2")),
        (["--set", "train.epochs=20", "--set", "seed=3"], lambda c: (c.train.epochs, c.seed) == (20, 3)),
        (["--set", "seed=3", "--seed", "4"], lambda c: c.seed == 4),
        (["-m", "prep", "--movie_only"], lambda c: c.prep.movie_only and not c.eval.movie_only),
        (["-m", "eval", "--movie", "off"], lambda c: not c.eval.movie),
        (["-m", "eval", "--movie", "on"], lambda c: c.eval.movie),
        (["-m", "eval", "--movie-only"], lambda c: c.eval.movie_only and not c.prep.movie_only),
    ],
)
def test_flags_reach_their_settings(arguments, value):
    assert value(config_of(*arguments))


@pytest.mark.parametrize(
    ("yaml", "flags", "begins"),
    [
        ("{}", [], True),
        ("workers: 1", [], False),
        ("workers: 1", ["--workers", "2"], True),
        ("workers: many", [], False),
        ("workers: [", [], True),
        ("cluster: local", [], False),
        ("{}", ["--cluster", "local"], False),
        ("{}", ["--workers", "0"], False),
    ],
)
def test_what_workers_need_is_loaded_early_where_there_will_be_some(yaml, flags, begins, tmp_path, monkeypatch):
    begun = []
    monkeypatch.setattr(fork_server, "context_with", begun.append)
    (tmp_path / "config.yaml").write_text(yaml)
    program.load_for_workers(program.parser().parse_args(["-m", "prep", *flags]), tmp_path / "config.yaml")
    assert begun == ["data.frames.workers.preloaded"] * begins


def test_no_flag_changes_nothing():
    assert config_of() == Config()


def test_every_flag_is_a_setting_that_exists():
    for flag, key in program.FLAGS.items():
        section = Config()
        for name in key.split("."):
            assert hasattr(section, name), f"{flag} sets {key}"
            section = getattr(section, name)


def test_switches_take_no_value(capsys):
    """`--resume False` must not mean True."""
    for switch in ("--resume", "--tensorboard", "--eval-diagnostic", "--movie_only"):
        with pytest.raises(SystemExit) as ended:
            program.main(["-m", "prep", switch, "False"])
        assert ended.value.code == 2
        assert "False" in capsys.readouterr().err


def test_alone_it_shows_every_mode_with_an_example(capsys):
    assert program.main([]) == 2
    text = capsys.readouterr().out
    for mode in program.MODES:
        assert f"python main.py -m {mode}" in text


def run(*arguments, cwd=ROOT):
    command = [sys.executable, str(ROOT / "main.py"), *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120)


def test_bad_settings_end_with_2_and_name_the_key(tmp_path):
    bad = tmp_path / "bad.yaml"
    bad.write_text("prep: {clip_lenght: 16}\n")
    done = run("-m", "prep", "-c", bad)
    assert done.returncode == 2
    assert "unknown key prep.clip_lenght" in done.stderr
    assert "bad.yaml" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-m", "dance"], "invalid choice: 'dance'"),
        (["-m", "prep", "--set", "prep.stride=0"], "prep.stride 0"),
        (["-m", "prep", "--shard", "3/2"], "config.yaml, command line: shard 3/2 is none: they are 1/2 to 2/2"),
        (["-m", "prep", "-c", "none.yaml"], "none.yaml does not exist"),
        (["-m", "prep", "--workers", "two"], "invalid int value: 'two'"),
    ],
)
def test_wrong_usage_ends_with_2(arguments, message, capsys):
    try:
        code = program.main(arguments)
    except SystemExit as ended:
        code = ended.code
    assert code == 2
    assert message in capsys.readouterr().err


def test_failures_end_with_1_and_a_message(tmp_path, capsys):
    base = ["-c", str(ROOT / "config.yaml"), "--data-raw", str(tmp_path / "none"), "--data-clips", str(tmp_path)]
    assert program.main(["-m", "prep", *base]) == 1
    told = capsys.readouterr().err
    assert "--data-raw" in told
    assert "the folder you work in" not in told
    assert program.main(["-m", "review", *base]) == 1
    assert "no reel in" in capsys.readouterr().err


def test_a_relative_path_that_leads_nowhere_says_from_where(tmp_path, monkeypatch, capsys):
    """A file of settings from another folder has paths that are not from there."""
    monkeypatch.chdir(tmp_path)
    assert program.main(["-m", "prep", "-c", str(ROOT / "config.yaml"), "--data-raw", "../none"]) == 1
    told = capsys.readouterr().err
    assert f"../none does not exist; name a file or folder to prepare with --data-raw (paths are from {tmp_path}," in (
        told
    )


def test_settings_are_those_of_the_folder_one_works_in_else_the_programs_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert program.default_config() == ROOT / "config.yaml"
    (tmp_path / "config.yaml").write_text("seed: 5\n")
    assert load(program.default_config()).seed == 5


def test_an_unknown_model_is_refused_with_all_that_are_known(tmp_path, capsys):
    make_reel(tmp_path / "r", drifting_blobs(40, 16, 16))
    code = program.main(["-m", "train", "--data-clips", str(tmp_path), "--set", "model.name=magic"])
    error = capsys.readouterr().err
    assert code == 2
    assert all(name in error for name in ("magic", "autoencoder", "prediction", "flow", "expected"))


def test_version_is_that_of_the_project_and_its_commit(capsys):
    assert program.main(["--version"]) == 0
    said = capsys.readouterr().out
    about = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert said.startswith(about["project"]["version"])
    git = subprocess.run(["git", "-C", str(ROOT), "rev-parse", "HEAD"], capture_output=True, text=True)
    if git.returncode == 0:
        assert git.stdout.strip() in said


def test_the_schema_is_printed(capsys):
    assert program.main(["--schema"]) == 0
    assert json.loads(capsys.readouterr().out)["properties"]["seed"]["minimum"] == 0


def test_it_says_which_settings_it_takes(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert program.main(["-m", "review", "--data-clips", "none"]) == 1
    assert f"settings: {ROOT / 'config.yaml'}\n" in capsys.readouterr().err


def test_settings_of_something_else_in_the_folder_are_told(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_text("services: {web: {port: 80}}\n")
    assert program.main(["-m", "review"]) == 2
    said = capsys.readouterr().err
    assert "config.yaml: unknown key services" in said
    assert f"was taken because it lies in the folder you work in; choose another with -c, e.g. -c {ROOT}" in said
    assert program.main(["-m", "review", "-c", "config.yaml"]) == 2
    assert "was taken because" not in capsys.readouterr().err
    (tmp_path / "config.yaml").write_text("seed: 5\n")
    assert program.main(["-m", "review", "--set", "sed=5"]) == 2
    assert "was taken because" not in capsys.readouterr().err


def test_one_set_takes_several_settings():
    several = program.parser().parse_args(["-m", "prep", "--set", "seed=3", "prep.stride=2", "--set", "prep.crop=null"])
    assert several.set == ["seed=3", "prep.stride=2", "prep.crop=null"]


def test_a_value_that_the_shell_has_split_is_told(capsys):
    with pytest.raises(SystemExit):
        program.main(["-m", "prep", "--set", "prep.resize=[64,", "64]"])
    assert "unrecognized arguments: 64]; a value with spaces needs quotes" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flag", "name"), [("--data-raw", "--data-raw"), ("-c", "--config"), ("--keep", "--keep"), ("--follow", "--follow")]
)
def test_a_value_that_looks_like_an_option_has_a_way_out(flag, name, capsys):
    with pytest.raises(SystemExit) as ended:
        program.main(["-m", "prep", flag, "-gate.mp4"])
    (line,) = capsys.readouterr().err.splitlines()
    assert (ended.value.code, f"is given as {name}=-VALUE" in line) == (2, True)
    given = getattr(program.parser().parse_args([f"{name}=-gate.mp4"]), name.strip("-").replace("-", "_"))
    assert given in ("-gate.mp4", ["-gate.mp4"])


# Every flag that is of some modes alone, with a value, and these modes.
OF_SOME_MODES = [
    ("--resume", "train"), ("--tensorboard", "train"), ("--eval-mode boxes", "eval"), ("--eval-diagnostic", "eval"),
    ("--follow x.ts", "eval"), ("--keep 1", "review"), ("--reject 1", "review"), ("--undo 1", "review"),
    ("--serve", "review"), ("--port 8000", "review"), ("--format onnx", "export"), ("--precision int8", "export"),
    ("--prune 0.5", "export"), ("--allow-partial", "prep"), ("--verify", "prep"), ("--movie off", "eval"),
    ("--movie_only", "prep eval"), ("--shard 1/2", "prep eval"), ("--join", "prep eval"),
]  # fmt: skip


@pytest.mark.parametrize("mode", program.MODES)
@pytest.mark.parametrize(("flag", "modes"), OF_SOME_MODES)
def test_a_flag_of_another_mode_is_told(flag, modes, mode):
    told = program.without_effect(program.parser().parse_args(["-m", mode, *flag.split()]))
    assert len(told) == (mode not in modes.split())
    assert all(line.startswith(f"{flag.split()[0]} is for {modes.replace(' ', ' and ')}, ") for line in told)


def test_that_a_flag_changes_nothing_is_a_warning(tmp_path, capsys):
    given = ["-m", "review", "-c", str(ROOT / "config.yaml"), "--data-clips", str(tmp_path), "--resume", "--seed", "1"]
    assert program.main(given) == 1
    assert "warning: --resume is for train, and changes nothing here (review)\n" in capsys.readouterr().err


def test_flags_of_all_modes_and_of_some_are_all():
    of_some = {flag.split()[0].strip("-").replace("-", "_") for flag, _ in OF_SOME_MODES}
    assert {*program.FLAGS, "movie", "movie_only"} - of_some == {
        "data_raw", "data_clips", "model_path", "workers", "cluster", "device", "seed"
    }  # fmt: skip


def test_without_a_mode_the_modes_are_named(capsys):
    assert program.main([]) == 2
    assert "choose what to do with -m: prep, review, train, eval" in capsys.readouterr().err
