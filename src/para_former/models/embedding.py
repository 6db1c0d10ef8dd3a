"""From an image to tokens: patches, the class token, learned positions. All branches share it: no branch axis here."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from para_former.errors import InputError
from para_former.models.config import ModelConfig


class Embedding(nn.Module):
    r"""$x_0 = [\mathrm{cls};\ E p_1;\ \dots;\ E p_P] + \mathrm{pos}$ for patches p (Dosovitskiy et al. 2021, Eq. 1).

    Patches do not overlap, so the convolution (`proj`, as timm names it) is one matrix product with the patch pixels
    and is computed as one, several times as fast on a CPU. The class token leads when `config.pool` is "cls" and is
    absent otherwise.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.proj = nn.Conv2d(config.in_channels, config.width, config.patch_size, stride=config.patch_size)
        self.cls_token = nn.Parameter(torch.empty(1, 1, config.width)) if config.pool == "cls" else None
        self.pos_embed = nn.Parameter(torch.empty(1, config.tokens, config.width))

    def forward(
        self, images: Float[Tensor, "batch channels image_height image_width"]
    ) -> Float[Tensor, "batch tokens width"]:
        expect_images(images, self.config)
        x = F.linear(cut_patches(images, self.config), self.proj.weight.flatten(1), self.proj.bias)
        if self.cls_token is not None:
            x = torch.cat([self.cls_token.expand(x.shape[0], -1, -1), x], dim=1)
        return F.dropout(x + self.pos_embed, self.config.dropout, self.training)

    def class_row(self) -> Float[Tensor, "1 1 width"]:
        """The class token as it enters every branch, cls + pos[0]: the same for every image."""
        return self.cls_token + self.pos_embed[:, :1]


def expect_images(images: Tensor, config: ModelConfig) -> None:
    """InputError unless the images have the channels and pixels of the network."""
    found, expected = tuple(images.shape[1:]), (config.in_channels, *config.image_shape)
    if found != expected:
        raise InputError(f"images: expected (channels, height, width) = {expected}, found {found}")


def cut_patches(
    images: Float[Tensor, "batch channels image_height image_width"], config: ModelConfig
) -> Float[Tensor, "batch patches pixels"]:
    """Non-overlapping patches in reading order, the pixels of each in a convolution's order: channel, row, column."""
    patch = config.patch_size
    grid = images.unflatten(3, (-1, patch)).unflatten(2, (-1, patch))  # [batch, channels, rows, patch, columns, patch]
    return grid.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2)
