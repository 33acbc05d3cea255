"""Loading and saving whole diffusion models.

Files are untrusted: nothing they hold is run (`dpt.weights`), their configurations can only name
classes of this repository (`ldm.util`), and their weights must fit exactly.
"""

import json
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from dpt.weights import drop_pages, is_mapped, read_tensors
from ldm.files import file_digest, whole_file
from ldm.known_files import ROOT, describe_missing
from ldm.recognise import read_architecture, recognise_config
from ldm.util import as_plain, instantiate_from_config, read_yaml

if TYPE_CHECKING:
    from ldm.models.diffusion.ddpm import LatentDiffusion

logger = logging.getLogger(__name__)

PARAMETERIZATIONS = ("eps", "v")
NAMES_SHOWN = 3
ELSEWHERE = "parts_elsewhere"

# Recomputed from the configuration where a file lacks them or holds them in half precision.
SCHEDULE = (
    "betas",
    "alphas_cumprod",
    "alphas_cumprod_prev",
    "sqrt_alphas_cumprod",
    "sqrt_one_minus_alphas_cumprod",
    "log_one_minus_alphas_cumprod",
    "sqrt_recip_alphas_cumprod",
    "sqrt_recipm1_alphas_cumprod",
    "posterior_variance",
    "posterior_log_variance_clipped",
    "posterior_mean_coef1",
    "posterior_mean_coef2",
)
# Weights of the text tower that nothing reads: re-exported files often leave them out.
UNREAD = (
    "cond_stage_model.model.logit_scale",
    "cond_stage_model.model.text_projection",
)
# What published or re-exported files hold beyond the model. A name ending in a dot is a prefix.
IGNORED = (
    *SCHEDULE,  # a model that is given another schedule has none of these
    *UNREAD,
    "model_ema.",  # running averages; the pruned files have them in place of the weights
    "lvlb_weights",  # training only
    "logvar",  # training only
    "scale_factor",  # stands in the configuration
    "first_stage_model.loss.",  # the autoencoder's discriminator
    "cond_stage_model.model.attn_mask",  # the causal mask, which older open_clip stored
    "cond_stage_model.model.visual.",  # OpenCLIP's image tower
    "cond_stage_model.logit_scale",
    "cond_stage_model.text_projection",
    "cond_stage_model.transformer.text_model.embeddings.position_ids",  # 0, 1, 2, ...
    "cond_stage_model.transformer.vision_model.",  # CLIP's image tower
    "cond_stage_model.transformer.visual_projection.",
    "cond_stage_model.transformer.text_projection.",
    "cond_stage_model.transformer.logit_scale",
)
# transformers 5 and some merging tools drop a part of the published names.
RENAMED = {
    f"cond_stage_model.transformer.{part}.": f"cond_stage_model.transformer.text_model.{part}."
    for part in ("embeddings", "encoder", "final_layer_norm")
}


def load_model(
    path: str | Path,
    *,
    config: str | Path | Mapping[str, Any] | None = None,
    parameterization: str | None = None,
    dtype: torch.dtype = torch.float32,
    exact: tuple[str, ...] = (),
    device: str | torch.device = "cpu",
) -> "LatentDiffusion":
    """Load a checkpoint, frozen and in evaluation mode, with weights of `dtype` on `device`.

    Weights stay in the mapped file where they already have `dtype`; others are converted one by
    one. The noise schedule is float32 always.

    Args:
        path: A `.ckpt` as Lightning writes it, or a `.safetensors` with the same names.
        config: A YAML file or its content. Left out: the file's own metadata, else recognised
            (`ldm.recognise`).
        parameterization: "eps" or "v", over what the configuration says.
        dtype: Of the weights.
        exact: Beginnings of the names of those that are float32 whatever `dtype` is.
        device: Where the model goes.

    Raises:
        FileNotFoundError: `path` or `config` is not there.
        ValueError: The file is damaged, is something else, or does not fit the configuration.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(describe_missing(path))
    tensors, metadata = read_tensors(path)
    tensors = {_published_name(name): tensor for name, tensor in tensors.items()}
    tensors |= _tensors_elsewhere(path, metadata)
    found = _find_config(path, tensors, metadata, given=config)
    model = build_model(_with_parameterization(found, parameterization), device="meta")
    check_weights(model.state_dict(), tensors, path=path)
    _assign(model, tensors, dtype=dtype, exact=exact, mapped=is_mapped(path))
    return model.eval().requires_grad_(False).to(device)


def build_model(config: Mapping[str, Any], *, device: str = "cpu") -> "LatentDiffusion":
    """Build the model that a configuration describes, with fresh weights ("meta": with none)."""
    config = as_plain(config)
    described = config.get("model", config) if isinstance(config, Mapping) else config
    with torch.device(device):
        return instantiate_from_config(described)


def read_config(path: str | Path) -> dict[str, Any]:
    """Read a model's YAML configuration."""
    config = read_yaml(Path(path))
    if "model" not in config:
        raise ValueError(f"config: {path} has no key 'model'; expected a model configuration")
    return config


