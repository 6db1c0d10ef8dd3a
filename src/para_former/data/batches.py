"""Batches for training and evaluation, from a split that lies whole on the device as uint8.

A batch is an index, some arithmetic and no copy from the host; there are no worker processes.
What the pixels become is ``augment.py``'s and ``inputs.py``'s work, where they come from ``cache.py``'s.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float32, Int64, UInt8
from torch import Tensor

from para_former.data.augment import Augment, augment_inputs, augment_pixels
from para_former.data.cache import Split
from para_former.data.inputs import network_input, normalize, resize
from para_former.data.random_numbers import uniform
from para_former.data.specs import DatasetSpec
from para_former.errors import InputError

Targets = Int64[Tensor, " batch"] | Float32[Tensor, "batch classes"]
TOGETHER_BYTES = 2**26  # of pixels that are augmented at once on a GPU; at times a dozen such copies exist, as float32
Batch = tuple[Float32[Tensor, "batch channels height width"], Targets]


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
    split: DeviceSplit,
    spec: DatasetSpec,
    *,
    batch_size: int,
    seed: int,
    epoch: int,
    augment: Augment,
) -> Iterator[Batch]:
    """One epoch in an order and with pixels that depend on (seed, epoch) alone.

    Yields images as a network of ``spec`` sees them, and targets: labels, int64 [batch], or, where ``augment`` mixes
    images, the share of each class, float32 [batch, classes]; ``torch.nn.functional.cross_entropy`` takes both.
    A last batch of fewer than ``batch_size`` images is dropped, unless it is the only one.
    """
    _check(batch_size)
    # hashed together, since with seed + epoch one run would repeat the orders of its neighbour
    shuffle_seed = int(np.random.SeedSequence((seed, epoch)).generate_state(1, np.uint64)[0])
    order = torch.randperm(len(split), generator=torch.Generator().manual_seed(shuffle_seed))  # equal on every device
    order = order.to(split.images.device)
    mean, std = torch.tensor([spec.mean, spec.std], device=order.device)
    count = len(order) // batch_size * batch_size or len(order)
    together = batch_size * batches_together(split.images, batch_size)
    for start in range(0, count, together):
        rows = order[start : min(start + together, count)]
        before = order[start - 1, None] if augment.mixes else order[:0]
        rows = torch.cat([before, rows])  # the image before the first one joins in: mixing needs no other batch
        uniforms = uniform(seed, epoch, split.indices[rows], augment.numbers)
        images = normalize(augment_pixels(split.images[rows], uniforms, augment), mean, std)
        targets = F.one_hot(split.labels[rows], spec.num_classes).float() if augment.mixes else split.labels[rows]
        images, targets = augment_inputs(images, targets, uniforms, augment)
        batches = (each[len(before) :].split(batch_size) for each in (images, targets))
        for batch_images, batch_targets in zip(*batches, strict=True):
            yield resize(batch_images, spec.image_size), batch_targets


def batches_together(images: UInt8[Tensor, "count channels height width"], batch_size: int) -> int:
    """How many batches are augmented at once: on a GPU many, since there one takes as long as a thousand images.

    Augmentation is some hundred kernels whatever the number of images, and RandAugment waits for the device twice.
    A CPU has nothing to launch, and its caches hold one batch.
    """
    return max(1, TOGETHER_BYTES // (images[0].numel() * batch_size)) if images.is_cuda and len(images) else 1


def evaluation_batches(split: DeviceSplit, spec: DatasetSpec, *, batch_size: int) -> Iterator[Batch]:
    """Every image of ``split`` once, in order: images as a network of ``spec`` sees them, and labels."""
    _check(batch_size)
    for start in range(0, len(split), batch_size):
        rows = slice(start, start + batch_size)
        yield network_input(split.images[rows], spec), split.labels[rows]


def _check(batch_size: int) -> None:
    if batch_size < 1:
        raise InputError(f"batch size {batch_size}: expected at least 1")
