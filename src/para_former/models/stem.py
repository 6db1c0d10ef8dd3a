r"""From pixels to one token per patch, in one of two ways; class token and positions come after (`embedding.py`).

"patch" is one linear map of each patch's pixels (Dosovitskiy et al. 2021, Eq. 1). "conv" is a small stack of 3x3
convolutions that halves the image log2(patch size) times and ends on the same grid (Xiao et al. 2021, "Early
convolutions help transformers see better", Sec. 4; they have no convolution at stride 1).
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from para_former.models.config import ModelConfig

Images = Float[Tensor, "batch channels image_height image_width"]
PatchTokens = Float[Tensor, "batch patches width"]


class PatchStem(nn.Conv2d):
    """E p + b for every patch p. Patches do not overlap, so the convolution is computed as one matrix product."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config.in_channels, config.width, config.patch_size, stride=config.patch_size)

    def forward(self, images: Images) -> PatchTokens:
        return F.linear(cut_patches(images, self.stride[0]), self.weight.flatten(1), self.bias)


class ConvStem(nn.Module):
    r"""Stages of two convolutions, each followed by BatchNorm and ReLU, then a linear map to the width.

    The first convolution of a stage halves the image, the second keeps it. Channels double from stage to stage up to
    C = 2/3 of the width, so that every stage costs the same (the first convolution, which reads the image, less). With
    k = log2(patch size) stages, P patches and width D = 3/2 C that is

        P C^2 (13.5 k - 3)  +  9/2 P C C_in 2^k        multiply-adds per image:

    25.6 million for 32x32 pixels in patches of 4 at width 192, where the patch projection has 0.6. Activations are
    channels-last, in which a CPU trains it 1.1 times as fast. BatchNorm learns from batches (from every part of one,
    where they are accumulated) and uses running statistics in evaluation mode.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        layers = convolutions(config)
        self.convs = nn.ModuleList(
            nn.Conv2d(layer.inputs, layer.outputs, 3, stride=layer.stride, padding=1, bias=False) for layer in layers
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(layer.outputs) for layer in layers)
        self.out = nn.Linear(layers[-1].outputs, config.width)

    def forward(self, images: Images) -> PatchTokens:
        x = images.contiguous(memory_format=torch.channels_last)
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = F.relu(norm(conv(x)), inplace=True)
        return self.out(x.permute(0, 2, 3, 1).flatten(1, 2))


STEMS = {"patch": PatchStem, "conv": ConvStem}


@dataclass(frozen=True)
class Convolution:
    """Sizes of one 3x3 convolution: channels in and out, stride, and (rows, columns) that it gives."""

    inputs: int
    outputs: int
    stride: int
    grid: tuple[int, int]


def convolutions(config: ModelConfig) -> list[Convolution]:
    """The convolutions of `ConvStem` in order; channels that do not divide are rounded up."""
    layers, channels = [], config.in_channels
    for halvings_left in reversed(range(config.patch_size.bit_length() - 1)):
        outputs = -(-2 * config.width // (3 << halvings_left))
        grid = tuple(side << halvings_left for side in config.grid)
        layers += [Convolution(channels, outputs, 2, grid), Convolution(outputs, outputs, 1, grid)]
        channels = outputs
    return layers


def cut_patches(images: Images, patch: int) -> Float[Tensor, "batch patches pixels"]:
    """Non-overlapping patches in reading order, the pixels of each in a convolution's order: channel, row, column."""
    grid = images.unflatten(3, (-1, patch)).unflatten(2, (-1, patch))  # [batch, channels, rows, patch, columns, patch]
    return grid.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2)
