"""Networks on the device only while they are used."""

import logging

import numpy as np
import pytest
import torch
from torch import nn

from stereo.options import SamplingOptions
from stereo.pipelines import text_to_stereo
from stereo.runtime.memory import keep
from stereo.runtime.offload import Shelf, offload

FEW = SamplingOptions(steps=5, guidance_scale=2.0, seed=3)


def test_offload_does_nothing_on_a_cpu_and_says_so(tiny_model, tiny_dpt, caplog):
    with caplog.at_level(logging.INFO, "stereo"):
        assert not offload(tiny_model, tiny_dpt)
    assert "does nothing" in caplog.text
    assert not tiny_model.model._forward_pre_hooks


class Travelling(nn.Linear):
    """Tells where it went, whatever devices there are."""

    def __init__(self, name: str, journeys: list[tuple[str, str]]) -> None:
        super().__init__(2, 2)
        self.name, self.journeys = name, journeys

    def to(self, device: str | torch.device) -> "Travelling":
        self.journeys.append((self.name, str(device)))
        return self


def test_one_network_at_a_time_leaves_the_shelf(monkeypatch):
    journeys: list[tuple[str, str]] = []
    first, second = Travelling("first", journeys), Travelling("second", journeys)
    shelf = Shelf(torch.device("cpu", 0))
    shelf.manage(first)
    shelf.manage(second)
    assert journeys == [("first", "cpu"), ("second", "cpu")]
    journeys.clear()
    x = torch.zeros(1, 2)
    for network in (first, first, second, first):
        network(x)
    assert journeys == [
        ("first", "cpu:0"),
        ("first", "cpu"),
        ("second", "cpu:0"),
        ("second", "cpu"),
        ("first", "cpu:0"),
    ]


@pytest.mark.gpu
def test_offloaded_networks_give_the_same_pair():
    from stereo.depth.loading import load_depth_model
    from stereo.runtime.models import load_model

    def right(offloaded: bool) -> np.ndarray:
        model, depth_model = load_model("text", device="cuda"), load_depth_model(device="cuda")
        if offloaded:
            assert offload(model, depth_model)
            assert model.device.type == "cuda"
            assert next(model.first_stage_model.parameters()).device.type == "cpu"
        return text_to_stereo(model, depth_model, "x", sampling=FEW)[0].right

    assert np.abs(right(True).astype(int) - right(False)).max() <= 1


@pytest.mark.gpu
def test_what_does_not_fit_is_kept_in_pinned_memory(monkeypatch):
    store = {"layer": tuple(torch.randn(3, 2, 3, device="cuda"))}
    assert [id(kept) for kept in keep(store)["layer"]] == [id(seen) for seen in store["layer"][1:]]
    monkeypatch.setattr("stereo.runtime.memory.free_bytes", lambda device: 0)
    (kept,) = keep(store)["layer"]
    assert kept.is_pinned() and torch.equal(kept.to("cuda"), store["layer"][0])
