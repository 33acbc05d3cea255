"""A run's settings: a data set's YAML file with the command line on top."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from stereo.evaluation.methods import Generation, ablations, method_names, method_options
from stereo.evaluation.protocol import Protocol
from stereo.evaluation.sources import SOURCES, Source

SECTIONS = ("name", "data", "protocol", "disparity", "methods", "generation")
DATA_KEYS = ("kind", "root", "count", "render_px")


@dataclass(frozen=True)
class RunSettings:
    """What is evaluated and how.

    Attributes:
        name: of the data set, for titles.
        kind: of data set (`list_scenes`).
        root: its folder or file.
        count: of scenes, at most; None takes all.
        render_px: size of rendered scenes.
        protocol: crop and size.
        disparity: where it comes from.
        methods: by name, in the order of the tables.
        generation: of the methods that run Stable Diffusion.
    """

    name: str
    kind: str
    root: Path | None = None
    count: int | None = None
    render_px: int | None = None
    protocol: Protocol = Protocol()
    disparity: Source = "true"
    methods: tuple[str, ...] = ("copy-left", "gaps-black", "telea")
    generation: Generation = field(default_factory=Generation)

    def __post_init__(self) -> None:
        if self.disparity not in SOURCES:
            raise ValueError(f"disparity: got {self.disparity!r}, expected one of {SOURCES}")
        if self.count is not None and self.count < 1:
            raise ValueError(f"limit: got {self.count}, expected 1 or more")
        for method in self.methods:
            method_options(method)

    def fingerprint(self) -> dict[str, Any]:
        """Return what all results of one folder must share, JSON-able; not the methods.

        A count may grow from run to run, and where the data lies does not matter.
        """
        return {
            "name": self.name,
            "kind": self.kind,
            "root": None if self.root is None else Path(self.root).name,
            "render_px": self.render_px,
            **asdict(self.protocol),
            "disparity": self.disparity,
        }


def read_settings(path: Path, changes: Mapping[str, Any]) -> RunSettings:
    """Read a YAML file; `changes` (None leaves alone) are fields of RunSettings or Generation.

    Raises:
        ValueError: when the file says something unknown.
        OSError: when it cannot be read.
    """
    told = _read_yaml(path)
    _check_keys(path, told, SECTIONS)
    data = told.get("data") or {}
    _check_keys(path, data, DATA_KEYS, section="data")
    given = {key: value for key, value in changes.items() if value is not None}
    generation_keys = {entry.name for entry in fields(Generation)}
    generation = {**(told.get("generation") or {})}
    _check_keys(path, generation, tuple(generation_keys), section="generation")
    generation |= {key: given.pop(key) for key in list(given) if key in generation_keys}
    protocol = {**(told.get("protocol") or {})}
    _check_keys(path, protocol, ("size_px", "crop"), section="protocol")
    protocol |= {key: given.pop(key) for key in ("size_px", "crop") if key in given}
    values = {
        "name": told.get("name", path.stem),
        "kind": data.get("kind"),
        "root": data.get("root"),
        "count": data.get("count"),
        "render_px": data.get("render_px"),
        "disparity": told.get("disparity", "true"),
        "methods": tuple(told.get("methods") or RunSettings.methods),
        **given,
    }
    values["root"] = None if values["root"] is None else Path(values["root"])
    for key in ("ckpt", "depthmodel_path"):
        generation[key] = None if generation.get(key) is None else Path(generation[key])
    return RunSettings(**values, protocol=Protocol(**protocol), generation=Generation(**generation))


def choose_methods(
    told: tuple[str, ...],
    methods: list[str] | None,
    presets: list[str] | None,
    ablation: str | None,
) -> tuple[str, ...]:
    """Return the methods of a run without repetition.

    `methods` replace those of the file (`all` stands for every one), `presets` and the ablation
    of a preset come on top.
    """
    names = list(told) if methods is None else [*methods]
    if "all" in names:
        names = method_names()
    names += presets or []
    if ablation is not None:
        names += [ablation, *ablations(ablation)]
    return tuple(dict.fromkeys(names))


def _read_yaml(path: Path) -> dict[str, Any]:
    import yaml

    try:
        told = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"config: {path} is no YAML file") from error
    if not isinstance(told, dict):
        raise ValueError(f"config: {path} holds no settings")
    return told


def _check_keys(
    path: Path, told: Any, known: tuple[str, ...], *, section: str | None = None
) -> None:
    if not isinstance(told, dict):
        raise ValueError(f"config: {path}, {section}: got {told!r}, expected settings")
    unknown = sorted(str(key) for key in told if key not in known)
    if unknown:
        place = f"{path}, {section}" if section else str(path)
        raise ValueError(
            f"config: {place}: unknown '{unknown[0]}', expected one of {', '.join(sorted(known))}"
        )
