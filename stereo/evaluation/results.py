"""What a run has so far: results of all scenes and methods, and their means."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from stereo.evaluation.failures import reason
from stereo.evaluation.files import RunFolder
from stereo.evaluation.infer import PREPARE
from stereo.evaluation.json_files import read_json
from stereo.evaluation.methods.registry import WITHOUT, method_names
from stereo.evaluation.score import NO_TRUTH, SCORE, read_score

SCORED, MISSING, FAILED = "scored", "missing", "failed"


@dataclass(frozen=True)
class Result:
    """One scene by one method; `status` says what happened to it."""

    scene: str
    group: str
    method: str
    status: str
    metrics: dict[str, float | None]
    notes: dict[str, Any]

    @property
    def has_failed(self) -> bool:
        """Return whether the scene failed."""
        return self.status.startswith(FAILED)


@dataclass(frozen=True)
class Mean:
    """Means of a method over a group's scenes; `measured` names those of each metric."""

    group: str
    method: str
    scenes: int
    metrics: dict[str, float]
    measured: dict[str, frozenset[tuple[str, str]]]

    @property
    def counts(self) -> dict[str, int]:
        """Return over how many scenes each metric is."""
        return {key: len(scenes) for key, scenes in self.measured.items()}

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        names = ("group", "method", "scenes", "metrics", "counts")
        return {name: getattr(self, name) for name in names}

    def difference(self, other: "Mean", key: str) -> float | None:
        """Return by how much a metric is above another's; None unless over the same scenes."""
        if key not in self.metrics or self.measured[key] != other.measured.get(key):
            return None
        return self.metrics[key] - other.metrics[key]


def read_results(folder: RunFolder, scenes: list[dict[str, str]]) -> list[Result]:
    """Return a result for every scene and method, in a fixed order.

    Raises:
        ValueError: when a file is damaged.
    """
    return [
        _result(folder, method, scene["name"], scene["group"])
        for method in in_order(folder.methods_on_disk())
        for scene in scenes
    ]


def in_order(methods: list[str]) -> list[str]:
    """Return methods in the order of tables: ours, their variants beside them, then others."""
    places = {name: place for place, name in enumerate(method_names())}
    return sorted(methods, key=lambda m: (places.get(m.partition(WITHOUT)[0], len(places)), m))


def _result(folder: RunFolder, method: str, scene: str, group: str) -> Result:
    sidecar = folder.scene(scene)
    notes = read_json(sidecar, {}) if sidecar.is_file() else {}
    reasons = (reason(folder, step, scene) for step in (PREPARE, method, f"{SCORE}-{method}"))
    failure = next(filter(None, reasons), None)
    if failure:
        return Result(scene, group, method, f"{FAILED}: {failure}", {}, notes)
    score = read_score(folder, method, scene)
    if score is None:
        return Result(scene, group, method, MISSING, {}, notes)
    status = NO_TRUTH if score["metrics"].get("psnr") is None else SCORED
    return Result(scene, group, method, status, score["metrics"], notes)


def means(results: list[Result]) -> list[Mean]:
    """Return the means of every group and method, and of what groups have in common.

    Groups whose names begin with one word are a family, as those of Middlebury.
    """
    groups = _distinct(result.group for result in results)
    families = _distinct(_family(group) for group in groups)
    members = {group: [group] for group in groups}
    for family in families if len(families) > 1 else []:
        relatives = [group for group in groups if _family(group) == family]
        if len(relatives) > 1:
            members[f"{family} (all)"] = relatives
    if len(groups) > 1:
        members["all"] = groups
    return [
        _mean(name, method, [r for r in results if r.method == method and r.group in chosen])
        for name, chosen in members.items()
        for method in _distinct(result.method for result in results)
    ]


def _distinct(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))


def _family(group: str) -> str:
    return group.partition(" ")[0]


def _mean(group: str, method: str, results: list[Result]) -> Mean:
    averages, measured = {}, {}
    for name in sorted({name for result in results for name in result.metrics}):
        values = {
            (result.group, result.scene): result.metrics[name]
            for result in results
            if result.metrics.get(name) is not None
        }
        if values:
            averages[name] = round(sum(values.values()) / len(values), 6)
            measured[name] = frozenset(values)
    scored = sum(result.status == SCORED for result in results)
    return Mean(group, method, scored, averages, measured)
