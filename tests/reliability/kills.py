"""Long commands, killed at chosen and random moments and started again: the same files at the end.

Where strace is there, a SIGKILL comes inside the n-th rename, which is when half of a set of
files can stand; without it, and for the other signals, after random times.
"""

import random
import re
import shutil
import signal
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ldm.files import PARTIAL
from tests.reliability.command import Outcome, run_command
from tests.reliability.files import EVALUATION, TRAINING

INTERRUPTED = 130
RENAMES = "rename,renameat,renameat2"
COMMANDS = {
    "img2stereo": "img2stereo.py --img_path pics --preset best --ddim_steps 2 --skip-existing "
    "--device cpu --format sbs --format mpo --format disparity --outdir out",
    "txt2stereoimg": "txt2stereoimg.py --from-file prompts.txt --preset paper --ddim_steps 2 "
    "--n_iter 2 --skip-existing --device cpu --outdir out",
    "evaluate": "evaluate.py --config eval.yaml --out out --device cpu",
    "train": "train.py --config text.yaml --out out",
}
# Of each command: kills inside renames, SIGKILL, SIGTERM and SIGINT at random times.
KILLS = {
    "img2stereo": (9, 2, 1, 1),
    "txt2stereoimg": (4, 1, 1, 1),
    "evaluate": (8, 2, 1, 1),
    "train": (5, 2, 1, 1),
}
# What tells how long something took, which is never the same.
WITH_TIMES = {"checkpoint.ckpt", "timings.csv"}
SECONDS = re.compile(rb'"seconds": [0-9.e-]+')


@dataclass(frozen=True)
class Kill:
    """A signal, sent inside the n-th rename or after some seconds."""

    command: str
    number: int
    rename: int = 0
    seconds: float = 0.0

    @property
    def name(self) -> str:
        """Return what is done, in words."""
        when = f"in rename {self.rename}" if self.rename else f"after {self.seconds:.2f} s"
        return f"{self.command}: {signal.Signals(self.number).name} {when}"


def has_strace() -> bool:
    """Tell whether renames can be caught."""
    return shutil.which("strace") is not None


def start(command: str, folder: Path, kill: Kill | None = None) -> Outcome:
    """Run a command in its folder, and end it as `kill` says."""
    words = COMMANDS[command].split()
    if command == "train" and (folder / "out" / "checkpoint.ckpt").exists():
        words.append("--resume")
    if kill is None:
        return run_command(words, folder, limit_s=600)
    if not kill.rename:
        return run_command(words, folder, limit_s=600, interrupt=(kill.seconds, kill.number))
    inject = f"inject={RENAMES}:signal={signal.Signals(kill.number).name}:when={kill.rename}"
    return run_command(words, folder, limit_s=600, trace=["-o", "/dev/null", "-e", inject])


def prepare(folder: Path) -> Path:
    """Write the inputs of all commands into a folder."""
    from tests.reliability.files import Image, scene

    (folder / "pics").mkdir(parents=True)
    for k, name in enumerate(("a.png", "b.jpg", "c.png")):
        Image.fromarray(scene(64 + 8 * k, 96)).save(folder / "pics" / name)
    (folder / "prompts.txt").write_text("a red sphere\na blue box\n")
    evaluation = EVALUATION.replace("count: 1", "count: 2").replace("telea", "telea, best")
    (folder / "eval.yaml").write_text(evaluation)
    (folder / "text.yaml").write_text(TRAINING.replace("OUT", "out"))
    return folder


def tree(folder: Path) -> dict[str, bytes]:
    """Return the content of every file of a run's results."""
    paths = (path for path in sorted((folder / "out").rglob("*")) if path.name not in WITH_TIMES)
    found = {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else b"" for p in paths}
    return {name: SECONDS.sub(b"", content) for name, content in found.items()}


@dataclass(frozen=True)
class Whole:
    """A run that nobody disturbed: its files, its seconds and its number of renames."""

    files: Mapping[str, bytes]
    seconds: float
    renames: int


def undisturbed(command: str) -> Whole:
    """Run a command as it is."""
    with tempfile.TemporaryDirectory(prefix="kills-") as place:
        folder = prepare(Path(place))
        log = folder / "renames.txt"
        trace = ["-e", f"trace={RENAMES}", "-o", str(log)] if has_strace() else None
        done = run_command(COMMANDS[command].split(), folder, limit_s=600, trace=trace)
        assert done.code == 0, done.err
        renames = log.read_text().count("rename") if trace else 0
        return Whole(tree(folder), done.seconds, renames)


def plan(command: str, whole: Whole, *, share: float = 1.0) -> Iterator[Kill]:
    """Yield the kills of a command: renames spread over the run, times drawn from it."""
    draw = random.Random(command)
    in_renames, *others = (round(share * count) for count in KILLS[command])
    if not whole.renames:
        in_renames, others[0] = 0, others[0] + in_renames
    for k in range(in_renames):
        yield Kill(
            command, signal.SIGKILL, rename=1 + k * (whole.renames - 1) // max(1, in_renames - 1)
        )
    for number, count in zip((signal.SIGKILL, signal.SIGTERM, signal.SIGINT), others, strict=True):
        for _ in range(count):
            yield Kill(command, number, seconds=draw.uniform(0.1, 0.9) * whole.seconds)


def fault(kill: Kill, whole: Whole) -> str | None:
    """Kill a run, start it again, and return what differs from an undisturbed one."""
    with tempfile.TemporaryDirectory(prefix="kills-") as place:
        folder = prepare(Path(place))
        killed = start(kill.command, folder, kill)
        right = {0, INTERRUPTED} if kill.number != signal.SIGKILL else {0, -signal.SIGKILL}
        if killed.code not in right or "Traceback" in killed.err:
            return f"the killed run ended with {killed.code}: {killed.last}"
        again = start(kill.command, folder)
        if again.code != 0:
            return f"the run after it ended with {again.code}: {again.last}"
        files = tree(folder)
        left = [name for name in files if PARTIAL in name]
        differing = sorted(
            name for name in files.keys() | whole.files if files.get(name) != whole.files.get(name)
        )
        if left or differing:
            return f"left {left}, differing: {differing}"
    return None
