"""Every numeric option of every script, given what is no number or no sensible one."""

import argparse
import runpy
from collections.abc import Iterator
from unittest.mock import patch

from tests.reliability.case import BAD, DONE, Case
from tests.reliability.command import ROOT

SCRIPTS = {
    "img2stereo.py": "--img_path good.png",
    "txt2stereoimg.py": "",
    "depth2stereoimg.py": "--init_img good.png",
    "evaluate.py": "all --config eval.yaml",
    "train.py": "--config text.yaml --max-steps 1",
    "benchmark.py": "",
    "app.py": "",
    "shapes.report": "--no-readme --out OUT",
    "shapes.world": "--out OUT",
}
NO_NUMBERS = ("nan", "inf", "-inf", "1e400", "many", "", "-7", "1e30", str(10**30), "2.5.1")
# What may be all right for an option, as -7 for a scale: it then has to work.
MAYBE = ("-7", str(10**30), "1e30")


class Found(Exception):
    """Carries a script's parser out of it."""


def parser_of(name: str) -> argparse.ArgumentParser:
    """Return the parser that a script makes."""

    def caught(self: argparse.ArgumentParser, *args: object) -> None:
        raise Found(self)

    with patch.object(argparse.ArgumentParser, "parse_args", caught), patch("sys.argv", [name]):
        try:
            if name.endswith(".py"):
                module = runpy.run_path(str(ROOT / name))
                module["main"]([])
            else:
                module = runpy.run_module(name)
                module["main"]([])
        except Found as found:
            return found.args[0]
    raise AssertionError(f"{name} makes no parser")


def numeric_options(name: str) -> list[str]:
    """Return the options that take a number: a number's text is parsed, a word's is not."""
    found = []
    for action in parser_of(name)._actions:
        if action.option_strings and action.nargs != 0 and not action.choices:
            try:
                made = parser_of(name)._get_value(action, "64")
            except argparse.ArgumentError:
                continue
            if isinstance(made, int | float):
                found.append(action.option_strings[-1])
    return found


def number_cases() -> Iterator[Case]:
    """Yield a case for every script, numeric option and bad value."""
    for name, start in SCRIPTS.items():
        for option in numeric_options(name):
            for value in NO_NUMBERS:
                if name == "app.py" and value in MAYBE[1:]:
                    continue  # it would serve
                codes = (BAD, DONE) if value in MAYBE else (BAD,)
                given = f"{option}={value}" if option.startswith("--") else f"{option} {value}"
                yield Case(f"{name} {start} {given}".replace("  ", " "), codes, limit_s=60)
