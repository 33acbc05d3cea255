"""The settings of a training run: one YAML file a part, read into frozen dataclasses."""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ldm.schema import build, number
from ldm.util import read_yaml
from shapes.world.seeds import CALM_SEEDS, HELD_OUT_SEEDS, PORTRAIT_SEEDS, SIZES_PX

DENOISER_LOSS = {"layout_share": 0.0, "settling_share": 0.0, "columns": 0.0}
# The weights of each part's loss with their defaults.
LOSS: dict[str, dict[str, float]] = {
    "autoencoder": {
        "gradient_weight": 0.5,
        "kl_weight": 1e-6,
        "guide_weight": 0.0,
        "latent_noise": 0.0,
    },
    "dpt": {"gradient_weight": 0.5},
    "text": {},
    "diffusion": DENOISER_LOSS,
    "depth": {**DENOISER_LOSS, "guessed": 0.5},
}
DEPTH = "-depth"  # ending of the folder of scenes that teach depth
# The parts that each part needs the weights of.
START = {
    "autoencoder": (),
    "dpt": (),
    "text": (),
    "diffusion": ("autoencoder", "text"),
    "depth": ("autoencoder", "diffusion", "dpt"),
}
# The parts that may be gone on from.
MAY_START = {"dpt": ("dpt",)}
# The networks halve their input up to five times.
SIZE_STEP_PX = 32


@dataclass(frozen=True)
class PoolSettings:
    """A folder of rendered scenes: how many, from which seed on."""

    folder: Path
    scenes: int
    first_seed: int
    teaches_depth: bool = False


@dataclass(frozen=True)
class DataSettings:
    """The scenes that a part learns from: plain, calm, portraits, and those that teach depth.

    A scene of n objects is drawn n**many_objects times as often.
    """

    folder: str = "outputs/cache/shapes-256"
    scenes: int = number(9216, low=0, high=10**7)
    calm_scenes: int = number(0, low=0, high=10**7)
    portraits: int = number(0, low=0, high=10**7)
    depth_scenes: int = number(0, low=0, high=10**7)
    first_seed: int = 0
    size_px: int = number(256, low=SIZES_PX[0], high=SIZES_PX[1])
    many_objects: float = number(0.0, low=-10, high=10)

    def __post_init__(self) -> None:
        for pool in self.pools():
            first, last = pool.first_seed, pool.first_seed + pool.scenes - 1
            if first < 0 or (first <= HELD_OUT_SEEDS[-1] and last >= HELD_OUT_SEEDS[0]):
                raise ValueError(
                    f"data: seeds {first} to {last} are negative or held out, expected none of "
                    f"{HELD_OUT_SEEDS[0]} to {HELD_OUT_SEEDS[-1]}"
                )
        if not self.pools():
            raise ValueError("data: got no scenes, expected 1 or more")

    def pools(self) -> list[PoolSettings]:
        """Return the folders that hold scenes."""
        kinds = (
            ("", self.scenes, 0),
            ("-calm", self.calm_scenes, CALM_SEEDS[0]),
            ("-portraits", self.portraits, PORTRAIT_SEEDS[0]),
            (DEPTH, self.depth_scenes, 0),
        )
        return [
            PoolSettings(
                Path(self.folder + ending), scenes, first + self.first_seed, ending == DEPTH
            )
            for ending, scenes, first in kinds
            if scenes
        ]

    def seeds(self) -> list[int]:
        """Return the seed of every scene, in the order of the joined pools."""
        return [pool.first_seed + k for pool in self.pools() for k in range(pool.scenes)]


@dataclass(frozen=True)
class Stage:
    """Input size and batch from a share of the run on: small images first, as they are cheap."""

    start: float = number(low=0, high=1)
    size_px: int = number(low=SIZES_PX[0], high=SIZES_PX[1])
    batch: int = number(low=1, high=65536)


@dataclass(frozen=True)
class OptimiserSettings:
    """AdamW with a linear warm-up and a cosine decay, and the average of the weights."""

    learning_rate: float = number(1e-3, low=0, high=10)
    warmup_steps: int = number(200, low=0, high=10**9)
    weight_decay: float = number(0.01, low=0, high=10)
    beta2: float = number(0.99, low=0, high=0.999999)
    clip_norm: float = number(1.0, low=0, high=1e9)
    ema_decay: float = number(0.999, low=0, high=1)


