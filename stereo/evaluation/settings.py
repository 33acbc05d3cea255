"""A run's settings: a data set's YAML file with the command line on top."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

from ldm.util import read_yaml
from stereo.evaluation.datasets.listing import DataSettings
from stereo.evaluation.methods.models import GenerationSettings
from stereo.evaluation.methods.registry import ablations, method_names, method_options
from stereo.evaluation.protocol import Protocol
from stereo.evaluation.sources import MONOCULAR, SOURCES

Schema = TypeVar("Schema")


@dataclass(frozen=True)
class EvaluationSettings:
    """What is evaluated and how.

    Attributes:
        name: of the data set, for titles; empty takes the file's.
        data: which scenes.
        protocol: crop and size.
        disparity: where it comes from, a name of `stereo.evaluation.sources.SOURCES`.
        methods: by name, in the order of the tables.
        generation: of the methods that run Stable Diffusion.
    """

    name: str = ""
    data: DataSettings = field(default_factory=DataSettings)
    protocol: Protocol = field(default_factory=Protocol)
    disparity: str = "true"
    methods: list[str] = field(default_factory=lambda: ["copy-left", "gaps-black", "telea"])
    generation: GenerationSettings = field(default_factory=GenerationSettings)

    def __post_init__(self) -> None:
        if self.disparity not in SOURCES:
            expected = ", ".join(SOURCES)
            raise ValueError(f"disparity: got {self.disparity!r}, expected one of {expected}")
        for method in self.methods:
            method_options(method)

    def fingerprint(self) -> dict[str, Any]:
        """Return what all results of one folder must share, as JSON values; not the methods.

        The number of scenes may grow from run to run, and where the data lies does not matter.
        """
        return {
            "name": self.name,
            "kind": self.data.kind,
            "roots": [root.name for root in self.data.root],
            "render_px": self.data.render_px,
            **asdict(self.protocol),
            "disparity": self.disparity,
            **(self.generation.depth_record() if self.disparity in MONOCULAR else {}),
        }


def read_evaluation_settings(
    path: Path, changes: Mapping[str, Any] | None = None
) -> EvaluationSettings:
    """Read a YAML file; `changes`, of the same structure, come on top where they are not None.

    Raises:
        ValueError: when the file says something unknown or of the wrong kind.
        OSError: when it cannot be read.
    """
    content = {"name": path.stem, **read_yaml(path)}
    data = content.get("data")
    if isinstance(data, dict) and isinstance(data.get("root"), str):
        content["data"] = {**data, "root": [data["root"]]}
    return build_dataclass(EvaluationSettings, content, changes or {}, place=f"config: {path}")


def build_dataclass(schema: type[Schema], *layers: Mapping[str, Any], place: str) -> Schema:
    """Build a dataclass, which may hold others, from mappings, the later ones on top.

    Every key and every kind of value is checked. None leaves the default of a section.

    Args:
        schema: the dataclass.
        layers: of its fields' names and values.
        place: begins the messages.

    Raises:
        ValueError: when a key is unknown, or a value of the wrong kind or refused by the class.
    """
    from omegaconf import OmegaConf
    from omegaconf.errors import ConfigKeyError, OmegaConfBaseException

    sections = [entry.name for entry in fields(schema) if is_dataclass(entry.type)]
    for layer in layers:
        for name in sections:
            if not isinstance(layer.get(name) or {}, Mapping):
                raise ValueError(f"{place}, {name}: got {layer[name]!r}, expected settings")
    trimmed = [{k: v for k, v in layer.items() if v is not None} for layer in layers]
    config = OmegaConf.structured(schema)
    for node in (config, *(config[name] for name in sections)):
        OmegaConf.set_readonly(node, False)  # as frozen classes are in OmegaConf 2.3
    try:
        return OmegaConf.to_object(OmegaConf.merge(config, *trimmed))
    except ConfigKeyError as error:
        section = error.full_key.rpartition(".")[0]
        expected = ", ".join(sorted(error.parent_node))
        raise ValueError(
            f"{', '.join(filter(None, (place, section)))}: unknown '{error.key}', expected one of "
            f"{expected}"
        ) from error
    except (OmegaConfBaseException, TypeError) as error:
        key = getattr(error, "full_key", None)
        reason = str(error).splitlines()[0]
        raise ValueError(f"{', '.join(filter(None, (place, key)))}: {reason}") from error


def choose_methods(
    configured: Sequence[str],
    chosen: Sequence[str] | None,
    presets: Sequence[str] | None,
    ablated: Sequence[str] | None,
) -> list[str]:
    """Return the methods of a run without repetition.

    `chosen` replace the configured ones (`all` stands for every one), `presets` and the ablations
    of presets come on top.
    """
    names = list(configured if chosen is None else chosen)
    if "all" in names:
        names = method_names()
    names += presets or []
    for name in ablated or []:
        names += [name, *ablations(name)]
    return list(dict.fromkeys(names))
