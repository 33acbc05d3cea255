"""One job for every front end: the right workflow, its inputs, strength before, comfort after."""

from dataclasses import replace

import numpy as np
import pytest

from stereo.cli.job import Models, StereoJob, run
from stereo.comfort.options import ComfortOptions
from stereo.options import SamplingOptions, StereoOptions, preset
from stereo.pipelines import images_to_stereo, text_to_stereo

FEW = SamplingOptions(steps=5, guidance_scale=2.0, seed=3)


@pytest.fixture
def models(tiny_model, tiny_dpt) -> Models:
    return Models(tiny_model, tiny_dpt)


@pytest.fixture
def photos() -> list[np.ndarray]:
    return list(np.random.default_rng(0).integers(0, 256, (2, 80, 100, 3), dtype=np.uint8))


def ramp(height: int = 64, width: int = 64) -> np.ndarray:
    return np.linspace(0, 1, width, dtype=np.float32) * np.ones((height, 1), np.float32)


def test_text_is_the_workflow_s_pair_with_its_comfort(models):
    job = StereoJob("text", "a cat", negative_prompt="fog", disparities=[ramp()], sampling=FEW)
    (pair,) = run(job, models)
    (plain,) = text_to_stereo(
        models.diffusion,
        models.depth,
        "a cat",
        sampling=FEW,
        negative_prompt="fog",
        disparity=ramp(),
    )
    assert np.array_equal(pair.left, plain.left) and np.array_equal(pair.right, plain.right)
    assert pair.settings["negative_prompt"] == "fog"
    assert set(pair.settings) - set(plain.settings) == {
        *vars(ComfortOptions()),
        "comfort_report",
    }


def test_photos_together_are_those_alone(models, photos):
    job = StereoJob("image", pictures=photos, seeds=[5, 6], options=preset("best"), sampling=FEW)
    together = run(job, models)
    plain = images_to_stereo(
        models.diffusion, models.depth, photos, [5, 6], options=preset("best"), sampling=FEW
    )
    for one, other in zip(together, plain, strict=True):
        assert np.array_equal(one.right, other.right)
    alone = replace(job, pictures=photos[1:], seeds=(), sampling=replace(FEW, seed=6))
    pair = run(alone, models)[0]
    assert pair.settings["seed"] == 6
    assert pair.settings["depth_kind"] == "relative inverse depth"


def test_strength_is_settled_for_the_picture_s_own_width(models, photos):
    comfort = ComfortOptions(max_disparity_px=10)
    job = StereoJob(
        "image",
        pictures=photos[:1],
        disparities=[ramp(80, 100)],
        options=preset("best", convergence=0.0),
        sampling=FEW,
        comfort=comfort,
    )
    assert run(job, models)[0].settings["disparity_range_px"] == [0, 10]
    text = StereoJob("text", "x", disparities=[ramp()], sampling=FEW, comfort=comfort)
    assert run(text, models)[0].settings["scale_percent"] == 10 / 64 * 100


def test_a_depth_model_of_the_user_s_looks_at_the_picture(
    tiny_depth_conditioned, tiny_dpt, photos, monkeypatch
):
    looks = []
    monkeypatch.setattr(
        "stereo.pipelines.predict_disparity",
        lambda model, picture, **how: looks.append(model) or ramp(*picture.shape[:2]),
    )
    job = StereoJob("depth", "a cat", pictures=photos[:1], sampling=FEW)
    run(job, Models(tiny_depth_conditioned))
    assert looks == [tiny_depth_conditioned.depth_model.model]
    run(job, Models(tiny_depth_conditioned, tiny_dpt))
    assert looks[1:] == [tiny_dpt]
    run(replace(job, disparities=[ramp(80, 100)]), Models(tiny_depth_conditioned, tiny_dpt))
    assert len(looks) == 2


def test_two_strengths_are_refused_before_the_work():
    with pytest.raises(ValueError, match="comfort: not together with metric_disparity"):
        StereoJob(
            "image",
            options=StereoOptions(metric_disparity=True),
            comfort=ComfortOptions(comfort="zone"),
        )
