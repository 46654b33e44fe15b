"""Settings of one kind of input, and paths: said before work where they change nothing, or lead nowhere."""

from dataclasses import fields, replace
from itertools import chain

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import main
from config import Config, EvalConfig, PrepConfig, load
from config.of_inputs import COUNTS, FRAMES, ONLY_FOR, SERIES, kinds_of, of_no_use
from config.paths import OF_FILES, not_there
from inference.evaluate import of_no_use_to
from tests.support.paths import ROOT
from tests.support.reels import drifting_blobs, make_reel

SECTIONS = {"prep": PrepConfig, "eval": EvalConfig}
NAMES = {section: sorted(chain.from_iterable(kinds.values())) for section, kinds in ONLY_FOR.items()}


@pytest.mark.parametrize("section", SECTIONS)
def test_settings_are_named_once_and_exist(section):
    known = [field.name for field in fields(SECTIONS[section])]
    assert set(NAMES[section]) <= set(known)
    assert len(set(NAMES[section])) == len(NAMES[section])
    assert set(OF_FILES[section]) <= set(known)


@given(st.sampled_from(list(SECTIONS)), st.sets(st.sampled_from([FRAMES, COUNTS, SERIES])), st.data())
def test_a_setting_is_told_where_no_input_is_of_its_kind_and_nowhere_else(section, kinds, data):
    name = data.draw(st.sampled_from(NAMES[section]))
    settings = SECTIONS[section]()
    object.__setattr__(settings, name, object())  # whatever it is, it is not the default
    told = of_no_use(section, settings, [[kind] for kind in sorted(kinds)])
    (owner,) = [kind for kind, names in ONLY_FOR[section].items() if name in names]
    assert (f"{section}.{name} (for {owner})" in told) == (bool(kinds) and owner not in kinds)
    assert bool(told) == (bool(kinds) and owner not in kinds)
    assert of_no_use(section, SECTIONS[section](), [[kind] for kind in kinds]) == ""


def test_no_more_inputs_are_looked_at_than_are_needed():
    looked = []
    settings = replace(EvalConfig(), smooth_px=3.0)
    inputs = (looked.append(kind) or [kind] for kind in (SERIES, FRAMES, FRAMES))
    assert of_no_use("eval", settings, inputs) == ""
    assert looked == [SERIES, FRAMES]
    of_no_use("eval", EvalConfig(), (looked.append(kind) or [kind] for kind in (FRAMES,)))
    assert looked == [SERIES, FRAMES]


RECIPES = {"demo": False, "video": False, "sun": False, "lasco_c2": False, "aia_193_2012-07-19": False}
RECIPES |= {"goes": True, "series": True, "series_net": True, "zero_shot": True, "forecast": True}


@pytest.mark.parametrize(("recipe", "is_series"), RECIPES.items())
def test_recipes_have_no_such_settings(recipe, is_series):
    settings = load(ROOT / "demo" / f"{recipe}.yaml").eval
    assert of_no_use("eval", settings, [kinds_of(is_series)]) == ""


def pictures(folder, number=20):
    folder.mkdir(parents=True)
    for i, frame in enumerate(drifting_blobs(number, 16, 16)):
        cv2.imwrite(str(folder / f"{i:03d}.png"), (255 * np.clip(frame[0], 0, 1)).astype(np.uint8))


def test_prep_says_it_once_and_so_does_its_check(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    pictures(tmp_path / "raw" / "cam")
    chosen = ["--set", "prep.resample_sec=10", "--set", "prep.quality_reject=[3]", "--set", "prep.resize=[16, 16]"]
    base = ["-m", "prep", "--data-raw", "raw", "--data-clips", "out", "--set", "prep.clip_length=8", *chosen]
    line = f"change nothing: prep.quality_reject (for {COUNTS}); prep.resample_sec (for {SERIES})"
    assert main.main(["--check", *base]) == 0
    assert capsys.readouterr().out.count(line) == 1
    assert main.main([*base, "--workers", "0"]) == 0
    assert capsys.readouterr().err.count(line) == 1
    (tmp_path / "raw" / "pump.csv").write_text("time,flow\n" + "".join(f"{i},{i % 7}\n" for i in range(80)))
    assert main.main(["--check", *base]) == 0
    told = capsys.readouterr().out
    assert "resample_sec (" not in told
    assert f"prep.quality_reject (for {COUNTS})" in told


def test_reels_of_several_kinds_have_a_use_for_all(tmp_path):
    make_reel(tmp_path / "film", drifting_blobs(20), 1.0)
    both = replace(EvalConfig(), plain_evidence=0.0, smooth_px=2.0)
    assert of_no_use_to(both, str(tmp_path)).endswith(f"eval.plain_evidence (for {SERIES})")
    make_reel(tmp_path / "series", np.zeros((20, 2, 1, 1), np.float32), 1.0)
    assert of_no_use_to(both, str(tmp_path)) == ""


@pytest.mark.parametrize("name", OF_FILES["eval"])
def test_paths_that_lead_nowhere_are_told_with_their_setting(tmp_path, name):
    there, gone = str(tmp_path), str(tmp_path / "none")
    settings = EvalConfig()
    assert not_there("eval", settings) == []
    for path, count in ((there, 0), (gone, 1), ("", 1)):
        value = (path,) if name == "joint" else path
        told = not_there("eval", replace(settings, **{name: value}))
        assert len(told) == count
        assert all(f"eval.{name} {path!r} does not exist" in line for line in told)
    assert not_there("eval", replace(settings, catalog="hek")) == []


def test_a_config_of_its_own_is_never_told_of():
    config = Config()
    for section in SECTIONS:
        assert of_no_use(section, getattr(config, section), [[SERIES], [FRAMES]]) == ""
