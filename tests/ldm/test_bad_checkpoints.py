"""Files that are no checkpoint, or another one, are refused in one line, and nothing is run."""

import json
import os
import random
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from dpt.weights import read_tensors
from ldm.checkpoint import build_model, load_model, read_config
from ldm.known_files import KNOWN_FILES
from ldm.models.diffusion.ddpm import LatentDiffusion
from tests.golden import weights
from tests.ldm.tiny import TINY, lightning_payload


@pytest.fixture(scope="module")
def model() -> LatentDiffusion:
    return weights.fill(build_model(TINY)).eval()


def one_line_error(path: Path, **options: object) -> str:
    with pytest.raises((ValueError, OSError)) as caught:
        load_model(path, **options)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    return message


def test_missing_and_unknown_weights_are_counted_and_named(tmp_path, model):
    state = dict(model.state_dict())
    lost = [n for n in state if n.startswith("model.diffusion_model.middle_block")]
    for name in lost:
        del state[name]
    state["model.diffusion_model.added.weight"] = torch.zeros(1)
    torch.save(state, tmp_path / "a.ckpt")
    message = one_line_error(tmp_path / "a.ckpt", config=TINY)
    assert f"{len(lost)} weights missing: {lost[0]}, {lost[1]}, {lost[2]}, ..." in message
    assert "1 weights unknown: model.diffusion_model.added.weight" in message


def test_wrong_shape_is_named(tmp_path, model):
    state = dict(model.state_dict())
    name = "model.diffusion_model.out.2.weight"
    state[name] = torch.zeros(3, 32, 3, 3)
    torch.save(state, tmp_path / "a.ckpt")
    message = one_line_error(tmp_path / "a.ckpt", config=TINY)
    assert f"{name} (3, 32, 3, 3) for (4, 32, 3, 3)" in message


def test_quantised_weights_are_refused(tmp_path, model):
    state = dict(model.state_dict())
    name = "model.diffusion_model.out.2.weight"
    state[name] = torch.zeros(4, 32, 3, 3, dtype=torch.int8)
    torch.save(state, tmp_path / "a.ckpt")
    message = one_line_error(tmp_path / "a.ckpt", config=TINY)
    assert f"{name} (4, 32, 3, 3) torch.int8 for (4, 32, 3, 3)" in message


