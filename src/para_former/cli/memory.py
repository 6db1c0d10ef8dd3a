"""Ask glibc's allocator to keep what a step frees for the next step.

By default it maps large tensors anew and gives them back each time, and every page of them is then faulted in again:
half the time of a step of Para-F-2-24 in batches of 250. `docs/training.md` has the figures. Source: mallopt(3).
"""

import ctypes

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # names and numbers of malloc.h


def keep_freed_memory() -> None:
    """For the whole process, blocks of any size; does nothing where the C library is another."""
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return
    mallopt(M_MMAP_MAX, 0)  # rather than a larger block to begin with: older versions take 32 MB at most
    mallopt(M_TRIM_THRESHOLD, -1)  # however much lies free, none goes back
