"""Make stereo pairs from pictures by null-text inversion (I2SI)."""

import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stereo.cli import options
from stereo.cli.batch_options import add_photos_at_once, check_photos_at_once
from stereo.cli.command import OneLineParser, run, start_logging
from stereo.cli.files import Picture, list_pictures, read_picture
from stereo.cli.session import Session

if TYPE_CHECKING:
    from stereo.method.run import OnStep
    from stereo.options import SamplingOptions
    from stereo.pair import StereoPair


def parse(arguments: Sequence[str] | None) -> Namespace:
    """Parse the command line."""
    parser = OneLineParser(__doc__)
    parser.add_argument(
        "--img_path", type=Path, required=True, metavar="PATH", help="picture or folder"
    )
    parser.add_argument(
        "--prompt", default="", metavar="TEXT", help="description of the picture (default: none)"
    )
    options.add_prompt_files(parser)
    parser.add_argument(
        "--inner_steps",
        type=options.whole_number,
        default=10,
        metavar="N",
        help="optimisation steps of the null-text inversion per DDIM step, at most",
    )
    parser.add_argument(
        "--inversion",
        choices=("null-text", "direct"),
        help="how the picture becomes noise (default: the preset's; direct for best)",
    )
    add_photos_at_once(parser)
    options.add_model_options(parser)
    options.add_sampling_options(parser, guidance="7.5", many=False)
    options.add_stereo_options(parser)
    options.add_output_options(parser, outdir="outputs/img2stereo-samples")
    args = options.parse(parser, arguments)
    if args.ddim_eta:
        parser.error(
            f"argument --ddim_eta: got {args.ddim_eta}, expected 0, as inversion adds none"
        )
    return args


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, load, call, save."""
    args = parse(arguments)
    start_logging(args.verbose)
    check_photos_at_once(args.photos_at_once, options.stereo_options(args).inversion)
    paths = list_pictures(args, "img_path")
    session = Session(args, arguments, "image")

    from stereo.options import NullTextOptions
    from stereo.pipelines import images_to_stereo

    null_text = NullTextOptions(
        inner_steps=args.inner_steps, scale_with_steps=not session.stereo.published_bookkeeping
    )

    def make(
        prompt: str,
        pictures: Sequence[Picture],
        samplings: "Sequence[SamplingOptions]",
        on_step: "OnStep",
    ) -> list["StereoPair"]:
        return images_to_stereo(
            session.model,
            session.depth_model,
            [picture.image for picture in pictures],
            [sampling.seed for sampling in samplings],
            options=session.stereo,
            sampling=samplings[0],
            prompt=prompt,
            null_text=null_text,
            disparities=[picture.disparity for picture in pictures],
            on_step=on_step,
        )

    return session.each(
        paths,
        lambda path: read_picture(path, args),
        lambda pictures: session.make_photos(pictures, make),
        at_once=args.photos_at_once,
    )


if __name__ == "__main__":
    sys.exit(run(main))
