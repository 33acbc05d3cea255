"""Make stereo pairs of a prompt under the depth of a picture (D2SI)."""

import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ldm.known_files import ROOT
from stereo.cli import options
from stereo.cli.command import OneLineParser, run, start_logging
from stereo.cli.files import Picture, find_map, list_pictures, read_picture
from stereo.cli.session import Session

if TYPE_CHECKING:
    from stereo.method.run import OnStep
    from stereo.options import SamplingOptions
    from stereo.pair import StereoPair


def parse(arguments: Sequence[str] | None) -> Namespace:
    """Parse the command line."""
    parser = OneLineParser(__doc__)
    parser.add_argument(
        "--init_img",
        type=Path,
        default=ROOT / "docs" / "scene.png",
        metavar="PATH",
        help="picture or folder (default: the repository's docs/scene.png)",
    )
    parser.add_argument(
        "--strength",
        type=float,
        default=1.0,
        metavar="X",
        help="how much of the picture is made anew, up to 1",
    )
    options.add_prompt_options(parser)
    options.add_model_options(parser, own_depth=True)
    options.add_sampling_options(parser, guidance="9; 3 with the embedded model")
    options.add_stereo_options(parser)
    options.add_output_options(parser, outdir="outputs/depth2stereoimg-samples")
    return options.parse(parser, arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, load, call, save."""
    args = parse(arguments)
    start_logging(args.verbose)
    paths = list_pictures(args, "init_img")
    session = Session(args, arguments, "depth", own_depth=True)

    from stereo.pipelines import depth_to_stereo

    def work(pictures: list[Picture]) -> None:
        (picture,) = pictures

        def make(prompt: str, sampling: "SamplingOptions", on_step: "OnStep") -> list["StereoPair"]:
            return depth_to_stereo(
                session.model,
                picture.image,
                prompt,
                options=session.stereo,
                sampling=sampling,
                negative_prompt=args.negative_prompt,
                depth_model=session.depth_model,
                disparity=picture.disparity,
                on_step=on_step,
            )

        session.make(
            picture.path.name,
            make,
            {"picture": picture.path, "map": find_map(args, picture.path.stem)},
            prompts=session.prompts,
            stem=picture.path.stem,
            picture_px=picture.size_px,
            init_img=picture.path,
        )

    return session.each(paths, lambda path: read_picture(path, args), work)


if __name__ == "__main__":
    sys.exit(run(main))
