"""Which runs are timed, and how: each once to warm up, then in turns."""

import logging
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch

from stereo.benchmark import peers
from stereo.benchmark.measure import Sample, UNetCall, matmul_rate, measure, unet_call
from stereo.benchmark.networks import Networks, embedded_networks, random_networks
from stereo.benchmark.runs import one_image, pair, published_pair
from stereo.options import SamplingOptions, preset
from stereo.runtime.guidance import PUBLISHED_GUIDANCE
from stereo.runtime.models import Task
from stereo.runtime.speed import prepare

ONE_IMAGE, PAIR, PUBLISHED, PEER = "one image", "pair", "pair, published schedule", "diffusers"
# Enough for every kind of step to happen once: trunk, shift, right view, re-application.
WARM_UP_STEPS = 5

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class BenchmarkSettings:
    """What is measured."""

    tasks: Sequence[Task]
    presets: Sequence[str]  # each workflow with each
    sizes_px: Sequence[int]  # sides of the square pictures
    precisions: Sequence[str | None]  # of the denoiser; None is the device's own choice
    steps: int  # of DDIM
    samples: int  # pairs made at once; with null-text inversion one by one
    repeats: int  # measured runs of each kind, after the one that warms up
    published: bool  # run the published schedule, too
    random: bool  # full-size networks with random weights
    device: str | None  # None takes CUDA where there is one
    compiled: bool  # compile the denoiser first
    offloaded: bool  # networks are on the GPU only while they are used

    def sampling(self, task: Task, size_px: int) -> SamplingOptions:
        """Return the workflow's published guidance at a size."""
        return SamplingOptions(
            steps=self.steps,
            guidance_scale=PUBLISHED_GUIDANCE[task],
            samples=self.samples,
            height_px=size_px,
            width_px=size_px,
        )


@dataclass(frozen=True)
class PairRow:
    """One line of the table: medians of the runs of one kind."""

    task: str
    networks: str  # which were used
    size_px: int  # side of the pictures
    precision: str  # of the denoiser
    kind: str  # what was made
    preset: str  # of a pair, else empty
    samples: int  # made at once
    seconds: float  # of one of them
    busy_seconds: float  # of one; rates and ratios are made of these (`measure.Clock`)
    all_seconds: tuple[float, ...]  # of one, run by run
    evaluations: float | None  # of the UNet for one; of diffusers' none are counted
    flop_rate: float | None  # the UNet's FLOP over the whole time, without backward passes
    unet_rate: float | None  # FLOP/s inside one guided UNet call of this batch
    matmul_rate: float  # FLOP/s of a large matrix product on this device in this precision
    peak_bytes: int | None  # most memory in use
    to_one_image: float | None = None  # busy seconds over those of one image
    published_to_this: float | None = None  # those of the published schedule over these


def measure_pairs(settings: BenchmarkSettings) -> Iterator[PairRow]:
    """Yield the rows of every workflow, precision and size, each group when it is finished."""
    load = random_networks if settings.random else embedded_networks
    for task in settings.tasks:
        for precision in settings.precisions:
            networks = load(task, precision=precision, device=settings.device)
            prepare(
                networks.model,
                networks.depth_model,
                settings.sampling(task, settings.sizes_px[0]),
                task=task,
                compiled=settings.compiled,
                offloaded=settings.offloaded,
            )
            for size_px in settings.sizes_px:
                yield from _measure_group(networks, size_px, settings)


def _measure_group(networks: Networks, size_px: int, settings: BenchmarkSettings) -> list[PairRow]:
    """Measure one workflow at one size: all kinds in turns, so that ratios share what disturbs."""
    model, sampling = networks.model, settings.sampling(networks.task, size_px)
    short = replace(sampling, steps=min(WARM_UP_STEPS, settings.steps))
    for work in _kinds(networks, short, settings).values():
        work()
    kinds = _kinds(networks, sampling, settings)
    samples: dict[tuple[str, str], list[Sample]] = {kind: [] for kind in kinds}
    for number in range(settings.repeats):
        for kind, work in kinds.items():
            log.info("%s, %s, run %d of %d", networks.task, kind[0], number + 1, settings.repeats)
            samples[kind].append(measure(work, model.model.diffusion_model, model.device))
    side = size_px // model.downsample_factor
    call, rate = unet_call(model, sampling.samples, side), matmul_rate(model.device, model.dtype)
    rows = [_row(networks, sampling, kind, runs, call, rate) for kind, runs in samples.items()]
    return compare(rows)


def _kinds(
    networks: Networks, sampling: SamplingOptions, settings: BenchmarkSettings
) -> dict[tuple[str, str], Callable[[], None]]:
    """Return what is run, by kind and preset."""
    kinds = {(ONE_IMAGE, ""): partial(one_image, networks, sampling)}
    for name in settings.presets:
        kinds[PAIR, name] = partial(pair, networks, preset(name), sampling)
    if settings.published:
        kinds[PUBLISHED, "paper"] = partial(published_pair, networks, sampling)
    if networks.task != "depth" and peers.is_available():
        kinds[PEER, ""] = peers.peer_image(networks.model, sampling)
    return kinds


def _row(
    networks: Networks,
    sampling: SamplingOptions,
    kind: tuple[str, str],
    runs: list[Sample],
    call: UNetCall,
    matmul: float,
) -> PairRow:
    samples, counted = sampling.samples, kind[0] != PEER
    busy_seconds = statistics.median(run.busy_seconds / samples for run in runs)
    flop = call.flop_of(runs[0].evaluations) / samples
    return PairRow(
        task=networks.task,
        networks=networks.name,
        size_px=sampling.height_px,
        precision=str(networks.model.dtype).removeprefix("torch."),
        kind=kind[0],
        preset=kind[1],
        samples=samples,
        seconds=statistics.median(run.seconds / samples for run in runs),
        busy_seconds=busy_seconds,
        all_seconds=tuple(run.seconds / samples for run in runs),
        evaluations=runs[0].evaluations / samples if counted else None,
        flop_rate=flop / busy_seconds if counted else None,
        unet_rate=call.rate if counted else None,
        matmul_rate=matmul,
        peak_bytes=max((r.peak_bytes for r in runs if r.peak_bytes is not None), default=None),
    )


def compare(rows: list[PairRow]) -> list[PairRow]:
    """Fill in the ratios among the rows of one workflow at one size."""
    seconds = {row.kind: row.busy_seconds for row in rows}
    compared = []
    for row in rows:
        published = seconds.get(PUBLISHED) if row.kind == PAIR else None
        ratio = None if published is None else published / row.busy_seconds
        to_one_image = row.busy_seconds / seconds[ONE_IMAGE]
        compared.append(replace(row, to_one_image=to_one_image, published_to_this=ratio))
    return compared


def describe_device(device: torch.device) -> str:
    """Name the device and the number of threads."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device.type}, {torch.get_num_threads()} threads"