@dataclass(frozen=True)
class Limits:
    """Where a run ends, whichever comes first, and how often it writes."""

    max_steps: int = number(10_000, low=1, high=10**9)
    max_minutes: float = number(20.0, low=1e-9, high=1e9)
    save_minutes: float = number(3.0, low=1e-9, high=1e9)


@dataclass(frozen=True)
class Settings:
    """One training run of one part.

    Attributes:
        part: a key of `LOSS`.
        model: target and parameters of the network.
        stages: sizes and batches, from start 0 on.
        weights: the file that the run writes.
        start: file of each part that this one needs (`START`).
        loss: weights of the terms of the loss (`LOSS`).
        data: the scenes.
        optimiser: of the weights.
        limits: of steps and minutes.
        seed: of the first weights and of all batches.
    """

    part: str
    model: dict[str, Any]
    stages: list[Stage]
    weights: str
    start: dict[str, str] = field(default_factory=dict)
    loss: dict[str, float] = field(default_factory=dict)
    data: DataSettings = field(default_factory=DataSettings)
    optimiser: OptimiserSettings = field(default_factory=OptimiserSettings)
    limits: Limits = field(default_factory=Limits)
    seed: int = number(0, low=0, high=2**31)

    def __post_init__(self) -> None:
        if self.part not in LOSS:
            raise ValueError(f"part: got {self.part!r}, expected one of {tuple(LOSS)}")
        if not self.weights.endswith(".safetensors"):
            raise ValueError(f"weights: got {self.weights!r}, expected a name in .safetensors")
        self._check_stages()
        wanted = sorted(START[self.part])
        if sorted(set(self.start) - {*MAY_START.get(self.part, ())}) != wanted:
            raise ValueError(f"start: got {sorted(self.start)}, expected {START[self.part]}")
        for name, value in self.loss.items():
            if name not in LOSS[self.part]:
                expected = sorted(LOSS[self.part]) or "none"
                raise ValueError(f"loss: unknown key {name!r}, expected some of {expected}")
            if not 0 <= value < math.inf:
                raise ValueError(f"loss, {name}: got {value}, expected a number from 0 on")

    def _check_stages(self) -> None:
        if not self.stages or self.stages[0].start != 0:
            raise ValueError("stages: expected at least one, the first with start 0")
        starts = [stage.start for stage in self.stages]
        if starts != sorted(starts):
            raise ValueError(f"stages: got starts {starts}, expected them to rise")
        for k, stage in enumerate(self.stages):
            if stage.size_px % SIZE_STEP_PX or self.data.size_px % stage.size_px:
                raise ValueError(
                    f"stages[{k}], size_px: got {stage.size_px}, expected a multiple of "
                    f"{SIZE_STEP_PX} that divides the scenes' {self.data.size_px}"
                )

    def loss_weight(self, name: str) -> float:
        """Return the weight of a term of the loss."""
        return self.loss.get(name, LOSS[self.part][name])

    def fingerprint(self) -> str:
        """Return a digest of everything that decides what is learned, the limits left out."""
        content = {key: value for key, value in asdict(self).items() if key != "limits"}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]

    def stage(self, progress: float) -> Stage:
        """Return the stage at `progress` in [0, 1]."""
        return [stage for stage in self.stages if stage.start <= progress][-1]


def read_settings(path: Path, limits: Mapping[str, float | None] | None = None) -> Settings:
    """Read the training configuration of one part.

    Args:
        path: a YAML file.
        limits: replace those of the file; None leaves one as it is.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a key is unknown or missing, or a value is out of range.
    """
    config = read_yaml(path)
    if "parts" in config:
        raise ValueError(f"config: {path} lists parts, expected the configuration of one part")
    changes = {key: value for key, value in (limits or {}).items() if value is not None}
    if changes and isinstance(config.get("limits") or {}, dict):
        config["limits"] = {**(config.get("limits") or {}), **changes}
    try:
        return build(Settings, config)
    except ValueError as error:
        raise ValueError(f"config: {path}, {error}") from error


def list_parts(path: Path) -> list[Path]:
    """Return the configurations that a YAML file lists under `parts`, else the file itself.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it lists something else than names.
    """
    config = read_yaml(path)
    if "parts" not in config:
        return [path]
    parts = config["parts"]
    if not isinstance(parts, list) or not parts or not all(isinstance(p, str) for p in parts):
        raise ValueError(
            f"config: {path}, parts: got {parts!r}, expected a list of configurations' names"
        )
    return [path.parent / f"{part}.yaml" for part in parts]
