"""Full-size models have exactly the weights of the published files, by name and shape."""

import gzip
import json
from pathlib import Path

import pytest
import torch

from dpt.models import DPTDepthModel
from ldm.checkpoint import build_model, check_weights, read_config
from ldm.models.diffusion.schedule import SCHEDULE_NAMES as SCHEDULE
from ldm.published_names import IGNORED, UNREAD
from ldm.recognise import read_architecture, recognise_config

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden"
PUBLISHED = {
    "sd21_v": "v2-inference-v",
    "sd2_depth": "v2-midas-inference",
    "sd14": "v1-inference",
}


def read_shapes(name: str) -> dict[str, tuple[int, ...]]:
    with gzip.open(GOLDEN / f"{name}.json.gz", "rt") as stream:
        return {entry[0]: tuple(entry[1]) for entry in json.load(stream)}


def build(config_name: str) -> torch.nn.Module:
    return build_model(read_config(ROOT / "configs" / f"{config_name}.yaml"), device="meta")


def on_meta(shapes: dict[str, tuple[int, ...]]) -> dict[str, torch.Tensor]:
    return {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}


@pytest.mark.parametrize("name", PUBLISHED)
def test_model_has_exactly_the_published_weights(name):
    model = build(PUBLISHED[name])
    published = read_shapes(name)
    assert {n: tuple(t.shape) for n, t in model.state_dict().items()} == published
    assert {n for n in published if "." not in n} == set(SCHEDULE)
    assert all(p.is_meta for p in model.parameters())


def test_noise_and_v_variants_of_sd2_have_the_same_weights():
    assert list(build("v2-inference").state_dict()) == list(build("v2-inference-v").state_dict())
    assert build("v2-inference").parameterization == "eps"
    assert build("v2-inference-v").parameterization == "v"


@pytest.mark.parametrize(
    ("name", "backbone"), [("dpt_hybrid", "vitb_rn50_384"), ("dpt_large", "vitl16_384")]
)
def test_depth_model_has_exactly_the_published_weights(name, backbone):
    with torch.device("meta"):
        model = DPTDepthModel(backbone=backbone)
    assert {n: tuple(t.shape) for n, t in model.state_dict().items()} == read_shapes(name)


def test_depth_model_inside_the_checkpoint_is_the_hybrid():
    prefix = "depth_model.model."
    inside = {n[len(prefix) :]: s for n, s in read_shapes("sd2_depth").items() if prefix in n}
    assert inside == read_shapes("dpt_hybrid")


@pytest.mark.parametrize("name", PUBLISHED)
def test_config_is_recognised_from_the_published_weights(name):
    weights = on_meta(read_shapes(name))
    assert recognise_config(weights, Path("file.ckpt"), metadata={}) == PUBLISHED[name]


def test_known_extras_of_published_files_are_ignored_and_others_are_not():
    published = on_meta(read_shapes("sd14"))
    extras = {
        "model_ema.decay": (),
        "model_ema.diffusion_modeltime_embed0weight": (1280, 320),
        "cond_stage_model.transformer.text_model.embeddings.position_ids": (1, 77),
        "logvar": (1000,),
        "scale_factor": (),
    }
    expected = build("v1-inference")
    check_weights(expected, {**published, **on_meta(extras)}, path=Path("a.ckpt"))
    with pytest.raises(ValueError, match="a.ckpt.*1 weights unknown: model_emas.decay$"):
        check_weights(
            expected, {**published, **on_meta({"model_emas.decay": ()})}, path=Path("a.ckpt")
        )


def test_ignored_names_hide_no_weight_that_is_used():
    for name in PUBLISHED:
        used = set(read_shapes(name)) - set(SCHEDULE) - set(UNREAD)
        for ignored in IGNORED:
            assert not any(n.startswith(ignored) for n in used), ignored


def test_wrong_file_for_the_config_is_named():
    with pytest.raises(ValueError) as caught:
        check_weights(build("v2-inference-v"), on_meta(read_shapes("sd14")), path=Path("a.ckpt"))
    assert "holds a Stable Diffusion 1.x model" in str(caught.value)
    assert "config describes a Stable Diffusion 2.x model" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", PUBLISHED)
def test_inpainting_model_is_refused(name):
    shapes = read_shapes(name)
    shapes["model.diffusion_model.input_blocks.0.0.weight"] = (320, 9, 3, 3)
    with pytest.raises(ValueError, match="an inpainting model with 9 input channels"):
        recognise_config(on_meta(shapes), Path("a.ckpt"), metadata={})
    assert read_architecture(on_meta(shapes), Path("a.ckpt")).config_name is None
