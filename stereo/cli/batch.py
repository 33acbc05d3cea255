"""Many pictures or prompts in one run: a seed for each, what is finished already, who does what.

A seed depends on `--seed` and on the picture's name or the prompt's text, on nothing else: alone,
in a folder, in any order and on any device the same picture gives the same pair.
"""

import hashlib
import json
import logging
import sys
from argparse import Namespace
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from ldm.files import file_digest
from stereo.cli.command import SOME_FAILED, one_line
from stereo.cli.shards import Team
from stereo.formats import DEFAULT_FORMATS, FORMATS
from stereo.noise import derived_seed
from stereo.options import SamplingOptions, StereoOptions, settings_of

FINGERPRINT_DIGITS = 16

log = logging.getLogger(__name__)
Name = TypeVar("Name", Path, str)
Item = TypeVar("Item")


def item_seed(seed: int, name: str) -> int:
    """Return the seed of a picture or prompt, in [0, 2**31): its samples count up from there."""
    return derived_seed(seed, name) >> 1


def fingerprint(settings: Mapping[str, Any]) -> str:
    """Return a short text that is equal for equal settings only."""
    text = json.dumps(settings, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:FINGERPRINT_DIGITS]


@dataclass(frozen=True)
class Work:
    """One call of a workflow: how to sample, and the mark that its results carry."""

    sampling: SamplingOptions
    mark: str


class Finished:
    """What a folder of results holds: complete pairs, by fingerprint and sample."""

    def __init__(self, folder: Path, formats: Sequence[str]) -> None:
        """Read the sidecars of a folder; one that does not exist holds nothing."""
        self._endings = [FORMATS[name].ending for name in formats]
        self._pairs: dict[tuple[str, int], Path] = {}
        for sidecar in sorted(folder.glob("*.json")):
            first = sidecar.with_name(f"{sidecar.stem}{self._endings[0]}")
            for key in self._keys(sidecar):
                self._pairs.setdefault(key, first)

    def find(self, mark: str, samples: int) -> list[Path]:
        """Return the first file of each sample's pair; none unless all of them are there."""
        keys = [(mark, sample) for sample in range(samples)]
        if not all(key in self._pairs for key in keys):
            return []
        return [self._pairs[key] for key in keys]

    def _keys(self, sidecar: Path) -> list[tuple[str, int]]:
        try:
            settings = json.loads(sidecar.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return []  # another program's file
        if not isinstance(settings, dict) or "fingerprint" not in settings:
            return []
        files = [sidecar.with_name(f"{sidecar.stem}{ending}") for ending in self._endings]
        if not all(path.is_file() for path in files):
            return []
        return [(settings["fingerprint"], settings.get("sample", 0))]


class Batch:
    """The pictures or prompts of a run, shared among its processes."""

    def __init__(
        self, args: Namespace, stereo: StereoOptions, *, files: Sequence[Path | None]
    ) -> None:
        """Start the other processes of `--devices`; look for what `--skip-existing` leaves out.

        This process gets its device in `args`. Other bad input should have been found before, so
        that it is said once.

        Args:
            args: of the command line.
            stereo: options of the run.
            files: those that every pair depends on, checkpoints and their configs.

        Raises:
            ValueError: when there are not so many devices, or with a grid of all pairs.
        """
        from ldm.checkpoint import checkpoint_digest

        self._args, self._stereo, self._team = args, stereo, _start_team(args)
        self._common = {
            "files": [None if path is None else checkpoint_digest(path) for path in files],
            "precision": args.precision,
            "parameterization": args.parameterization,
            "depth": args.depth,
            "negative_prompt": getattr(args, "negative_prompt", ""),
            "inner_steps": getattr(args, "inner_steps", None),
        }
        formats = args.format or DEFAULT_FORMATS
        self._finished = Finished(args.outdir, formats) if args.skip_existing else None
        self._begun: set[str | Path] = set()

    def todo(
        self, name: str, rounds: Sequence[SamplingOptions], told: Mapping[str, Any]
    ) -> Iterator[Work]:
        """Yield the rounds of a picture or prompt that are not finished, with seeds of its own.

        As published, the preset `original` uses the same seed for all.

        Args:
            name: the picture's name or the prompt's text.
            rounds: sampling options of all rounds, their seeds counting up from `--seed`.
            told: what else decides about the result; paths stand for the files' content.
        """
        own = self._args.seed
        if not self._stereo.published_bookkeeping:
            own = item_seed(self._args.seed, name)
        contents = {
            key: file_digest(value) if isinstance(value, Path) else value
            for key, value in told.items()
        }
        for plain in rounds:
            sampling = replace(plain, seed=own + plain.seed - self._args.seed)
            settings = {**self._common, **contents, **settings_of(self._stereo, sampling)}
            mark = fingerprint(settings)
            found = self._finished.find(mark, sampling.samples) if self._finished else []
            if found:
                sys.stdout.write("".join(f"{path}\n" for path in found))
                continue
            self._begun.add(told.get("picture", name))  # names repeat among folders
            yield Work(sampling, mark)

    def each(
        self,
        names: Sequence[Name],
        read: Callable[[Name], Item],
        work: Callable[[list[Item]], None],
        *,
        at_once: int = 1,
    ) -> int:
        """Read and work on this process's share, `at_once` together; returns the exit code.

        A single item fails as a whole. Of several, the bad ones are reported in one line each and
        skipped, and the code is 1; only errors of the item itself are, not a full disk. Where
        something is wrong with one of those worked on together, each is worked on alone.
        """
        tally: Counter[str] = Counter()
        share = self._team.shard.of(list(names))
        groups = deque(share[k : k + at_once] for k in range(0, len(share), at_once))
        while groups:
            group = groups.popleft()
            self._begun.clear()
            try:
                work([_read(read, name) for name in group])
            except ValueError as error:
                if len(group) > 1:
                    groups.extendleft([name] for name in reversed(group))
                    continue
                if len(names) == 1:
                    raise
                tally["failed"] += 1
                shown = group[0].name if isinstance(group[0], Path) else repr(group[0])
                log.error("skipped %s: %s", shown, one_line(error))
            else:
                tally["made"] += len(self._begun)
                tally["there already"] += len(group) - len(self._begun)
        totals = {
            kind: self._team.total(tally[kind]) for kind in ("made", "there already", "failed")
        }
        if not self._team.leads:
            # The first process speaks for all; another one's failure would end it.
            return 0
        if len(names) > 1:
            kinds = [f"{count} {kind}" for kind, count in totals.items() if count]
            log.info("%d inputs: %s", len(names), ", ".join(kinds))
        return SOME_FAILED if totals["failed"] else 0


def _start_team(args: Namespace) -> Team:
    if args.devices > 1 and args.n_rows:
        raise ValueError("n_rows: a grid of all pairs needs one process, not --devices")
    team = Team(devices=args.devices, device=args.device)
    args.device = team.device
    return team


def _read(read: Callable[[Name], Item], name: Name) -> Item:
    """Read, turning an unreadable file into a ValueError, so that OSErrors are the writing's."""
    try:
        return read(name)
    except OSError as error:
        raise ValueError(one_line(error)) from error
