"""Mixup (Zhang et al. 2018) and CutMix (Yun et al. 2019): each image of a batch meets the one before it.

Targets become soft: the share of each class in the image. Which image comes before is ``batches.py``'s business.
"""

import torch
from jaxtyping import Float, Float32
from torch import Tensor

from para_former.data.geometry import inside
from para_former.data.random_numbers import beta

Images = Float32[Tensor, "batch channels height width"]
Targets = Float32[Tensor, "batch classes"]
Weights = Float32[Tensor, "batch 1 rows columns"]  # of an image against the one before, place by place or in all places
Shares = Float32[Tensor, "batch 1"]


def mixup(
    images: Images, targets: Targets, uniforms: Float[Tensor, "batch numbers"], alpha: float
) -> tuple[Images, Targets]:
    """share * image + (1 - share) * image before, targets likewise; share = the Beta(alpha, alpha) number of u_0.

    The first image meets the last one.
    """
    return _mixed(images, targets, *_mixup_weights(uniforms, alpha))


def cutmix(
    images: Images, targets: Targets, uniforms: Float[Tensor, "batch numbers"], alpha: float
) -> tuple[Images, Targets]:
    """A box of the image before, in its place in the image; targets mixed by the areas that are seen.

    The box has 1 - the Beta(alpha, alpha) number of u_0 as its share of the area, the image's ratio of sides and a
    middle anywhere (row u_1, column u_2); it is cut off at the border, as in torchvision's CutMix. The first image
    meets the last one.
    """
    return _mixed(images, targets, *_cutmix_weights(images, uniforms, alpha))


def mix(
    images: Images, targets: Targets, uniforms: Float[Tensor, "batch 4"], mixup_alpha: float, cutmix_alpha: float
) -> tuple[Images, Targets]:
    """Mixup or CutMix, whichever has an alpha above 0; with both, CutMix for the images whose u_3 < 1/2."""
    if not cutmix_alpha:
        return mixup(images, targets, uniforms, mixup_alpha)
    if not mixup_alpha:
        return cutmix(images, targets, uniforms, cutmix_alpha)
    cut_weights, cut_shares = _cutmix_weights(images, uniforms, cutmix_alpha)
    weights, shares = _mixup_weights(uniforms, mixup_alpha)
    cut = uniforms[:, 3, None] < 0.5
    return _mixed(
        images, targets, torch.where(cut[:, :, None, None], cut_weights, weights), torch.where(cut, cut_shares, shares)
    )


def _mixed(images: Images, targets: Targets, weights: Weights, shares: Shares) -> tuple[Images, Targets]:
    return torch.lerp(images.roll(1, 0), images, weights), torch.lerp(targets.roll(1, 0), targets, shares)


def _mixup_weights(uniforms: Float[Tensor, "batch numbers"], alpha: float) -> tuple[Weights, Shares]:
    shares = beta(uniforms[:, :1], alpha)
    return shares[:, :, None, None], shares


def _cutmix_weights(images: Images, uniforms: Float[Tensor, "batch numbers"], alpha: float) -> tuple[Weights, Shares]:
    """0 inside the box, 1 outside."""
    height, width = images.shape[2:]
    half = 0.5 * (1 - beta(uniforms[:, 0], alpha)).sqrt()
    half_rows, half_columns = (half * height).long(), (half * width).long()
    row, column = (uniforms[:, 1] * height).long(), (uniforms[:, 2] * width).long()
    rows = inside(row - half_rows, row + half_rows, height)
    columns = inside(column - half_columns, column + half_columns, width)
    weights = 1 - (rows[:, :, None] & columns[:, None, :]).float()[:, None]
    return weights, weights.mean((2, 3))
