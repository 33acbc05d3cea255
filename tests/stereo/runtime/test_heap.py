"""Freed memory is kept, so that the next step need not ask for it again."""

import platform
import subprocess
import sys

import pytest

STEPS, TENSORS = 10, 6
# Prints how many pages the steps after the first few had to ask for.
PROGRAM = """
import resource
import sys
import torch
from stereo.runtime.heap import hold_freed_memory

steps, tensors, megabytes = map(int, sys.argv[1:])

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def step():
    return [torch.ones(megabytes * 2**18) for _ in range(tensors)]

assert hold_freed_memory()
for _ in range(3):
    step()
before = faults()
for _ in range(steps):
    step()
print(faults() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have no switch")
@pytest.mark.parametrize("megabytes", [31, 84])
def test_steps_after_the_first_few_ask_for_no_new_pages(megabytes):
    """Without the switch it is nearly every page of every step (475 840 of 476 160)."""
    sizes = [str(number) for number in (STEPS, TENSORS, megabytes)]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *sizes], capture_output=True, text=True, check=True
    )
    pages = STEPS * TENSORS * megabytes * 2**20 // 4096
    assert int(done.stdout) < pages / 100
