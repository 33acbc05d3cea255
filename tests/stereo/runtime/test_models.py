"""Every kind of checkpoint that models/README.md lists is loaded; others are refused by name."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

pytest.importorskip("diffusers")
pytest.importorskip("transformers")

from ldm.checkpoint import build_model, read_config  # noqa: E402
from ldm.diffusers_layout import read_pipeline  # noqa: E402
from ldm.known_files import ROOT  # noqa: E402
from stereo.runtime.models import find_checkpoint, load_model  # noqa: E402
from tests.ldm.diffusers_models import build_pipeline, save, small_hybrid  # noqa: E402

UNET, VAE = "model.diffusion_model.", "first_stage_model."
TEXT = "cond_stage_model.model.transformer.resblocks."
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass(frozen=True)
class Small:
    """A small Stable Diffusion 2.x: its diffusers folder, and what a single file of it holds."""

    folder: Path
    config: dict
    state: dict[str, Tensor]

    def file(self, path: Path, state: dict[str, Tensor] | None = None) -> Path:
        """Write a single file that says how small it is."""
        held = {name: tensor.contiguous() for name, tensor in (state or self.state).items()}
        save_file(held, path, metadata={"config": json.dumps(self.config)})
        return path


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Small:
    folder = save(build_pipeline("2.1 base"), tmp_path_factory.mktemp("small") / "folder")
    found = read_pipeline(folder)
    return Small(folder, found.config, {n: t.clone() for n, t in found.tensors.items()})


def thin(config: str, path: Path) -> Path:
    """Write a checkpoint of full-size names and shapes, with one stored number a tensor."""
    model = build_model(read_config(ROOT / "configs" / f"{config}.yaml"), device="meta")
    state = {
        name: torch.full((1,) * own.ndim, 0.01).expand(own.shape)
        for name, own in model.state_dict().items()
    }
    torch.save({"state_dict": state, "global_step": 1}, path)
    return path


def published_v1(small: Small, folder: Path) -> Path:
    return thin("v1-inference", folder / "sd-v1-4.ckpt")


def published_v2(small: Small, folder: Path) -> Path:
    return thin("v2-inference", folder / "v2-1_512-ema-pruned.ckpt")


def published_depth(small: Small, folder: Path) -> Path:
    return thin("v2-midas-inference", folder / "512-depth-ema.ckpt")


def bare(small: Small, folder: Path) -> Path:
    return small.file(folder / "bare.safetensors")


def averages(small: Small, folder: Path) -> Path:
    """Running averages alone, whose names have no dots."""
    state = {
        f"model_ema.{name[6:].replace('.', '')}" if name.startswith(UNET) else name: tensor
        for name, tensor in small.state.items()
    }
    return small.file(folder / "a.safetensors", state | {"model_ema.decay": torch.tensor(0.9)})


def fewer_layers(small: Small, folder: Path) -> Path:
    """The last block of a text encoder that is read before it."""
    arch = dict(small.config["model"]["params"]["cond_stage_config"]["params"]["arch"])
    arch["text_cfg"] = {**arch["text_cfg"], "layers": 4}
    params = {"arch": arch, "layer": "penultimate"}
    config = json.loads(json.dumps(small.config))
    config["model"]["params"]["cond_stage_config"]["params"] = params
    assert not any(name.startswith(f"{TEXT}3.") for name in small.state)
    return Small(small.folder, config, small.state).file(folder / "a.safetensors")


def attention_as_matrices(small: Small, folder: Path) -> Path:
    changed = {"q": "to_q", "k": "to_to_k", "v": "to_v", "proj_out": "to_out.0"}

    def renamed(name: str) -> str:
        found = re.fullmatch(r"(.*\.attn_1)\.(q|k|v|proj_out)\.(.*)", name)
        return f"{found[1]}.{changed[found[2]]}.{found[3]}" if found else name

    state = {
        renamed(name): tensor[:, :, 0, 0] if ".attn_1." in name and tensor.ndim == 4 else tensor
        for name, tensor in small.state.items()
    }
    return small.file(folder / "a.safetensors", state)


def leftovers(small: Small, folder: Path) -> Path:
    extra = {
        "embedding_manager.embedder.weight": torch.zeros(2, 2),
        "denoiser.sigmas": torch.zeros(1000),
        "model_ema.decay": torch.tensor(0.9),
        "cond_stage_model.transformer.embeddings.position_ids": torch.arange(77)[None],
    }
    return small.file(folder / "a.safetensors", small.state | extra)


def folder_of(kind: str) -> Callable[[Small, Path], Path]:
    return lambda small, folder: save(build_pipeline(kind), folder / "model")


def variant(small: Small, folder: Path) -> Path:
    return save(build_pipeline("2.1 base").to(torch.float16), folder / "model", variant="fp16")


def sharded(small: Small, folder: Path) -> Path:
    path = save(build_pipeline("2.1 base"), folder / "model", max_shard_size="1MB")
    assert (path / "unet" / "diffusion_pytorch_model.safetensors.index.json").is_file()
    return path


def pickled(small: Small, folder: Path) -> Path:
    return save(build_pipeline("2.1 base"), folder / "model", safe_serialization=False)


def cached(small: Small, folder: Path) -> str:
    """The hub's cache, whose files are links into its blobs."""
    repository = folder / "models--owner--name"
    (repository / "blobs").mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    for count, file in enumerate(small.folder.rglob("*.*")):
        if file.is_file():
            link = repository / "snapshots" / COMMIT / file.relative_to(small.folder)
            link.parent.mkdir(parents=True, exist_ok=True)
            (repository / "blobs" / str(count)).write_bytes(file.read_bytes())
            link.symlink_to(repository / "blobs" / str(count))
    return "owner/name"


