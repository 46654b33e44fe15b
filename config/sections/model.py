"""What the settings of all nets and methods have in common: section `model`. Those of one stand beside it."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from config.fields import STRICT, PositiveInt
from config.sections.train import TrainConfig

# What a model learns from: frames alone; the class of their reel too; one label a window; a label for every sample; or
# synthetic series with labels in place of reels.
DataKind = Literal["frames", "classes", "window_labels", "sample_labels", "synthetic"]


@dataclass(frozen=True, config=STRICT)
class StageConfig:
    """`depth` blocks of `width` channels after a convolution that shrinks the grid by `stride`.

    stride, kernel: frames, rows, columns. modulation: "none", or "dynamic", in which the clip itself scales channels of
    every time step. activation: "gelu", or "gated", a tanh times a sigmoid of another channel (van den Oord et al.
    2016, WaveNet). causal: a time step sees itself and what came before.
    """

    width: PositiveInt
    depth: PositiveInt = 1
    stride: tuple[PositiveInt, PositiveInt, PositiveInt] = (1, 1, 1)
    dilation: PositiveInt = 1
    kernel: tuple[PositiveInt, PositiveInt, PositiveInt] = (3, 3, 3)
    modulation: Literal["none", "dynamic"] = "none"
    activation: Literal["gelu", "gated"] = "gelu"
    causal: bool = False


Stages = Annotated[tuple[StageConfig, ...], Field(min_length=1)]


@dataclass(frozen=True, config=STRICT)
class ModelConfig:
    """What the settings of all nets and methods have. Those of their own stand in a subclass beside each.

    The class variables say what goes with them: the `tasks` it can do, and the settings that only one of them needs
    (`of_task`); the settings of `train` that it `uses`; the `losses` it can be trained by, where train.loss chooses;
    whether the program brings weights of it, which take the place of a run (`comes_trained`).
    """

    name: str  # the model's, in the registry
    task: Literal["anomaly", "forecast", "impute", "classify"] = "anomaly"

    tasks: ClassVar[tuple[str, ...]] = ("anomaly",)
    of_task: ClassVar[dict[str, str]] = {}
    uses: ClassVar[tuple[str, ...]] = (
        *("val_fraction", "val_reels", "exclude_utc", "exclude_flares", "exclude_class", "each_reel", "resume"),
    )
    losses: ClassVar[tuple[str, ...]] = ()
    comes_trained: ClassVar[bool] = False

    def learns_from(self, train: TrainConfig) -> DataKind:
        """Which data it is trained on."""
        return "frames"


@dataclass(frozen=True, config=STRICT)
class NetConfig(ModelConfig):
    """Settings of a net, which the training loop trains."""

    uses: ClassVar[tuple[str, ...]] = (
        *ModelConfig.uses, "batch_size", "drop_last", "lr", "weight_decay", "epochs", "warmup_epochs", "eta_min",
        "checkpoint_interval", "grad_clip", "amp", "early_stop_epochs", "tensorboard",
    )  # fmt: skip
