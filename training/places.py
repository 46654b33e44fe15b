"""Where the checkpoints of a run lie; known without what reads them."""

from pathlib import Path


def path_of(run: str | Path, which: str) -> Path:
    """The file of a run's checkpoint: best, last or epoch_NNNN."""
    return Path(run) / "checkpoints" / f"{which}.pt"


def check_is_there(path: Path) -> None:
    """Raise FileNotFoundError, with the way out, for a checkpoint that is not."""
    if not path.is_file():
        raise FileNotFoundError(
            f"checkpoint {path} does not exist; train a model with: python main.py -m train, or name the folder of a "
            "run with --model-path"
        )
