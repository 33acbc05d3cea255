"""The three scripts on random weights of the published sizes, as a user would start them."""

import json
import resource
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from skimage.data import astronaut
from skimage.io import imsave
from torch import Tensor, nn

from dpt.models import DPTDepthModel
from ldm.checkpoint import build_model, read_config

ROOT = Path(__file__).parents[2]
LIMIT_BYTES = 20 * 2**30


def random_state(module: nn.Module) -> dict[str, Tensor]:
    """Return float16 weights for every name of a module built on the meta device."""
    noise = torch.randn(1 << 20, generator=torch.Generator().manual_seed(0)).mul(0.02).half()
    state = {}
    for name, own in module.state_dict().items():
        values = noise.repeat(-(-own.numel() // len(noise)))[: own.numel()].view(own.shape)
        is_gain = own.ndim == 1 and name.endswith("weight")
        state[name] = values + 1 if is_gain else values.clone()
    return state


def save_published(config: str, path: Path) -> Path:
    """Write a random checkpoint with the published names of a configuration."""
    model = build_model(read_config(ROOT / "configs" / config), device="meta")
    state = {name: value for name, value in random_state(model).items() if "." in name}
    save_file(state, path)
    return path


def run_script(*arguments: str | Path) -> Path:
    """Run a script to its end; returns the file it names."""
    done = subprocess.run(
        [sys.executable, *map(str, arguments)], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 < LIMIT_BYTES
    return Path(done.stdout.splitlines()[0])


@pytest.fixture(scope="module")
def depth_file(tmp_path_factory) -> Path:
    """Write a DPT-Hybrid of random weights in the published format."""
    path = tmp_path_factory.mktemp("dpt") / "dpt_hybrid-midas-501f0c75.pt"
    with torch.device("meta"):
        model = DPTDepthModel(backbone="vitb_rn50_384")
    torch.save({k: v.float() for k, v in random_state(model).items()}, path)
    return path


@pytest.mark.slow
@pytest.mark.parametrize("task", ["text", "depth", "image"])
def test_published_sizes_run_on_a_cpu(task, tmp_path, depth_file):
    photo = tmp_path / "photo.png"
    imsave(photo, astronaut(), check_contrast=False)
    config, script = {
        "text": ("v2-inference-v.yaml", ("txt2stereoimg.py", "--prompt", "an astronaut")),
        "depth": (
            "v2-midas-inference.yaml",
            ("depth2stereoimg.py", "--prompt", "a marble bust", "--init_img", photo),
        ),
        "image": ("v1-inference.yaml", ("img2stereo.py", "--img_path", photo, "--inner_steps", 1)),
    }[task]
    ckpt = save_published(config, tmp_path / f"{task}.safetensors")
    depth = () if task == "depth" else ("--depthmodel_path", depth_file)
    first = run_script(*script, *depth, "--ckpt", ckpt, "--steps", 2, "--outdir", tmp_path / "out")
    sidecar = next((tmp_path / "out").glob("*.json"))
    settings = json.loads(sidecar.read_text())
    assert first.is_file()
    assert settings["task"] == task
    ckpt.unlink()
