"""What the notebooks share: rows of pictures, and a hook that keeps what passes at some steps."""

from dataclasses import dataclass

import matplotlib.pyplot as plt
import torch
from matplotlib_inline.backend_inline import set_matplotlib_formats
from torch import Tensor

from ldm.models.diffusion.ddpm import LatentDiffusion
from ldm.modules.attention import CrossAttention
from stereo.cli.progress import ProgressBar
from stereo.method.attention import self_attention_layers
from stereo.method.run import StepReport
from stereo.pixels.codec import decode, tensor_to_images

# Notebooks are stored with their pictures, so these are small.
set_matplotlib_formats("jpeg", pil_kwargs={"quality": 80})
INCHES, DPI = 2.6, 80


def show(**pictures: object) -> None:
    """Show pictures (H, W, 3) and maps (H, W) in a row under their names."""
    _, places = plt.subplots(
        1, len(pictures), figsize=(INCHES * len(pictures), INCHES), dpi=DPI, squeeze=False
    )
    for place, (name, picture) in zip(places[0], pictures.items(), strict=True):
        place.imshow(picture, cmap="viridis")
        place.set_title(name.replace("_", " "), fontsize=9)
        place.axis("off")
    plt.tight_layout()
    plt.show()


def picture(model: LatentDiffusion, latents: Tensor) -> Tensor:
    """Decode the last of some latents (n, C, h, w) to a picture (H, W, 3) uint8."""
    return tensor_to_images(decode(model, latents[-1:]))[0]


@dataclass(frozen=True)
class Seen:
    """What passed at a step: the report, and what one layer's self-attention was given."""

    report: StepReport
    tokens: Tensor


class Watch(ProgressBar):
    """A progress bar that keeps some steps of every stage: of 50 those after 10, 20, 30, 40."""

    def __init__(self, model: LatentDiffusion, total: int) -> None:
        """Watch a run of `total` steps, and the first layer that the attention edit changes."""
        super().__init__(always=True)
        self.steps, self.seen = range(total // 5, total, total // 5), {}
        self.layer = next(iter(self_attention_layers(model.model.diffusion_model).values()))
        self.layer.register_forward_pre_hook(self._keep_tokens)

    def _keep_tokens(self, layer: CrossAttention, given: tuple[Tensor, ...]) -> None:
        self._tokens = given[0].detach()

    def __call__(self, report: StepReport) -> None:
        """Draw the bar, and keep a chosen step."""
        super().__call__(report)
        if report.step in self.steps:
            self.seen[report.stage, report.step] = Seen(report, self._tokens)


def attention_map(layer: CrossAttention, right: Tensor, left: Tensor, place: float) -> Tensor:
    """Return (h, w) how much of a right view's token looks at each place of the left view.

    Args:
        layer: self-attention.
        right: (t, c) tokens of the right view, whose one in the middle row looks.
        left: (t, c) tokens of the left view.
        place: where in that row, 0 to 1.
    """
    side = int(len(right) ** 0.5)
    cell = side // 2 * side + int(place * (side - 1))
    query = layer.split_heads(layer.to_q(right[None, cell : cell + 1]))
    key, _ = layer.keys_values(left[None])
    weights = torch.softmax(query @ key.transpose(2, 3) / query.shape[-1] ** 0.5, dim=-1)
    return weights.mean(1).view(side, side).float().cpu()
