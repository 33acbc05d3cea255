"""The weights of a diffusers folder: which files there are, and which are taken.

They are read without running anything.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from torch import Tensor

from dpt.weights import is_mapped, read_tensors
from ldm.untrusted_folder import UntrustedFolder

INDEX = "model_index.json"
WHOLE = re.compile(r"(?:diffusion_)?(?:pytorch_)?model(?:\.(\w+))?\.(safetensors|bin)")
SHARDED = re.compile(
    r"(?:diffusion_)?(?:pytorch_)?model\.(safetensors|bin)\.index(?:\.(\w+))?\.json"
)
SHARD = re.compile(r"[\w-][\w.-]*\.(?:safetensors|bin)")
# The full weights first, then the others in this order, and what is not listed last.
VARIANTS = (None, "fp16", "bf16", "fp32")


@dataclass(frozen=True)
class DiffusersFolder(UntrustedFolder):
    """A folder that a pipeline or one of its parts was saved to."""

    expected: ClassVar[str] = (
        "expected a Stable Diffusion folder as diffusers saves it, or a single file"
    )

    def weight_files(self, *part: str) -> list[Path]:
        """Return the files that a part's weights are read from: several where it is sharded.

        Safetensors come before pickles, full weights before variants.

        Raises:
            FileNotFoundError: There are none.
            ValueError: A file leads out of the folder, or the index of shards is damaged.
        """
        folder = self.path.joinpath(*part)
        found = []
        for name in sorted(path.name for path in folder.glob("*")):
            if whole := WHOLE.fullmatch(name):
                found.append((whole[2] == "bin", _rank(whole[1]), False, name))
            elif sharded := SHARDED.fullmatch(name):
                found.append((sharded[1] == "bin", _rank(sharded[2]), True, name))
        if not found:
            place = "/".join(part) or "the folder"
            raise FileNotFoundError(f"{self.path}: no weights in {place}; {self.expected}")
        _, _, is_index, name = min(found)
        names = self._shards(*part, name) if is_index else [name]
        return [self.file(*part, name) for name in names]

    def read_weights(self, *part: str) -> tuple[dict[str, Tensor], bool]:
        """Return a part's tensors by name, and whether they are mapped files."""
        tensors: dict[str, Tensor] = {}
        files = self.weight_files(*part)
        for path in files:
            tensors |= read_tensors(path)[0]
        return tensors, all(is_mapped(path) for path in files)

    def _shards(self, *place: str) -> list[str]:
        listed = self.read_json(*place).get("weight_map")
        names = set(listed.values()) if _is_text_map(listed) else set()
        if not names or not all(SHARD.fullmatch(name) for name in names):
            raise ValueError(f"{self.path}: {'/'.join(place)} lists no files of that folder")
        return sorted(names)


def is_diffusers_folder(path: Path) -> bool:
    """Tell whether a pipeline was saved to `path`."""
    return (path / INDEX).is_file()


def _is_text_map(found: Any) -> bool:
    return isinstance(found, Mapping) and all(isinstance(value, str) for value in found.values())


def _rank(variant: str | None) -> int:
    return VARIANTS.index(variant) if variant in VARIANTS else len(VARIANTS)
