"""The frozen text encoders that published configurations name."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from ldm.modules.encoders.clip_text import ClipTextModel, OpenClipTextTransformer
from ldm.modules.encoders.tokens import END_ID, VOCABULARY_SIZE, PromptTokenizer
from ldm.util import published_keys

OPEN_CLIP_ARCHITECTURES: dict[str, dict[str, Any]] = {
    "ViT-H-14": {
        "embed_dim": 1024,
        "text_cfg": {
            "context_length": 77,
            "vocab_size": VOCABULARY_SIZE,
            "width": 1024,
            "heads": 16,
            "layers": 24,
        },
    },
}
CLIP_ARCHITECTURES: dict[str, dict[str, int]] = {
    "openai/clip-vit-large-patch14": {
        "context_length": 77,
        "vocab_size": VOCABULARY_SIZE,
        "width": 768,
        "heads": 12,
        "layers": 12,
    },
}
SKIPPED_BLOCKS = {"last": 0, "penultimate": 1}


class FrozenTextEncoder(nn.Module):
    """What both text encoders share."""

    def freeze(self) -> None:
        """Stop the weights from being trained."""
        self.eval().requires_grad_(False)

    def encode(self, text: list[str]) -> Tensor:
        """Encode prompts to (B, max_length, width)."""
        return self(text)


class FrozenOpenCLIPEmbedder(FrozenTextEncoder):
    """The text encoder of Stable Diffusion 2: OpenCLIP's, without its last block.

    Nothing is downloaded: the weights come with the checkpoint, so `version` and `device` are
    ignored. `arch` is a known name or a mapping of `embed_dim` and `text_cfg`. With a
    `vocabulary` (see `PromptTokenizer`; list 0, 49406 and 49407 in it, which every prompt has)
    the embedding table has len(vocabulary) + 1 rows, whatever `text_cfg` says.
    """

    LAYERS = tuple(SKIPPED_BLOCKS)

    @published_keys("version", "device")
    def __init__(
        self,
        arch: str | Mapping[str, Any] = "ViT-H-14",
        max_length: int = 77,
        freeze: bool = True,
        layer: str = "last",
        *,
        vocabulary: list[int] | None = None,
    ) -> None:
        super().__init__()
        sizes = dict(_known("arch", arch, OPEN_CLIP_ARCHITECTURES))
        text_cfg = {**sizes.pop("text_cfg", {}), "context_length": max_length}
        if vocabulary is not None:
            text_cfg["vocab_size"] = len(vocabulary) + 1
        self.layer = _choice("layer", layer, self.LAYERS)
        self.layer_idx = SKIPPED_BLOCKS[layer]
        self.max_length = max_length
        self.model = _build("arch", OpenClipTextTransformer, {**sizes, **text_cfg})
        self.tokenize = PromptTokenizer(context_length=max_length, vocabulary=vocabulary)
        if freeze:
            self.freeze()

    def forward(self, text: list[str]) -> Tensor:
        """Encode prompts to (B, max_length, width)."""
        tokens = self.tokenize(text).to(self.model.positional_embedding.device)
        return self.encode_with_transformer(tokens)

    def encode_with_transformer(self, text: Tensor) -> Tensor:
        """Encode token rows (B, max_length) to (B, max_length, width)."""
        return self.model(text, skipped_blocks=self.layer_idx)

    @published_keys("attn_mask")  # the causal one, which the blocks know
    def text_transformer_forward(self, x: Tensor) -> Tensor:
        """Run the blocks alone on embedded tokens (max_length, B, width)."""
        x = self.model.run_blocks(x.transpose(0, 1), skipped_blocks=self.layer_idx)
        return x.transpose(0, 1)


class FrozenCLIPEmbedder(FrozenTextEncoder):
    """The text encoder of Stable Diffusion 1: OpenAI's CLIP ViT-L/14, last layer, normed.

    Nothing is downloaded: the weights come with the checkpoint, so `device` is ignored.
    `version` is a known name or a mapping of the sizes. Prompts are padded with the end token.
    """

    LAYERS = ("last",)

    @published_keys("device", layer_idx=None)
    def __init__(
        self,
        version: str | Mapping[str, int] = "openai/clip-vit-large-patch14",
        max_length: int = 77,
        freeze: bool = True,
        layer: str = "last",
    ) -> None:
        super().__init__()
        sizes = dict(_known("version", version, CLIP_ARCHITECTURES))
        self.layer = _choice("layer", layer, self.LAYERS)
        self.max_length = max_length
        self.transformer = _build("version", ClipTextModel, {**sizes, "context_length": max_length})
        self.tokenize = PromptTokenizer(context_length=max_length, pad_id=END_ID)
        if freeze:
            self.freeze()

    def forward(self, text: list[str]) -> Tensor:
        """Encode prompts to (B, max_length, width)."""
        embeddings = self.transformer.text_model.embeddings
        return self.transformer(self.tokenize(text).to(embeddings.token_embedding.weight.device))


def _known(
    argument: str, value: str | Mapping[str, Any], table: Mapping[str, Mapping[str, Any]]
) -> Mapping[str, Any]:
    if isinstance(value, Mapping):
        return value
    if value not in table:
        raise ValueError(f"{argument}: got {value!r}, expected sizes or one of {sorted(table)}")
    return table[value]


def _choice(argument: str, value: str, known: tuple[str, ...]) -> str:
    if value not in known:
        raise ValueError(f"{argument}: got {value!r}, expected one of {list(known)}")
    return value


def _build(argument: str, tower: type[nn.Module], sizes: Mapping[str, int]) -> nn.Module:
    try:
        return tower(**sizes)
    except TypeError as error:
        raise ValueError(f"{argument}: cannot build {tower.__name__} ({error})") from error
