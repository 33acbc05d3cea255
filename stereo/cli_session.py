"""What the scripts do alike: load a workflow's models, make the rounds of an input, save."""

from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stereo import cli_options as options
from stereo.cli_files import Results
from stereo.progress import ProgressBar

if TYPE_CHECKING:
    from stereo.models import Task
    from stereo.options import SamplingOptions
    from stereo.pair import StereoPair
    from stereo.sampler import OnStep

    Make = Callable[[str, SamplingOptions, OnStep], list[StereoPair]]


class Session:
    """One run of a script: its options, models and results.

    Attributes:
        args: the command line.
        prompts: what to show, at least one.
        stereo: options of the stereo method.
        rounds: sampling options of every round; their seeds count up.
        model: Stable Diffusion for the task.
        depth_model: DPT; None where the diffusion model's own serves.
    """

    def __init__(
        self,
        args: Namespace,
        arguments: Sequence[str] | None,
        task: "Task",
        *,
        own_depth: bool = False,
    ) -> None:
        """Check the options, then load the models.

        Args:
            args: the command line, parsed.
            arguments: the command line as given; None for the program's.
            task: the workflow.
            own_depth: the diffusion model has a depth network, for which `--depthmodel_path` is
                a replacement.

        Raises:
            ValueError: for bad options or checkpoints.
            OSError: for files and folders that cannot be used.
        """
        self.args, self.prompts = args, options.read_prompts(args)
        self.stereo = options.stereo_options(args)
        self.rounds = list(options.sampling_rounds(args))

        from stereo.batch import Batch
        from stereo.models import (
            find_checkpoint,
            find_depth_checkpoint,
            load_depth_model,
            load_model,
        )
        from stereo.speed import prepare

        self._results = Results(args, arguments)
        ckpt, depth_file = find_checkpoint(task, args.ckpt), None
        if args.depthmodel_path is not None or not own_depth:
            depth_file = find_depth_checkpoint(args.depthmodel_path)
        self._files = {"depth_model": depth_file, "ckpt": ckpt}
        self._batch = Batch(args, self.stereo, files=(ckpt, args.config, depth_file))
        self.model = load_model(task, **options.model_options(args, ckpt))
        self.depth_model = depth_file and load_depth_model(depth_file, device=args.device)
        prepare(
            self.model,
            self.depth_model,
            self.rounds[0],
            compiled=args.compile,
            offloaded=args.offload,
        )

    def each(
        self, names: Sequence[Any], read: Callable[[Any], Any], work: Callable[[Any], None]
    ) -> int:
        """Work on every input (`stereo.batch.Batch.each`); returns the exit code."""
        code = self._batch.each(names, read, work)
        self._results.finish()
        return code

    def make(
        self,
        name: str,
        make: "Make",
        told: Mapping[str, Any],
        *,
        prompts: Sequence[str],
        stem: str = "",
        picture_px: tuple[int, int] | None = None,
        **inputs: Path,
    ) -> None:
        """Make and save the pairs of one input that are not finished, for all prompts and rounds.

        Args:
            name: what its seeds depend on: the picture's name or the prompt's text.
            make: runs the workflow for a prompt, sampling options and a progress hook.
            told: what else decides about the result (`stereo.batch.Batch.todo`).
            prompts: what to show.
            stem: begins the names of its files.
            picture_px: (width, height) of the picture, if there is one.
            **inputs: files to be named in the results' settings.
        """
        from stereo.memory import explain_out_of_memory

        inputs = {**inputs, "map": self.args.disparity, **self._files}
        for prompt in prompts:
            for todo in self._batch.todo(name, self.rounds, {**told, "prompt": prompt}):
                memory = explain_out_of_memory(self.model, todo.sampling, picture_px)
                with ProgressBar(name if stem else "") as on_step, memory:
                    pairs = make(prompt, todo.sampling, on_step)
                prefix = f"{stem}_" if stem else ""
                self._results.save(pairs, self.model, prefix=prefix, mark=todo.mark, **inputs)
