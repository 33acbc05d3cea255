"""The checkpoints that a visitor can pick: what lies in `models/`, by name, never by path."""

from dataclasses import dataclass
from pathlib import Path

from ldm.diffusers_folder import is_diffusers_folder
from ldm.known_files import MODELS, ROOT
from stereo.runtime.models import EMBEDDED, PUBLISHED, Task, embedded_checkpoint

SUFFIXES = (".safetensors", ".ckpt", ".pt")
EMBEDDED_NAME = "Shapes, the embedded model"


@dataclass(frozen=True)
class Checkpoint:
    """A file or a diffusers folder of `models/` under the name that visitors see."""

    name: str
    path: Path
    embedded: bool

    @property
    def relative(self) -> str:
        """Return the file as the command line names it from the repository's folder."""
        return f"{self.path.parent.name}/{self.path.name}"


def list_checkpoints(task: Task, folder: Path = ROOT / MODELS) -> list[Checkpoint]:
    """Return what may fit a task, the default first: published files, others, the embedded one.

    Files known to belong to another kind of model are left out; what an unknown file is, loading
    it says.
    """
    files = sorted(path for path in folder.glob("*") if _is_checkpoint(path))
    theirs = _stems_of_others(task)
    others = [path for path in files if path.stem not in {*theirs, *EMBEDDED.values()}]
    rank = {stem: place for place, stem in enumerate(PUBLISHED[task])}
    others.sort(key=lambda path: (rank.get(path.stem, len(rank)), path.name))
    # An unknown file is offered, but only a published one comes before the embedded model.
    first = [path for path in others if path.stem in rank]
    rest = [path for path in others if path.stem not in rank]
    return [
        *(Checkpoint(path.name, path, False) for path in first),
        Checkpoint(EMBEDDED_NAME, embedded_checkpoint(task, folder), True),
        *(Checkpoint(path.name, path, False) for path in rest),
    ]


def pick_checkpoint(task: Task, name: str, folder: Path = ROOT / MODELS) -> Checkpoint:
    """Return the listed checkpoint of that name.

    Raises:
        ValueError: for anything that is not in the list, such as a path.
    """
    listed = list_checkpoints(task, folder)
    for checkpoint in listed:
        if checkpoint.name == name:
            return checkpoint
    raise ValueError(
        f"model: got {name!r}, expected one of {', '.join(each.name for each in listed)}"
    )


def _is_checkpoint(path: Path) -> bool:
    return path.is_file() if path.suffix in SUFFIXES else is_diffusers_folder(path)


def _stems_of_others(task: Task) -> set[str]:
    """Return the published stems of the other kind; text and photo share theirs."""
    kin = {"text": ("depth",), "image": ("depth",), "depth": ("text", "image")}
    return {stem for other in kin[task] for stem in PUBLISHED[other]}
