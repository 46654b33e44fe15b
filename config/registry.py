"""Every net and method by name: which settings each has, and what of `train` it uses.

Asked when a config is loaded, without torch: the settings of nets stand apart from these (`models.SETTINGS`). Of
methods the one that a config names is imported; the others are where settings of theirs are met.
"""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError, core_schema, to_json, to_jsonable_python

from config.sections.train import TrainConfig

DEFAULT = "autoencoder"
SCORES = ("standardised", "mahalanobis", "knn")  # of a net, that may be parts of a mix


def config_classes() -> dict[str, type]:
    """The class of the settings of every net and method."""
    from inference.methods import METHODS
    from models import MODELS, settings_class

    return {name: settings_class(name) for name in MODELS} | {name: known.Config for name, known in METHODS.items()}


def class_of(name: Any) -> type:
    """The class of the settings of one. Raises ValidationError for an unknown name, listing the known ones."""
    from inference.methods import METHODS
    from models import MODELS, settings_class

    if isinstance(name, str) and name in MODELS:
        return settings_class(name)
    if isinstance(name, str) and name in METHODS:
        return METHODS[name].Config
    known = f"nets {', '.join(MODELS)}; methods of one step {', '.join(METHODS)}"
    raise refusal([(("name",), name, f"is unknown; known are {known}")])


def is_known(name: Any) -> bool:
    """Whether it is the name of a net or a method."""
    from inference.methods import METHODS
    from models import MODELS

    return isinstance(name, str) and (name in MODELS or name in METHODS)


def settings_of(config_class: type) -> dict[str, Any]:
    """The settings of a class, beside name and task, and their defaults as plain data."""
    found = config_class.__pydantic_fields__.items()
    return {key: to_jsonable_python(f.default) for key, f in found if key not in ("name", "task")}


class ByName:
    """Marks a field of a config whose class follows from the name in it: a union of the settings of all models."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(model_settings)

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        """Looked up when it is asked for."""
        classes = config_classes().items()
        return {"anyOf": [self.named(name, handler, TypeAdapter(known).core_schema) for name, known in classes]}

    def named(self, name: str, handler: Any, schema: Any) -> dict[str, Any]:
        """The JSON Schema of one model."""
        own = handler.resolve_ref_schema(handler(schema))
        given = ["name"] if name != DEFAULT else []
        return own | {"title": name, "required": given, "properties": own["properties"] | {"name": {"const": name}}}


def defaults_beside(section: dict[str, Any]) -> dict[str, Any]:
    """The defaults of the model that a `model` section names; nothing for an unknown one."""
    name = section.get("name", DEFAULT)
    return settings_of(class_of(name)) if is_known(name) else {}


def model_settings(value: Any) -> Any:
    """What a `model` section asks for: an object of the class that belongs to its name. Such an object is kept.

    A setting that this model does not have is refused; but for one that another has, with its default there: a config
    that lists every setting stays right for every model. Raises ValidationError.
    """
    if is_dataclass(value):
        return value
    if not isinstance(value, dict):
        raise ValueError("expected a section of settings")
    given = {"name": DEFAULT, **value}
    own = class_of(given["name"])
    foreign = {key for key in given if key not in own.__pydantic_fields__}
    if faults := [*_foreign(given, own, foreign), *_of_another_task(given, own)]:
        raise refusal(faults)
    unknown = foreign - {key for known in config_classes().values() for key in settings_of(known)} if foreign else set()
    kept = {key: setting for key, setting in given.items() if key not in foreign or key in unknown}
    # JSON mode is strict about numbers and texts and still takes a list for a tuple.
    return TypeAdapter(own).validate_json(to_json(kept), strict=True)


def check_training(model: Any, train: Any) -> None:
    """Raise ValidationError for settings of `train`, other than their defaults, that the model does not use."""
    default, faults = type(train)(), []
    for key in (f.name for f in fields(train) if f.name not in model.uses):
        for path, value in _differing(getattr(train, key), getattr(default, key), ("train", key)):
            users = [name for name, known in config_classes().items() if key in known.uses]
            if key == "loss":
                users = [name for name, known in config_classes().items() if value in known.losses]
            faults.append((path, value, f"{model.name} does not use it; it is a setting for {', '.join(users)}"))
    if model.losses and train.loss not in model.losses:
        users = [name for name, known in config_classes().items() if train.loss in known.losses]
        text = f"{model.name} learns by one of {', '.join(model.losses)}; this is for {', '.join(users)}"
        faults.append((("train", "loss"), train.loss, text))
    if faults:
        raise refusal(faults)


def check_mix_part(name: str) -> None:
    """Raise ValueError for what can't be part of a mix: neither a score of nets nor a method of one step."""
    if name not in SCORES:
        from inference.methods import METHODS

        if name not in METHODS:
            raise ValueError(f"is unknown; known are {', '.join((*SCORES, *METHODS))}")


