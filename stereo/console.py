"""The command `stereodiffusion` of an installed package: every script under one name."""

import sys
from functools import partial
from importlib.metadata import version
from pkgutil import resolve_name

from stereo.cli import interrupt
from stereo.cli.command import BAD_INPUT, CONSOLE, run

# Name, where its main function is, what it does.
COMMANDS = {
    "text": ("stereo.cli.workflows:text", "stereo pairs from a prompt"),
    "depth": ("stereo.cli.workflows:depth", "stereo pairs of a prompt under a picture's depth"),
    "image": ("stereo.cli.workflows:image", "stereo pairs from pictures"),
    "evaluate": ("stereo.evaluation.cli:main", "methods on stereo data sets, tables"),
    "app": ("stereo.app.command:main", "the page to work on, in a browser"),
    "fetch": ("stereo.fetch.__main__:main", "get published weights"),
    "info": ("stereo.info:main", "the settings that a result carries"),
}
USAGE = f"usage: {CONSOLE} COMMAND [OPTION ...]\n\n" + "".join(
    f"  {name:9} {about}\n" for name, (_, about) in COMMANDS.items()
)


def main() -> int:
    """Run the command that the first word names; returns the exit code."""
    interrupt.install()
    name, words = (sys.argv[1] if len(sys.argv) > 1 else "--help"), sys.argv[2:]
    if name in ("-h", "--help", "--version"):
        is_version = name == "--version"
        sys.stdout.write(f"{CONSOLE} {version(CONSOLE)}\n" if is_version else USAGE)
        return 0
    if name not in COMMANDS:
        expected = ", ".join(COMMANDS)
        sys.stderr.write(f"{CONSOLE}: error: got {name!r}, expected one of {expected}\n")
        return BAD_INPUT
    return run(partial(_call, name, words))


def _call(name: str, words: list[str], _: object) -> int:
    try:
        command = resolve_name(COMMANDS[name][0])
    except ModuleNotFoundError as error:
        raise ValueError(f"{name}: needs {error.name}, which is not installed") from error
    return command(words)
