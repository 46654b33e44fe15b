"""Find when and where something unusual happens in a sequence of frames.

python main.py -m prep   --data-raw FOLDER --data-clips REELS    FITS, tar, video, images -> reels
python main.py -m review --data-clips REELS                      statistics, outliers, verdicts (--serve: in a browser)
python main.py -m train  --data-clips REELS --model-path RUN     reels -> a trained model
python main.py -m eval   --data-clips REELS --model-path RUN     scores, boxes, events, movie
python main.py -m export --model-path RUN                        a model -> a bundle that scores without PyTorch
python main.py --check -m MODE ...                               what MODE would do, and what is wrong, without doing it
"""

import argparse
import json
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from config import Config, ConfigError, json_schema, load
from config.yaml_text import read_file
from data.failures import NO_READER, has_reader, told_failure
from data.messages import LEVELS, logger, show
from data.version import program_version

log = logger(__name__)

OWN_CONFIG = Path(__file__).resolve().with_name("config.yaml")


def _prep(config: Config) -> None:
    from data.prepare_data import prep

    for path in prep(config):
        print(f"shard: {path}" if config.shard else f"reel: {path}")


def _review(config: Config) -> None:
    if config.review.serve:
        from data.review.page.server import serve

        serve(config)
        return
    from data.review_processed_data import review

    review(config)


def _train(config: Config) -> None:
    from inference.fit import fit, is_first_process

    if config.train.each_reel:
        from inference.fleet.train import train_each

        print(f"fleet: {train_each(config)}")
        return
    run = fit(config)
    if is_first_process():
        print(f"run: {run}")


def _eval(config: Config) -> None:
    if config.eval.follow:
        from inference.follow.all_streams import follow_all

        follow_all(config)
        return
    from inference.fleet.members import find_fleet

    if fleet := find_fleet(config):
        from inference.fleet.evaluate import evaluate_each

        print(f"index: {evaluate_each(config, fleet)}")
        return
    from inference.evaluate import evaluate

    for path in evaluate(config):
        print(f"results: {path}")


def _export(config: Config) -> None:
    from inference.export.export import export

    print(f"bundle: {export(config)}")


# Each mode imports what it needs when it runs: prep's workers must not load torch.
MODES: dict[str, Callable[[Config], None]] = {
    "prep": _prep,
    "review": _review,
    "train": _train,
    "eval": _eval,
    "export": _export,
}

# Switches and short names on the command line -> key of the config, for one mode or for all.
FLAGS = {
    "data_raw": "data_raw",
    "data_clips": "data_clips",
    "model_path": "model_path",
    "workers": "workers",
    "cluster": "cluster",
    "shard": "shard",
    "join": "join",
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
    "format": "export.format",
    "precision": "export.precision",
    "prune": "export.prune",
    "allow_partial": "prep.vso.allow_partial",
    "verify": "prep.verify",
}


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("-m", "--mode", choices=MODES, help="what to do")
    p.add_argument("-c", "--config", help="settings, one YAML file (default: config.yaml, here or beside main.py)")
    p.add_argument("--check", action="store_true", help="say what the mode would do and what is wrong; write nothing")
    p.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE", help="override one setting")
    p.add_argument("--data-raw", help="file or folder with the input frames")
    p.add_argument("--data-clips", help="folder of reels, or one reel")
    p.add_argument("--model-path", help="run folder: written by train, read by eval (default: newest in runs/)")
    p.add_argument("--workers", type=int, help="worker processes")
    p.add_argument(
        "--cluster", metavar="WHERE", help="Dask workers: local, tcp://HOST:PORT, a scheduler file, slurm, pbs"
    )
    p.add_argument("--shard", metavar="I/N", help="prep, eval: do this part of the work alone")
    p.add_argument("--join", action="store_true", default=None, help="prep, eval: make one whole of all shards")
    p.add_argument("-d", "--device", help="auto (cuda, else cpu), cpu, cuda, cuda:1, mps")
    p.add_argument("--serve", action="store_true", default=None, help="review: look and judge in a browser")
    p.add_argument("--port", type=int, help="review --serve: port of the page (default: 8765, or a free one)")
    p.add_argument("--seed", type=int, help="seed of everything random")
    p.add_argument("--resume", action="store_true", default=None, help="train: go on from the last checkpoint")
    p.add_argument("--tensorboard", action="store_true", default=None, help="train: start TensorBoard beside it")
    p.add_argument("--eval-mode", choices=("heatmap", "boxes"), help="eval: what the movie draws")
    p.add_argument("--eval-diagnostic", action="store_true", default=None, help="eval: four panels instead of two")
    p.add_argument(
        "--follow",
        nargs="+",
        metavar="FILE_OR_URL",
        help="eval: watch growing video files or tables, streams, or folders or indices of frames",
    )
    p.add_argument(
        "--verify", action="store_true", default=None, help="prep: read again what finished reels were made of"
    )
    p.add_argument("--movie", choices=("on", "off"), help="eval: off for those who want numbers and report only")
    p.add_argument(
        "--movie_only", "--movie-only", action="store_true", help="prep: no window index; eval: only movie and report"
    )
    p.add_argument(
        "--allow-partial", action="store_true", default=None, help="prep: succeed although some downloads failed"
    )
    p.add_argument("--format", help="export: of the net in the bundle (onnx)")
    p.add_argument("--precision", help="export: that the net is computed in (fp32, int8)")
    p.add_argument("--prune", type=float, metavar="SHARE", help="export: leave out this share of the net's channels")
    for name, text in (("keep", "keep"), ("reject", "reject"), ("undo", "take back the verdict on")):
        p.add_argument(f"--{name}", nargs="+", metavar="ID", help=f"review: {text} windows, REEL:WINDOW or WINDOW")
    p.add_argument("--log-level", choices=LEVELS, default="info", help="least important messages to be shown")
    p.add_argument("--schema", action="store_true", help="print the JSON Schema of all settings, for editors")
    p.add_argument("--version", action="store_true", help="print the version and, where there is one, the commit")
    return p


