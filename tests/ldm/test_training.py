"""Training: losses by hand, every part for two steps, resuming, and refusals."""

import copy
import dataclasses
import json
import math
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from timm.layers import GroupNormAct

from dpt.models import load_depth_model
from ldm.checkpoint import load_model
from ldm.data.scene import HELD_OUT_SEEDS
from ldm.training import checkpoint, diffusion, fast_norm, losses, pool, report
from ldm.training.autoencoder import AutoencoderTask, start_plainly
from ldm.training.checkpoint import CHECKPOINT, INDEX, read_checkpoint, read_pieces, write_pieces
from ldm.training.diffusion import DiffusionTask
from ldm.training.ema import WeightAverage
from ldm.training.loop import learning_rate
from ldm.training.parts import train_part
from ldm.training.settings import Settings, parse_settings, read_settings
from ldm.training.weights import autoencoder_config, part_config
from ldm.util import instantiate_from_config

CONFIGS = Path(__file__).parents[2] / "configs" / "shapes"
SIZE_PX = 32


def tiny_pool(folder: Path, count: int = 6) -> None:
    """Write a pool of `count` random images instead of rendering one."""
    numbers = np.random.default_rng(0)
    images = numbers.integers(0, 256, (count, SIZE_PX, SIZE_PX, 3), dtype=np.uint8)
    disparity = np.linspace(1, 9, count * SIZE_PX**2, dtype=np.float16)
    folder.mkdir(parents=True)
    pool.save_array(folder / "00000.images.npy", images)
    pool.save_array(folder / "00000.disparity.npy", disparity.reshape(count, SIZE_PX, SIZE_PX))
    (folder / "00000.captions.json").write_text(str(["a red sphere"] * count).replace("'", '"'))


def tiny_settings(part: str, folder: Path) -> Settings:
    """Return the shipped configuration of a part, shrunk to run in a second."""
    settings = read_settings(CONFIGS / f"{part}.yaml")
    assert isinstance(settings, Settings)
    config = copy.deepcopy(dataclasses.asdict(settings))
    config["data"] = {"folder": str(folder / "pool"), "scenes": 6, "size_px": SIZE_PX}
    config["stages"] = [{"start": 0.0, "size_px": SIZE_PX, "batch": 2}]
    config["limits"] = {"max_steps": 2, "max_minutes": 5.0, "save_minutes": 5.0}
    config["weights"] = str(folder / f"{part}.safetensors")
    config["start"] = {name: str(folder / f"{name}.safetensors") for name in config["start"]}
    if part == "diffusion":
        config["start"].pop("coarser_diffusion")
    config["compile"] = False
    params = config["model"]["params"]
    if part == "autoencoder":
        params["ddconfig"].update(ch_mult=[1, 1], resolution=SIZE_PX)
    elif part in ("diffusion", "depth"):
        params["image_size"] = SIZE_PX // 2
        params["unet_config"]["params"].update(channel_mult=[1, 1], attention_resolutions=[2])
        text = params["cond_stage_config"]["params"]["arch"]["text_cfg"]
        text.update(layers=1)
    return parse_settings(config)


