"""Prep in parts that know nothing of each other: `--shard i/n` decodes, `--join` makes the reels of what n shards have.

Every shard knows all headers, which they read together, and so the same plan; it decodes every n-th task into files of
its own, in `.shards/<i>-of-<n>/` of the folder of reels. Joining copies them to where one process would have decoded
them. All that needs more than one frame (scaling, repeats, bit depth) is done then, once, by what does it without
shards: the reels are the same bytes. Shards run in any order, at the same time or not, and each goes on where it was
killed.
"""

import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path

from config import Config
from data.disk.damage import read_json, told
from data.disk.files import write_json
from data.disk.lock import owned
from data.disk.parts import sync_all
from data.frames.assemble import Given, read_given
from data.frames.first_pass import first_pass
from data.frames.journal import Journal
from data.frames.plan import ReelPlan
from data.frames.second_pass import open_part, tasks_of
from data.frames.sharing.headers import SharedHeaders
from data.frames.sharing.shard import NAME, SHARDS, Shard
from data.frames.stale import record_of
from data.frames.workers.apart import BLOCKS, Block, copier, run_apart
from data.frames.workers.decode import Task
from data.frames.workers.pool import Workers, bounded, make_executor
from data.messages import logger, progress

log = logger(__name__)

HEADERS, DONE, LINES, UNPACKED = "headers", "done.json", "blocks.jsonl", ".unpacked"


def prep_shard(config: Config) -> Path:
    """Decode one shard of the frames in `config.data_raw`; returns its folder.

    Raises ValueError for settings that shards can't have, OSError where another process works on the same shard.
    """
    if config.prep.source == "vso" or config.prep.light_curves:
        raise ValueError(
            "--shard decodes frames that are there: run prep without it for prep.light_curves, and once with "
            "prep.source vso to download"
        )
    shard, given = Shard.told(config.shard or ""), read_given(config.prep)
    folder = shard.folder(Path(config.data_clips))
    with (
        owned(folder, f"prep --shard {shard}", "choose another shard"),
        make_executor(config.workers, config.cluster, config.data_raw, config.data_clips) as workers,
    ):
        shutil.rmtree(folder / UNPACKED, ignore_errors=True)
        (folder / DONE).unlink(missing_ok=True)
        headers = SharedHeaders(folder.parent / HEADERS, Fraction(shard.number - 1, shard.of))
        plans = first_pass(workers, config, folder / UNPACKED, headers).plans
        made = {}
        for plan, tasks in _shares(plans, shard, folder):
            made[plan.name] = _facts_of(plan, given, config)
            _decode(workers, plan, tasks, folder / plan.name, made[plan.name], config)
        shutil.rmtree(folder / UNPACKED, ignore_errors=True)
        sync_all(folder)
        write_json(folder / DONE, made, durable=True)
    return folder


def joined_headers(out: Path) -> SharedHeaders:
    """The headers that the shards of a folder have read."""
    return SharedHeaders(out / SHARDS / HEADERS)


def _facts_of(plan: ReelPlan, given: Given, config: Config) -> dict:
    """What a shard's frames of a reel were made of: they are used where the reel would be made of the same."""
    record = record_of(plan, Path(config.data_raw))
    return {"identity": plan.identity(config.prep, asdict(given)), "inputs": record}


def _shares(plans: list[ReelPlan], shard: Shard, folder: Path) -> Iterator[tuple[ReelPlan, list[Task]]]:
    """Of each plan the tasks that are the shard's: every n-th of all, so that small reels are spread too."""
    number = 0
    for plan in plans:
        if plan.rows:
            tasks = list(tasks_of(plan, folder / plan.name, set()))
            yield plan, [task for i, task in enumerate(tasks, number) if i % shard.of == shard.number - 1]
            number += len(tasks)


