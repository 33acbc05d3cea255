"""Make stereo pairs from a text prompt (T2SI)."""

import sys
from argparse import Namespace
from collections.abc import Sequence
from typing import TYPE_CHECKING

from stereo.cli import options
from stereo.cli.command import OneLineParser, run, start_logging
from stereo.cli.files import find_map, read_map
from stereo.cli.session import Session

if TYPE_CHECKING:
    from stereo.method.run import OnStep
    from stereo.options import SamplingOptions
    from stereo.pair import StereoPair


def parse(arguments: Sequence[str] | None) -> Namespace:
    """Parse the command line."""
    parser = OneLineParser(__doc__)
    options.add_prompt_options(parser)
    options.add_model_options(parser)
    options.add_sampling_options(parser, guidance="9; 3 with the embedded model", seed=24)
    options.add_stereo_options(parser)
    options.add_output_options(parser, outdir="outputs/txt2stereoimg-samples")
    return options.parse(parser, arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, load, call, save."""
    args = parse(arguments)
    start_logging(args.verbose)
    session = Session(args, arguments, "text")

    from stereo.pipelines import text_to_stereo
    from stereo.pixels.codec import picture_size

    height_px, width_px = picture_size(session.model, session.rounds[0])
    disparity = read_map(args, size_px=(width_px, height_px))

    def make(prompt: str, sampling: "SamplingOptions", on_step: "OnStep") -> list["StereoPair"]:
        return text_to_stereo(
            session.model,
            session.depth_model,
            prompt,
            options=session.stereo,
            sampling=sampling,
            negative_prompt=args.negative_prompt,
            disparity=disparity,
            on_step=on_step,
        )

    def work(prompts: list[str]) -> None:
        (prompt,) = prompts
        session.make(prompt, make, {"map": find_map(args)}, prompts=[prompt])

    return session.each(session.prompts, str, work)


if __name__ == "__main__":
    sys.exit(run(main))
