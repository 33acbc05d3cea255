"""Many inputs in one run: who does what, what fails alone, and the summary at the end."""

import logging
from collections import Counter, deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from stereo.cli.command import SOME_FAILED, one_line
from stereo.cli.shards import Team

log = logging.getLogger(__name__)
Name = TypeVar("Name", Path, str)
Item = TypeVar("Item")


def work_on_each(
    names: Sequence[Name],
    read: Callable[[Name], Item],
    work: Callable[[list[Item]], int],
    *,
    team: Team,
    at_once: int = 1,
) -> int:
    """Read and work on this process's share, `at_once` together; returns the exit code.

    A single item fails as a whole. Of several, the bad ones are reported in one line each and
    skipped, and the code is 1; only errors of the item itself are, not a full disk. Where
    something is wrong with one of those worked on together, each is worked on alone.

    Args:
        names: of the items of all processes.
        read: makes an item of its name.
        work: makes the results of some items; returns for how many there was something to do.
        team: the processes.
        at_once: items worked on together.
    """
    tally: Counter[str] = Counter()
    share = team.shard.of(list(names))
    groups = deque(share[k : k + at_once] for k in range(0, len(share), at_once))
    while groups:
        group = groups.popleft()
        try:
            made = work([_read(read, name) for name in group])
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
            tally["made"] += made
            tally["there already"] += len(group) - made
    totals = {kind: team.total(tally[kind]) for kind in ("made", "there already", "failed")}
    if not team.leads:
        # The first process speaks for all; another one's failure would end it.
        return 0
    if len(names) > 1:
        kinds = [f"{count} {kind}" for kind, count in totals.items() if count]
        log.info("%d inputs: %s", len(names), ", ".join(kinds))
    return SOME_FAILED if totals["failed"] else 0


def _read(read: Callable[[Name], Item], name: Name) -> Item:
    """Read, turning an unreadable file into a ValueError, so that OSErrors are the writing's."""
    try:
        return read(name)
    except OSError as error:
        raise ValueError(one_line(error)) from error
