"""Devices and precisions, checked before the work."""

import pytest
import torch

from stereo.runtime.device import choose_device, choose_precision
from tests.stereo.conftest import tiny_config

CPU = torch.device("cpu")


def test_a_precision_that_the_device_lacks_is_refused(monkeypatch):
    monkeypatch.setattr("stereo.runtime.device.precisions_of", lambda device: ["fp32", "bf16"])
    assert choose_precision("bf16", CPU) == torch.bfloat16
    with pytest.raises(ValueError, match="got 'fp16', but cpu has no fp16, only fp32, bf16"):
        choose_precision("fp16", CPU)


def test_the_device_stays_where_the_model_runs():
    from ldm.util import instantiate_from_config

    model = instantiate_from_config(tiny_config(depth=False))
    model.model.to("meta")
    assert model.device == CPU


@pytest.mark.parametrize("name", ["meta", "xpu", "tpu", "vulkan", "cuda:99", "mps"])
def test_devices_that_are_not_there_are_refused_by_name(name):
    if name == "mps" and torch.backends.mps.is_available():
        pytest.skip("this machine has one")
    with pytest.raises(ValueError, match=f"device: got '{name}'"):
        choose_device(name)
