"""Try everything and print how much of it passed: `python -m tests.reliability [SECTION ...]`."""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.reliability import kills, numbers, page, results, tables
from tests.reliability.case import Case, fault
from tests.reliability.command import import_heavy_packages
from tests.reliability.files import write_all
from tests.reliability.visitor import Visitor

# A name and what was wrong, None for nothing.
Tried = Iterator[tuple[str, str | None]]


def try_cases(cases: Iterator[Case], folder: Path) -> Tried:
    """Run command lines."""
    for case in cases:
        yield case.line, fault(case, folder)


def try_kills() -> Tried:
    """Kill the long commands and start them again."""
    for command in kills.COMMANDS:
        whole = kills.undisturbed(command)
        for kill in kills.plan(command, whole):
            yield kill.name, kills.fault(kill, whole)


def try_page(folder: Path) -> Tried:
    """Send everything to the page, then work with it."""
    with tempfile.TemporaryDirectory() as place, page.served(Path(place)) as (served, log):
        visitor = Visitor(served.address)
        for tries in (page.guard_tries(), page.event_tries(visitor)):
            yield from ((each.name, page.fault(each, visitor, log)) for each in tries)
        for each in page.file_tries(visitor, folder):
            yield each.name, page.fault(each, visitor, log)
        yield "uploads without end", page.flood_fault(served, visitor, log)
        yield "a pair after all that", page.work_fault(visitor, folder)


def sections(folder: Path) -> dict[str, Callable[[], Tried]]:
    """Return what can be tried, by name."""
    found: dict[str, Callable[[], Tried]] = {
        name: lambda name=name: try_cases(iter(tables.section(name)), folder)
        for name in tables.SECTIONS
    }
    found["numbers"] = lambda: try_cases(numbers.number_cases(), folder)
    found["results"] = lambda: results.try_results(folder)
    found["full disk"] = lambda: results.try_full_disk(folder)
    return {**found, "page": lambda: try_page(folder), "kills": try_kills}


def main() -> int:
    """Print a line a section; returns 1 when something failed."""
    with tempfile.TemporaryDirectory(prefix="reliability-files-") as place:
        folder = Path(place, "files")
        write_all(folder)
        known = sections(folder)
        parser = argparse.ArgumentParser(description=__doc__)
        parser.add_argument("sections", nargs="*", metavar="SECTION", help=", ".join(known))
        chosen = parser.parse_args().sections or list(known)
        import_heavy_packages()
        failed = sum(_report(name, known[name]()) for name in chosen)
    return 1 if failed else 0


def _report(name: str, tried: Tried) -> int:
    started, count, failed = time.monotonic(), 0, 0
    for what, wrong in tried:
        count += 1
        if wrong:
            failed += 1
            sys.stderr.write(f"FAILED {what[:200]}\n       {wrong[:500]}\n")
            sys.stderr.flush()
    seconds = time.monotonic() - started
    sys.stdout.write(f"| {name} | {count} | {count - failed} | {seconds:.0f} s |\n")
    sys.stdout.flush()
    return failed


if __name__ == "__main__":
    sys.exit(main())
