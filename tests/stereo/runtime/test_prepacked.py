"""Packed layers give what `nn.Conv2d` and `nn.Linear` give, whatever happens to the weights."""

import copy
import pickle

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from ldm.modules.diffusionmodules.model import Upsample
from stereo.runtime.prepacked import PackedConv2d, PackedLinear, PackedUpsample, is_packed, pack

PACKED_LAYERS = (0, 2, 3)  # of the network below


def small_network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(6, 10, 3, padding=1), nn.SiLU(), nn.Linear(5, 7), Upsample(10))


@settings(max_examples=30, deadline=None)
@given(
    channels=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    kernel=st.sampled_from([1, 3]),
    stride=st.integers(1, 2),
    bias=st.booleans(),
    shape=st.tuples(st.integers(1, 3), st.integers(3, 20), st.integers(3, 20)),
    last=st.booleans(),
)
def test_packed_convolutions_give_the_same(channels, kernel, stride, bias, shape, last):
    layer = nn.Conv2d(*channels, kernel, stride, kernel // 2, bias=bias)
    batch, height, width = shape
    x = torch.randn(batch, channels[0], height, width)
    if last:
        x = x.contiguous(memory_format=torch.channels_last)
    expected = layer(x)
    pack(layer)
    assert isinstance(layer, PackedConv2d)
    with torch.no_grad():
        found = layer(x)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    assert found.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.skipif(
    not torch.ops.mkldnn._is_mkldnn_bf16_supported(), reason="this processor has no bf16"
)
@torch.no_grad()
def test_packed_layers_give_the_same_in_bf16():
    network = small_network().to(torch.bfloat16)
    x = torch.randn(2, 6, 8, 5, dtype=torch.bfloat16)
    expected = network(x)
    pack(network)
    found = network(x)
    assert found.dtype == torch.bfloat16
    # Both round to 8 bits, not always at the same place.
    torch.testing.assert_close(found, expected, atol=2**-7, rtol=2**-7)


@settings(max_examples=30, deadline=None)
@given(
    features=st.tuples(st.integers(1, 300), st.integers(1, 300)),
    shape=st.lists(st.integers(1, 80), min_size=0, max_size=3),
    bias=st.booleans(),
    transposed=st.booleans(),
)
@torch.no_grad()
def test_packed_linear_layers_give_the_same(features, shape, bias, transposed):
    layer = nn.Linear(*features, bias=bias)
    x = torch.randn(*shape, features[0])
    if transposed and len(shape) > 1:
        x = x.transpose(0, 1).contiguous().transpose(0, 1)
    expected = layer(x)
    pack(layer)
    assert isinstance(layer, PackedLinear)
    torch.testing.assert_close(layer(x), expected, atol=1e-5, rtol=1e-5)


@settings(max_examples=30, deadline=None)
@given(
    channels=st.integers(1, 40),
    shape=st.tuples(st.integers(1, 3), st.integers(1, 20), st.integers(1, 20)),
    last=st.booleans(),
)
@torch.no_grad()
def test_packed_upsampling_gives_the_same(channels, shape, last):
    layer = Upsample(channels)
    batch, height, width = shape
    x = torch.randn(batch, channels, height, width)
    if last:
        x = x.contiguous(memory_format=torch.channels_last)
    expected = layer(x)
    pack(layer)
    assert isinstance(layer, PackedUpsample)
    assert type(layer.conv) is nn.Conv2d, "packed twice"
    found = layer(x)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    assert found.is_contiguous(memory_format=torch.channels_last)


def test_gradients_flow_as_before():
    network, x = small_network(), torch.randn(1, 6, 5, 5)
    x.requires_grad_(True)
    (expected,) = torch.autograd.grad(network(x).square().sum(), x)
    pack(network)
    (found,) = torch.autograd.grad(network(x).square().sum(), x)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


CHANGES = ["in place", "loaded", "assigned", "precision", "copied", "kept in a file"]


@pytest.mark.parametrize("change", CHANGES)
@torch.no_grad()
def test_changed_weights_count(change):
    network, other, x = small_network(), small_network(), torch.randn(1, 6, 5, 5)
    for weight in other.parameters():
        weight.mul_(2)
    pack(network)
    network(x)
    if change == "kept in a file":
        network = pickle.loads(pickle.dumps(network))
    elif change == "in place":
        for weight in network.parameters():
            weight.mul_(2)
    elif change == "precision":
        network, other, x = network.double(), other.double(), x.double()
    elif change == "copied":
        network = copy.deepcopy(network)
    if change != "in place":
        network.load_state_dict(other.state_dict(), assign=change == "assigned")
    torch.testing.assert_close(network(x), other(x), atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_new_weights_at_an_old_address_count():
    """Neither gives a parameter another version, and memory is handed out again."""
    network, x = small_network(), torch.randn(1, 6, 5, 5)
    pack(network)
    for _ in range(20):
        for weight in network.parameters():
            weight.data = torch.randn_like(weight) / 8  # about what new layers have
        convolution, _, linear, upsample = network
        rows = F.linear(
            F.silu(F.conv2d(x, convolution.weight, convolution.bias, padding=1)),
            linear.weight,
            linear.bias,
        )
        repeated = rows.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
        expected = F.conv2d(repeated, upsample.conv.weight, upsample.conv.bias, padding=1)
        torch.testing.assert_close(network(x), expected, atol=1e-5, rtol=1e-5)
    for _ in range(20):
        network.half().float()
        assert not network[0].packing.is_of(network[0].weight)


@torch.no_grad()
def test_packed_anew_after_another_precision():
    network, x = small_network(), torch.randn(1, 6, 5, 5)
    pack(network)
    layers = [network[index] for index in PACKED_LAYERS]
    network(x)
    first = [layer.packing for layer in layers]
    network(x)
    assert None not in first and [layer.packing for layer in layers] == first
    network.to(torch.bfloat16).float()
    network(x)
    for layer, packing in zip(layers, first, strict=True):
        assert layer.packing is not packing
        weight = layer.conv.weight if isinstance(layer, Upsample) else layer.weight
        assert layer.packing.is_of(weight)


@torch.no_grad()
def test_another_precision_is_taken_as_plain_layers_take_it():
    network, x = small_network(), torch.randn(1, 6, 5, 5)
    pack(network)
    with torch.autocast("cpu", torch.bfloat16):
        assert network(x.to(torch.bfloat16)).dtype == torch.bfloat16
    with pytest.raises(RuntimeError):
        network(x.to(torch.bfloat16))


def test_weights_without_versions_stay_plain():
    with torch.inference_mode():
        network, x = small_network(), torch.randn(1, 6, 5, 5)
        expected = network(x)
        pack(network)
        assert not is_packed(network)
        assert torch.equal(network(x), expected)


def test_parameters_keep_their_names():
    network = small_network()
    before = network.state_dict()
    assert not is_packed(network)
    pack(network)
    assert is_packed(network)
    after = network.state_dict()
    assert after.keys() == before.keys()
    assert all(torch.equal(after[name], before[name]) for name in before)


def test_without_onednn_nothing_changes(monkeypatch):
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    network = small_network()
    pack(network)
    assert not is_packed(network)
    assert [type(network[index]) for index in PACKED_LAYERS] == [nn.Conv2d, nn.Linear, Upsample]
