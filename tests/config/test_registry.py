"""Each model has settings of its own: what another one has is refused by name, and config.yaml says who has what."""

import json
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

import models
from config import Config, ConfigError, ModelConfig, NetConfig, TrainConfig, as_dict, dump, from_dict, load, registry
from config.lazily import Lazily
from inference.methods import FOR_SERIES, METHODS, for_pictures
from inference.methods.series.base import SeriesMethod
from models import MODELS, settings_class
from models import SETTINGS as SETTINGS_APART
from models.losses.reconstruction import LOSSES
from models.losses.weak import WEAK_LOSSES
from models.series.series_model import SeriesModel
from models.settings import labelled
from models.settings.pixel_net import PIXEL_LOSSES
from tests.support.paths import ROOT

CLASSES = registry.config_classes()
SETTINGS = sorted({key for known in CLASSES.values() for key in registry.settings_of(known)})
# Values other than the default of any model.
OTHER: dict[str, Any] = {
    "patch": [2, 2, 2], "stages": [{"width": 8}], "latent_channels": 3, "kl_weight": 0.5, "memory_slots": 7,
    "memory_shrink": 0.5, "memory_entropy": 0.5, "mask_fraction": 0.5, "mask_block": [3, 3, 3], "predict_frames": 2,
    "mix_variables": False, "instance_norm": False, "top_periods": 2, "pooling": "max", "top_fraction": 0.5,
    "members": 2, "branches": "visual", "router": False, "context": "past", "target": "change",
    "backgrounds": [[1, 2]], "judged_by": "time", "longest_s": 60.0, "blur_px": [0.5, 2.0], "signs": "dimming",
}  # fmt: skip
OTHER_TRAIN: dict[str, Any] = {
    "batch_size": 3, "drop_last": False, "lr": 0.5, "weight_decay": 0.5, "epochs": 7, "warmup_epochs": 0.5,
    "eta_min": 1e-4, "checkpoint_interval": 3, "loss": "l1", "weak": {"splice": 0.5}, "synthetic": {"length": 128},
    "init": "shipped", "contrast_weight": 0.5, "balance_weight": 0.5, "grad_clip": 0.5, "amp": "off",
    "val_fraction": 0.5, "val_reels": ["a"], "exclude_utc": [["2012-07-19", "2012-07-20"]],
    "exclude_flares": "flares.csv", "exclude_class": "M1.0", "early_stop_epochs": 3,
    "each_reel": True, "resume": True, "tensorboard": True,
}  # fmt: skip


def chosen(name: str, **settings: Any) -> dict[str, Any]:
    """A config of this model that loads: wetas has no use for the default loss."""
    train = {"loss": "weak_bce"} if "weak" in CLASSES[name].uses else {}
    return {"model": {"name": name, **settings}, "train": train}


@given(st.sampled_from(sorted(CLASSES)), st.sampled_from(SETTINGS))
def test_a_setting_is_the_models_own_or_refused_with_those_that_have_it(name, key):
    own, task = CLASSES[name], CLASSES[name].of_task.get(key)
    raw = chosen(name, **{key: OTHER[key]}, **({"task": task} if task else {}))
    if key in registry.settings_of(own):
        assert as_dict(from_dict(raw, "test"))["model"][key] != registry.settings_of(own)[key]
        return
    owners = [other for other, known in CLASSES.items() if key in registry.settings_of(known)]
    with pytest.raises(ConfigError) as caught:
        from_dict(raw, "my.yaml")
    assert str(caught.value).startswith(f"my.yaml: model.{key} {OTHER[key]!r}: is a setting of {', '.join(owners)}; ")
    assert f"{name} has {', '.join(registry.settings_of(own)) or 'none of its own'}" in str(caught.value)


@given(st.sampled_from(sorted(CLASSES)), st.sampled_from(sorted(OTHER_TRAIN)))
def test_so_is_a_setting_of_train(name, key):
    raw = chosen(name)
    uses = key in CLASSES[name].uses
    if key == "loss" and uses:
        raw["train"]["loss"] = CLASSES[name].losses[1]
    else:
        raw["train"][key] = OTHER_TRAIN[key]
    if uses:
        assert as_dict(from_dict(raw, "test"))["train"][key] != as_dict(Config())["train"][key]
        return
    with pytest.raises(ConfigError, match=rf"train\.{key}.*: {name} does not use it; it is a setting for ") as caught:
        from_dict(raw, "test")
    users = [other for other, known in CLASSES.items() if key in known.uses and (key != "loss" or "l1" in known.losses)]
    assert str(caught.value).endswith(f" {', '.join(users)}")


