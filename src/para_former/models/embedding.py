"""From an image to tokens: stem, class token, learned positions. All branches share it: no branch axis here."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from para_former.errors import InputError
from para_former.models.config import ModelConfig
from para_former.models.layers import dropout
from para_former.models.stem import STEMS


class Embedding(nn.Module):
    r"""$x_0 = [\mathrm{cls};\ s_1;\ \dots;\ s_P] + \mathrm{pos}$ for the stem's tokens s (Dosovitskiy et al. 2021).

    The stem is called `proj`, as timm names it. The class token leads when `config.pool` is "cls" and is absent
    otherwise.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.proj = STEMS[config.stem](config)
        self.cls_token = nn.Parameter(torch.empty(1, 1, config.width)) if config.pool == "cls" else None
        self.pos_embed = nn.Parameter(torch.empty(1, config.tokens, config.width))

    def forward(
        self, images: Float[Tensor, "batch channels image_height image_width"]
    ) -> Float[Tensor, "batch tokens width"]:
        expect_images(images, self.config)
        x = self.proj(images)
        if self.cls_token is not None:
            x = torch.cat([self.cls_token.expand(x.shape[0], -1, -1), x], dim=1)
        return dropout(x + self.pos_embed, self.config.dropout, self.training)

    def class_row(self) -> Float[Tensor, "1 1 width"]:
        """The class token as it enters every branch, cls + pos[0]: the same for every image."""
        return self.cls_token + self.pos_embed[:, :1]


def expect_images(images: Tensor, config: ModelConfig) -> None:
    """InputError unless the images have the channels and pixels of the network, as floating-point numbers."""
    found, expected = list(images.shape), [config.in_channels, *config.image_shape]
    if len(found) != 4 or found[1:] != expected:
        shape = ", ".join(map(str, expected))
        raise InputError(f"images: expected [batch, channels, height, width] = [batch, {shape}], found {found}")
    if not images.is_floating_point():
        raise InputError(f"images: expected floating-point numbers, normalised as in training, found {images.dtype}")
