"""Make stereo pairs from pictures by null-text inversion (I2SI)."""

import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from stereo import cli_options as options
from stereo.cli import OneLineParser, for_each, run, start_logging
from stereo.cli_files import Picture, Results, list_pictures, read_picture
from stereo.progress import ProgressBar


def parse(arguments: Sequence[str] | None) -> Namespace:
    """Parse the command line."""
    parser = OneLineParser(__doc__)
    parser.add_argument(
        "--img_path", type=Path, required=True, metavar="PATH", help="picture or folder"
    )
    parser.add_argument(
        "--prompt", default="", metavar="TEXT", help="description of the picture (default: none)"
    )
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
    return options.parse(parser, arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, load, call, save."""
    args = parse(arguments)
    start_logging(args.verbose)
    stereo, (sampling,) = options.stereo_options(args), options.sampling_rounds(args)

    from stereo.inversion import NullTextOptions
    from stereo.models import (
        find_checkpoint,
        find_depth_checkpoint,
        load_depth_model,
        load_model,
    )
    from stereo.pipelines import image_to_stereo

    results = Results(args, arguments)
    paths = list_pictures(args, "img_path")
    ckpt = find_checkpoint("image", args.ckpt)
    depth_file = find_depth_checkpoint(args.depthmodel_path)
    model = load_model("image", **options.model_options(args, ckpt))
    depth_model = load_depth_model(depth_file, device=args.device)
    null_text = NullTextOptions(
        inner_steps=args.inner_steps, scale_with_steps=not stereo.published_bookkeeping
    )

    def work(picture: Picture) -> None:
        with ProgressBar(picture.path.name) as on_step:
            pairs = image_to_stereo(
                model,
                depth_model,
                picture.image,
                options=stereo,
                sampling=sampling,
                prompt=args.prompt,
                null_text=null_text,
                disparity=picture.disparity,
                on_step=on_step,
            )
        inputs = {"img_path": picture.path, "depth_model": depth_file, "map": args.disparity}
        results.save(pairs, model, prefix=f"{picture.path.stem}_", ckpt=ckpt, **inputs)

    return for_each(paths, lambda path: read_picture(path, args), work)


if __name__ == "__main__":
    sys.exit(run(main))