def overrides(arguments: argparse.Namespace) -> dict[str, Any]:
    """Config keys that the given flags set."""
    given = {key: getattr(arguments, flag) for flag, key in FLAGS.items() if getattr(arguments, flag) is not None}
    if arguments.movie:
        given["eval.movie"] = arguments.movie == "on"
    if arguments.movie_only:
        given["prep.movie_only" if arguments.mode == "prep" else "eval.movie_only"] = True
    return given


def default_config() -> Path:
    """config.yaml of the working directory, else the program's own."""
    here = Path("config.yaml")
    return here if here.is_file() else OWN_CONFIG


def load_for_workers(arguments: argparse.Namespace, chosen: Path) -> None:
    """Begin to load what workers of prep need, where there will be some: all settings take as long to be read."""
    given = {"workers": Config.workers, "cluster": Config.cluster}
    with suppress(ConfigError):  # told when all settings are read
        given |= read_file(chosen)
    given |= {key: value for key in ("workers", "cluster") if (value := getattr(arguments, key)) is not None}
    if isinstance(given["workers"], int) and given["workers"] > 1 and not given["cluster"]:
        from data.frames.workers.fork_server import context_with

        context_with("data.frames.workers.preloaded")


def settings(arguments: argparse.Namespace) -> Config:
    """The config that the command line asks for; says which file it comes from."""
    chosen = Path(arguments.config or default_config())
    log.info(f"settings: {chosen}")
    if arguments.mode == "prep" and not arguments.check:
        load_for_workers(arguments, chosen)
    try:
        return load(chosen, overrides(arguments), arguments.set)
    except ConfigError as error:
        is_of_file = any(line.startswith(str(chosen)) for line in str(error).splitlines())
        if arguments.config or chosen.resolve() == OWN_CONFIG or not is_of_file:
            raise
        found = f"{chosen.resolve()} was taken because it lies in the folder you work in"
        raise ConfigError(f"{error}\n{found}; choose another with -c, e.g. -c {OWN_CONFIG}") from None


def run(arguments: argparse.Namespace) -> int:
    """Do what the command line asks for; returns the exit code."""
    if arguments.version:
        print(program_version())
        return 0
    if arguments.schema:
        print(json.dumps(json_schema(), indent=1))
        return 0
    if arguments.mode is None:
        parser().print_help()
        log.error(f"error: choose what to do with -m: {', '.join(MODES)}")
        return 2
    config = settings(arguments)
    if arguments.check:
        from inference.check import check

        return check(arguments.mode, config)
    MODES[arguments.mode](config)
    return 0


def failed(message: str, code: int) -> int:
    """Say why it failed, at level debug with all that Python knows about it; returns the exit code."""
    log.debug("the error as Python tells it:", exc_info=True)
    log.error(message)
    return code


def main(argv: list[str] | None = None) -> int:
    """Run one mode; returns the exit code, see `data.failures`."""
    p = parser()
    arguments, unknown = p.parse_known_args(argv)
    if unknown:
        hint = "a value with spaces needs quotes, e.g. --set 'prep.resize=[64, 64]'"
        p.error(f"unrecognized arguments: {' '.join(unknown)}; {hint}")
    show(arguments.log_level)
    try:
        code = run(arguments)
        return code if has_reader() else NO_READER
    except (Exception, KeyboardInterrupt) as error:
        if isinstance(error, BrokenPipeError) and not has_reader():
            return NO_READER
        return failed(*told_failure(error))


if __name__ == "__main__":
    sys.exit(main())
