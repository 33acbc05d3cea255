"""The README: its commands, options, formats and files are those of the code."""

import re
import shlex
from pathlib import Path

import pytest

from ldm.known_files import KNOWN_FILES
from stereo.formats import FORMATS
from tests.scripts.conftest import ROOT, script

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
SCRIPT_LINES = [
    line
    for block in BLOCKS
    for line in block.splitlines()
    if re.match(r"python \w+\.py", line) and "..." not in line
]


@pytest.mark.parametrize("line", SCRIPT_LINES)
def test_commands_parse_as_printed(line: str) -> None:
    _, name, *arguments = shlex.split(line)
    args = script(name).parse(arguments)
    given = ("init_img", "img_path", "config")
    files = [path for key in given if (path := getattr(args, key, None)) is not None]
    assert all((ROOT / path).is_file() for path in files)


def test_every_workflow_is_shown() -> None:
    shown = {shlex.split(line)[1] for line in SCRIPT_LINES}
    assert shown == {"txt2stereoimg.py", "depth2stereoimg.py", "img2stereo.py", "evaluate.py"}


def test_every_format_is_listed() -> None:
    (listed,) = re.findall(r"`--format NAME`.*?\| `(.*?)` \|", README)
    assert listed.split() == list(FORMATS)


def test_options_exist(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("txt2stereoimg.py", "depth2stereoimg.py", "img2stereo.py", "app.py"):
        with pytest.raises(SystemExit):
            script(name).parse(["--help" if name == "app.py" else "--help_all"])
    patterns = ("*.py", "stereo/*/cli.py", "stereo/fetch/__main__.py", "shapes/*/command.py")
    places = [path for pattern in patterns for path in ROOT.glob(pattern)]
    known = capsys.readouterr().out + "".join(path.read_text() for path in places)
    for option in set(re.findall(r"`(--[\w-]+)", README)):
        assert re.search(rf"{option}\b", known), option


def test_weights_are_those_that_the_code_looks_for() -> None:
    named = {known.name: known for known in KNOWN_FILES}
    rows = re.findall(r"^\| `([\w.-]+\.(?:ckpt|pt))` \| `(\w+)/`.*$", README, re.MULTILINE)
    assert len(rows) == 4
    for name, folder in rows:
        assert named[name].folder == folder


def test_python_example_uses_public_names() -> None:
    import stereo

    (imported,) = re.findall(r"from stereo import (.*)", README)
    assert set(imported.split(", ")) <= set(stereo.__all__)


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"make ([\w-]+)  ", README)) <= targets


def test_links_lead_somewhere() -> None:
    links = re.findall(r"\]\((?!http)([^)#]+)\)", README)
    missing = [link for link in links if not Path(ROOT / link).exists()]
    assert missing == []
