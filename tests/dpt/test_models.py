"""DPT networks against the reference's numbers, and what the files may and may not hold."""

import gzip
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from dpt.models import DPTDepthModel, load_depth_model
from tests.conftest import GOLDEN
from tests.golden import weights

HYBRID_CASES = ["dpt_hybrid_384x384", "dpt_hybrid_256x384"]
VARIANTS = {"timm045": "_timm045", "timm": ""}
MAP_TOLERANCES = (1.5e-4, 5e-4, 2e-3, 2e-3)


def filled(backbone: str, weight_standardisation: str = "timm045") -> DPTDepthModel:
    with torch.device("meta"):
        model = DPTDepthModel(
            backbone=backbone,
            non_negative=False,
            weight_standardisation=weight_standardisation,
        )
    return weights.fill(model.to_empty(device="cpu")).eval()


@pytest.fixture(scope="module")
def hybrids() -> dict[str, DPTDepthModel]:
    """Both variants of the hybrid, sharing one set of tensors."""
    first = filled("vitb_rn50_384", "timm045")
    with torch.device("meta"):
        second = DPTDepthModel(non_negative=False, weight_standardisation="timm")
    second.load_state_dict(first.state_dict(), assign=True)
    return {"timm045": first, "timm": second.eval()}


@pytest.fixture(scope="module")
def hybrid_run(hybrids) -> Callable[[str, dict, str], tuple[list[Tensor], Tensor]]:
    """Run a variant on a case, once for all tests."""
    done: dict[tuple[str, str], tuple[list[Tensor], Tensor]] = {}

    def results(name: str, case: dict, variant: str) -> tuple[list[Tensor], Tensor]:
        if (name, variant) not in done:
            done[name, variant] = run(hybrids[variant], network_input(case))
        return done[name, variant]

    return results


@pytest.fixture
def small() -> DPTDepthModel:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return DPTDepthModel(backbone="vit_small_shapes").eval()


def network_input(case: dict) -> Tensor:
    return case["image_u8"].permute(2, 0, 1)[None].float().contiguous() / 127.5 - 1


@torch.no_grad()
def run(model: DPTDepthModel, x: Tensor) -> tuple[list[Tensor], Tensor]:
    maps = model.pretrained(x)
    return maps, model.scratch(maps).squeeze(1)


def non_negative_form(free: Tensor) -> Tensor:
    return (free + 4).clamp(min=0)[:, ::4, ::4]


def rms(error: Tensor) -> Tensor:
    return error.square().mean().sqrt()


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("name", HYBRID_CASES)
def test_hybrid_agrees_with_the_reference(golden, hybrid_run, name, variant):
    case, suffix = golden(name), VARIANTS[variant]
    _, free = hybrid_run(name, case, variant)
    error = free[:, ::4, ::4] - case[f"inv_depth_free{suffix}_s4"]
    assert error.abs().max() <= 1e-3
    assert rms(error) <= 2.5e-4
    error = non_negative_form(free) - case[f"inv_depth_pos{suffix}_s4"]
    assert error.abs().max() <= 1e-3
    assert rms(error) <= 2.5e-4


@pytest.mark.parametrize("name", HYBRID_CASES)
def test_hybrid_variants_are_told_apart(golden, hybrid_run, name):
    case = golden(name)
    _, free = hybrid_run(name, case, "timm045")
    assert rms(free[:, ::4, ::4] - case["inv_depth_free_s4"]) > 2.5e-4


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("name", HYBRID_CASES)
def test_hybrid_maps_agree_with_the_reference(golden, hybrid_run, name, variant):
    case = golden(name)
    maps, _ = hybrid_run(name, case, variant)
    for level, (found, tolerance) in enumerate(zip(maps, MAP_TOLERANCES, strict=True), start=1):
        assert found.shape == tuple(case[f"reassembled{level}_shape"])
        mean, std = case[f"reassembled{level}{VARIANTS[variant]}_mean_std"].tolist()
        assert found.double().mean().item() == pytest.approx(mean, abs=5e-5)
        assert found.double().std(correction=0).item() == pytest.approx(std, abs=5e-5)
        if variant == "timm":
            error = found[:, ::32, ::4, ::4] - case[f"reassembled{level}_sub"]
            assert error.abs().max() <= tolerance


