"""The convolution of the hybrid's stem."""

import pytest
import torch
import torch.nn.functional as F

from dpt.vit import StandardisedConv2d


def test_standardised_weights_have_zero_mean_and_unit_deviation():
    convolution = StandardisedConv2d(8, 6, 3, stride=2)
    weight = convolution.standardised_weight().flatten(1)
    torch.testing.assert_close(weight.mean(1), torch.zeros(6), atol=1e-6, rtol=0)
    torch.testing.assert_close(weight.std(1, correction=0), torch.ones(6), atol=1e-3, rtol=0)
    assert convolution(torch.zeros(1, 8, 7, 10)).shape == (1, 6, 4, 5)


@pytest.mark.parametrize(("dilation", "groups"), [(2, 1), (1, 4), (3, 2)])
def test_dilation_and_groups_are_honoured(dilation, groups):
    convolution = StandardisedConv2d(8, 12, 3, dilation=dilation, groups=groups)
    x = torch.randn(1, 8, 9, 11)
    expected = F.conv2d(
        x,
        convolution.standardised_weight(),
        padding=dilation,
        dilation=dilation,
        groups=groups,
    )
    torch.testing.assert_close(convolution(x), expected)