def train(settings: Settings, folder: Path, *, resume: bool = False) -> Path:
    """Train a part into a folder named after it; return the folder."""
    train_part(settings, folder=folder / settings.part, devices=1, resume=resume)
    return folder / settings.part


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which all four parts were trained for two steps."""
    folder = tmp_path_factory.mktemp("training")
    tiny_pool(folder / "pool")
    for part in ("autoencoder", "dpt", "diffusion", "depth"):
        train(tiny_settings(part, folder), folder)
    return folder


def test_gradient_loss_by_hand() -> None:
    ramp = torch.tensor([[0.0, 1.0], [2.0, 3.0]])  # 1 along x, 2 along y
    assert losses.gradient_loss(ramp, torch.zeros(2, 2)) == pytest.approx((1 + 2) / 2)
    assert losses.gradient_loss(ramp + 7, ramp) == 0


def test_reconstruction_loss_by_hand() -> None:
    black, grey = torch.zeros(1, 3, 8, 8), torch.full((1, 3, 8, 8), 0.25)
    # 0.25 at full size and at an eighth of it; no gradient in either.
    assert losses.reconstruction_loss(black, grey, gradient_weight=9.0) == pytest.approx(0.5)


def test_standardise_by_hand() -> None:
    found = losses.standardise(torch.tensor([[[1.0, 2.0, 6.0]]]))  # median 2, deviation 5 / 3
    torch.testing.assert_close(found, torch.tensor([[[-0.6, 0.0, 2.4]]]), atol=1e-5, rtol=0)


def test_disparity_loss_ignores_scale_and_shift() -> None:
    true = torch.rand(2, 16, 16, generator=torch.Generator().manual_seed(1))
    assert losses.disparity_loss(3 * true + 5, true) < 1e-4
    assert losses.disparity_loss(-true, true) > 1
    assert losses.disparity_loss(torch.zeros_like(true), true).isfinite()


def test_learning_rate_warms_up_and_ends_at_zero() -> None:
    assert learning_rate(0, 0.0, peak=1.0, warmup=10) == pytest.approx(0.1)
    assert learning_rate(50, 0.5, peak=1.0, warmup=10) == pytest.approx(0.5)
    assert learning_rate(99, 1.0, peak=1.0, warmup=10) == pytest.approx(0.0)


def test_new_autoencoder_already_shows_colours() -> None:
    """Without its plain start, training loses all colours for a thousand steps."""
    settings = read_settings(CONFIGS / "autoencoder.yaml")
    assert isinstance(settings, Settings)
    model = instantiate_from_config(settings.model)
    start_plainly(model)
    image = torch.zeros(1, 3, 32, 32)
    image[:, 0, :16], image[:, 2, 16:] = 1.0, 1.0  # red above blue
    with torch.no_grad():
        top, bottom = model.decode(model.encode(image).mode())[0].split(16, dim=1)
    assert top.mean((1, 2)).argmax() == 0
    assert bottom.mean((1, 2)).argmax() == 2


def test_average_is_applied_and_taken_back() -> None:
    layer = torch.nn.Linear(1, 1, bias=False)
    layer.weight.data.fill_(1.0)
    average = WeightAverage(layer, decay=0.5)
    layer.weight.data.fill_(3.0)
    average.update()  # decay min(0.5, 2 / 11)
    with average.applied():
        assert layer.weight.item() == pytest.approx(1 + 2 * 9 / 11)
    assert layer.weight.item() == 3.0


def test_fast_norm_keeps_the_activation_that_a_norm_does() -> None:
    layer = GroupNormAct(8, num_groups=2)
    x = torch.randn(2, 8, 3, 3)
    wanted = layer(x)
    fast_norm.use_fast_norms(layer)
    torch.testing.assert_close(layer(x), wanted)
    assert (wanted == 0).any() and (wanted >= 0).all()


@pytest.mark.parametrize("groups", [1, 2, 8])
def test_fast_norm_has_the_gradients_of_the_slow_one(groups: int) -> None:
    generator = torch.Generator().manual_seed(groups)
    x, grad = torch.randn(2, 2, 8, 5, 6, generator=generator)
    weight, bias = torch.randn(2, 8, generator=generator)
    inputs = [value.requires_grad_() for value in (x, weight, bias)]
    norms = (
        torch.nn.functional.group_norm(x, groups, weight, bias, 1e-6),
        fast_norm._GroupNorm.apply(x, weight, bias, groups, 1e-6),
    )
    slow, fast = (torch.autograd.grad(out, inputs, grad) for out in norms)
    torch.testing.assert_close(norms[1], norms[0])
    for ours, theirs in zip(fast, slow, strict=True):
        torch.testing.assert_close(ours, theirs, atol=2e-5, rtol=1e-4)


def test_rank_correlation_by_hand() -> None:
    values = np.array([1.0, 2.0, 3.0, 4.0])
    assert report.rank_correlation(values, values**3) == pytest.approx(1.0)
    # Ranks 1 2.5 2.5 4 against 1 2 3 4.
    tied = report.rank_correlation(np.array([0.0, 5.0, 5.0, 9.0]), values)
    assert tied == pytest.approx(4.5 / math.sqrt(4.5 * 5))


def test_crops_are_a_function_of_the_generator(tmp_path: Path) -> None:
    tiny_pool(tmp_path / "pool")
    scenes = pool.open_pool(tmp_path / "pool")
    first, second = (
        pool.draw_crops(scenes, 4, size_px=16, generator=torch.Generator().manual_seed(3))
        for _ in range(2)
    )
    assert torch.equal(first[0], second[0]) and torch.equal(first[1], second[1])
    assert first[0].shape == (4, 3, 16, 16) and first[1].shape == (4, 16, 16)
    assert -1 <= first[0].min() < 0 < first[0].max() <= 1


def test_joined_pools_keep_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "SHARD_SCENES", 6)
    tiny_pool(tmp_path / "pool")
    part = pool.open_pool(tmp_path / "pool")
    joined = pool.join_pools([part, part])
    last = len(part)
    assert len(joined) == 2 * last
    assert np.array_equal(joined.image(last), part.image(0))
    assert np.array_equal(joined.disparity_px(last + 1), part.disparity_px(1))
    assert joined.captions[last:] == part.captions


def test_empty_pool_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="holds no rendered shard"):
        pool.open_pool(tmp_path)


def whole(trained: Path, part: str, path: Path) -> Path:
    """Write a part's file with the parts that it only names, as trained here; return `path`."""
    with safe_open(trained / f"{part}.safetensors", framework="pt") as file:
        metadata = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}
    own = {"first_stage_model.": "autoencoder", "depth_model.model.": "dpt"}
    for prefix in json.loads(metadata.pop("parts_elsewhere")):
        with safe_open(trained / f"{own[prefix]}.safetensors", framework="pt") as file:
            tensors |= {prefix + name: file.get_tensor(name) for name in file.keys()}
    save_file(tensors, path, metadata=metadata)
    return path


