"""Methods by their names, and presets less a part."""

import pytest

from stereo.evaluation.methods.models import GenerationSettings, Models
from stereo.evaluation.methods.registry import ablations, make_method, method_names, method_options
from stereo.options import PRESETS, preset


@pytest.mark.parametrize(
    ("name", "part", "off"),
    [
        ("paper", "shift", {"scale_percent": 0.0}),
        ("paper", "masking", {"masked_denoising": False}),
        ("paper", "attention", {"shared_attention": False}),
        ("paper", "noise", {"deblur": False}),
        ("best", "fusion", {"fusion": False}),
        ("best", "direct-inversion", {"inversion": "null-text"}),
        ("best", "denoising", {"guided_start": 1.0}),
        ("best", "weighing", {"weighed_holes": False}),
        ("best", "renoising", {"renoised_cells": False}),
        ("best", "whole-cells", {"rounding": "subpixel"}),
    ],
)
def test_an_ablation_lacks_what_its_name_says(name: str, part: str, off: dict) -> None:
    assert method_options(f"{name}-without-{part}") == preset(name, **off) != preset(name)
    assert f"{name}-without-{part}" in ablations(name)


def test_every_preset_is_a_method() -> None:
    assert set(PRESETS) <= set(method_names())
    assert ablations("paper") == [
        "paper-without-shift",
        "paper-without-masking",
        "paper-without-attention",
        "paper-without-noise",
    ]
    assert {"best-without-fusion", "best-without-denoising"} <= set(ablations("best"))
    for name in [*method_names(), *ablations("paper"), *ablations("best")]:
        assert callable(make_method(name, Models(GenerationSettings())))