def test_the_values_above_are_of_every_setting():
    assert set(OTHER) == set(SETTINGS)
    assert set(OTHER_TRAIN) == {f.name for f in fields(TrainConfig)} == {u for c in CLASSES.values() for u in c.uses}


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_defaults_of_others_are_no_fault_and_what_is_dumped_loads_again(name):
    """As in a config that lists every setting, or that of a run from before models had settings of their own."""
    bag = {key: value for known in CLASSES.values() for key, value in registry.settings_of(known).items()}
    raw = chosen(name, **bag)
    config = from_dict(raw, "test")
    assert as_dict(config)["model"] == {"name": name, "task": config.model.task} | registry.settings_of(CLASSES[name])
    assert from_dict(yaml.safe_load(dump(config)), "test") == config


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_a_run_is_read_whatever_was_set_in_vain_in_it(name):
    raw = chosen(name, **OTHER)
    raw["train"] = OTHER_TRAIN | raw["train"]
    found = as_dict(from_dict(registry.without_unused(raw), "run"))
    own, default = CLASSES[name], as_dict(from_dict(chosen(name), "test"))
    of_default_task = [key for key in registry.settings_of(own) if key not in own.of_task]
    for key in of_default_task:
        assert found["model"][key] != default["model"][key]
    assert {key for key in OTHER_TRAIN if found["train"][key] != default["train"][key]} <= set(own.uses)


def test_what_was_never_a_setting_stays_an_error_in_a_run_too():
    with pytest.raises(ConfigError, match=r"unknown key model\.depth"):
        from_dict(registry.without_unused({"model": {"name": "autoencoder", "depth": 3}, "train": {}}), "run")


def test_a_setting_of_another_task_is_refused():
    with pytest.raises(ConfigError, match=r"model\.predict_frames 24: is for task forecast; this is task anomaly"):
        load(None, {"model.name": "tvnet", "model.predict_frames": 24})


def test_an_unknown_model_or_part_of_a_mix_lists_the_known_ones():
    with pytest.raises(ConfigError) as caught:
        load(None, {"model.name": "yan2021"})
    known = f"known are nets {', '.join(MODELS)}; methods of one step {', '.join(METHODS)}"
    assert str(caught.value) == f"command line: model.name 'yan2021': is unknown; {known}"
    with pytest.raises(ConfigError, match=r"eval\.mix\.0 'flux': is unknown; known are standardised, .*flow"):
        load(None, {"eval.mix": ["flux"]})


def test_a_training_shorter_than_the_default_warm_up_is_no_fault():
    assert load(None, {"train.epochs": 1}).train.warmup_epochs == 5.0


def test_a_model_section_is_a_section():
    with pytest.raises(ConfigError, match="model 3: expected a section of settings"):
        load(None, {"model": 3})
    assert Config(model=ModelConfig("difference")).model == ModelConfig("difference")


def test_the_config_alone_brings_no_torch():
    """The worker processes of prep import it, and no more."""
    done = subprocess.run([sys.executable, "-c", "import config, sys; print('torch' in sys.modules)"], cwd=ROOT,
                          capture_output=True, text=True, check=True)  # fmt: skip
    assert done.stdout.strip() == "False"


def test_the_json_schema_is_a_union_by_name():
    schema = TypeAdapter(Config).json_schema()
    branches = schema["properties"]["model"]["anyOf"]
    assert [branch["properties"]["name"] for branch in branches] == [{"const": name} for name in CLASSES]
    for branch, known in zip(branches, CLASSES.values(), strict=True):
        assert set(branch["properties"]) == {"name", "task", *registry.settings_of(known)}
        assert branch["additionalProperties"] is False
    assert set(re.findall(r"#/\$defs/(\w+)", json.dumps(schema))) == set(schema["$defs"])


# What config.yaml says in its comments: "key: default  # names: text", further lines of a comment below each other.
TEXT = (ROOT / "config.yaml").read_text(encoding="utf-8")
LINE = re.compile(r"^  (?:# )?(\w+): (.*?) +# (.*(?:\n {20,}# .*)*)$", re.M)


def section(name: str) -> dict[str, tuple[str, str]]:
    """Setting -> its default and its comment, of the first level of a section."""
    text = re.search(rf"^{name}:\n((?: .*\n|\n|#.*\n)*)", TEXT, re.M).group(1)
    return {key: (value, re.sub(r"\n +# ", " ", comment)) for key, value, comment in LINE.findall(text)}


def names_in(comment: str) -> list[str]:
    return comment.split(":")[0].split(", ")