class Attack:
    """Runs a command where a pickle is read without care."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple:
        return os.system, (f"touch {self.target}",)


@pytest.mark.parametrize("zipped", [True, False])
def test_malicious_pickle_is_refused_and_not_run(tmp_path, model, zipped):
    payload = {**lightning_payload(model), "extra": Attack(tmp_path / "ran")}
    torch.save(payload, tmp_path / "a.ckpt", _use_new_zipfile_serialization=zipped)
    assert "asks for 'posix.system'" in one_line_error(tmp_path / "a.ckpt", config=TINY)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "the file is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00", "git-lfs pointer"),
        (b"<html>not found</html>", "a text file"),
        (b"PK\x03\x04 something that is no archive", "damaged or cut off"),
        (bytes(range(200, 256)), "unknown file format"),
    ],
)
def test_other_files_are_told_apart(tmp_path, content, expected):
    (tmp_path / "a.ckpt").write_bytes(content)
    assert expected in one_line_error(tmp_path / "a.ckpt")


def test_folder_and_missing_file(tmp_path):
    assert "this is a folder" in one_line_error(tmp_path)
    assert "no such file" in one_line_error(tmp_path / "none.ckpt")
    for known in KNOWN_FILES:
        message = one_line_error(tmp_path / known.name)
        assert known.official in message and known.folder in message


def test_file_cut_off_anywhere_or_with_wrong_bytes(tmp_path, model):
    """Whatever happens to the bytes, the reader gives tensors or one clear line."""
    torch.save(lightning_payload(model), tmp_path / "zip.ckpt")
    torch.save(
        lightning_payload(model), tmp_path / "old.ckpt", _use_new_zipfile_serialization=False
    )
    save_file(model.state_dict(), tmp_path / "a.safetensors")
    chance = random.Random(0)
    for name in ("zip.ckpt", "old.ckpt", "a.safetensors"):
        whole = (tmp_path / name).read_bytes()
        for _ in range(12):
            cut = tmp_path / "cut.ckpt"
            cut.write_bytes(whole[: chance.randrange(1, len(whole) - 1)])
            with pytest.raises(ValueError, match="^[^\n]*cut.ckpt[^\n]*$"):
                read_tensors(cut)
            damaged = bytearray(whole)
            for _ in range(4):
                damaged[chance.randrange(4000)] = chance.randrange(256)
            cut.write_bytes(damaged)
            try:
                read_tensors(cut)
            except ValueError as error:
                assert "\n" not in str(error)


def test_other_weights_are_named(tmp_path):
    for name, expected in (
        ("pretrained.model.cls_token", "a DPT depth model"),
        ("conditioner.embedders.0.model.logit_scale", "SDXL"),
        ("down_blocks.0.resnets.0.conv1.weight", "diffusers layout"),
        ("weight", "no diffusion model"),
    ):
        torch.save({name: torch.zeros(1)}, tmp_path / "a.ckpt")
        assert expected in one_line_error(tmp_path / "a.ckpt")


def test_config_of_an_untrusted_file_builds_nothing_else(tmp_path):
    config = {"model": {"target": "subprocess.Popen", "params": {"args": ["touch", "ran"]}}}
    for text, expected in (
        (json.dumps(config), "a.safetensors: its config.*target"),
        ("{", "no JSON"),
        ("3", "no mapping"),
    ):
        save_file({"a": torch.zeros(1)}, tmp_path / "a.safetensors", metadata={"config": text})
        with pytest.raises(ValueError, match=expected):
            load_model(tmp_path / "a.safetensors")


def test_bad_config_files(tmp_path):
    with pytest.raises(FileNotFoundError, match="^config: "):
        read_config(tmp_path / "none.yaml")
    for text in ("a: [", "- 1", "a: 1", "\0"):
        (tmp_path / "a.yaml").write_text(text)
        with pytest.raises(ValueError, match="^config: [^\n]*$"):
            read_config(tmp_path / "a.yaml")


@pytest.mark.parametrize(
    ("place", "expected"),
    [("../elsewhere.safetensors", "leads out of the repository"), ("models/none.pt", "not there")],
)
def test_named_parts_stay_in_the_repository(tmp_path, model, place, expected):
    path = tmp_path / "a.safetensors"
    metadata = {"parts_elsewhere": json.dumps({"first_stage_model.": place})}
    save_file(model.state_dict(), path, metadata=metadata)
    assert expected in one_line_error(path, config=TINY)


@pytest.mark.parametrize(("text", "expected"), [("{", "no JSON"), ("[1]", "no mapping")])
def test_damaged_list_of_parts_is_named(tmp_path, model, text, expected):
    path = tmp_path / "a.safetensors"
    save_file(model.state_dict(), path, metadata={"parts_elsewhere": text})
    assert expected in one_line_error(path, config=TINY)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_res_blocks": 10**9}, "describes more than 20000 layers"),
        ({"num_res_blocks": -1}, ""),
        ({"num_res_blocks": "many"}, "its configuration: "),
        ({"model_channels": 2**40}, "its configuration: "),
        ({"channel_mult": [None]}, "its configuration: "),
        ({"channel_mult": []}, "its configuration: "),
        ({"num_head_channels": 0}, "its configuration: .*num_head_channels"),
        ({"surprise": 1}, "its configuration: .*surprise"),
    ],
)
def test_senseless_configurations_end_at_once(tmp_path, change, message):
    config = json.loads(json.dumps(TINY))
    config["model"]["params"]["unet_config"]["params"] |= change
    save_file({"a": torch.zeros(1)}, tmp_path / "a.safetensors", {"config": json.dumps(config)})
    with pytest.raises(ValueError, match=f"a.safetensors: [^\n]*{message}"):
        load_model(tmp_path / "a.safetensors")


@pytest.mark.parametrize("timesteps", [10**12, -1, "x"])
def test_senseless_schedules_end_at_once(tmp_path, timesteps):
    config = json.loads(json.dumps(TINY))
    config["model"]["params"]["timesteps"] = timesteps
    save_file({"a": torch.zeros(1)}, tmp_path / "a.safetensors", {"config": json.dumps(config)})
    with pytest.raises(ValueError, match="a.safetensors: its configuration: [^\n]*"):
        load_model(tmp_path / "a.safetensors")
