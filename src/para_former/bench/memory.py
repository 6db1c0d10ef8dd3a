"""Peak memory of one training step, beyond the weights and images that are there before and after it.

On a GPU the allocator counts. On a CPU it is how far the resident memory of a process grows that does nothing but this
step: a fresh one, in which a step on one image has loaded every library before, and in which the C library gives large
tensors back as they are freed, so that none is counted twice. Linux only; elsewhere there is no figure.
"""

import json
import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor

from para_former.bench.contenders import CONTENDERS
from para_former.bench.points import Point
from para_former.bench.tasks import Training

MALLOC = {"MALLOC_MMAP_THRESHOLD_": "65536"}  # bytes; glibc returns anything larger when it is freed
STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")
RESET_PEAK = "5"  # proc(5)


def peak_of_step(point: Point, name: str, device: torch.device) -> int | None:
    """Bytes, or None where they cannot be had: not Linux, or a step that must be compiled in the same process."""
    if device.type == "cuda":
        return _on_gpu(point, name, device)
    if CONTENDERS[name].settling or not RESET.exists():
        return None
    command = [sys.executable, "-m", __name__, json.dumps(asdict(point)), name, str(torch.get_num_threads())]
    done = subprocess.run(command, env={**os.environ, **MALLOC}, capture_output=True, text=True)
    return int(done.stdout) if done.returncode == 0 else None


def _on_gpu(point: Point, name: str, device: torch.device) -> int:
    call = _step(point, name, device, settle_on=point.batch)
    torch.cuda.synchronize(device)
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    call()
    torch.cuda.synchronize(device)
    return torch.cuda.max_memory_allocated(device) - before


def _in_this_process(point: Point, name: str) -> int:
    call = _step(point, name, torch.device("cpu"), settle_on=1)
    RESET.write_text(RESET_PEAK)
    before = _status_bytes("VmRSS")
    call()
    return _status_bytes("VmHWM") - before


def _step(point: Point, name: str, device: torch.device, *, settle_on: int) -> Callable[[], Tensor]:
    """The step on the whole batch, after as many steps on `settle_on` of its images as it takes to run at speed."""
    task = Training(point.config, batch=point.batch, dtype=point.torch_dtype, device=device)
    network = CONTENDERS[name].build(task)
    settle = task.call(network, task.images[:settle_on])
    for _ in range(1 + CONTENDERS[name].settling):
        settle()
    return task.call(network, task.images)


def _status_bytes(name: str) -> int:
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    fields, contender, threads = sys.argv[1:]
    torch.set_num_threads(int(threads))
    print(_in_this_process(Point(**json.loads(fields)), contender))
