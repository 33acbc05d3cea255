"""What the embedded weights mean for the input at hand, in one sentence, for scripts and page."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ldm.models.diffusion.ddpm import LatentDiffusion
    from stereo.cli.job import StereoJob

WORD = re.compile(r"[^\W\d_]+")
NAMED_AT_MOST = 6


def input_note(model: "LatentDiffusion", job: "StereoJob", prompts: Sequence[str] = ()) -> str:
    """Return what a small model makes of a job's pictures and of prompts; empty where all is well.

    Args:
        model: any; networks of the published kinds know every word.
        job: with its pictures.
        prompts: in place of the job's own.
    """
    notes = []
    words = unknown_words(model, " ".join(prompts or [job.prompt]))
    if words:
        more = f" and {len(words) - NAMED_AT_MOST} more" if len(words) > NAMED_AT_MOST else ""
        notes.append(
            f"words that this model does not know: {', '.join(words[:NAMED_AT_MOST])}{more}"
        )
    if job.pictures:
        height_px, width_px = job.pictures[0].shape[:2]
        side_px = job.sampling.height_px or model.image_size * model.downsample_factor
        keeps_size = job.task == "image" and job.options.fusion
        if not keeps_size and min(height_px, width_px) > side_px:
            advice = "; --preset best keeps its size" if job.task == "image" else ""
            notes.append(
                f"your {width_px}x{height_px} picture is worked on at {side_px} px by preset "
                f"{job.options.preset}{advice}"
            )
    return "; ".join(notes)


def unknown_words(model: "LatentDiffusion", prompt: str) -> list[str]:
    """Return the words of a prompt that a model's narrowed vocabulary lacks, each once."""
    tokenize = getattr(getattr(model, "cond_stage_model", None), "tokenize", None)
    if tokenize is None:
        return []
    words = dict.fromkeys(WORD.findall(prompt.lower()))
    return [word for word in words if not tokenize.knows(word)]
