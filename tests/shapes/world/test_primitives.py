"""The solids of the world: rays meet them where they first enter."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from shapes.world import primitives
from shapes.world.scene import SHAPES


def inside(shape: int, point: Tensor, minor: float) -> Tensor:
    """Say which points (3, ...) lie within a unit solid."""
    x, y, z = point
    ring = (x * x + z * z).sqrt()
    return {
        primitives.SPHERE: x * x + y * y + z * z < 1,
        primitives.BOX: point.abs().amax(0) < 1,
        primitives.CYLINDER: (ring < 1) & (y.abs() < 1),
        primitives.CONE: (ring < (1 - y) / 2) & (y > -1),
        primitives.TORUS: (ring - 1) ** 2 + y * y < minor**2,
    }[shape]


@pytest.mark.parametrize("shape", sorted(set(SHAPES.values())))
def test_rays_meet_a_solid_where_they_first_enter(shape: int) -> None:
    generator = torch.Generator().manual_seed(shape)
    aim = torch.rand((3, 400), generator=generator) * 2.4 - 1.2
    start = functional.normalize(torch.randn((3, 400), generator=generator), dim=0) * 4
    minor, ray = 0.37, aim - start
    hit = primitives.intersect(
        shape,
        tuple(start[:, None, :]),
        tuple(ray[:, None, :]),
        torch.tensor([[minor]]),
    )[0]
    steps = torch.linspace(0, 2.4, 4000)
    within = inside(shape, start[:, :, None] + ray[:, :, None] * steps, minor)
    met = within.any(1)
    first = steps[within.int().argmax(1)]
    assert 0.1 < met.float().mean() < 1
    assert ((hit < primitives.MISS) == met).float().mean() > 0.985  # grazing rays step over
    both = (hit < primitives.MISS) & met
    late = (first - hit)[both]
    assert (late.abs() < 2e-3).float().mean() > 0.98
    assert late.min() > -2e-3


def test_a_camera_inside_a_sphere_sees_its_far_side() -> None:
    zero, one = torch.zeros((1, 1)), torch.ones((1, 1))
    hit = primitives.intersect(primitives.SPHERE, (zero, zero, zero), (zero, zero, one), one)
    assert math.isclose(float(hit), 1.0, rel_tol=1e-6)
