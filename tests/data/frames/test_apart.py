"""Two machines decode one reel on a store where each has its own pages in memory."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from config import Config, PrepConfig
from data.frames.first_pass import first_pass
from data.frames.journal import PIXELS
from data.frames.second_pass import open_part, tasks_of
from data.frames.stale import record_of
from data.frames.workers.apart import BLOCKS, joiner, run_apart
from data.frames.workers.decode import run_task
from data.frames.workers.pool import make_executor
from tests.support.fits_files import write_frames
from tests.support.page_store import Host, Overlap, PageStore

FRAMES = 12
SETTINGS = PrepConfig(clip_length=4, stride=2, resize=(20, 30))  # 2,400 bytes a row, of which no page is a multiple


@pytest.fixture
def opened(tmp_path):
    """The folder of a reel in the making, its tasks and the form of its frames."""
    write_frames(tmp_path / "raw", FRAMES, shape=(24, 32))
    config = Config(data_raw=str(tmp_path / "raw"), data_clips=str(tmp_path), workers=1, prep=SETTINGS)
    with make_executor(1) as workers:
        (plan,) = first_pass(workers, config, tmp_path / "unpacked").plans
    part = tmp_path / "store" / ".part"
    open_part(plan, part, plan.identity(SETTINGS), SETTINGS, record_of(plan, tmp_path / "raw"))
    return part, list(tasks_of(plan, part, set())), plan.stored_shape(SETTINGS)[2:]


@pytest.fixture
def expected(opened):
    """What one machine decodes."""
    part, tasks, _ = opened
    for task in tasks:
        run_task(task, SETTINGS)
    found = [(part / name).read_bytes() for name in PIXELS]
    for name in PIXELS:
        array = np.load(part / name, mmap_mode="r+")
        array[:] = 0
        array.flush()
    return found


@pytest.fixture
def join(opened, expected):
    """What the process that began the work joins blocks with."""
    return joiner(opened[0])


@pytest.fixture
def hosts(opened, join, tmp_path):
    """Two machines that have opened the store when nothing was decoded yet."""
    store = PageStore(opened[0].parent)
    return [Host(store, tmp_path / name) for name in ("first", "second")]


def there(task, host):
    """The task as a machine finds it, whose store is mounted elsewhere."""
    return replace(task, folder=str(host.folder / Path(task.folder).name))


def test_rows_of_one_array_written_by_two_machines_share_pages(opened, hosts):
    """So this store tells what would go wrong."""
    for number, task in enumerate(opened[1]):
        run_task(there(task, hosts[number % 2]), SETTINGS)
    hosts[0].close()
    with pytest.raises(Overlap, match="two machines wrote"):
        hosts[1].close()


def test_blocks_of_their_own_do_not_and_give_the_same_reel(opened, hosts, join, expected):
    part, tasks, grid = opened
    blocks = [run_apart(there(task, hosts[number % 2]), SETTINGS, grid) for number, task in enumerate(tasks)]
    for host in reversed(hosts):
        host.close()
    made = sorted(path.name for path in (part / BLOCKS).iterdir())
    assert len(made) == len(blocks) == -(-FRAMES // 4)
    facts = [fact for block in reversed(blocks) for fact in join(block)]
    assert sorted(fact["row"] for fact in facts) == list(range(FRAMES))
    assert [(part / name).read_bytes() for name in PIXELS] == expected
    assert list((part / BLOCKS).iterdir()) == []


def test_a_task_that_is_done_twice_makes_two_blocks_of_the_same_frames(opened, join):
    part, tasks, grid = opened
    first, second = (run_apart(tasks[0], SETTINGS, grid) for _ in range(2))
    assert first.name != second.name
    assert first.facts == second.facts
    one, other = ((part / BLOCKS / f"{block.name}.npy").read_bytes() for block in (first, second))
    assert one == other
