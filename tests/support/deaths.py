"""Work on a reel that the system ends for want of memory, as it does: without a word."""

import os
import signal
from pathlib import Path

from config import Config
from inference.fleet import evaluate
from inference.fleet.members import Row

DEADLY = "pump_1"
_evaluate = evaluate.evaluate_member


def evaluate_or_die(config: Config, fleet: Path, reel: Path) -> Row:
    if reel.name == DEADLY:
        os.kill(os.getpid(), signal.SIGKILL)
    return _evaluate(config, fleet, reel)


def main(words: list[str]) -> int:
    """`train`, then `eval` with a reel that ends whoever works on it; the words are those of the program."""
    import main as program

    if code := program.main(["-m", "train", *words]):
        return code
    evaluate.evaluate_member = evaluate_or_die
    return program.main(["-m", "eval", *words])
