"""Folders that are none, that are damaged or that point elsewhere: one line, and nothing is run."""

import json
from collections.abc import Callable
from pathlib import Path
from shutil import copytree, rmtree

import pytest
import torch
from safetensors.torch import save_file

pytest.importorskip("diffusers")
pytest.importorskip("transformers")

from ldm.checkpoint import load_model  # noqa: E402
from ldm.diffusers_folder import DiffusersFolder  # noqa: E402
from ldm.stored import checkpoint_digest  # noqa: E402
from tests.ldm.diffusers_models import build_pipeline, save  # noqa: E402

UNET = Path("unet", "diffusion_pytorch_model.safetensors")


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(build_pipeline("2.1 base"), tmp_path_factory.mktemp("saved") / "model")


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    return copytree(saved, tmp_path / "model")


def changed(place: str, **values: object) -> Callable[[Path], None]:
    """Return what changes a JSON file of a folder; None takes a key out."""

    def change(folder: Path) -> None:
        found = json.loads((folder / place).read_text()) | values
        kept = {key: value for key, value in found.items() if value is not None}
        (folder / place).write_text(json.dumps(kept))

    return change


def removed(place: str) -> Callable[[Path], None]:
    def remove(folder: Path) -> None:
        path = folder / place
        rmtree(path) if path.is_dir() else path.unlink()

    return remove


def linked(place: str) -> Callable[[Path], None]:
    """Return what moves a file or folder out, and leaves a link to it."""

    def link(folder: Path) -> None:
        outside = folder.parent / "outside"
        (folder / place).rename(outside)
        (folder / place).symlink_to(outside)

    return link


def written(place: str, content: bytes) -> Callable[[Path], None]:
    return lambda folder: (folder / place).write_bytes(content)


def sharded(**index: object) -> Callable[[Path], None]:
    def shard(folder: Path) -> None:
        (folder / UNET).unlink()
        (folder / "unet" / f"{UNET.name}.index.json").write_text(json.dumps(index))

    return shard


UNET_CONFIG, SCHEDULER = "unet/config.json", "scheduler/scheduler_config.json"
BAD = {
    "no index": (removed("model_index.json"), "a folder without model_index.json"),
    "index of something else": (changed("model_index.json", _class_name=None), "no named pipeline"),
    "other pipeline": (
        changed("model_index.json", _class_name="StableDiffusionXLPipeline"),
        "holds a StableDiffusionXLPipeline: take a Stable Diffusion",
    ),
    "pipeline of its own code": (
        changed("model_index.json", _class_name=["pipeline", "Own"]),
        "no named pipeline",
    ),
    "index no JSON": (written("model_index.json", b"{"), "is no JSON"),
    "index too deep": (written("model_index.json", b"[" * 10**5), "is no JSON"),
    "index no mapping": (written("model_index.json", b"[]"), "holds no keys and values"),
    "no UNet": (removed("unet"), "unet/config.json is missing"),
    "no autoencoder": (removed("vae"), "vae/config.json is missing"),
    "no text encoder": (removed("text_encoder"), "text_encoder/config.json is missing"),
    "no scheduler": (removed("scheduler"), "scheduler_config.json is missing"),
    "no weights": (removed(str(UNET)), "no weights in unet"),
    "unknown class": (
        changed(UNET_CONFIG, _class_name="os.system"),
        "class: got 'os.system', expected UNet2DConditionModel",
    ),
    "class no word": (changed(UNET_CONFIG, _class_name={"a": 1}), "expected UNet2DConditionModel"),
    "unknown block": (
        changed(UNET_CONFIG, down_block_types=["subprocess.Popen"] * 4),
        "down_block_types: got",
    ),
    "unknown activation": (
        changed("text_encoder/config.json", hidden_act=["x"]),
        "hidden_act: got",
    ),
    "other channels": (changed(UNET_CONFIG, in_channels=9), "in_channels: got 9, expected 4"),
    "many layers": (changed(UNET_CONFIG, layers_per_block=10**9), "layers_per_block: got"),
    "a list for a number": (changed(UNET_CONFIG, cross_attention_dim=[1]), "cross_attention_dim"),
    "endless numbers": (changed("vae/config.json", scaling_factor=float("nan")), "scaling_factor"),
    "uneven widths": (changed(UNET_CONFIG, block_out_channels=[32, 48, 64, 64]), "multiples"),
    "other weights": (changed(UNET_CONFIG, cross_attention_dim=32), "but the config describes"),
    "fewer layers": (changed("text_encoder/config.json", num_hidden_layers=2), "weights unknown"),
    "prediction of the picture": (changed(SCHEDULER, prediction_type="sample"), "prediction_type"),
    "unknown betas": (changed(SCHEDULER, beta_schedule="squaredcos_cap_v2"), "beta_schedule"),
    "betas no numbers": (changed(SCHEDULER, trained_betas=["a"]), "trained_betas: got"),
    "weights cut off": (written(str(UNET), b"x" * 99), "text file"),
    "link of a file": (linked(str(UNET)), "is a link that leads out of it"),
    "link of a folder": (linked("vae"), "is a link that leads out of it"),
    "shards elsewhere": (sharded(weight_map={"a": "../../x.safetensors"}), "lists no files"),
    "shards missing": (sharded(weight_map={"a": "x.safetensors"}), "x.safetensors is missing"),
    "shards none": (sharded(weight_map={}), "lists no files"),
    "shards no map": (sharded(weight_map=[1]), "lists no files"),
}


@pytest.mark.parametrize("fault", BAD)
def test_bad_folders(folder: Path, fault: str) -> None:
    damage, message = BAD[fault]
    damage(folder)
    with pytest.raises((OSError, ValueError)) as caught:
        load_model(folder)
    assert message in str(caught.value) and "\n" not in str(caught.value)
    assert str(caught.value).startswith(str(folder))


def test_full_weights_come_before_variants_and_pickles(tmp_path: Path) -> None:
    names = ("diffusion_pytorch_model.bin", "model.ema.safetensors", "model.fp16.safetensors")
    names += ("model.safetensors", "openvino_model.bin", "model-00001-of-00002.safetensors")
    for name in names:
        save_file({"a": torch.zeros(1)}, tmp_path / name)
    order = ("model.safetensors", names[2], names[1], names[0])
    for expected in order:
        (found,) = DiffusersFolder(tmp_path).weight_files()
        assert found.name == expected
        found.unlink()
    with pytest.raises(FileNotFoundError, match="no weights"):
        DiffusersFolder(tmp_path).weight_files()


def test_links_into_the_blobs_of_a_cached_repository_are_inside(tmp_path: Path) -> None:
    repository = tmp_path / "models--owner--name"
    snapshot = repository / "snapshots" / "0123"
    snapshot.mkdir(parents=True)
    for place in (repository / "blobs" / "a", tmp_path / "b"):
        place.parent.mkdir(exist_ok=True)
        place.write_text("{}")
        (snapshot / f"{place.name}.json").symlink_to(place)
    assert DiffusersFolder(snapshot).read_json("a.json") == {}
    with pytest.raises(ValueError, match="leads out of it"):
        DiffusersFolder(snapshot).read_json("b.json")


def test_digest_sees_every_file_that_is_read(folder: Path) -> None:
    before = checkpoint_digest(folder)
    (folder / "README.md").write_text("more")
    assert checkpoint_digest(folder) == before
    for place in (UNET_CONFIG, SCHEDULER, str(UNET), "vae/config.json", "model_index.json"):
        with (folder / place).open("ab") as file:
            file.write(b" ")
        assert checkpoint_digest(folder) != before
        before = checkpoint_digest(folder)
