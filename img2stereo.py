"""Make stereo pairs from pictures by null-text inversion (I2SI)."""

import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stereo import cli_options as options
from stereo.cli import OneLineParser, run, start_logging
from stereo.cli_files import Picture, find_map, list_pictures, read_picture
from stereo.cli_session import Session

if TYPE_CHECKING:
    from stereo.options import SamplingOptions
    from stereo.pair import StereoPair
    from stereo.sampler import OnStep


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
    options.add_model_options(parser)
    options.add_sampling_options(parser, guidance_scale=7.5, many=False)
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
    paths = list_pictures(args, "img_path")
    session = Session(args, arguments, "image")

    from stereo.inversion import NullTextOptions
    from stereo.pipelines import image_to_stereo

    null_text = NullTextOptions(
        inner_steps=args.inner_steps, scale_with_steps=not session.stereo.published_bookkeeping
    )

    def work(picture: Picture) -> None:
        def make(prompt: str, sampling: "SamplingOptions", on_step: "OnStep") -> list["StereoPair"]:
            return image_to_stereo(
                session.model,
                session.depth_model,
                picture.image,
                options=session.stereo,
                sampling=sampling,
                prompt=prompt,
                null_text=null_text,
                disparity=picture.disparity,
                on_step=on_step,
            )

        session.make(
            picture.path.name,
            make,
            {"picture": picture.path, "map": find_map(args, picture.path.stem)},
            prompts=session.prompts,
            stem=picture.path.stem,
            picture_px=picture.image.shape[1::-1],
            img_path=picture.path,
        )

    return session.each(paths, lambda path: read_picture(path, args), work)


if __name__ == "__main__":
    sys.exit(run(main))
