"""The C library's heap, on a CPU: memory that one denoising step frees waits for the next one."""

import ctypes
import sys

# Parameters of glibc's mallopt(3), and what they are set to.
M_TRIM_THRESHOLD, TRIM_BYTES = -1, 2**30
M_MMAP_MAX, MAPPINGS = -4, 0


def hold_freed_memory() -> bool:
    """Keep freed tensors, up to 1 GiB at the heap's end, in the process; returns whether it worked.

    By default glibc gives memory back as soon as some megabytes are free on top of its heap, and
    at once where a tensor had a mapping of its own, as those of 32 MiB and more have. Every step
    then asks for the same pages again: a tenth of an embedded model's pair, 6 % of a full-size
    denoiser's step. Other C libraries have no such switch and stay as they are.
    """
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return all(
        mallopt(parameter, value)
        for parameter, value in ((M_TRIM_THRESHOLD, TRIM_BYTES), (M_MMAP_MAX, MAPPINGS))
    )
