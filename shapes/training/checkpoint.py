"""A training run's checkpoint: written whole, read without running anything in it."""

from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.plugins.io import TorchCheckpointIO

from dpt.weights import DAMAGE
from ldm.files import whole_file
from shapes.training.settings import Settings

CHECKPOINT = "checkpoint.ckpt"
IN_PIECES = Path("checkpoint", "index.json")


class WholeFileIO(TorchCheckpointIO):
    """Has Lightning write files that are whole or not there at all, and on the disk."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None
    ) -> None:
        """Write a state."""
        with whole_file(Path(path)) as partial:
            torch.save(checkpoint, partial)


def check_resume(folder: Path, settings: Settings) -> None:
    """Require that `folder` holds the checkpoint of a run with these settings.

    Raises:
        FileNotFoundError: it holds none.
        ValueError: it is damaged, of an older format, or of another configuration.
    """
    path = folder / CHECKPOINT
    if not path.is_file():
        if (folder / IN_PIECES).exists():
            raise ValueError(
                f"--resume: {folder / IN_PIECES} is a checkpoint in pieces, as they were written "
                "until 2026-11-27 and are no longer read; start anew without --resume"
            )
        raise FileNotFoundError(f"--resume: {path} is not there")
    present = read_checkpoint(path).get("fingerprint")
    if present != settings.fingerprint():
        raise ValueError(
            f"--resume: {path} was made with another configuration "
            f"({present}, expected {settings.fingerprint()})"
        )


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint without running anything in it.

    Raises:
        ValueError: it is damaged, or holds something else.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (*DAMAGE, ValueError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise ValueError(f"--resume: {path} cannot be read ({reason})") from error
    return content if isinstance(content, dict) else {}
