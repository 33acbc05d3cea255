"""A run's settings: a data set's YAML file with the command line on top."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from stereo.evaluation.methods import Generation, ablations, method_names, method_options
from stereo.evaluation.protocol import Protocol
from stereo.evaluation.sources import MONOCULAR, SOURCES, Source

SECTIONS = ("name", "data", "protocol", "disparity", "methods", "generation")
DATA_KEYS = ("kind", "root", "count", "render_px", "only", "groups")


@dataclass(frozen=True)
class RunSettings:
    """What is evaluated and how.

    Attributes:
        name: of the data set, for titles.
        kind: of data set (`list_scenes`).
        roots: its folders or files; none for rendered scenes.
        count: of scenes, at most; None takes all.
        render_px: size of rendered scenes.
        only: keeps scenes with one of these words in their names; empty keeps all.
        groups: over which means are taken, by parts of the scenes' names (`list_roots`).
        protocol: crop and size.
        disparity: where it comes from.
        methods: by name, in the order of the tables.
        generation: of the methods that run Stable Diffusion.
    """

    name: str
    kind: str
    roots: tuple[Path, ...] = ()
    count: int | None = None
    render_px: int | None = None
    only: tuple[str, ...] = ()
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
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
            "roots": [root.name for root in self.roots],
            "render_px": self.render_px,
            **asdict(self.protocol),
            "disparity": self.disparity,
            **(self.generation.depth_settings() if self.disparity in MONOCULAR else {}),
        }


def read_settings(path: Path, changes: Mapping[str, Any]) -> RunSettings:
    """Read a YAML file; `changes` (None leaves alone) are fields of RunSettings or its parts.

    Raises:
        ValueError: when the file says something unknown.
        OSError: when it cannot be read.
    """
    told = _read_yaml(path)
    _check_keys(path, told, SECTIONS)
    given = {key: value for key, value in changes.items() if value is not None}
    generation = _section(path, told, "generation", [entry.name for entry in fields(Generation)])
    protocol = _section(path, told, "protocol", [entry.name for entry in fields(Protocol)])
    for section in (generation, protocol):
        section |= {key: given.pop(key) for key in list(given) if key in section}
    for key in ("ckpt", "depthmodel_path"):
        generation[key] = None if generation[key] is None else Path(generation[key])
    values = {**_whole(path, told), **given}
    try:
        return RunSettings(
            **values, protocol=Protocol(**protocol), generation=Generation(**generation)
        )
    except TypeError as error:
        raise ValueError(f"config: {path} has a value of the wrong kind ({error})") from error


def _whole(path: Path, told: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of the file that belong to no part."""
    data = told.get("data") or {}
    _check_keys(path, data, DATA_KEYS, section="data")
    groups = data.get("groups") or {}
    _check_keys(path, groups, None, section="groups")
    return {
        "name": str(told.get("name", path.stem)),
        "kind": data.get("kind"),
        "roots": tuple(Path(root) for root in _several(data.get("root"))),
        "count": data.get("count"),
        "render_px": data.get("render_px"),
        "only": tuple(_several(data.get("only"))),
        "groups": {str(name): tuple(_several(parts)) for name, parts in groups.items()},
        "disparity": told.get("disparity", "true"),
        "methods": tuple(_several(told.get("methods"))) or RunSettings.methods,
    }


def _section(path: Path, told: dict[str, Any], name: str, keys: Sequence[str]) -> dict[str, Any]:
    """Return a part of the file with the defaults of what it does not say."""
    section = told.get(name) or {}
    _check_keys(path, section, keys, section=name)
    parts: dict[str, type] = {"generation": Generation, "protocol": Protocol}
    return {**asdict(parts[name]()), **section}


def _several(told: Any) -> list[str]:
    """Return one value or a list of them as a list of strings; nothing as an empty one."""
    if told is None:
        return []
    return [str(value) for value in (told if isinstance(told, list) else [told])]


def choose_methods(
    told: tuple[str, ...],
    methods: list[str] | None,
    presets: list[str] | None,
    ablated: list[str] | None,
) -> tuple[str, ...]:
    """Return the methods of a run without repetition.

    `methods` replace those of the file (`all` stands for every one), `presets` and the ablations
    of presets come on top.
    """
    names = list(told) if methods is None else [*methods]
    if "all" in names:
        names = method_names()
    names += presets or []
    for name in ablated or []:
        names += [name, *ablations(name)]
    return tuple(dict.fromkeys(names))


def _read_yaml(path: Path) -> dict[str, Any]:
    import yaml

    if not path.is_file():
        raise FileNotFoundError(f"config: {path} is not there, expected a YAML file")
    try:
        told = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"config: {path} is no YAML file") from error
    if not isinstance(told, dict):
        raise ValueError(f"config: {path} holds no settings")
    return told


def _check_keys(
    path: Path, told: Any, known: Sequence[str] | None, *, section: str | None = None
) -> None:
    if not isinstance(told, dict):
        raise ValueError(f"config: {path}, {section}: got {told!r}, expected settings")
    if known is None:
        return
    unknown = sorted(str(key) for key in told if key not in known)
    if unknown:
        place = f"{path}, {section}" if section else str(path)
        raise ValueError(
            f"config: {place}: unknown '{unknown[0]}', expected one of {', '.join(sorted(known))}"
        )
