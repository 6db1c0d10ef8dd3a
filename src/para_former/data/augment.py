"""Augmentation of whole batches on the batch's own device, each sample with its own random parameters.

The random numbers are a pure function of (seed, epoch, sample index), so batch size, order, resuming and device
never change a pixel. Nothing here knows what a data set or an epoch's order is (``batches.py``).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Float32, Int64, UInt8
from torch import Tensor

from para_former.errors import InputError


def _signed(value: int) -> int:
    """``value`` mod 2^64, as torch's int64 holds it."""
    return (value + 2**63) % 2**64 - 2**63


GAMMA = _signed(0x9E3779B97F4A7C15)


@dataclass(frozen=True, kw_only=True)
class Augment:
    """What happens to a training image before it is normalised."""

    padding: int
    """Zero pixels added on every side before a random crop of the original size; 0 crops nothing."""
    flip: bool
    """Mirror left-right with probability 1/2."""

    def __post_init__(self) -> None:
        if self.padding < 0:
            raise InputError(f"augmentation padding {self.padding}: expected 0 pixels or more")


def uniform(seed: int, epoch: int, indices: Int64[Tensor, " batch"], count: int) -> Float32[Tensor, "batch count"]:
    """``count`` random numbers in [0, 1) for each sample, on the device of ``indices``.

    A counter-based generator: with splitmix64's output function mix (Steele, Lea and Flood 2014) and constant g,

        stream = mix(mix(mix(seed) + epoch) + index),   u_j = top 24 bits of mix(stream + (j + 1) g) / 2^24

    modulo 2^64, so u_j depends on neither ``count`` nor the other samples. Any int is a seed.
    """
    key = _mix(torch.tensor(_signed(seed)))
    key = _mix(key + _signed(epoch)).item()  # a number, not a tensor: no copy to the device
    counters = torch.arange(1, count + 1, device=indices.device) * GAMMA
    bits = _mix(_mix(indices + key)[:, None] + counters)
    return _shift_right(bits, 40).to(torch.float32) * 2**-24


def crop_flip(
    images: UInt8[Tensor, "batch channels height width"], uniforms: Float[Tensor, "batch 3"], padding: int, flip: bool
) -> UInt8[Tensor, "batch channels height width"]:
    """Random crop of the zero-padded image, then random mirroring; torchvision's RandomCrop and RandomHorizontalFlip.

    The crop starts at row floor(u_0 (2 padding + 1)) and column floor(u_1 (2 padding + 1)) of the padded image; with
    ``flip`` it is mirrored where u_2 < 1/2. One gather of whole pixels does both.
    """
    batch, channels, height, width = images.shape
    padded = F.pad(images, (padding,) * 4)
    top, left = (uniforms[:, :2] * (2 * padding + 1)).long().unbind(1)
    rows = top[:, None] + torch.arange(height, device=images.device)
    columns = torch.arange(width, device=images.device).expand(batch, width)
    if flip:
        columns = torch.where(uniforms[:, 2:] < 0.5, columns.flip(1), columns)
    columns = columns + left[:, None]
    pixels = rows[:, :, None] * padded.shape[3] + columns[:, None, :]
    pixels = pixels.view(batch, 1, height * width).expand(batch, channels, height * width)
    return padded.flatten(2).gather(2, pixels).view_as(images)


def normalize(
    images: UInt8[Tensor, "batch channels height width"],
    mean: Sequence[float] | Float32[Tensor, " channels"],
    std: Sequence[float] | Float32[Tensor, " channels"],
) -> Float32[Tensor, "batch channels height width"]:
    """(images / 255 - mean) / std for each channel, as one product and one sum; mean and std in units of [0, 1]."""
    mean, std = (
        torch.as_tensor(value, dtype=torch.float32, device=images.device)[:, None, None] for value in (mean, std)
    )
    return images.to(torch.float32).mul_(1 / (255 * std)).add_(-mean / std)


def _mix(bits: Int64[Tensor, "*shape"]) -> Int64[Tensor, "*shape"]:
    """splitmix64's output function: a bijection of 64 bits in which every output bit depends on every input bit."""
    bits = (bits ^ _shift_right(bits, 30)) * _signed(0xBF58476D1CE4E5B9)
    bits = (bits ^ _shift_right(bits, 27)) * _signed(0x94D049BB133111EB)
    return bits ^ _shift_right(bits, 31)


def _shift_right(bits: Int64[Tensor, "*shape"], places: int) -> Int64[Tensor, "*shape"]:
    """Logical shift: torch's int64 shift copies the sign bit, which is masked away."""
    return (bits >> places) & (2 ** (64 - places) - 1)
