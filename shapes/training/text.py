"""Training the text encoder alone: its embeddings must tell what stands where.

Far cheaper than to learn it through a denoiser: no picture is needed.
"""

import copy
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ldm.checkpoint import save_checkpoint
from ldm.modules.encoders.modules import FrozenOpenCLIPEmbedder
from ldm.util import instantiate_from_config
from shapes.training.columns import COLUMNS, ColumnNames, column_numbers
from shapes.training.diffusion import read_denoiser
from shapes.training.settings import Settings, Stage
from shapes.training.task import Task
from shapes.training.vocabulary import PAD_ID, shapes_vocabulary
from shapes.training.weights import load_strictly
from shapes.world.materials import COLOURS
from shapes.world.outline import outline

PREFIX = "cond_stage_model."
HEADS = 4
SHEET_PROMPTS = (
    "a red sphere left of a blue box",
    "a red sphere right of a blue box",
    "a yellow cone left of a purple cylinder on a wooden floor",
    "a white torus right of an orange striped card under a blue sky",
    "a green torus",
    "a pink card and a black box on a plain floor",
)
SHEET_ROW_PX, SHEET_COLUMN_PX = 24, 32


class CaptionReader(nn.Module):
    """Reads embeddings by cross-attention, as the UNet does, with one learned query a column."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.queries = nn.Parameter(torch.randn(COLUMNS, width))
        self.attention = nn.MultiheadAttention(width, HEADS, batch_first=True)
        self.names = ColumnNames(width)

    def forward(self, embeddings: Tensor) -> Tensor:
        """Return the features (B, COLUMNS, C) that columns are named from."""
        queries = self.queries.expand(len(embeddings), -1, -1)
        return self.attention(queries, embeddings, embeddings, need_weights=False)[0]


class TextTask(Task):
    """Name what stands in every column, from the caption's embeddings.

    An encoder that a denoiser has learned with is told (`keep`) not to go far from what it was.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.model_config = {**settings.model, "params": dict(settings.model["params"])}
        self.model_config["params"]["vocabulary"] = shapes_vocabulary()
        self.encoder: FrozenOpenCLIPEmbedder = instantiate_from_config(self.model_config)
        if "diffusion" in settings.start:
            load_encoder(self.encoder, settings.start_file("diffusion"))
        self.before = copy.deepcopy(self.encoder) if settings.loss.get("keep", 0.0) else None
        self.encoder.requires_grad_(True)
        self.reader = CaptionReader(self.encoder.model.positional_embedding.shape[1])
        outlines = [outline(seed, columns=COLUMNS) for seed in settings.data.seeds()]
        self.tokens = trim(self.encoder.tokenize([entry.caption for entry in outlines]))
        self.numbers = column_numbers(outlines)

    def loss(self, stage: Stage, generator: torch.Generator) -> Tensor:
        """Return the cross-entropies of colour and shape, averaged over columns, and the drift."""
        index = torch.randint(len(self.tokens), (stage.batch,), generator=generator)
        tokens = self.tokens[index].to(self.device)
        embeddings = self.encoder.encode_with_transformer(tokens)
        features = self.reader(embeddings)
        loss = self.reader.names.loss(features, self.numbers[index].to(self.device))
        if self.before is None:
            return loss
        with torch.no_grad():
            before = self.before.encode_with_transformer(tokens)
        return loss + self.settings.loss["keep"] * F.mse_loss(embeddings.float(), before.float())

    def sheet(self) -> Tensor:
        """Return for each prompt a row of columns in the colours that the reader expects there."""
        with torch.no_grad():
            logits = self.reader.names.colour(self.reader(self.encoder(list(SHEET_PROMPTS))))
        palette = torch.tensor([(0.5, 0.5, 0.5), *COLOURS.values()])
        rows = logits.float().softmax(-1).cpu() @ palette  # (B, COLUMNS, 3)
        picture = rows.repeat_interleave(SHEET_ROW_PX, 0).repeat_interleave(SHEET_COLUMN_PX, 1)
        return picture.permute(2, 0, 1)

    def export(self, path: Path) -> None:
        """Write the encoder; the reader has done its work."""
        save_checkpoint(self.encoder, path, {"model": self.model_config})


def load_encoder(encoder: FrozenOpenCLIPEmbedder, path: Path) -> None:
    """Start from the text encoder inside a diffusion model's file.

    Raises:
        FileNotFoundError: `path` is not there.
        ValueError: its weights do not fit.
    """
    tensors = {
        name.removeprefix(PREFIX): value
        for name, value in read_denoiser(path).items()
        if name.startswith(PREFIX)
    }
    load_strictly(encoder, tensors, path=path)


def trim(tokens: Tensor) -> Tensor:
    """Cut the padding (N, L) that all rows share: attention is causal, what is left is the same."""
    return tokens[:, : int((tokens != PAD_ID).sum(1).max())]
