"""Make stereo pairs from pictures by null-text inversion (I2SI)."""

import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from stereo import cli_options as options
from stereo.cli import OneLineParser, run, start_logging
from stereo.cli_files import Picture, Results, find_map, list_pictures, read_picture
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
    return options.parse(parser, arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, load, call, save."""
    args = parse(arguments)
    start_logging(args.verbose)
    prompts = options.read_prompts(args)
    stereo, rounds = options.stereo_options(args), list(options.sampling_rounds(args))

    from stereo.batch import Batch
    from stereo.inversion import NullTextOptions
    from stereo.memory import explain_out_of_memory
    from stereo.models import (
        find_checkpoint,
        find_depth_checkpoint,
        load_depth_model,
        load_model,
    )
    from stereo.pipelines import image_to_stereo
    from stereo.speed import prepare

    results = Results(args, arguments)
    paths = list_pictures(args, "img_path")
    ckpt = find_checkpoint("image", args.ckpt)
    depth_file = find_depth_checkpoint(args.depthmodel_path)
    batch = Batch(args, stereo, files=(ckpt, args.config, depth_file))
    model = load_model("image", **options.model_options(args, ckpt))
    depth_model = load_depth_model(depth_file, device=args.device)
    prepare(model, depth_model, rounds[0], compiled=args.compile, offloaded=args.offload)
    null_text = NullTextOptions(
        inner_steps=args.inner_steps, scale_with_steps=not stereo.published_bookkeeping
    )

    def work(picture: Picture) -> None:
        told = {"picture": picture.path, "map": find_map(args, picture.path.stem)}
        for prompt in prompts:
            for todo in batch.todo(picture.path.name, rounds, {**told, "prompt": prompt}):
                memory = explain_out_of_memory(model, todo.sampling)
                with ProgressBar(picture.path.name) as on_step, memory:
                    pairs = image_to_stereo(
                        model,
                        depth_model,
                        picture.image,
                        options=stereo,
                        sampling=todo.sampling,
                        prompt=prompt,
                        null_text=null_text,
                        disparity=picture.disparity,
                        on_step=on_step,
                    )
                inputs = {"img_path": picture.path, "map": args.disparity}
                inputs |= {"depth_model": depth_file, "ckpt": ckpt}
                results.save(pairs, model, prefix=f"{picture.path.stem}_", mark=todo.mark, **inputs)

    return batch.each(paths, lambda path: read_picture(path, args), work)


if __name__ == "__main__":
    sys.exit(run(main))