def without_vae(small: Small, folder: Path) -> Path:
    state = {name: t for name, t in small.state.items() if not name.startswith(VAE)}
    return small.file(folder / "a.safetensors", state)


# By the first words of a row of the table in models/README.md.
TAKEN = {
    "Stable Diffusion 1.x": published_v1,
    "Stable Diffusion 2.x": published_v2,
    "Stable Diffusion 2-depth": published_depth,
    "Weights without `state_dict`": bare,
    "Running averages alone": averages,
    "A text encoder of 23 layers": fewer_layers,
    "An autoencoder with diffusers' attention": attention_as_matrices,
    "Leftovers of training": leftovers,
    "A diffusers folder of 1.x": folder_of("1.5"),
    "A diffusers folder of 2.x": folder_of("2.1"),
    "A diffusers folder of 2-depth": folder_of("2-depth"),
    "fp16 variants": variant,
    "Sharded safetensors": sharded,
    "Pickles in a folder": pickled,
    "A cached hub id": cached,
    "No autoencoder, with `--vae`": without_vae,
}


def test_readme_lists_what_is_tried_here() -> None:
    text = (ROOT / "models" / "README.md").read_text()
    table = text.partition("<!-- taken:begin -->")[2].partition("<!-- taken:end -->")[0]
    rows = [line.split("|")[1].strip() for line in table.splitlines() if line.startswith("|")]
    assert rows[2:] == list(TAKEN)


