"""Choose and load models: a given file, the published one if it lies in `models/`, else ours."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ldm.known_files import MODELS, ROOT, describe_missing, find_known
from stereo.runtime.device import choose_device, choose_precision

if TYPE_CHECKING:
    from ldm.models.diffusion.ddpm import LatentDiffusion

Task = Literal["text", "depth", "image"]

PUBLISHED = {
    "text": ("v2-1_768-ema-pruned", "v2-1_512-ema-pruned"),
    "depth": ("512-depth-ema",),
    "image": ("sd-v1-4", "sd-v1-5", "v1-5-pruned-emaonly"),
}
EMBEDDED = {"text": "shapes", "depth": "shapes-depth", "image": "shapes"}
# Their activations need float32's range.
EXACT_PARTS = ("first_stage_model.", "depth_model.")

log = logging.getLogger(__name__)


def find_checkpoint(task: Task, ckpt: Path | None = None) -> Path:
    """Return the Stable Diffusion file for a task, and say in one log line which it is."""
    return find_file(ckpt, "ckpt", PUBLISHED[task], embedded_checkpoint(task))


def embedded_checkpoint(task: Task, folder: Path = ROOT / MODELS) -> Path:
    """Return the file of the model that ships with the repository."""
    return folder / f"{EMBEDDED[task]}.safetensors"


def load_model(
    task: Task,
    *,
    ckpt: Path | None = None,
    config: Path | None = None,
    parameterization: str | None = None,
    precision: str | None = None,
    device: str | None = None,
) -> "LatentDiffusion":
    """Load Stable Diffusion for a workflow, ready to run.

    On a CPU the process then keeps freed memory for the next step (`stereo.runtime.heap`).

    Args:
        task: `text` and `image` take 4-channel models, `depth` a depth-conditioned one.
        ckpt: checkpoint; None finds one (`find_checkpoint`).
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
            path, config=config, parameterization=parameterization, dtype=dtype, exact=EXACT_PARTS
        )
    _check_task(model, task, path)
    suit_device(model, place)
    model.to(place).requires_grad_(False)
    return model.eval()


def find_file(
    given: Path | None, argument: str, published: tuple[str, ...], embedded: Path
) -> Path:
    """Return the file that was given, else the first published one there is, else the embedded.

    Raises:
        OSError: naming the argument, where the given one is no file.
    """
    folder = embedded.parent
    if given is not None:
        if Path(given).is_dir():
            raise IsADirectoryError(f"{argument}: {given} is a folder, expected a file")
        if not Path(given).is_file():
            raise FileNotFoundError(f"{argument}: {describe_missing(Path(given))}")
        return Path(given)
    for stem in published:
        for suffix in (".safetensors", ".ckpt", ".pt"):
            path = folder / f"{stem}{suffix}"
            if path.is_file():
                log.info("using the published %s", path.name)
                return path
    known = find_known(published[0])
    log.info(
        "no published checkpoint in %s/: using the embedded Shapes model, which knows drawn scenes "
        "of 256 px; real weights: python -m stereo.fetch %s",
        folder.name,
        known and known.fetch,
    )
    return embedded


@contextmanager
def naming(argument: str, path: Path) -> Iterator[None]:
    """Let what is wrong with a file be told with the argument that named it."""
    try:
        yield
    except ValueError as error:
        if not str(error).startswith(str(path)):
            raise
        raise ValueError(f"{argument}: {error}") from error


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