def test_diffusion_weights_load(trained: Path, tmp_path: Path) -> None:
    model = load_model(whole(trained, "diffusion", tmp_path / "whole.safetensors"))
    prompt = model.get_learned_conditioning(["a red sphere"])
    noise = torch.zeros(1, 4, 8, 8)
    out = model.apply_model(noise, torch.tensor([500]), prompt)
    assert out.shape == noise.shape and model.parameterization == "v"
    factor = part_config(trained / "autoencoder.safetensors")["scale_factor"]
    assert model.scale_factor == factor


def test_another_part_is_no_autoencoder(trained: Path) -> None:
    with pytest.raises(ValueError, match="is no autoencoder's"):
        autoencoder_config(trained / "diffusion.safetensors")


def test_a_coarser_denoiser_starts_all_but_the_new_level(trained: Path) -> None:
    settings = tiny_settings("diffusion", trained)
    config = copy.deepcopy(dataclasses.asdict(settings))
    config["model"]["params"]["unet_config"]["params"].update(
        channel_mult=[1, 1, 1], attention_resolutions=[4]
    )
    path = trained / "diffusion.safetensors"
    config["start"]["coarser_diffusion"] = str(path)
    unet = DiffusionTask(parse_settings(config)).model.model.diffusion_model
    coarser = diffusion.read_denoiser(path)
    prefix = "model.diffusion_model."
    moved = coarser[f"{prefix}input_blocks.3.0.in_layers.2.weight"]
    assert torch.equal(unet.input_blocks[5][0].in_layers[2].weight, moved)
    stayed = coarser[f"{prefix}output_blocks.1.0.in_layers.2.weight"]
    assert torch.equal(unet.output_blocks[1][0].in_layers[2].weight, stayed)
    # Flat latents, averaged and with the noise's deviation as before, reach it as they did.
    flat = torch.randn(1, 4, 1, 1, generator=torch.Generator().manual_seed(3)).expand(
        -1, -1, 16, 16
    )
    stem = (coarser[f"{prefix}input_blocks.0.0.{name}"] for name in ("weight", "bias"))
    wanted = F.conv2d(2 * flat[..., ::2, ::2], *stem, padding=1)
    found = unet.input_blocks[2][0](unet.input_blocks[0][0](flat))
    inside = (..., slice(2, -2), slice(2, -2))
    assert (found - wanted)[inside].norm() < 0.1 * wanted[inside].norm()


def test_a_denoiser_that_does_not_fit_below_is_refused(trained: Path) -> None:
    settings = tiny_settings("diffusion", trained)
    start = {**settings.start, "coarser_diffusion": str(trained / "diffusion.safetensors")}
    with pytest.raises(ValueError, match="does not fit below a new level"):
        DiffusionTask(dataclasses.replace(settings, start=start))


def test_few_objects_are_drawn_more_often(trained: Path) -> None:
    captions = ["a red box", "a tall red box left of a pink card on a plain floor", "no name"]
    captions_file = trained / "pool" / "00000.captions.json"
    kept = captions_file.read_text()
    captions_file.write_text(json.dumps(captions * 2))
    try:
        settings = tiny_settings("diffusion", trained)
        data = dataclasses.replace(settings.data, few_objects=1.0)
        task = DiffusionTask(dataclasses.replace(settings, data=data))
    finally:
        captions_file.write_text(kept)
    torch.testing.assert_close(task.chances, torch.tensor([1, 0.5, 1] * 2))


