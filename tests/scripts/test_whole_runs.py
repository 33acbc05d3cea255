"""`--preset original` against whole runs of the published workflows, from the file to the file.

The scripts run as a user starts them; only the networks' weights, the prompts' embeddings and the
start noise are the reference runs' own. Tolerances are those that came with the references.
The quick tests take what is slow, the left view's latents, from the reference.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.data import astronaut
from torch import Tensor

from ldm.checkpoint import build_model, read_config
from ldm.util import instantiate_from_config
from stereo import pipelines
from stereo.depth.parallax import normalise, resize_to_latents
from stereo.method.denoise import LeftBranch
from stereo.method.latent_shift import LatentShift
from stereo.noise import PublishedNoise
from stereo.options import PRESETS
from tests.golden import weights
from tests.golden.models import fill_depth_network, whole_depth_network, whole_model
from tests.scripts.conftest import ROOT, Outcome
from tests.stereo.conftest import tiny_config

Runner = Callable[..., Outcome]

TEXT = (
    "txt2stereoimg.py", "--preset", "original", "--prompt", "x", "--n_samples", "2",
    "--steps", "25", "--n_rows", "1", "--outdir", "out",
)  # fmt: skip
PHOTO = (
    "img2stereo.py", "--preset", "original", "--img_path", "photo.png", "--steps", "25",
    "--inner_steps", "2", "--outdir", "out",
)  # fmt: skip
DEPTH = (
    "depth2stereoimg.py", "--preset", "original", "--init_img", "photo.png", "--steps", "4",
    "--strength", "0.75", "--outdir", "out",
)  # fmt: skip


class Enough(Exception):
    """Ends a run that has shown what a test looks at."""


@dataclass
class Stages:
    """What passed through a run on its way, and the step after which it ends."""

    latents: dict[tuple[str, int], Tensor] = field(default_factory=dict)
    decoded: list[Tensor] = field(default_factory=list)
    fed: list[Tensor] = field(default_factory=list)
    disparity: list[Tensor] = field(default_factory=list)
    depth_condition: Tensor | None = None
    plan: LatentShift | None = None
    split: tuple[Tensor, Tensor, Tensor] | None = None
    last: tuple[str, int] | None = None

    def watch(self, model: torch.nn.Module, depth: torch.nn.Module) -> None:
        depth.register_forward_hook(self._keep_depth)
        model.model.register_forward_pre_hook(self._keep_condition, with_kwargs=True)
        model.first_stage_model.decoder.register_forward_hook(
            lambda network, args, output: self.decoded.append(output)
        )

    def both(self, step: int) -> Tensor:
        return torch.cat([self.latents["left", step], self.latents["right", step]])

    def _keep_depth(self, network, args, output) -> None:
        self.fed.append(args[0])
        self.disparity.append(output)

    def _keep_condition(self, network, args, kwargs) -> None:
        if "c_concat" in kwargs:
            (self.depth_condition,) = kwargs["c_concat"]


@pytest.fixture
def stages(monkeypatch: pytest.MonkeyPatch) -> Stages:
    seen = Stages()
    make_hooks, split = pipelines.make_hooks, LatentShift.split

    def spy_hooks(on_step):
        def spy(report):
            seen.latents[report.stage, report.step] = report.latents
            if seen.last == (report.stage, report.step):
                raise Enough

        return make_hooks(spy)

    def spy_split(plan, latents, noise):
        seen.plan, seen.split = plan, split(plan, latents, noise)
        if seen.last == ("split", 0):
            raise Enough
        return seen.split

    monkeypatch.setattr(pipelines, "make_hooks", spy_hooks)
    monkeypatch.setattr(LatentShift, "split", spy_split)
    return seen


@pytest.fixture
def networks(monkeypatch: pytest.MonkeyPatch, stages: Stages) -> Callable[[dict], None]:
    """Return a function that gives the scripts the networks and the start of a case."""

    def use(stored: dict) -> None:
        model, depth = whole_model(stored["config"]), whole_depth_network(stored["config"])
        unprompted = stored.get("uncond", stored["cond"])
        model.get_learned_conditioning = lambda texts: torch.cat(
            [stored["cond"] if text else unprompted for text in texts]
        )
        stages.watch(model, depth)
        monkeypatch.setattr("stereo.runtime.models.load_model", lambda *a, **b: model)
        monkeypatch.setattr("stereo.depth.loading.load_depth_model", lambda *a, **b: depth)
        if "x_T" in stored:
            monkeypatch.setattr(PublishedNoise, "start", lambda noise: stored["x_T"])

    return use


def assert_near(actual: Tensor, expected: Tensor, tolerance: float) -> None:
    torch.testing.assert_close(actual, expected, atol=tolerance, rtol=0)


def assert_shift(stages: Stages, stored: dict) -> None:
    (found,) = stages.disparity
    assert_near(found[:, ::4, ::4], stored["disparity_s4"], 1e-2)
    if "photo" in stored:  # whose script scales the map before it is resized
        found = normalise(found)
    assert_near(resize_to_latents(found, (64, 64)), stored["disparity_64"], 1e-2)
    _, _, valid = stages.split
    assert (stages.plan.right != stored["offset"]).sum() <= 2
    assert (valid.squeeze(1) != stored["mask"]).sum() <= 2


def assert_picture(path: str, expected: Tensor, *, stride: int, worst: int, share: float) -> None:
    """Compare a saved picture: at most `worst` levels off, and `share` of the values at all."""
    saved = np.asarray(Image.open(path))[::stride, ::stride].astype(int)
    apart = np.abs(saved - expected.numpy())
    assert apart.max() <= worst and (apart > 0).mean() <= share


def assert_first_text_picture(stages: Stages, stored: dict) -> None:
    assert_near(torch.cat(stages.decoded[:2])[..., ::4, ::4], stored["decoded_s4"], 1e-4)
    assert_near(stages.fed[0][..., ::4, ::4], stored["dpt_in_s4"], 1e-4)
    assert_shift(stages, stored)
    assert_near(torch.cat(stages.split[:2]), stored["step10"], 1e-3)
    assert_near(stages.latents["right", 11], stored["step11_right"], 1e-3)


@pytest.mark.long
def test_text_from_the_finished_left_view_on(
    golden, networks, stages: Stages, run_script: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = golden("whole_text_uni")
    networks(stored)
    at_shift, final = stored["step10"][:2], stored["samples1"]
    branch = LeftBranch(stored["x_T"], [at_shift] * 24 + [final])
    monkeypatch.setattr(pipelines, "denoise_left", lambda *given, **how: branch)
    stages.last = "right", 11
    with pytest.raises(Enough):
        run_script(*TEXT)
    assert_first_text_picture(stages, stored)


@pytest.mark.slow
def test_text(golden, networks, stages: Stages, run_script: Runner) -> None:
    stored = golden("whole_text_uni")
    networks(stored)
    done = run_script(*TEXT)
    assert done.code == 0, done.err
    assert_near(stages.latents["left", 24], stored["samples1"], 1e-3)
    assert_first_text_picture(stages, stored)
    assert_near(stages.both(20), stored["step20"], 1e-3)
    assert_near(stages.both(24), stored["samples2"], 1e-3)
    assert_picture("out/grid_00000.png", stored["picture_s2"], stride=2, worst=1, share=1e-3)


def save_photo(image: np.ndarray) -> None:
    Image.fromarray(image).save("photo.png")


def assert_loaded_photo(stages: Stages, stored: dict, clean: Tensor) -> None:
    assert_near(clean, stored["z0"], 1e-4)
    assert_near(stages.fed[0][..., ::8, ::8], stored["dpt_in_s8"], 1e-7)
    levels = (stages.fed[0] * 255 * 255).round()[0, :, ::2, ::2].permute(1, 2, 0)
    assert torch.equal(levels.to(torch.uint8), stored["image_gt_s2"])
    assert_shift(stages, stored)


@pytest.mark.long
def test_photo_up_to_the_shift(
    golden, networks, stages: Stages, run_script: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored, clean = golden("whole_photo_uni"), []
    networks(stored)
    save_photo(stored["photo"].numpy())
    at_shift = stored["after_10"][:1]

    def inverted(run, latents, *given):
        clean.append(latents)
        return run, LeftBranch(stored["ddim_last"], [at_shift] * 11)

    monkeypatch.setattr(pipelines, "invert_photo", inverted)
    stages.last = "split", 0
    with pytest.raises(Enough):
        run_script(*PHOTO)
    assert_loaded_photo(stages, stored, clean[0])
    assert_near(torch.cat(stages.split[:2]), stored["after_10"], 2e-3)


@pytest.mark.slow
def test_photo(
    golden, networks, stages: Stages, run_script: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored, inverted = golden("whole_photo_uni"), []
    networks(stored)
    save_photo(stored["photo"].numpy())
    invert = pipelines.invert_photo

    def watch(run, latents, *given):
        inverted.append((latents, *invert(run, latents, *given)))
        return inverted[0][1:]

    monkeypatch.setattr(pipelines, "invert_photo", watch)
    done = run_script(*PHOTO)
    assert done.code == 0, done.err
    ((clean, run, branch),) = inverted
    assert_loaded_photo(stages, stored, clean)
    assert_near(branch.start, stored["ddim_last"], 1e-4)
    tuned = run.conditioning.unconditional[:, 0, ::4, ::2]
    apart = (tuned - stored["uncond_opt_sub"]).abs()
    assert apart.max() < 2e-2 and apart.mean() < 5e-4
    assert_near(torch.cat(stages.split[:2]), stored["after_10"], 2e-3)
    assert_near(stages.latents["pair", 20], stored["after_20"], 2e-3)
    assert_near(stages.latents["pair", 24], stored["final"], 2e-3)
    path = "out/photo_00000_LRF.png"
    assert_picture(path, stored["picture_s2"], stride=2, worst=1, share=1e-2)


def test_depth_condition(
    golden, stages: Stages, run_script: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The depth network is full size, what it leads is small."""
    stored, config = golden("full_depth_uni"), tiny_config(depth=True)
    config["params"]["image_size"] = 64
    config["params"]["depth_stage_config"]["params"]["model_type"] = "dpt_hybrid"
    model = instantiate_from_config(config).eval()
    fill_depth_network(model.depth_model.model)
    stages.watch(model, model.depth_model.model)
    stages.last = "left", 0
    monkeypatch.setattr("stereo.runtime.models.load_model", lambda *given, **how: model)
    save_photo(astronaut())
    with pytest.raises(Enough):
        run_script(*DEPTH)
    assert_near(stages.depth_condition[:1], stored["depth_condition"], 2e-3)