def check_weights(
    expected: Mapping[str, Tensor], found: Mapping[str, Tensor], *, path: Path
) -> None:
    """Raise ValueError with one line unless `found` fits a model's state `expected` exactly."""
    missing = [n for n in expected if n not in found and n not in (*SCHEDULE, *UNREAD)]
    unknown = [n for n in found if n not in expected and not _is_ignored(n)]
    misshapen = [
        f"{n} {_kind(found[n])} for {_kind(tensor)}"
        for n, tensor in expected.items()
        if n in found and _kind(found[n]) != _kind(tensor)
    ]
    if not (missing or unknown or misshapen):
        return
    described, held = (read_architecture(weights, path) for weights in (expected, found))
    if str(described) != str(held):
        raise ValueError(f"{path}: holds {held}, but the config describes {described}")
    counted = (("missing", missing), ("unknown", unknown), ("of another shape", misshapen))
    faults = "; ".join(f"{len(n)} weights {what}: {_first(n)}" for what, n in counted if n)
    raise ValueError(f"{path}: does not fit the config; {faults}")


def checkpoint_digest(path: Path) -> str:
    """Return what tells a weight file from another, the files that it takes parts from included.

    Raises:
        OSError: One of them is not there.
        ValueError: The file is damaged.
    """
    if path.suffix != ".safetensors":
        return file_digest(path)
    files = [path, *_files_elsewhere(path, read_tensors(path)[1]).values()]
    return "-".join(file_digest(file) for file in files)


def save_checkpoint(
    model: nn.Module,
    path: str | Path,
    config: Mapping[str, Any],
    *,
    elsewhere: Mapping[str, str] | None = None,
) -> None:
    """Write a model as float16 safetensors with its configuration inside, for `load_model`.

    The file appears whole or not at all. The noise schedule and the weights that nothing reads
    are left out.

    Args:
        model: The model.
        path: Where the file goes.
        config: What `load_model` builds the model from.
        elsewhere: Parts that are left out, as other files of the repository hold them: the
            beginning of their names in the model, and the file's place under the repository.

    Raises:
        ValueError: `path` has another suffix, or a weight is not finite in float16.
        OSError: The file cannot be written.
    """
    path = Path(path)
    if path.suffix != ".safetensors":
        raise ValueError(f"path: got {path}, expected a name ending in .safetensors")
    left_out, parts = {*SCHEDULE, *UNREAD}, tuple(elsewhere or ())
    state = {
        name: _half(name, tensor)
        for name, tensor in model.state_dict().items()
        if name not in left_out and not name.startswith(parts)
    }
    metadata = {"format": "pt", "config": json.dumps(as_plain(config))}
    if elsewhere:
        metadata[ELSEWHERE] = json.dumps(dict(elsewhere))
    write_tensors(path, state, metadata)


def write_tensors(path: Path, tensors: dict[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write safetensors that appear whole or not at all, the same bytes in every process.

    Raises:
        OSError: The file cannot be written.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    try:
        with whole_file(path) as partial:
            save_file(tensors, str(partial), metadata=dict(metadata))
            _sort_metadata(partial)
    except SafetensorError as error:
        raise OSError(f"{path}: cannot be written ({error})") from error


def _sort_metadata(path: Path) -> None:
    """Sort the metadata of a safetensors file, which each process writes in another order."""
    with path.open("r+b") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size))
        header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
        text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
        if len(text) <= size:
            file.seek(8)
            file.write(text.ljust(size))


