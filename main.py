"""Find when and where something unusual happens in a sequence of frames.

python main.py -m prep   --data-raw FOLDER --data-clips REELS    FITS, tar, video, images -> reels
python main.py -m review --data-clips REELS                      statistics, outliers, verdicts (--serve: in a browser)
python main.py -m train  --data-clips REELS --model-path RUN     reels -> a trained model
python main.py -m eval   --data-clips REELS --model-path RUN     scores, boxes, events, movie
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from config import Config, ConfigError, load


def _prep(config: Config) -> None:
    from data.prepare_data import prep

    for path in prep(config):
        print(f"reel: {path}")


def _review(config: Config) -> None:
    if config.review.serve:
        from data.review.page.server import serve

        serve(config)
        return
    from data.review_processed_data import review

    review(config)


def _train(config: Config) -> None:
    from inference.fit import fit, is_first_process

    run = fit(config)
    if is_first_process():
        print(f"run: {run}")


def _eval(config: Config) -> None:
    if config.eval.follow:
        from inference.follow import follow

        follow(config)
        return
    from inference.evaluate import evaluate

    for path in evaluate(config):
        print(f"results: {path}")


# Each mode imports what it needs when it runs: prep's workers must not load torch.
MODES: dict[str, Callable[[Config], None]] = {"prep": _prep, "review": _review, "train": _train, "eval": _eval}

# Switches and short names on the command line -> key of the config, for one mode or for all.
FLAGS = {
    "data_raw": "data_raw",
    "data_clips": "data_clips",
    "model_path": "model_path",
    "workers": "workers",
    "device": "device",
    "seed": "seed",
    "resume": "train.resume",
    "tensorboard": "train.tensorboard",
    "eval_mode": "eval.mode",
    "eval_diagnostic": "eval.diagnostic",
    "follow": "eval.follow",
    "keep": "review.keep",
    "reject": "review.reject",
    "undo": "review.undo",
    "serve": "review.serve",
    "port": "review.port",
    "allow_partial": "prep.vso.allow_partial",
}


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("-m", "--mode", choices=MODES, help="what to do")
    p.add_argument("-c", "--config", help="settings, one YAML file (default: config.yaml, here or beside main.py)")
    p.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE", help="override one setting")
    p.add_argument("--data-raw", help="file or folder with the input frames")
    p.add_argument("--data-clips", help="folder of reels, or one reel")
    p.add_argument("--model-path", help="run folder: written by train, read by eval (default: newest in runs/)")
    p.add_argument("--workers", type=int, help="worker processes")
    p.add_argument("-d", "--device", help="auto (cuda, else cpu), cpu, cuda, cuda:1, mps")
    p.add_argument("--serve", action="store_true", default=None, help="review: look and judge in a browser")
    p.add_argument("--port", type=int, help="review --serve: port of the page (default: 8765, or a free one)")
    p.add_argument("--seed", type=int, help="seed of everything random")
    p.add_argument("--resume", action="store_true", default=None, help="train: go on from the last checkpoint")
    p.add_argument("--tensorboard", action="store_true", default=None, help="train: start TensorBoard beside it")
    p.add_argument("--eval-mode", choices=("heatmap", "boxes"), help="eval: what the movie draws")
    p.add_argument("--eval-diagnostic", action="store_true", default=None, help="eval: four panels instead of two")
    p.add_argument("--follow", metavar="FILE_OR_URL", help="eval: watch a growing video file or a stream")
    p.add_argument("--movie_only", "--movie-only", action="store_true", help="prep, eval: only the movie")
    p.add_argument(
        "--allow-partial", action="store_true", default=None, help="prep: succeed although some downloads failed"
    )
    for name, text in (("keep", "keep"), ("reject", "reject"), ("undo", "take back the verdict on")):
        p.add_argument(f"--{name}", nargs="+", metavar="ID", help=f"review: {text} windows, REEL:WINDOW or WINDOW")
    return p


def overrides(arguments: argparse.Namespace) -> dict[str, Any]:
    """Config keys that the given flags set."""
    given = {key: getattr(arguments, flag) for flag, key in FLAGS.items() if getattr(arguments, flag) is not None}
    if arguments.movie_only:
        given["prep.movie_only" if arguments.mode == "prep" else "eval.movie_only"] = True
    return given


def default_config() -> Path:
    """config.yaml of the working directory, else the program's own."""
    here = Path("config.yaml")
    return here if here.is_file() else Path(__file__).with_name("config.yaml")


def main(argv: list[str] | None = None) -> int:
    """Run one mode; returns the exit code: 0 done, 1 failed with a message, 2 wrong usage, 130 interrupted."""
    p = parser()
    arguments = p.parse_args(argv)
    if arguments.mode is None:
        p.print_help()
        return 2
    try:
        config = load(arguments.config or default_config(), overrides(arguments), arguments.set)
        MODES[arguments.mode](config)
    except ConfigError as error:
        print(f"configuration error:\n{error}", file=sys.stderr)
        return 2
    except (OSError, ValueError, ArithmeticError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; what was finished is kept, prep and train --resume go on from there", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
