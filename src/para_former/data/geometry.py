"""Where pixels go: crop and flip, resized crop, erasing. Whole batches, each sample with its own uniform numbers.

Values are changed by ``color.py``; RandAugment's geometric operations are torchvision's (``rand_augment.py``).
"""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Float32, Int64, UInt8
from torch import Tensor

CROP_RATIO = (3 / 4, 4 / 3)  # of width to height; these and the next two are torchvision's defaults
ERASED_SCALE = (0.02, 0.33)  # of the image's area
ERASED_RATIO = (0.3, 3.3)


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


def resized_crop(
    images: UInt8[Tensor, "batch channels height width"], uniforms: Float[Tensor, "batch 4"], scale: tuple[float, float]
) -> UInt8[Tensor, "batch channels height width"]:
    """A random part of the image, stretched to its size; torchvision's RandomResizedCrop without antialiasing.

    The part has a share uniform in ``scale`` of the area and a ratio of sides log-uniform in 3/4..4/3 (``boxes``);
    bilinear, and as in torchvision no pixel outside the part is looked at.
    """
    height, width = images.shape[2:]
    top, left, rows, columns = boxes(uniforms, height, width, scale, CROP_RATIO)
    y = _stretched(top, rows, height)[:, :, None].expand(-1, -1, width)
    x = _stretched(left, columns, width)[:, None, :].expand(-1, height, -1)
    sampled = F.grid_sample(images.float(), torch.stack([x, y], dim=3), padding_mode="border", align_corners=False)
    return sampled.round_().to(torch.uint8)


def erase(
    images: Float32[Tensor, "batch channels height width"], uniforms: Float[Tensor, "batch 5"], probability: float
) -> Float32[Tensor, "batch channels height width"]:
    """A random rectangle set to 0, the data set's mean, in the normalised images where u_0 < ``probability``.

    torchvision's RandomErasing (Zhong et al. 2017): 2..33 % of the area, ratio of sides log-uniform in 0.3..3.3.
    """
    height, width = images.shape[2:]
    top, left, rows, columns = boxes(uniforms[:, 1:], height, width, ERASED_SCALE, ERASED_RATIO)
    mask = inside(top, top + rows, height)[:, :, None] & inside(left, left + columns, width)[:, None, :]
    mask &= uniforms[:, 0, None, None] < probability
    return images.masked_fill(mask[:, None], 0)


def boxes(
    uniforms: Float[Tensor, "batch 4"], height: int, width: int, scale: tuple[float, float], ratio: tuple[float, float]
) -> tuple[Int64[Tensor, " batch"], ...]:
    """(top, left, rows, columns) of a random rectangle inside each image, from its area, ratio, top and left numbers.

    Sides round(sqrt(area ratio)) and round(sqrt(area / ratio)), cut to 1..height and 1..width, where torchvision would
    draw again; then every place where it fits is equally likely.
    """
    area = (scale[0] + uniforms[:, 0] * (scale[1] - scale[0])) * (height * width)
    stretch = torch.exp(math.log(ratio[0]) + uniforms[:, 1] * math.log(ratio[1] / ratio[0]))
    rows = (area / stretch).sqrt().round().long().clamp(1, height)
    columns = (area * stretch).sqrt().round().long().clamp(1, width)
    top = (uniforms[:, 2] * (height - rows + 1)).long()
    left = (uniforms[:, 3] * (width - columns + 1)).long()
    return top, left, rows, columns


def inside(first: Int64[Tensor, " batch"], end: Int64[Tensor, " batch"], size: int) -> Bool[Tensor, "batch {size}"]:
    """Which of the places 0..size-1 lie in first..end-1."""
    places = torch.arange(size, device=first.device)
    return (places >= first[:, None]) & (places < end[:, None])


def _stretched(first: Int64[Tensor, " batch"], count: Int64[Tensor, " batch"], size: int) -> Float32[Tensor, "batch n"]:
    """The middles of ``size`` pixels laid over ``count`` ones from ``first`` on, in grid_sample's units of -1..1."""
    step = (count / size)[:, None]
    middles = (torch.arange(size, device=first.device) + 0.5) * step - 0.5
    places = first[:, None] + middles.clamp(min=0).minimum(count[:, None] - 1.0)
    return (2 * places + 1) / size - 1
