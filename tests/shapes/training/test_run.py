"""One part or a list of them, from the command line's arguments."""

import dataclasses
from pathlib import Path

import pytest
from omegaconf import OmegaConf

import train as script
from shapes.training.run import train
from stereo.cli.command import run
from tests.shapes.training.tiny import tiny_pool, tiny_settings

FOLDERS = ("autoencoder", "dpt")


@pytest.fixture
def configs(tmp_path: Path) -> Path:
    """Return a list of two tiny parts, as a YAML file."""
    tiny_pool(tmp_path / "pool")
    for part in FOLDERS:
        content = dataclasses.asdict(tiny_settings(part, tmp_path))
        OmegaConf.save(OmegaConf.create(content), tmp_path / f"{part}.yaml")
    (tmp_path / "all.yaml").write_text("parts: [autoencoder, dpt]\n")
    return tmp_path / "all.yaml"


def test_a_list_of_parts_is_trained_and_goes_on_with_the_one_that_is_missing(
    configs: Path, tmp_path: Path
) -> None:
    out = tmp_path / "runs"
    with pytest.raises(FileNotFoundError, match="--resume"):
        train(configs, out=out, resume=True)
    train(configs.with_name("autoencoder.yaml"), out=out / "autoencoder")
    first = (out / "autoencoder" / "checkpoint.ckpt").stat().st_mtime_ns
    train(configs, out=out, resume=True)
    assert all((tmp_path / f"{part}.safetensors").is_file() for part in FOLDERS)
    assert (out / "autoencoder" / "checkpoint.ckpt").stat().st_mtime_ns == first
    assert (out / "dpt" / "checkpoint.ckpt").is_file()


def test_all_parts_are_read_before_the_first_begins(configs: Path, tmp_path: Path) -> None:
    path = configs.with_name("dpt.yaml")
    path.write_text(path.read_text().replace("batch: 2", "batch: many"))
    with pytest.raises(ValueError, match="dpt.yaml, stages"):
        train(configs, out=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_a_network_of_another_kind_is_refused(configs: Path, tmp_path: Path) -> None:
    path = configs.with_name("dpt.yaml")
    config = OmegaConf.load(path)
    for target, params, message in (
        ("ldm.modules.narrow.SmallAutoencoderKL", None, "model, target|params of"),
        ("os.system", None, "target: got 'os.system'"),
        ("torch.nn.Linear", {"in_features": 3, "out_features": 3}, "expected a kind of DPTDepth"),
    ):
        config.model = {"target": target, "params": params}
        OmegaConf.save(config, path)
        with pytest.raises(ValueError, match=message) as caught:
            train(path, out=tmp_path / "runs")
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("parts: [all]", "lists parts, expected the configuration of one part"),
        ("parts: all", "parts: got 'all'"),
        ("batch: 3", "unknown key 'batch'"),
        ("seed: abc", "seed: got 'abc', expected a whole number"),
    ],
)
def test_a_bad_file_is_one_line_and_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], line: str, message: str
) -> None:
    path = tmp_path / "all.yaml"
    path.write_text(line)
    assert run(lambda _: script.main(["--config", str(path), "--out", str(tmp_path / "o")])) == 2
    error = capsys.readouterr().err
    assert message in error and len(error.strip().splitlines()) == 1
