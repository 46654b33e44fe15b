"""Damaged files of the program's own, damaged inputs of all kinds, and what may not be read or written.

Each ends in a line, or in rows with a reason, and spoils no other file. In one process, with a watchdog. A case is
decided by its seed: `--seed N --runs 1` makes it again.
"""

import contextlib
import faulthandler
import io
import random
import shutil
import signal
import sys
import warnings
from bisect import bisect
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from parts.campaign import Counts, finish, memory_mb, parser, workplace

import main as program  # isort: skip (the line above lets the project be found)
from parts import inputs, own_files
from parts.hindered import Hindered
from parts.mutate import mutated

from data.pictures import summary
from data.reel.reel import find_reels
from tests.support.permissions import as_anybody

REVIEW = program.MODES["review"]
QUICK, RUNS = 24, 4000
SHARES = (0.45, 0.9)  # of the cases: files of the program's own, inputs; the rest is not allowed
LONGEST_S = 20
PYTHONS = ("Traceback", "unexpected error", "the details are in")  # in what is told of an error that nobody foresaw
SETTINGS = "workers: 1\nprep: {clip_length: 2, stride: 2, resize: [12, 16], max_input_mb: 64}\n"


class HangError(BaseException):
    """A case that took too long; no handler of the program may take it for an error of a file."""


@contextmanager
def watched() -> Iterator[None]:
    """Raise HangError after LONGEST_S; what hangs without coming back to Python ends the process with its stack."""

    def ring(*_: object) -> None:
        raise HangError

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(LONGEST_S)
    faulthandler.dump_traceback_later(3 * LONGEST_S, exit=True, file=sys.__stderr__)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
        faulthandler.cancel_dump_traceback_later()


def ended(words: list[str]) -> tuple[int, str]:
    """The exit code of main.py, and what it said; -1 for what no line was made of."""
    said, printed = io.StringIO(), io.StringIO()
    try:
        with watched(), contextlib.redirect_stderr(said), contextlib.redirect_stdout(printed):
            return program.main(words), said.getvalue()
    except HangError:
        return -1, f"{said.getvalue()}still running after {LONGEST_S} s"
    except BaseException as error:
        return -1, f"{said.getvalue()}{type(error).__name__}: {error}"


def is_unforeseen(code: int, said: str) -> bool:
    """Whether an end was told by Python rather than by the program."""
    return code not in (0, 1, 2) or any(text in said for text in PYTHONS)


class OwnFiles:
    """The files that the program wrote itself; each case damages one, and looks at all that is made of it."""

    def __init__(self, folder: Path):
        self.folder, self.config = folder, folder / "config.yaml"
        with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
            own_files.make(folder)
            self.targets = own_files.targets(folder)
            self.whole = {see: own_files.digest(see(folder)) for see, _ in self.targets.values()}
        self.config.write_text("workers: 1\n", encoding="utf-8")

    def case(self, rng: random.Random) -> tuple[str, str, str]:
        """What was done, and what was wrong about the end: a kind of count, or nothing, and its text."""
        path = rng.choice(list(self.targets))
        see, has_digest = self.targets[path]
        content, seen = path.read_bytes(), []
        how = self.damage(path, content, rng)
        name = f"{how} {path.relative_to(self.folder)}"
        program.MODES["review"] = lambda config: seen.append(own_files.digest(see(self.folder)))
        try:
            if path.is_file() and path.read_bytes() == content:
                return name, "", ""
            code, said = ended(["-m", "review", "-c", str(self.config), "--log-level", "error"])
        finally:
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
            path.write_bytes(content)
        return name, *self.judged(path, see, has_digest, code, said, seen)

    def damage(self, path: Path, content: bytes, rng: random.Random) -> str:
        if rng.random() < 0.03:
            path.unlink()
            path.mkdir()
            return "folder"
        how, new = mutated(path, rng)
        path.write_bytes(new)
        return how

    def judged(
        self, path: Path, see: Callable, has_digest: bool, code: int, said: str, seen: list[str]
    ) -> tuple[str, str]:
        if is_unforeseen(code, said) or (code and len(said.strip().splitlines()) > 1 and code != 2):
            return "tracebacks", f"code {code}: {said.strip()[-300:]}"
        if code and path.name not in said:
            return "tracebacks", f"the file is not named: {said.strip()[-200:]}"
        if not code and has_digest and seen != [self.whole[see]]:
            return "silent", "something else was read without a word"
        return "", ""