@given(share=st.floats(0.0, 1.0, width=32), spread=st.floats(0.0, 1.0, width=32))
def test_times_stay_in_range_and_settle_where_told(share: float, spread: float) -> None:
    time = float(diffusion.settling_times(torch.tensor([spread]), share=share))
    assert 0 <= time <= 1
    if spread < share:
        first, last = diffusion.SETTLING
        assert first - 1e-6 <= time <= last + 1e-6  # float32


def test_depth_network_loads(trained: Path) -> None:
    network = load_depth_model(trained / "dpt.safetensors")
    assert network(torch.zeros(1, 3, 64, 64)).shape == (1, 64, 64)


def test_files_name_those_of_the_parts_that_they_share(trained: Path) -> None:
    shared = {
        "first_stage_model.": "models/first_stage_models/shapes.safetensors",
        "depth_model.model.": "midas_models/shapes-dpt.safetensors",
    }
    for part, left_out in (("diffusion", {"first_stage_model."}), ("depth", set(shared))):
        with safe_open(trained / f"{part}.safetensors", framework="pt") as file:
            named = json.loads(file.metadata()["parts_elsewhere"])
            names = set(file.keys())
        assert named == {prefix: shared[prefix] for prefix in left_out}
        assert not any(name.startswith(tuple(left_out)) for name in names)
        assert "model.diffusion_model.input_blocks.0.0.weight" in names


def test_depth_sibling_is_whole_with_its_depth_network(trained: Path, tmp_path: Path) -> None:
    model = load_model(whole(trained, "depth", tmp_path / "whole.safetensors"))
    text = model.get_learned_conditioning(["a blue box"])
    condition = {"c_crossattn": [text], "c_concat": [torch.zeros(1, 1, 8, 8)]}
    out = model.apply_model(torch.zeros(1, 4, 8, 8), torch.tensor([10]), condition)
    assert out.shape == (1, 4, 8, 8)
    assert model.depth_model(torch.zeros(1, 3, 64, 64)).shape == (1, 1, 64, 64)


def test_a_run_leaves_curve_and_picture(trained: Path) -> None:
    for part in ("autoencoder", "dpt", "diffusion", "depth"):
        assert list((trained / part / "samples").glob("*.png"))
        assert (trained / part / CHECKPOINT / INDEX).is_file()


def test_resume_continues_the_count(trained: Path) -> None:
    settings = tiny_settings("autoencoder", trained)
    longer = dataclasses.replace(settings, limits=dataclasses.replace(settings.limits, max_steps=5))
    folder = train(longer, trained, resume=True)
    found = read_checkpoint(folder / CHECKPOINT)
    assert found["global_step"] == 5
    assert found["average"]["updates"] == 5


def test_an_interrupted_run_ends_in_the_weights_of_one_without(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = tiny_settings("autoencoder", trained)
    # By steps alone, as the clock would tell two runs apart.
    limits = dataclasses.replace(settings.limits, max_steps=6, max_minutes=1e9)
    paths = [tmp_path / f"{name}.safetensors" for name in ("whole", "interrupted")]
    whole, interrupted = (
        dataclasses.replace(settings, limits=limits, weights=str(path)) for path in paths
    )
    train(whole, tmp_path / "whole")
    asked, real = [], AutoencoderTask.loss

    def loss(task: AutoencoderTask, *args: Any) -> torch.Tensor:
        asked.append(1)
        if len(asked) == 4:
            raise KeyboardInterrupt
        return real(task, *args)

    monkeypatch.setattr(AutoencoderTask, "loss", loss)
    with pytest.raises(KeyboardInterrupt):
        train(interrupted, tmp_path / "interrupted")
    saved = read_checkpoint(tmp_path / "interrupted" / settings.part / CHECKPOINT)
    assert saved["global_step"] == 3
    train(interrupted, tmp_path / "interrupted", resume=True)
    expected, found = (load_file(path) for path in paths)
    for name, values in expected.items():
        assert torch.equal(values, found[name]), name


def test_resume_from_another_configuration_is_refused(trained: Path) -> None:
    settings = dataclasses.replace(tiny_settings("dpt", trained), seed=1)
    with pytest.raises(ValueError, match="another configuration"):
        train(settings, trained, resume=True)


def test_resume_from_a_damaged_checkpoint_is_refused(trained: Path, tmp_path: Path) -> None:
    settings = tiny_settings("dpt", trained)
    folder = tmp_path / "dpt" / CHECKPOINT

    def refused() -> None:
        with pytest.raises(ValueError, match="cannot be read") as caught:
            train(settings, tmp_path, resume=True)
        assert "\n" not in str(caught.value)

    for content in (b"not a checkpoint", pickle.dumps(print)):
        write_pieces(folder, memoryview(content))
        refused()
    next(path for path in folder.iterdir() if path.name != INDEX).unlink()
    refused()
    for index in ("", "[1]", '{"../../secret": 3}', '{"a": "b"}'):
        (folder / INDEX).write_text(index)
        refused()
    with pytest.raises(FileNotFoundError, match="--resume"):
        train(settings, tmp_path / "empty", resume=True)


def test_pieces_are_small_and_the_last_whole_state_survives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "PIECE_BYTES", 100)
    states = [bytes(range(256)), b"x" * 1000]
    for content in states:
        write_pieces(tmp_path, memoryview(content))
        assert read_pieces(tmp_path).read() == content
        assert all(path.stat().st_size <= 100 for path in tmp_path.iterdir() if path.name != INDEX)
        assert len(list(tmp_path.iterdir())) == 1 + math.ceil(len(content) / 100)

    def full_disk(path: Path, content: bytes) -> None:
        written.append(path)
        if len(written) == 3:
            raise OSError(28, "No space left on device")
        path.write_bytes(content)

    written: list[Path] = []
    monkeypatch.setattr(checkpoint, "write_bytes", full_disk)
    with pytest.raises(OSError, match="No space left"):
        write_pieces(tmp_path, memoryview(b"y" * 1000))
    assert read_pieces(tmp_path).read() == states[-1]


