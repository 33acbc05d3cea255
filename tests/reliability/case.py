"""A case: a command, the code and the words that it has to end with."""

import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ldm.files import PARTIAL
from tests.reliability.command import Outcome, run_command

DONE, SOME, BAD = 0, 1, 2
OUT_OPTIONS = {
    "img2stereo.py": "--outdir",
    "txt2stereoimg.py": "--outdir",
    "depth2stereoimg.py": "--outdir",
    "evaluate.py": "--out",
    "train.py": "--out",
    "benchmark.py": "--out",
}
# The smallest useful work, where a case says nothing else.
SMALL = {
    name: "--ddim_steps 2 --preset best --device cpu"
    for name in ("img2stereo.py", "txt2stereoimg.py", "depth2stereoimg.py")
}


@dataclass(frozen=True)
class Case:
    """One command line.

    Attributes:
        line: script and arguments; `OUT` in it is the folder for results, appended where missing.
        codes: that are right.
        words: all of them stand in what is said: in the last line of stderr for a refusal.
    """

    line: str
    codes: tuple[int, ...] = (BAD,)
    words: tuple[str, ...] = ()
    limit_s: float = 60

    def arguments(self, out: Path) -> list[str]:
        """Return the words of the command."""
        words = shlex.split(self.line)
        option = OUT_OPTIONS.get(words[0])
        if option and option not in words:
            words += [option, "OUT/figures.json" if words[0] == "benchmark.py" else "OUT"]
        words[1:1] = SMALL.get(words[0], "").split()  # first, so that the line's own count
        return [word.replace("OUT", str(out)) for word in words]


def cases(text: str, codes: tuple[int, ...] = (BAD,)) -> list[Case]:
    """Read a table: a line a case, `command -> word; word`, or `command -> CODE: word`."""
    found = []
    for line in filter(None, map(str.strip, text.strip().splitlines())):
        command, _, said = line.partition(" -> ")
        code, colon, rest = said.partition(":")
        right = tuple(map(int, code)) if colon and code.isdecimal() else codes
        said = rest if colon and code.isdecimal() else said
        words = tuple(word.strip() for word in said.split(";") if word.strip())
        found.append(Case(command.strip(), right, words))
    return found


def fault(case: Case, folder: Path) -> str | None:
    """Run a case in a folder; returns what is wrong with how it ended."""
    place = Path(tempfile.mkdtemp(prefix="reliability-"))
    try:
        done = run_command(case.arguments(place / "out"), folder, limit_s=case.limit_s)
        return _judge(case, done, place / "out")
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _judge(case: Case, done: Outcome, out: Path) -> str | None:
    told = done.last if done.code == BAD else done.err
    missing = [word for word in case.words if word not in told]
    errors = sum("error:" in line for line in done.err.splitlines())
    left = [path for path in out.rglob("*") if PARTIAL in path.name] if out.is_dir() else []
    if done.code not in case.codes:
        return f"ended with {done.code} after {done.seconds:.0f} s: {done.last}"
    if "Traceback" in done.err:
        return f"a traceback: {done.last}"
    if done.code == BAD and errors != 1:
        return f"{errors} lines of errors: {done.last}"
    if missing:
        return f"does not say {missing}: {told.strip()[-300:]}"
    return f"left behind: {left[0].name}" if left else None


def try_all(named: Iterable[Case], folder: Path) -> Iterator[tuple[Case, str | None]]:
    """Run cases one after the other, and tell each failure on stderr."""
    for case in named:
        wrong = fault(case, folder)
        if wrong:
            sys.stderr.write(f"FAILED {case.line}\n       {wrong}\n")
        yield case, wrong
