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
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from config import Config, ConfigError, json_schema, load
from config.yaml_text import read_file
from data.failures import NO_READER, has_reader, told_failure
from data.messages import LEVELS, logger, show
from data.version import program_version

log = logger(__name__)
Add = Callable[..., argparse.Action]  # `add_argument` of a group

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


class Parser(argparse.ArgumentParser):
    """The command line, whose errors are a line with the way out and not the list of all that there is."""

    def error(self, message: str) -> NoReturn:
        if found := re.match(r"argument (?:\S+/)?(--[\w-]+): expected .*one argument", message):
            message += f"; a value that begins with a dash is given as {found[1]}=-VALUE"
        self.exit(2, f"error: {message}; python main.py --help tells what there is\n")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    _add_for_all(p.add_argument)
    for title, add in (
        ("several processes and machines", _add_for_machines),
        ("prep", _add_for_prep),
        ("review", _add_for_review),
        ("train", _add_for_train),
        ("eval", _add_for_eval),
        ("export", _add_for_export),
    ):
        add(p.add_argument_group(title).add_argument)
    return p


def _add_for_all(add: Add) -> None:
    add("-m", "--mode", choices=MODES, help="what to do")
    add("-c", "--config", help="settings, one YAML file (default: config.yaml, here or beside main.py)")
    add("--check", action="store_true", help="say what the mode would do and what is wrong; write nothing")
    add("--set", action="extend", nargs="+", default=[], metavar="SECTION.KEY=VALUE", help="override settings")
    add("--data-raw", help="file or folder with the input frames")
    add("--data-clips", help="folder of reels, or one reel")
    add("--model-path", help="run folder: written by train, read by eval (default: newest in runs/)")
    add("-d", "--device", help="auto (cuda, else cpu), cpu, cuda, cuda:1, mps")
    add("--seed", type=int, help="seed of everything random")
    add("--log-level", choices=LEVELS, default="info", help="least important messages to be shown")
    add("--schema", action="store_true", help="print the JSON Schema of all settings, for editors")
    add("--version", action="store_true", help="print the version and, where there is one, the commit")


def _add_for_machines(add: Add) -> None:
    add("--workers", type=int, help="worker processes")
    where = "Dask workers: local, tcp://HOST:PORT, a scheduler file, slurm, pbs"
    add("--cluster", metavar="WHERE", help=where)
    add("--shard", metavar="I/N", help="prep, eval: do this part of the work alone")
    add("--join", action="store_true", default=None, help="prep, eval: make one whole of all shards")


def _add_for_prep(add: Add) -> None:
    verify = "read again what finished reels were made of"
    add("--verify", action="store_true", default=None, help=verify)
    add("--allow-partial", action="store_true", default=None, help="succeed although some downloads failed")
    add("--movie_only", "--movie-only", action="store_true", help="no window index; of eval: only movie and report")


def _add_for_review(add: Add) -> None:
    add("--serve", action="store_true", default=None, help="look and judge in a browser")
    add("--port", type=int, help="of the page (default: 8765, or a free one)")
    for name, text in (("keep", "keep"), ("reject", "reject"), ("undo", "take back the verdict on")):
        add(f"--{name}", nargs="+", metavar="ID", help=f"{text} windows, REEL:WINDOW or WINDOW")


def _add_for_train(add: Add) -> None:
    add("--resume", action="store_true", default=None, help="go on from the last checkpoint")
    add("--tensorboard", action="store_true", default=None, help="start TensorBoard beside it")


def _add_for_eval(add: Add) -> None:
    watched = "watch growing video files or tables, streams, or folders or indices of frames"
    add("--follow", nargs="+", metavar="FILE_OR_URL", help=watched)
    add("--eval-mode", choices=("heatmap", "boxes"), help="what the movie draws")
    add("--eval-diagnostic", action="store_true", default=None, help="four panels instead of two")
    add("--movie", choices=("on", "off"), help="off for those who want numbers and report only")


def _add_for_export(add: Add) -> None:
    add("--format", help="of the net in the bundle (onnx, openvino)")
    add("--precision", help="that the net is computed in (fp32, bf16, int8)")
    add("--prune", type=float, metavar="SHARE", help="leave out this share of the net's channels")


def overrides(arguments: argparse.Namespace) -> dict[str, Any]:
    """Config keys that the given flags set."""
    given = {key: getattr(arguments, flag) for flag, key in FLAGS.items() if getattr(arguments, flag) is not None}
    if arguments.movie:
        given["eval.movie"] = arguments.movie == "on"
    if arguments.movie_only:
        given["prep.movie_only" if arguments.mode == "prep" else "eval.movie_only"] = True
    return given


FOR_TWO = ("shard", "join", "prep.movie_only", "eval.movie_only")  # keys that prep and eval look at


def without_effect(arguments: argparse.Namespace) -> list[str]:
    """Of each given flag that the mode does not look at, which modes do: a line."""
    names = {key: f"--{flag.replace('_', '-')}" for flag, key in FLAGS.items()}
    found = []
    for key in overrides(arguments):
        section = key.partition(".")[0]
        of_section = (section,) if "." in key else tuple(MODES)
        modes = ("prep", "eval") if key in FOR_TWO else of_section
        if arguments.mode not in modes:
            flag = names.get(key, "--movie_only" if key.endswith("movie_only") else "--movie")
            found.append(f"{flag} is for {' and '.join(modes)}, and changes nothing here ({arguments.mode})")
    return found


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
    for line in without_effect(arguments):
        log.warning(line)
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
    unknown += [text for text in arguments.set if "=" not in text]
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
