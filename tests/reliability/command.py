"""Commands as a user starts them, hundreds of them in minutes.

Each runs in a process of its own, forked from one that has imported the heavy packages already;
the script itself runs as `__main__`, with its own arguments, streams and working folder.
"""

import os
import resource
import runpy
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Far more than any small case needs: what runs away ends here, not with the machine.
MEMORY_BYTES = 12 * 2**30
STREAMS = ("stdout", "stderr")


@dataclass(frozen=True)
class Outcome:
    """How a command ended; `code` is None where it had to be stopped."""

    code: int | None
    out: str
    err: str
    seconds: float

    @property
    def last(self) -> str:
        """Return the last line on stderr."""
        return (self.err.splitlines() or [""])[-1]


def import_heavy_packages() -> None:
    """Import once what every child would have to."""
    import lightning_fabric  # noqa: F401
    import torch._dynamo  # noqa: F401

    import stereo.cli.session
    import stereo.evaluation.run
    import stereo.pipelines  # noqa: F401

    os.environ["OMP_NUM_THREADS"] = "1"


def run_command(
    words: Sequence[str],
    folder: Path,
    *,
    limit_s: float = 120,
    interrupt: tuple[float, int] | None = None,
    trace: Sequence[str] | None = None,
) -> Outcome:
    """Run `script.py` or `a.module` with arguments in a folder; its stdin is empty.

    It gets the signal of `interrupt` after so many seconds, and runs under strace with the
    options of `trace`.
    """
    with tempfile.TemporaryDirectory(prefix="streams-") as streams:
        paths = [Path(streams, name) for name in STREAMS]
        started = time.monotonic()
        child = os.fork()
        if not child:
            _be_the_command(list(words), folder, paths, waits=trace is not None)
        tracer = _attach(child, trace) if trace is not None else None
        code = _wait(child, started, limit_s, interrupt)
        if tracer is not None:
            tracer.wait()
        seconds = time.monotonic() - started
        out, err = (path.read_text(encoding="utf-8", errors="replace") for path in paths)
    return Outcome(code, out, err, seconds)


def _be_the_command(words: list[str], folder: Path, streams: list[Path], *, waits: bool) -> None:
    code = 1
    try:
        if waits:
            os.kill(os.getpid(), signal.SIGSTOP)
        os.setsid()
        os.chdir(folder)
        for number, path in ((0, os.devnull), *enumerate(streams, start=1)):
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
            os.dup2(descriptor, number)
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
        for name in STREAMS:
            setattr(sys, name, open(STREAMS.index(name) + 1, "w", encoding="utf-8", closefd=False))
        sys.stderr.reconfigure(line_buffering=True, errors="backslashreplace")
        sys.argv = words
        if words[0].endswith(".py"):
            runpy.run_path(str(ROOT / words[0]), run_name="__main__")
        else:
            runpy.run_module(words[0], run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _attach(child: int, options: Sequence[str]) -> subprocess.Popen:
    """Attach strace to a child that waits for it, and let both go on."""
    os.waitpid(child, os.WUNTRACED)
    command = ["strace", "-f", *options, "-p", str(child)]
    tracer = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    status = Path(f"/proc/{child}/status")
    while "TracerPid:\t0\n" in status.read_text() and tracer.poll() is None:
        time.sleep(0.01)
    os.kill(child, signal.SIGCONT)
    return tracer


def _wait(
    child: int, started: float, limit_s: float, interrupt: tuple[float, int] | None
) -> int | None:
    while (seconds := time.monotonic() - started) < limit_s:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if interrupt and seconds >= interrupt[0]:
            os.kill(child, interrupt[1])
            interrupt = None
        time.sleep(0.01)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None
