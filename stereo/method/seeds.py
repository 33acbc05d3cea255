"""Seeds of noise that must not be the noise of another use of the same seed."""

import hashlib


def derived_seed(seed: int, use: str) -> int:
    """Return the seed in [0, 2**32) of another use of `seed`, as "holes" or a picture's name.

    It is hashed: PyTorch's generator on the CPU looks at the lowest 32 bits of a seed alone, so
    that no offset leads out of the range of other seeds.
    """
    digest = hashlib.sha256(f"{seed}\n{use}".encode(errors="surrogateescape")).digest()
    return int.from_bytes(digest[:4], "big")
