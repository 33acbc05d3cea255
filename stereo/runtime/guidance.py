"""How far guidance leads, where nobody says: what suits the workflow and the model."""

from dataclasses import replace
from typing import TYPE_CHECKING

from stereo.options import SamplingOptions

if TYPE_CHECKING:
    from ldm.models.diffusion.ddpm import LatentDiffusion
    from stereo.runtime.models import Task

PUBLISHED_GUIDANCE: "dict[Task, float]" = {"text": 9.0, "depth": 9.0, "image": 7.5}
# A small model burns its colours where a prompt leads it as far as Stable Diffusion.
EMBEDDED_GUIDANCE = 3.0


def with_guidance(
    sampling: SamplingOptions, model: "LatentDiffusion", task: "Task"
) -> SamplingOptions:
    """Return the options with a guidance scale: their own, the model's, or the published one."""
    if sampling.guidance_scale is not None:
        return sampling
    own = None if task == "image" else model.guidance_scale
    return replace(sampling, guidance_scale=PUBLISHED_GUIDANCE[task] if own is None else own)
