"""Methods by name: classical ones, latent inpainting, every preset, and presets less a part."""

from dataclasses import asdict, replace
from functools import partial
from typing import Any

from stereo.evaluation.methods.classical import CLASSICAL
from stereo.evaluation.methods.diffusion import render
from stereo.evaluation.methods.latent_inpainting import latent_inpainting
from stereo.evaluation.methods.models import Models
from stereo.evaluation.methods.rendering import Render
from stereo.options import PRESETS, StereoOptions, preset

LATENT_INPAINTING = "latent-inpainting"
WITHOUT = "-without-"
# Ingredients by name, and the options that switch them off where a preset has them.
INGREDIENTS: dict[str, dict[str, object]] = {
    "shift": {"scale_percent": 0.0},
    "masking": {"masked_denoising": False},
    "attention": {"shared_attention": False},
    "noise": {"deblur": False},
    "fusion": {"fusion": False},
    "direct-inversion": {"inversion": "null-text"},
    # The last step alone, so that holes stay as they were continued.
    "denoising": {"guided_start": 1.0},
    "weighing": {"weighed_holes": False},
    "renoising": {"renoised_cells": False},
    "whole-cells": {"rounding": "subpixel"},
}
# Fusion shifts pictures, and is guided at every step, in its own way.
NOT_WITH_FUSION = ("shift", "masking", "noise")
WITH_FUSION = ("denoising", "weighing", "renoising", "whole-cells")


def method_names() -> list[str]:
    """Return the names of all methods, ablations left out."""
    return [*CLASSICAL, LATENT_INPAINTING, *PRESETS]


def ablations(preset_name: str) -> list[str]:
    """Return a preset's variants with one ingredient off each.

    Raises:
        ValueError: for an unknown preset.
    """
    if preset_name not in PRESETS:
        raise ValueError(f"ablation: got {preset_name!r}, expected one of {', '.join(PRESETS)}")
    options = PRESETS[preset_name]
    unused = NOT_WITH_FUSION if options.fusion else WITH_FUSION
    return [
        f"{preset_name}{WITHOUT}{part}"
        for part, off in INGREDIENTS.items()
        if part not in unused and replace(options, **off) != options
    ]


def is_generated(name: str) -> bool:
    """Tell whether a method runs Stable Diffusion."""
    return name not in CLASSICAL


def method_options(name: str) -> StereoOptions | None:
    """Return the stereo options of a preset or of a preset less a part; None for other methods.

    Raises:
        ValueError: for an unknown name.
    """
    if name in CLASSICAL or name == LATENT_INPAINTING:
        return None
    base, _, part = name.partition(WITHOUT)
    if base not in PRESETS or (part and part not in INGREDIENTS):
        expected = ", ".join([*method_names(), f"PRESET{WITHOUT}({'|'.join(INGREDIENTS)})"])
        raise ValueError(f"methods: got {name!r}, expected one of {expected}")
    return preset(base, **(INGREDIENTS[part] if part else {}))


def make_method(name: str, models: Models) -> Render:
    """Return a method by its name.

    Raises:
        ValueError: for an unknown name.
    """
    options = method_options(name)
    if options is not None:
        return partial(render, options=options, models=models)
    return CLASSICAL.get(name) or partial(latent_inpainting, models=models)


def method_record(name: str, generation: dict[str, Any]) -> dict[str, Any]:
    """Return what decides a method's pictures, as JSON values.

    `generation` describes the models, for methods that run Stable Diffusion.
    """
    options = method_options(name)
    return {
        "method": name,
        **(generation if is_generated(name) else {}),
        **({} if options is None else asdict(options)),
    }
