"""Fingerprints: what tells one result from another, and which of them are there."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stereo.formats.metadata import from_text
from stereo.formats.names import DEFAULT_NAMES
from stereo.formats.registry import ending

FINGERPRINT_DIGITS = 16


def fingerprint(settings: Mapping[str, Any]) -> str:
    """Return a short text that is equal for equal settings only."""
    text = json.dumps(settings, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:FINGERPRINT_DIGITS]


class Finished:
    """What a folder of results holds: complete pairs, by fingerprint and sample."""

    def __init__(self, folder: Path, formats: Sequence[str], names: str = DEFAULT_NAMES) -> None:
        """Read the sidecars of a folder; one that does not exist holds nothing."""
        self._endings = [ending(name, names) for name in formats]
        self._pairs: dict[tuple[str, int], Path] = {}
        for sidecar in sorted(folder.glob("*.json")):
            first = sidecar.with_name(f"{sidecar.stem}{self._endings[0]}")
            for key in self._keys(sidecar):
                self._pairs.setdefault(key, first)

    def find(self, fingerprint: str, samples: int) -> list[Path]:
        """Return the first file of each sample's pair; none unless all of them are there."""
        keys = [(fingerprint, sample) for sample in range(samples)]
        if not all(key in self._pairs for key in keys):
            return []
        return [self._pairs[key] for key in keys]

    def _keys(self, sidecar: Path) -> list[tuple[str, int]]:
        try:
            settings = from_text(sidecar.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return []  # another program's file
        key = settings.get("fingerprint"), settings.get("sample", 0)
        files = [sidecar.with_name(f"{sidecar.stem}{end}") for end in self._endings]
        is_ours = isinstance(key[0], str) and isinstance(key[1], int)
        return [key] if is_ours and all(path.is_file() for path in files) else []
