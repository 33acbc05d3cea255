"""What a training run is told: one YAML file a part, read into frozen dataclasses."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from ldm.util import read_yaml
from shapes.world.scene import CALM_SEEDS, HELD_OUT_SEEDS, PORTRAIT_SEEDS

PARTS = ("autoencoder", "dpt", "text", "diffusion", "depth")


@dataclass(frozen=True)
class DataSettings:
    """The pools of rendered scenes that a part learns from: plain, calm and portraits."""

    folder: str = "outputs/cache/shapes-256"
    scenes: int = 9216
    calm_scenes: int = 0
    portraits: int = 0
    first_seed: int = 0
    size_px: int = 256
    many_objects: float = 0.0  # a scene of n objects is drawn n**many_objects times as often

    def __post_init__(self) -> None:
        for part in self.parts():
            first, last = part.first_seed, part.first_seed + part.scenes - 1
            if first < 0 or (first <= HELD_OUT_SEEDS[-1] and last >= HELD_OUT_SEEDS[0]):
                raise ValueError(
                    f"data: seeds {first} to {last} are negative or held out, expected none of "
                    f"{HELD_OUT_SEEDS[0]} to {HELD_OUT_SEEDS[-1]}"
                )

    def parts(self) -> list["PoolPart"]:
        """Return the folders that the scenes lie in."""
        rich = PoolPart(Path(self.folder), self.scenes, self.first_seed)
        calm = PoolPart(
            Path(f"{self.folder}-calm"), self.calm_scenes, CALM_SEEDS[0] + self.first_seed
        )
        portraits = PoolPart(
            Path(f"{self.folder}-portraits"), self.portraits, PORTRAIT_SEEDS[0] + self.first_seed
        )
        return [part for part in (rich, calm, portraits) if part.scenes]

    def seeds(self) -> list[int]:
        """Return the seed of every scene, in the order of the joined pools."""
        return [part.first_seed + k for part in self.parts() for k in range(part.scenes)]


@dataclass(frozen=True)
class PoolPart:
    """A folder of rendered scenes: how many, from which seed on."""

    folder: Path
    scenes: int
    first_seed: int


@dataclass(frozen=True)
class Stage:
    """Input size and batch from a share of the run on: small images first, as they are cheap."""

    start: float
    size_px: int
    batch: int


@dataclass(frozen=True)
class OptimiserSettings:
    """AdamW with a linear warm-up and a cosine decay, and the average of the weights."""

    learning_rate: float = 1e-3
    warmup_steps: int = 200
    weight_decay: float = 0.01
    beta2: float = 0.99
    clip_norm: float = 1.0
    ema_decay: float = 0.999


@dataclass(frozen=True)
class Limits:
    """Where a run ends, whichever comes first, and how often it writes."""

    max_steps: int = 10_000
    max_minutes: float = 20.0
    save_minutes: float = 3.0

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not isinstance(value, int | float) or not value > 0:
                raise ValueError(f"limits, {name}: got {value!r}, expected a number above 0")


@dataclass(frozen=True)
class Settings:
    """One training run. `loss` and `start` mean what the part's task says they mean."""

    part: str
    model: Mapping[str, Any]
    stages: tuple[Stage, ...]
    weights: str
    start: Mapping[str, str] = field(default_factory=dict)
    loss: Mapping[str, float] = field(default_factory=dict)
    data: DataSettings = field(default_factory=DataSettings)
    optimiser: OptimiserSettings = field(default_factory=OptimiserSettings)
    limits: Limits = field(default_factory=Limits)
    seed: int = 0
    compile: bool = False

    def __post_init__(self) -> None:
        if self.part not in PARTS:
            raise ValueError(f"part: got {self.part!r}, expected one of {PARTS}")
        if not self.stages or self.stages[0].start != 0:
            raise ValueError("stages: expected at least one, the first with start 0")
        starts = [stage.start for stage in self.stages]
        if starts != sorted(starts):
            raise ValueError(f"stages: got starts {starts}, expected them to rise")

    def fingerprint(self) -> str:
        """Return a digest of everything that decides what is learned, the limits left out."""
        told = {
            key: value for key, value in asdict(self).items() if key not in ("limits", "compile")
        }
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]

    def start_file(self, name: str) -> Path:
        """Return the weights of a part that this one starts from.

        Raises:
            ValueError: the configuration does not name them.
        """
        if name not in self.start:
            raise ValueError(f"start: got {sorted(self.start)}, expected {name!r} among them")
        return Path(self.start[name])

    def stage(self, progress: float) -> Stage:
        """Return the stage at `progress` in [0, 1]."""
        return [stage for stage in self.stages if stage.start <= progress][-1]


def read_settings(path: Path) -> Settings | list[Path]:
    """Read a training configuration; one that only lists `parts` gives their paths.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a key is unknown or missing, or a value is out of range.
    """
    config = read_yaml(path)
    if "parts" in config:
        if not isinstance(config["parts"], list):
            raise ValueError(f"config: {path}, parts: got {config['parts']!r}, expected a list")
        return [path.parent / f"{part}.yaml" for part in config["parts"]]
    return parse_settings(config)


def parse_settings(config: Mapping[str, Any]) -> Settings:
    """Return the settings that a mapping with the keys of `Settings` describes."""
    config = dict(config)
    nested = {"data": DataSettings, "optimiser": OptimiserSettings, "limits": Limits}
    for key, kind in nested.items():
        config[key] = _build(kind, config.get(key) or {}, name=key)
    stages = config.get("stages") or ()
    if not isinstance(stages, list | tuple):
        raise ValueError(f"stages: got {stages!r}, expected a list")
    config["stages"] = tuple(_build(Stage, stage, name="stages") for stage in stages)
    return _build(Settings, config, name="configuration")


def _build(kind: type, values: Mapping[str, Any], *, name: str) -> Any:
    if not isinstance(values, Mapping):
        raise ValueError(f"{name}: got {values!r}, expected keys and values")
    known = {entry.name for entry in fields(kind)}
    unknown = sorted(set(values) - known)
    if unknown:
        raise ValueError(f"{name}: unknown key {unknown[0]!r}, expected some of {sorted(known)}")
    try:
        return kind(**values)
    except TypeError as error:
        raise ValueError(f"{name}: {error}") from error
