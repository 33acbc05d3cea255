"""The rows of the table, on small networks."""

import json
from dataclasses import replace

import pytest
import torch

from stereo.benchmark import peers, suite
from stereo.benchmark.networks import CONFIGS
from stereo.benchmark.report import PAIR_COLUMNS, as_json, table
from stereo.benchmark.shift_part import loop_shift, measure_shift
from stereo.benchmark.suite import BenchmarkSettings, measure_pairs
from stereo.method.shift import round_cells, shift
from tests.scripts.conftest import ROOT

SETTINGS = BenchmarkSettings(
    tasks=("text",),
    presets=("paper",),
    sizes_px=(64,),
    precisions=(None,),
    steps=5,
    samples=2,
    repeats=1,
    published=True,
    random=False,
    device="cpu",
    compiled=False,
    offloaded=False,
)


@pytest.fixture
def rows(tiny_networks, monkeypatch) -> list[suite.PairRow]:
    monkeypatch.setattr(suite, "embedded_networks", lambda task, **named: tiny_networks)
    monkeypatch.setattr(peers, "is_available", lambda: False)
    return list(measure_pairs(SETTINGS))


def test_rows_count_evaluations_and_compare(rows):
    image, pair, published = rows
    assert [row.kind for row in rows] == ["one image", "pair", "pair, published schedule"]
    # Five steps, the shift after the second: 5 + 3 of the right view; 5 + 2 x 5 as published.
    assert [row.evaluations for row in rows] == [10, 16, 30]
    assert image.to_one_image == 1
    assert pair.to_one_image == pair.busy_seconds / image.busy_seconds
    assert pair.published_to_this == published.busy_seconds / pair.busy_seconds
    assert all(len(row.all_seconds) == 1 and row.flop_rate > 0 for row in rows)
    lines = table(PAIR_COLUMNS, rows).splitlines()
    assert len({line.count("|") for line in lines}) == 1
    assert "| text | 64x64 x2 | float32 | pair | paper |" in lines[3]
    stored = json.loads(json.dumps(as_json("python benchmark.py", "cpu", rows, [])))
    assert stored["pairs"][1]["evaluations"] == 16


def test_medians_are_of_all_runs(tiny_networks, monkeypatch):
    monkeypatch.setattr(suite, "embedded_networks", lambda task, **named: tiny_networks)
    monkeypatch.setattr(peers, "is_available", lambda: False)
    few = replace(SETTINGS, steps=1, samples=1, repeats=3, published=False)
    for row in measure_pairs(few):
        assert sorted(row.all_seconds)[1] == row.seconds
        assert row.published_to_this is None


def test_photos_are_made_together_where_inversion_allows(tiny_networks, monkeypatch):
    networks = replace(tiny_networks, task="image")
    monkeypatch.setattr(suite, "embedded_networks", lambda task, **named: networks)
    monkeypatch.setattr(peers, "is_available", lambda: False)
    few = replace(SETTINGS, tasks=("image",), presets=("best",), samples=3, published=False)
    image, pair = measure_pairs(few)
    # Of 5 steps up, unguided, and the last one down beside the left view, evaluated for it again.
    assert (image.evaluations, pair.evaluations) == (10, 7)
    assert pair.samples == 3


def test_the_loop_is_the_same_shift():
    generator = torch.Generator().manual_seed(0)
    view = torch.randn(2, 4, 6, 16, generator=generator)
    disparity = torch.rand(2, 6, 16, generator=generator)
    offset = round_cells(-3.0 * disparity, "nearest")
    shifted, valid = shift(view, offset)
    # Nearer wins: in a right view that is what the loop writes last.
    assert torch.equal(loop_shift(view, offset), shifted)
    assert not valid.all()


@pytest.mark.slow
def test_the_shift_is_a_thousand_times_the_loop_and_linear():
    against_loop, *sizes = measure_shift(torch.device("cpu"))
    assert against_loop.loop_seconds / against_loop.seconds >= 1000
    per_cell = [row.nanoseconds_per_cell for row in sizes]
    assert per_cell[-1] < 8 * per_cell[1]


def full_size_unet(task: str) -> torch.nn.Module:
    from ldm.checkpoint import build_model, read_config

    config = read_config(ROOT / "configs" / f"{CONFIGS[task]}.yaml")
    return build_model(config, device="meta").model.diffusion_model


@pytest.mark.parametrize(("task", "heads"), [("text", [5, 10, 20, 20]), ("image", [8, 8, 8, 8])])
def test_diffusers_is_given_the_published_shapes(task, heads):
    shape = peers.unet_shape(full_size_unet(task))
    assert shape["block_out_channels"] == [320, 640, 1280, 1280]
    assert shape["attention_head_dim"] == heads
    assert shape["layers_per_block"] == 2
    assert shape["down_block_types"] == ["CrossAttnDownBlock2D"] * 3 + ["DownBlock2D"]
    assert shape["up_block_types"] == ["UpBlock2D"] + ["CrossAttnUpBlock2D"] * 3
    assert shape["use_linear_projection"] == (task == "text")


@pytest.mark.parametrize("task", ["text", "image"])
def test_diffusers_network_has_as_many_weights(task):
    diffusers = pytest.importorskip("diffusers")
    unet = full_size_unet(task)
    with torch.device("meta"):
        peer = diffusers.UNet2DConditionModel(**peers.unet_shape(unet))
    sizes = [sum(p.numel() for p in network.parameters()) for network in (unet, peer)]
    assert sizes[0] == sizes[1]
