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


def mix(
    images: Images, targets: Targets, uniforms: Float[Tensor, "batch 4"], mixup_alpha: float, cutmix_alpha: float
) -> tuple[Images, Targets]:
    """Mixup or CutMix, whichever has an alpha above 0; with both, CutMix for the images whose u_3 < 1/2.

    Mixup: share * image + (1 - share) * image before, targets likewise; share = the Beta(alpha, alpha) number of u_0.
    CutMix: a box of the image before, in its place in the image; targets mixed by the areas that are seen. The box has
    1 - that number as its share of the area, the image's ratio of sides and a middle anywhere (row u_1, column u_2);
    it is cut off at the border, as in torchvision's. The first image meets the last one.
    """
    if not cutmix_alpha:
        weights, shares = _mixup_weights(uniforms, mixup_alpha)
    elif not mixup_alpha:
        weights, shares = _cutmix_weights(images, uniforms, cutmix_alpha)
    else:
        cut = uniforms[:, 3, None] < 0.5
        pairs = zip(_cutmix_weights(images, uniforms, cutmix_alpha), _mixup_weights(uniforms, mixup_alpha), strict=True)
        weights, shares = (torch.where(cut.view(-1, *[1] * (one.ndim - 1)), one, other) for one, other in pairs)
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
