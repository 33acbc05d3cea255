"""Memory of loading a checkpoint of the published size and format."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from ldm.checkpoint import build_model, read_config

ROOT = Path(__file__).parents[2]
ALLOWED = 1.3
# The high-water mark before and after loading and reading every weight once, in bytes.
MEASURE = """
import json, sys, torch
from ldm.checkpoint import load_model
import ldm.models.autoencoder, ldm.models.diffusion.ddpm, ldm.modules.encoders.modules
import omegaconf, safetensors.torch

def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) * 1024

before = peak()
model = load_model(sys.argv[1], dtype=getattr(torch, sys.argv[2]))
total = sum(p.sum(dtype=torch.float64).item() for p in model.parameters())
size = sum(p.nbytes for p in model.parameters())
print(json.dumps({"needed": peak() - before, "size": size, "total": total,
                  "parameterization": model.parameterization}))
"""


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    """Random float16 weights under every published name of Stable Diffusion 2.1."""
    model = build_model(read_config(ROOT / "configs" / "v2-inference-v.yaml"), device="meta")
    noise = torch.randn(1 << 20, generator=torch.Generator().manual_seed(0)).mul(0.02).half()
    return {
        name: noise.repeat(-(-own.numel() // len(noise)))[: own.numel()].clone().view(own.shape)
        for name, own in model.state_dict().items()
    }


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the peak from /proc")
@pytest.mark.parametrize("suffix", [".ckpt", ".safetensors"])
def test_full_size_file_needs_at_most_1_3_times_its_size(tmp_path, state, suffix):
    path = tmp_path / f"v2-1_768-ema-pruned{suffix}"
    if suffix == ".ckpt":
        torch.save({"state_dict": state, "global_step": 1, "callbacks": {}}, path)
    else:
        save_file(state, path)
    expected = sum(t.sum(dtype=torch.float64).item() for n, t in state.items() if "." in n)
    for dtype in ("float16", "float32"):
        command = [sys.executable, "-c", MEASURE, str(path), dtype]
        run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        measured = json.loads(run.stdout)
        assert measured["parameterization"] == "v"
        assert measured["total"] == pytest.approx(expected, rel=1e-6)
        assert measured["needed"] <= ALLOWED * measured["size"], measured
    path.unlink()
