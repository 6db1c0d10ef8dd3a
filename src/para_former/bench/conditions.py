"""The conditions of a timing beyond those of any record: the GPU, and the clocks of the moment."""

import re
import subprocess
from pathlib import Path

import torch

from para_former.records import Record, environment

GPU_FIELDS = ("clocks.sm", "clocks.mem", "clocks.max.sm", "clocks.max.mem", "power.limit")


def conditions(device: torch.device) -> Record:
    """`environment()` with the name and memory of the GPU among the hardware, and `clocks` in its own words."""
    result = environment("vit-pytorch")
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        result["hardware"] |= {"gpu": properties.name, "gpu_bytes": properties.total_memory}
        result["clocks"] = _gpu_clocks(device)
    else:
        result["clocks"] = _cpu_clocks()
    return result


def _cpu_clocks() -> Record:
    """MHz of every core, as Linux tells it."""
    path = Path("/proc/cpuinfo")
    found = re.findall(r"^cpu MHz\s*: ([\d.]+)", path.read_text(), re.MULTILINE) if path.exists() else []
    return {"cpu_mhz": [float(value) for value in found]}


def _gpu_clocks(device: torch.device) -> Record:
    """What nvidia-smi says, `{}` where it is not there."""
    uuid = f"GPU-{torch.cuda.get_device_properties(device).uuid}"  # its own numbers ignore CUDA_VISIBLE_DEVICES
    command = ["nvidia-smi", f"--query-gpu={','.join(GPU_FIELDS)}", "--format=csv,noheader", f"--id={uuid}"]
    try:
        line = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return {}
    return dict(zip(GPU_FIELDS, line.split(", "), strict=False))
