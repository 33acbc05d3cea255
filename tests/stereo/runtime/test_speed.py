"""How networks run: the results stay what they are."""

import copy
import logging
from dataclasses import replace

import numpy as np
import pytest
import torch

from stereo.options import SamplingOptions, preset
from stereo.pipelines import images_to_stereo, text_to_stereo
from stereo.runtime import speed
from stereo.runtime.prepacked import PackedConv2d
from stereo.runtime.speed import compile_denoiser, prepare, suit_device

CPU = torch.device("cpu")
FEW = SamplingOptions(steps=5, guidance_scale=2.0, seed=3)


def channels_last(weight: torch.Tensor) -> bool:
    return weight.is_contiguous(memory_format=torch.channels_last)


def unet_weight(model) -> torch.Tensor:
    return model.model.diffusion_model.input_blocks[1][0].in_layers[2].weight


def decoder_layer(model) -> torch.nn.Conv2d:
    return model.first_stage_model.decoder.mid.block_1.conv1


def test_layouts_are_those_that_are_faster(tiny_model):
    cuda = torch.device("cuda")  # only asked what kind of device it is
    lying = copy.deepcopy(tiny_model)
    suit_device(lying, cuda)
    assert not channels_last(unet_weight(lying))
    assert not channels_last(decoder_layer(lying).weight)
    lying.model.to(torch.bfloat16)
    suit_device(lying, cuda)
    assert channels_last(unet_weight(lying))
    assert not channels_last(decoder_layer(lying).weight)
    lying = copy.deepcopy(tiny_model)
    suit_device(lying, CPU)
    assert isinstance(lying.model.diffusion_model.input_blocks[1][0].in_layers[2], PackedConv2d)
    assert isinstance(decoder_layer(lying), PackedConv2d)


@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_a_suited_network_gives_the_same_pair(tiny_model, tiny_dpt, scale):
    suited, sampling = copy.deepcopy(tiny_model), replace(FEW, guidance_scale=scale)
    suit_device(suited, CPU)
    plain, fast = (
        text_to_stereo(model, tiny_dpt, "x", sampling=sampling)[0] for model in (tiny_model, suited)
    )
    for eye in ("left", "right"):
        assert np.abs(getattr(plain, eye).astype(int) - getattr(fast, eye)).max() <= 1


@pytest.mark.slow
def test_compiled_networks_give_the_same_pair_and_compile_once(tiny_model, tiny_dpt):
    from torch._dynamo.utils import counters

    def right() -> np.ndarray:
        return text_to_stereo(tiny_model, tiny_dpt, "x", sampling=FEW)[0].right

    plain = right()
    unet = tiny_model.model.diffusion_model
    try:
        assert compile_denoiser(tiny_model, FEW, backend="eager")
        first, graphs = right(), counters["stats"]["unique_graphs"]
        assert graphs > 0
        second = right()
        assert counters["stats"]["unique_graphs"] == graphs
    finally:
        speed._undo_compilation(unet)
    assert np.abs(first.astype(int) - plain).max() <= 1
    assert np.array_equal(first, second)


@pytest.mark.parametrize("task", ["text", "image"])
@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_the_warm_up_sees_what_the_first_step_sees(tiny_model, tiny_dpt, task, scale, monkeypatch):
    seen: list[list[torch.Size]] = []
    block = tiny_model.model.diffusion_model.input_blocks[1][0]
    shifted = block.shifted
    monkeypatch.setattr(
        block, "shifted", lambda *parts: seen.append([p.shape for p in parts]) or shifted(*parts)
    )
    monkeypatch.setattr(speed, "_compile_parts", lambda unet, backend: None)
    hook = block.register_forward_hook(lambda module, args, output: seen.append([output.shape]))
    sampling = replace(FEW, guidance_scale=scale, samples=2)
    prepare(tiny_model, tiny_dpt, sampling, task=task, compiled=True, offloaded=False)
    if task == "text":
        text_to_stereo(tiny_model, tiny_dpt, "x", sampling=sampling)
    else:
        photos = [np.zeros((64, 64, 3), np.uint8)] * 2
        one = replace(sampling, samples=1)
        images_to_stereo(tiny_model, tiny_dpt, photos, [0, 1], options=preset("best"), sampling=one)
    hook.remove()
    assert len(seen[0]) == 2 and seen[:2] == seen[2:4]


def test_without_a_compiler_nothing_changes_and_one_line_says_so(tiny_model, monkeypatch, caplog):
    def fail(model, sampling) -> None:
        raise RuntimeError("no compiler found\nsecond line")

    monkeypatch.setattr(speed, "_warm_up", fail)
    with caplog.at_level(logging.WARNING, "stereo"):
        assert not compile_denoiser(tiny_model, FEW)
    (record,) = caplog.records
    assert "going on without (no compiler found)" in record.getMessage()
    for module in tiny_model.model.diffusion_model.modules():
        assert module._compiled_call_impl is None
        assert not {"forward", "shifted", "attend", "keys_values"} & vars(module).keys()


def test_packed_networks_are_not_compiled_and_one_line_says_so(tiny_model, caplog):
    packed = copy.deepcopy(tiny_model)
    suit_device(packed, CPU)
    with caplog.at_level(logging.INFO, "stereo"):
        assert not compile_denoiser(packed, FEW)
    (record,) = caplog.records
    assert "compile: does nothing on this CPU" in record.getMessage()
