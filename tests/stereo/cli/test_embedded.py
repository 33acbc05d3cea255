"""What the embedded weights mean for the input at hand: unknown words, pictures too large."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from ldm.modules.encoders.tokens import PromptTokenizer
from stereo.cli.embedded import input_note, unknown_words
from stereo.cli.job import StereoJob
from stereo.options import preset
from stereo.runtime.models import load_model

PHOTO = StereoJob("image", pictures=[np.zeros((3024, 4032, 3), np.uint8)])


@pytest.fixture(scope="module")
def model():
    return load_model("text", device="cpu")


def test_unknown_words_are_named_once(model):
    assert unknown_words(model, "A red sphere on a wooden floor") == []
    assert unknown_words(model, "an astronaut rides, an Astronaut") == ["astronaut", "rides"]
    note = input_note(model, StereoJob("text", prompt="cat dog cow pig hen fox owl bat"))
    assert note.endswith("cat, dog, cow, pig, hen, fox and 2 more")


def test_a_network_with_all_words_knows_them():
    encoder = SimpleNamespace(tokenize=PromptTokenizer())
    assert unknown_words(SimpleNamespace(cond_stage_model=encoder), "an astronaut") == []


def test_a_photo_that_is_made_smaller_is_told_its_size(model):
    note = input_note(model, PHOTO)
    assert note.startswith("your 4032x3024 picture is worked on at 256 px by preset paper; ")
    assert input_note(model, replace(PHOTO, options=preset("best"))) == ""
    small = replace(PHOTO, pictures=[np.zeros((256, 300, 3), np.uint8)])
    assert input_note(model, small) == ""
