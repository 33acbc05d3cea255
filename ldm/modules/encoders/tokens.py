"""Prompts to CLIP's byte-pair tokens."""

import logging
from functools import lru_cache
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from open_clip.tokenizer import SimpleTokenizer

START_ID, END_ID, VOCABULARY_SIZE = 49406, 49407, 49408

logger = logging.getLogger(__name__)


class PromptTokenizer:
    """Turns prompts into token ids, and says once per prompt what did not fit.

    A vocabulary narrows CLIP's ids to the rows of a small embedding table: the ids it lists, in
    that order, then one row for every id that it lacks.
    """

    def __init__(
        self, *, context_length: int = 77, pad_id: int = 0, vocabulary: list[int] | None = None
    ) -> None:
        self.context_length = context_length
        self.pad_id = pad_id
        self.rows = None if vocabulary is None else _rows(vocabulary)
        self.reported: set[str] = set()

    def __call__(self, prompts: str | list[str]) -> Tensor:
        """Return (B, context_length) int64: start, words, end, padding; the end always stays."""
        prompts = [prompts] if isinstance(prompts, str) else list(prompts)
        ids = torch.full((len(prompts), self.context_length), self.pad_id, dtype=torch.int64)
        for row, prompt in zip(ids, prompts, strict=True):
            tokens = [START_ID, *self._fitting(prompt), END_ID]
            row[: len(tokens)] = torch.tensor(tokens)
        return ids if self.rows is None else self.rows[ids]

    def knows(self, word: str) -> bool:
        """Return whether a word is in the vocabulary; without one every word is."""
        if self.rows is None:
            return True
        unknown = int(self.rows.max())
        return all(int(self.rows[token]) != unknown for token in _clip_tokenizer().encode(word))

    def _fitting(self, prompt: str) -> list[int]:
        if not isinstance(prompt, str):
            raise ValueError(f"prompt: got {type(prompt).__name__}, expected a string")
        tokenizer = _clip_tokenizer()
        words, room = tokenizer.encode(prompt), self.context_length - 2
        if len(words) > room and prompt not in self.reported:
            self.reported.add(prompt)
            lost = tokenizer.decode(words[room:]).strip()
            logger.warning(
                "prompt too long (%d tokens, %d fit): cut off %r", len(words), room, lost
            )
        return words[:room]


def _rows(vocabulary: list[int]) -> Tensor:
    ids = torch.tensor(vocabulary, dtype=torch.int64, device="cpu")
    outside = ids.numel() and not (0 <= int(ids.min()) and int(ids.max()) < VOCABULARY_SIZE)
    if outside or len(set(vocabulary)) != len(vocabulary):
        raise ValueError(
            f"vocabulary: {len(vocabulary)} ids, expected distinct ones below {VOCABULARY_SIZE}"
        )
    rows = torch.full((VOCABULARY_SIZE,), len(vocabulary), dtype=torch.int64, device="cpu")
    rows[ids] = torch.arange(len(vocabulary), device="cpu")
    return rows


@lru_cache(maxsize=1)
def _clip_tokenizer() -> "SimpleTokenizer":
    from open_clip.tokenizer import SimpleTokenizer

    return SimpleTokenizer()