def without_unused(raw: dict[str, Any]) -> dict[str, Any]:
    """A config as plain data without the settings that its model does not use.

    Runs from before each model had settings of its own hold those of all models, and what was set there in vain. A
    recipe for which another model is chosen on the command line holds those of its own.
    """
    model, train = raw.get("model", {}), raw.get("train", {})
    if not is_known(model.get("name")):
        return raw
    own = class_of(model["name"])
    in_vain = foreign = model.keys() - own.__pydantic_fields__.keys()
    if foreign:
        in_vain = {key for each in config_classes().values() for key in settings_of(each)} & foreign
    task = model.get("task", own.__pydantic_fields__["task"].default)
    in_vain = in_vain | {key for key, needed in own.of_task.items() if task != needed}
    unused = {field.name for field in fields(TrainConfig)} - set(own.uses)  # each of all is used by some
    if own.losses and train.get("loss") not in own.losses:
        unused.add("loss")
    return raw | {
        "model": {key: value for key, value in model.items() if key not in in_vain},
        "train": {key: value for key, value in train.items() if key not in unused},
    }


def refusal(faults: list[tuple[tuple[str, ...], Any, str]]) -> ValidationError:
    """An error about settings: where each is, its value, and what is wrong with it."""
    errors = [
        InitErrorDetails(type=PydanticCustomError("not_used", "{text}", {"text": text}), loc=path, input=value)
        for path, value, text in faults
    ]
    return ValidationError.from_exception_data("settings", errors)


def _foreign(given: dict[str, Any], own: type, foreign: set[str]) -> Iterator[tuple[tuple[str, ...], Any, str]]:
    """What is wrong with settings of other models."""
    for key in sorted(foreign):
        owners = {n: settings_of(known)[key] for n, known in config_classes().items() if key in settings_of(known)}
        if owners and given[key] not in owners.values():
            own_settings = ", ".join(settings_of(own)) or "none of its own"
            yield (key,), given[key], f"is a setting of {', '.join(owners)}; {given['name']} has {own_settings}"


def _of_another_task(given: dict[str, Any], own: type) -> Iterator[tuple[tuple[str, ...], Any, str]]:
    """What is wrong with the task, and with settings that another one needs."""
    default = own.__pydantic_fields__["task"].default
    task = given.get("task", default)
    if task not in own.tasks:
        able = [name for name, known in config_classes().items() if task in known.tasks]
        if able:  # else it is no task at all, which the class itself says
            yield ("task",), task, f"{given['name']} only does {', '.join(own.tasks)}; this is for {', '.join(able)}"
    for key, needed in own.of_task.items():
        if task != needed and given.get(key, settings_of(own)[key]) != settings_of(own)[key]:
            yield (key,), given[key], f"is for task {needed}; this is task {task}"


def _differing(ours: Any, theirs: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Where settings differ from others, and their values there."""
    if is_dataclass(ours):
        for f in fields(ours):
            yield from _differing(getattr(ours, f.name), getattr(theirs, f.name), (*path, f.name))
    elif ours != theirs:
        yield path, ours
