"""What a worker of a cluster does about the settings it was started with."""

import os
import platform
import subprocess
import sys
from unittest.mock import Mock

import pytest

from data.frames.workers import decode
from data.messages import shown
from tests.support.paths import ROOT

PAGES = """
import resource
import numpy as np
from data.cluster.worker import on_worker

def touched():
    for _ in range(40):
        np.ones(2**17)  # 1 MiB, 256 pages: large ones would have 2 MiB

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    touched()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

touched()
print(faults(), on_worker("warning", ".", faults), on_worker("warning", ".", faults))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="of glibc's malloc")
@pytest.mark.parametrize(("threshold", "is_dasks"), [("65536", True), ("70000", False)])
def test_memory_is_used_again_unless_the_user_says_otherwise(threshold: str, is_dasks: bool):
    given = os.environ | {"MALLOC_TRIM_THRESHOLD_": threshold}
    ran = subprocess.run([sys.executable, "-c", PAGES], env=given, cwd=ROOT, capture_output=True, text=True, check=True)
    before, _, within = map(int, ran.stdout.split())
    assert before >= 40 * 256 * 0.9  # all pages are new in every turn
    assert (within < 256) is is_dasks  # fewer than of a single turn


TURNS = """
import os
import resource
import numpy as np
{before}

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(5):
        arrays = [np.ones(3 * 2**17) for _ in range(4)]  # 3 MiB each, 3072 pages in all, that come and go together
        del arrays
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

faults()
print(faults())
"""
KEPT = "from data.memory import keep_memory\nkeep_memory()"


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="of glibc's malloc")
@pytest.mark.parametrize(
    ("before", "chosen", "is_kept"),
    [("", {}, False), (KEPT, {}, True), (KEPT, {"MALLOC_TRIM_THRESHOLD_": "70000"}, False)],
)
def test_arrays_of_some_mib_get_the_same_pages_again(before: str, chosen: dict[str, str], is_kept: bool):
    """In worker processes; by itself glibc gives back what is freed beyond twice the largest of them."""
    given = {name: value for name, value in os.environ.items() if "MALLOC" not in name and "GLIBC" not in name}
    words = [sys.executable, "-c", TURNS.format(before=before)]
    ran = subprocess.run(words, env=given | chosen, cwd=ROOT, capture_output=True, text=True, check=True)
    assert (int(ran.stdout) < 3072) is is_kept


def test_worker_processes_keep_their_memory(monkeypatch):
    called = []
    monkeypatch.setattr(decode, "keep_memory", lambda: called.append(True))
    monkeypatch.setattr(decode.threading, "Thread", Mock())
    monkeypatch.setattr(decode.cv2, "setNumThreads", lambda count: None)
    decode.start_worker(shown())
    assert called
