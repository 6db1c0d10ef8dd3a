import subprocess
import sys

import pytest

FAULTS = """
import resource, sys
import torch
from para_former.training.allocator import keep_freed_memory

took_effect = keep_freed_memory() if sys.argv[1] == "kept" else None
torch.zeros(2**24)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    torch.zeros(2**24)  # 64 MB, freed at once
print(took_effect, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(way: str) -> tuple[str, int]:
    outcome = subprocess.run([sys.executable, "-c", FAULTS, way], capture_output=True, text=True, check=True)
    took_effect, count = outcome.stdout.split()
    return took_effect, int(count)


def test_a_block_that_was_freed_is_used_again_without_clearing_its_pages():
    took_effect, kept = faults("kept")
    if took_effect == "False":
        pytest.skip("the C library is not glibc, or refused")
    assert faults("handed back")[1] > 5 * kept  # 16,384 pages each time, against once
