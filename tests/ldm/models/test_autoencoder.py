"""AutoencoderKL: the published numbers, names, dtypes, sizes and refusals."""

from collections.abc import Callable
from unittest.mock import patch

import pytest
import torch
import torch.nn.functional as F

from ldm.models.autoencoder import AutoencoderKL, IdentityFirstStage
from tests.golden import weights

SMALL = {"ch": 32, "ch_mult": [1, 1, 2], "num_res_blocks": 1, "z_channels": 4}


def small_vae(**changes: object) -> AutoencoderKL:
    return weights.fill(AutoencoderKL({**SMALL, **changes})).eval()


def test_matches_the_published_autoencoder(golden: Callable[[str], dict]) -> None:
    stored = golden("g04_vae")
    vae = weights.fill(AutoencoderKL(**stored["config"]["AutoencoderKL"])).eval()
    with torch.no_grad():
        posterior = vae.encode(stored["image"])
        decoded = vae.decode(stored["z"])
    torch.testing.assert_close(posterior.mean, stored["mean"], atol=1e-4, rtol=0)
    torch.testing.assert_close(posterior.logvar, stored["logvar"], atol=1e-4, rtol=0)
    torch.testing.assert_close(decoded, stored["decoded"], atol=1e-4, rtol=0)


@torch.no_grad()
@pytest.mark.parametrize(("height", "width"), [(4, 4), (8, 20)])
def test_sizes_change_by_the_factor(height: int, width: int) -> None:
    vae = small_vae()
    assert vae.downsample_factor == 4
    posterior = vae.encode(torch.zeros(2, 3, height, width))
    assert posterior.mean.shape == (2, 4, height // 4, width // 4)
    assert vae.decode(posterior.mode()).shape == (2, 3, height, width)


@torch.no_grad()
def test_embedding_may_be_narrower_than_the_encoder() -> None:
    vae = AutoencoderKL(SMALL, embed_dim=3)
    assert vae.decode(vae.encode(torch.zeros(1, 3, 8, 8)).mean).shape == (1, 3, 8, 8)
    assert vae.encode(torch.zeros(1, 3, 8, 8)).mean.shape == (1, 3, 2, 2)


@torch.no_grad()
def test_runs_in_the_weights_dtype_and_decodes_to_the_latents() -> None:
    vae = small_vae()
    image = torch.rand(1, 3, 8, 8) * 2 - 1
    expected = vae.decode(vae.encode(image).mode())
    half = small_vae().to(torch.bfloat16)
    mean = half.encode(image).mode()
    assert mean.dtype == torch.bfloat16
    decoded = half.decode(mean.float())
    assert decoded.dtype == torch.float32
    torch.testing.assert_close(decoded, expected, atol=0.15, rtol=0)


@torch.no_grad()
def test_forward_encodes_and_decodes() -> None:
    vae, image = small_vae(), torch.rand(1, 3, 8, 8)
    decoded, posterior = vae(image, sample_posterior=False)
    assert torch.equal(posterior.mean, vae.encode(image).mean)
    assert torch.equal(decoded, vae.decode(posterior.mode()))
    assert not torch.equal(vae(image)[0], decoded)


@torch.no_grad()
def test_channels_last_gives_the_same() -> None:
    vae = small_vae().double()  # so that rounding, which the order of sums decides, is far away
    image = torch.rand(1, 3, 8, 12, dtype=torch.float64) * 2 - 1
    expected = vae.decode(vae.encode(image).mode())
    vae.to(memory_format=torch.channels_last)
    found = vae.decode(vae.encode(image.to(memory_format=torch.channels_last)).mode())
    torch.testing.assert_close(found, expected, atol=1e-10, rtol=0)


def test_attention_where_the_resolutions_say_so() -> None:
    vae = small_vae(resolution=64, attn_resolutions=[32])
    names = {name for name, _ in vae.named_parameters() if ".attn." in name}
    assert {name.split(".attn.")[0] for name in names} == {"encoder.down.1", "decoder.up.1"}
    with (
        torch.no_grad(),
        patch.object(
            F, "scaled_dot_product_attention", wraps=F.scaled_dot_product_attention
        ) as fused,
    ):
        vae.decode(vae.encode(torch.zeros(1, 3, 8, 8)).mode())
    assert fused.call_count == (1 + 1) + (1 + 2)  # the middle one, and one a block


def test_attention_can_be_left_out() -> None:
    vae = AutoencoderKL(
        {**SMALL, "attn_resolutions": [SMALL.get("resolution", 256)], "attn_type": "none"}
    )
    assert not [name for name in vae.state_dict() if "attn" in name]
    with patch.object(F, "scaled_dot_product_attention") as fused:
        decoded = vae.decode(vae.encode(torch.zeros(1, 3, 8, 8)).mode())
    assert decoded.shape == (1, 3, 8, 8) and not fused.called


def test_published_keys_are_accepted() -> None:
    ddconfig = {
        **SMALL,
        "double_z": True,
        "resolution": 256,
        "in_channels": 3,
        "out_ch": 3,
        "attn_resolutions": [],
        "dropout": 0.0,
        "attn_type": "vanilla-xformers",
    }
    vae = AutoencoderKL(
        ddconfig=ddconfig,
        lossconfig={"target": "torch.nn.Identity"},
        embed_dim=4,
        monitor="val/rec_loss",
        image_key="image",
        ckpt_path=None,
        ignore_keys=[],
    )
    assert vae.embed_dim == 4


@pytest.mark.parametrize(
    ("ddconfig", "match"),
    [
        ({**SMALL, "chanels": 3}, "ddconfig: .*'chanels'"),
        ({"ch": 32}, "ddconfig: .*'z_channels'"),
        ({**SMALL, "ch": 48}, "ch: got 48, expected a multiple of 32"),
        ({**SMALL, "double_z": False}, "double_z: got False, expected True"),
        ({**SMALL, "use_linear_attn": True}, "use_linear_attn"),
    ],
)
def test_refuses_what_it_cannot_build(ddconfig: dict, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        AutoencoderKL(ddconfig)


@pytest.mark.parametrize(
    ("shape", "match"),
    [
        ((1, 3, 8, 10), "image: got 10x8, expected sides that are multiples of 4"),
        ((1, 4, 8, 8), r"image: got shape \(1, 4, 8, 8\), expected \(B, 3, H, W\)"),
        ((3, 8, 8), "image: got shape"),
    ],
)
def test_refuses_images_that_do_not_fit(shape: tuple[int, ...], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        small_vae().encode(torch.zeros(shape))


def test_refuses_latents_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match=r"z: got shape .*expected \(B, 4, H, W\)"):
        small_vae().decode(torch.zeros(1, 3, 2, 2))


def test_identity_stage_passes_everything() -> None:
    stage = IdentityFirstStage()
    z = torch.randn(1, 4, 3, 3)
    assert stage.decode(stage.encode(z)) is z
    assert stage.downsample_factor == 1
