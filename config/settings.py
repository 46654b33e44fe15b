"""All settings together, of every mode."""

from typing import Annotated

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from config import registry
from config.fields import STRICT, Place, Positive, PositiveInt, Processes, Seed
from config.sections.eval import EvalConfig
from config.sections.export import ExportConfig
from config.sections.model import ModelConfig
from config.sections.prep import PrepConfig
from config.sections.train import TrainConfig


@dataclass(frozen=True, config=STRICT)
class ReviewConfig:
    """Which windows `review` rejects, and the page on which they are judged by hand."""

    z_limit: Positive = 5.0
    contact_sheet: PositiveInt = 24
    keep: tuple[str, ...] = ()
    reject: tuple[str, ...] = ()
    undo: tuple[str, ...] = ()
    serve: bool = False
    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] | None = None


@dataclass(frozen=True, config=STRICT)
class Config:
    """All settings of the program, as config.yaml has them."""

    data_raw: Place = "data/raw"
    data_clips: Place = "data/processed"
    model_path: Place | None = None
    workers: Processes = 2
    cluster: Annotated[str, Field(min_length=1)] | None = None
    shard: Annotated[str, Field(pattern=r"^[1-9]\d*/[1-9]\d*$")] | None = None
    join: bool = False
    device: Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:\d+)?|mps)$")] = "auto"
    seed: Seed = 0
    prep: PrepConfig = Field(default_factory=PrepConfig)
    review: ReviewConfig = Field(default_factory=ReviewConfig)
    model: Annotated[ModelConfig, registry.ByName()] = Field(default_factory=lambda: registry.model_settings({}))
    train: TrainConfig = Field(default_factory=TrainConfig)
    eval: EvalConfig = Field(default_factory=EvalConfig)
    export: ExportConfig = Field(default_factory=ExportConfig)

    @model_validator(mode="after")
    def _shard_is_one_of_all(self):
        number, of = map(int, (self.shard or "1/1").split("/"))
        if number > of:
            raise ValueError(f"shard {self.shard} is none: they are 1/{of} to {of}/{of}")
        if self.shard and self.join:
            raise ValueError(f"join puts all shards together: leave shard {self.shard} out")
        return self

    @model_validator(mode="after")
    def _training_fits_the_model(self):
        registry.check_training(self.model, self.train)
        return self
