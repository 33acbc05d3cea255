"""One run of a script: check the options, load the models, make and save what is not there."""

import logging
import sys
from argparse import Namespace
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from ldm.files import file_digest
from stereo.cli import groups, inputs, options
from stereo.cli.batch import work_on_each
from stereo.cli.embedded import input_note
from stereo.cli.fields import options_of
from stereo.cli.finished import Finished, fingerprint
from stereo.cli.inputs import Item
from stereo.cli.progress import ProgressBar
from stereo.cli.results import Results
from stereo.cli.shards import Team
from stereo.options import SEEDS, NullTextOptions, SamplingOptions

if TYPE_CHECKING:
    from stereo.cli.job import StereoJob
    from stereo.pair import StereoPair
    from stereo.runtime.models import Task

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Work:
    """One call of a workflow: its input, the job without pictures, its results' fingerprint."""

    item: Item
    job: "StereoJob"
    fingerprint: str


class Session:
    """One run of a script."""

    def __init__(self, task: "Task", args: Namespace, arguments: Sequence[str] | None) -> None:
        """Check options and inputs, which takes no time; then load the models.

        Args:
            task: the workflow.
            args: the command line, parsed.
            arguments: the command line as it came; None for the program's.

        Raises:
            ValueError: for bad options or checkpoints.
            OSError: for files and folders that cannot be used.
        """
        self._task, self._args = task, args
        self._batch = options_of(groups.BatchOptions, args)
        self._stereo, self._comfort = options.stereo_options(args), options.comfort_options(args)
        options_of(groups.ModelOptions, args)  # for its checks
        self._baseline = options.baseline_options(args, self._stereo)
        self._sampling = options_of(SamplingOptions, args)
        self._prompts = inputs.read_prompts(args)
        self._names: Sequence[Path | str] = self._prompts
        self._argument = inputs.PICTURE_OPTIONS.get(task)
        if self._argument:
            self._names = inputs.list_pictures(args, self._argument)
        # A single picture is read now: nobody waits for a model to hear that it is bad.
        is_alone = self._argument and len(self._names) == 1
        self._alone = (
            inputs.read_picture(self._names[0], args, self._argument) if is_alone else None
        )
        calls = len(self._prompts) * (len(self._names) if self._argument else 1)
        options.check_batch(self._batch, self._stereo, calls * self._sampling.samples)
        inputs.check_config(args.config)
        self._results = Results(args, arguments, self._prompts)
        self._finished = (
            Finished(args.outdir, args.format, args.names) if args.skip_existing else None
        )
        self._load()

    def _load(self) -> None:
        from ldm.stored import checkpoint_digest
        from stereo.cli.job import Models, StereoJob
        from stereo.depth.loading import (
            check_metric,
            depth_digest,
            find_depth_checkpoint,
            load_depth_model,
        )
        from stereo.depth.views import AveragedViews
        from stereo.runtime import models
        from stereo.runtime.guidance import with_guidance
        from stereo.runtime.speed import prepare

        args, task, depth_file = self._args, self._task, None
        ckpt, vae = models.find_checkpoint(task, args.ckpt), models.find_vae(args.vae)
        if args.depthmodel_path or task != "depth":
            depth_file = find_depth_checkpoint(args.depthmodel_path)
        check_metric(self._baseline, depth_file)
        if depth_file and depth_file.is_dir():
            self._stereo = options.fine_edges(args, self._stereo)
        self._files = {"depth_model": depth_file, "ckpt": ckpt, "vae": vae}
        self._team = Team(devices=self._batch.devices, device=args.device)
        model = models.load_model(
            task,
            ckpt=ckpt,
            vae=vae,
            config=args.config,
            parameterization=args.parameterization,
            precision=options.PRECISIONS.get(args.precision),
            device=self._team.device,
        )
        depth_model = depth_file and load_depth_model(depth_file, device=self._team.device)
        seen_by = depth_model
        if args.depth_views > 1:
            seen_by = AveragedViews(depth_model or model.depth_model.model, args.depth_views)
        self._models = Models(model, seen_by)
        scaled = not self._stereo.published_bookkeeping
        self._job = StereoJob(
            task,
            negative_prompt=getattr(args, "negative_prompt", ""),
            options=self._stereo,
            sampling=with_guidance(self._sampling, model, task),
            null_text=options_of(NullTextOptions, args, scale_with_steps=scaled),
            comfort=self._comfort,
            baseline=self._baseline,
        )
        read = [checkpoint_digest(path) for path in (ckpt, vae, args.config) if path]
        self._made_by = [
            [*read, *([depth_digest(depth_file)] if depth_file else [])],
            [args.precision, args.parameterization, args.map, args.depth_views],
        ]
        most = max(self._sampling.samples, self._batch.photos_at_once)
        largest = replace(self._job.sampling, samples=most)
        how = {"compiled": args.compile, "offloaded": args.offload}
        prepare(model, depth_model, largest, task=task, **how)
        self._noted = False

    def work(self) -> int:
        """Make and save the pairs of every input; returns the exit code."""
        at_once = self._batch.photos_at_once
        code = work_on_each(self._names, self._read, self._make, team=self._team, at_once=at_once)
        self._results.finish()
        return code

    def _read(self, name: Path | str) -> Item:
        if isinstance(name, Path):
            return self._alone or inputs.read_picture(name, self._args, self._argument)
        from stereo.pixels.codec import picture_size

        height_px, width_px = picture_size(self._models.diffusion, self._sampling)
        return inputs.read_prompt(name, self._args, size_px=(width_px, height_px))

    def _make(self, items: list[Item]) -> int:
        """Make what is not finished of some inputs; returns for how many there was some."""
        begun = set()
        for prompt in self._prompts if self._argument else [items[0].name]:
            works = (work for item in items for work in self._unfinished(item, prompt))
            for together in _of_one_size(works, at_once=len(items)):
                begun |= {work.item.path or work.item.name for work in together}
                self._run(together)
        return len(begun)

    def _unfinished(self, item: Item, prompt: str) -> Iterator[Work]:
        """Yield the batches of an input that are not finished; all inputs have the same seeds."""
        contents = [path and file_digest(path) for path in (item.path, item.map_path)]
        for batch in range(self._batch.n_iter):
            offset = 0 if self._batch.fixed_code else batch * self._sampling.samples
            sampling = replace(self._job.sampling, seed=(self._sampling.seed + offset) % SEEDS)
            job = replace(self._job, prompt=prompt, sampling=sampling)
            mark = fingerprint(
                {"name": item.name, "job": asdict(job), "files": [*contents, *self._made_by]}
            )
            there = self._finished.find(mark, sampling.samples) if self._finished else []
            sys.stdout.write("".join(f"{path}\n" for path in there))
            if not there:
                yield Work(item, job, mark)

    def _run(self, works: list[Work]) -> None:
        """Make the pairs of one batch, or of photos that are denoised together, and save them."""
        from stereo.cli.job import run
        from stereo.runtime.memory import explain_out_of_memory

        items, is_photo = [work.item for work in works], self._task == "image"
        job = replace(
            works[0].job,
            pictures=[item.image for item in items if item.path],
            disparities=[item.disparity for item in items],
            focal_widths=items[0].focal_widths,
            seeds=[work.job.sampling.seed for work in works if is_photo],
        )
        note = input_note(self._models.diffusion, job, self._prompts)
        if note and not self._noted and self._team.leads:
            log.info("%s", note)
            self._noted = True  # once is enough for a folder
        memory = explain_out_of_memory(
            self._models.diffusion,
            replace(job.sampling, samples=len(works)) if is_photo else job.sampling,
            items[0].size_px,
            fewer="--photos_at_once 1" if is_photo else "--n_samples 1",
        )
        one = items[0].name if items[0].path else ""
        with ProgressBar(one if len(items) == 1 else f"{len(items)} photos") as on_step, memory:
            pairs = run(job, self._models, on_step)
        groups = [[pair] for pair in pairs] if is_photo else [pairs]
        for work, group in zip(works, groups, strict=True):
            self._save(work, group)

    def _save(self, work: Work, pairs: "list[StereoPair]") -> None:
        files = {self._argument: work.item.path} if self._argument else {}
        self._results.save(
            pairs,
            self._models.diffusion,
            prefix=f"{work.item.path.stem}_" if work.item.path else "",
            fingerprint=work.fingerprint,
            files={**files, "map": self._args.disparity, **self._files},
        )


def _of_one_size(works: Iterable[Work], *, at_once: int) -> Iterator[list[Work]]:
    """Yield groups of at most `at_once` works whose pictures have one size and focal length."""
    if at_once == 1:
        yield from ([work] for work in works)
        return

    def camera(work: Work) -> tuple[int, int, float]:
        return (*work.item.size_px, work.item.focal_widths or 0)

    for _, group in groupby(sorted(works, key=camera), key=camera):
        same = list(group)
        yield from (same[k : k + at_once] for k in range(0, len(same), at_once))
