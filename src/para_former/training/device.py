"""The device of a run, and what runs on it."""

import torch

from para_former.errors import InputError
from para_former.training.config import TrainConfig


def pick_device(name: str) -> torch.device:
    """The device called `name`, checked to be there; a GPU becomes the current one, which clocks and graphs act on."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).item()  # fails for a device that is not there, and for one that cannot compute
    except (RuntimeError, AssertionError, ImportError):
        raise InputError(
            f"device: expected auto, cpu, or a GPU as cuda or cuda:1; PyTorch cannot compute on {name!r} here"
        ) from None
    if device.index is not None and device.type == "cuda":
        torch.cuda.set_device(device)
    return device


def expect_sound_compiler(config: TrainConfig, device: torch.device) -> None:
    """Refuse what PyTorch's compiler gets wrong on a GPU: gradients (`docs/training.md`)."""
    if config.compile and device.type == "cuda":
        why = "compiled gradients are wrong on a GPU (docs/training.md), and a run may go on without --compile"
        raise InputError(f"compile: expected a CPU, since {why}; found {device}")


def describe(device: torch.device) -> str:
    """The device's name as a reader knows it."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
