"""What a step frees serves the next one, whatever its size."""

import platform
import subprocess
import sys

import pytest

from para_former.cli import memory

FAULTS = """
import ctypes, resource, runpy, sys

if sys.argv[1] == "kept":
    runpy.run_path(sys.argv[2])["keep_freed_memory"]()
libc = ctypes.CDLL(None)
libc.prctl(41, 1, 0, 0, 0)  # PR_SET_THP_DISABLE: pages of 4 KB
libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]

def step():  # blocks of 64 MB, 2.2 GB together, one page in sixteen written to
    blocks = [libc.malloc(2**26) for _ in range(35)]
    for block in blocks:
        for offset in range(0, 2**26, 2**16):
            ctypes.memset(block + offset, 1, 1)
    for block in blocks:
        libc.free(block)

step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
step()
step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(way: str) -> int:
    command = [sys.executable, "-c", FAULTS, way, memory.__file__]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")
def test_a_block_that_was_freed_is_used_again_without_faulting_its_pages_in():
    assert faults("handed back") > 5 * faults("kept")  # 35,840 in a step


def test_every_command_keeps_what_it_frees(run, monkeypatch):
    asked = []
    monkeypatch.setattr("para_former.cli.main.keep_freed_memory", lambda: asked.append(1))
    run("info")
    assert asked == [1]
