"""What the scripts do alike: load a workflow's models, make the rounds of an input, save."""

from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stereo.cli import options
from stereo.cli.files import Picture, Results, find_map
from stereo.cli.progress import ProgressBar

if TYPE_CHECKING:
    from stereo.cli.batch import Work
    from stereo.method.run import OnStep
    from stereo.options import SamplingOptions
    from stereo.pair import StereoPair
    from stereo.runtime.models import Task

    Make = Callable[[str, SamplingOptions, OnStep], list[StereoPair]]
    MakePhotos = Callable[
        [str, Sequence[Picture], Sequence[SamplingOptions], OnStep], list[StereoPair]
    ]
    Job = tuple[Picture, Work]


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

        from stereo.cli.batch import Batch
        from stereo.runtime.guidance import with_guidance
        from stereo.runtime.models import (
            find_checkpoint,
            find_depth_checkpoint,
            load_depth_model,
            load_model,
        )
        from stereo.runtime.speed import prepare

        self._results = Results(args, arguments)
        ckpt, depth_file = find_checkpoint(task, args.ckpt), None
        if args.depthmodel_path is not None or not own_depth:
            depth_file = find_depth_checkpoint(args.depthmodel_path)
        self._files = {"depth_model": depth_file, "ckpt": ckpt}
        self._batch = Batch(args, self.stereo, files=(ckpt, args.config, depth_file))
        self.model = load_model(task, **options.model_options(args, ckpt))
        self.depth_model = depth_file and load_depth_model(depth_file, device=args.device)
        self.rounds = [with_guidance(each, self.model, task) for each in self.rounds]
        first = self.rounds[0]
        if task == "image":
            first = replace(first, samples=args.photos_at_once)
        prepare(
            self.model,
            self.depth_model,
            first,
            task=task,
            compiled=args.compile,
            offloaded=args.offload,
        )

    def each(
        self,
        names: Sequence[Any],
        read: Callable[[Any], Any],
        work: Callable[[list[Any]], None],
        *,
        at_once: int = 1,
    ) -> int:
        """Work on every input (`stereo.cli.batch.Batch.each`); returns the exit code."""
        code = self._batch.each(names, read, work, at_once=at_once)
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
            told: what else decides about the result (`stereo.cli.batch.Batch.todo`).
            prompts: what to show.
            stem: begins the names of its files.
            picture_px: (width, height) of the picture, if there is one.
            **inputs: files to be named in the results' settings.
        """
        for prompt in prompts:
            for todo in self._batch.todo(name, self.rounds, {**told, "prompt": prompt}):
                pairs = self._run(
                    partial(make, prompt, todo.sampling), todo.sampling, stem and name, picture_px
                )
                self._save(pairs, stem, todo.mark, **inputs)

    def make_photos(self, pictures: Sequence[Picture], make: "MakePhotos") -> None:
        """Make and save one pair of each picture, prompt and round that is not finished.

        Args:
            pictures: those of one size are made together.
            make: runs the workflow for a prompt, pictures, their sampling options and a hook.
        """
        for prompt in self.prompts:
            jobs = [
                (picture, todo)
                for picture in pictures
                for todo in self._batch.todo(
                    picture.path.name, self.rounds, {**_told(self.args, picture), "prompt": prompt}
                )
            ]
            for together in _of_one_size(jobs, at_once=len(pictures)):
                chosen, todos = zip(*together, strict=True)
                samplings = [todo.sampling for todo in todos]
                pairs = self._run(
                    partial(make, prompt, chosen, samplings),
                    replace(samplings[0], samples=len(chosen)),
                    chosen[0].path.name if len(chosen) == 1 else f"{len(chosen)} photos",
                    chosen[0].size_px,
                    fewer="--photos_at_once 1",
                )
                for picture, todo, pair in zip(chosen, todos, pairs, strict=True):
                    self._save([pair], picture.path.stem, todo.mark, img_path=picture.path)

    def _run(
        self,
        make: "Callable[[OnStep], list[StereoPair]]",
        sampling: "SamplingOptions",
        title: str,
        picture_px: tuple[int, int] | None,
        fewer: str = "--n_samples 1",
    ) -> "list[StereoPair]":
        from stereo.runtime.memory import explain_out_of_memory

        memory = explain_out_of_memory(self.model, sampling, picture_px, fewer=fewer)
        with ProgressBar(title) as on_step, memory:
            return make(on_step)

    def _save(self, pairs: "list[StereoPair]", stem: str, mark: str, **inputs: Path) -> None:
        prefix = f"{stem}_" if stem else ""
        inputs = {**inputs, "map": self.args.disparity, **self._files}
        self._results.save(pairs, self.model, prefix=prefix, mark=mark, **inputs)


def _told(args: Namespace, picture: Picture) -> dict[str, Any]:
    return {"picture": picture.path, "map": find_map(args, picture.path.stem)}


def _of_one_size(jobs: "list[Job]", *, at_once: int) -> Iterator["list[Job]"]:
    """Yield groups of at most `at_once` jobs whose pictures have one size."""
    for _, group in groupby(sorted(jobs, key=_size_px), key=_size_px):
        same = list(group)
        yield from (same[k : k + at_once] for k in range(0, len(same), at_once))


def _size_px(job: "Job") -> tuple[int, int]:
    return job[0].size_px
