"""What a worker of a cluster does about the settings it was started with."""

import os
import platform
import subprocess
import sys

import pytest

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
