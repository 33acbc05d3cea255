"""What every command does alike: a parser with one-line errors, exit codes, logging."""

import argparse
import logging
import os
import sys
from collections.abc import Callable, Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import NoReturn

from stereo.cli.interrupt import INTERRUPTED, at_work
from stereo.cli.types import given_path

BAD_INPUT, SOME_FAILED = 2, 1
CONSOLE = "stereodiffusion"
LOGGERS = ("stereo", "ldm", "dpt", "shapes")
STILL_TOO_LARGE = (
    "out of memory: try --offload on a small GPU, --precision fp16 there or bf16 on a CPU, "
    "fewer --n_samples, a smaller --H and --W"
)


class OneLineParser(argparse.ArgumentParser):
    """A parser whose errors are one line naming the argument, without the usage text."""

    def __init__(self, description: str | None, main_options: Sequence[str] = ()) -> None:
        """Make a parser; with `main_options`, `--help` shows those, `--help_all` every option."""
        super().__init__(
            prog=" ".join(program()),
            description=description,
            formatter_class=DefaultsFormatter,
            allow_abbrev=False,
            add_help=not main_options,
        )
        self.register("type", Path, given_path)
        self.main_options = main_options
        if main_options:
            self.add_argument("-h", "--help", action=_MainHelp, help="the main options")
            self.add_argument("--help_all", action="help", help="every option, and exit")

    def format_main_help(self) -> str:
        """Return the help of the main options alone, in their order."""
        known = {action.dest: action for action in self._actions}
        shown = [known[dest] for dest in (*self.main_options, "help_all") if dest in known]
        formatter = self._get_formatter()
        formatter.add_usage("%(prog)s [OPTION ...]", [], [])
        formatter.add_text(self.description)
        formatter.start_section("main options")
        formatter.add_arguments(shown)
        formatter.end_section()
        return formatter.format_help()

    def error(self, message: str) -> NoReturn:
        """Write one line and exit with code 2."""
        self.exit(BAD_INPUT, f"{self.prog}: error: {message} (see --help)\n")


class _MainHelp(argparse.Action):
    """Prints the help of the main options, and exits."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str | None) -> None:
        super().__init__(option_strings, dest, nargs=0, default=argparse.SUPPRESS, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        """Print and exit."""
        assert isinstance(parser, OneLineParser)
        sys.stdout.write(parser.format_main_help())
        parser.exit()


class DefaultsFormatter(argparse.HelpFormatter):
    """Shows the default of every option that has one."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        silent = action.default is None or isinstance(action.default, bool) or action.default == ""
        said = not action.help or "(default:" in action.help
        if said or silent or action.default == argparse.SUPPRESS:
            return action.help
        return f"{action.help} (default: %(default)s)"


def program() -> list[str]:
    """Return how this program was called: a script's name, or the console command's two words."""
    name = Path(sys.argv[0]).name
    return [CONSOLE, *sys.argv[1:2]] if Path(name).stem == CONSOLE else [name]


def run(main: Callable[[Sequence[str] | None], int]) -> int:
    """Run a script's main and return its exit code: errors of the user's making in one line.

    2 for bad input and full disks, 130 for Ctrl-C; a traceback only with -v.
    """
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # file names need not be text
    try:
        with at_work():
            return main(None)
    except KeyboardInterrupt:
        return _fail("interrupted", INTERRUPTED)
    except (ValueError, OSError, MemoryError) as error:
        return _fail(one_line(error), BAD_INPUT)
    except RuntimeError as error:
        from stereo.runtime.memory import is_out_of_memory  # torch is there: it raised this

        if not is_out_of_memory(error):
            raise
        return _fail(STILL_TOO_LARGE, BAD_INPUT)


def start_logging(verbose: bool) -> None:
    """Show the packages' messages on stderr, above any progress bar.

    Of processes that Lightning starts, which have a LOCAL_RANK, the first one alone tells what
    is no failure.
    """
    level = logging.DEBUG if verbose else logging.INFO
    if os.environ.get("LOCAL_RANK", "0") != "0":
        level = logging.WARNING
    handler = _BarHandler()
    handler.setFormatter(logging.Formatter("%(message)s"))
    for name in LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.setLevel(level)
        logger.propagate = False


def one_line(error: BaseException) -> str:
    """Return an error's message as one line."""
    if isinstance(error, OSError) and error.strerror:
        place = f": {error.filename}" if error.filename else ""
        return f"{error.strerror}{place}"
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines) or type(error).__name__


class _BarHandler(logging.Handler):
    """Writes through tqdm, so that a message does not tear a progress bar apart."""

    def emit(self, record: logging.LogRecord) -> None:
        from tqdm import tqdm

        tqdm.write(self.format(record), file=sys.stderr)


def _fail(message: str, code: int) -> int:
    if logging.getLogger(LOGGERS[0]).isEnabledFor(logging.DEBUG) and code != INTERRUPTED:
        logging.getLogger(LOGGERS[0]).exception("traceback, as -v asks for")
    sys.stderr.write(f"{' '.join(program())}: error: {message}\n")
    return code