@pytest.mark.parametrize("key", SETTINGS)
def test_config_yaml_says_who_has_a_setting_and_its_default(key):
    value, comment = section("model")[key]
    owners = [name for name, known in CLASSES.items() if key in registry.settings_of(known)]
    assert names_in(comment) == owners
    owner = {"model.name": owners[0], **({"train.loss": "weak_bce"} if owners[0] == "wetas" else {})}
    assert load(None, owner, [f"model.{key}={value}"]) == load(None, owner)


def test_recipes_load_without_what_nets_and_pictures_need():
    recipes = [f"demo/{name}.yaml" for name in ("series", "sun", "video", "series_net", "weak", "zero_shot")]
    nets = [{"name": name} for name in MODELS if "mse" in CLASSES[name].losses]
    loaded = f"[config.load(recipe) for recipe in {recipes}], [config.load(None, {{'model': net}}) for net in {nets}]"
    code = f"import config, sys; {loaded}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not {"torch", "sklearn", "matplotlib", "astropy", "av", "scipy.stats"} & set(done.stdout.split())


def test_the_settings_of_nets_are_known_apart_from_them():
    assert {name: settings_class(name) for name in MODELS} == {name: net.Config for name, net in MODELS.items()}
    assert list(SETTINGS_APART) == list(MODELS)
    assert (tuple(LOSSES), tuple(WEAK_LOSSES)) == (PIXEL_LOSSES, labelled.WEAK_LOSSES)


def test_another_net_in_the_place_of_one_says_its_settings_itself(monkeypatch):
    class Toy:
        Config = ModelConfig

    monkeypatch.setattr("models.MODELS", Lazily({"autoencoder": "gone"}))
    models.MODELS["autoencoder"] = Toy  # pyright: ignore[reportArgumentType]
    assert models.settings_class("autoencoder") is ModelConfig


def test_methods_for_series_are_those_of_their_room():
    assert tuple(name for name, method in METHODS.items() if issubclass(method, SeriesMethod)) == FOR_SERIES


def test_every_setting_of_train_is_used_by_some_model():
    """So what one does not use is another's, and runs of before may hold it in vain (`without_unused`)."""
    assert {key for known in CLASSES.values() for key in known.uses} == {field.name for field in fields(TrainConfig)}


def test_what_is_known_by_its_place_is_imported_once_and_may_be_another():
    known = Lazily({"path": "pathlib.Path", "gone": "no_such_module.Name"})
    assert "gone" in known
    assert list(known) == ["path", "gone"]
    assert known["path"] is Path
    known["mine"] = str
    assert dict(known.loaded) == {"path": Path, "mine": str}
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        known["gone"]
    del known["gone"]
    assert dict(known) == {"path": Path, "mine": str}


def test_config_yaml_lists_no_other_setting_of_models():
    assert set(section("model")) == {"name", "task", *SETTINGS}


def test_config_yaml_lists_every_model_by_what_it_is_for():
    lines = dict(re.findall(r"^ +# (nets|nets for series|methods of one step|methods for \w+): (.*)$", TEXT, re.M))
    listed = {kind: re.findall(r"\w+", re.sub(r"\([^)]*\)", "", names)) for kind, names in lines.items()}
    assert [*listed["nets"], *listed["nets for series"]] == list(MODELS)
    series_models = [name for name, model in MODELS.items() if issubclass(model, SeriesModel)]
    assert listed["nets for series"] == [*series_models, "wetas", "vetime"]
    assert set(listed["methods for series"]) == set(FOR_SERIES)
    assert set(listed["methods for pictures"]) == set(for_pictures())
    of_both = set(METHODS) - set(FOR_SERIES) - set(for_pictures())
    assert set(listed["methods of one step"]) == of_both


def test_config_yaml_says_the_tasks_and_the_losses_of_each():
    _, tasks = section("model")["task"]
    assert tasks.startswith(f"tvnet, timesnet: {', '.join(CLASSES['tvnet'].tasks)}; linear: forecast")
    assert CLASSES["tvnet"].tasks == CLASSES["timesnet"].tasks
    assert [name for name, known in CLASSES.items() if known.tasks != ("anomaly",)] == ["tvnet", "timesnet", "linear"]
    _, losses = section("train")["loss"]
    by_pixel = [name for name, known in CLASSES.items() if known.losses == tuple(LOSSES)]
    assert losses == f"{', '.join(by_pixel)}: {', '.join(LOSSES)}; wetas: {', '.join(WEAK_LOSSES)}"


def test_config_yaml_says_what_of_train_is_for_some_models_alone():
    train = {f.name for f in fields(TrainConfig)}
    for_some = train - set(NetConfig.uses)
    entries = section("train") | {
        key: ("", comment) for key, comment in re.findall(r"^  (weak|synthetic): +# (.*)$", TEXT, re.M)
    }
    for key in for_some - {"loss"}:
        assert names_in(entries[key][1]) == [name for name, known in CLASSES.items() if key in known.uses], key
    listed = re.search(r"methods of one step only (.*)\.$", TEXT, re.M).group(1)
    assert listed == ", ".join(ModelConfig.uses)


