"""StereoDiffusion: stereo pairs by shifting Stable Diffusion's latents (arXiv 2403.04965)."""

import importlib
from typing import Any

_HOMES = {
    "StereoPair": "stereo.pair",
    "SamplingOptions": "stereo.options",
    "StereoOptions": "stereo.options",
    "depth_to_stereo": "stereo.pipelines",
    "image_to_stereo": "stereo.pipelines",
    "images_to_stereo": "stereo.pipelines",
    "load_depth_model": "stereo.depth.loading",
    "load_model": "stereo.runtime.models",
    "predict_disparity": "stereo.depth.disparity",
    "preset": "stereo.options",
    "read_image": "stereo.images",
    "save_pair": "stereo.formats",
    "text_to_stereo": "stereo.pipelines",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that `import stereo` costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'stereo' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
