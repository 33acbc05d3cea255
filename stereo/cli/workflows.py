"""The command lines of the three workflows: a prompt, a picture's depth, a picture."""

from argparse import Namespace
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from ldm.known_files import ROOT
from stereo.cli import options
from stereo.cli.command import start_logging
from stereo.cli.fields import add_fields
from stereo.cli.session import Session
from stereo.options import SamplingOptions, Task

ABOUT: dict[Task, str] = {
    "text": "Make stereo pairs from a text prompt (T2SI).",
    "depth": "Make stereo pairs of a prompt under the depth of a picture (D2SI).",
    "image": "Make stereo pairs from pictures by inversion (I2SI).",
}
PICTURE = {"type": Path, "metavar": "PATH"}
SCENE = ROOT / "docs" / "scene.png"


def parse(task: Task, arguments: Sequence[str] | None) -> Namespace:
    """Parse a workflow's command line; None takes the program's own."""
    parser = options.make_parser(ABOUT[task], task)
    if task == "depth":
        about = "picture, folder or pattern (default: the project's own docs/scene.png)"
        parser.add_argument("--init_img", **PICTURE, default=SCENE, help=about)
        add_fields(parser, SamplingOptions, "strength")
    if task == "image":
        about = "picture, folder or pattern"
        parser.add_argument("--img_path", **PICTURE, required=True, help=about)
    args = options.parse(parser, arguments)
    if task == "image" and args.eta:
        parser.error(f"argument --ddim_eta: got {args.eta}, expected 0, as inversion adds none")
    return args


def main(task: Task, arguments: Sequence[str] | None = None) -> int:
    """Parse the command line, load the models, make the pairs; returns the exit code."""
    args = parse(task, arguments)
    start_logging(args.verbose)
    return Session(task, args, arguments).work()


text, depth, image = (partial(main, task) for task in ABOUT)
