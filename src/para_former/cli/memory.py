"""Ask glibc's allocator to keep what a step frees for the next step.

By default it maps large tensors anew and gives them back each time, and every page of them is then faulted in again:
with Para-F-1-6 on two cores, batch 250, that cost a fifth of the step.
"""

import ctypes

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # names and numbers of malloc.h
LARGEST_KEPT, LARGEST_FREE = 2**25, 2**30  # bytes; the first is the most that glibc takes


def keep_freed_memory() -> None:
    """For the whole process; does nothing where the C library is another."""
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return
    mallopt(M_MMAP_THRESHOLD, LARGEST_KEPT)
    mallopt(M_TRIM_THRESHOLD, LARGEST_FREE)
