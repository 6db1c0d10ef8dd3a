"""Let a process on a CPU keep the memory that a step of training frees.

glibc maps every block of more than 32 MB anew and hands it back when it is freed, so the system clears the same pages
in each step: half the time of Para-F-2-24 in batches of 250. `docs/training.md` has the figures. Source: mallopt(3).
"""

import ctypes
import sys

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
MOST = 2**31 - 1
"""Bytes of free memory from which on glibc returns some of it: the largest number that mallopt takes."""


def keep_freed_memory() -> bool:
    """Whether it took effect: for the whole process, until its end, where the C library is glibc.

    For a program of one's own that trains on a CPU; `para-former train` and `reproduce` call it. The process grows to
    1.2 to 1.7 times the memory that it would have.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    return mallopt is not None and bool(mallopt(M_MMAP_MAX, 0) and mallopt(M_TRIM_THRESHOLD, MOST))
