"""Loading and saving checkpoints, and refusing what is none."""

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from ldm.checkpoint import build_model, load_model
from ldm.models.diffusion.ddpm import LatentDiffusion
from ldm.models.diffusion.schedule import SCHEDULE_NAMES as SCHEDULE
from ldm.published_names import UNREAD
from ldm.recognise import guess_parameterization
from ldm.saving import save_checkpoint, write_tensors
from ldm.stored import checkpoint_digest
from tests.golden import weights
from tests.ldm.tiny import TINY, lightning_payload


@pytest.fixture(scope="module")
def model() -> LatentDiffusion:
    return weights.fill(build_model(TINY)).eval()


def assert_same_weights(got: torch.nn.Module, expected: torch.nn.Module) -> None:
    expected_state = expected.state_dict()
    for name, tensor in got.state_dict().items():
        assert torch.equal(tensor, expected_state[name].to(tensor.dtype)), name


@pytest.mark.parametrize("zipped", [True, False])
def test_lightning_file(tmp_path, model, zipped):
    path = tmp_path / "last.ckpt"
    torch.save(lightning_payload(model), path, _use_new_zipfile_serialization=zipped)
    loaded = load_model(path, config=TINY)
    assert_same_weights(loaded, model)
    assert not loaded.training
    assert not any(p.requires_grad for p in loaded.parameters())


def test_bare_state_and_safetensors(tmp_path, model):
    torch.save(model.state_dict(), tmp_path / "bare.pt")
    save_file(model.state_dict(), tmp_path / "bare.safetensors")
    for name in ("bare.pt", "bare.safetensors"):
        assert_same_weights(load_model(tmp_path / name, config=TINY), model)


def test_yaml_file_as_config(tmp_path, model):
    torch.save(model.state_dict(), tmp_path / "bare.pt")
    (tmp_path / "a.yaml").write_text(json.dumps(TINY))
    assert_same_weights(load_model(tmp_path / "bare.pt", config=tmp_path / "a.yaml"), model)


def test_saved_model_comes_back_with_its_config(tmp_path, model):
    path = tmp_path / "deep" / "tiny.safetensors"
    save_checkpoint(model, path, TINY)
    assert [p.name for p in path.parent.iterdir()] == ["tiny.safetensors"]
    (tmp_path / "plain").touch()
    assert path.stat().st_mode == (tmp_path / "plain").stat().st_mode
    with safe_open(path, "pt") as stored:
        assert json.loads(stored.metadata()["config"]) == TINY
        assert all(stored.get_tensor(n).dtype == torch.float16 for n in stored.keys())  # noqa: SIM118
        assert not set(stored.keys()) & {*SCHEDULE, *UNREAD}
    loaded = load_model(path)
    assert loaded.parameterization == "v"
    for name, tensor in loaded.state_dict().items():
        if name not in UNREAD:
            expected = model.state_dict()[name]
            expected = expected if name in SCHEDULE else expected.half().float()
            assert torch.equal(tensor, expected), name
    assert loaded.get_learned_conditioning(["a cube"]).shape == (1, 77, 16)


def test_saving_over_itself_while_mapped(tmp_path, model):
    path = tmp_path / "tiny.safetensors"
    save_checkpoint(model, path, TINY)
    loaded = load_model(path, dtype=torch.float16)
    save_checkpoint(loaded, path, TINY)
    assert_same_weights(load_model(path, dtype=torch.float16), loaded)


def test_failed_save_leaves_the_old_file(tmp_path, model):
    path = tmp_path / "tiny.safetensors"
    path.write_bytes(b"old")
    broken = build_model(TINY)
    with torch.no_grad():
        broken.cond_stage_model.model.ln_final.weight[0] = 1e6
    with pytest.raises(ValueError, match="ln_final.weight is not finite in float16"):
        save_checkpoint(broken, path, TINY)
    assert [p.name for p in tmp_path.iterdir()] == ["tiny.safetensors"]
    assert path.read_bytes() == b"old"


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_weights_are_converted_and_the_schedule_is_not(tmp_path, model, dtype):
    torch.save(model.state_dict(), tmp_path / "a.ckpt")
    loaded = load_model(tmp_path / "a.ckpt", config=TINY, dtype=dtype)
    assert {p.dtype for p in loaded.parameters()} == {dtype}
    assert all(getattr(loaded, name).dtype == torch.float32 for name in SCHEDULE)


