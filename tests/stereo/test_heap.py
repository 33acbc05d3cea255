"""Freed memory is kept, so that the next step need not ask for it again."""

import platform
import subprocess
import sys

import pytest

STEPS, TENSORS, MEGABYTES = 10, 6, 31
# Prints how many pages the steps after the first few had to ask for.
PROGRAM = f"""
import resource
import torch
from stereo.heap import hold_freed_memory

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def step():
    return [torch.ones({MEGABYTES} * 2**18) for _ in range({TENSORS})]

assert hold_freed_memory()
for _ in range(3):
    step()
before = faults()
for _ in range({STEPS}):
    step()
print(faults() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have no switch")
def test_steps_after_the_first_few_ask_for_no_new_pages():
    """Without the switch it is nearly every page of every step (475 840 of 476 160)."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    )
    pages = STEPS * TENSORS * MEGABYTES * 2**20 // 4096
    assert int(done.stdout) < pages / 100