@pytest.mark.parametrize("name", ["dpt_hybrid_256x384", "dpt_large_192x256"])
def test_intermediate_statistics_agree_with_the_reference(golden, hybrids, name):
    case = golden(name)
    model = hybrids["timm"] if "hybrid" in name else filled("vitl16_384")
    seen: dict[str, tuple[float, float]] = {}

    def keep(module_name: str):
        def hook(_module, _inputs, out: Tensor) -> None:
            out = out.detach().double()
            seen[module_name] = (out.mean().item(), out.std(correction=0).item())

        return hook

    names = [str(stat) for stat in case["stat_names"]]
    hooks = [model.get_submodule(stat).register_forward_hook(keep(stat)) for stat in names]
    _, free = run(model, network_input(case))
    for hook in hooks:
        hook.remove()
    assert seen.keys() == set(names)
    for stat, (mean, std) in zip(names, case["stat_mean_std"].tolist(), strict=True):
        assert seen[stat] == pytest.approx((mean, std), abs=5e-5), stat
    if "large" in name:
        check_large(case, model, free)


def check_large(case: dict, model: DPTDepthModel, free: Tensor) -> None:
    assert (free[:, ::4, ::4] - case["inv_depth_free_s4"]).abs().max() <= 3e-4
    assert (non_negative_form(free) - case["inv_depth_pos_s4"]).abs().max() <= 3e-4
    for level, found in enumerate(model.pretrained(network_input(case)), start=1):
        assert found.shape == tuple(case[f"reassembled{level}_shape"])
        error = found[:, ::32, ::4, ::4] - case[f"reassembled{level}_sub"]
        assert error.abs().max() <= 3e-4


@pytest.mark.slow
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("name", HYBRID_CASES)
def test_hybrid_in_float64_agrees_to_rounding(golden, name, variant):
    case = golden(name)
    model = filled("vitb_rn50_384", variant).double()
    _, free = run(model, network_input(case).double())
    error = free[:, ::4, ::4] - case[f"inv_depth_free{VARIANTS[variant]}_s4"]
    assert error.abs().max() <= 1e-5


@pytest.mark.parametrize(
    ("backbone", "manifest"), [("vitb_rn50_384", "dpt_hybrid"), ("vitl16_384", "dpt_large")]
)
def test_state_dict_has_the_published_names_shapes_and_order(backbone, manifest):
    with torch.device("meta"):
        state = DPTDepthModel(backbone=backbone).state_dict()
    expected = json.loads(gzip.decompress((GOLDEN / f"{manifest}.json.gz").read_bytes()))
    assert [[name, list(value.shape)] for name, value in state.items()] == expected


def test_midas_holds_the_published_depth_model():
    from ldm.modules.midas.api import MiDaSInference

    with torch.device("meta"):
        state = MiDaSInference("dpt_hybrid").state_dict()
    names = json.loads(gzip.decompress((GOLDEN / "dpt_hybrid.json.gz").read_bytes()))
    assert list(state) == [f"model.{name}" for name, _ in names]


def test_midas_returns_frozen_maps_with_a_channel(small):
    from ldm.modules.midas.api import MiDaSInference

    depth = MiDaSInference("dpt_shapes")
    depth.model.load_state_dict(small.state_dict())
    x = torch.rand(2, 3, 64, 96) * 2 - 1
    assert torch.equal(depth.train()(x)[:, 0], small(x).detach())
    assert not depth.model.training
    assert not any(p.requires_grad for p in depth.parameters())
    with pytest.raises(ValueError, match="midas_v21"):
        MiDaSInference("midas_v21")


@pytest.mark.parametrize("size", [(256, 256), (32, 32), (16, 48), (176, 400)])
def test_small_network_takes_any_multiple_of_16(small, size):
    with torch.no_grad():
        disparity = small(torch.zeros(1, 3, *size))
    assert disparity.shape == (1, *size)
    assert (disparity >= 0).all()


