"""The guidance scale that is taken where none is given."""

import shutil
from types import SimpleNamespace

import pytest

from ldm.known_files import MODELS, ROOT
from stereo.method.conditioning import embed_prompts
from stereo.options import SamplingOptions
from stereo.pipelines import text_to_stereo
from stereo.runtime.guidance import EMBEDDED_GUIDANCE, with_guidance
from stereo.runtime.models import load_model

PUBLISHED = {"text": 9.0, "depth": 9.0, "image": 7.5}


@pytest.mark.parametrize("task", PUBLISHED)
def test_published_scales_are_the_default(task):
    model = SimpleNamespace(guidance_scale=None)
    assert with_guidance(SamplingOptions(), model, task).guidance_scale == PUBLISHED[task]


def test_a_models_own_scale_is_for_prompts():
    model = SimpleNamespace(guidance_scale=2.0)
    scales = {
        task: with_guidance(SamplingOptions(), model, task).guidance_scale for task in PUBLISHED
    }
    assert scales == {"text": 2.0, "depth": 2.0, "image": 7.5}


def test_a_given_scale_stays():
    sampling = SamplingOptions(guidance_scale=0)
    assert with_guidance(sampling, SimpleNamespace(guidance_scale=2.0), "text") is sampling


@pytest.mark.parametrize("task", ["text", "depth"])
def test_the_embedded_models_are_led_mildly(task):
    assert load_model(task, device="cpu").guidance_scale == EMBEDDED_GUIDANCE


def test_a_copy_of_an_embedded_model_is_led_like_it(tmp_path):
    ckpt = tmp_path / "own.safetensors"
    shutil.copy(ROOT / MODELS / "shapes.safetensors", ckpt)
    assert load_model("text", ckpt=ckpt, device="cpu").guidance_scale == EMBEDDED_GUIDANCE


def test_a_run_needs_a_scale(tiny_model):
    with pytest.raises(ValueError, match="guidance_scale: got None"):
        embed_prompts(tiny_model, "x", "", SamplingOptions())


def test_a_pair_tells_the_scale_that_was_taken(tiny_model, tiny_dpt):
    sampling = SamplingOptions(steps=2, height_px=64, width_px=64)
    (pair,) = text_to_stereo(tiny_model, tiny_dpt, "x", sampling=sampling)
    assert pair.settings["guidance_scale"] == 9.0
