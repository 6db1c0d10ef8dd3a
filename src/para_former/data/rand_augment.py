"""RandAugment (Cubuk et al. 2019) with torchvision's operations, each image with an operation and a sign of its own.

torchvision draws one operation for a whole batch. Here a batch falls into groups of equal operation and sign, and each
group goes through torchvision's own function, so that an image costs about one operation in each round.
"""

import math
from collections.abc import Callable

import torch
import torchvision.transforms.v2.functional as TF
from jaxtyping import Float, UInt8
from torch import Tensor

BINS = 31  # magnitudes 0..30
COUNT = 14  # operations


def randaugment(
    images: UInt8[Tensor, "batch channels height width"], uniforms: Float[Tensor, "batch rounds 2"], magnitude: int
) -> UInt8[Tensor, "batch channels height width"]:
    """In each round operation floor(14 u_0) of ``operations``, its value negative where u_1 < 1/2.

    Exactly the pixels of ``torchvision.transforms.v2.RandAugment`` with these choices and its defaults: nearest
    neighbour, black outside.
    """
    images, table = images.clone(), list(operations(magnitude, *images.shape[2:]).values())
    for choice, sign in uniforms.permute(1, 2, 0):
        keys = (choice * COUNT).long() * 2 + (sign < 0.5)
        sizes = keys.bincount(minlength=2 * COUNT).tolist()  # the one wait for the device in a round
        for key, rows in enumerate(keys.argsort().split(sizes)):
            if len(rows):
                value, operation = table[key // 2]
                images[rows] = operation(images[rows], -value if key % 2 else value)
    return images


def operations(magnitude: int, height: int, width: int) -> dict[str, tuple[float, Callable[[Tensor, float], Tensor]]]:
    """Name -> (value at ``magnitude``, function of images and the signed value); some have no value, or no sign."""

    def at(last: float, first: float = 0.0) -> float:
        return torch.linspace(first, last, BINS)[magnitude].item()  # float32, as torchvision computes it

    def shear(images: Tensor, x: float, y: float) -> Tensor:
        degrees = [math.degrees(math.atan(x)), math.degrees(math.atan(y))]
        return TF.affine(images, angle=0.0, translate=[0, 0], scale=1.0, shear=degrees, center=[0, 0])

    def translate(images: Tensor, x: float, y: float) -> Tensor:
        return TF.affine(images, angle=0.0, translate=[int(x), int(y)], scale=1.0, shear=[0.0, 0.0])

    bits, threshold = round(8 - magnitude / 7.5), 255 * at(0.0, first=1.0)
    return {
        "Identity": (0.0, lambda images, _: images),
        "ShearX": (at(0.3), lambda images, value: shear(images, value, 0.0)),
        "ShearY": (at(0.3), lambda images, value: shear(images, 0.0, value)),
        "TranslateX": (at(150 / 331 * width), lambda images, value: translate(images, value, 0.0)),
        "TranslateY": (at(150 / 331 * height), lambda images, value: translate(images, 0.0, value)),
        "Rotate": (at(30.0), TF.rotate),
        "Brightness": (at(0.9), lambda images, value: TF.adjust_brightness(images, 1 + value)),
        "Color": (at(0.9), lambda images, value: TF.adjust_saturation(images, 1 + value)),
        "Contrast": (at(0.9), lambda images, value: TF.adjust_contrast(images, 1 + value)),
        "Sharpness": (at(0.9), lambda images, value: TF.adjust_sharpness(images, 1 + value)),
        "Posterize": (0.0, lambda images, _: TF.posterize(images, bits)),
        "Solarize": (0.0, lambda images, _: TF.solarize(images, threshold)),
        "AutoContrast": (0.0, lambda images, _: TF.autocontrast(images)),
        "Equalize": (0.0, lambda images, _: TF.equalize(images)),
    }
