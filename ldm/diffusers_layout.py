"""Models in diffusers folders: their configurations and weights in the published form."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from torch import Tensor

from ldm.diffusers_config import (
    Config,
    Part,
    depth_config,
    schedule_config,
    text_config,
    unet_config,
    vae_config,
)
from ldm.diffusers_folder import INDEX, DiffusersFolder
from ldm.diffusers_names import depth_weights, text_weights, unet_weights, vae_weights

# The pipelines whose networks these are, and whether they look at depth.
PIPELINES = {
    "StableDiffusionPipeline": False,
    "StableDiffusionImg2ImgPipeline": False,
    "StableDiffusionDepth2ImgPipeline": True,
}
TAKE = "take a Stable Diffusion 1.x, 2.x or 2-depth model"
CONFIG, SCHEDULER = "config.json", ("scheduler", "scheduler_config.json")
Names = Callable[[dict[str, Tensor]], dict[str, Tensor]]


@dataclass(frozen=True)
class Converted:
    """A model, or its autoencoder, in the published form.

    Attributes:
        config: As `ldm.checkpoint.build_model` takes it; of an autoencoder, its part of that.
        tensors: By published name.
        mapped: Whether they lie in mapped files.
    """

    config: Config
    tensors: dict[str, Tensor]
    mapped: bool


def read_pipeline(path: Path) -> Converted:
    """Read a whole model.

    Raises:
        FileNotFoundError: A file of it is missing.
        ValueError: It is another kind of model, is damaged, or has links that lead out of it.
    """
    folder = DiffusersFolder(path)
    has_depth = _has_depth(folder)
    unet, text = (Part(folder, name, name, CONFIG) for name in ("unet", "text_encoder"))
    size = unet.values.get("sample_size")
    params = {
        **schedule_config(Part(folder, "scheduler", *SCHEDULER)),
        **vae_config(Part(folder, "vae", "vae", CONFIG)),
        "unet_config": unet_config(unet, 5 if has_depth else 4),
        "cond_stage_config": text_config(text),
        "channels": 4,
        "image_size": size if type(size) is int and 8 <= size <= 512 else 64,
        "conditioning_key": "hybrid" if has_depth else "crossattn",
    }
    joined = params["cond_stage_config"]["target"].endswith("OpenCLIPEmbedder")
    readers: dict[str, tuple[str, Names]] = {
        "unet": ("model.diffusion_model.", unet_weights),
        "text_encoder": ("cond_stage_model.", partial(text_weights, joined=joined)),
        "vae": ("first_stage_model.", vae_weights),
    }
    if has_depth:
        depth = Part(folder, "depth_estimator", "depth_estimator", CONFIG)
        params["depth_stage_config"] = depth_config(depth)
        readers["depth_estimator"] = ("depth_model.model.", depth_weights)
    tensors: dict[str, Tensor] = {}
    mapped: list[bool] = []
    for part, (prefix, rename) in readers.items():
        held, is_mapped = folder.read_weights(part)
        tensors |= {prefix + name: tensor for name, tensor in rename(held).items()}
        mapped.append(is_mapped)
    kind = "LatentDepth2ImageDiffusion" if has_depth else "LatentDiffusion"
    target = f"ldm.models.diffusion.ddpm.{kind}"
    return Converted({"model": {"target": target, "params": params}}, tensors, all(mapped))


def read_vae(path: Path) -> Converted:
    """Read an autoencoder from a folder of its own, or from that of a whole model.

    Raises:
        FileNotFoundError: A file of it is missing.
        ValueError: It is another kind of model, is damaged, or has links that lead out of it.
    """
    folder, place = DiffusersFolder(path), _vae_place(path)
    config = vae_config(Part(folder, "vae", *place, CONFIG))
    held, mapped = folder.read_weights(*place)
    tensors = {f"first_stage_model.{name}": t for name, t in vae_weights(held).items()}
    return Converted(config, tensors, mapped)


def folder_files(path: Path) -> list[Path]:
    """Return every file that `read_pipeline`, or of an autoencoder's folder `read_vae`, reads."""
    folder = DiffusersFolder(path)
    if not (path / INDEX).is_file():
        return [folder.file(CONFIG), *folder.weight_files()]
    parts = ["unet", "vae", "text_encoder", *["depth_estimator"] * _has_depth(folder)]
    files = [folder.file(INDEX), folder.file(*SCHEDULER)]
    for part in parts:
        files += [folder.file(part, CONFIG), *folder.weight_files(part)]
    return files


def _vae_place(path: Path) -> tuple[str, ...]:
    return ("vae",) if (path / INDEX).is_file() else ()


def _has_depth(folder: DiffusersFolder) -> bool:
    """Return whether a pipeline looks at depth; raise ValueError unless it is a known one."""
    name = folder.read_json(INDEX).get("_class_name")
    if not isinstance(name, str) or name not in PIPELINES:
        held = f"a {name:.80}" if isinstance(name, str) else "no named pipeline"
        raise ValueError(f"{folder.path}: holds {held}: {TAKE}")
    return PIPELINES[name]
