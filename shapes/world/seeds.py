"""Which seeds are which kind of scene, and which of them training never sees."""

from collections.abc import Sequence

SEED_LIMIT = 2**32
# Reserved for measuring; `shapes.training` refuses them.
HELD_OUT_SEEDS = range(1_000_000_000, 1_500_000_000)
HELD_OUT_FIRST_SEED = HELD_OUT_SEEDS[0]
CALM_SEEDS = range(1_500_000_000, 2_000_000_000)
PORTRAIT_SEEDS = range(1_750_000_000, 2_000_000_000)  # calm, too
SIZES_PX = (16, 4096)


def check_request(seeds: Sequence[int], size_px: int) -> None:
    """Raise ValueError for a seed or a size out of range."""
    for seed in seeds:
        if not 0 <= seed < SEED_LIMIT:
            raise ValueError(f"seed is {seed}, expected 0 to {SEED_LIMIT - 1}")
    if not SIZES_PX[0] <= size_px <= SIZES_PX[1]:
        raise ValueError(f"size_px is {size_px}, expected {SIZES_PX[0]} to {SIZES_PX[1]}")
    if not len(seeds):
        raise ValueError("seeds is empty, expected at least one seed")
