"""Saving whole diffusion models, for `ldm.checkpoint.load_model` to load."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ldm.files import whole_file
from ldm.models.diffusion.schedule import SCHEDULE_NAMES
from ldm.published_names import UNREAD
from ldm.stored import ELSEWHERE
from ldm.util import as_plain


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
    left_out, parts = {*SCHEDULE_NAMES, *UNREAD}, tuple(elsewhere or ())
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
