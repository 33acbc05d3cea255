"""Networks of other packages: each is read from its folder and looks at a picture of any size."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from stereo.depth.kinds import KINDS
from stereo.depth.networks import load_network, network_name

IMAGE = np.random.default_rng(0).integers(0, 256, (50, 70, 3), np.uint8)


def dinov2() -> dict:
    return {
        "model_type": "dinov2",
        "hidden_size": 32,
        "num_hidden_layers": 4,
        "num_attention_heads": 2,
        "image_size": 28,
        "patch_size": 14,
        "out_features": ["stage1", "stage2", "stage3", "stage4"],
        "apply_layernorm": True,
        "reshape_hidden_states": False,
    }


def depth_anything(kind: str = "relative") -> tuple:
    from transformers import DepthAnythingConfig, DPTImageProcessor

    config = DepthAnythingConfig(
        backbone_config=dinov2(),
        reassemble_hidden_size=32,
        neck_hidden_sizes=[8, 8, 8, 8],
        fusion_hidden_size=8,
        head_hidden_size=8,
        depth_estimation_type=kind,
        max_depth=20,
    )
    size = {"height": 28, "width": 28}
    return config, DPTImageProcessor(size=size, keep_aspect_ratio=True, ensure_multiple_of=14)


def dpt(backbone: str = "vit") -> tuple:
    from transformers import DPTConfig, DPTImageProcessor

    config = DPTConfig(
        hidden_size=32,
        num_hidden_layers=4,
        num_attention_heads=2,
        intermediate_size=32,
        image_size=32,
        patch_size=16,
        backbone_out_indices=[0, 1, 2, 3],
        neck_hidden_sizes=[8, 8, 8, 8],
        fusion_hidden_size=8,
        backbone_config=dinov2() if backbone == "dinov2" else None,
        is_hybrid=False,
    )
    return config, DPTImageProcessor(size={"height": 32, "width": 32})


def glpn() -> tuple:
    from transformers import GLPNConfig, GLPNImageProcessor

    config = GLPNConfig(
        depths=[1] * 4,
        hidden_sizes=[8] * 4,
        num_attention_heads=[1] * 4,
        decoder_hidden_size=8,
    )
    return config, GLPNImageProcessor()


def zoedepth() -> tuple:
    from transformers import ZoeDepthConfig, ZoeDepthImageProcessor

    beit = {
        "model_type": "beit",
        "hidden_size": 32,
        "num_hidden_layers": 4,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "image_size": 32,
        "patch_size": 16,
        "out_features": ["stage1", "stage2", "stage3", "stage4"],
        "reshape_hidden_states": False,
        "use_relative_position_bias": True,
    }
    config = ZoeDepthConfig(
        backbone_config=beit,
        backbone_hidden_size=32,
        neck_hidden_sizes=[8, 8, 8, 8],
        fusion_hidden_size=8,
        bottleneck_features=8,
        num_relative_features=8,
        bin_embedding_dim=8,
        num_attractors=[2, 2, 1, 1],
        bin_configurations=[{"n_bins": 4, "min_depth": 0.1, "max_depth": 10.0, "name": "nyu"}],
    )
    return config, ZoeDepthImageProcessor(size={"height": 32, "width": 32})


def depth_pro() -> tuple:
    from transformers import DepthProConfig, DepthProImageProcessor

    part = dinov2() | {"image_size": 28, "patch_size": 14, "use_mask_token": False}
    config = DepthProConfig(
        patch_size=28,
        fusion_hidden_size=8,
        intermediate_hook_ids=[1, 0],
        intermediate_feature_dims=[8, 8],
        scaled_images_ratios=[0.5, 1],
        scaled_images_overlap_ratios=[0.0, 0.0],
        scaled_images_feature_dims=[8, 8],
        image_model_config=part,
        patch_model_config=part,
        fov_model_config=part,
        use_fov_model=True,
    )
    return config, DepthProImageProcessor(size={"height": 56, "width": 56})


MAKERS: dict[str, Callable[[], tuple]] = {
    "depth_anything": depth_anything,
    "depth_anything metric": lambda: depth_anything("metric"),
    "depth_pro": depth_pro,
    "dpt": dpt,
    "glpn": glpn,
    "zoedepth": zoedepth,
}


@pytest.fixture
def saved(tmp_path: Path) -> Callable[[str], Path]:
    """Return a maker of folders with a tiny network of random weights, as its owner saves it."""
    transformers = pytest.importorskip("transformers")

    def save(name: str) -> Path:
        config, processor = MAKERS[name]()
        model = transformers.AutoModelForDepthEstimation.from_config(config)
        model.save_pretrained(tmp_path / "net")
        processor.save_pretrained(tmp_path / "net")
        return tmp_path / "net"

    return save


@pytest.mark.parametrize("name", MAKERS)
def test_transformers_folders(saved, name):
    folder = saved(name)
    assert network_name(folder) == name
    network = load_network(folder)
    assert (network.name, network.kind) == (name, KINDS[name])
    depth = network.estimate(IMAGE)
    assert depth.values.shape == IMAGE.shape[:2]
    assert (depth.focal_widths is not None) == (name == "depth_pro")
    disparity = network(IMAGE)
    assert disparity.dtype == np.float32 and np.isfinite(disparity).all()


def test_the_published_files_leave_out_what_no_pass_uses(saved):
    from safetensors.torch import load_file, save_file

    folder = saved("depth_anything")
    weights = load_file(folder / "model.safetensors")
    unused = [key for key in weights if "fusion_stage.layers.0.residual_layer1" in key]
    assert unused
    before = load_network(folder)(IMAGE)
    kept = {key: value for key, value in weights.items() if key not in unused}
    save_file(kept, folder / "model.safetensors", {"format": "pt"})
    np.testing.assert_array_equal(load_network(folder)(IMAGE), before)
    kept.popitem()
    save_file(kept, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(ValueError, match="net: cannot be read: 1 weights missing"):
        load_network(folder)


def config_of(**changes: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return change


def link_out(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder.parent / "elsewhere")
    (folder / "model.safetensors").symlink_to("../elsewhere")


BAD = {
    "no config": (lambda folder: (folder / "config.json").unlink(), "holds no config.json"),
    "no JSON": (lambda folder: (folder / "config.json").write_text("{"), "no JSON"),
    "a list": (lambda folder: (folder / "config.json").write_text("[]"), "no JSON"),
    "another model": (config_of(model_type="bert"), "holds 'bert'; expected one of dpt, "),
    "unknown polarity": (config_of(model_type="dpt"), "holds 'dpt on dinov2'"),
    "another size": (config_of(fusion_hidden_size=16), "cannot be read"),
    "borrowed weights": (config_of(use_pretrained_backbone=True), "weights of another model"),
    "no processor": (
        lambda folder: (folder / "preprocessor_config.json").unlink(),
        "cannot be read",
    ),
    "no weights": (lambda folder: (folder / "model.safetensors").unlink(), "cannot be read"),
    "damaged": (lambda folder: (folder / "model.safetensors").write_bytes(b"x"), "cannot be read"),
    "link": (link_out, "links out of its folder"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_folders_are_refused_in_one_line(saved, name):
    spoil, message = BAD[name]
    folder = saved("depth_anything")
    spoil(folder)
    with pytest.raises(ValueError, match=message) as caught:
        load_network(folder)
    assert "\n" not in str(caught.value)


def test_code_in_the_folder_is_not_run(saved, tmp_path):
    folder = saved("depth_anything")
    config_of(auto_map={"AutoModelForDepthEstimation": "evil.Evil"})(folder)
    (folder / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Evil: pass\n")
    load_network(folder)
    assert not (tmp_path / "ran").exists()


class StandIn(nn.Module):
    """What the packages' own classes offer; its depth is the red channel."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))

    @classmethod
    def from_pretrained(cls, place: Path) -> "StandIn":
        assert place.exists()
        return cls()

    def inference(self, images: list[np.ndarray]) -> SimpleNamespace:
        depth = np.stack([image[::2, ::2, 0] / 255 + 1 for image in images])
        return SimpleNamespace(depth=depth, sky=depth > 1.9)

    def infer(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
        depth = torch.where(image[0] > 0.9, torch.inf, image[0] + 1)
        return {"depth": depth, "intrinsics": torch.diag(torch.tensor([0.8, 0.9, 1.0]))}


@pytest.mark.parametrize("model", ["da3mono-large", "da3metric-large", "moge"])
def test_packages_of_their_own(tmp_path, monkeypatch, model):
    if model == "moge":
        (tmp_path / "model.pt").touch()
        names, offered = ["moge", "moge.model", "moge.model.v2"], {"MoGeModel": StandIn}
    else:
        (tmp_path / "config.json").write_text(json.dumps({"model_name": model, "config": {}}))
        names = ["depth_anything_3", "depth_anything_3.api"]
        offered = {"DepthAnything3": StandIn}
    with pytest.raises(ValueError, match="this network needs: pip install"):
        load_network(tmp_path)
    for name in names:
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    vars(sys.modules[names[-1]]).update(offered)
    network = load_network(tmp_path)
    depth = network.estimate(IMAGE)
    assert depth.focal_widths == (pytest.approx(0.8) if model == "moge" else None)
    red = IMAGE[..., 0] if model == "moge" else IMAGE[::2, ::2, 0]
    assert np.corrcoef(network(IMAGE).ravel(), red.ravel())[0, 1] < -0.9


def test_any_view_networks_are_refused_by_name(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_name": "da3-large"}))
    with pytest.raises(ValueError, match="holds 'depth_anything_3 large'; expected one of"):
        load_network(tmp_path)
