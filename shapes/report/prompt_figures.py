"""Figures of pictures made from prompts: what was asked for is there, the given depth is obeyed.

Every measure is also taken where its answer is known: on rendered scenes with their own captions,
the most that it can give, and on the same pictures judged by another prompt, which is chance.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from shapes.report.asks import Ask, others_of, pair_asks, single_asks
from shapes.report.bench import Bench
from shapes.report.generate import make_pictures, to_uint8
from shapes.report.judge import SHAPE_NAMES, Judge, ShapeMap, look
from shapes.report.judge_training import choose_seeds
from shapes.report.line import Line, percent
from shapes.report.measures import rank_correlation
from shapes.report.verdicts import dominant_colour, shows_pair
from shapes.world.captions import SeenObject
from shapes.world.scenes import Views, render_views
from shapes.world.seeds import HELD_OUT_FIRST_SEED
from stereo.depth.disparity import disparity_of_tensor

TRUE_SCENES_OFFSET = 700_000
CAPTIONED_APART = 0.12  # the world says "left of" from this distance on


@dataclass(frozen=True)
class Seen:
    """A picture (H, W, 3) uint8, where objects are in it (H, W) bool, and the shape that it is."""

    image: np.ndarray
    mask: np.ndarray
    shape: str | None


def measure_single(bench: Bench) -> list[Line]:
    """Measure one-object prompts: the named colour dominates, the named shape is recognised."""
    asks = single_asks(bench.settings.count)
    seen = picture_prompts(bench, asks)
    true_asks, true_seen = true_scenes(bench.judge, bench.settings.count, objects=1)
    others = others_of(asks)
    count = len(asks)
    lines = []
    for what, target, is_right in (
        ("colour dominant in the object", 0.95, has_colour),
        ("shape recognised", 0.85, has_shape),
    ):
        made, best, chance = (
            percent([is_right(s, a) for s, a in zip(pictures, prompts, strict=True)])
            for pictures, prompts in ((seen, asks), (true_seen, true_asks), (seen, others))
        )
        note = against(best, chance)
        lines.append(Line(f"one-object prompts: named {what}", made, target, "%", count, note))
    accuracy = bench.judge_accuracy
    name = "the judge of shapes itself, held-out scenes"
    note = "a small classifier that learned from rendered scenes only"
    return [*lines, Line(name, accuracy, 0.97, "%", 300, note)]


def measure_pairs(bench: Bench) -> list[Line]:
    """Measure two-object prompts: both colours are there, and left and right are right."""
    asks = pair_asks(bench.settings.count)
    seen = picture_prompts(bench, asks)
    true_asks, true_seen = true_scenes(bench.judge, bench.settings.count, objects=2)
    others = others_of(asks)
    made, best, chance = (
        percent([shows_pair(s.image, s.mask, a) for s, a in zip(pictures, prompts, strict=True)])
        for pictures, prompts in ((seen, asks), (true_seen, true_asks), (seen, others))
    )
    name = "two-object prompts: both colours, left and right as asked"
    return [Line(name, made, 0.75, "%", len(asks), against(best, chance))]


def measure_depth_conditioned(bench: Bench) -> list[Line]:
    """Measure how pictures follow the depth that they were given, as the depth network sees it."""
    count = bench.settings.count
    views = render_views(range(HELD_OUT_FIRST_SEED, HELD_OUT_FIRST_SEED + count))
    given = views.disparity_left_px
    pictures = make_pictures(
        bench.depth_conditioned, views.captions, bench.settings.sampling, disparity=given
    )
    found = disparity_of_tensor(bench.depth_model, pictures * 2 - 1).cpu()
    on_truth = disparity_of_tensor(bench.depth_model, views.left * 2 - 1).cpu()
    made, best = mean_correlation(given, found), mean_correlation(given, on_truth)
    chance = mean_correlation(given.roll(1, 0), found)
    name = "depth-conditioned pictures: rank correlation of the given disparity with DPT's"
    note = f"{best:.3f} on the true pictures, {chance:.3f} with another scene's disparity"
    return [Line(name, made, 0.9, "", count, note)]


def against(best: float, chance: float) -> str:
    """Say what a share is to be held against."""
    return f"{100 * best:.0f} % on rendered scenes, {100 * chance:.0f} % under another prompt"


def mean_correlation(given: Tensor, found: Tensor) -> float:
    """Return the mean rank correlation of maps (N, H, W)."""
    values = [
        rank_correlation(a.flatten().numpy(), b.flatten().numpy())
        for a, b in zip(given, found, strict=True)
    ]
    return float(np.mean(values))


def picture_prompts(bench: Bench, asks: list[Ask]) -> list[Seen]:
    """Make a picture for each prompt and look at it."""
    texts = [ask.text for ask in asks]
    return see(bench.judge, make_pictures(bench.model, texts, bench.settings.sampling))


def see(judge: Judge, pictures: Tensor) -> list[Seen]:
    """Look at pictures (N, 3, H, W) in [0, 1]."""
    images = to_uint8(pictures)
    seen = []
    for image, picture in zip(images, pictures.split(1), strict=True):
        shapes = look(judge, picture)
        seen.append(Seen(image, object_mask(shapes, image.shape[:2]), object_shape(shapes)))
    return seen


def object_mask(shapes: ShapeMap, size: tuple[int, int]) -> np.ndarray:
    """Return where the first picture's objects are, (H, W) bool."""
    mask = (shapes.labels[:1, None] > 0).float()
    return F.interpolate(mask, size, mode="nearest-exact")[0, 0].bool().numpy()


def object_shape(shapes: ShapeMap) -> str | None:
    """Return the shape with most evidence in the first picture, None where there is no object."""
    shares = shapes.shares[0]
    return SHAPE_NAMES[int(shares.argmax())] if shares.sum() > 0 else None


def has_colour(seen: Seen, ask: Ask) -> bool:
    """Tell whether the asked colour is the object's dominant one."""
    return dominant_colour(seen.image, seen.mask) == ask.colours[0]


def has_shape(seen: Seen, ask: Ask) -> bool:
    """Tell whether the asked shape is seen."""
    return seen.shape == ask.shapes[0]


@torch.no_grad()
def true_scenes(judge: Judge, count: int, *, objects: int) -> tuple[list[Ask], list[Seen]]:
    """Look at held-out scenes, with what their own captions would ask for."""
    asks: list[Ask] = []
    pictures, first = [], HELD_OUT_FIRST_SEED + TRUE_SCENES_OFFSET
    while len(asks) < count:
        seeds = choose_seeds(first, count - len(asks), objects=objects)
        views = render_views(seeds)
        for k, found in enumerate(views.objects):
            ask = true_ask(found, views, k)
            if len(found) == objects and ask is not None:
                asks.append(ask)
                pictures.append(views.left[k])
        first = seeds[-1] + 1
    return asks, see(judge, torch.stack(pictures))


def true_ask(found: list[SeenObject], views: Views, index: int) -> Ask | None:
    """Return what a scene shows; None for two objects that no caption calls left and right."""
    ordered = sorted(found, key=lambda entry: entry.centre[0])
    if len(ordered) == 2 and ordered[1].centre[0] - ordered[0].centre[0] < CAPTIONED_APART:
        return None
    colours, shapes = (
        tuple(getattr(entry, key) for entry in ordered) for key in ("colour", "shape")
    )
    return Ask(views.captions[index], colours, shapes)