def _decode(workers: Workers, plan: ReelPlan, tasks: list[Task], place: Path, facts: dict, config: Config) -> None:
    """Decode tasks into blocks, but for what is there of a run with the same facts."""
    began = place / "facts.json"
    if not began.is_file() or read_json(began, "") != json.loads(json.dumps(facts)):
        shutil.rmtree(place, ignore_errors=True)
        (place / BLOCKS).mkdir(parents=True)
        write_json(began, facts, durable=True)
    done = {(fact["row"], fact["channel"]) for block in _blocks(place) for fact in block.facts}
    left = [task for task in tasks if not {item[:2] for item in task.items} <= done]
    calls = ((task, config.prep, plan.stored_shape(config.prep)[2:]) for task in left)
    total, count = sum(len(task.items) for task in tasks), sum(len(task.items) for task in left)
    with (
        (place / LINES).open("a", encoding="utf-8", newline="\n") as lines,
        progress(total=total, initial=total - count, desc=f"decoding {plan.name}", unit="frame") as bar,
    ):
        for block in bounded(workers, run_apart, calls):
            lines.write(json.dumps(asdict(block)) + "\n")
            lines.flush()
            bar.update(len(block.facts))


def _blocks(place: Path) -> list[Block]:
    """The blocks that a shard has of a reel; a last line torn by a kill is cut off."""
    path = place / LINES
    if not path.is_file():
        return []
    text = path.read_bytes()
    whole = text[: text.rfind(b"\n") + 1]
    if len(whole) < len(text):
        path.write_bytes(whole)
    with told(path, f"remove {place.parent} and run its shard again"):
        return [Block(**json.loads(line)) for line in whole.splitlines()]


def join_shards(plans: list[ReelPlan], given: Given, config: Config) -> None:
    """Put the frames of all shards where one process would have decoded them.

    Raises ValueError that names the shards which are missing, not complete, of another number or of other frames.
    """
    out = Path(config.data_clips)
    shards = _complete(out)
    wanted = {plan.name: _facts_of(plan, given, config) for plan in plans if plan.rows}
    for shard in shards:
        made = read_json(shard.folder(out) / DONE, "")
        if made != json.loads(json.dumps(wanted)):
            unlike = sorted(name for name in made.keys() | wanted.keys() if made.get(name) != wanted.get(name))
            raise ValueError(
                f"shard {shard} was made of other frames or settings than these (of {', '.join(unlike[:5])}); run "
                f"-m prep --shard {shard} again"
            )
    for plan in plans:
        if plan.rows and not (out / plan.name).exists():
            part, facts = out / f".{plan.name}.part", wanted[plan.name]
            done = open_part(plan, part, facts["identity"], config.prep, facts["inputs"])
            _copy([shard.folder(out) / plan.name for shard in shards], part, plan, done)


def _copy(places: list[Path], part: Path, plan: ReelPlan, done: set[tuple[int, int]]) -> None:
    total, copy = len(plan.rows) * len(plan.channels), copier(part)
    with (
        Journal(part) as journal,
        progress(total=total, initial=len(done), desc=f"joining {plan.name}", unit="frame") as bar,
    ):
        for place in places:
            for block in _blocks(place):
                if not {(fact["row"], fact["channel"]) for fact in block.facts} <= done:
                    journal.add(copy(place, block))
                    bar.update(len(block.facts))


def _complete(out: Path) -> list[Shard]:
    """All shards of a folder. Raises ValueError where they are not one whole set."""
    found = sorted(
        (Shard(int(name[1]), int(name[2])) for path in out.glob(f"{SHARDS}/*") if (name := NAME.fullmatch(path.name))),
        key=lambda shard: (shard.of, shard.number),
    )
    if not found:
        raise ValueError(f"no shards in {out}; make some with -m prep --shard 1/N ... N/N, and join without a shard")
    counts = sorted({shard.of for shard in found})
    if len(counts) > 1:
        raise ValueError(
            f"{out / SHARDS} has shards of {' and of '.join(map(str, counts))}: those of one number make the whole; "
            "remove the others"
        )
    expected = [Shard(number, counts[0]) for number in range(1, counts[0] + 1)]
    lacking = [str(shard) for shard in expected if not (shard.folder(out) / DONE).is_file()]
    if lacking:
        raise ValueError(
            f"{len(lacking)} of {counts[0]} shards in {out} are missing or not complete: {', '.join(lacking)}; run "
            "-m prep --shard for each, which goes on where it was"
        )
    return expected


def remove_shards(config: Config) -> None:
    """What was joined is not needed any more."""
    shutil.rmtree(Path(config.data_clips, SHARDS))
