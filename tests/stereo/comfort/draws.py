"""What the tests of comfort draw: displays, rules, maps."""

import numpy as np
import torch
from hypothesis import strategies as st

from stereo.comfort.options import Viewing

viewings = st.builds(
    Viewing, display_width_cm=st.floats(5, 1500), viewing_distance_cm=st.floats(15, 3000)
)
rules = st.sampled_from(["degree", "zone"])


def random_map(seed: int, size: tuple[int, int] = (24, 32)) -> torch.Tensor:
    near = np.random.default_rng(seed).random(size) ** 2
    near.flat[0], near.flat[-1] = 0, 1
    return torch.from_numpy(near.astype(np.float32))[None]
