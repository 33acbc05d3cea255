"""What a run has so far: rows of all scenes and methods, and their means."""

from dataclasses import dataclass
from typing import Any

from stereo.evaluation.failures import reason
from stereo.evaluation.files import RUN, RunFolder, read_json
from stereo.evaluation.infer import PREPARE
from stereo.evaluation.methods import method_names
from stereo.evaluation.score import NO_TRUTH, SCORE

SCORED, MISSING = "scored", "missing"


@dataclass(frozen=True)
class Row:
    """One scene by one method; `status` says what happened to it."""

    scene: str
    group: str
    method: str
    status: str
    metrics: dict[str, float | None]
    notes: dict[str, Any]


def read_run(folder: RunFolder) -> dict[str, Any]:
    """Return `run.json`.

    Raises:
        ValueError: when the folder holds no run.
    """
    if not (folder.root / RUN).is_file():
        raise ValueError(f"out: {folder.root} holds no {RUN}; run 'evaluate.py infer' first")
    return read_json(folder.root / RUN)


def read_rows(folder: RunFolder, scenes: list[dict[str, str]]) -> list[Row]:
    """Return a row for every scene and method, in a fixed order."""
    return [
        _row(folder, method, scene["name"], scene["group"])
        for method in in_order(folder.methods_on_disk())
        for scene in scenes
    ]


def in_order(methods: list[str]) -> list[str]:
    """Return methods in the order of tables: known ones, their variants beside them, others."""
    known = method_names()

    def place(name: str) -> tuple[int, str]:
        base = name.partition("-without-")[0]
        base = name if name in known else base
        return (known.index(base) if base in known else len(known), name)

    return sorted(methods, key=place)


def _row(folder: RunFolder, method: str, scene: str, group: str) -> Row:
    prepared, scored = folder.scene(scene) / "scene.json", folder.score(method, scene)
    notes = read_json(prepared) if prepared.is_file() else {}
    failed = (
        reason(folder, PREPARE, scene)
        or reason(folder, method, scene)
        or reason(folder, f"{SCORE}-{method}", scene)
    )
    if failed:
        return Row(scene, group, method, f"failed: {failed}", {}, notes)
    if not scored.is_file():
        return Row(scene, group, method, MISSING, {}, notes)
    metrics = read_json(scored)["metrics"]
    status = SCORED if metrics.get("psnr") is not None else NO_TRUTH
    return Row(scene, group, method, status, metrics, notes)


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
        """Over how many scenes each metric is."""
        return {key: len(scenes) for key, scenes in self.measured.items()}

    def told(self) -> dict[str, Any]:
        """Return it JSON-able."""
        return {
            "group": self.group,
            "method": self.method,
            "scenes": self.scenes,
            "metrics": self.metrics,
            "counts": self.counts,
        }

    def has_scenes_of(self, other: "Mean", key: str) -> bool:
        """Return whether both means of a metric are over the very same scenes, some at least."""
        return key in self.metrics and self.measured[key] == other.measured.get(key)


def means(rows: list[Row]) -> list[Mean]:
    """Return the means of every group and method, and of what groups have in common.

    Groups whose names begin with one word are a family, as those of Middlebury.
    """
    groups = list(dict.fromkeys(row.group for row in rows))
    wanted = {group: [group] for group in groups}
    families = list(dict.fromkeys(_family(group) for group in groups))
    for family in families if len(families) > 1 else []:
        members = [group for group in groups if _family(group) == family]
        if len(members) > 1:
            wanted[f"{family} (all)"] = members
    if len(groups) > 1:
        wanted["all"] = groups
    methods = list(dict.fromkeys(row.method for row in rows))
    return [
        _mean(name, method, [row for row in rows if row.method == method and row.group in members])
        for name, members in wanted.items()
        for method in methods
    ]


def _family(group: str) -> str:
    return group.partition(" ")[0]


def _mean(group: str, method: str, rows: list[Row]) -> Mean:
    names = sorted({name for row in rows for name in row.metrics})
    having = {name: [row for row in rows if row.metrics.get(name) is not None] for name in names}
    having = {name: found for name, found in having.items() if found}
    averages = {
        name: round(sum(row.metrics[name] for row in found) / len(found), 6)
        for name, found in having.items()
    }
    measured = {
        name: frozenset((row.group, row.scene) for row in found) for name, found in having.items()
    }
    return Mean(group, method, sum(row.status == SCORED for row in rows), averages, measured)
