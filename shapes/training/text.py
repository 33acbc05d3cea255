"""Training the text encoder alone: its embeddings must tell what stands where.

Far cheaper than to learn it through a denoiser: no picture is needed.
"""

from pathlib import Path

import torch
from torch import Tensor, nn

from ldm.modules.encoders.modules import FrozenOpenCLIPEmbedder
from ldm.saving import save_checkpoint
from shapes.training.columns import COLUMNS, ColumnNames, column_numbers
from shapes.training.settings import Settings, Stage
from shapes.training.task import Task
from shapes.training.vocabulary import PAD_ID, with_vocabulary
from shapes.training.weights import build_network
from shapes.world.materials import COLOURS
from shapes.world.outline import outline

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
    """Name what stands in every column, from the caption's embeddings."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.model_config = with_vocabulary(settings.model)
        self.encoder = build_network(self.model_config, FrozenOpenCLIPEmbedder)
        self.encoder.requires_grad_(True)
        self.reader = CaptionReader(self.encoder.model.positional_embedding.shape[1])
        outlines = [outline(seed, columns=COLUMNS) for seed in settings.data.seeds()]
        self.tokens = trim(self.encoder.tokenize([entry.caption for entry in outlines]))
        self.numbers = column_numbers(outlines)

    def loss(self, stage: Stage, generator: torch.Generator) -> Tensor:
        """Return the cross-entropies of colour and shape, averaged over columns."""
        index = torch.randint(len(self.tokens), (stage.batch,), generator=generator)
        embeddings = self.encoder.encode_with_transformer(self.tokens[index].to(self.device))
        return self.reader.names.loss(self.reader(embeddings), self.numbers[index].to(self.device))

    def sheet(self) -> Tensor:
        """Return for each prompt a row of columns in the colours that the reader expects there."""
        logits = self.reader.names.colour(self.reader(self.encoder(list(SHEET_PROMPTS))))
        palette = torch.tensor([(0.5, 0.5, 0.5), *COLOURS.values()])
        rows = logits.float().softmax(-1).cpu() @ palette  # (B, COLUMNS, 3)
        picture = rows.repeat_interleave(SHEET_ROW_PX, 0).repeat_interleave(SHEET_COLUMN_PX, 1)
        return picture.permute(2, 0, 1)

    def export(self, path: Path) -> None:
        """Write the encoder; the reader has done its work."""
        save_checkpoint(self.encoder, path, {"model": self.model_config})


def trim(tokens: Tensor) -> Tensor:
    """Cut the padding (N, L) that all rows share: attention is causal, what is left is the same."""
    return tokens[:, : int((tokens != PAD_ID).sum(1).max())]
