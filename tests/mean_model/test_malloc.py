"""The allocator setting: large blocks are reused, in every thread."""

import subprocess
import sys

import pytest

from tests.helpers import ROOT

COUNT_FAULTS = """
import resource, sys, threading
import numpy as np
from mean_model.malloc import keep_freed_memory
if sys.argv[1] == "keep":
    assert keep_freed_memory()
def work():
    for call in range(12):
        if call == 2:
            start = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        np.ones(64_000_000, np.uint8)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - start)
thread = threading.Thread(target=work)
thread.start()
thread.join()
"""


def faults(mode: str) -> int:
    command = [sys.executable, "-c", COUNT_FAULTS, mode]
    return int(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=240).stdout)


@pytest.mark.process
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a setting of glibc")
def test_freed_memory_is_reused_by_a_thread():
    assert faults("keep") * 10 < faults("default")
