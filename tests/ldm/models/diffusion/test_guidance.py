"""Guidance: one batch, the unconditional samples first."""

import pytest
import torch

from ldm.models.diffusion.guidance import Guidance, join_conditionings
from tests.ldm.models.diffusion.small import small_depth_model


@torch.no_grad()
@pytest.mark.parametrize("listed", [True, False])
@pytest.mark.parametrize("same", [True, False])
def test_one_batch_gives_what_two_calls_give(same: bool, listed: bool) -> None:
    model = small_depth_model().double()  # so that guidance enlarges no rounding
    x, t = torch.randn(2, 4, 8, 8).double(), torch.tensor([1, 900])
    texts, (near, far) = torch.randn(2, 2, 6, 8).double(), torch.randn(2, 2, 1, 8, 8).unbind()
    parts = [
        {"c_crossattn": texts[0], "c_concat": near},
        {"c_crossattn": texts[1], "c_concat": near if same else far},
    ]
    if listed:
        parts = [{key: [value] for key, value in part.items()} for part in parts]
    unguided, conditional = (model.apply_model(x, t, part) for part in parts)
    rows: list[int] = []
    model.model.diffusion_model.input_blocks[0].register_forward_hook(
        lambda _m, _i, out: rows.append(len(out))
    )
    guided = Guidance(parts[1], 3.0, parts[0]).output(model, x, t)
    assert rows == [4]
    expected = unguided + 3.0 * (conditional - unguided)
    torch.testing.assert_close(guided, expected, atol=1e-10, rtol=0)


def test_conditionings_of_two_kinds_are_refused() -> None:
    one = torch.zeros(1, 2, 3)
    assert torch.equal(join_conditionings([one], [one + 1])[0], torch.cat([one, one + 1]))
    for first in (one, {"c_concat": [one]}, [one, one]):
        with pytest.raises(ValueError, match="^unconditional_conditioning: got "):
            join_conditionings(first, {"c_crossattn": [one]})
