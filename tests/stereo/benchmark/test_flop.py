"""Arithmetic is counted as it is executed, on packed layers too."""

import pytest
import torch
from torch import nn

from ldm.modules.diffusionmodules.model import Upsample
from stereo.benchmark.flop import count_flop
from stereo.runtime.prepacked import is_packed, pack


@pytest.mark.parametrize(
    ("layer", "shape", "products"),
    [
        (nn.Linear(5, 7), (2, 3, 5), 2 * 3 * 5 * 7),
        (nn.Conv2d(4, 6, 3, padding=1), (2, 4, 8, 9), 2 * 8 * 9 * 4 * 6 * 9),
        (nn.Conv2d(4, 6, 3, stride=2, padding=1), (2, 4, 8, 8), 2 * 4 * 4 * 4 * 6 * 9),
    ],
)
def test_packed_layers_make_as_many_products_as_plain_ones(layer, shape, products):
    x = torch.randn(shape)
    assert count_flop(lambda: layer(x)) == 2 * products
    pack(layer)
    assert is_packed(layer)
    assert count_flop(lambda: layer(x)) == 2 * products


def test_packed_upsampling_makes_four_products_in_place_of_nine():
    layer, x = Upsample(6), torch.randn(2, 6, 4, 5)
    plain = count_flop(lambda: layer(x))
    assert plain == 2 * (2 * 8 * 10) * (6 * 6 * 9)
    pack(layer)
    assert count_flop(lambda: layer(x)) * 9 == plain * 4


def test_attention_is_counted():
    query = torch.randn(1, 2, 5, 8)
    attend = nn.functional.scaled_dot_product_attention
    assert count_flop(lambda: attend(query, query, query)) == 2 * 2 * (2 * 5 * 5 * 8)
