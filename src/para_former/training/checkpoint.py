"""The state of an unfinished run in one file: weights, optimiser and the number of whole epochs, as safetensors.

One file, renamed into place, so weights and optimiser can never be of different epochs. Random numbers need no saving:
every epoch seeds its own from (seed, epoch).
"""

from pathlib import Path

import torch
from torch import nn

from para_former.errors import InputError
from para_former.models.saving import load_weights, read_tensors, write_tensors

CHECKPOINT_FILE = "checkpoint.safetensors"


def save_checkpoint(folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer, epoch: int) -> None:
    """Write the state after `epoch` whole epochs."""
    tensors = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{name}": tensor for name, tensor in state.items()}
    write_tensors(folder / CHECKPOINT_FILE, {**tensors, "epoch": torch.tensor(epoch)})


def load_checkpoint(folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer) -> int:
    """Put the state back into `model` and `optimizer`; the number of whole epochs done."""
    path = folder / CHECKPOINT_FILE
    tensors = read_tensors(path)
    weights = {name.removeprefix("model."): tensor for name, tensor in tensors.items() if name.startswith("model.")}
    load_weights(model, weights, path)
    state: dict[int, dict[str, torch.Tensor]] = {}
    for name, tensor in tensors.items():
        if name.startswith("optimizer."):
            _, index, key = name.split(".")
            state.setdefault(int(index), {})[key] = tensor
    groups = optimizer.state_dict()["param_groups"]
    count = sum(len(group["params"]) for group in groups)
    if sorted(state) != list(range(count)) or "epoch" not in tensors:
        raise InputError(f"{path}: expected the optimiser's state of {count} parameters, found {len(state)}")
    optimizer.load_state_dict({"state": state, "param_groups": groups})
    return int(tensors["epoch"])
