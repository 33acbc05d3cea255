"""Models in memory: loaded once, the least recently used ones given up, one line before each."""

from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING

import numpy as np

from stereo.app.catalogue import Checkpoint
from stereo.app.line import Line
from stereo.app.preview import fit_colours
from stereo.runtime.models import Task, find_depth_checkpoint, load_depth_model, load_model

if TYPE_CHECKING:
    from dpt.models import DPTDepthModel
    from ldm.models.diffusion.ddpm import LatentDiffusion

KEPT = 2

Key = tuple[bool, Path]


@dataclass(frozen=True)
class Loaded:
    """What a job works with.

    Attributes:
        model: of the chosen checkpoint.
        depth_model: the one inside a depth-conditioned model, else the standalone one.
        depth_file: of the standalone one.
        colours: for previews, see `fit_colours`.
    """

    model: "LatentDiffusion"
    depth_model: "DPTDepthModel"
    depth_file: Path | None
    colours: np.ndarray


class ModelStore:
    """Loads on demand; a model is used by one job at a time, which `line` is for."""

    def __init__(self, *, device: str | None = None, precision: str | None = None) -> None:
        self._device, self._precision = device, precision
        self._lock = RLock()
        self._loaded: OrderedDict[Key, Loaded] = OrderedDict()
        self._lines: dict[Key, Line] = {}
        self._depth: tuple[DPTDepthModel, Path] | None = None

    def line(self, task: Task, checkpoint: Checkpoint) -> Line:
        """Return the line before a model."""
        with self._lock:
            return self._lines.setdefault(_key(task, checkpoint), Line())

    def get(self, task: Task, checkpoint: Checkpoint) -> Loaded:
        """Return a model, loaded if need be.

        Raises:
            ValueError: for a file that does not fit the task.
            OSError: for one that cannot be read.
        """
        key = _key(task, checkpoint)
        with self._lock:
            if key not in self._loaded:
                while len(self._loaded) >= KEPT:
                    self._loaded.popitem(last=False)
                self._loaded[key] = self._load(task, checkpoint)
            self._loaded.move_to_end(key)
            return self._loaded[key]

    def depth_model(self, task: Task, checkpoint: Checkpoint) -> "DPTDepthModel":
        """Return the network that a workflow looks at pictures with."""
        if task == "depth":
            return self.get(task, checkpoint).depth_model
        return self._standalone_depth()[0]

    def _load(self, task: Task, checkpoint: Checkpoint) -> Loaded:
        model = load_model(
            task, ckpt=checkpoint.path, device=self._device, precision=self._precision
        )
        colours = fit_colours(model)
        if task == "depth":
            return Loaded(model, model.depth_model.model, None, colours)
        return Loaded(model, *self._standalone_depth(), colours)

    def _standalone_depth(self) -> tuple["DPTDepthModel", Path]:
        with self._lock:
            if self._depth is None:
                path = find_depth_checkpoint()
                self._depth = load_depth_model(path, device=self._device), path
            return self._depth


def _key(task: Task, checkpoint: Checkpoint) -> Key:
    """Tell models apart; text and photo use the same ones."""
    return task == "depth", checkpoint.path
