"""What the benchmark counts and times."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from torch import nn

from stereo.benchmark.measure import Clock, matmul_rate, measure, unet_call
from stereo.benchmark.networks import random_model
from tests.stereo.conftest import tiny_config

CPU = torch.device("cpu")


def test_evaluations_are_the_rows_of_every_call():
    unet = nn.Linear(2, 2)

    def work() -> None:
        unet(torch.zeros(4, 2))
        unet(torch.zeros(3, 2))

    sample = measure(work, unet, CPU)
    assert sample.evaluations == 7
    assert not unet._forward_hooks


def test_the_hook_goes_after_an_error():
    unet = nn.Linear(2, 2)
    with pytest.raises(ZeroDivisionError):
        measure(lambda: 1 / 0, unet, CPU)
    assert not unet._forward_hooks


def test_busy_seconds_leave_out_waiting():
    clock = Clock(lambda: time.sleep(0.3), CPU)
    assert clock.seconds >= 0.3
    assert clock.busy_seconds < 0.1


PEAKS = """
import torch
from torch import nn
from stereo.benchmark.measure import measure

def peak(work):
    return measure(work, nn.Linear(2, 2), torch.device("cpu")).peak_bytes

high = peak(lambda: torch.ones(200 * 2**20, dtype=torch.uint8).sum())
print(high - peak(lambda: None))
"""


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="reads the peak from /proc")
def test_peak_memory_is_that_of_the_run_alone():
    """In a process of its own, as one that has loaded a model holds what it frees."""
    done = subprocess.run([sys.executable, "-c", PEAKS], capture_output=True, text=True, check=True)
    assert int(done.stdout) > 0.9 * 200 * 2**20


def test_arithmetic_of_a_call_grows_with_its_batch(tiny_networks):
    one, three = (unet_call(tiny_networks.model, batch, 8) for batch in (1, 3))
    assert three.flop == 3 * one.flop > 0
    assert three.flop_of(2) == one.flop
    assert one.rate > 0


def test_matmul_rate_is_that_of_a_computer():
    assert 1e8 < matmul_rate(CPU, torch.float32) < 1e15


def test_random_models_run_in_the_parts_own_precision():
    model = random_model({"model": tiny_config(depth=False)}, dtype=torch.bfloat16, device=CPU)
    assert model.dtype == torch.bfloat16
    assert next(model.first_stage_model.parameters()).dtype == torch.float32
    assert not any(parameter.is_meta for parameter in model.parameters())
    context = model.get_learned_conditioning(["x"])
    output = model.apply_model(torch.randn(1, 4, 8, 8), torch.tensor([500]), context)
    assert output.isfinite().all() and output.std() > 0
