"""The words that captions of the procedural world use, as CLIP's token ids."""

from collections.abc import Mapping
from typing import Any

from open_clip.tokenizer import SimpleTokenizer

from ldm.modules.encoders.tokens import END_ID, START_ID
from shapes.world.captions import VOCABULARY_WORDS

PAD_ID = 0


def shapes_vocabulary() -> list[int]:
    """Return the ids that the small text encoder knows: padding, start, end, then the words'."""
    tokenizer = SimpleTokenizer()
    words = {token for word in VOCABULARY_WORDS for token in tokenizer.encode(word)}
    return [PAD_ID, START_ID, END_ID, *sorted(words - {PAD_ID, START_ID, END_ID})]


def with_vocabulary(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a text encoder's configuration with the words that captions use.

    Raises:
        ValueError: it has no parameters.
    """
    if not isinstance(config.get("params"), Mapping):
        raise ValueError("model: the text encoder has no params, expected keys and values")
    return {**config, "params": {**config["params"], "vocabulary": shapes_vocabulary()}}
