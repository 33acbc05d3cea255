"""The judge learns, repeatably, from its own seeds."""

from pathlib import Path

import torch

from shapes.report.bench import read_judge, write_judge
from shapes.report.judge import look
from shapes.report.judge_training import (
    TRAINING_FIRST_SEED,
    JudgeSettings,
    choose_seeds,
    judge_accuracy,
    render_labelled,
    train_judge,
)
from shapes.world.seeds import HELD_OUT_FIRST_SEED


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
