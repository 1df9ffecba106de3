"""Memory that is freed stays with the process."""

import platform
import subprocess
import sys

import pytest

# By malloc itself: where torch's tensors lie on the heap, and so what goes back, differs from process to process.
FAULTS = """
import ctypes, resource, sys
from advgen_ray.distributed.heap import keep_freed_memory
assert sys.argv[1] == "default" or keep_freed_memory()
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
size = 20 * 2**20
def evaluate():
    blocks = [libc.malloc(size) for _ in range(3)]
    for block in blocks:
        ctypes.memset(block, 1, size)
    for block in reversed(blocks):
        libc.free(block)
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(3):
    evaluate()
before = faults()
for _ in range(10):
    evaluate()
print((faults() - before) * resource.getpagesize() / (30 * size))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_what_is_freed_is_used_again() -> None:
    ways = ("default", "kept")
    fetched = {how: float(subprocess.check_output([sys.executable, "-c", FAULTS, how], text=True)) for how in ways}
    assert fetched["kept"] < 0.05, fetched
    assert fetched["default"] > 0.5, fetched