@pytest.mark.slow
def test_depth_at_full_size(
    golden, stages: Stages, run_script: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = golden("full_depth_uni")
    config = read_config(ROOT / "configs" / "v2-midas-inference.yaml")
    model = weights.fill(build_model(config)).eval().requires_grad_(False)
    for parameter in model.model.diffusion_model.out[2].parameters():
        parameter.mul_(0.5)
    fill_depth_network(model.depth_model.model)
    stages.watch(model, model.depth_model.model)
    monkeypatch.setattr("stereo.runtime.models.load_model", lambda *given, **how: model)
    monkeypatch.setattr(PublishedNoise, "start", lambda noise: stored["start"])
    monkeypatch.setitem(PRESETS, "original", replace(PRESETS["original"], shift_step=1))
    save_photo(astronaut())
    done = run_script(*DEPTH, "--prompt", stored["config"]["prompt"])
    assert done.code == 0, done.err
    assert_near(stages.depth_condition[:1], stored["depth_condition"], 2e-3)
    assert_near(stages.latents["left", 0], stored["step0"], 5e-3)
    assert_near(torch.cat(stages.split[:2]), stored["step1"], 5e-3)
    assert_near(stages.latents["pair", 2], stored["samples"], 5e-3)
    path = Path("out/photo_00000_LRF.png")
    assert_picture(path, stored["picture"], stride=1, worst=2, share=1)
