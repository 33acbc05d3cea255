"""Choose and load models: a given file, the published one if it lies in `models/`, else ours."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ldm.diffusers_folder import INDEX, is_diffusers_folder
from ldm.known_files import MODELS, ROOT, find_known
from stereo.runtime.device import choose_device, choose_precision
from stereo.runtime.places import find_given, naming

if TYPE_CHECKING:
    from ldm.models.diffusion.ddpm import LatentDiffusion

Task = Literal["text", "depth", "image"]

PUBLISHED = {
    "text": ("v2-1_768-ema-pruned", "v2-1_512-ema-pruned"),
    "depth": ("512-depth-ema",),
    "image": ("sd-v1-4", "sd-v1-5", "v1-5-pruned-emaonly"),
}
EMBEDDED = {"text": "shapes", "depth": "shapes-depth", "image": "shapes"}
SINGLE = (".safetensors", ".ckpt")
# Their activations need float32's range.
EXACT_PARTS = ("first_stage_model.", "depth_model.")

log = logging.getLogger(__name__)


def find_checkpoint(task: Task, ckpt: Path | None = None) -> Path:
    """Return the checkpoint for a task, and say in one log line which it is.

    Args:
        task: the workflow.
        ckpt: a file, a diffusers folder, or what else `find_given` finds; None takes the published
            file where it lies in `models/`, else the embedded model.

    Raises:
        OSError: when it is not there.
        ValueError: when it is no checkpoint.
    """
    if ckpt is None:
        return find_file(PUBLISHED[task], embedded_checkpoint(task))
    place = find_given(ckpt, "ckpt")
    if place.is_file() or is_diffusers_folder(place):
        return place
    files = sorted(path for path in place.iterdir() if path.suffix in SINGLE and path.is_file())
    if len(files) == 1:  # as repositories of single files have it
        return files[0]
    listed = f"; name one of {', '.join(path.name for path in files)}" if files else ""
    raise ValueError(f"ckpt: {place} is a folder without {INDEX}, which diffusers' have{listed}")


def embedded_checkpoint(task: Task, folder: Path = ROOT / MODELS) -> Path:
    """Return the file of the model that ships with the repository."""
    return folder / f"{EMBEDDED[task]}.safetensors"


def load_model(
    task: Task,
    *,
    ckpt: Path | None = None,
    vae: Path | None = None,
    config: Path | None = None,
    parameterization: str | None = None,
    precision: str | None = None,
    device: str | None = None,
) -> "LatentDiffusion":
    """Load Stable Diffusion for a workflow, ready to run.

    Args:
        task: `text` and `image` take 4-channel models, `depth` a depth-conditioned one.
        ckpt: checkpoint; None finds one (`find_checkpoint`).
        vae: file or folder of an autoencoder that takes the place of the checkpoint's.
        config: YAML file; None recognises the architecture from the checkpoint.
        parameterization: `eps` or `v`; None follows the config or the checkpoint.
        precision: `fp32`, `fp16`, `bf16`; None takes fp16 on CUDA, fp32 elsewhere. The
            autoencoder and the depth model stay in float32, whose range their activations need.
        device: `cpu`, `cuda`, ...; None takes CUDA where there is one.

    Raises:
        ValueError: for a checkpoint that does not fit the task or the config.
        OSError: for one that cannot be read.
    """
    from ldm.checkpoint import load_model as load_checkpoint
    from stereo.runtime.speed import suit_device

    if task not in PUBLISHED:
        raise ValueError(f"task: got {task!r}, expected one of {', '.join(PUBLISHED)}")
    place = choose_device(device)
    dtype = choose_precision(precision, place)
    path = find_checkpoint(task, ckpt)
    with naming("ckpt", path):
        model = load_checkpoint(
            path,
            vae=find_vae(vae),
            config=config,
            parameterization=parameterization,
            dtype=dtype,
            exact=EXACT_PARTS,
        )
    _check_task(model, task, path)
    suit_device(model, place)
    model.to(place).requires_grad_(False)
    return model.eval()


def find_vae(vae: Path | None) -> Path | None:
    """Return the file or folder of a given autoencoder; OSError when it is not there."""
    return None if vae is None else find_given(vae, "vae")


def find_file(published: tuple[str, ...], embedded: Path, better: str | None = None) -> Path:
    """Return the first published file that lies beside the embedded one, else that.

    `better` is what the log tells to fetch; None is the first published file.
    """
    folder = embedded.parent
    for stem in published:
        for suffix in (".safetensors", ".ckpt", ".pt"):
            path = folder / f"{stem}{suffix}"
            if path.is_file():
                log.info("using the published %s", path.name)
                return path
    known = find_known(published[0])
    log.info(
        "no published checkpoint in %s/: using the embedded Shapes model, which knows procedural "
        "scenes of 256 px only; real weights: python -m stereo.fetch %s",
        folder.name,
        better or (known and known.fetch),
    )
    return embedded


def _check_task(model: "LatentDiffusion", task: Task, path: Path) -> None:
    if not hasattr(model, "first_stage_model"):
        raise ValueError(
            f"ckpt: {path} holds a {type(model).__name__}, expected Stable Diffusion; a depth "
            "model goes to --depthmodel_path"
        )
    conditioned = hasattr(model, "depth_model")
    if task == "depth" and not conditioned:
        raise ValueError(f"ckpt: {path} is no depth-conditioned model (4 input channels, not 5)")
    if task != "depth" and conditioned:
        raise ValueError(f"ckpt: {path} is depth-conditioned; use it with depth2stereoimg.py")