@pytest.mark.parametrize("kind", TAKEN)
def test_taken(small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    ckpt, task = TAKEN[kind](small, tmp_path), "depth" if "depth" in kind else "text"
    vae = small.folder if "--vae" in kind else None
    with small_hybrid() if "folder of 2-depth" in kind else pytest.MonkeyPatch.context():
        model = load_model(task, ckpt=ckpt, vae=vae, device="cpu", precision="fp32")
    assert not any(parameter.is_meta for parameter in model.parameters())
    if TAKEN[kind] in (bare, averages, attention_as_matrices, leftovers, sharded, pickled, cached):
        assert_same(model.state_dict(), small.state)


def assert_same(got: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    for name, tensor in expected.items():
        assert torch.equal(got[name], tensor), name


def test_v_and_schedule_come_from_the_folder(tmp_path: Path) -> None:
    folder = save(build_pipeline("zero terminal SNR"), tmp_path / "model")
    model = load_model("text", ckpt=folder, device="cpu")
    assert model.parameterization == "v" and model.zero_terminal_snr
    assert model.ddim_options.timestep_spacing == "trailing"
    assert model.alphas_cumprod[-1] == 0
    assert load_model("text", ckpt=folder, parameterization="v", device="cpu") is not None


@pytest.mark.parametrize("kind", ["file", "bare file", "vae folder"])
def test_another_autoencoder_takes_the_place(small: Small, tmp_path: Path, kind: str) -> None:
    held = load_file(small.folder / "vae" / "diffusion_pytorch_model.safetensors")
    changed = {name: tensor + 1 for name, tensor in held.items()}
    path = tmp_path / "vae.safetensors"
    if kind == "vae folder":
        path = tmp_path / "vae"
        path.mkdir()
        (path / "config.json").write_bytes((small.folder / "vae" / "config.json").read_bytes())
        save_file(changed, path / "diffusion_pytorch_model.safetensors")
    elif kind == "bare file":
        save_file(changed, path)
    else:
        own = {n.removeprefix(VAE): t + 1 for n, t in small.state.items() if n.startswith(VAE)}
        save_file(own | {"loss.logvar": torch.zeros(1)}, path)
    model = load_model("text", ckpt=bare(small, tmp_path), vae=path, device="cpu")
    expected = {n: t + 1 if n.startswith(VAE) else t for n, t in small.state.items()}
    assert_same(model.state_dict(), expected)


REFUSED = {
    "LoRA": {"lora_unet_down_blocks_0.lora_down.weight": (4, 8)},
    "another LoRA": {"unet.down_blocks.0.attn1.to_q.lora_A.weight": (4, 8)},
    "XL": {"conditioner.embedders.0.model.x": (1,), f"{UNET}input_blocks.0.0.weight": (8, 4, 3, 3)},
    "Flux": {f"{UNET}double_blocks.0.img_attn.qkv.weight": (4, 4)},
    "Stable Diffusion 3": {f"{UNET}joint_blocks.0.x": (1,)},
    "ControlNet": {"control_model.input_blocks.0.0.weight": (8, 4, 3, 3)},
    "textual-inversion": {"emb_params": (4, 768)},
    "autoencoder without a UNet": {"first_stage_model.encoder.conv_in.weight": (8, 3, 3, 3)},
    "diffusers layout alone": {"down_blocks.0.resnets.0.conv1.weight": (1,)},
    "inpainting": {f"{UNET}input_blocks.0.0.weight": (320, 9, 3, 3)},
}


@pytest.mark.parametrize("kind", REFUSED)
def test_other_models_are_refused_by_name(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.safetensors"
    save_file({name: torch.zeros(shape) for name, shape in REFUSED[kind].items()}, path)
    with pytest.raises(ValueError, match=f"^ckpt: {path}: holds [^\n]*{kind.split()[-1]}"):
        load_model("text", ckpt=path)


def test_missing_parts_and_eight_bits_are_told_in_words(small: Small, tmp_path: Path) -> None:
    eight = {n: t.to(torch.float8_e4m3fn) for n, t in small.state.items()}
    headless = {n: t for n, t in small.state.items() if not n.startswith("cond_stage_model.")}
    cases = (
        (without_vae(small, tmp_path), r"holds no autoencoder \(VAE\): name one with --vae"),
        (small.file(tmp_path / "b.safetensors", headless), "holds no text encoder"),
        (small.file(tmp_path / "c.safetensors", eight), "8 bits .*take its fp16 or fp32 version"),
    )
    for path, message in cases:
        with pytest.raises(ValueError, match=f"^ckpt: {path}: .*{message}"):
            load_model("text", ckpt=path)


def test_files_that_lie_about_themselves_name_the_argument(small: Small, tmp_path: Path) -> None:
    whole = bare(small, tmp_path).read_bytes()
    hostile = {"model": {"target": "os.system", "params": {"command": "true"}}}
    outward = {"parts_elsewhere": json.dumps({VAE: "../elsewhere.safetensors"})}
    path = tmp_path / "bad.safetensors"
    writers = (
        lambda: path.write_bytes(whole[: len(whole) // 2]),
        lambda: path.write_bytes((2**40).to_bytes(8, "little") + whole[8:]),
        lambda: save_file(small.state, path, metadata={"config": json.dumps(hostile)}),
        lambda: save_file(small.state, path, metadata={"config": json.dumps({"model": 3})}),
        lambda: save_file(small.state, path, metadata=outward),
        lambda: save_file(small.state, path, metadata={**outward, "parts_elsewhere": "[1]"}),
    )
    for write in writers:
        write()
        with pytest.raises((OSError, ValueError), match=f"^ckpt: {path}: [^\n]*$"):
            load_model("text", ckpt=path)


def test_a_repository_of_one_file_is_that_file(small: Small, tmp_path: Path) -> None:
    small.file(tmp_path / "a.safetensors")
    assert find_checkpoint("text", tmp_path) == tmp_path / "a.safetensors"
    small.file(tmp_path / "b.safetensors")
    with pytest.raises(ValueError, match="^ckpt: .*name one of a.safetensors, b.safetensors"):
        find_checkpoint("text", tmp_path)
