"""What pixel values become, place by place: brightness, contrast and saturation of each sample by its own factors."""

import torch
from jaxtyping import Float, Float32, UInt8
from torch import Tensor
from torchvision.transforms.v2.functional import rgb_to_grayscale


def color_jitter(
    images: UInt8[Tensor, "batch channels height width"], uniforms: Float[Tensor, "batch 3"], strength: float
) -> UInt8[Tensor, "batch channels height width"]:
    """Brightness, then contrast, then saturation times factors uniform in max(0, 1 - strength)..1 + strength.

    torchvision's ColorJitter without hue, in one order for all samples and rounded once, at the end; a factor times
    the image and 1 minus it times black, the mean grey or the grey image. Grey images have no saturation to change.
    """
    least = max(0.0, 1 - strength)
    factors = least + uniforms * (1 + strength - least)
    brightness, contrast, saturation = factors[:, :, None, None, None].unbind(1)
    bright = (images * brightness).clamp_(0, 255)
    contrasted = torch.lerp(_gray(bright).mean((1, 2, 3), keepdim=True), bright, contrast).clamp_(0, 255)
    saturated = torch.lerp(_gray(contrasted), contrasted, saturation).clamp_(0, 255)
    return saturated.round_().to(torch.uint8)


def _gray(images: Float32[Tensor, "batch channels height width"]) -> Float32[Tensor, "batch 1 height width"]:
    return rgb_to_grayscale(images).floor_() if images.shape[1] == 3 else images
