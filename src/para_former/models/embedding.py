"""From an image to tokens: patches, the class token, learned positions. All branches share it: no branch axis here."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from para_former.errors import InputError
from para_former.models.config import ModelConfig


class Embedding(nn.Module):
    r"""$x_0 = [\mathrm{cls};\ E p_1;\ \dots;\ E p_P] + \mathrm{pos}$ for patches p (Dosovitskiy et al. 2021, Eq. 1).

    Patches do not overlap, so the convolution is a matrix product with the patch pixels; the class token leads when
    `config.pool` is "cls" and is absent otherwise.
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
        found, expected = tuple(images.shape[1:]), (self.config.in_channels, *self.config.image_shape)
        if found != expected:
            raise InputError(f"images: expected (channels, height, width) = {expected}, found {found}")
        x = self.proj(images).flatten(2).mT
        if self.cls_token is not None:
            x = torch.cat([self.cls_token.expand(x.shape[0], -1, -1), x], dim=1)
        return F.dropout(x + self.pos_embed, self.config.dropout, self.training)

    def class_row(self) -> Float[Tensor, "1 1 width"]:
        """The class token as it enters every branch, cls + pos[0]: the same for every image."""
        return self.cls_token + self.pos_embed[:, :1]
