"""Training the judge of shapes on rendered scenes, and its accuracy on held-out ones."""

import logging
from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from shapes.report.judge import GRID, INPUT_PX, SHAPE_NAMES, Judge, look
from shapes.world.layout import draw_scene
from shapes.world.scenes import render_views
from shapes.world.seeds import HELD_OUT_FIRST_SEED

log = logging.getLogger(__name__)

TRAINING_FIRST_SEED = 500_000_000
HELD_OUT_OFFSET = 500_000
MOST_OBJECTS = 2
RENDER_PX = 3 * INPUT_PX // 2
MARGIN_PX = 8
RENDER_BATCH = 32


@dataclass(frozen=True)
class JudgeSettings:
    """How the judge is trained; everything that decides its weights."""

    scenes: int = 12000
    epochs: int = 14
    batch: int = 32
    learning_rate: float = 2e-3
    seed: int = 0


@dataclass(frozen=True)
class LabelledScenes:
    """Pictures (N, 3, S, S) uint8, and the shape at each pixel (N, S, S) uint8, 0 = none."""

    pictures: Tensor
    labels: Tensor


def choose_seeds(first: int, count: int, *, objects: int | None = None) -> list[int]:
    """Return the first `count` seeds whose scenes have one or two objects (or just `objects`)."""
    seeds: list[int] = []
    seed = first
    while len(seeds) < count:
        named = draw_scene(seed).named
        if named == objects or (objects is None and named <= MOST_OBJECTS):
            seeds.append(seed)
        seed += 1
    return seeds


def render_labelled(seeds: list[int], *, size_px: int = RENDER_PX) -> LabelledScenes:
    """Render scenes with the label of the shape that each pixel shows.

    A batch at a time, as rendering takes many times the memory of what is kept of it.
    """
    batches = [seeds[first : first + RENDER_BATCH] for first in range(0, len(seeds), RENDER_BATCH)]
    parts = [_render_batch(batch, size_px=size_px) for batch in batches]
    return LabelledScenes(
        torch.cat([part.pictures for part in parts]), torch.cat([part.labels for part in parts])
    )


def _render_batch(seeds: list[int], *, size_px: int) -> LabelledScenes:
    views = render_views(seeds, size_px=size_px)
    labels = torch.zeros_like(views.surface, dtype=torch.uint8)
    for k, seed in enumerate(seeds):
        scene = draw_scene(seed)
        for index, solid in enumerate(scene.solids[: scene.named]):
            labels[k][views.surface[k] == index] = SHAPE_NAMES.index(solid.name) + 1
    pictures = (views.left * 255).round().clamp(0, 255).byte()
    return LabelledScenes(pictures, labels)


def train_judge(scenes: LabelledScenes, settings: JudgeSettings) -> Judge:
    """Train a judge from nothing; deterministic on one machine."""
    generator = torch.Generator().manual_seed(settings.seed)
    judge = _fresh_judge(settings.seed).train().to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(judge.parameters(), settings.learning_rate, weight_decay=0.02)
    per_epoch = len(scenes.pictures) // settings.batch
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, settings.learning_rate, total_steps=max(1, per_epoch * settings.epochs)
    )
    for epoch in range(settings.epochs):
        order = torch.randperm(len(scenes.pictures), generator=generator)
        loss_sum = 0.0
        for batch in order[: per_epoch * settings.batch].split(settings.batch):
            pictures, labels = vary(scenes, batch, generator)
            optimiser.zero_grad()
            with torch.autocast("cpu", torch.bfloat16):
                logits = judge(pictures)
            loss = F.cross_entropy(logits.float(), labels)
            loss.backward()
            optimiser.step()
            schedule.step()
            loss_sum += loss.item()
        log.info(
            "judge: epoch %d of %d, loss %.4f", epoch + 1, settings.epochs, loss_sum / per_epoch
        )
    return judge.eval()


def vary(
    scenes: LabelledScenes, batch: Tensor, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Return crops (B, 3, S, S) in [0, 1], mirrored, blurred, tinted, and labels (B, 32, 32).

    A generated picture is softer than a rendered one; the judge shall not mind.
    """
    side = scenes.pictures.shape[-1] - MARGIN_PX
    y, x, soft, mirror = torch.rand(4, generator=generator).tolist()
    top, left = int(y * (MARGIN_PX + 1)), int(x * (MARGIN_PX + 1))
    window = (..., slice(top, top + side), slice(left, left + side))
    pictures = scenes.pictures[batch][window].float() / 255
    labels = scenes.labels[batch][window].float()[:, None]
    labels = F.interpolate(labels, (GRID, GRID), mode="nearest-exact")[:, 0].long()
    if mirror < 0.5:
        pictures, labels = pictures.flip(-1), labels.flip(-1)
    if soft < 0.5:
        small = int(side * (0.35 + soft))
        pictures = F.interpolate(pictures, (small, small), mode="bilinear", antialias=True)
    tint = 1 + 0.1 * torch.randn(len(batch), 3, 1, 1, generator=generator)
    noise = 0.02 * torch.randn(pictures.shape, generator=generator)
    return (pictures * tint + noise).clamp(0, 1), labels


def judge_accuracy(judge: Judge, scenes: LabelledScenes) -> float:
    """Return the share of single-object scenes whose shape the judge names."""
    right = []
    for picture, labels in zip(scenes.pictures, scenes.labels, strict=True):
        seen = torch.bincount(labels.flatten().long(), minlength=1 + len(SHAPE_NAMES))[1:]
        if seen.sum() == 0:
            continue
        shares = look(judge, picture[None].float() / 255).shares[0]
        right.append(bool(shares.argmax() == seen.argmax()) and bool(shares.sum() > 0))
    return sum(right) / len(right)


def held_out_scenes(count: int) -> LabelledScenes:
    """Render held-out single-object scenes for `judge_accuracy`."""
    return render_labelled(choose_seeds(HELD_OUT_FIRST_SEED + HELD_OUT_OFFSET, count, objects=1))


def training_scenes(settings: JudgeSettings) -> LabelledScenes:
    """Render the scenes that the judge learns from; none of them is held out."""
    return render_labelled(choose_seeds(TRAINING_FIRST_SEED, settings.scenes))


def describe_settings(settings: JudgeSettings) -> dict:
    """Return everything that decides a judge's weights, JSON-able."""
    return {**asdict(settings), "first_seed": TRAINING_FIRST_SEED, "input_px": INPUT_PX}


def _fresh_judge(seed: int) -> Judge:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Judge()
