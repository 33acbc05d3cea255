"""The C library's heap, on a CPU: memory that one denoising step frees waits for the next one."""

import ctypes
import sys

# Parameters of glibc's mallopt(3), and what they are set to.
M_TRIM_THRESHOLD, TRIM_BYTES = -1, 2**30
M_MMAP_THRESHOLD, MMAP_BYTES = -3, 2**25


def hold_freed_memory() -> bool:
    """Keep up to 1 GiB of freed tensors below 32 MiB in the process; returns whether it worked.

    By default glibc gives memory back as soon as some megabytes are free on top of its heap, and
    every step of a small network asks for the same pages again: a tenth of a pair's time. Other C
    libraries have no such switch and stay as they are.
    """
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return all(
        mallopt(parameter, value)
        for parameter, value in (
            (M_TRIM_THRESHOLD, TRIM_BYTES),
            (M_MMAP_THRESHOLD, MMAP_BYTES),
        )
    )
