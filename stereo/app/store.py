"""Models in memory: loaded once, the least recently used ones given up."""

from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from stereo.app.catalogue import Checkpoint
from stereo.app.preview import fit_colours
from stereo.cli.job import Models
from stereo.depth.loading import find_depth_checkpoint, load_depth_model
from stereo.runtime.models import Task, load_model

if TYPE_CHECKING:
    from dpt.models import DPTDepthModel

KEPT = 2

Key = tuple[bool, Path]


@dataclass(frozen=True)
class Loaded:
    """What a job works with.

    Attributes:
        models: of the chosen checkpoint.
        depth_file: of the standalone depth model; None where the one in the checkpoint serves.
        colours: for previews, see `fit_colours`.
    """

    models: Models
    depth_file: Path | None
    colours: np.ndarray


class ModelStore:
    """Loads on demand."""

    def __init__(self, *, device: str | None = None, precision: str | None = None) -> None:
        self._device, self._precision = device, precision
        # Held for moments only: what takes long is guarded by a lock of its own.
        self._lock, self._depth_lock = Lock(), Lock()
        self._loading: dict[Key, Lock] = {}
        self._loaded: OrderedDict[Key, Loaded] = OrderedDict()
        self._depth: tuple[DPTDepthModel, Path] | None = None

    def get(self, task: Task, checkpoint: Checkpoint) -> Loaded:
        """Return a model, loaded if need be; nobody else waits for that but those who want it too.

        Raises:
            ValueError: for a file that does not fit the task.
            OSError: for one that cannot be read.
        """
        key = model_key(task, checkpoint)
        with self._lock:
            loading = self._loading.setdefault(key, Lock())
        with loading:
            with self._lock:
                if key in self._loaded:
                    self._loaded.move_to_end(key)
                    return self._loaded[key]
                while len(self._loaded) >= KEPT:
                    self._loaded.popitem(last=False)
            loaded = self._load(task, checkpoint)
            with self._lock:
                self._loaded[key] = loaded
            return loaded

    def depth_model(self, task: Task, checkpoint: Checkpoint) -> "DPTDepthModel":
        """Return the network that a workflow looks at pictures with."""
        if task == "depth":
            return self.get(task, checkpoint).models.diffusion.depth_model.model
        return self._standalone_depth()[0]

    def _load(self, task: Task, checkpoint: Checkpoint) -> Loaded:
        model = load_model(
            task, ckpt=checkpoint.path, device=self._device, precision=self._precision
        )
        depth, path = (None, None) if task == "depth" else self._standalone_depth()
        return Loaded(Models(model, depth), path, fit_colours(model))

    def _standalone_depth(self) -> tuple["DPTDepthModel", Path]:
        with self._depth_lock:
            if self._depth is None:
                path = find_depth_checkpoint()
                self._depth = load_depth_model(path, device=self._device), path
            return self._depth


def model_key(task: Task, checkpoint: Checkpoint) -> Key:
    """Tell models apart; text and photo use the same ones."""
    return task == "depth", checkpoint.path
