"""What is kept for lack of memory, and what is said when there is none."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from ldm.modules.diffusionmodules import model as autoencoder_parts
from stereo.options import SamplingOptions
from stereo.pipelines import text_to_stereo
from stereo.runtime.memory import KEPT_FREE, explain_out_of_memory, free_bytes, keep

CPU = torch.device("cpu")
FEW = SamplingOptions(steps=5, guidance_scale=2.0, seed=3)


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


def test_large_pictures_are_decoded_in_slices_with_the_same_result(tiny_model, monkeypatch):
    latents = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    whole = tiny_model.decode_first_stage(latents)
    monkeypatch.setattr(autoencoder_parts, "QUERIES", 24)
    torch.testing.assert_close(tiny_model.decode_first_stage(latents), whole, atol=1e-5, rtol=0)