@pytest.mark.parametrize("shape", [(1, 3, 40, 64), (1, 3, 64, 0), (3, 64, 64), (1, 1, 64, 64)])
def test_other_shapes_are_refused(small, shape):
    with pytest.raises(ValueError, match=r"expected \(B, 3, H, W\)"):
        small(torch.zeros(shape))


def test_samples_of_a_batch_do_not_mix(small):
    x = torch.rand(3, 3, 64, 64) * 2 - 1
    with torch.no_grad():
        together, alone = small(x), torch.cat([small(one[None]) for one in x])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)


def test_threads_do_not_disturb_each_other(small):
    inputs = [torch.full((1, 3, 64, 64), value) for value in (-1.0, -0.5, 0.0, 0.5, 1.0, 0.25)]

    def disparity(x: Tensor) -> Tensor:
        with torch.no_grad():
            return small(x)

    expected = [disparity(x) for x in inputs]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(disparity, inputs * 3))
    for one, other in zip(found, expected * 3, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)


def test_options_of_the_head(small):
    x = torch.rand(1, 3, 64, 64) * 2 - 1
    inverted = DPTDepthModel(
        backbone="vit_small_shapes", scale=0.5, shift=0.1, invert=True, channels_last=True
    ).eval()
    inverted.load_state_dict(small.state_dict())
    with torch.no_grad():
        torch.testing.assert_close(inverted(x), 1 / (0.5 * small(x) + 0.1))
    normed = DPTDepthModel(backbone="vit_small_shapes", use_bn=True, readout="add")
    assert "scratch.refinenet1.resConfUnit1.bn1.weight" in normed.state_dict()
    assert normed.eval()(x).shape == (1, 64, 64)


@pytest.mark.parametrize(
    "wrong",
    [
        {"backbone": "resnet"},
        {"backbone": "vit_small_shapes", "readout": "mean"},
        {"weight_standardisation": "timm04"},
        {"enable_attention_hooks": True},
    ],
)
def test_unknown_options_are_named(wrong):
    with torch.device("meta"), pytest.raises(ValueError, match=list(wrong)[-1]):
        DPTDepthModel(**wrong)


def test_every_trained_parameter_gets_a_gradient():
    model = DPTDepthModel(backbone="vit_small_shapes")
    model(torch.rand(1, 3, 64, 64) * 2 - 1).mean().backward()
    idle = {name for name, p in model.named_parameters() if p.grad is None}
    assert all(name.startswith("scratch.refinenet4.resConfUnit1.") for name in idle)


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_file_is_loaded_whole(small, tmp_path: Path, wrapped):
    path = tmp_path / "depth.pt"
    state = small.state_dict()
    torch.save({"model": state, "optimizer": {"step": 1}} if wrapped else state, path)
    loaded = load_depth_model(path)
    assert loaded.net_size_px == 256
    assert not loaded.training
    x = torch.rand(1, 3, 64, 64) * 2 - 1
    assert torch.equal(loaded(x), small(x).detach())
    again = DPTDepthModel(path, "vit_small_shapes").eval()
    assert torch.equal(again(x).detach(), small(x).detach())


def test_half_precision_safetensors_become_float32(small, tmp_path: Path):
    path = tmp_path / "depth.safetensors"
    save_file({name: value.half() for name, value in small.state_dict().items()}, path)
    loaded = load_depth_model(path)
    assert {p.dtype for p in loaded.parameters()} == {torch.float32}


@pytest.mark.parametrize("damage", ["missing", "unexpected", "shape", "other", "text", "absent"])
def test_wrong_files_end_in_one_line(small, tmp_path: Path, damage):
    path, state = tmp_path / "depth.pt", dict(small.state_dict())
    if damage == "missing":
        del state["scratch.output_conv.4.bias"]
    elif damage == "unexpected":
        state["scratch.extra"] = torch.zeros(1)
    elif damage == "shape":
        state["scratch.output_conv.4.bias"] = torch.zeros(2)
    elif damage == "other":
        state = {"model.diffusion_model.out.2.weight": torch.zeros(1)}
    torch.save(state, path)
    if damage == "text":
        path.write_text("not a network")
    elif damage == "absent":
        path.unlink()
    with pytest.raises((ValueError, FileNotFoundError)) as caught:
        load_depth_model(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
