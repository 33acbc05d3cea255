"""Make stereo pairs from a text prompt (T2SI)."""

import sys
from argparse import Namespace
from collections.abc import Sequence

from stereo import cli_options as options
from stereo.cli import OneLineParser, run, start_logging
from stereo.cli_files import Results, find_map, read_map
from stereo.progress import ProgressBar


def parse(arguments: Sequence[str] | None) -> Namespace:
    """Parse the command line."""
    parser = OneLineParser(__doc__)
    options.add_prompt_options(parser)
    options.add_model_options(parser)
    options.add_sampling_options(parser, guidance_scale=9.0, seed=24)
    options.add_stereo_options(parser)
    options.add_output_options(parser, outdir="outputs/txt2stereoimg-samples")
    return options.parse(parser, arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, load, call, save."""
    args = parse(arguments)
    start_logging(args.verbose)
    prompts = options.read_prompts(args)
    stereo, rounds = options.stereo_options(args), list(options.sampling_rounds(args))

    from stereo.batch import Batch
    from stereo.frame import picture_size
    from stereo.memory import explain_out_of_memory
    from stereo.models import (
        find_checkpoint,
        find_depth_checkpoint,
        load_depth_model,
        load_model,
    )
    from stereo.pipelines import text_to_stereo
    from stereo.speed import prepare

    results = Results(args, arguments)
    ckpt = find_checkpoint("text", args.ckpt)
    depth_file = find_depth_checkpoint(args.depthmodel_path)
    batch = Batch(args, stereo, files=(ckpt, args.config, depth_file))
    model = load_model("text", **options.model_options(args, ckpt))
    height_px, width_px = picture_size(model, rounds[0])
    disparity = read_map(args, size_px=(width_px, height_px))
    depth_model = load_depth_model(depth_file, device=args.device)
    prepare(model, depth_model, rounds[0], compiled=args.compile, offloaded=args.offload)

    def work(prompt: str) -> None:
        told = {"prompt": prompt, "map": find_map(args)}
        for todo in batch.todo(prompt, rounds, told):
            with ProgressBar() as on_step, explain_out_of_memory(model, todo.sampling):
                pairs = text_to_stereo(
                    model,
                    depth_model,
                    prompt,
                    options=stereo,
                    sampling=todo.sampling,
                    negative_prompt=args.negative_prompt,
                    disparity=disparity,
                    on_step=on_step,
                )
            inputs = {"ckpt": ckpt, "depth_model": depth_file, "map": args.disparity}
            results.save(pairs, model, mark=todo.mark, **inputs)

    code = batch.each(prompts, str, work)
    results.finish()
    return code


if __name__ == "__main__":
    sys.exit(run(main))
