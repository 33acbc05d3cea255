"""Metrics of a pair alone, without a true view, by other projects' code, none of which is here.

* MEt3R (Asim et al. 2025, `mohammadasim98/met3r`): is the one view consistent with the other?
  Given the folder of its code, which loads its own networks.
* iSQoE (Tamir et al. 2025, `apple/ml-isqoe`): is the pair good to look at? Its code has no function
  for one pair, so what is given is a Python file of the user's that defines `load()`, which returns
  `score(left, right)` for views (1, 3, 720, 1280) in [0, 1]. Both eye orders are scored.

Of both less is better.
"""

import importlib
import importlib.util
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ldm.files import file_digest

NOT_INSTALLED = "not installed"
MET3R_PX = 256
ISQOE_SIZE = (720, 1280)
Score = Callable[[Tensor, Tensor], float]


@dataclass(frozen=True)
class PairMetric:
    """A metric of the two views, (1, 3, *size) in [0, 1], and the digest of its code.

    Attributes:
        name: key of its column.
        score: of a left and a right view.
        size: that it takes views at, (H, W).
        digest: of the file that it comes from.
        both_orders: whether the eyes are exchanged, too, for the column `name`_swapped.
    """

    name: str
    score: Score
    size: tuple[int, int]
    digest: str
    both_orders: bool = False

    @torch.no_grad()
    def scores(self, left: np.ndarray, right: np.ndarray) -> dict[str, float]:
        """Return the columns of a pair of views (H, W, 3) uint8."""
        views = [_fit(view, self.size) for view in (left, right)]
        values = {self.name: float(self.score(*views))}
        if self.both_orders:
            values[f"{self.name}_swapped"] = float(self.score(*views[::-1]))
        return values


def load_pair_metrics(given: Sequence[str]) -> list[PairMetric]:
    """Load what `NAME=PATH` names: met3r=FOLDER, isqoe=FILE.py.

    Raises:
        ValueError: for another name, or code that is not what was expected.
        OSError: when the path does not exist.
    """
    return [_load(*_parse(text)) for text in given]


def _parse(text: str) -> tuple[str, Path]:
    name, _, path = text.partition("=")
    if name not in LOADERS or not path:
        expected = " or ".join(f"{known}=PATH" for known in LOADERS)
        raise ValueError(f"pair_metric: got {text!r}, expected {expected}")
    return name, Path(path)


def _load(name: str, path: Path) -> PairMetric:
    if not path.exists():
        raise FileNotFoundError(f"pair_metric: {path} does not exist")
    try:
        return LOADERS[name](path)
    except (ImportError, AttributeError, TypeError) as error:
        raise ValueError(f"pair_metric: {path} cannot be used as {name}: {error}") from error


def _met3r(folder: Path) -> PairMetric:
    sys.path.insert(0, str(folder))
    try:
        module = importlib.import_module("met3r")
    finally:
        sys.path.remove(str(folder))
    network = module.MEt3R(img_size=MET3R_PX)

    def score(left: Tensor, right: Tensor) -> float:
        found = network(images=torch.stack([left, right], dim=1) * 2 - 1)
        return float((found[0] if isinstance(found, tuple) else found).mean())

    return PairMetric("met3r", score, (MET3R_PX, MET3R_PX), _digest(module))


def _isqoe(file: Path) -> PairMetric:
    spec = importlib.util.spec_from_file_location("isqoe_of_the_user", file)
    if spec is None or spec.loader is None:
        raise ImportError("expected a Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return PairMetric("isqoe", module.load(), ISQOE_SIZE, _digest(module), both_orders=True)


LOADERS: dict[str, Callable[[Path], PairMetric]] = {"met3r": _met3r, "isqoe": _isqoe}


def _digest(module: ModuleType) -> str:
    return file_digest(Path(str(module.__file__)))


def _fit(view: np.ndarray, size: tuple[int, int]) -> Tensor:
    """Turn (H, W, 3) uint8 into (1, 3, *size) float32 in [0, 1], resized by a bicubic filter."""
    unit = torch.from_numpy(np.ascontiguousarray(view)).permute(2, 0, 1)[None].float() / 255
    if unit.shape[-2:] == size:
        return unit
    return F.interpolate(unit, size, mode="bicubic", align_corners=False, antialias=True).clamp(
        0, 1
    )
