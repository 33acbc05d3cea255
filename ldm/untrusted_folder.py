"""Folders of weights from anywhere: what is read of them lies inside, and is plain JSON or tensors.

Nothing outside is read, but for what the Hugging Face cache links to inside itself.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

MAX_JSON_BYTES = 2**24


@dataclass(frozen=True)
class UntrustedFolder:
    """A folder whose configurations and links nobody has checked."""

    path: Path
    expected: ClassVar[str] = "expected a folder of weights"

    def file(self, *place: str) -> Path:
        """Return a file of the folder.

        Raises:
            FileNotFoundError: It is not there.
            ValueError: It is a link to somewhere else, or no file.
        """
        path = self.path.joinpath(*place)
        if not path.exists():
            raise FileNotFoundError(f"{self.path}: {'/'.join(place)} is missing; {self.expected}")
        if not self.holds(path):
            raise ValueError(f"{self.path}: {'/'.join(place)} is a link that leads out of it")
        if not path.is_file():
            raise ValueError(f"{self.path}: {'/'.join(place)} is no file; {self.expected}")
        return path

    def read_json(self, *place: str, most_bytes: int = MAX_JSON_BYTES) -> dict[str, Any]:
        """Return a JSON file's keys and values.

        Raises:
            FileNotFoundError: It is not there.
            ValueError: It is something else.
        """
        path, name = self.file(*place), "/".join(place)
        if path.stat().st_size > most_bytes:
            raise ValueError(f"{self.path}: {name} is larger than any configuration")
        try:
            found = json.loads(path.read_bytes())
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{self.path}: {name} is no JSON ({error})") from error
        if not isinstance(found, dict):
            raise ValueError(f"{self.path}: {name} holds no keys and values")
        return found

    def holds(self, path: Path) -> bool:
        """Tell whether a path, its links followed, lies in the folder or in its cache's blobs."""
        return any(path.resolve().is_relative_to(root) for root in self._roots())

    def _roots(self) -> list[Path]:
        """Return where files may lie: in the folder, and if it is a cached one, in its blobs."""
        root = self.path.resolve()
        snapshots = next((p for p in (root, *root.parents) if p.parent.name == "snapshots"), None)
        repository = snapshots and snapshots.parent.parent
        cached = repository is not None and repository.name.startswith("models--")
        return [root, repository / "blobs"] if cached else [root]
