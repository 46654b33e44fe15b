"""Score reels, videos and streams with a bundle, without PyTorch: events as JSON lines.

python -m inference.runner BUNDLE REEL...          folders of reels: their events, as in events.json of eval
python -m inference.runner BUNDLE VIDEO_OR_URL...  events that open and close, as in events.jsonl of eval --follow
python -m inference.runner BUNDLE TABLE...         the same of a series: a table or JSON lines that grow, or - for
                                                   rows on standard input
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from data.failures import NO_READER, has_reader, told_failure
from data.live.series.row_sources import STDIN
from data.messages import LEVELS, logger, show
from inference.runner.run import Runner

log = logger(__name__)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser("python -m inference.runner", description=__doc__)
    p.formatter_class = argparse.RawDescriptionHelpFormatter
    p.add_argument("bundle", help="folder that python main.py -m export wrote")
    p.add_argument("inputs", nargs="+", metavar="INPUT", help="reel, folder of reels, video, table, - or URL")
    p.add_argument("--threads", type=int, default=0, help="threads of the net (default: as many as there are cores)")
    p.add_argument("--timeout", type=float, default=1.0, help="a file that did not grow for so long has ended, s")
    p.add_argument("--log-level", choices=LEVELS, default="warning", help="least important messages to be shown")
    return p


def records_of(runner: Runner, given: str, timeout_s: float) -> Iterator[dict[str, Any]]:
    """All records of one input. Raises FileNotFoundError for a path that nothing is at."""
    if Path(given).is_dir():
        yield from runner.of_reels(given)
    elif given == STDIN:
        yield from runner.of_rows(given, timeout_s)
    elif "://" not in given and not Path(given).exists():
        raise FileNotFoundError(
            f"{given} is no file and no folder; give a reel, a folder of reels, a video, or a stream as rtsp://...; to "
            "a bundle for series a table that grows, or - for rows on standard input"
        )
    else:
        yield from (runner.of_rows if runner.is_of_series else runner.of_video)(given, timeout_s)


def main(argv: list[str] | None = None) -> int:
    """Score all inputs, one after the other; returns the exit code, see `data.failures`."""
    arguments = parser().parse_args(argv)
    show(arguments.log_level)
    try:
        if sys.stdout is None:  # as a service may be started: what print is given then is lost in silence
            raise ValueError("standard output is closed, so nobody would be told of events; open it, or give it a file")
        runner = Runner(arguments.bundle, arguments.threads)
        codes = [scored(runner, given, arguments.timeout) for given in arguments.inputs]
        return max(codes) if has_reader() else NO_READER
    except (Exception, KeyboardInterrupt) as error:
        if isinstance(error, BrokenPipeError) and not has_reader():
            return NO_READER
        return failed(error)


def scored(runner: Runner, given: str, timeout_s: float) -> int:
    """Print the records of one input; returns its exit code. An input that fails leaves the others to be scored."""
    try:
        for record in records_of(runner, given, timeout_s):
            print(json.dumps(record, allow_nan=False), flush=True)
    except BrokenPipeError:  # nobody reads what is printed
        raise
    except Exception as error:
        return failed(error)
    return 0


def failed(error: BaseException) -> int:
    """Say what went wrong; returns the exit code."""
    if isinstance(error, KeyboardInterrupt):
        error = KeyboardInterrupt("the records that were printed are whole")
    message, code = told_failure(error)
    log.debug("the error as Python tells it:", exc_info=error)
    log.error(message)
    return code


if __name__ == "__main__":
    sys.exit(main())
