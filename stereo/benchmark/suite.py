"""Which runs are measured, and how: each once to warm up, then in turns."""

import logging
import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch

from stereo.benchmark import peers
from stereo.benchmark.measure import Sample, UNetCall, matmul_rate, measure, unet_call
from stereo.benchmark.networks import Networks, embedded_networks, random_networks
from stereo.benchmark.runs import one_image, pair, published_pair, sampling_of
from stereo.options import SamplingOptions, preset
from stereo.runtime.models import Task
from stereo.runtime.speed import prepare

ONE_IMAGE, PAIR, PUBLISHED, PEER = "one image", "pair", "pair, published schedule", "diffusers"
# Enough for every kind of step to happen once: trunk, shift, right view, re-application.
WARM_UP_STEPS = 5

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Settings:
    """What is measured.

    Attributes:
        tasks: workflows.
        presets: each workflow with each.
        sizes_px: sides of the square pictures.
        precisions: of the denoiser; None is the device's own choice.
        steps: DDIM steps.
        samples: pairs made at once; with null-text inversion one by one.
        repeats: measured runs of each kind, after the one that warms up.
        published: run the published schedule, too.
        random: full-size networks with random weights.
        device: None takes CUDA where there is one.
        compiled: compile the denoiser first.
        offloaded: networks are on the GPU only while they are used.
    """

    tasks: tuple[Task, ...]
    presets: tuple[str, ...]
    sizes_px: tuple[int, ...]
    precisions: tuple[str | None, ...]
    steps: int
    samples: int
    repeats: int
    published: bool
    random: bool
    device: str | None
    compiled: bool
    offloaded: bool


@dataclass(frozen=True)
class Row:
    """One line of the table: medians of the runs of one kind.

    Attributes:
        task: workflow.
        networks: which were used.
        size_px: side of the pictures.
        precision: of the denoiser.
        kind: what was made.
        preset: of a pair, else empty.
        samples: made at once.
        seconds: of one of them.
        busy_seconds: of one, which rates and ratios are made of (`measure.Clock`).
        all_seconds: of one, run by run.
        evaluations: of the UNet for one; of diffusers' none are counted.
        flop_rate: the UNet's FLOP over the whole time; backward passes are not counted.
        unet_rate: FLOP/s inside one guided UNet call of this batch.
        matmul_rate: FLOP/s of a large matrix product on this device in this precision.
        peak_bytes: most memory in use.
        to_one_image: busy seconds over those of one image.
        published_to_this: busy seconds of the published schedule over these.
    """

    task: str
    networks: str
    size_px: int
    precision: str
    kind: str
    preset: str
    samples: int
    seconds: float
    busy_seconds: float
    all_seconds: tuple[float, ...]
    evaluations: float | None
    flop_rate: float | None
    unet_rate: float | None
    matmul_rate: float
    peak_bytes: int | None
    to_one_image: float | None = None
    published_to_this: float | None = None


def measure_pairs(settings: Settings) -> Iterator[Row]:
    """Yield the rows of every workflow, precision and size, each group when it is finished."""
    load = random_networks if settings.random else embedded_networks
    for task in settings.tasks:
        for precision in settings.precisions:
            networks = load(task, precision=precision, device=settings.device)
            prepare(
                networks.model,
                networks.depth_model,
                _sampling(networks, settings.sizes_px[0], settings),
                task=task,
                compiled=settings.compiled,
                offloaded=settings.offloaded,
            )
            for size_px in settings.sizes_px:
                yield from _measure_group(networks, size_px, settings)


def _measure_group(networks: Networks, size_px: int, settings: Settings) -> list[Row]:
    """Measure one workflow at one size: all kinds in turns, so that ratios share what disturbs."""
    model = networks.model
    sampling = _sampling(networks, size_px, settings)
    short = replace(sampling, steps=min(WARM_UP_STEPS, settings.steps))
    for work in _kinds(networks, short, settings).values():
        work()
    kinds = _kinds(networks, sampling, settings)
    samples: dict[tuple[str, str], list[Sample]] = {kind: [] for kind in kinds}
    for number in range(settings.repeats):
        for kind, work in kinds.items():
            log.info("%s, %s, run %d of %d", networks.task, kind[0], number + 1, settings.repeats)
            unet = model.model.diffusion_model
            samples[kind].append(measure(work, unet, model.device))
    factor = model.downsample_factor
    call = unet_call(model, sampling.samples, (size_px // factor, size_px // factor))
    rate = matmul_rate(model.device, model.dtype)
    rows = [_row(networks, sampling, kind, runs, call, rate) for kind, runs in samples.items()]
    return compare(rows)


def _sampling(networks: Networks, size_px: int, settings: Settings) -> SamplingOptions:
    return sampling_of(networks, size_px=size_px, steps=settings.steps, samples=settings.samples)


def _kinds(
    networks: Networks, sampling: SamplingOptions, settings: Settings
) -> dict[tuple[str, str], Callable[[], None]]:
    """Return what is run, by kind and preset."""
    kinds = {(ONE_IMAGE, ""): one_image(networks, sampling)}
    for name in settings.presets:
        kinds[PAIR, name] = pair(networks, preset(name), sampling)
    if settings.published:
        kinds[PUBLISHED, "paper"] = published_pair(networks, sampling)
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
) -> Row:
    each = tuple(run.seconds / sampling.samples for run in runs)
    busy = statistics.median(run.busy_seconds / sampling.samples for run in runs)
    counted = kind[0] != PEER
    evaluations = runs[0].evaluations / sampling.samples if counted else None
    flop = call.flop_of(runs[0].evaluations, runs[0].shared) / sampling.samples
    peaks = [run.peak_bytes for run in runs if run.peak_bytes is not None]
    return Row(
        task=networks.task,
        networks=networks.name,
        size_px=sampling.height_px,
        precision=str(networks.model.dtype).removeprefix("torch."),
        kind=kind[0],
        preset=kind[1],
        samples=sampling.samples,
        seconds=statistics.median(each),
        busy_seconds=busy,
        all_seconds=each,
        evaluations=evaluations,
        flop_rate=flop / busy if counted else None,
        unet_rate=call.rate if counted else None,
        matmul_rate=matmul,
        peak_bytes=max(peaks, default=None),
    )


def compare(rows: list[Row]) -> list[Row]:
    """Fill in the ratios among the rows of one workflow at one size."""
    by_kind = {row.kind: row.busy_seconds for row in rows}
    image, published = by_kind[ONE_IMAGE], by_kind.get(PUBLISHED)
    return [
        replace(
            row,
            to_one_image=row.busy_seconds / image,
            published_to_this=published / row.busy_seconds
            if published is not None and row.kind == PAIR
            else None,
        )
        for row in rows
    ]


def describe_device(device: torch.device) -> str:
    """Name the device and the number of threads."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device.type}, {torch.get_num_threads()} threads"
