"""The state of an unfinished run: named tensors in one safetensors file, with a checksum, and the file before it.

One file, renamed into place, so that weights and optimiser are never of different epochs. Random numbers need no
saving: every epoch seeds its own from (seed, epoch).
"""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor

from para_former.errors import InputError
from para_former.models.saving import read_tensors, write_tensors

CHECKPOINT_FILE, PREVIOUS_FILE = "checkpoint.safetensors", "checkpoint.previous.safetensors"
NEXT_FILE = "checkpoint.next.safetensors"


def save_checkpoint(folder: Path, state: dict[str, Tensor], epoch: int) -> None:
    """Write the state after `epoch` whole epochs; what was the last checkpoint becomes the previous one.

    Only once the new one is whole: the last one may be broken and the previous one all there is.
    """
    state = {**state, "epoch": torch.tensor(epoch)}
    current = folder / CHECKPOINT_FILE
    write_tensors(folder / NEXT_FILE, state, metadata={"sha256": checksum(state)})
    if current.exists():
        os.replace(current, folder / PREVIOUS_FILE)
    os.replace(folder / NEXT_FILE, current)


def load_checkpoint(folder: Path, warn: Callable[[str], None]) -> tuple[dict[str, Tensor], int] | None:
    """(state, whole epochs) of the newest whole checkpoint, None without any; `warn` is told of a broken one."""
    paths = [folder / name for name in (NEXT_FILE, CHECKPOINT_FILE, PREVIOUS_FILE) if (folder / name).exists()]
    for path in paths:
        try:
            state = _read(path)
        except InputError as error:
            warn(str(error) if path == paths[-1] else f"{error}; trying the one before")
            continue
        return state, int(state.pop("epoch"))
    return None


def remove_checkpoints(folder: Path) -> None:
    """What a finished run no longer needs."""
    for name in (CHECKPOINT_FILE, PREVIOUS_FILE, NEXT_FILE):
        (folder / name).unlink(missing_ok=True)


def checksum(state: dict[str, Tensor]) -> str:
    """sha256 over names, types, shapes and bytes, in the order of the names."""
    digest = hashlib.sha256()
    for name, tensor in sorted(state.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def _read(path: Path) -> dict[str, Tensor]:
    state = read_tensors(path)
    with safe_open(path, "pt") as file:
        expected = (file.metadata() or {}).get("sha256")
    if checksum(state) != expected or "epoch" not in state:
        raise InputError(f"{path}: its checksum does not fit its contents")
    return state
