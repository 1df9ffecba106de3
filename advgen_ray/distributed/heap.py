"""What a process does with the memory that a tensor on the CPU leaves: it keeps it for the next one."""

import ctypes
import sys

# Of glibc's malloc.h. Both must be set: either alone ends the adapting of the other.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
KEPT_BYTES = 512 * 2**20  # free at the heap's end before any goes back to the system
LARGEST_BYTES = 32 * 2**20  # what comes from the heap at most; glibc takes no more


def keep_freed_memory() -> bool:
    """Whether this process' C library was told to keep what is freed; a library other than glibc is left alone.

    By default glibc gives a network's activations back to the kernel after every layer and fetches zeroed pages for
    the next: a fifth to a quarter of the time of a small network's evaluation, and more where two processes do so at
    once. Peaks of memory stay, since the pages are used again; torch's results do not change.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return bool(mallopt and mallopt(_TRIM_THRESHOLD, KEPT_BYTES) and mallopt(_MMAP_THRESHOLD, LARGEST_BYTES))
