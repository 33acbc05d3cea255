"""The report's measures give known verdicts, can fail, and its section is replaced cleanly."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from shapes.report import prompt_figures
from shapes.report.asks import Ask, pair_asks, single_asks
from shapes.report.bench import Bench, Settings, read_judge, write_judge
from shapes.report.colours import colour_shares, lab
from shapes.report.generate import Sampling, make_pictures
from shapes.report.judge import GRID, SHAPE_NAMES, look
from shapes.report.judge_training import (
    TRAINING_FIRST_SEED,
    JudgeSettings,
    choose_seeds,
    judge_accuracy,
    render_labelled,
    train_judge,
)
from shapes.report.measures import rank_correlation
from shapes.report.photo_figure import converge, draw_trials, photo_lines
from shapes.report.verdicts import colour_places, dominant_colour, shows_pair
from shapes.world.materials import COLOURS
from shapes.world.scenes import render_views
from shapes.world.seeds import HELD_OUT_FIRST_SEED
from stereo.evaluation.metrics import PSNR_LIMIT_DB, psnr

SIDE = 64
GREY = (128, 128, 128)


class SquareJudge(torch.nn.Module):
    """Takes the middle half of every picture for a sphere."""

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        logits = torch.zeros(len(pictures), 1 + len(SHAPE_NAMES), GRID, GRID)
        logits[:, 0] = 9.0
        middle = slice(GRID // 4, 3 * GRID // 4)
        logits[:, 0, middle, middle] = -9.0
        logits[:, 1 + SHAPE_NAMES.index("sphere"), middle, middle] = 9.0
        return logits


def paint(colour: str) -> tuple[int, ...]:
    return tuple(round(255 * part) for part in COLOURS[colour])


def picture(*patches: tuple[str, slice]) -> tuple[np.ndarray, np.ndarray]:
    """Paint upright patches of a colour on grey; returns the image and where they are."""
    image = np.full((SIDE, SIDE, 3), GREY, np.uint8)
    mask = np.zeros((SIDE, SIDE), bool)
    for colour, columns in patches:
        image[16:48, columns] = paint(colour)
        mask[16:48, columns] = True
    return image, mask


@pytest.mark.parametrize("shade", [0.55, 0.8, 1.0])
@pytest.mark.parametrize("colour", COLOURS)
def test_a_shaded_colour_keeps_its_name(colour: str, shade: float):
    if colour == "orange" and shade < 0.6:
        pytest.skip("dark orange is brown")
    pixels = np.full((4, 4, 3), [round(c * shade) for c in paint(colour)], np.uint8)
    assert dominant_colour(pixels, np.ones((4, 4), bool)) == colour


def test_lab_of_known_colours():
    found = lab(np.array([[1.0, 1.0, 1.0], [0.0, 0.0, 0.0], [1.0, 0.0, 0.0]]))
    expected = [[100, 0, 0], [0, 0, 0], [53.24, 80.09, 67.20]]
    np.testing.assert_allclose(found, expected, atol=0.05)


def test_dominant_colour_counts_the_object_alone():
    image, mask = picture(("blue", slice(20, 30)))
    image[:, 40:] = paint("red")  # larger, but not the object
    assert dominant_colour(image, mask) == "blue"
    mask[:, 40:] = True
    assert dominant_colour(image, mask) == "red"


def test_no_object_has_no_colour_and_no_place():
    image, mask = picture()
    assert dominant_colour(image, mask) is None
    assert colour_places(image, mask) == {}
    assert colour_shares(image, mask) == {}


@pytest.mark.parametrize("seed", range(3))
def test_rendered_objects_have_the_colour_that_the_world_says(seed: int):
    seeds = choose_seeds(HELD_OUT_FIRST_SEED + 1000 * seed, 8, objects=1)
    views = render_views(seeds, size_px=64)
    images = (views.left * 255).byte().permute(0, 2, 3, 1).numpy()
    named = [
        dominant_colour(image, surface.numpy() == 0) == found[0].colour
        for image, surface, found in zip(images, views.surface, views.objects, strict=True)
    ]
    assert sum(named) >= 7


def test_pair_is_judged_by_colours_and_places():
    ask = Ask("a red box left of a blue box", ("red", "blue"), ("box", "box"))
    right_way = picture(("red", slice(5, 25)), ("blue", slice(40, 60)))
    assert shows_pair(*right_way, ask)
    assert not shows_pair(*picture(("blue", slice(5, 25)), ("red", slice(40, 60))), ask)
    assert not shows_pair(*picture(("red", slice(5, 25)), ("green", slice(40, 60))), ask)
    assert not shows_pair(*picture(("red", slice(5, 25))), ask)
    assert not shows_pair(*picture(), ask)


def test_pair_needs_a_gap_and_more_than_a_speck():
    ask = Ask("", ("red", "blue"), ("box", "box"))
    image, mask = picture(("red", slice(20, 40)))
    image[16:32, 20:40] = paint("blue")  # one above the other
    assert not shows_pair(image, mask, ask)
    speck = picture(("red", slice(5, 35)), ("blue", slice(50, 52)))
    assert not shows_pair(*speck, ask)


@given(st.integers(0, 63), st.integers(0, 63))
@settings(max_examples=20)
def test_places_are_the_columns_of_the_patches(first: int, second: int):
    left, right = sorted((first, second))
    if right - left < 4:
        return
    image, mask = picture(
        ("yellow", slice(left, left + 2)), ("purple", slice(right - 1, right + 1))
    )
    places = colour_places(image, mask)
    if mask.mean() >= 0.02:
        assert places["yellow"] < places["purple"]


def test_prompts_use_all_pairs_and_ask_for_what_they_say():
    singles = single_asks(60)
    assert len({(a.colours, a.shapes) for a in singles}) == 60
    for ask in singles:
        assert f"{ask.colours[0]} {ask.shapes[0]}" in ask.text
    for ask in pair_asks(60):
        assert ask.colours[0] != ask.colours[1]
        first = ask.text.index(f"{ask.colours[0]} {ask.shapes[0]}")
        second = ask.text.index(f"{ask.colours[1]} {ask.shapes[1]}")
        assert (first < second) == (" left of " in ask.text)
    asks = single_asks(24)
    for ask, other in zip(asks, asks[7:] + asks[:7], strict=True):
        assert ask.colours != other.colours and ask.shapes != other.shapes


def test_rank_correlation_by_hand():
    a = np.array([1.0, 2.0, 3.0, 4.0])
    assert rank_correlation(a, np.array([10.0, 20.0, 21.0, 1e6])) == pytest.approx(1)
    assert rank_correlation(a, -a) == pytest.approx(-1)
    assert rank_correlation(a, np.array([1.0, 3.0, 2.0, 4.0])) == pytest.approx(0.8)
    # Ties share their mean rank: ranks (1, 2.5, 2.5, 4) against (1, 2, 3, 4).
    assert rank_correlation(a, np.array([1.0, 2.0, 2.0, 3.0])) == pytest.approx(0.9486833)


def test_psnr_by_hand():
    black = np.zeros((4, 4, 3), np.uint8)
    assert psnr(black, black + 255) == pytest.approx(0)
    assert psnr(black, black + 1) == pytest.approx(48.1308, abs=1e-3)
    assert psnr(black, black) == PSNR_LIMIT_DB


def test_random_pictures_score_low(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    def noise(_model: object, texts: list[str], _sampling: Sampling) -> torch.Tensor:
        generator = torch.Generator().manual_seed(1)
        return torch.rand(len(texts), 3, SIDE, SIDE, generator=generator)

    monkeypatch.setattr(prompt_figures, "make_pictures", noise)
    monkeypatch.setattr(prompt_figures, "true_scenes", lambda judge, n, objects: true_pair(objects))
    bench = Bench(Settings(count=20), tmp_path)
    bench.__dict__.update(model=None, judge=SquareJudge(), judge_accuracy=0.5)
    colour, shape, judge = prompt_figures.measure_single(bench)
    assert colour.value <= 0.15 and not colour.is_met
    assert shape.value <= 0.25 and not shape.is_met
    assert not judge.is_met
    (pairs,) = prompt_figures.measure_pairs(bench)
    assert pairs.value <= 0.1 and not pairs.is_met


def true_pair(objects: int) -> tuple[list[Ask], list[prompt_figures.Seen]]:
    """Return one picture that shows what it is asked for."""
    patches = (("red", slice(10, 25)), ("blue", slice(40, 55)))[:objects]
    image, mask = picture(*patches)
    ask = Ask("", ("red", "blue")[:objects], ("sphere", "box")[:objects])
    return [ask], [prompt_figures.Seen(image, mask, "sphere")]


def test_pictures_as_asked_score_high(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    asks = single_asks(12)

    def obedient(_model: object, texts: list[str], _sampling: Sampling) -> torch.Tensor:
        images = [picture((ask.colours[0], slice(16, 48)))[0] for ask in asks[: len(texts)]]
        return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2) / 255

    monkeypatch.setattr(prompt_figures, "make_pictures", obedient)
    monkeypatch.setattr(prompt_figures, "true_scenes", lambda judge, n, objects: true_pair(objects))
    bench = Bench(Settings(count=12), tmp_path)
    bench.__dict__.update(model=None, judge=SquareJudge(), judge_accuracy=0.99)
    colour, shape, judge = prompt_figures.measure_single(bench)
    assert colour.value == 1 and colour.is_met and judge.is_met
    assert shape.value == pytest.approx(2 / 12)  # every sixth prompt asks for a sphere
    assert "0 % under another prompt" in colour.note


def test_true_scenes_ask_for_what_they_show():
    asks, seen = prompt_figures.true_scenes(SquareJudge(), 2, objects=2)
    assert len(asks) == len(seen) == 2
    for ask in asks:
        assert ask.colours[0] != ask.colours[1]
        if " left of " in ask.text:
            assert ask.text.index(ask.colours[0]) < ask.text.index(ask.colours[1])
        if " right of " in ask.text:
            assert ask.text.index(ask.colours[0]) > ask.text.index(ask.colours[1])


def test_depth_correlation_tells_obedience_from_chance():
    rows = torch.arange(8.0)[:, None].expand(8, 8) + torch.arange(8.0) * 0.01
    given = torch.stack([rows, rows.T])
    assert prompt_figures.mean_correlation(given, given**3) == pytest.approx(1)
    assert prompt_figures.mean_correlation(given, given.roll(1, 0)) < 0.3


def test_judge_learns_is_repeatable_and_is_kept(tmp_path: Path):
    chosen = JudgeSettings(scenes=12, epochs=2, batch=4)
    scenes = render_labelled(choose_seeds(TRAINING_FIRST_SEED, chosen.scenes), size_px=72)
    assert set(scenes.labels.unique().tolist()) <= set(range(7)) and scenes.labels.any()
    judge = train_judge(scenes, chosen)
    again = train_judge(scenes, chosen)
    pictures = scenes.pictures[:2].float() / 255
    torch.testing.assert_close(judge(pictures), again(pictures))
    accuracy = judge_accuracy(judge, scenes)
    assert 0 <= accuracy <= 1
    write_judge(tmp_path / "judge.safetensors", judge, accuracy)
    read, stored = read_judge(tmp_path / "judge.safetensors")
    assert stored == accuracy
    torch.testing.assert_close(look(read, pictures).shares, look(judge, pictures).shares)


def test_judge_trains_on_no_held_out_seed():
    assert TRAINING_FIRST_SEED + 10 * JudgeSettings().scenes < HELD_OUT_FIRST_SEED


def test_trials_are_true_and_copying_is_not():
    trial = draw_trials(1, size_px=64)[0]
    assert trial.psnr(trial.right) == PSNR_LIMIT_DB
    assert trial.psnr(trial.left) < 30
    assert 2 < trial.scale_percent < 12


def test_converging_brings_the_farthest_plane_to_zero_parallax():
    left = np.random.default_rng(0).integers(0, 256, (4, 32, 3), np.uint8)
    right = np.roll(left, -3, axis=1)  # a plane at 3 px
    trial = converge(left, right, np.full((4, 32), 3.0) + np.eye(4, 32) * 5)
    assert trial.converged_px == 3
    assert trial.psnr(left) == PSNR_LIMIT_DB
    assert trial.scale_percent == pytest.approx(100 * 5 / 32)


def test_photo_lines_compare_scene_by_scene():
    above_copy, above_plain = photo_lines([20.0, 22.0], [14.0, 16.0], [21.0, 22.5])
    assert above_copy.value == pytest.approx(6) and above_copy.is_met
    assert above_plain.value == pytest.approx(-0.75) and not above_plain.is_met
    assert "better in 0 of 2" in above_plain.note
    assert not photo_lines([20.0], [14.0], [20.0])[1].is_met


def test_pictures_depend_on_seed_and_prompt_alone(tiny_model, tiny_depth_conditioned):
    sampling = Sampling(steps=2, guidance_scale=2.0)
    texts = ["a red box"] * 5
    pictures = make_pictures(tiny_model, texts, sampling)
    assert pictures.shape == (5, 3, 64, 64)
    assert 0 <= pictures.min() and pictures.max() <= 1
    alone = make_pictures(tiny_model, texts[:1], sampling)
    torch.testing.assert_close(pictures[:1], alone, atol=1e-4, rtol=1e-4)
    assert not torch.equal(pictures[0], pictures[4])
    ramp = torch.linspace(0, 1, 64).expand(1, 64, 64)
    one, other = (
        make_pictures(tiny_depth_conditioned, texts[:1], sampling, disparity=near)
        for near in (ramp, ramp.flip(-1))
    )
    assert not torch.allclose(one, other)