def test_config_yaml_names_every_choice_of_a_setting():
    known_choices = 0
    for name, known in CLASSES.items():
        for key in registry.settings_of(known):
            choices = [c for c in get_args(known.__annotations__.get(key)) if isinstance(c, str)]
            known_choices += len(choices)
            missing = [c for c in choices if not re.search(rf"\b{c}\b", section("model")[key][1])]
            assert not missing, (name, key, missing)
    assert known_choices  # of annotations that are text there would be none


@pytest.mark.parametrize("recipe", sorted((ROOT / "demo").glob("*.yaml")), ids=lambda path: path.stem)
@pytest.mark.parametrize("name", CLASSES)
def test_every_recipe_takes_every_model_by_its_name_alone(recipe, name):
    own = load(recipe)
    asked = yaml.safe_load(recipe.read_text()).get("model", {}).get("task")
    if asked and asked not in CLASSES[name].tasks:
        with pytest.raises(ConfigError, match=f"{name} only does"):
            load(recipe, set_=[f"model.name={name}"])
        return
    needs_loss = TrainConfig().loss not in (CLASSES[name].losses or (TrainConfig().loss,)) and name != own.model.name
    learns = [f"train.loss={CLASSES[name].losses[0]}"] if needs_loss else []
    found = load(recipe, set_=[f"model.name={name}", *learns])
    assert found.model.name == name
    assert (found.prep, found.review, found.data_clips) == (own.prep, own.review, own.data_clips)
    if name == own.model.name:
        assert found == own


@settings(max_examples=25)
@given(st.sampled_from(sorted((ROOT / "demo").glob("*.yaml"))), st.sampled_from(sorted(CLASSES)), st.booleans())
def test_a_whole_model_section_chooses_a_model_as_its_name_does(recipe, name, as_text):
    """What the recipe says of its own model is left out: the rest of it is as if it had been written for this one."""
    own, section = CLASSES[name], {"name": name, "task": CLASSES[name].tasks[0]}
    loss = {"loss": own.losses[0]} if own.losses else {}
    whole = as_dict(load(recipe))
    train = {key: value for key, value in whole["train"].items() if key in own.uses} | loss
    rest = {f"train.{key}": value for key, value in loss.items()}
    texts = [f"model={json.dumps(section)}", *(f"{key}={value}" for key, value in rest.items())]
    found = load(recipe, set_=texts) if as_text else load(recipe, {"model": section, **rest})
    assert found == from_dict(whole | {"model": section, "train": train}, "oracle")


@pytest.mark.parametrize("recipe", sorted((ROOT / "demo").glob("*.yaml")), ids=lambda path: path.stem)
def test_a_recipe_leaves_the_unit_of_its_scores_to_the_model(recipe):
    """`residual` is right for what has a unit of its own, which is scored so anyway; another model that is chosen on
    the command line would be judged in levels of the picture: a belt that always runs hid whoever walked beside it."""
    assert load(recipe).eval.score != "residual"


def test_a_model_section_without_a_name_is_the_default_models():
    found = load(ROOT / "demo" / "series_net.yaml", set_=["model={stages: [{width: 8}]}"])
    assert (found.model.name, found.model.stages[0].width) == (registry.DEFAULT, 8)


def test_what_the_command_line_says_of_another_model_is_still_refused():
    with pytest.raises(ConfigError, match=r"--set train\.epochs=3: train\.epochs 3: kmeans does not use it"):
        load(ROOT / "demo" / "series_net.yaml", set_=["model.name=kmeans", "train.epochs=3"])
    with pytest.raises(ConfigError, match=r"did you mean"):
        load(ROOT / "demo" / "series_net.yaml", {"model.name": "kmeans", "train.epoch": 3})


def test_what_is_left_out_of_a_recipe_is_told(caplog):
    with caplog.at_level("INFO", "reelwatch"):
        load(ROOT / "demo" / "series_net.yaml", {"model.name": "kmeans"})
    assert "for model.name kmeans it is read without" in caplog.text
    assert "train.epochs" in caplog.text


@pytest.mark.parametrize("name", ["[kmeans]", "{a: 1}", "3", "null", "nobody"])
def test_what_is_no_model_is_told_whatever_the_recipe_holds(name):
    with pytest.raises(ConfigError, match=r"model\.name"):
        load(ROOT / "demo" / "series_net.yaml", set_=[f"model.name={name}"])
