"""How networks run: the results stay what they are."""

import copy
import logging
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from ldm.modules.diffusionmodules import model as autoencoder_parts
from stereo.options import SamplingOptions
from stereo.pipelines import images_to_stereo, text_to_stereo
from stereo.runtime import speed
from stereo.runtime.device import choose_device, choose_precision
from stereo.runtime.memory import KEPT_FREE, explain_out_of_memory, free_bytes, keep
from stereo.runtime.offload import Shelf, offload
from stereo.runtime.prepacked import PackedConv2d
from stereo.runtime.speed import compile_denoiser, prepare, suit_device
from tests.stereo.conftest import tiny_config

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
        images_to_stereo(tiny_model, tiny_dpt, photos, [0, 1], sampling=one)
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


@pytest.mark.parametrize("spare_bytes, form", [(1, (1, 2)), (0, (0,)), (None, (0,))])
def test_keys_and_values_are_kept_where_there_is_room_else_tokens(monkeypatch, spare_bytes, form):
    store = {"layer": tuple(torch.randn(3, 2, 3))}
    needed = sum(values.nbytes for values in store["layer"][1:])
    free = None if spare_bytes is None else KEPT_FREE["cpu"] + needed + spare_bytes
    monkeypatch.setattr("stereo.runtime.memory.free_bytes", lambda device: free)
    kept = keep(store)["layer"]
    assert [id(values) for values in kept] == [id(store["layer"][k]) for k in form]


@pytest.mark.parametrize("free_bytes", [0, 2**50])
def test_pairs_are_the_same_in_either_form(tiny_model, tiny_dpt, monkeypatch, free_bytes):
    expected = text_to_stereo(tiny_model, tiny_dpt, "x", sampling=FEW)[0]
    monkeypatch.setattr("stereo.runtime.memory.free_bytes", lambda device: free_bytes)
    found = text_to_stereo(tiny_model, tiny_dpt, "x", sampling=FEW)[0]
    assert np.array_equal(found.right, expected.right)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
        MemoryError(),
    ],
)
def test_out_of_memory_names_what_was_asked_what_is_free_and_what_helps(tiny_model, error):
    sampling = SamplingOptions(samples=8, height_px=512, width_px=1024)
    asked = r"out of memory on cpu for 8 pictures of 1024x512 px"
    help_ = r"try --n_samples 1, --precision bf16, a smaller --H and --W"
    with pytest.raises(MemoryError, match=rf"^{asked}(, \d+\.\d GiB were free)?: {help_}$"):
        with explain_out_of_memory(tiny_model, sampling):
            raise error


def test_out_of_memory_names_the_flag_of_photos(tiny_model):
    sampling = replace(FEW, samples=4)
    with pytest.raises(MemoryError, match="for 4 pictures .* try --photos_at_once 1, "):
        with explain_out_of_memory(tiny_model, sampling, fewer="--photos_at_once 1"):
            raise MemoryError


def test_out_of_memory_names_the_picture_too(tiny_model):
    with pytest.raises(MemoryError, match="1 picture of 64x64 px from one of 4000x3000 px"):
        with explain_out_of_memory(tiny_model, FEW, (4000, 3000)):
            raise MemoryError


def test_other_errors_pass(tiny_model):
    for error in (RuntimeError("shape mismatch"), ValueError("samples")):
        with pytest.raises(type(error), match=str(error)):
            with explain_out_of_memory(tiny_model, FEW):
                raise error


def test_free_memory_is_some_or_unknown():
    free = free_bytes(CPU)
    assert free is None or 2**20 < free < 2**50


def test_a_precision_that_the_device_lacks_is_refused(monkeypatch):
    monkeypatch.setattr("stereo.runtime.device.precisions_of", lambda device: ["fp32", "bf16"])
    assert choose_precision("bf16", CPU) == torch.bfloat16
    with pytest.raises(ValueError, match="got 'fp16', but cpu has no fp16, only fp32, bf16"):
        choose_precision("fp16", CPU)


def test_large_pictures_are_decoded_in_slices_with_the_same_result(tiny_model, monkeypatch):
    latents = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    whole = tiny_model.decode_first_stage(latents)
    monkeypatch.setattr(autoencoder_parts, "QUERIES", 24)
    torch.testing.assert_close(tiny_model.decode_first_stage(latents), whole, atol=1e-5, rtol=0)


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
