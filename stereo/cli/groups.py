"""Options that only scripts have: where networks come from, the user's own map, batches."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from stereo.images import MAX_MEGAPIXELS
from stereo.options import MapKind, check_fields, option


@dataclass(frozen=True)
class ModelOptions:
    """Where the networks come from, and how they run."""

    ckpt: Path | None = option(
        None,
        "Stable Diffusion: a .ckpt or .safetensors, a diffusers folder, owner/name[@revision] in "
        "the hub's cache, or a name of stereo.fetch (default: the published file if it lies in "
        "models/, else the embedded model)",
    )
    vae: Path | None = option(
        None, "autoencoder, a file or a diffusers folder (default: the one inside --ckpt)"
    )
    config: Path | None = option(None, "its YAML config (default: recognised from the file)")
    parameterization: Literal["eps", "v"] | None = option(
        None, "what the network predicts (default: recognised from the file)"
    )
    depthmodel_path: Path | None = option(
        None,
        "depth network: a DPT file, a folder that transformers, Depth Anything 3 or MoGe reads, "
        "owner/name[@revision] in the hub's cache, or a name of stereo.fetch (default: the one "
        "inside a depth-conditioned --ckpt, else the published file if it lies in midas_models/, "
        "else the embedded model)",
    )
    depth_views: int = option(
        1,
        "looks of the depth network at each picture, whose mean is taken: 2 also mirrored, 3 and 4 "
        "also smaller",
        low=1,
        high=4,
    )
    precision: Literal["fp32", "fp16", "bf16", "full", "autocast"] | None = option(
        None, "of the denoiser; full = fp32, autocast = fp16 (default: fp16 on CUDA, else fp32)"
    )
    device: str | None = option(None, "cpu, cuda, cuda:1 ... (default: CUDA where there is one)")
    compile: bool = option(False, "on a GPU, compile the denoiser first: slow start, fast steps")
    offload: bool = option(False, "networks are on the GPU only while they are used")

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True)
class MapOptions:
    """The user's own disparity."""

    disparity: Path | None = option(
        None,
        "your own map of the left view: a picture, .npy, .npz, .pfm or .exr; for a folder of "
        "pictures a folder of maps with their names; embedded takes the depth inside HEIC photos",
    )
    map: MapKind | None = option(
        None,
        "what that map stores: relative disparity, its opposite, depth, or disparity in pixels of "
        "the picture, which is taken as it is (preset best) (default: near-bright)",
    )
    depth: bool = option(False, "short for --map depth")
    metric_disparity: bool | None = option(None, "short for --map disparity_px")
    max_megapixels: float = option(MAX_MEGAPIXELS, "largest picture or map that is read")


@dataclass(frozen=True)
class BatchOptions:
    """How many inputs are worked on, and how many pairs are made of each."""

    n_iter: int = option(1, "number of batches, each with new seeds", low=1)
    fixed_code: bool = option(False, "keep the same seeds in every batch")
    n_rows: int = option(
        0, "also save all pairs of the run as one grid of N rows (default: no grid)"
    )
    photos_at_once: int = option(
        1,
        "photos of one size that are denoised together, which fills a GPU; needs direct inversion "
        "(best)",
        low=1,
    )
    skip_existing: bool = option(
        False, "leave out what --outdir holds complete, made with the same settings and inputs"
    )
    devices: int = option(
        1,
        "processes, each with a GPU of its own, or all on the CPU, that share the inputs",
        low=1,
    )
