"""From uint8 pixels to what a network sees: the same last step for training, evaluation and single pictures."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float32, UInt8
from torch import Tensor

from para_former.data.specs import DatasetSpec


def network_input(
    images: UInt8[Tensor, "batch channels height width"], spec: DatasetSpec
) -> Float32[Tensor, "batch channels {spec.image_size} {spec.image_size}"]:
    """The images normalised with the data set's mean and std, at the network's size."""
    return resize(normalize(images, spec.mean, spec.std), spec.image_size)


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


def resize(
    images: Float32[Tensor, "batch channels height width"], size: int
) -> Float32[Tensor, "batch channels {size} {size}"]:
    """Bilinear, antialiased; the weights of a pixel sum to 1, so scaling and normalising may come in either order."""
    if images.shape[2:] == (size, size):
        return images
    return F.interpolate(images, (size, size), mode="bilinear", align_corners=False, antialias=True)
