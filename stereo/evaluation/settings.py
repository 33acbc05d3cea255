"""A run's settings: a data set's YAML file with the command line on top."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ldm.schema import build
from ldm.util import read_yaml
from stereo.evaluation.datasets.listing import DataSettings
from stereo.evaluation.datasets.photos import PHOTOS
from stereo.evaluation.methods.models import GenerationSettings
from stereo.evaluation.methods.registry import ablations, method_names, method_options
from stereo.evaluation.protocol import Protocol
from stereo.evaluation.sources import MONOCULAR, SOURCES


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
        if not self.methods:
            raise ValueError(f"methods: got none, expected some of {', '.join(method_names())}")
        for method in self.methods:
            method_options(method)

    def fingerprint(self) -> dict[str, Any]:
        """Return what all results of one folder must share, as JSON values; not the methods.

        The number of scenes may grow from run to run, and where the data lies does not matter.
        """
        is_monocular = self.disparity in MONOCULAR or self.data.kind == PHOTOS
        return {
            "name": self.name,
            "kind": self.data.kind,
            "roots": [root.name for root in self.data.root],
            "render_px": self.data.render_px,
            **asdict(self.protocol),
            "disparity": self.disparity,
            **(self.generation.depth_record() if is_monocular else {}),
        }


def read_evaluation_settings(
    path: Path, changes: Mapping[str, Any] | None = None
) -> EvaluationSettings:
    """Read a YAML file; `changes`, values and sections of values, come on top.

    Raises:
        ValueError: when the file says something unknown or of the wrong kind.
        OSError: when it cannot be read.
    """
    content = {"name": path.stem, **read_yaml(path)}
    data = content.get("data")
    if isinstance(data, dict) and isinstance(data.get("root"), str):
        content["data"] = {**data, "root": [data["root"]]}
    for key, change in (changes or {}).items():
        section = content.get(key) or {}
        if not isinstance(change, Mapping):
            content[key] = change
        elif isinstance(section, dict):
            content[key] = {**section, **change}
    if content.get("methods") is None:
        content.pop("methods", None)
    return build(EvaluationSettings, content, place=f"config: {path}")


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