class Permissions:
    """What may not be read or written, of inputs, outputs, runs, reels and settings."""

    def __init__(self, folder: Path, own: OwnFiles, given: "Inputs"):
        self.given = given
        self.hindered = Hindered(folder, given.samples, own.folder / "run", own.folder / "reels")

    def case(self, rng: random.Random) -> tuple[str, str, str]:
        """As that of OwnFiles."""
        name, words, is_done = self.hindered.case(rng)
        config = [] if "-c" in words else ["-c", self.given.config]
        program.MODES["review"] = REVIEW
        with as_anybody():
            code, said = ended([*map(str, [*words, *config]), "--log-level", "error"])
        made = [*self.hindered.out.glob("*/reel.json")] if is_done else []
        self.hindered.clear()
        if is_unforeseen(code, said) or (code == 1 and len(said.strip().splitlines()) > 1):
            return name, "tracebacks", f"code {code}: {said.strip()[-300:]}"
        if is_done and (code or not made):
            return name, "lost", f"the good input is not made: {said.strip()[-300:]}"
        if is_done is False and not code:
            return name, "silent", "it is said to be done"
        return name, "", ""


class Inputs:
    """Inputs of all kinds; each case damages one and has a good one of another kind beside it."""

    def __init__(self, folder: Path):
        self.folder, self.config = folder, folder / "config.yaml"
        self.config.write_text(SETTINGS, encoding="utf-8")
        self.samples = inputs.write_all(folder / "samples")
        # Pictures of what was made take longer than all the rest, and are read by nothing.
        summary.write_page = summary.write_preview = lambda *_: None  # pyright: ignore[reportAttributeAccessIssue]
        self.alone: dict[str, set[str]] = {}

    def made(self, files: list[tuple[str, bytes | None]]) -> tuple[int, str, set[str]]:
        """Prepare files of these kinds, with another content or their own: exit code, what was said, the reels."""
        raw, out = self.folder / "in", self.folder / "out"
        for place in (raw, out):
            shutil.rmtree(place, ignore_errors=True)
        for number, (kind, content) in enumerate(files):
            place = raw / f"part_{number}" / f"{kind.replace('.', '_')}_{number}.{kind}"
            place.parent.mkdir(parents=True)
            place.write_bytes(self.samples[kind].read_bytes() if content is None else content)
        words = ["-m", "prep", "-c", str(self.config), "--data-raw", str(raw), "--data-clips", str(out)]
        code, said = ended([*words, "--log-level", "warning"])
        found = find_reels(out) if list(out.glob("*/reel.json")) else []
        return code, said, {reel.meta.get("source") or reel.name for reel in found}

    def case(self, rng: random.Random) -> tuple[str, str, str]:
        """As that of OwnFiles."""
        bad, good = rng.sample(list(self.samples), 2)
        how, content = mutated(self.samples[bad], rng)
        code, said, reels = self.made([(good, None), (bad, content)])
        name = f"{how} {bad} beside {good}"
        if is_unforeseen(code, said):
            return name, "tracebacks", f"code {code}: {said.strip()[-300:]}"
        if good not in self.alone:
            self.alone[good] = self.made([(good, None)])[2]
        if missing := self.alone[good] - reels:
            return name, "lost", f"{missing} is not made: {said.strip()[-300:]}"
        return name, "", ""


def main() -> None:
    options = parser(__doc__ or "", RUNS).parse_args()
    counts, failed = Counts(), Counter()
    warnings.simplefilter("ignore")
    with workplace() as place:
        for name in ("own", "given", "hindered"):
            (place / name).mkdir()
        own, given = OwnFiles(place / "own"), Inputs(place / "given")
        permissions = Permissions(place / "hindered", own, given)
        for number in range(QUICK if options.quick else options.runs):
            seed = options.seed + number
            rng = random.Random(seed)
            name, kind, text = (own, given, permissions)[bisect(SHARES, rng.random())].case(rng)
            counts.runs += 1
            if kind:
                failed[f"{kind}: {name}"] += 1
                counts.note(kind, f"seed {seed}, {name}: {text}")
    program.MODES["review"] = REVIEW
    counts.peak_mb = memory_mb()
    for what, count in failed.most_common(20):
        print(f"{count:5} {what}")
    finish(counts, options)


if __name__ == "__main__":
    main()
