"""A training that tells of every step, has a checkpoint after it, and waits for a line: it is killed meanwhile."""

import sys

import torch

from tests.support.trainings import small_config
from training import engine
from training.train import train


def main(words: list[str]) -> int:
    """The words are the folder of reels, that of the run, and `resume` where it is one that was stopped."""
    torch.set_num_threads(1)
    clips, run, *resume = words
    save_when_due = engine.Trainer.save_when_due

    def save_and_tell(trainer: engine.Trainer) -> None:
        save_when_due(trainer)
        print(trainer.state.step, flush=True)
        sys.stdin.readline()

    engine.SAVE_EVERY_S = 0.0
    engine.Trainer.save_when_due = save_and_tell
    train(small_config(clips, run, train__resume=resume == ["resume"]))
    return 0