def _half(name: str, tensor: Tensor) -> Tensor:
    tensor = tensor.detach().to("cpu", copy=True)
    if not tensor.is_floating_point():
        return tensor.contiguous()
    half = tensor.to(torch.float16).contiguous()
    if not half.isfinite().all():
        raise ValueError(f"model: {name} is not finite in float16; nothing was written")
    return half


def _find_config(
    path: Path,
    tensors: Mapping[str, Tensor],
    metadata: Mapping[str, str],
    *,
    given: str | Path | Mapping[str, Any] | None,
) -> Mapping[str, Any]:
    if isinstance(given, str | Path):
        return read_config(given)
    if given is not None:
        return given
    if "config" in metadata:
        return _embedded_mapping(path, metadata, "config")
    name = recognise_config(tensors, path, metadata=metadata)
    logger.info("%s: recognised as configs/%s.yaml", path, name)
    return read_config(ROOT / "configs" / f"{name}.yaml")


def _tensors_elsewhere(path: Path, metadata: Mapping[str, str]) -> dict[str, Tensor]:
    """Return the weights of the parts of which a file only names the place.

    Our own files do: they share parts, and with them would be larger than a file here may be.
    """
    tensors: dict[str, Tensor] = {}
    for prefix, file in _files_elsewhere(path, metadata).items():
        part, _ = read_tensors(file)
        tensors |= {f"{prefix}{name}": tensor for name, tensor in part.items()}
    return tensors


def _files_elsewhere(path: Path, metadata: Mapping[str, str]) -> dict[str, Path]:
    if ELSEWHERE not in metadata:
        return {}
    files = {}
    for prefix, place in _embedded_mapping(path, metadata, ELSEWHERE).items():
        files[prefix] = file = (ROOT / str(place)).resolve()
        if not file.is_relative_to(ROOT):
            raise ValueError(f"{path}: its metadata {ELSEWHERE!r} leads out of the repository")
        if not file.is_file():
            raise FileNotFoundError(f"{path}: needs {place}, which is not there")
    return files


def _embedded_mapping(path: Path, metadata: Mapping[str, str], key: str) -> Mapping[str, Any]:
    try:
        found = json.loads(metadata[key])
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: its metadata {key!r} is no JSON ({error})") from error
    if not isinstance(found, dict):
        raise ValueError(f"{path}: its metadata {key!r} is no mapping")
    return found


def _with_parameterization(
    config: Mapping[str, Any], parameterization: str | None
) -> Mapping[str, Any]:
    if parameterization is None:
        return config
    if parameterization not in PARAMETERIZATIONS:
        raise ValueError(
            f"parameterization: got {parameterization!r}, expected one of {PARAMETERIZATIONS}"
        )
    config = as_plain(config)
    model = config.get("model", config)
    params = {**(model.get("params") or {}), "parameterization": parameterization}
    return {"model": {**model, "params": params}}


def _assign(
    model: nn.Module,
    tensors: dict[str, Tensor],
    *,
    dtype: torch.dtype,
    exact: tuple[str, ...],
    mapped: bool,
) -> None:
    """Move `tensors` into `model`, emptying the mapping as it goes."""
    state = {}
    for name, own in model.state_dict().items():
        tensor = tensors.pop(name, None)
        wanted = torch.float32 if name.startswith(exact) else dtype
        if name in SCHEDULE:
            stored = tensor is not None and tensor.dtype in (torch.float32, torch.float64)
            state[name] = tensor.float() if stored else own
        elif tensor is None:
            state[name] = torch.zeros(own.shape, dtype=wanted)
        else:
            state[name] = tensor.to(wanted)
            if mapped and state[name] is not tensor:
                drop_pages(tensor)
    model.load_state_dict(state, assign=True)


def _kind(tensor: Tensor) -> str:
    """Return the shape, and the type where it is not one of floating point."""
    shape = str(tuple(tensor.shape))
    return shape if tensor.is_floating_point() else f"{shape} {tensor.dtype}"


def _published_name(name: str) -> str:
    for start, published in RENAMED.items():
        if name.startswith(start):
            return published + name[len(start) :]
    return name


def _is_ignored(name: str) -> bool:
    return any(name.startswith(i) if i.endswith(".") else name == i for i in IGNORED)


def _first(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(names[:NAMES_SHOWN]) + (", ..." if len(names) > NAMES_SHOWN else "")
