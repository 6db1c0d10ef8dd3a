"""Batches for training and evaluation, from a split that lies whole on the device as uint8.

A batch is an index, a crop and one multiply-add on the device; no worker processes and no host copies.
What the pixels become is ``augment.py``'s work, where they come from ``cache.py``'s.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32, Int64, UInt8
from torch import Tensor

from para_former.data.augment import Augment, crop_flip, normalize, uniform
from para_former.data.cache import Split
from para_former.data.specs import DatasetSpec
from para_former.errors import InputError

Batch = tuple[Float32[Tensor, "batch channels height width"], Int64[Tensor, " batch"]]


@dataclass(frozen=True)
class DeviceSplit:
    """A split on one device; made once, outside the loop over epochs."""

    images: UInt8[Tensor, "count channels height width"]
    labels: Int64[Tensor, " count"]
    indices: Int64[Tensor, " count"]
    """Rows of the official split: they seed the augmentation, so that another validation split changes no pixel."""

    @classmethod
    def from_split(cls, split: Split, device: str | torch.device) -> "DeviceSplit":
        """Copy ``split`` to ``device``: count * channels * height * width bytes."""
        images = torch.from_numpy(split.images).to(device).permute(0, 3, 1, 2).contiguous()
        return cls(images, torch.tensor(split.labels, device=device), torch.tensor(split.indices, device=device))

    def __len__(self) -> int:
        return len(self.labels)


def training_batches(
    split: DeviceSplit, spec: DatasetSpec, *, batch_size: int, seed: int, epoch: int, augment: Augment
) -> Iterator[Batch]:
    """One epoch in an order and with pixels that depend on (seed, epoch) alone: normalised images, and labels.

    A last batch of fewer than ``batch_size`` images is dropped, unless it is the only one.
    """
    # hashed together, since with seed + epoch one run would repeat the orders of its neighbour
    shuffle_seed = int(np.random.SeedSequence((seed, epoch)).generate_state(1, np.uint64)[0])
    order = torch.randperm(len(split), generator=torch.Generator().manual_seed(shuffle_seed))  # equal on every device
    order = order.to(split.images.device)
    mean, std = torch.tensor([spec.mean, spec.std], device=order.device)
    for rows in _chunks(order, batch_size):
        if len(rows) < batch_size < len(split):
            break
        images = split.images[rows]
        if augment.padding or augment.flip:
            uniforms = uniform(seed, epoch, split.indices[rows], 3)
            images = crop_flip(images, uniforms, augment.padding, augment.flip)
        yield normalize(images, mean, std), split.labels[rows]


def evaluation_batches(split: DeviceSplit, spec: DatasetSpec, *, batch_size: int) -> Iterator[Batch]:
    """Every image of ``split`` once, in order: normalised images, and labels."""
    mean, std = torch.tensor([spec.mean, spec.std], device=split.images.device)
    for images, labels in zip(_chunks(split.images, batch_size), _chunks(split.labels, batch_size), strict=True):
        yield normalize(images, mean, std), labels


def _chunks(values: Tensor, size: int) -> tuple[Tensor, ...]:
    if size < 1:
        raise InputError(f"batch size {size}: expected at least 1")
    return values.split(size) if len(values) else ()