def test_half_precision_schedule_is_recomputed_and_exact_one_is_kept(tmp_path, model):
    state = {n: t.half() for n, t in model.state_dict().items()}
    torch.save(state, tmp_path / "half.ckpt")
    loaded = load_model(tmp_path / "half.ckpt", config=TINY)
    assert torch.equal(loaded.alphas_cumprod, model.alphas_cumprod)
    state["betas"] = model.betas + 1
    torch.save(state, tmp_path / "own.ckpt")
    assert torch.equal(load_model(tmp_path / "own.ckpt", config=TINY).betas, model.betas + 1)


def test_changing_a_loaded_model_leaves_the_file_alone(tmp_path, model):
    for name, write in (("a.ckpt", torch.save), ("a.safetensors", save_file)):
        write(model.state_dict(), tmp_path / name)
        before = (tmp_path / name).read_bytes()
        loaded = load_model(tmp_path / name, config=TINY)
        for parameter in loaded.parameters():
            parameter.add_(1)
        assert (tmp_path / name).read_bytes() == before


def test_parameterization_overrides_the_config(tmp_path, model):
    save_checkpoint(model, tmp_path / "a.safetensors", TINY)
    assert load_model(tmp_path / "a.safetensors", parameterization="eps").parameterization == "eps"
    with pytest.raises(ValueError, match="^parameterization: got 'x0'"):
        load_model(tmp_path / "a.safetensors", parameterization="x0")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("v2-1_768-ema-pruned.ckpt", "v"),
        ("v2-1_768-nonema-pruned.safetensors", "v"),
        ("768-v-ema.ckpt", "v"),
        ("v2-1_512-ema-pruned.ckpt", "eps"),
        ("512-base-ema.ckpt", "eps"),
        ("my-vpred-512.ckpt", "v"),
        ("wd-1-5.ckpt", "v"),
    ],
)
def test_v_or_eps_by_name(name, expected):
    assert guess_parameterization(Path("512-base") / name, metadata={}) == expected


def test_v_or_eps_by_metadata_comes_first():
    metadata = {"modelspec.prediction_type": "epsilon"}
    assert guess_parameterization(Path("768-v-ema.ckpt"), metadata=metadata) == "eps"


def test_names_that_newer_tools_write_are_understood(tmp_path):
    config = json.loads(json.dumps(TINY))
    sizes = {"vocab_size": 9, "width": 16, "heads": 2, "layers": 1}
    config["model"]["params"]["cond_stage_config"] = {
        "target": "ldm.modules.encoders.modules.FrozenCLIPEmbedder",
        "params": {"version": sizes},
    }
    model = weights.fill(build_model(config))
    state = {n.replace(".text_model", ""): t for n, t in model.state_dict().items()}
    state["cond_stage_model.transformer.embeddings.position_ids"] = torch.arange(77)[None]
    torch.save(state, tmp_path / "a.ckpt")
    assert_same_weights(load_model(tmp_path / "a.ckpt", config=config), model)


def test_digest_sees_the_files_that_parts_are_taken_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ldm.stored.ROOT", tmp_path)
    shared, path = tmp_path / "shared.safetensors", tmp_path / "model.safetensors"
    save_file({"weight": torch.zeros(2)}, shared)
    elsewhere = {"parts_elsewhere": json.dumps({"first_stage_model.": shared.name})}
    save_file({"own": torch.zeros(2)}, path, metadata=elsewhere)
    before = checkpoint_digest(path)
    assert checkpoint_digest(path) == before
    save_file({"weight": torch.ones(2)}, shared)
    after = checkpoint_digest(path)
    assert after != before
    shared.unlink()
    with pytest.raises(FileNotFoundError, match="needs shared.safetensors"):
        checkpoint_digest(path)


def test_files_are_the_same_bytes_in_every_process(tmp_path):
    """Safetensors draws the order of the metadata anew; tensors and texts stay as they are."""
    path = tmp_path / "a.safetensors"
    metadata = {f"key{k}": f'{k} "é\x1f\\/\u2028' for k in range(20)}
    write_tensors(path, {"b": torch.ones(2, 3)}, metadata)
    content = path.read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    assert list(header["__metadata__"]) == sorted(metadata)
    with safe_open(path, framework="pt") as file:
        assert file.metadata() == metadata
        assert torch.equal(file.get_tensor("b"), torch.ones(2, 3))
