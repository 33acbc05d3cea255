"""Training the denoisers: what they start from, what they draw, the files that they leave."""

import dataclasses
import json
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from dpt.models import load_depth_model
from ldm.checkpoint import load_model
from shapes.training import diffusion
from shapes.training.depth_diffusion import STEM, load_denoiser
from shapes.training.diffusion import DiffusionTask
from shapes.training.weights import autoencoder_config, part_config
from tests.shapes.training.tiny import tiny_settings


def whole(trained: Path, part: str, path: Path) -> Path:
    """Write a part's file with the parts that it only names, as trained here; return `path`."""
    with safe_open(trained / f"{part}.safetensors", framework="pt") as file:
        metadata = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}
    own = {"first_stage_model.": "autoencoder", "depth_model.model.": "dpt"}
    for prefix in json.loads(metadata.pop("parts_elsewhere")):
        with safe_open(trained / f"{own[prefix]}.safetensors", framework="pt") as file:
            tensors |= {prefix + name: file.get_tensor(name) for name in file.keys()}
    save_file(tensors, path, metadata=metadata)
    return path


def test_diffusion_weights_load(trained: Path, tmp_path: Path) -> None:
    model = load_model(whole(trained, "diffusion", tmp_path / "whole.safetensors"))
    prompt = model.get_learned_conditioning(["a red sphere"])
    noise = torch.zeros(1, 4, 8, 8)
    out = model.apply_model(noise, torch.tensor([500]), prompt)
    assert out.shape == noise.shape and model.parameterization == "v"
    factor = part_config(trained / "autoencoder.safetensors")["scale_factor"]
    assert model.scale_factor == factor


def test_another_part_is_no_autoencoder(trained: Path) -> None:
    with pytest.raises(ValueError, match="is no autoencoder's"):
        autoencoder_config(trained / "diffusion.safetensors")


@pytest.mark.parametrize(
    ("lost", "message"),
    [
        ("middle_block", "does not fit the configuration"),
        ("cond_stage_model", "does not fit the configuration"),
        ("input_blocks.0.0", "holds no denoiser"),
    ],
)
def test_a_start_that_lacks_weights_is_refused(
    trained: Path, tmp_path: Path, lost: str, message: str
) -> None:
    weights = load_file(trained / "diffusion.safetensors")
    path = tmp_path / "lacking.safetensors"
    save_file({name: t for name, t in weights.items() if lost not in name}, path)
    model = DiffusionTask(tiny_settings("diffusion", trained)).model
    with pytest.raises(ValueError, match=message):
        load_denoiser(model, path)


def test_a_start_with_more_input_channels_is_refused(trained: Path, tmp_path: Path) -> None:
    weights = load_file(trained / "diffusion.safetensors")
    path = tmp_path / "wider.safetensors"
    save_file({**weights, STEM: weights[STEM].repeat(1, 2, 1, 1)}, path)
    model = DiffusionTask(tiny_settings("diffusion", trained)).model
    with pytest.raises(ValueError, match="takes 8 channels, expected at most 4"):
        load_denoiser(model, path)


def test_many_objects_are_drawn_more_often(trained: Path) -> None:
    captions = ["a red box", "a tall red box left of a pink card on a plain floor", "no name"]
    captions_file = trained / "pool" / "00000.captions.json"
    kept = captions_file.read_text()
    captions_file.write_text(json.dumps(captions * 2))
    try:
        settings = tiny_settings("diffusion", trained)
        data = dataclasses.replace(settings.data, many_objects=1.0)
        task = DiffusionTask(dataclasses.replace(settings, data=data))
    finally:
        captions_file.write_text(kept)
    torch.testing.assert_close(task.chances, torch.tensor([1.0, 2, 1] * 2))


@given(
    layout=st.floats(0.0, 0.5, width=32),
    settling=st.floats(0.0, 0.5, width=32),
    spread=st.floats(0.0, 1.0, width=32),
)
def test_times_stay_in_range_and_lie_where_told(
    layout: float, settling: float, spread: float
) -> None:
    even = torch.tensor([spread])
    time = float(diffusion.weighted_times(even, layout=layout, settling=settling))
    assert -1e-6 <= time <= 1 + 1e-6
    if abs(spread - layout) > 1e-6 and abs(spread - layout - settling) > 1e-6:  # float32
        spans = ((layout, diffusion.LAYOUT), (layout + settling, diffusion.SETTLING), (2, (0, 1)))
        first, last = next(span for end, span in spans if spread < end)
        assert first - 1e-6 <= time <= last + 1e-6


def test_times_not_told_otherwise_are_even() -> None:
    even = torch.linspace(0, 1, 9)
    torch.testing.assert_close(diffusion.weighted_times(even, layout=0.0, settling=0.0), even)


def test_depth_network_loads(trained: Path) -> None:
    network = load_depth_model(trained / "dpt.safetensors")
    assert network(torch.zeros(1, 3, 64, 64)).shape == (1, 64, 64)


def test_files_name_those_of_the_parts_that_they_share(trained: Path) -> None:
    shared = {
        "first_stage_model.": "models/first_stage_models/shapes.safetensors",
        "depth_model.model.": "midas_models/shapes-dpt.safetensors",
    }
    for part, left_out in (("diffusion", {"first_stage_model."}), ("depth", set(shared))):
        with safe_open(trained / f"{part}.safetensors", framework="pt") as file:
            named = json.loads(file.metadata()["parts_elsewhere"])
            names = set(file.keys())
        assert named == {prefix: shared[prefix] for prefix in left_out}
        assert not any(name.startswith(tuple(left_out)) for name in names)
        assert "model.diffusion_model.input_blocks.0.0.weight" in names


def test_depth_sibling_is_whole_with_its_depth_network(trained: Path, tmp_path: Path) -> None:
    model = load_model(whole(trained, "depth", tmp_path / "whole.safetensors"))
    text = model.get_learned_conditioning(["a blue box"])
    condition = {"c_crossattn": [text], "c_concat": [torch.zeros(1, 1, 8, 8)]}
    out = model.apply_model(torch.zeros(1, 4, 8, 8), torch.tensor([10]), condition)
    assert out.shape == (1, 4, 8, 8)
    assert model.depth_model(torch.zeros(1, 3, 64, 64)).shape == (1, 1, 64, 64)
