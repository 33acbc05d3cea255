"""Starting a denoiser of twice as fine latents from one that has learned on coarser ones.

The coarser U-Net becomes everything below the first level of the finer one, which is new. Latents
hold about the mean colours of their cells, so finer latents averaged over 2x2 cells look like
coarser ones; that halves their noise, too, which the finer model's schedule makes up for.
"""

import re
from collections.abc import Mapping
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ldm.models.diffusion.ddpm import LatentDiffusion
from ldm.modules.diffusionmodules.openaimodel import UNetModel
from shapes.training.weights import DENOISER, load_strictly

UNET = "model.diffusion_model."
STEM, HEAD = f"{UNET}input_blocks.0.0.", f"{UNET}out."
INPUT_ROW = re.compile(re.escape(UNET) + r"input_blocks\.(\d+)\.(.*)")
OUTPUT_ROW = re.compile(re.escape(UNET) + r"output_blocks\.(\d+)\.(.*)")
# The new level has two rows of blocks on the way down: a residual block, and halving.
NEW_ROWS = 2
NOISE_DEVIATION = 2.0
FIT_LATENTS, FIT_RIDGE = 16, 1e-4
FIT_SIDES = (8, 32, 64)
TAPS = (4, 0, 2, 6, 8, 1, 3, 5, 7)  # of a 3x3 filter: the middle, corners, sides


def load_below_new_level(
    model: LatentDiffusion, coarser: Mapping[str, Tensor], *, path: Path
) -> None:
    """Put a coarser model's denoiser, read from `path`, below the first level of `model`'s.

    Raises:
        ValueError: `model`'s U-Net is not the coarser one with another level of as many channels
            as that one's first, of one residual block, before it.
    """
    unet = model.model.diffusion_model
    rows_up = len(unet.output_blocks) - NEW_ROWS
    new = {name: t for name, t in model.state_dict().items() if _is_new(name, rows_up)}
    tensors = {**new, **below_new_level(coarser)}
    load_strictly(model, tensors, path=path, prefixes=DENOISER, place="below a new level")
    spread_stem(unet.input_blocks[0][0])
    fit_halving(unet, weight=coarser[f"{STEM}weight"], bias=coarser[f"{STEM}bias"])


def _is_new(name: str, rows_up: int) -> bool:
    """Tell whether a weight is the new level's, from `rows_up` on on the way up.

    The row before them, the coarser model's last, doubles the size now.
    """
    row, row_up = INPUT_ROW.fullmatch(name), OUTPUT_ROW.fullmatch(name)
    if row_up:
        index, doubles = int(row_up[1]), row_up[2].split(".")[1] == "conv"
        return index >= rows_up or (index == rows_up - 1 and doubles)
    return name.startswith(HEAD) or bool(row and int(row[1]) <= NEW_ROWS)


def below_new_level(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the coarser model's weights under the names that they have in the finer one.

    Its first and last layer are left out: the new level has its own. On the way up names stay, as
    the new level's blocks come last there.
    """
    found = {}
    for name, value in tensors.items():
        row = INPUT_ROW.fullmatch(name)
        if row:
            name = f"{UNET}input_blocks.{int(row[1]) + NEW_ROWS}.{row[2]}"
        if not name.startswith(HEAD) and not (row and row[1] == "0"):
            found[name] = value
    return found


@torch.no_grad()
def spread_stem(stem: nn.Conv2d) -> None:
    """Let each channel of a first layer show one input channel, moved by at most a cell."""
    stem.weight.zero_()
    stem.bias.zero_()
    for channel in range(stem.out_channels):
        turn, shown = divmod(channel, stem.in_channels)
        stem.weight[channel, shown].view(-1)[TAPS[turn % len(TAPS)]] = 1


@torch.no_grad()
def fit_halving(unet: UNetModel, *, weight: Tensor, bias: Tensor) -> None:
    """Let the new level hand down what the coarser model's first layer makes of averaged latents.

    A new residual block changes nothing, so the first layer and the halving are linear together;
    the latter is fitted by least squares.
    """
    halving = unet.input_blocks[NEW_ROWS][0].op
    latents = _noise_of_all_sizes(unet.in_channels)
    coarse = NOISE_DEVIATION * F.avg_pool2d(latents, 2)
    wanted = _rows(F.conv2d(coarse, weight, padding=1).flatten(2))
    seen = _rows(F.unfold(unet.input_blocks[0][0](latents), 3, padding=1, stride=2))
    square = seen.T @ seen + FIT_RIDGE * len(seen) * torch.eye(seen.shape[1], dtype=seen.dtype)
    solved = torch.linalg.solve(square, seen.T @ wanted).float()  # (9 C, C)
    halving.weight.copy_(solved.T.unflatten(1, halving.weight.shape[1:]))
    halving.bias.copy_(bias)


def _noise_of_all_sizes(channels: int) -> Tensor:
    """Return (B, channels, 64, 64): noise, and patches of all sizes, as pictures have them."""
    generator = torch.Generator().manual_seed(0)
    parts = [torch.randn(FIT_LATENTS, channels, s, s, generator=generator) for s in FIT_SIDES]
    return sum(F.interpolate(part, size=(FIT_SIDES[-1],) * 2) for part in parts)


def _rows(columns: Tensor) -> Tensor:
    return columns.transpose(1, 2).flatten(0, 1).double()  # (B, C, N) -> (B * N, C)
