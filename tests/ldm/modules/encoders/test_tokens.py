"""Prompts to tokens, against the stored ones of the reference."""

import json
import logging

import torch

from ldm.modules.encoders.tokens import END_ID, PromptTokenizer


def test_tokens_equal_reference(golden):
    case = golden("g07_tokens")
    prompts = json.loads(str(case["prompts"]))
    assert torch.equal(PromptTokenizer()(prompts), case["tokens"])


def test_long_prompt_warns_once_and_says_what_was_cut(caplog):
    tokenizer = PromptTokenizer(context_length=8)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            tokens = tokenizer(["one two three four five six seven eight"])
    assert tokens[0, -1] == END_ID
    assert len(caplog.records) == 1
    assert "'seven eight'" in caplog.text