def test_part_before_is_named(tmp_path: Path) -> None:
    tiny_pool(tmp_path / "pool")
    with pytest.raises(FileNotFoundError, match="autoencoder.safetensors is not there"):
        train(tiny_settings("diffusion", tmp_path), tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"part": "text"}, "part: got 'text'"),
        ({"stages": []}, "stages"),
        ({"optimiser": {"speed": 1}}, "unknown key 'speed'"),
        ({"colour": 1}, "unknown key 'colour'"),
        ({"limits": 3}, "limits: got 3, expected keys and values"),
        ({"limits": {"max_minutes": "ten"}}, "limits, max_minutes: got 'ten'"),
        ({"limits": {"max_minutes": 0}}, "limits, max_minutes: got 0"),
        ({"stages": 3}, "stages: got 3, expected a list"),
        ({"stages": [3]}, "stages: got 3, expected keys and values"),
        ({"data": {"first_seed": 1_000_000_000}}, "negative or held out"),
        ({"data": {"first_seed": 999_999_000, "scenes": 1001}}, "negative or held out"),
        ({"data": {"first_seed": -1}}, "negative or held out"),
    ],
)
def test_bad_configuration(change: dict, message: str, tmp_path: Path) -> None:
    settings = read_settings(CONFIGS / "dpt.yaml")
    assert isinstance(settings, Settings)
    with pytest.raises(ValueError, match=message):
        parse_settings({**dataclasses.asdict(settings), **change})


@pytest.mark.parametrize("content", [b"part: [", b"\xff\xfe\x00", b"parts: 3", b"- 1", b"a: ${b}"])
def test_bad_file(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "part.yaml"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="config: .*part.yaml") as caught:
        read_settings(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("part", ["autoencoder", "dpt", "diffusion", "diffusion-more", "depth"])
def test_no_part_learns_from_held_out_scenes(part: str) -> None:
    settings = read_settings(CONFIGS / f"{part}.yaml")
    for pool_part in settings.data.parts():
        seeds = range(pool_part.first_seed, pool_part.first_seed + pool_part.scenes)
        assert seeds[0] not in HELD_OUT_SEEDS and seeds[-1] not in HELD_OUT_SEEDS
        assert seeds[-1] < HELD_OUT_SEEDS[0] or seeds[0] > HELD_OUT_SEEDS[-1]


def test_a_folder_is_for_the_scenes_of_one_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "SHARD_SCENES", 1)
    pool.render_pool(tmp_path / "pool", 1, first_seed=5, size_px=64)
    pool.render_pool(tmp_path / "pool", 1, first_seed=5, size_px=64)
    for other in ({"first_seed": 6, "size_px": 64}, {"first_seed": 5, "size_px": 128}):
        with pytest.raises(ValueError, match="holds scenes of .*'first_seed': 5"):
            pool.render_pool(tmp_path / "pool", 1, **other)


def test_all_parts_are_listed_in_order() -> None:
    found = read_settings(CONFIGS / "all.yaml")
    assert [path.stem for path in found] == [
        "autoencoder",
        "dpt",
        "diffusion-128",
        "diffusion",
        "depth",
    ]
