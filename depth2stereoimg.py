"""Make stereo pairs of a prompt under the depth of a picture (D2SI)."""

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
        "--init_img", type=Path, default="docs/scene.png", metavar="PATH", help="picture or folder"
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
    options.add_sampling_options(parser, guidance_scale=9.0)
    options.add_stereo_options(parser)
    options.add_output_options(parser, outdir="outputs/depth2stereoimg-samples")
    return options.parse(parser, arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, load, call, save."""
    args = parse(arguments)
    start_logging(args.verbose)
    prompts = options.read_prompts(args)
    stereo, rounds = options.stereo_options(args), list(options.sampling_rounds(args))

    from stereo.batch import Batch
    from stereo.disparity import predict_disparity
    from stereo.memory import explain_out_of_memory
    from stereo.models import (
        find_checkpoint,
        find_depth_checkpoint,
        load_depth_model,
        load_model,
    )
    from stereo.pipelines import depth_to_stereo
    from stereo.speed import prepare

    results = Results(args, arguments)
    paths = list_pictures(args, "init_img")
    ckpt = find_checkpoint("depth", args.ckpt)
    own_depth = args.depthmodel_path is None
    depth_file = None if own_depth else find_depth_checkpoint(args.depthmodel_path)
    batch = Batch(args, stereo, files=(ckpt, args.config, depth_file))
    model = load_model("depth", **options.model_options(args, ckpt))
    depth_model = None if own_depth else load_depth_model(depth_file, device=args.device)
    prepare(model, depth_model, rounds[0], compiled=args.compile, offloaded=args.offload)

    def work(picture: Picture) -> None:
        told = {"picture": picture.path, "map": find_map(args, picture.path.stem)}
        disparity = picture.disparity
        if disparity is None and depth_model is not None:
            disparity = predict_disparity(depth_model, picture.image)
        for prompt in prompts:
            for todo in batch.todo(picture.path.name, rounds, {**told, "prompt": prompt}):
                memory = explain_out_of_memory(model, todo.sampling)
                with ProgressBar(picture.path.name) as on_step, memory:
                    pairs = depth_to_stereo(
                        model,
                        picture.image,
                        prompt,
                        options=stereo,
                        sampling=todo.sampling,
                        negative_prompt=args.negative_prompt,
                        disparity=disparity,
                        on_step=on_step,
                    )
                inputs = {"init_img": picture.path, "map": args.disparity}
                inputs |= {"depth_model": depth_file, "ckpt": ckpt}
                name = f"{picture.path.stem}_"
                results.save(pairs, model, prefix=name, mark=todo.mark, **inputs)

    code = batch.each(paths, lambda path: read_picture(path, args), work)
    results.finish()
    return code


if __name__ == "__main__":
    sys.exit(run(main))
